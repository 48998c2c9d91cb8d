//! `repair`: mends what `verify` finds, as far as that can be done. Deletes nothing: what it replaces goes to `damaged`.
//!
//! Each file is replaced in three steps, so that a run may end anywhere: the new one is published in `damaged`, as
//! `NAME.new`; the old one moves there; the new one moves to its place. The next run finishes what is begun.

mod lines;
mod mend;
mod rewrite;

use crate::archive::Archive;
use crate::archive::BUNDLES;
use crate::archive::Catalog;
use crate::archive::DAMAGED;
use crate::archive::DESCRIPTIONS;
use crate::archive::INDEX;
use crate::archive::bundle_path;
use crate::error::Error;
use crate::error::ErrorKind;
use crate::error::Result;
use crate::id::BundleId;
use crate::id::BundleName;
use crate::id::Number;
use crate::index::IndexFile;
use crate::monitor::Monitor;
use crate::store::Store;
use crate::store::read_small;
use crate::time::Time;
use crate::verify;
use crate::verify::Check;
use crate::verify::Touched;
use crate::verify::VerifyOptions;
use crate::verify::VerifyReport;
use std::collections::BTreeMap;

/// Ends the name of a file that is about to take another's place.
const NEW: &str = ".new";

/// The most files of one name in `damaged`.
const SAME_NAME_MAX: u32 = 9999;

/// How to repair.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RepairOptions {
    /// Whether it is only told what would be done. Default: no.
    pub dry_run: bool,
    /// How many threads read; 0, the default: as many as there are cores.
    pub threads: usize,
}

/// One thing that was done; in a dry run, that would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The file in the archive.
    pub file: String,
    /// What was done to it, in a plain sentence.
    pub what: String,
}

/// What was done, and what is lost.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RepairReport {
    /// All that was done; empty: nothing was to be done.
    pub steps: Vec<Step>,
    /// What `verify` says afterwards, contents not read: what is lost, and what could not be mended.
    pub left: VerifyReport,
}

/// Mends the archive. `wrong` is what [`Archive::open_for_repair`] found wrong with its description.
///
/// # Errors
/// [`ErrorKind::Locked`] when another process is writing; [`ErrorKind::TooNew`] when a newer program wrote some of it;
/// [`ErrorKind::Interrupted`]; otherwise when the archive cannot be read or written. What was done until then stays.
pub fn repair(
    archive: &Archive,
    wrong: Option<&Error>,
    options: &RepairOptions,
    monitor: &dyn Monitor,
) -> Result<RepairReport> {
    let _lock = if options.dry_run { None } else { Some(archive.lock(Time::now())?) };
    let mut repair = Repair { archive, options, monitor, steps: Vec::new() };
    repair.finish_interrupted()?;
    repair.descriptions(wrong)?;
    let looks = VerifyOptions { data: true, threads: options.threads };
    let catalog = archive.catalog(monitor)?;
    let mut check = verify::look(archive, &catalog, verify::index_files(archive)?, &looks, monitor)?;
    repair.refuse_newer(&check)?;
    let again;
    if repair.set_foreign_aside(&check)? && !options.dry_run {
        again = archive.catalog(monitor)?;
        check = verify::look(archive, &again, verify::index_files(archive)?, &looks, monitor)?;
    }
    let first_changed = mend::bundles(&mut repair, &check)?;
    repair.index(&check, first_changed)?;
    drop(check);
    if !options.dry_run && !repair.steps.is_empty() {
        let catalog = archive.catalog_for_writing(monitor)?;
        catalog.state(catalog.highest())?;
    }
    let looks = VerifyOptions { data: false, threads: options.threads };
    Ok(RepairReport { left: verify::verify(archive, &looks, monitor)?, steps: repair.steps })
}

/// A repair on its way.
struct Repair<'a> {
    archive: &'a Archive,
    options: &'a RepairOptions,
    monitor: &'a dyn Monitor,
    steps: Vec<Step>,
}

