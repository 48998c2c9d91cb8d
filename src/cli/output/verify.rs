//! What `verify` found. Prints nothing.

use super::advice;
use super::json;
use super::problems::NAMED_MAX;
use super::render::Render;
use super::render::Text;
use super::text;
use serde::Serialize;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::path::printable;
use snap_archive::verbs::verify::Fault;
use snap_archive::verbs::verify::Finding;
use snap_archive::verbs::verify::Impact;
use snap_archive::verbs::verify::VerifyReport;

/// What was looked at and found.
pub(crate) struct Verified<'a> {
    pub(crate) report: &'a VerifyReport,
    /// Whether the contents were read.
    pub(crate) data: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    data: bool,
    snapshots: u64,
    forgotten: u64,
    bundles: u64,
    entries: u64,
    pruned: u64,
    bytes: u64,
    findings: Vec<FindingJson<'a>>,
    known_losses: Vec<FindingJson<'a>>,
}

#[derive(Serialize)]
pub(crate) struct FindingJson<'a> {
    file: String,
    kind: &'static str,
    what: String,
    advice: Option<String>,
    snapshots: &'a [SnapshotNumber],
    paths: Vec<json::Text<'a>>,
    paths_total: u64,
}

impl<'a> FindingJson<'a> {
    pub(crate) fn all(findings: &'a [Finding]) -> Vec<FindingJson<'a>> {
        findings.iter().map(FindingJson::new).collect()
    }

    fn new(finding: &'a Finding) -> FindingJson<'a> {
        let impact = &finding.impact;
        FindingJson {
            file: finding.place.to_string(),
            kind: kind(&finding.fault),
            what: finding.text(),
            advice: finding.fault.advice().as_ref().map(advice::text),
            snapshots: &impact.snapshots,
            paths: impact.paths.iter().map(|path| json::Text(path.as_bytes())).collect(),
            paths_total: impact.paths_total,
        }
    }
}

/// A word for programs: what kind of damage it is.
fn kind(fault: &Fault) -> &'static str {
    match fault {
        Fault::Surplus(_) => "surplus",
        Fault::Unusable(_) => "unusable",
        Fault::Foreign(..) => "foreign",
        Fault::Manifest(_) => "manifest",
        Fault::CutOff(_) => "cut-off",
        Fault::Missing(_) => "missing",
        Fault::Table => "table",
        Fault::LostContents(_) => "lost-contents",
        Fault::LostChanges => "lost-changes",
        Fault::Chain(_) => "chain",
        Fault::Exchanged(_) => "exchanged",
        Fault::Contradiction(_) => "contradiction",
        Fault::Index { .. } => "index",
        Fault::Frames { .. } => "frames",
        Fault::Contents => "contents",
        Fault::Members(_) => "members",
        Fault::Tar(_) => "tar",
        _ => "other",
    }
}

impl Render for Verified<'_> {
    fn text(&self, text: &mut Text) {
        findings(&self.report.findings, text);
        known_losses(self.report, text.verbose, text);
        if self.report.findings.is_empty() {
            return text.summary(sound(self));
        }
        let places = text::count(self.report.findings.len() as u64, "place is", "places are");
        text.result(format!(
            "{places} damaged. Everything that is not named above is intact and can be restored. {}",
            advice::AFTER_VERIFY
        ));
    }

    fn json(&self) -> impl Serialize {
        let VerifyReport { snapshots, forgotten, bundles, entries, pruned, bytes, .. } = *self.report;
        let VerifyReport { findings, known_losses, .. } = self.report;
        let (findings, known_losses) = (FindingJson::all(findings), FindingJson::all(known_losses));
        Document { data: self.data, snapshots, forgotten, bundles, entries, pruned, bytes, findings, known_losses }
    }
}

/// What earlier damage cost, as one line; each of them where all are to be named.
pub(crate) fn known_losses(report: &VerifyReport, names_all: bool, text: &mut Text) {
    let losses = &report.known_losses;
    if losses.is_empty() {
        return;
    }
    if names_all {
        return losses.iter().for_each(|loss| one(loss, true, text));
    }
    let bundles = text::count(losses.len() as u64, "bundle", "bundles");
    let files = match losses.iter().map(|loss| loss.impact.paths_total).sum::<u64>() {
        0 => String::new(),
        files => format!(" with {}", text::count(files, "lost file", "lost files")),
    };
    text.summary(format!(
        "Known from earlier damage: {bundles}{files} (-v names them). What was saved again since, snap \
         repair puts back; nothing more can be done about the rest."
    ));
}

