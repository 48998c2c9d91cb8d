//! A snapshot in which only the list of sources changes. Nothing is read or stored.

use super::begin::head;
use super::begin::scan_options;
use super::context::CreateContext;
use super::options::CreateOptions;
use super::report::CreateReport;
use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::monitor::Monitor;
use crate::base::snapshot::SourceRecord;
use crate::base::snapshot::Summary;
use crate::base::time::Time;
use crate::system::store::Lease;
use std::sync::Arc;

/// An archive that is locked for such a snapshot.
pub struct SourceChange<'a> {
    archive: &'a Archive,
    monitor: &'a dyn Monitor,
    lease: Box<dyn Lease>,
    /// What is in it.
    pub catalog: Catalog<'a>,
    /// The newest state.
    pub base: State,
    /// All sources, as the newest snapshot says.
    pub known: Arc<[SourceRecord]>,
}

impl<'a> SourceChange<'a> {
    /// Locks the archive.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when another process is writing; otherwise when the archive cannot be read.
    pub fn begin(archive: &'a Archive, monitor: &'a dyn Monitor) -> Result<SourceChange<'a>> {
        let lease = archive.lock(Time::now())?;
        let catalog = archive.catalog_for_writing(monitor)?;
        let base = catalog.state(catalog.highest())?;
        let known = catalog.history()?.pop().map(|newest| newest.sources).unwrap_or_default();
        Ok(SourceChange { archive, monitor, lease, catalog, base, known })
    }

    /// Makes the snapshot, in which the sources are `records`, by calling `write`.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when the last snapshot was not finished; those of `write`.
    pub fn make(
        &self,
        note: String,
        records: Vec<SourceRecord>,
        write: impl FnOnce(&CreateContext) -> Result<CreateReport>,
    ) -> Result<Summary> {
        let options = CreateOptions { note, ..CreateOptions::default() };
        let run = CreateContext {
            archive: self.archive,
            catalog: &self.catalog,
            base: &self.base,
            sources: &[],
            missing: &[],
            scan_options: &scan_options(self.archive, &options),
            options: &options,
            threads: 1,
            is_wanted: true,
            head: head(&self.catalog, &options, records, Time::now())?,
            monitor: self.monitor,
            lease: Some(&*self.lease),
        };
        if run.was_cut_off() {
            let what = "the last snapshot was not finished";
            return Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::FinishSnapshot));
        }
        write(&run)?.summary.ok_or_else(|| Error::new(ErrorKind::Refused, "nothing was written"))
    }
}
