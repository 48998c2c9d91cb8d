//! What `repair` did. Prints nothing.

use super::advice;
use super::render::Render;
use super::render::Text;
use super::text;
use super::verify;
use super::verify::FindingJson;
use serde::Serialize;
use snap_archive::base::path::printable;
use snap_archive::verbs::repair::RepairReport;

/// What was repaired, or would be, and what is lost.
pub(crate) struct Repaired<'a> {
    pub(crate) report: &'a RepairReport,
    pub(crate) dry_run: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    dry_run: bool,
    steps: Vec<StepJson<'a>>,
    findings: Vec<FindingJson<'a>>,
    known_losses: Vec<FindingJson<'a>>,
}

#[derive(Serialize)]
struct StepJson<'a> {
    file: &'a str,
    what: &'a str,
}

impl Render for Repaired<'_> {
    fn text(&self, text: &mut Text) {
        let RepairReport { steps, left, .. } = self.report;
        let heading = if self.dry_run { "would repair: " } else { "repaired: " };
        for step in steps {
            text.result(format!("{heading}{}: {}", printable(step.file.as_bytes()), printable(step.what.as_bytes())));
        }
        let things = text::count(steps.len() as u64, "thing", "things");
        // What a dry run would repair is not lost yet.
        if self.dry_run && !steps.is_empty() {
            text.result(format!("{things} to repair; nothing was changed. {}", advice::WITHOUT_DRY_RUN));
            return;
        }
        verify::findings(&left.findings, text);
        // What is lost now is named; what was lost before was named then.
        verify::known_losses(left, text.verbose || !steps.is_empty(), text);
        let has_new_losses = !steps.is_empty() && !left.known_losses.is_empty();
        let done = if steps.is_empty() { "Nothing to repair.".to_owned() } else { format!("{things} repaired.") };
        if !left.findings.is_empty() || has_new_losses {
            text.result(format!(
                "{done} What is named above is lost in those snapshots, everything else is intact. {}",
                advice::AFTER_REPAIR
            ));
        } else if steps.is_empty() {
            let rest =
                if left.known_losses.is_empty() { "The archive is sound." } else { "Everything else is intact." };
            text.summary(format!("{done} {rest}"));
        } else {
            text.result(format!("{done} The archive is sound."));
        }
    }

    fn json(&self) -> impl Serialize {
        let steps = self.report.steps.iter().map(|step| StepJson { file: &step.file, what: &step.what }).collect();
        let left = &self.report.left;
        let (findings, known_losses) = (FindingJson::all(&left.findings), FindingJson::all(&left.known_losses));
        Document { dry_run: self.dry_run, steps, findings, known_losses }
    }
}
