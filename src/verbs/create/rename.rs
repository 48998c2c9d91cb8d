//! A source under another name: a snapshot in which nothing else changes. Nothing is read or stored.

use super::packed::Packed;
use super::report::PassedOver;
use super::source_change::SourceChange;
use super::stored::Stored;
use super::writer::Writer;
use crate::archive::catalog::Catalog;
use crate::archive::moved::after_moves;
use crate::archive::moved::all_lists;
use crate::archive::moved::kind_in;
use crate::archive::noted::Unsaved;
use crate::archive::open::Archive;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::monitor::Monitor;
use crate::base::moves::Moves;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::printable;
use crate::base::path::source_path;
use crate::base::snapshot::Counts;
use crate::base::snapshot::SourceRecord;
use crate::base::snapshot::Summary;
use crate::format::frames::Effort;
use crate::format::layout::FrameBuilder;
use crate::format::layout::Frames;
use crate::format::tar::Body;

/// Renames the source `old` to `new`, in a snapshot of its own. Its rules, path, computer and problems go with it;
/// older snapshots have it under the old name.
///
/// # Errors
/// [`ErrorKind::NotFound`] when there is no such source; [`ErrorKind::Refused`] when there is another one called `new`,
/// `new` cannot be a name, the source is a file, or a snapshot was not finished; [`ErrorKind::Locked`] when another
/// process is writing; otherwise when the archive cannot be read or written.
pub fn rename_source(archive: &Archive, old: &str, new: &str, monitor: &dyn Monitor) -> Result<Summary> {
    let change = SourceChange::begin(archive, monitor)?;
    let SourceChange { catalog, base, known, .. } = &change;
    let (from, to) = paths(known, old, new)?;
    change.make(format!("renamed {old} to {new}"), renamed(known, old, new), |run| {
        let stored = Stored::new(u64::MAX);
        let mut writer = Writer::new(run, &stored);
        let (problems, elsewhere) = carried(catalog, &from, &to)?;
        writer.carry(&problems, &elsewhere);
        writer.take(packed(base, &from, &to)?)?;
        writer.finish(&Counts::default(), PassedOver::default())
    })
}

/// The old and the new path of the source.
fn paths(known: &[SourceRecord], old: &str, new: &str) -> Result<(EntryPathBuf, EntryPathBuf)> {
    let (old_shown, new_shown) = (printable(old.as_bytes()), printable(new.as_bytes()));
    let is_known = |name: &str| known.iter().any(|record| record.name == name);
    let from = source_path(old).filter(|_| is_known(old)).ok_or_else(|| {
        let what = format!("there is no source '{old_shown}'");
        Error::new(ErrorKind::NotFound, what).with_advice(Advice::ListSources)
    })?;
    if is_known(new) {
        let what = format!("there is a source '{new_shown}' already");
        return Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::ListSources));
    }
    let to = source_path(new);
    let to =
        to.ok_or_else(|| Error::new(ErrorKind::Refused, format!("'{new_shown}' cannot be the name of a source")))?;
    Ok((from, to))
}

/// The sources, one of them under its new name.
fn renamed(known: &[SourceRecord], old: &str, new: &str) -> Vec<SourceRecord> {
    let now = |record: &SourceRecord| {
        let record = SourceRecord { scanned: false, ..record.clone() };
        if record.name != old {
            return record;
        }
        SourceRecord { name: new.to_owned(), renamed_from: old.to_owned(), ..record }
    };
    let mut records: Vec<SourceRecord> = known.iter().map(now).collect();
    records.sort_by(|a, b| a.name.cmp(&b.name));
    records
}

/// The members by which stock tar renames, and the rename itself.
fn packed(base: &State, from: &EntryPath, to: &EntryPath) -> Result<Packed> {
    let mut moves = Moves::default();
    if let Some(why) = moves.push(from, to, true, &mut |path| kind_in(base, path))? {
        return Err(Error::new(ErrorKind::Refused, format!("{from} cannot be renamed to {to}: that {why}")));
    }
    let state = after_moves(base, &moves)?;
    let entry = base.find(from)?.unwrap_or_default();
    let mut builder = FrameBuilder::default();
    for (top, names) in all_lists(&moves, &state)? {
        builder.header(&top, &entry, Body::Listing(&names));
    }
    let mut frames = Frames::default();
    builder.finish(Effort::default(), &mut frames)?;
    Ok(Packed { frames, moved: Some(Box::new((state, moves))), ..Packed::default() })
}

/// What could not be saved of the source, and what was left out of it, under the new name.
fn carried(catalog: &Catalog, from: &EntryPath, to: &EntryPath) -> Result<(Vec<Problem>, Vec<EntryPathBuf>)> {
    let newest = catalog.newest().unwrap_or_default();
    let under_new_name = |noted: &Unsaved| -> Vec<EntryPathBuf> {
        let paths = noted.paths().filter_map(EntryPath::new);
        paths.filter_map(|path| path.below(from).map(|below| to.join_path(below))).collect()
    };
    let unsaved = under_new_name(&catalog.unsaved(newest)?);
    let told = |path| Problem::new(path, "it could not be saved before its source was renamed").unsaved();
    Ok((unsaved.into_iter().map(told).collect(), under_new_name(&catalog.elsewhere(newest)?)))
}
