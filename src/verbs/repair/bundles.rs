//! Bundles that are damaged or missing, repaired one after the other from the first on: each names the one before.

use super::context::NEW;
use super::context::Repair;
use super::context::is_about_the_chain;
use super::context::name_of;
use super::headers;
use super::headers::FromHeaders;
use super::headers::HeaderSurvey;
use super::headers::PartOf;
use super::heal;
use super::lines::FromStates;
use super::lines::NoLines;
use super::lines::PartRange;
use super::supply::Salvage;
use crate::archive::moved;
use crate::archive::moved::Certainty;
use crate::archive::open::bundle_path;
use crate::archive::rebundle::Rewrite;
use crate::archive::rebundle::Sources;
use crate::archive::spare::Spares;
use crate::archive::state::State;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::path;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::SourceRecord;
use crate::base::snapshot::Summary;
use crate::format::bundle::Bundle;
use crate::format::bundle::BundleWriter;
use crate::format::bundle::Published;
use crate::format::frames::LEVEL_DEFAULT;
use crate::format::index::BundleRecord;
use crate::format::manifest::Action;
use crate::format::manifest::Head;
use crate::format::manifest::MoveStage;
use crate::format::manifest::Parent;
use crate::format::manifest::Tail;
use crate::verbs::repair::DAMAGED;
use crate::verbs::verify::Check;
use crate::verbs::verify::Damage;
use crate::verbs::verify::Examined;
use crate::verbs::verify::Fault;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How far the bundles are repaired.
pub(super) struct Repaired {
    /// The first number of which a bundle was changed.
    pub first_changed: Option<SnapshotNumber>,
    /// The bundle before which the archive must be examined again, since what it builds on has changed. `None`: all are
    /// repaired.
    pub stopped_at: Option<BundleId>,
}

/// Repairs the bundles; stops at none up to `looked_at`.
pub(super) fn repair_all(repair: &mut Repair, check: &Check, looked_at: Option<BundleId>) -> Result<Repaired> {
    let wrong = wrong_ones(check);
    let mut spares = heal::spares(check, &wrong)?;
    let whole_again = heal::can_be_made_whole(check, &mut spares)?;
    let mut all: BTreeMap<BundleId, BundleName> = check.missing.clone();
    all.extend(check.examined.values().map(|examined| (examined.file.id(), examined.file.name.clone())));
    let mut repair = BundleRepair {
        repair,
        check,
        spares,
        looked_at,
        all,
        previous: None,
        last_lines: BTreeMap::new(),
        gone: (SnapshotNumber::NONE, BTreeSet::new()),
        renames: (SnapshotNumber::NONE, Vec::new()),
        guessed: None,
    };
    let first_changed = wrong.union(&whole_again).next().map(|id| id.number);
    for name in repair.all.clone().into_values() {
        // In a dry run, what would be finished or moved away first is still as it was.
        let is_told = repair.repair.options.dry_run && repair.repair.has_step_for(&bundle_path(&name));
        if (wrong.contains(&name.id) || whole_again.contains(&name.id)) && !is_told {
            repair.repair.stop_if_interrupted()?;
            if !repair.bundle(&name, wrong.contains(&name.id))? {
                return Ok(Repaired { first_changed, stopped_at: Some(name.id) });
            }
        } else if let Some((_, digest)) = check.examined.get(&name.id).and_then(|examined| examined.manifest.as_ref()) {
            repair.previous = Some(Parent { bundle: name, manifest: *digest });
        }
    }
    Ok(Repaired { first_changed, stopped_at: None })
}

/// The bundles that are missing, and those with damages that are not noted as such already.
fn wrong_ones(check: &Check) -> BTreeSet<BundleId> {
    let is_repaired = |damage: &&Damage| {
        // One that claims the place of another says nothing about that one.
        let is_surplus = matches!(damage.fault, Fault::Surplus(_));
        !damage.fault.is_known_loss() && !is_about_the_chain(&damage.fault) && !is_surplus
    };
    let damaged =
        check.damages.iter().filter(is_repaired).filter_map(|damage| damage.place.bundle()).map(|name| name.id);
    damaged.chain(check.missing.keys().copied()).collect()
}

