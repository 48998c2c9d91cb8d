//! Contents that are lost at one place of the archive and stand at another: what was lost may have been saved again, or have been
//! there twice from the beginning.

use crate::archive::replay::Difference;
use crate::archive::replay::differences;
use crate::archive::spare::Spares;
use crate::archive::state::State;
use crate::base::entry::Entry;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::path::EntryPath;
use crate::format::manifest::Action;
use crate::format::manifest::Change;
use crate::verbs::verify::Check;
use crate::verbs::verify::Examined;
use std::collections::BTreeSet;

/// Where else the contents are that are noted as lost, or that stand in one of the bundles that are `wrong`.
pub(super) fn spares<'a>(check: &Check<'a>, wrong: &BTreeSet<BundleId>) -> Result<Spares<'a>> {
    let mut spares = Spares::new(check.archive());
    for examined in check.examined.values().filter(|examined| examined.manifest.is_some()) {
        let mut want = |entry: &Entry| {
            spares.want(entry);
            Ok(true)
        };
        if wrong.contains(&examined.file.id()) {
            stored(check, examined, &mut |_, entry| want(entry))?;
        } else {
            lost(check, examined, &mut want)?;
        }
    }
    for id in wrong {
        if check.examined.get(id).is_none_or(|examined| examined.manifest.is_none()) {
            want_all_of(check, *id, &mut spares)?;
        }
    }
    if spares.is_empty() {
        return Ok(spares);
    }
    // Those that are wrong may be written anew before they are asked.
    for is_wrong in [false, true] {
        for examined in check.examined.values().filter(|examined| examined.manifest.is_some()) {
            if wrong.contains(&examined.file.id()) == is_wrong {
                stored(check, examined, &mut |_, entry| {
                    spares.add(entry, &examined.file.name);
                    Ok(true)
                })?;
            }
        }
    }
    Ok(spares)
}

/// The bundles in which contents are noted as lost, or made from one that is, and some of these were found elsewhere.
pub(super) fn can_be_made_whole(check: &Check, spares: &mut Spares) -> Result<BTreeSet<BundleId>> {
    let mut found = BTreeSet::new();
    if spares.is_empty() {
        return Ok(found);
    }
    for examined in check.examined.values().filter(|examined| examined.manifest.is_some()) {
        lost(check, examined, &mut |entry| {
            let Some(content) = &entry.content else { return Ok(true) };
            if spares.find(content, entry.stat.size)?.is_some() {
                found.insert(examined.file.id());
            }
            Ok(!found.contains(&examined.file.id()))
        })?;
    }
    Ok(found)
}

/// Shows the files whose contents are noted as lost in a bundle, or are made there from one that is, until `visit` has seen enough.
fn lost(check: &Check, examined: &Examined, visit: &mut dyn FnMut(&Entry) -> Result<bool>) -> Result<()> {
    // Where nothing is lost, nothing is made from that.
    if check.examined.values().all(|examined| examined.lost == 0) {
        return Ok(());
    }
    let number = examined.file.id().number;
    let mut state: Option<State> = None;
    stored(check, examined, &mut |path, entry| {
        let mut is_lost = entry.is_lost();
        if entry.content.as_ref().is_some_and(|content| content.patch.is_some()) {
            let known = match state.take() {
                Some(known) => known,
                None => check.history.state(number)?.unwrap_or_default(),
            };
            is_lost = state.insert(known).find(path)?.is_some_and(|found| found.is_lost());
        }
        if is_lost { visit(entry) } else { Ok(true) }
    })
}

/// Shows the files with content that a bundle's list of changes has, until `visit` has seen enough.
fn stored(check: &Check, examined: &Examined, visit: &mut dyn FnMut(&EntryPath, &Entry) -> Result<bool>) -> Result<()> {
    let mut reader = check.archive().bundle(&examined.file.name)?.manifest()?;
    while let Some(Change { path, now, .. }) = reader.next_change()? {
        if let Action::Stored(entry) = now
            && !visit(&path, &entry)?
        {
            break;
        }
    }
    Ok(())
}

/// Looks for all contents that a bundle had, as the index says, and for those that moved with it, since the moves are
/// lost.
fn want_all_of(check: &Check, id: BundleId, spares: &mut Spares) -> Result<()> {
    let Some(state) = check.history.state(id.number)? else { return Ok(()) };
    let before = check.history.state_before(id.number)?.unwrap_or_default();
    for difference in differences(&before, &state) {
        let Difference { old, new: Some(entry), .. } = difference? else { continue };
        let place = entry.content.as_ref().map(|content| content.place.bundle);
        let has_moved = || place.is_some_and(|place| place < id) && !entry.clone().keep_place(old.as_ref());
        if place == Some(id) || has_moved() {
            spares.want(&entry);
        }
    }
    Ok(())
}