fn sound(verified: &Verified) -> String {
    let report = verified.report;
    let snapshots = text::count(report.snapshots, "snapshot", "snapshots");
    let bundles = text::count(report.bundles, "bundle", "bundles");
    let forgotten = match report.forgotten {
        0 => String::new(),
        1 => " and 1 that was forgotten".to_owned(),
        count => format!(" and {} that were forgotten", text::number(count)),
    };
    let entries = text::count(report.entries, "entry", "entries");
    let pruned = match report.pruned {
        0 => String::new(),
        count => format!(" (the contents of {} were taken out on purpose)", text::number(count)),
    };
    let data = if verified.data {
        format!("Every byte was read and checked, {} in all.", text::size(report.bytes))
    } else {
        advice::READ_CONTENTS.to_owned()
    };
    format!("No damage found: {snapshots}{forgotten} in {bundles}, {entries}{pruned}. {data}")
}

/// All findings; those of one reason together.
pub(crate) fn findings(findings: &[Finding], text: &mut Text) {
    let mut groups: Vec<(String, Vec<&Finding>)> = Vec::new();
    for finding in findings {
        let reason = reason(finding);
        match groups.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, group)) => group.push(finding),
            None => groups.push((reason, vec![finding])),
        }
    }
    for (reason, group) in groups {
        match group.as_slice() {
            [finding] => one(finding, text.verbose, text),
            several => together(&reason, several, text),
        }
    }
}

fn one(finding: &Finding, names_all: bool, text: &mut Text) {
    let Finding { place, fault, impact } = finding;
    let word = if fault.is_known_loss() { text::red("lost: ") } else { text::red("damaged: ") };
    text.result(format!("{word}{place}: {}", reason(finding)));
    if !impact.snapshots.is_empty() {
        text.result(format!("  {}", affected(impact)));
    }
    let named = impact.paths.len().min(if names_all { usize::MAX } else { NAMED_MAX });
    for path in &impact.paths[..named] {
        text.row(format!("    {path}"));
    }
    let rest = impact.paths_total.saturating_sub(named as u64);
    if rest > 0 {
        let how = if named < impact.paths.len() { " (-v names them)" } else { "" };
        text.row(format!("    and {} more{how}", text::number(rest)));
    }
}

/// The most entries that are named for each of several files of one reason.
const NAMED_EACH: usize = 3;

fn together(reason: &str, findings: &[&Finding], text: &mut Text) {
    let (files_max, paths_max) = if text.verbose { (usize::MAX, usize::MAX) } else { (NAMED_MAX, NAMED_EACH) };
    let files = text::count(findings.len() as u64, "file", "files");
    text.result(format!("{}{files}: {reason}", text::red("damaged: ")));
    for Finding { place, impact, .. } in findings.iter().take(files_max) {
        let affected = if impact.snapshots.is_empty() { String::new() } else { format!(": {}", affected(impact)) };
        text.row(format!("    {place}{affected}"));
        let named = impact.paths.len().min(paths_max);
        for path in &impact.paths[..named] {
            text.row(format!("      {path}"));
        }
        let rest = impact.paths_total - named as u64;
        if rest > 0 {
            text.row(format!("      and {} more", text::number(rest)));
        }
    }
    let more = findings.len().saturating_sub(files_max);
    if more > 0 {
        text.row(format!("    and {} more (-v names them)", text::number(more as u64)));
    }
}

fn reason(finding: &Finding) -> String {
    let advice = finding.fault.advice().map_or(String::new(), |advice| format!(" {}", advice::text(&advice)));
    format!("{}{advice}", printable(finding.text().as_bytes()))
}

fn affected(impact: &Impact) -> String {
    let word = if impact.snapshots.len() == 1 { "snapshot" } else { "snapshots" };
    let numbers = text::ranges(&impact.snapshots);
    match impact.paths_total {
        0 => format!("affects {word} {numbers}"),
        files => format!("affects {} of {word} {numbers}", text::count(files, "file", "files")),
    }
}