struct BundleRepair<'m, 'a, 'c> {
    repair: &'m mut Repair<'a>,
    check: &'m Check<'c>,
    /// Where else contents are.
    spares: Spares<'c>,
    looked_at: Option<BundleId>,
    all: BTreeMap<BundleId, BundleName>,
    /// The bundle before, as it is now.
    previous: Option<Parent>,
    /// The last line of each bundle that was repaired without its manifest.
    last_lines: BTreeMap<BundleId, Option<EntryPathBuf>>,
    /// The directories removed by this number's earlier parts whose contents are removed by parts still to come.
    gone: (SnapshotNumber, BTreeSet<EntryPathBuf>),
    /// The renames of this number, where no manifest of it can be read.
    renames: (SnapshotNumber, Vec<Rename>),
    /// The last number of which a list of changes was not known: the states from there on are not what the check knows.
    guessed: Option<SnapshotNumber>,
}

/// Where the list of changes comes from: the bundle itself, the states before and after, the headers of members, or nowhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListSource {
    Manifest,
    Index,
    Headers,
    Nowhere,
}

/// A bundle that is to be rewritten.
struct ToRewrite<'b> {
    name: &'b BundleName,
    examined: Option<&'b Examined>,
    /// What there is of it.
    old: Option<Arc<Bundle>>,
    from: ListSource,
}

