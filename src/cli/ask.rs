//! Questions to a person at a terminal. Knows no command.

use super::failure::Failure;
use super::output::console::Console;
use std::io::IsTerminal;

/// Whether there is somebody to ask.
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
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    let read = read.map_err(|error| Failure::new(format!("cannot read the answer: {error}")))?;
    if read == 0 {
        return Err(Failure::stopped("stopped: there was no answer"));
    }
    let answer = line.trim();
    Ok(if answer.is_empty() { default } else { answer }.to_owned())
}

/// Asks what is answered by yes or no.
///
/// # Errors
/// As for [`ask`].
pub(crate) fn yes(question: &str, default: bool, console: &Console) -> Result<bool, Failure> {
    let shown = if default { "Y/n" } else { "y/N" };
    let answer = ask(&format!("{question} [{shown}]"), "", console)?;
    Ok(match answer.to_ascii_lowercase().as_str() {
        "" => default,
        answer => matches!(answer, "y" | "yes"),
    })
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
    fn numbers_are_told_from_other_answers() {
        assert_eq!(numbers("1, 3", 3), Some(vec![1, 3]));
        assert_eq!(numbers("2", 3), Some(vec![2]));
        for other in ["", "0", "4", "1 x", "/a/b"] {
            assert_eq!(numbers(other, 3), None, "{other}");
        }
    }
}
