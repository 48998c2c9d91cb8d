//! A repair in progress: what all steps of it share.

use super::report::RepairOptions;
use super::report::Step;
use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::archive::open::DAMAGED;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::system::store::Lease;
use crate::system::store::Store;
use crate::verbs::verify::Check;
use crate::verbs::verify::Fault;

/// The most files of one name in `damaged`.
const SAME_NAME_MAX: u32 = 9999;

/// A repair in progress.
pub(super) struct Repair<'a> {
    pub archive: &'a Archive,
    pub options: &'a RepairOptions,
    pub monitor: &'a dyn Monitor,
    /// None for a dry run.
    pub lease: Option<Box<dyn Lease>>,
    pub steps: Vec<Step>,
}

impl Repair<'_> {
    pub(super) fn store(&self) -> &dyn Store {
        &**self.archive.store()
    }

    /// # Errors
    /// When this process is no longer the only writer.
    pub(super) fn check_lease(&self) -> Result<()> {
        self.lease.as_ref().map_or(Ok(()), |lease| lease.check())
    }

    pub(super) fn did(&mut self, file: impl Into<String>, what: impl Into<String>) {
        self.steps.push(Step { file: file.into(), what: what.into() });
    }

    pub(super) fn has_step_for(&self, file: &str) -> bool {
        self.steps.iter().any(|step| step.file == file)
    }

    pub(super) fn stop_if_interrupted(&self) -> Result<()> {
        check_interrupted(self.monitor)
    }

    /// A name in `damaged` that is free.
    pub(super) fn free_name(&self, name: &str) -> Result<String> {
        let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
        let taken: Vec<String> = self.store().list(DAMAGED)?.into_iter().map(|(name, _)| name.to_lowercase()).collect();
        let numbered = |number: u32| if number == 0 { name.to_owned() } else { format!("{name}.{number}") };
        let free = (0..SAME_NAME_MAX).map(numbered).find(|name| !taken.contains(&name.to_lowercase()));
        let full = || Error::new(ErrorKind::Refused, format!("there are too many files called {name} in {DAMAGED}"));
        free.map(|free| format!("{DAMAGED}/{free}")).ok_or_else(full)
    }

    /// Moves a file to `damaged`; its name there.
    pub(super) fn set_aside(&self, name: &str) -> Result<String> {
        let to = self.free_name(name)?;
        if !self.options.dry_run {
            self.check_lease()?;
            self.store().rename(name, &to)?;
        }
        Ok(to)
    }
}

/// Whether two bundles do not belong together, which does not say which one is wrong.
pub(super) fn is_about_the_chain(fault: &Fault) -> bool {
    matches!(fault, Fault::Chain(_) | Fault::Exchanged(_) | Fault::Contradiction(_))
}

/// All that is known of the bundles' names.
pub(super) fn name_of(check: &Check, catalog: &Catalog, id: BundleId) -> Option<BundleName> {
    catalog.name(id).ok().or_else(|| check.missing.get(&id)).cloned()
}

/// The ending of the name of a file that is about to replace another.
pub(super) const NEW: &str = ".new";
