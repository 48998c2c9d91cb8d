//! What `snap create` says at its end, for a person and for a program.

use super::failure::Failure;
use super::json;
use super::json::Problematic;
use super::json::Snapshot;
use super::session::Session;
use super::session::local;
use super::text;
use serde::Serialize;
use snap_archive::base::error::Problem;
use snap_archive::base::id::Number;
use snap_archive::base::path::printable;
use snap_archive::base::snapshot::Counts;
use snap_archive::base::snapshot::Summary;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::CreateReport;
use std::path::Path;
use std::time::Duration;

#[derive(Serialize)]
struct Document<'a> {
    snapshot: Option<Snapshot<'a>>,
    dry_run: bool,
    read_back: bool,
    compared_with: Option<Number>,
    counts: &'a Counts,
    bytes_read: u64,
    bytes_written: u64,
    seconds: f64,
    sockets: u64,
    problems: u64,
    problem_list: Vec<Problematic<'a>>,
}

/// Tells how it ended.
///
/// # Errors
/// When the standard output cannot be written.
pub(crate) fn tell(
    report: &CreateReport,
    options: &CreateOptions,
    took: Duration,
    session: &Session,
) -> Result<(), Failure> {
    let (took_text, is_dry_run) = (text::duration(took), options.dry_run);
    match &report.summary {
        Some(summary) => {
            tell_saved(summary, report, &took_text, session)?;
            if options.read_back {
                session.say("All of it was read back from the drive and is as it was written.")?;
            }
            tell_where_it_is(session)?;
        }
        None if is_dry_run => session.say(&dry_run(report))?,
        None => session.say(&nothing_changed(report, &took_text))?,
    }
    tell_exceptions(report, session);
    let problems: Vec<Problem> = session.console.problems();
    session.say_json(&Document {
        snapshot: report.summary.as_ref().map(Snapshot::new),
        dry_run: is_dry_run,
        read_back: options.read_back && report.summary.is_some(),
        compared_with: report.compared_with.as_ref().map(|base| base.number),
        counts: &report.counts,
        bytes_read: report.bytes_read,
        bytes_written: report.bytes_written,
        seconds: json::seconds(took),
        sockets: report.sockets,
        problems: report.problems,
        problem_list: Problematic::all(&problems),
    })
}

fn tell_saved(summary: &Summary, report: &CreateReport, took: &str, session: &Session) -> Result<(), Failure> {
    let directory = session.directory()?;
    let shown = printable(directory.as_os_str().as_encoded_bytes()).into_owned();
    let (read, written) = (text::size(report.bytes_read), text::size(report.bytes_written));
    session.say(&text::bold(&format!("Snapshot {} saved: {}.", summary.number, counts(&report.counts))))?;
    session.say(&format!("Read {read}, wrote {written} to {shown} in {took}."))
}

fn tell_where_it_is(session: &Session) -> Result<(), Failure> {
    if is_on_removable_drive(session.directory()?) {
        session.say("Everything is on the drive: it is now safe to eject and unplug it.")?;
    }
    Ok(())
}

fn dry_run(report: &CreateReport) -> String {
    let bytes = text::size(report.counts.bytes);
    format!("Would be saved: {} ({bytes} of contents). Nothing was written.", counts(&report.counts))
}

fn nothing_changed(report: &CreateReport, took: &str) -> String {
    let c = &report.counts;
    let looked_at = text::count(c.new + c.modified + c.metadata + c.unchanged, "file", "files");
    let since = report.compared_with.as_ref();
    let since = since.map_or(String::new(), |base| format!(" since snapshot {} ({})", base.number, local(base.time)));
    format!("Nothing has changed{since}. {looked_at} looked at in {took}.")
}

/// What was left out, and how many problems were listed.
fn tell_exceptions(report: &CreateReport, session: &Session) {
    if report.sockets > 0 && !session.global.quiet {
        let sockets = text::count(report.sockets, "socket was", "sockets were");
        session.console.line(&format!("{sockets} left out: a socket holds no data."));
    }
    if report.problems > 0 {
        let files = match report.problems {
            1 => "1 file could not be saved as it should; its last saved version, if any, is".to_owned(),
            many => {
                let many = text::number(many);
                format!("{many} files could not be saved as they should; their last saved versions, if any, are")
            }
        };
        session.console.warn(&format!("{files} kept. See the list above."));
    }
}

/// `12 new, 3 modified, 1 deleted, 10,234 unchanged`; what is rare is named only when it is there.
fn counts(counts: &Counts) -> String {
    let c = counts;
    let directories = [
        (c.new_directories, "new"),
        (c.changed_directories, "with new times or modes"),
        (c.deleted_directories, "deleted"),
    ];
    let directories: Vec<String> =
        directories.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", text::number(*n))).collect();
    let mut parts = vec![format!("{} new", text::number(c.new)), format!("{} modified", text::number(c.modified))];
    if c.metadata > 0 {
        parts.push(format!("{} with new times or modes", text::number(c.metadata)));
    }
    parts.push(format!("{} deleted", text::number(c.deleted)));
    parts.push(format!("{} unchanged", text::number(c.unchanged)));
    if !directories.is_empty() {
        parts.push(format!("folders: {}", directories.join(", ")));
    }
    parts.join(", ").replace(", folders", "; folders")
}

/// Whether the archive is where systems show drives that are plugged in.
fn is_on_removable_drive(directory: &Path) -> bool {
    let real = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    ["/media", "/run/media", "/mnt", "/Volumes"].iter().any(|place| real.starts_with(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_changes_are_named_only_when_they_are_there() {
        let plain = Counts { new: 12, modified: 3, deleted: 1, unchanged: 10_234, ..Counts::default() };
        assert_eq!(counts(&plain), "12 new, 3 modified, 1 deleted, 10,234 unchanged");
        let rare = Counts { metadata: 1, new_directories: 2, changed_directories: 1, ..Counts::default() };
        let expected = "0 new, 0 modified, 1 with new times or modes, 0 deleted, 0 unchanged; \
                        folders: 2 new, 1 with new times or modes";
        assert_eq!(counts(&rare), expected);
    }

    #[test]
    fn only_drives_that_are_plugged_in_are_said_to_be_safe_to_unplug() {
        assert!(is_on_removable_drive(Path::new("/media/ann/stick/archive")));
        assert!(!is_on_removable_drive(Path::new("/home/ann/media/archive")));
    }
}
