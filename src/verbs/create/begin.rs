//! What is set up before a run begins.

use super::options::CreateOptions;
use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::base::advice::Advice;
use crate::base::concurrency::threads;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::SnapshotNumber;
use crate::base::snapshot::SourceRecord;
use crate::base::time::Time;
use crate::format::manifest::Head;
use crate::system::scan::ScanOptions;

/// How the sources are scanned.
pub fn scan_options<'a>(archive: &Archive, options: &CreateOptions<'a>) -> ScanOptions<'a> {
    ScanOptions {
        threads: threads(options.threads).saturating_sub(1).clamp(1, 4),
        skip: archive.folders(),
        clock: options.clock,
    }
}

/// The first line of the manifest of the next snapshot, which has these sources.
///
/// # Errors
/// [`ErrorKind::Refused`] when the archive holds no more, or the time cannot be that of a snapshot; when the index cannot be read.
pub fn head(catalog: &Catalog, options: &CreateOptions, sources: Vec<SourceRecord>, now: Time) -> Result<Head> {
    let number = catalog.highest().next();
    if !number.is_valid() {
        return Err(Error::new(
            ErrorKind::Refused,
            format!("an archive holds at most {} snapshots", SnapshotNumber::MAX),
        )
        .with_advice(Advice::MakeNewArchive));
    }
    if now.to_stamp().is_none() {
        return Err(Error::new(ErrorKind::Refused, "the time of a snapshot must be in the years 0 to 9999"));
    }
    let new = Head::new(catalog.archive().id(), BundleId { number, part: 0 }, Time::new(now.seconds, 0));
    Ok(Head { parent: catalog.parent()?, sources, note: options.note.clone(), ..new })
}
