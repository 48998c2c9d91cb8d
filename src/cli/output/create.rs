//! What `create` did. Prints nothing.

use super::json;
use super::json::Problematic;
use super::json::Snapshot;
use super::render::Render;
use super::render::Text;
use super::text;
use serde::Serialize;
use snap_archive::base::error::Problem;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::snapshot::Counts;
use snap_archive::base::snapshot::Summary;
use snap_archive::verbs::create::CreateReport;
use snap_archive::verbs::create::LeftOut;
use snap_archive::verbs::create::PassedOver;
use snap_archive::verbs::thin::Thinned;
use std::path::Path;
use std::time::Duration;

/// What was saved, or would be.
pub(crate) struct Created<'a> {
    pub(crate) report: &'a CreateReport,
    pub(crate) archive: &'a Path,
    /// Whether it is on a drive that may be unplugged now.
    pub(crate) may_be_unplugged: bool,
    pub(crate) dry_run: bool,
    pub(crate) read_back: bool,
    /// What of the archive was read back afterwards.
    pub(crate) checked: &'a Checked,
    /// What was forgotten and pruned after it.
    pub(crate) thinned: Option<&'a Thinned>,
    pub(crate) took: Duration,
    pub(crate) problems: Vec<Problem>,
}

/// A share of the archive that was read back after a run.
#[derive(Default, Serialize)]
pub(crate) struct Checked {
    pub(crate) snapshots: Vec<SnapshotNumber>,
    pub(crate) bytes: u64,
    /// How many damages were found.
    pub(crate) findings: u64,
}

#[derive(Serialize)]
struct Document<'a> {
    snapshot: Option<Snapshot<'a>>,
    dry_run: bool,
    read_back: bool,
    compared_with: Option<SnapshotNumber>,
    counts: &'a Counts,
    moved: u64,
    bytes_read: u64,
    bytes_written: u64,
    seconds: f64,
    sockets: u64,
    remote: u64,
    left_out: LeftOutCounts,
    bytes_free: Option<u64>,
    checked: &'a Checked,
    made_room: Option<ThinnedJson<'a>>,
    pruned: Option<ThinnedJson<'a>>,
    problems: u64,
    problem_list: Vec<Problematic<'a>>,
}

/// What was forgotten and pruned.
#[derive(Serialize)]
struct ThinnedJson<'a> {
    forgotten: &'a [SnapshotNumber],
    freed_bytes: u64,
    not_pruned: u64,
}

impl ThinnedJson<'_> {
    fn new(thinned: &Thinned) -> ThinnedJson<'_> {
        ThinnedJson {
            forgotten: &thinned.forgotten,
            freed_bytes: thinned.pruned.freed_bytes(),
            not_pruned: thinned.pruned.problems,
        }
    }
}

/// `2 snapshots forgotten, 3.0 MB came back.`
fn thinned(thinned: &Thinned) -> String {
    let forgotten = text::count(thinned.forgotten.len() as u64, "snapshot", "snapshots");
    format!("{forgotten} forgotten, {} came back.", text::size(thinned.pruned.freed_bytes()))
}

/// What rules left out; what is in folders among it is not counted.
#[derive(Serialize)]
struct LeftOutCounts {
    files: u64,
    folders: u64,
    bytes: u64,
    files_saved_before: u64,
    folders_saved_before: u64,
}

impl LeftOutCounts {
    fn new(left_out: &LeftOut) -> LeftOutCounts {
        LeftOutCounts {
            files: left_out.files,
            folders: left_out.directories,
            bytes: left_out.bytes,
            files_saved_before: left_out.files_saved_before,
            folders_saved_before: left_out.directories_saved_before,
        }
    }
}

