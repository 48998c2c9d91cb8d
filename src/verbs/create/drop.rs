//! Drops a source: makes a snapshot in which only the list of sources changes.

use super::pipeline;
use super::source_change::SourceChange;
use crate::archive::open::Archive;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::monitor::Monitor;
use crate::base::path::printable;
use crate::base::snapshot::SourceRecord;
use crate::base::snapshot::Summary;

/// Notes that the source `name` is no longer saved, in a snapshot of its own. What was saved of it stays as it was, in this
/// snapshot and in later ones; nothing is read or stored.
///
/// # Errors
/// [`ErrorKind::NotFound`] when there is no such source; [`ErrorKind::Refused`] when it was dropped already, or a snapshot was
/// not finished; [`ErrorKind::Locked`] when another process is writing; otherwise when the archive cannot be read or written.
pub fn drop_source(archive: &Archive, name: &str, monitor: &dyn Monitor) -> Result<Summary> {
    let change = SourceChange::begin(archive, monitor)?;
    let records = without(&change.known, name)?;
    change.make(format!("dropped {name}"), records, pipeline::run)
}

/// The sources, one of them dropped.
fn without(known: &[SourceRecord], name: &str) -> Result<Vec<SourceRecord>> {
    let shown = printable(name.as_bytes());
    match known.iter().find(|record| record.name == name) {
        None => {
            let what = format!("there is no source '{shown}'");
            return Err(Error::new(ErrorKind::NotFound, what).with_advice(Advice::ListSources));
        }
        Some(record) if record.dropped => {
            return Err(Error::new(ErrorKind::Refused, format!("'{shown}' is no longer saved already")));
        }
        Some(_) => {}
    }
    let left = |record: &SourceRecord| SourceRecord {
        scanned: false,
        missing: record.missing && record.name != name,
        dropped: record.dropped || record.name == name,
        ..record.clone()
    };
    Ok(known.iter().map(left).collect())
}
