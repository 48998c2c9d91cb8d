//! `repair`: repairs what `verify` finds, as far as that can be done. Deletes nothing: what it replaces goes to `damaged`.
//!
//! Each file is replaced in three steps, so that a run may end anywhere: the new one is published in `damaged`, as
//! `NAME.new`; the old one moves there; the new one moves to its place. The next run finishes what is begun.

mod bundles;
mod context;
mod headers;
mod heal;
mod lines;
mod members;
mod report;
mod supply;

pub use self::report::RepairOptions;
pub use self::report::RepairReport;
pub use self::report::Step;

use self::context::NEW;
use self::context::Repair;
use self::context::is_about_the_chain;
use crate::archive::listing::parse_index_name;
use crate::archive::open::Archive;
use crate::archive::open::BUNDLES;
use crate::archive::open::DAMAGED;
use crate::archive::open::DESCRIPTION;
use crate::archive::open::DESCRIPTIONS;
use crate::archive::open::INDEX;
use crate::archive::open::MARKS;
use crate::archive::open::bundle_path;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Notice;
use crate::base::time::Time;
use crate::format::bundle::Bundle;
use crate::format::index::IndexFile;
use crate::system::store::read_small;
use crate::verbs::verify;
use crate::verbs::verify::ArchiveFile;
use crate::verbs::verify::Check;
use crate::verbs::verify::VerifyOptions;
use crate::verbs::verify::VerifyReport;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Repairs the archive. `wrong` is what [`Archive::open_for_repair`] found wrong with its description.
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
    let lease = if options.dry_run { None } else { Some(archive.lock(Time::now())?) };
    let mut repair = Repair { archive, options, monitor, lease, steps: Vec::new() };
    let ended = repair.run(wrong);
    if ended.is_err() && !options.dry_run {
        // There will be no report to say it.
        for step in &repair.steps {
            let Step { file, what } = step.clone();
            monitor.event(Event::Notice(&Notice::RepairedBefore { file, what }));
        }
    }
    Ok(RepairReport { left: ended?, steps: repair.steps })
}