impl Render for Created<'_> {
    fn text(&self, text: &mut Text) {
        match &self.report.summary {
            Some(summary) => self.saved(summary, text),
            None if self.dry_run => would_be_saved(self.report, text),
            None => text.summary(self.nothing_changed()),
        }
        let did_something = |done: &&Thinned| !done.forgotten.is_empty() || done.pruned.freed_bytes() > 0;
        for done in self.report.made_room.iter().chain(self.thinned).filter(did_something) {
            text.summary(thinned(done));
        }
        exceptions(self.report, text);
        checked(self.checked, text);
    }

    fn json(&self) -> impl Serialize {
        let report = self.report;
        Document {
            snapshot: report.summary.as_ref().map(Snapshot::new),
            dry_run: self.dry_run,
            read_back: self.read_back && report.summary.is_some(),
            compared_with: report.compared_with.as_ref().map(|base| base.number),
            counts: &report.counts,
            moved: report.moved,
            bytes_read: report.bytes_read,
            bytes_written: report.bytes_written,
            seconds: json::seconds(self.took),
            sockets: report.passed_over.sockets,
            remote: report.passed_over.remote,
            left_out: LeftOutCounts::new(&report.left_out),
            bytes_free: report.bytes_free,
            checked: self.checked,
            made_room: report.made_room.as_ref().map(ThinnedJson::new),
            pruned: self.thinned.map(ThinnedJson::new),
            problems: report.problems,
            problem_list: Problematic::all(&self.problems),
        }
    }
}

fn checked(checked: &Checked, text: &mut Text) {
    if checked.snapshots.is_empty() {
        return;
    }
    let snapshots = if checked.snapshots.len() == 1 { "Snapshot" } else { "Snapshots" };
    let what = format!("{snapshots} {} ({}) read back", text::ranges(&checked.snapshots), text::size(checked.bytes));
    if checked.findings == 0 {
        return text.summary(format!("{what}: as written."));
    }
    text.warning(format!("{what}: {} found.", text::count(checked.findings, "damage", "damages")));
    text.warning(super::advice::AFTER_ROLLING);
}

impl Created<'_> {
    fn saved(&self, summary: &Summary, text: &mut Text) {
        let report = self.report;
        let (read, written) = (text::size(report.bytes_read), text::size(report.bytes_written));
        text.summary(text::bold(&format!("Snapshot {} saved: {}.", summary.number, counts(report))));
        let (archive, took) = (text::path(self.archive), text::duration(self.took));
        // What was written shortly before the last snapshot is read again, to make sure.
        let again = if report.bytes_read > report.counts.bytes {
            format!(", {} of it new or modified", text::size(report.counts.bytes))
        } else {
            String::new()
        };
        text.summary(format!("Read {read}{again}, wrote {written} to {archive} in {took}."));
        if self.read_back {
            text.summary("All of it was read back from the drive and is as it was written.");
        }
        if self.may_be_unplugged {
            text.summary("Everything is on the drive: it is now safe to eject and unplug it.");
        }
    }

    fn nothing_changed(&self) -> String {
        let c = &self.report.counts;
        let looked_at = text::count(c.new + c.modified + c.metadata + c.unchanged, "file", "files");
        let since = self
            .report
            .compared_with
            .as_ref()
            .map_or(String::new(), |base| format!(" since snapshot {} ({})", base.number, text::local(base.time)));
        format!("Nothing has changed{since}. {looked_at} looked at in {}.", text::duration(self.took))
    }
}

fn would_be_saved(report: &CreateReport, text: &mut Text) {
    let bytes = report.counts.bytes;
    let free = report.bytes_free.map_or(String::new(), |free| format!(", {} free on the drive", text::size(free)));
    let (saved, contents) = (counts(report), text::size(bytes));
    text.summary(format!("Would be saved: {saved} ({contents} of contents{free}). Nothing was written."));
    if report.bytes_free.is_some_and(|free| free < bytes) {
        text.warning("If they do not compress well, the drive will be full before the end.");
    }
}

/// What was left out, and how many problems were listed.
fn exceptions(report: &CreateReport, text: &mut Text) {
    let PassedOver { sockets, remote } = report.passed_over;
    if sockets > 0 {
        let sockets = text::count(sockets, "socket was", "sockets were");
        text.aside(format!("{sockets} left out: a socket holds no data."));
    }
    if remote > 0 {
        text.aside(left_in_the_cloud(remote));
    }
    if report.left_out != LeftOut::default() {
        text.aside(left_out(&report.left_out));
    }
    if report.problems > 0 {
        let files = match report.problems {
            1 => "1 entry could not be saved exactly; its last saved version, if any, is".to_owned(),
            many => {
                let many = text::number(many);
                format!("{many} entries could not be saved exactly; their last saved versions, if any, are")
            }
        };
        text.warning(format!("{files} kept. See the list above."));
    }
}

