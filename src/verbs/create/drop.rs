//! Sources that are no longer saved: a snapshot in which nothing changes but what is said of a source.

use super::begin::head;
use super::begin::scan_options;
use super::context::CreateContext;
use super::options::CreateOptions;
use super::pipeline;
use crate::archive::open::Archive;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::monitor::Monitor;
use crate::base::path::printable;
use crate::base::snapshot::SourceRecord;
use crate::base::snapshot::Summary;
use crate::base::time::Time;

/// Notes that the source `name` is no longer saved, in a snapshot of its own. What was saved of it stays as it was, in this
/// snapshot and in later ones; nothing is read or stored.
///
/// # Errors
/// [`ErrorKind::NotFound`] when there is no such source; [`ErrorKind::Refused`] when it was dropped already, or a snapshot was
/// not finished; [`ErrorKind::Locked`] when another process is writing; otherwise when the archive cannot be read or written.
pub fn drop_source(archive: &Archive, name: &str, monitor: &dyn Monitor) -> Result<Summary> {
    let lease = archive.lock(Time::now())?;
    let catalog = archive.catalog_for_writing(monitor)?;
    let base = catalog.state(catalog.highest())?;
    let history = catalog.history()?;
    let known = history.last().map(|summary| summary.sources.as_slice()).unwrap_or_default();
    let records = without(known, name)?;
    let note = format!("dropped {name}");
    let options = CreateOptions { note, ..CreateOptions::default() };
    let scan_options = scan_options(archive, &options);
    let run = CreateContext {
        archive,
        catalog: &catalog,
        base: &base,
        sources: &[],
        missing: &[],
        scan_options: &scan_options,
        options: &options,
        threads: 1,
        is_wanted: true,
        head: head(&catalog, &options, records, Time::now())?,
        monitor,
        lease: Some(&*lease),
    };
    if run.was_cut_off() {
        let what = "the last snapshot was not finished";
        return Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::FinishSnapshot));
    }
    let done = pipeline::run(&run)?;
    done.summary.ok_or_else(|| Error::new(ErrorKind::Refused, "nothing was written"))
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
