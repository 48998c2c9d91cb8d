//! A task for the Task Scheduler of Windows: at a time, caught up, not on battery.

use super::job::Every;
use super::job::Job;
use super::job::When;
use super::plan::Plan;
use super::plan::PlannedFile;
use super::plan::words;
use super::plan::xml;
use std::path::Path;

/// What is written for it, below the folder of the person's configurations.
pub(super) fn plan(job: &Job, config: &Path) -> Plan {
    let task = format!("snap {}", job.name);
    let path = config.join("snap").join(format!("task-{}.xml", job.name));
    let shown = path.to_string_lossy().into_owned();
    Plan {
        enable: vec![words(&["schtasks", "/Create", "/F", "/TN", &task, "/XML", &shown])],
        disable: vec![words(&["schtasks", "/Delete", "/F", "/TN", &task])],
        ask: words(&["schtasks", "/Query", "/TN", &task]),
        files: vec![PlannedFile { path, text: text(job), is_wide: true }],
        ..Plan::default()
    }
}

fn text(job: &Job) -> String {
    let When { hour, minute, .. } = job.when;
    let (repetition, schedule) = match job.when.every {
        Every::Hour => ("\n      <Repetition><Interval>PT1H</Interval></Repetition>", DAILY.to_owned()),
        Every::Day => ("", DAILY.to_owned()),
        Every::Week => ("", weekly(job.when.day_name())),
    };
    let hour = if job.when.every == Every::Hour { 0 } else { hour };
    let program = job.command.first().map(String::as_str).unwrap_or_default();
    let arguments: Vec<String> = job.command.iter().skip(1).map(|word| quoted(word)).collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>{description}</Description></RegistrationInfo>
  <Triggers>
    <CalendarTrigger>{repetition}
      <StartBoundary>2026-01-01T{hour:02}:{minute:02}:00</StartBoundary>
      {schedule}
    </CalendarTrigger>
  </Triggers>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>true</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <Priority>9</Priority>
  </Settings>
  <Actions>
    <Exec>
      <Command>{program}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"#,
        description = xml(&format!("snap saves to the archive {}, {}", job.name, job.when)),
        program = xml(program),
        arguments = xml(&arguments.join(" ")),
    )
}

const DAILY: &str = "<ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay>";

fn weekly(day: &str) -> String {
    format!("<ScheduleByWeek><WeeksInterval>1</WeeksInterval><DaysOfWeek><{day}/></DaysOfWeek></ScheduleByWeek>")
}

/// A word of a command line as programs of Windows split it.
fn quoted(word: &str) -> String {
    if !word.is_empty() && !word.contains([' ', '\t', '"']) {
        return word.to_owned();
    }
    let mut text = "\"".to_owned();
    let mut backslashes = 0;
    for c in word.chars() {
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        if c == '"' {
            text.push('\\');
        }
        text.push(c);
    }
    text.push_str(&"\\".repeat(backslashes));
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_again_as_they_were() {
        for (word, text) in
            [("-q", "-q"), ("a b", "\"a b\""), ("", "\"\""), (r"C:\a b\", r#""C:\a b\\""#), ("a\"", "\"a\\\"\"")]
        {
            assert_eq!(quoted(word), text);
        }
    }
}
