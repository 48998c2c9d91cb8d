//! A property list for launchd: at a time, caught up after sleep, and whenever something is mounted.

use super::job::Every;
use super::job::Job;
use super::job::When;
use super::plan::Plan;
use super::plan::PlannedFile;
use super::plan::words;
use super::plan::xml;
use std::fmt::Write;
use std::path::Path;

/// What is written for it, in the person's home.
pub(super) fn plan(job: &Job, home: &Path) -> Plan {
    let label = format!("local.snap.{}", job.name);
    let path = home.join("Library/LaunchAgents").join(format!("{label}.plist"));
    let shown = path.to_string_lossy().into_owned();
    let launchctl = |verb: &str| words(&["launchctl", verb, "-w", &shown]);
    Plan {
        enable: vec![launchctl("load")],
        disable: vec![launchctl("unload")],
        ask: words(&["launchctl", "list", &label]),
        files: vec![PlannedFile { path, text: text(job, &label), is_wide: false }],
        ..Plan::default()
    }
}

fn text(job: &Job, label: &str) -> String {
    let mut text =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
                    \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n"
            .to_owned();
    let _ = writeln!(
        text,
        "  <key>Label</key>\n  <string>{}</string>\n  <key>ProgramArguments</key>\n  <array>",
        xml(label)
    );
    for word in &job.command {
        let _ = writeln!(text, "    <string>{}</string>", xml(word));
    }
    text.push_str("  </array>\n  <key>StartCalendarInterval</key>\n  <dict>\n");
    let When { hour, minute, day, .. } = job.when;
    let keys = match job.when.every {
        Every::Hour => vec![("Minute", minute)],
        Every::Day => vec![("Hour", hour), ("Minute", minute)],
        Every::Week => vec![("Weekday", day), ("Hour", hour), ("Minute", minute)],
    };
    for (key, value) in keys {
        let _ = writeln!(text, "    <key>{key}</key>\n    <integer>{value}</integer>");
    }
    text.push_str("  </dict>\n");
    if !job.triggers.is_empty() {
        text.push_str("  <key>StartOnMount</key>\n  <true/>\n");
    }
    text.push_str(
        "  <key>Nice</key>\n  <integer>19</integer>\n  <key>LowPriorityIO</key>\n  <true/>\n  <key>ProcessType</key>\n  \
         <string>Background</string>\n</dict>\n</plist>\n",
    );
    text
}
