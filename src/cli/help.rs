//! The help of the program as a whole: its commands in groups of what people do.

use clap::Command;
use std::fmt::Write;

/// The commands, by what people do with them.
const GROUPS: &[(&str, &[&str])] = &[
    ("Set up", &["setup", "config", "schedule", "init"]),
    ("Save", &["create", "sources"]),
    ("Look", &["status", "list", "ls", "find", "log", "diff", "du", "cat"]),
    ("Get back", &["restore", "export"]),
    ("Keep healthy", &["verify", "repair", "forget", "keep", "prune", "erase"]),
    ("More", &["completions", "man", "help"]),
];

/// The command with a help in which its commands stand in groups; one that is in no group stands in the last.
pub(crate) fn grouped(command: Command) -> Command {
    let mut groups = String::new();
    let about = |name: &str| {
        let found = command.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
        found.or_else(|| (name == "help").then(|| "Show the help of a command".to_owned()))
    };
    let widest = command.get_subcommands().map(|command| command.get_name().len()).max().unwrap_or(0);
    let named: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let others: Vec<&str> = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(Command::get_name)
        .filter(|name| !named.contains(name))
        .collect();
    for (at, (title, names)) in GROUPS.iter().enumerate() {
        let _ = writeln!(groups, "{title}:");
        let more: &[&str] = if at + 1 == GROUPS.len() { &others } else { &[] };
        for name in names.iter().chain(more) {
            if let Some(about) = about(name) {
                let about = about.split([';', ':', ',']).next().unwrap_or_default().trim();
                let _ = writeln!(groups, "  {name:<widest$}  {about}");
            }
        }
        groups.push('\n');
    }
    let template = format!("{{about}}\n\n{{usage-heading}} {{usage}}\n\n{groups}Options:\n{{options}}{{after-help}}\n");
    command.help_template(template)
}
