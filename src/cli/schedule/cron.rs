//! A line in the person's table of cron, known by a comment at its end.

use super::job::Every;
use super::job::Job;
use super::job::When;
use super::plan::Plan;

/// What is written for it.
pub(super) fn plan(job: &Job) -> Plan {
    let When { hour, minute, day, .. } = job.when;
    let when = match job.when.every {
        Every::Hour => format!("{minute} * * * *"),
        Every::Day => format!("{minute} {hour} * * *"),
        Every::Week => format!("{minute} {hour} * * {day}"),
    };
    let command: Vec<String> = job.command.iter().map(|word| quoted(word)).collect();
    // cron ends a command at a percent sign.
    let command = command.join(" ").replace('%', "\\%");
    Plan { line: Some(format!("{when} nice -n 19 {command} {}", mark(&job.name))), ..Plan::default() }
}

/// The comment by which the line of an archive is known.
pub(super) fn mark(name: &str) -> String {
    format!("# snap schedule: {name}")
}

/// The table with this line for the archive, or with none.
pub(super) fn table(old: &str, name: &str, line: Option<&str>) -> String {
    let mark = mark(name);
    let mut lines: Vec<&str> = old.lines().filter(|known| !known.ends_with(&mark)).collect();
    lines.extend(line);
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_line_is_replaced() {
        let old = "MAILTO=ann\n0 1 * * * other # snap schedule: homes\n0 1 * * * x # snap schedule: home\n";
        let new = table(old, "home", Some("5 * * * * y # snap schedule: home"));
        assert_eq!(new, "MAILTO=ann\n0 1 * * * other # snap schedule: homes\n5 * * * * y # snap schedule: home\n");
        assert_eq!(table(&new, "home", None), "MAILTO=ann\n0 1 * * * other # snap schedule: homes\n");
        assert_eq!(table("", "home", None), "");
    }
}
