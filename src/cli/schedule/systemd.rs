//! Units of the person's own systemd: a service, a timer that catches up, and a service that starts when the drive appears.

use super::job::Every;
use super::job::Job;
use super::job::Trigger;
use super::job::When;
use super::plan::Plan;
use super::plan::PlannedFile;
use super::plan::words;
use std::fmt::Write;
use std::path::Path;

/// How long the desktop is given to mount a drive that was plugged in.
const MOUNT_SECONDS: u32 = 20;

/// What is written for it, below the folder of the person's configurations.
pub(super) fn plan(job: &Job, config: &Path) -> Plan {
    let folder = config.join("systemd/user");
    let unit = |ending: &str| format!("snap-{}{ending}", job.name);
    let file = |ending: &str, text: String| PlannedFile { path: folder.join(unit(ending)), text, is_wide: false };
    let mut files = vec![file(".service", service(job, &[])), file(".timer", timer(job))];
    let mut units = vec![unit(".timer")];
    if !job.triggers.is_empty() {
        files.push(file("-plugged.service", service(job, &job.triggers)));
        units.push(unit("-plugged.service"));
    }
    let systemctl = |verb: &[&str], units: &[String]| [&words(&["systemctl", "--user"]), &words(verb), units].concat();
    let reload = systemctl(&["daemon-reload"], &[]);
    let mut enable = vec![reload.clone(), systemctl(&["enable", "--now"], &units[..1])];
    // Not now: this would save at once.
    enable.extend(units.get(1).map(|plugged| systemctl(&["enable"], std::slice::from_ref(plugged))));
    Plan {
        files,
        enable,
        disable: vec![systemctl(&["disable", "--now"], &units[..1]), systemctl(&["disable"], &units[1..])]
            .into_iter()
            .filter(|command| command.len() > 3 + usize::from(command.contains(&"--now".to_owned())))
            .collect(),
        forget: Some(reload),
        ask: systemctl(&["is-enabled"], &units[..1]),
        ..Plan::default()
    }
}

fn service(job: &Job, triggers: &[Trigger]) -> String {
    let mut text = format!("[Unit]\nDescription=snap saves to the archive {}\n\n[Service]\nType=oneshot\n", job.name);
    if !triggers.is_empty() {
        let _ = writeln!(text, "# The desktop mounts the drive meanwhile.\nExecStartPre=/bin/sleep {MOUNT_SECONDS}");
    }
    let command: Vec<String> = job.command.iter().map(|word| quoted(word)).collect();
    let _ = write!(
        text,
        "ExecStart={}\n\
         # 4: the drive is not there. 7: the battery is low; it is tried again.\n\
         SuccessExitStatus=4 7\nRestartForceExitStatus=7\nRestartSec=30min\n\
         Nice=19\nIOSchedulingClass=idle\n",
        command.join(" ")
    );
    if !triggers.is_empty() {
        let units: Vec<String> = triggers.iter().map(unit_of).collect();
        let _ = write!(text, "\n[Install]\nWantedBy={}\n", units.join(" "));
    }
    text
}

fn timer(job: &Job) -> String {
    let name = &job.name;
    let calendar = calendar(job.when);
    format!(
        "[Unit]\nDescription=snap saves to the archive {name}, {}\n\n[Timer]\nOnCalendar={calendar}\n\
         # What was missed while the computer was off is caught up.\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n",
        job.when
    )
}

fn calendar(when: When) -> String {
    let When { hour, minute, .. } = when;
    match when.every {
        Every::Hour => format!("*-*-* *:{minute:02}:00"),
        Every::Day => format!("*-*-* {hour:02}:{minute:02}:00"),
        Every::Week => format!("{} *-*-* {hour:02}:{minute:02}:00", &when.day_name()[..3]),
    }
}

fn unit_of(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Device(device) => escaped(device) + ".device",
        Trigger::Mount(folder) => escaped(folder) + ".mount",
    }
}

/// A path as the name of a unit (systemd-escape --path).
fn escaped(path: &Path) -> String {
    let text = path.as_os_str().as_encoded_bytes();
    let parts: Vec<&[u8]> = text.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return "-".to_owned();
    }
    let mut name = String::new();
    for (at, byte) in parts.join(&b'/').iter().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if at == 0 => name.push_str("\\x2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => name.push(char::from(*byte)),
            byte => _ = write!(name, "\\x{byte:02x}"),
        }
    }
    name
}

/// A word of a command as a unit has it.
fn quoted(word: &str) -> String {
    let word = word.replace('%', "%%").replace('$', "$$");
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=$~".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word;
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_names_of_units_as_systemd_escapes_them() {
        for (path, name) in [
            ("/dev/disk/by-label/My Stick", "dev-disk-by\\x2dlabel-My\\x20Stick"),
            ("/media/ann/a-b/", "media-ann-a\\x2db"),
            ("/.x/é", "\\x2ex-\\xc3\\xa9"),
            ("/", "-"),
        ] {
            assert_eq!(escaped(Path::new(path)), name);
        }
    }

    #[test]
    fn words_of_a_command_stay_what_they_are() {
        assert_eq!(quoted("/usr/bin/snap"), "/usr/bin/snap");
        assert_eq!(quoted("a b"), "\"a b\"");
        assert_eq!(quoted("100% $x \"\\"), "\"100%% $$x \\\"\\\\\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