/// `312 files are only in the cloud and were left out; their last saved versions, if any, are kept.`
fn left_in_the_cloud(files: u64) -> String {
    match files {
        1 => "1 file is only in the cloud and was left out; its last saved version, if any, is kept.".to_owned(),
        files => {
            let files = text::number(files);
            format!(
                "{files} files are only in the cloud and were left out; their last saved versions, if any, are kept."
            )
        }
    }
}

/// `Left out by rules: 3 files (9.0 MB) and 2 folders with what is in them.`
fn left_out(sum: &LeftOut) -> String {
    let files = text::count(sum.files, "file", "files");
    let files = (sum.files > 0).then(|| format!("{files} ({})", text::size(sum.bytes)));
    let folders = text::count(sum.directories, "folder with what is in it", "folders with what is in them");
    let folders = (sum.directories > 0).then_some(folders);
    let both: Vec<String> = files.into_iter().chain(folders).collect();
    format!("Left out by rules: {}.", both.join(" and "))
}

/// `12 new files, 3 modified, 1 deleted, 10,234 unchanged`; what is rare is named only when it is there.
fn counts(report: &CreateReport) -> String {
    let (c, left_out) = (&report.counts, &report.left_out);
    let named = |items: &[(u64, &str)]| -> Vec<String> {
        items.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", text::number(*n))).collect()
    };
    let directories = named(&[
        (c.new_directories, "new"),
        (c.changed_directories, "with new times or modes"),
        (c.deleted_directories.saturating_sub(left_out.directories_saved_before), "deleted"),
        (left_out.directories_saved_before, NEWLY_LEFT_OUT),
    ]);
    let new = if c.new == 1 { "new file" } else { "new files" };
    let deleted = c.deleted.saturating_sub(left_out.files_saved_before);
    let mut parts = vec![format!("{} {new}", text::number(c.new)), format!("{} modified", text::number(c.modified))];
    parts.extend(named(&[(c.metadata, "with new times or modes"), (report.moved, "moved")]));
    parts.push(format!("{} deleted", text::number(deleted)));
    parts.extend(named(&[(left_out.files_saved_before, NEWLY_LEFT_OUT)]));
    parts.push(format!("{} unchanged", text::number(c.unchanged)));
    let files = parts.join(", ");
    if directories.is_empty() { files } else { format!("{files}; folders: {}", directories.join(", ")) }
}

/// What was saved before, and a rule leaves out now.
const NEWLY_LEFT_OUT: &str = "newly left out by rules";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_only_in_the_cloud_are_one_line() {
        assert!(left_in_the_cloud(1312).starts_with("1,312 files are only in the cloud"));
        assert!(left_in_the_cloud(1).starts_with("1 file is only in the cloud and was left out; its"));
    }

    #[test]
    fn rare_changes_are_named_only_when_they_are_there() {
        let report = |counts, moved, left_out| {
            let mut report = CreateReport::default();
            (report.counts, report.moved, report.left_out) = (counts, moved, left_out);
            report
        };
        let plain = Counts { new: 12, modified: 3, deleted: 1, unchanged: 10_234, ..Counts::default() };
        let shown = counts(&report(plain, 0, LeftOut { files: 3, ..LeftOut::default() }));
        assert_eq!(shown, "12 new files, 3 modified, 1 deleted, 10,234 unchanged");
        let rare = Counts { metadata: 1, new_directories: 2, changed_directories: 1, ..Counts::default() };
        let expected = "0 new files, 0 modified, 1 with new times or modes, 2 moved, 0 deleted, 0 unchanged; \
                        folders: 2 new, 1 with new times or modes";
        assert_eq!(counts(&report(rare, 2, LeftOut::default())), expected);
        let gone = Counts { deleted: 5, deleted_directories: 2, ..Counts::default() };
        let left_out = LeftOut { files_saved_before: 4, directories_saved_before: 2, ..LeftOut::default() };
        let expected = "0 new files, 0 modified, 1 deleted, 4 newly left out by rules, 0 unchanged; \
                        folders: 2 newly left out by rules";
        assert_eq!(counts(&report(gone, 0, left_out)), expected);
    }
}
