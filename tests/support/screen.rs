//! What a person sees of a command, for comparison with the text that stands in a test: what differs from run to run is `#`.

use crate::support::bench::Bench;
use crate::support::command::Outcome;
use crate::support::command::program;
use crate::support::command::run;

/// What the command says on both outputs, and its exit code.
#[track_caller]
pub fn screen(bench: &Bench, outcome: &Outcome) -> String {
    let mut screen = format!("[exit {}]\n{}", outcome.status, plain(bench, &outcome.out()));
    if !outcome.stderr.is_empty() {
        screen.push_str("[stderr]\n");
        screen.push_str(&plain(bench, &outcome.err()));
    }
    screen
}

fn plain(bench: &Bench, text: &str) -> String {
    let around = bench.path("").to_string_lossy().into_owned();
    let computer = run(program("uname").arg("-n")).expect_ok().out().trim().to_owned();
    // The columns of a table are as wide as the places of this run.
    let is_wide = text.contains(&around);
    let mut plain = String::new();
    for line in text.lines() {
        let line = without_amounts(line).replace(&around, "/…/");
        let line = if is_wide { narrow(&line) } else { line };
        plain.push_str(line.replace(&format!("  {computer}  "), "  COMPUTER  ").trim_end());
        plain.push('\n');
    }
    plain
}

/// With two blanks where there are more, but at its beginning.
fn narrow(line: &str) -> String {
    let text = line.trim_start();
    let words = text.split("  ").map(str::trim).filter(|words| !words.is_empty());
    format!("{}{}", &line[..line.len() - text.len()], words.collect::<Vec<_>>().join("  "))
}

/// With `#` for each amount of bytes or seconds, `1.5 kB` or `0.2 s`; in a table as wide as that was.
fn without_amounts(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for at in (1..words.len()).rev() {
        let unit = words[at].trim_end_matches(|c: char| !c.is_alphanumeric());
        let number = words[at - 1].trim_start_matches('(');
        if ["B", "kB", "MB", "GB", "TB", "s"].contains(&unit) && number.parse::<f64>().is_ok() {
            let is_column = at > 1 && words[at - 2].is_empty();
            let width = if is_column { number.len() + 1 + unit.len() } else { 1 };
            let shown = format!(
                "{}{:>width$}{}",
                &words[at - 1][..words[at - 1].len() - number.len()],
                "#",
                &words[at][unit.len()..]
            );
            words.splice(at - 1..=at, [shown]);
        }
    }
    words.join(" ")
}

mod tests {
    use super::narrow;
    use super::without_amounts;

    #[test]
    fn amounts_are_hidden_and_other_numbers_are_not() {
        let line = "Snapshot 1: wrote 884 B (1.5 kB) in 0.3 s, 2 files, 000001.full";
        assert_eq!(without_amounts(line), "Snapshot 1: wrote # (#) in #, 2 files, 000001.full");
        assert_eq!(without_amounts("1  2020-03-01   884 B  home"), "1  2020-03-01       #  home");
        assert_eq!(without_amounts("1  2020-03-01  1.0 kB  home"), "1  2020-03-01       #  home");
    }

    #[test]
    fn a_table_is_made_narrow_and_keeps_its_indentation() {
        assert_eq!(narrow("  name    path      rules"), "  name  path  rules");
    }
}
