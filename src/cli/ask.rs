//! Questions to a person at a terminal. Knows no command.

use super::failure::Failure;
use super::output::console::Console;
use snap_archive::base::error::plain_reason;
use std::io::IsTerminal;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::channel;
use std::time::Duration;

/// How often Ctrl-C is looked for while an answer is awaited.
const LOOK: Duration = Duration::from_millis(50);

/// Whether there is a terminal to ask on.
pub(crate) fn is_possible(console: &Console) -> bool {
    !console.is_for_programs() && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks, and gives the answer; an empty one is `default`.
///
/// # Errors
/// When the answer cannot be read, or there is none.
pub(crate) fn ask(question: &str, default: &str, console: &Console) -> Result<String, Failure> {
    let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    console.line(&format!("{question}{shown}"));
    let line = typed_line(console)?;
    let answer = line.trim();
    Ok(if answer.is_empty() { default } else { answer }.to_owned())
}

/// The next line of the standard input. Where signals are watched, Ctrl-C does not end the program by itself, and a read goes on
/// after it: so another thread reads.
fn typed_line(console: &Console) -> Result<String, Failure> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        // The receiver is gone after Ctrl-C.
        let _ = sender.send(std::io::stdin().read_line(&mut line).map(|_| line));
    });
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(Ok(line)) if line.is_empty() => return Err(Failure::stopped("stopped: there was no answer")),
            Ok(read) => {
                return read.map_err(|error| Failure::new(format!("cannot read the answer: {}", plain_reason(&error))));
            }
            Err(RecvTimeoutError::Timeout) if !console.signals.was_stopped() => {}
            Err(_) => return Err(Failure::stopped("stopped")),
        }
    }
}

/// Asks what is answered by yes or no.
///
/// # Errors
/// As for [`ask`].
pub(crate) fn yes(question: &str, default: bool, console: &Console) -> Result<bool, Failure> {
    let shown = if default { "Y/n" } else { "y/N" };
    let answer = ask(&format!("{question} [{shown}]"), "", console)?;
    Ok(is_yes(&answer, default))
}

fn is_yes(answer: &str, default: bool) -> bool {
    match answer.to_ascii_lowercase().as_str() {
        "" => default,
        answer => matches!(answer, "y" | "yes"),
    }
}

/// The numbers, from 1, of the things that were chosen; `None` for an answer that is something else.
pub(crate) fn numbers(answer: &str, count: usize) -> Option<Vec<usize>> {
    let words = answer.split([' ', ',']).filter(|word| !word.is_empty());
    let numbers: Option<Vec<usize>> = words.map(|word| word.parse().ok()).collect();
    numbers.filter(|numbers| !numbers.is_empty() && numbers.iter().all(|number| (1..=count).contains(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_a_yes() {
        assert!(is_yes("y", false) && is_yes("YES", false) && is_yes("", true));
        assert!(!is_yes("", false) && !is_yes("yep", true) && !is_yes("n", true));
    }

    #[test]
    fn numbers_are_told_from_other_answers() {
        assert_eq!(numbers("1, 3", 3), Some(vec![1, 3]));
        assert_eq!(numbers("2", 3), Some(vec![2]));
        for other in ["", "0", "4", "1 x", "/a/b"] {
            assert_eq!(numbers(other, 3), None, "{other}");
        }
    }
}
