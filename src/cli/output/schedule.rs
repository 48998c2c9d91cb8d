//! What `schedule` did or found. Prints nothing.

use super::super::schedule::Job;
use super::super::schedule::Plan;
use super::super::schedule::Scheduler;
use super::super::schedule::When;
use super::render::Render;
use super::render::Text;
use super::text;
use serde::Serialize;
use snap_archive::base::path::printable;

/// What was done or found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    /// Nothing was written.
    Planned,
    Installed,
    On,
    Off,
    Removed,
}

/// A schedule.
pub(crate) struct Told<'a> {
    pub(crate) what: What,
    pub(crate) scheduler: Scheduler,
    pub(crate) job: &'a Job,
    /// What was written, or would be.
    pub(crate) plan: Option<&'a Plan>,
    /// When it is run, where that is known.
    pub(crate) when: Option<When>,
}

#[derive(Serialize)]
struct Document<'a> {
    what: What,
    archive: &'a str,
    scheduler: &'static str,
    schedule: Option<String>,
    next: Option<String>,
    files: Vec<String>,
    line: Option<&'a str>,
}

impl Render for Told<'_> {
    fn text(&self, text: &mut Text) {
        let (archive, scheduler) = (&self.job.archive, self.scheduler.name());
        if let Some(plan) = self.plan {
            self.written(plan, text);
        }
        let saves = || format!("{scheduler} saves to {archive} {}.", self.when_and_next());
        match self.what {
            What::Planned => text.summary("Nothing was written. To do it, run the same command without --print."),
            What::Installed => text.summary(saves()),
            What::On => text.result(saves()),
            What::Off => text.result(format!(
                "Nothing saves to {archive} automatically ({scheduler}). To change that: snap schedule install."
            )),
            What::Removed => text.summary(format!("{scheduler} no longer saves to {archive}.")),
        }
    }

    fn json(&self) -> impl Serialize {
        let files = self.plan.into_iter().flat_map(|plan| &plan.files);
        Document {
            what: self.what,
            archive: &self.job.archive,
            scheduler: self.scheduler.name(),
            schedule: self.when.map(|when| when.to_string()),
            next: self.next().map(|next| next.timestamp().to_string()),
            files: files.map(|file| text::path(&file.path)).collect(),
            line: self.plan.and_then(|plan| plan.line.as_deref()),
        }
    }
}

/// A command as it would be typed.
fn typed(command: &[String]) -> String {
    let word = |word: &String| if word.contains(' ') { format!("\"{word}\"") } else { word.clone() };
    printable(command.iter().map(word).collect::<Vec<_>>().join(" ").as_bytes()).into_owned()
}

impl Told<'_> {
    fn written(&self, plan: &Plan, text: &mut Text) {
        for file in &plan.files {
            text.summary(text::bold(&format!("{}:", text::path(&file.path))));
            if self.what == What::Planned || text.verbose {
                file.text.lines().for_each(|line| text.row(printable(line.as_bytes()).into_owned()));
                text.row("");
            }
        }
        if let Some(line) = &plan.line {
            text.summary(format!("crontab: {}", printable(line.as_bytes())));
            text.summary("cron does not catch up what was missed while the computer was off.");
        }
        if self.what == What::Planned {
            plan.enable.iter().for_each(|command| text.row(format!("$ {}", typed(command))));
        }
    }

    fn when_and_next(&self) -> String {
        let when = self.when.map_or_else(|| "at a time that was set elsewhere".to_owned(), |when| when.to_string());
        let next = self.next().map(|next| format!(" (next: {})", next.strftime("%Y-%m-%d %H:%M"))).unwrap_or_default();
        let plugged = if self.job.triggers.is_empty()
            || self.scheduler == Scheduler::Cron
            || self.scheduler == Scheduler::Tasks
        {
            ""
        } else {
            ", and when the drive is plugged in"
        };
        format!("{when}{next}{plugged}")
    }

    fn next(&self) -> Option<jiff::Zoned> {
        self.when?.next(&jiff::Zoned::now())
    }
}