impl BundleRepair<'_, '_, '_> {
    /// Repairs one bundle, which is damaged or lacks contents that are elsewhere; whether that could be done before the archive is
    /// looked at again.
    fn bundle(&mut self, name: &BundleName, is_damaged: bool) -> Result<bool> {
        let check = self.check;
        let examined = check.examined.get(&name.id);
        let old = examined.map(|examined| self.open_again(examined)).transpose()?.flatten();
        if let Some((examined, old)) = examined.zip(old.as_ref())
            && is_damaged
            && self.has_bad_table_only(examined)
        {
            self.write_table(name, examined, old)?;
            return Ok(true);
        }
        let number = name.id.number;
        let known = self.list_of(name, examined)?;
        let survey = if known.is_none() { self.survey(name, old.as_ref()) } else { None };
        let from = known.unwrap_or(if survey.is_some() { ListSource::Headers } else { ListSource::Nowhere });
        let is_looked_at = self.looked_at.is_some_and(|looked_at| looked_at >= name.id);
        if !is_looked_at && self.guessed.is_some_and(|guessed| guessed < number) {
            return Ok(false);
        }
        let mut to = None;
        if !self.repair.options.dry_run {
            if known.is_none() {
                self.guessed = Some(number);
            }
            let published = self.rewrite(&ToRewrite { name, examined, old, from }, survey)?;
            to = self.put_in_place(name, examined.is_some())?;
            self.previous = Some(Parent { bundle: name.clone(), manifest: published });
        }
        let what = if is_damaged { told(from, number, examined.is_some()) } else { WHOLE_AGAIN.to_owned() };
        let to = to.map(|to| format!("; the old one is now {to}")).unwrap_or_default();
        self.repair.did(bundle_path(name), format!("{what}{to}"));
        Ok(true)
    }

    /// Where its list of changes is, if it is still there.
    fn list_of(&self, name: &BundleName, examined: Option<&Examined>) -> Result<Option<ListSource>> {
        let (history, number) = (&self.check.history, name.id.number);
        if examined.is_some_and(|examined| examined.manifest.is_some()) {
            return Ok(Some(ListSource::Manifest));
        }
        let is_known = history.is_complete(number) && history.state(number)?.is_some();
        Ok(is_known.then_some(ListSource::Index))
    }

    /// What the headers in a bundle say, if nothing says that they are those of another; and if there are any, also in later
    /// parts of the same snapshot, which have members of directories whose lines stood in this one.
    fn survey(&self, name: &BundleName, old: Option<&Arc<Bundle>>) -> Option<HeaderSurvey> {
        let mut survey = old.map(HeaderSurvey::of).unwrap_or_default();
        let own = (self.repair.archive.id(), name.id.number);
        if survey.head.as_ref().is_some_and(|head| (head.archive, head.id.number) != own) {
            survey = HeaderSurvey::default();
        }
        let has_later = || self.later_parts(name.id).next().is_some();
        (survey.has_members() || has_later()).then_some(survey)
    }

    /// The later parts of the same snapshot. One that cannot be opened is left out here, and repaired in its turn.
    fn later_parts(&self, id: BundleId) -> impl Iterator<Item = Arc<Bundle>> + '_ {
        let siblings = self.all.range(id..).filter(move |(other, _)| other.number == id.number && **other > id);
        siblings.filter_map(|(_, name)| self.repair.archive.bundle(name).ok())
    }

    /// A damaged bundle; `None` when nothing of it can be read.
    ///
    /// # Errors
    /// When it could be read a moment ago: what is in it must not be given up for that.
    fn open_again(&self, examined: &Examined) -> Result<Option<Arc<Bundle>>> {
        match self.repair.archive.bundle_compared(&examined.file.name) {
            Ok(bundle) => Ok(Some(bundle)),
            Err(error) if error.kind() == ErrorKind::RefusedBySystem => Err(error),
            Err(error) if examined.manifest.is_some() || (examined.is_itself && !error.is_damage()) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Whether only the table of frames is damaged.
    fn has_bad_table_only(&self, examined: &Examined) -> bool {
        let name = Some(&examined.file.name);
        let here = self.check.damages.iter().filter(|damage| damage.place.bundle() == name);
        let count = here.filter(|damage| !damage.fault.is_known_loss()).count();
        examined.cut_at.is_some() && examined.manifest.is_some() && count == 1
    }

    /// Writes the frames as they are, with a new table: the very file that was written.
    fn write_table(&mut self, name: &BundleName, examined: &Examined, old: &Arc<Bundle>) -> Result<()> {
        let mut to = None;
        if !self.repair.options.dry_run {
            let failed = |error| Error::io(format!("cannot write {name}"), error);
            let mut upload = self.repair.store().create(&new_name(name))?;
            for number in 0..old.table().len() {
                if let Some(frame) = old.table().frame(number) {
                    upload.write_all(&old.stored_frame(&frame)?).map_err(failed)?;
                }
            }
            upload.write_all(&old.table().to_bytes()).map_err(failed)?;
            upload.publish(&new_name(name))?;
            to = self.put_in_place(name, true)?;
        }
        let digest = examined.manifest.as_ref().map(|(_, digest)| *digest);
        self.previous = digest.map(|manifest| Parent { bundle: name.clone(), manifest });
        let to = to.map(|to| format!("; the old file is now {to}")).unwrap_or_default();
        self.repair.did(bundle_path(name), format!("its table of frames was written again, nothing was lost{to}"));
        Ok(())
    }

    /// The old file goes to `damaged`, the new one to its place; where the old one is now.
    fn put_in_place(&mut self, name: &BundleName, was_there: bool) -> Result<Option<String>> {
        self.repair.check_lease()?;
        let to = if was_there { Some(self.repair.set_aside(&bundle_path(name))?) } else { None };
        self.repair.store().rename(&new_name(name), &bundle_path(name))?;
        Ok(to)
    }

    /// Rewrites a bundle from what is left of it and what else is known. Returns the digest of its manifest.
    fn rewrite(&mut self, bundle: &ToRewrite, survey: Option<HeaderSurvey>) -> Result<Hash> {
        let ToRewrite { name, examined, ref old, from } = *bundle;
        let check = self.check;
        let head = self.head(name, examined, from, survey.as_ref())?;
        let scanned = head.sources.iter().filter(|source| source.scanned);
        let scanned = scanned.filter_map(|source| EntryPathBuf::from_bytes(source.name.as_bytes())).collect();
        let upload = self.repair.store().create(&new_name(name))?;
        let writer = BundleWriter::new(upload, head, LEVEL_DEFAULT)?;
        let number = name.id.number;
        let is_known = matches!(from, ListSource::Manifest | ListSource::Index) && check.history.is_complete(number);
        let after = if is_known { check.history.state(number)? } else { None };
        let before = if is_known { check.history.state_before(number)? } else { None };
        let renames = self.renames(name.id, old.as_ref())?;
        let without_renames = before.clone().map_or_else(|| check.history.newest_before(number), Ok)?;
        let before = before.map(|before| after_renames(&before, &renames)).transpose()?;
        let is_there = |id: BundleId| name_of(check, check.catalog(), id).is_some() || check.is_joined(id);
        let manifest = || old.as_ref().filter(|_| from == ListSource::Manifest).map(Bundle::manifest).transpose();
        let manifests = manifest()?.zip(manifest()?);
        let mut spares = std::mem::replace(&mut self.spares, Spares::new(check.archive()));
        let mut supply = Salvage::new(old.clone(), &mut spares);
        let sources =
            Sources { before: before.clone(), after: after.clone(), is_there: &is_there, supply: &mut supply };
        let mut rewrite = Rewrite::new(sources, writer, new_name(name));
        self.carry_directories(name.id, &mut rewrite)?;
        let stage = if self.is_first_part(name.id) { MoveStage::Here } else { MoveStage::Before };
        rewrite.renames(&renames, stage, &without_renames)?;
        let published = if let Some((mut lines, mut again)) = manifests {
            let tail = lines.tail().clone();
            rewrite.run(&mut lines, &mut again, tail)?
        } else {
            let newest = || after_renames(&check.history.newest_before(number)?, &renames);
            let tail = self.tail(name)?;
            if tail.is_none() {
                rewrite = rewrite.counting(newest()?);
            }
            // Only the manifest says what could not be saved.
            let tail = Tail { unsaved_sources: scanned, ..tail.unwrap_or_default() };
            match (before, after, survey) {
                (Some(before), Some(after), _) => self.rewrite_by_states(rewrite, tail, name.id, (&before, &after))?,
                (_, _, Some(survey)) => self.rewrite_by_headers(rewrite, tail, bundle, (survey, newest()?))?,
                _ => rewrite.run(&mut NoLines, &mut NoLines, tail)?,
            }
        };
        self.spares = spares;
        Ok(published.manifest)
    }

    fn rewrite_by_states(
        &mut self,
        rewrite: Rewrite,
        tail: Tail,
        id: BundleId,
        (before, after): (&State, &State),
    ) -> Result<Published> {
        let share = self.share(id)?;
        let mut again = FromStates::new(before, after, id, share.clone())?;
        let mut lines = FromStates::new(before, after, id, share)?;
        let published = rewrite.run(&mut lines, &mut again, tail)?;
        self.last_lines.insert(id, lines.last);
        Ok(published)
    }

    fn rewrite_by_headers(
        &mut self,
        rewrite: Rewrite,
        tail: Tail,
        bundle: &ToRewrite,
        (mut survey, before): (HeaderSurvey, State),
    ) -> Result<Published> {
        let (id, old) = (bundle.name.id, bundle.old.as_ref());
        let mut share = self.share(id)?;
        let (has_members, mut is_next_known) = (survey.has_members(), false);
        for part in self.later_parts(id) {
            is_next_known |= self.sound(part.name().id).is_some();
            if !is_next_known && let Some(first) = headers::first_row(&part) {
                (share.before, is_next_known) = (Some(first), true);
            }
            survey.add_later_part(&part, &share);
        }
        let gone = self.gone_before(id)?;
        let mut lines = FromHeaders::new(old.filter(|_| has_members), survey, before, PartOf { id, share, gone });
        let published = rewrite.run_by_group(&mut || lines.next(), tail)?;
        self.last_lines.insert(id, lines.last);
        self.gone = (id.number, lines.gone);
        Ok(published)
    }

    /// Whether no part of the same snapshot stands before it.
    fn is_first_part(&self, id: BundleId) -> bool {
        self.all.range(BundleId { number: id.number, part: 1 }..id).next().is_none()
    }

    /// The renames of a snapshot: as any of its bundles says, or where none can be read, as the headers in the first say. All
    /// parts get the same.
    fn renames(&mut self, id: BundleId, old: Option<&Arc<Bundle>>) -> Result<Vec<Rename>> {
        if let Some(renames) = self.check.renames(id.number)? {
            return Ok(renames);
        }
        if self.renames.0 != id.number {
            let old = old.filter(|_| self.is_first_part(id));
            self.renames = (id.number, old.map(headers::renames_in).unwrap_or_default());
        }
        Ok(self.renames.1.clone())
    }

    /// Directories whose lines stand in an earlier part, and whose members come after the last line of that.
    fn carry_directories(&self, id: BundleId, rewrite: &mut Rewrite) -> Result<()> {
        let Some(last) = self.share(id)?.after else { return Ok(()) };
        let last = path::split_last(last.as_bytes()).0;
        for (other, name) in self.all.range(BundleId { number: id.number, part: 1 }..id) {
            if self.sound(*other).is_none() {
                continue;
            }
            let mut reader = self.repair.archive.bundle(name)?.manifest()?;
            while let Some(change) = reader.next_change()? {
                if let Action::Stored(entry) = change.now
                    && entry.stat.kind == Kind::Directory
                    && path::walk_order(change.path.as_bytes(), last).is_gt()
                {
                    rewrite.carry(change.path, entry)?;
                }
            }
        }
        Ok(())
    }

    /// The directories that went in earlier parts of the same snapshot.
    fn gone_before(&mut self, id: BundleId) -> Result<BTreeSet<EntryPathBuf>> {
        let (number, gone) = std::mem::take(&mut self.gone);
        let mut gone = if number == id.number { gone } else { BTreeSet::new() };
        for (other, name) in self.all.range(BundleId { number: id.number, part: 1 }..id) {
            if self.sound(*other).is_none() {
                continue;
            }
            let mut reader = self.repair.archive.bundle(name)?.manifest()?;
            while let Some(change) = reader.next_change()? {
                let is_below_one =
                    gone.range(..=change.path.clone()).next_back().is_some_and(|above| change.path.is_in(above));
                if change.now == Action::Removed(Kind::Directory) && !is_below_one {
                    gone.insert(change.path);
                }
            }
        }
        Ok(gone)
    }

    /// A bundle whose manifest is sound.
    fn sound(&self, id: BundleId) -> Option<&Examined> {
        self.check.examined.get(&id).filter(|examined| examined.manifest.is_some())
    }

    /// Which lines of its snapshot are a part's own.
    fn share(&self, id: BundleId) -> Result<PartRange> {
        let mut share = PartRange::default();
        let siblings = self.all.keys().filter(|other| other.number == id.number && **other != id);
        for sibling in siblings {
            if *sibling < id {
                share.after = match self.last_lines.get(sibling) {
                    Some(last) => last.clone(),
                    None => self.edge(*sibling, PartEdge::Last)?.or(share.after),
                };
            } else if share.before.is_none() {
                share.before = self.edge(*sibling, PartEdge::First)?;
            }
        }
        Ok(share)
    }

    /// The first or the last line of a bundle, if its manifest is sound.
    fn edge(&self, id: BundleId, edge: PartEdge) -> Result<Option<EntryPathBuf>> {
        let Some(name) = self.sound(id).map(|examined| &examined.file.name) else { return Ok(None) };
        let mut reader = self.repair.archive.bundle(name)?.manifest()?;
        let mut found = None;
        while let Some(change) = reader.next_change()? {
            found = Some(change.path);
            if edge == PartEdge::First {
                break;
            }
        }
        Ok(found)
    }

    fn head(
        &self,
        name: &BundleName,
        examined: Option<&Examined>,
        from: ListSource,
        survey: Option<&HeaderSurvey>,
    ) -> Result<Head> {
        let summary = self.summary(name.id.number)?;
        let by_headers = || survey.and_then(|survey| survey.head.clone());
        let known = examined.and_then(|examined| examined.head.clone()).or_else(by_headers);
        let near = || {
            let heads = self.check.examined.values().filter_map(|examined| examined.head.as_ref());
            let before = heads.clone().rfind(|head| head.id.number <= name.id.number);
            before.or_else(|| heads.clone().next()).map(|head| head.sources.clone()).unwrap_or_default()
        };
        let odd = || Error::new(ErrorKind::Refused, format!("the name {name} says no time that can be"));
        let mut head = match known {
            Some(head) => head,
            None => Head {
                archive: self.repair.archive.id(),
                id: name.id,
                time: name.time().ok_or_else(odd)?,
                parent: None,
                sources: summary.as_ref().map_or_else(near, |summary| summary.sources.to_vec()),
                stands_for: None,
                uncertain_until: summary.as_ref().map_or(SnapshotNumber::NONE, |summary| summary.uncertain_until),
                pruned_until: self.record(name)?.map_or(SnapshotNumber::NONE, |record| record.pruned_until.into()),
                joined_from: self.record(name)?.map_or(SnapshotNumber::NONE, |record| record.joined_from.into()),
                note: summary.map(|summary| summary.note).unwrap_or_default(),
            },
        };
        head.id = name.id;
        head.parent.clone_from(&self.previous);
        head.stands_for = self.stands_for(name, examined)?.or(head.stands_for);
        add_sources(&mut head.sources, survey);
        if matches!(from, ListSource::Headers | ListSource::Nowhere) {
            let highest = self.all.keys().next_back().map_or(SnapshotNumber::NONE, |id| id.number);
            head.uncertain_until = highest.max(head.uncertain_until);
        }
        Ok(head)
    }

    /// What the index says of a bundle whose list of changes is lost.
    fn record(&self, name: &BundleName) -> Result<Option<BundleRecord>> {
        let state = self.check.history.state(name.id.number)?;
        let mut records = state.iter().flat_map(State::layers).flat_map(|file| file.head().bundles.iter());
        Ok(records.find(|record| record.name == name.as_str()).cloned())
    }

    /// The digest by which the next bundle refers to this one.
    fn stands_for(&self, name: &BundleName, examined: Option<&Examined>) -> Result<Option<Hash>> {
        let heads = self.check.examined.values().filter_map(|examined| examined.head.as_ref());
        let mut parents = heads.filter_map(|head| head.parent.as_ref());
        if let Some(parent) = parents.find(|parent| parent.bundle == *name) {
            return Ok(Some(parent.manifest));
        }
        let own = examined.and_then(|examined| examined.manifest.as_ref()).map(|(_, digest)| *digest);
        let known = self.record(name)?.map(|record| Hash(record.manifest));
        Ok(own.or(known))
    }

    fn summary(&self, number: SnapshotNumber) -> Result<Option<Summary>> {
        let state = self.check.history.state(number)?;
        let summaries = state.iter().flat_map(State::layers).flat_map(|file| file.head().snapshots.clone());
        Ok(summaries.into_iter().find(|summary| summary.number == number))
    }

    /// What was counted, if that is known of this bundle: what is left of the snapshot's counts without those of its other parts.
    fn tail(&self, name: &BundleName) -> Result<Option<Tail>> {
        let Some(summary) = self.summary(name.id.number)? else { return Ok(None) };
        let mut tail = Tail { counts: summary.counts, problems_total: summary.problems, ..Tail::default() };
        for other in self.all.keys().filter(|id| id.number == name.id.number && **id != name.id) {
            let Some((known, _)) = self.sound(*other).and_then(|examined| examined.manifest.as_ref()) else {
                return Ok(None);
            };
            tail.counts.subtract(&known.counts);
            tail.problems_total = tail.problems_total.saturating_sub(known.problems_total);
        }
        Ok(Some(tail))
    }
}

/// Adds the sources that are known only from what is in a bundle. Where they were read from is not known.
fn add_sources(sources: &mut Vec<SourceRecord>, survey: Option<&HeaderSurvey>) {
    for name in survey.iter().flat_map(|survey| &survey.tops) {
        if !sources.iter().any(|source| source.name == *name) {
            sources.push(SourceRecord { name: name.clone(), scanned: true, ..SourceRecord::default() });
        }
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
}

const WHOLE_AGAIN: &str = "contents that were lost in it stand elsewhere in the archive, and were stored in it again";

/// What was done, as a sentence.
fn told(from: ListSource, number: SnapshotNumber, was_there: bool) -> String {
    let was = if was_there { "was damaged" } else { "was missing" };
    match from {
        ListSource::Manifest => format!("it {was}: written anew with all contents that are sound"),
        ListSource::Index => {
            format!("it {was}: written anew with all contents that are sound, from what the index knows of it")
        }
        ListSource::Headers => format!(
            "it {was}, and the list of what changed is lost: written anew with all files that could be found in it; what else \
             changed or was deleted then is not known, and the snapshots from {number} on are marked as uncertain"
        ),
        ListSource::Nowhere => format!(
            "it {was}, and nothing else says what was in it: an empty one takes its place, and the snapshots from {number} on \
             are marked as uncertain"
        ),
    }
}

/// From where to where.
type Rename = (EntryPathBuf, EntryPathBuf);

/// A state after renames, as far as they can be done: it may be uncertain.
fn after_renames(before: &State, renames: &[Rename]) -> Result<State> {
    moved::after_moves(before, &moved::moves_of(renames, before, Certainty::Uncertain)?)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PartEdge {
    First,
    Last,
}

fn new_name(name: &BundleName) -> String {
    format!("{DAMAGED}/{name}{NEW}")
}