impl Repair<'_> {
    /// Does all steps. Returns what is left.
    fn run(&mut self, wrong: Option<&Error>) -> Result<VerifyReport> {
        let (archive, options, monitor) = (self.archive, self.options, self.monitor);
        self.finish_interrupted()?;
        self.descriptions(wrong)?;
        self.marks()?;
        let looks = VerifyOptions { data: true, threads: options.threads };
        let (mut may_set_aside, mut first_changed, mut looked_at) = (true, None, None);
        loop {
            let catalog = archive.catalog(monitor)?;
            let check = verify::look(&catalog, verify::index_files(archive)?, &looks)?;
            self.refuse_newer(&check)?;
            if std::mem::take(&mut may_set_aside) && self.set_foreign_aside(&check)? && !options.dry_run {
                continue;
            }
            let repaired = bundles::repair_all(self, &check, looked_at)?;
            first_changed = first_changed.into_iter().chain(repaired.first_changed).min();
            looked_at = repaired.stopped_at;
            if looked_at.is_none() {
                self.index(&check, first_changed)?;
                break;
            }
        }
        if !options.dry_run && !self.steps.is_empty() {
            let catalog = archive.catalog_for_writing(monitor)?;
            catalog.state(catalog.highest())?;
        }
        verify::verify(archive, &VerifyOptions { data: false, threads: options.threads }, monitor)
    }

    /// Finishes what a run that was cut off left: replacements, and bundles on the way to their places.
    fn finish_interrupted(&mut self) -> Result<()> {
        for (name, _) in self.store().list(DAMAGED)? {
            let Some(target) = name.strip_suffix(NEW).and_then(BundleName::parse) else { continue };
            let (new, target) = (format!("{DAMAGED}/{name}"), bundle_path(&target));
            let is_missing = self.store().open(&target).is_err_and(|error| error.kind() == ErrorKind::NotFound);
            match (is_missing, self.options.dry_run) {
                (true, true) => self.did(target, "a repair that was interrupted would be finished"),
                (true, false) => {
                    self.store().rename(&new, &target)?;
                    self.did(target, "the repair of it had been interrupted, and was finished");
                }
                // What it was to replace is still there, and is repaired once more.
                (false, true) => {}
                (false, false) => self.store().remove(&new)?,
            }
        }
        self.put_back()
    }

    /// Moves bundles of this archive that are in `damaged` under another's name to their own places, if no bundle has
    /// them.
    fn put_back(&mut self) -> Result<()> {
        let bundles = self.store().list(BUNDLES)?;
        let mut taken: BTreeSet<BundleId> =
            bundles.iter().filter_map(|(name, _)| Some(BundleName::parse(name)?.id)).collect();
        for (file, _) in self.store().list(DAMAGED)? {
            let Some(name) = name_before(&file) else { continue };
            let from = format!("{DAMAGED}/{file}");
            let opened = self.store().open(&from).and_then(|blob| Bundle::open(&name, blob));
            let Some(head) = opened.ok().and_then(|bundle| bundle.own_head()) else { continue };
            let is_another = head.archive == self.archive.id() && head.id != name.id;
            let Some(own) = BundleName::new(head.id, head.time).filter(|_| is_another) else { continue };
            if !taken.insert(own.id) {
                continue;
            }
            if !self.options.dry_run {
                self.store().rename(&from, &bundle_path(&own))?;
            }
            self.did(bundle_path(&own), format!("put back: it was {from}"));
        }
        Ok(())
    }

    /// Writes the files again that describe the archive, where they are missing or damaged.
    fn descriptions(&mut self, wrong: Option<&Error>) -> Result<()> {
        let made = self.store().list(BUNDLES)?.iter().find_map(|(name, _)| BundleName::parse(name)?.time());
        for name in DESCRIPTIONS {
            let is_last = name == DESCRIPTION;
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

    /// Sets the marks of snapshots aside, where they cannot be read.
    fn marks(&mut self) -> Result<()> {
        let wrong = match self.archive.marks() {
            Err(error) if error.is_damage() => error.to_string(),
            marks => return marks.map(drop),
        };
        let to = self.set_aside(MARKS)?;
        let what = "snapshots that were forgotten and not pruned are there again, and none is marked to be kept";
        self.did(MARKS, format!("moved to {to} ({wrong}): {what}"));
        Ok(())
    }

    /// Keeps a copy of a small file that is replaced in place.
    fn keep_copy(&self, name: &str) -> Result<()> {
        const BYTES_MAX: u64 = 1 << 20;
        let length = self.store().open(name)?.length().min(BYTES_MAX);
        let bytes = read_small(self.store(), name, BYTES_MAX)
            .or_else(|_| crate::system::store::read_exact_at(&*self.store().open(name)?, 0, length as usize))?;
        let copy = self.free_name(name)?;
        let mut upload = self.store().create(&copy)?;
        upload.write_all(&bytes).map_err(|error| Error::io(format!("cannot keep a copy of {name}"), error))?;
        upload.publish(&copy).map(drop)
    }

    fn refuse_newer(&self, check: &Check) -> Result<()> {
        for damage in &check.damages {
            let Some(name) = damage.place.bundle() else { continue };
            match self.archive.bundle(name).and_then(|bundle| bundle.manifest().map(drop)) {
                Err(error) if error.kind() == ErrorKind::TooNew => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Moves sound bundles that stand where others belong to `damaged`, and from there to their own places, if those
    /// are free. Returns whether there were any.
    fn set_foreign_aside(&mut self, check: &Check) -> Result<bool> {
        let mut moved = false;
        for name in check.catalog().surplus() {
            let to = self.set_aside(&bundle_path(name))?;
            self.did(
                bundle_path(name),
                format!("another bundle has its place in the history, and it was moved to {to}"),
            );
            moved = true;
        }
        let exchanged = exchanged(check)?;
        for examined in check.examined.values() {
            let name = &examined.file.name;
            let head = self.archive.bundle(name).ok().and_then(|bundle| bundle.own_head());
            let is_foreign =
                |head: &crate::format::manifest::Head| (head.archive, head.id) != (self.archive.id(), name.id);
            let foreign = head.filter(|head| !examined.is_itself && is_foreign(head));
            if foreign.is_none() && !exchanged.contains_key(&name.id) {
                continue;
            }
            let to = self.set_aside(&bundle_path(name))?;
            self.did(bundle_path(name), format!("it is not the file that belongs here, and was moved to {to}"));
            moved = true;
        }
        if moved && !self.options.dry_run {
            self.put_back()?;
        }
        Ok(moved)
    }

    /// Sets index files aside that are damaged or refer to bundles that were replaced.
    fn index(&mut self, check: &Check, first_changed: Option<SnapshotNumber>) -> Result<()> {
        for name in verify::index_files(self.archive)? {
            let Some(number) = parse_index_name(&name) else { continue };
            let place = ArchiveFile::Index(name);
            let is_wrong = check.damages.iter().any(|damage| damage.place == place);
            let name = place.to_string();
            if is_wrong || first_changed.is_some_and(|first| number >= first) {
                self.stop_if_interrupted()?;
                let to = self.set_aside(&name)?;
                let why = if is_wrong { "damaged" } else { "for bundles were repaired" };
                let is = if self.options.dry_run { "goes to" } else { "is now" };
                self.did(name, format!("made again from the bundles ({why}); the old one {is} {to}"));
            }
        }
        Ok(())
    }
}

/// The name that a file in `damaged` had in `bundles`: it is now `NAME`, or `NAME.1`, `NAME.2` ….
fn name_before(file: &str) -> Option<BundleName> {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let numbered = || file.rsplit_once('.').filter(|(_, number)| is_number(number));
    BundleName::parse(file).or_else(|| BundleName::parse(numbered()?.0))
}

/// Sound bundles that are not those that the bundles after them and the index know: another history was mixed in.
fn exchanged(check: &Check) -> Result<BTreeMap<BundleId, BundleName>> {
    let mut found = BTreeMap::new();
    for damage in check.damages.iter().filter(|damage| is_about_the_chain(&damage.fault)) {
        let Some(name) = damage.place.bundle() else { continue };
        let digest = check.examined.get(&name.id).and_then(|examined| examined.manifest.as_ref());
        let Some((_, digest)) = digest else { continue };
        let store = check.archive().store();
        for file in verify::index_files(check.archive())? {
            let Ok(file) = store.open(&format!("{INDEX}/{file}")).and_then(IndexFile::open) else { continue };
            let is_another = |record: &crate::format::index::BundleRecord| {
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
