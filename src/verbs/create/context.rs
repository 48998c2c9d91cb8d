//! What all steps of a run share.

use super::options::CreateOptions;
use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::archive::state::State;
use crate::base::error::Problem;
use crate::base::monitor::Monitor;
use crate::format::manifest::Head;
use crate::system::scan::ScanOptions;
use crate::system::source::Source;
use crate::system::store::Lease;

/// What all steps of a run share.
pub struct CreateContext<'a> {
    pub archive: &'a Archive,
    pub catalog: &'a Catalog<'a>,
    /// The state to compare with.
    pub base: &'a State,
    pub sources: &'a [Source],
    /// Sources that were to be scanned and are not there.
    pub missing: &'a [Problem],
    pub scan_options: &'a ScanOptions<'a>,
    pub options: &'a CreateOptions<'a>,
    pub threads: usize,
    pub head: Head,
    /// Whether a snapshot is made even if no entry has changed.
    pub is_wanted: bool,
    pub monitor: &'a dyn Monitor,
    /// The lock; none for a dry run.
    pub lease: Option<&'a dyn Lease>,
}

impl CreateContext<'_> {
    /// Whether the newest bundles are parts of a snapshot that was cut off.
    pub fn was_cut_off(&self) -> bool {
        self.catalog.highest() > self.catalog.newest().unwrap_or_default()
    }
}