impl Repair<'_> {
    fn store(&self) -> &dyn Store {
        &**self.archive.store()
    }

    fn did(&mut self, file: impl Into<String>, what: impl Into<String>) {
        self.steps.push(Step { file: file.into(), what: what.into() });
    }

    fn stop_if_interrupted(&self) -> Result<()> {
        if self.monitor.is_interrupted() {
            let what = "the repair was stopped before it was done; the next one goes on";
            return Err(Error::new(ErrorKind::Interrupted, what));
        }
        Ok(())
    }

    /// A run that was cut off may have left replacements.
    fn finish_interrupted(&mut self) -> Result<()> {
        for (name, _) in self.store().list(DAMAGED)? {
            let Some(target) = name.strip_suffix(NEW) else { continue };
            let (new, target) = (format!("{DAMAGED}/{name}"), format!("{BUNDLES}/{target}"));
            if self.options.dry_run {
                self.did(target, "a repair that was interrupted would be finished");
            } else if self.store().open(&target).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                self.store().rename(&new, &target)?;
                self.did(target, "the repair of it had been interrupted, and was finished");
            } else {
                // What it was to replace is still there, and is mended once more.
                self.store().remove(&new)?;
            }
        }
        Ok(())
    }

    /// The files that say what the archive is.
    fn descriptions(&mut self, wrong: Option<&Error>) -> Result<()> {
        let made = self.store().list(BUNDLES)?.iter().find_map(|(name, _)| BundleName::parse(name)?.time());
        for name in DESCRIPTIONS {
            let is_last = name == DESCRIPTIONS[2];
            let length = self.store().open(name).map(|blob| blob.length());
            let is_missing = match &length {
                Ok(length) => *length == 0,
                Err(error) => error.kind() == ErrorKind::NotFound,
            };
            let why = match wrong.filter(|_| is_last) {
                Some(error) => error.to_string(),
                None if is_missing => "it was missing".to_owned(),
                None => continue,
            };
            if !self.options.dry_run {
                if length.is_ok_and(|length| length > 0) {
                    self.keep_copy(name)?;
                }
                self.archive.write_description(name, made.unwrap_or_else(Time::now))?;
            }
            self.did(name, format!("written again ({why})"));
        }
        Ok(())
    }

    /// A copy of a small file that is replaced in place.
    fn keep_copy(&self, name: &str) -> Result<()> {
        const BYTES_MAX: u64 = 1 << 20;
        let length = self.store().open(name)?.length().min(BYTES_MAX);
        let bytes = read_small(self.store(), name, BYTES_MAX)
            .or_else(|_| crate::store::read_exact_at(&*self.store().open(name)?, 0, length as usize))?;
        let mut upload = self.store().create(&self.free_name(name)?)?;
        upload.write_all(&bytes).map_err(|error| Error::io(format!("cannot keep a copy of {name}"), error))?;
        upload.publish()
    }

    /// A name in `damaged` that is free.
    fn free_name(&self, name: &str) -> Result<String> {
        let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
        let taken: Vec<String> = self.store().list(DAMAGED)?.into_iter().map(|(name, _)| name.to_lowercase()).collect();
        let numbered = |number: u32| if number == 0 { name.to_owned() } else { format!("{name}.{number}") };
        let free = (0..SAME_NAME_MAX).map(numbered).find(|name| !taken.contains(&name.to_lowercase()));
        let full = || Error::new(ErrorKind::Refused, format!("there are too many files called {name} in {DAMAGED}"));
        free.map(|free| format!("{DAMAGED}/{free}")).ok_or_else(full)
    }

    /// Moves a file to `damaged`; its name there.
    fn set_aside(&self, name: &str) -> Result<String> {
        let to = self.free_name(name)?;
        if !self.options.dry_run {
            self.store().rename(name, &to)?;
        }
        Ok(to)
    }

    fn refuse_newer(&self, check: &Check) -> Result<()> {
        for damage in &check.damages {
            let Some(name) = bundle_named(&damage.file) else { continue };
            match self.archive.bundle(&name).and_then(|bundle| bundle.manifest().map(drop)) {
                Err(error) if error.kind() == ErrorKind::TooNew => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Bundles that are sound and stand where others belong go to `damaged`, and from there to their own places, if those are
    /// free. Whether there were any.
    fn set_foreign_aside(&mut self, check: &Check) -> Result<bool> {
        let mut moved: Vec<(String, Option<BundleName>)> = Vec::new();
        let exchanged = exchanged(check)?;
        for examined in check.examined.values() {
            let name = &examined.file.name;
            let head = self.archive.bundle(name).ok().and_then(|bundle| bundle.own_head());
            let is_foreign = |head: &crate::manifest::Head| (head.archive, head.id) != (self.archive.id(), name.id);
            let foreign = head.filter(|head| !examined.is_itself && is_foreign(head));
            if foreign.is_none() && !exchanged.contains_key(&name.id) {
                continue;
            }
            let own = foreign.filter(|head| head.archive == self.archive.id());
            let own = own.and_then(|head| BundleName::new(head.id, head.time));
            let to = self.set_aside(&bundle_path(name))?;
            self.did(bundle_path(name), format!("it is not the file that belongs here, and was moved to {to}"));
            moved.push((to, own));
        }
        for (from, own) in &moved {
            let Some(own) = own else { continue };
            let to = bundle_path(own);
            let is_free = || self.store().open(&to).is_err_and(|error| error.kind() == ErrorKind::NotFound);
            if !self.options.dry_run && is_free() {
                self.store().rename(from, &to)?;
                self.did(to, "put back: it had another's name");
            }
        }
        Ok(!moved.is_empty())
    }

    /// Index files that are wrong or speak of bundles that were replaced.
    fn index(&mut self, check: &Check, first_changed: Option<Number>) -> Result<()> {
        for (name, _) in self.store().list(INDEX)? {
            let Some(number) = verify::parse_index_name(&name) else { continue };
            let name = format!("{INDEX}/{name}");
            let is_wrong = check.damages.iter().any(|damage| damage.file == name);
            if is_wrong || first_changed.is_some_and(|first| number >= first) {
                self.stop_if_interrupted()?;
                let to = self.set_aside(&name)?;
                let why = if is_wrong { "damaged" } else { "for bundles were mended" };
                self.did(name, format!("made again from the bundles ({why}); the old one is now {to}"));
            }
        }
        Ok(())
    }
}

/// The bundle that a file in the archive is.
fn bundle_named(file: &str) -> Option<BundleName> {
    BundleName::parse(file.strip_prefix(BUNDLES)?.strip_prefix('/')?)
}

/// Sound bundles that are not those that the bundles after them and the index know: another history was mixed in.
fn exchanged(check: &Check) -> Result<BTreeMap<BundleId, BundleName>> {
    let mut found = BTreeMap::new();
    for damage in check.damages.iter().filter(|damage| matches!(damage.touched, Touched::Since(_))) {
        let Some(name) = bundle_named(&damage.file) else { continue };
        let digest = check.examined.get(&name.id).and_then(|examined| examined.manifest.as_ref());
        let Some((_, digest)) = digest else { continue };
        let store = check.archive().store();
        for (file, _) in store.list(INDEX)? {
            let Ok(file) = store.open(&format!("{INDEX}/{file}")).and_then(IndexFile::open) else { continue };
            let is_another = |record: &crate::index::BundleRecord| {
                record.name == name.as_str()
                    && record.manifest != digest.0
                    && file.head().archive == check.archive().id()
            };
            if file.head().bundles.iter().any(is_another) {
                found.insert(name.id, name.clone());
            }
        }
    }
    Ok(found)
}

/// All that is known of the bundles' names.
fn name_of(check: &Check, catalog: &Catalog, id: BundleId) -> Option<BundleName> {
    catalog.name(id).ok().or_else(|| check.missing.get(&id)).cloned()
}
