//! Plans files that are read by themselves: large ones, and those of which only what changed may be stored, or that may have the
//! content of another.

use super::comparing::Comparing;
use super::comparing::OpenedLarge;
use super::copies::Copies;
use super::directory_diff::ComparedEntry;
use super::item::Item;
use super::job_builder::JobBuilder;
use super::large::LargeFile;
use super::opened::LargeOpener;
use super::opened::unread;
use super::options::patch_from;
use super::outbox;
use super::outbox::Undecided;
use super::outbox::WorkItem;
use super::outbox::pieces;
use super::owners::OwnerNames;
use super::pack_context::Context;
use super::packed::Packed;
use super::planned::PlannedDirectory;
use super::planned::may_be_patched;
use crate::archive::state::Row;
use crate::base::diff::Verdict;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::format::apply::may_be_made;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// See the module.
pub struct LargePlanner<'a> {
    context: Context<'a>,
    owners: OwnerNames,
}

/// Why a file is read by itself, if it is.
#[derive(Clone, Copy)]
pub struct Apart {
    /// Whether it is, whatever its size.
    pub is_alone: bool,
    /// Whether another file may have the same content.
    pub may_be_copy: bool,
}

impl<'a> LargePlanner<'a> {
    /// Plans with what the workers share.
    pub fn new(context: Context<'a>) -> LargePlanner<'a> {
        LargePlanner { context, owners: OwnerNames::default() }
    }

    /// Whether a file of this source is read by itself for what may be stored of it.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn apart(
        &self,
        copies: &mut Copies,
        (source, path): (usize, &EntryPath),
        compared: &ComparedEntry,
    ) -> Result<Apart> {
        let ComparedEntry { found, base, verdict, .. } = *compared;
        let has_patches = self.context.patches.is_some();
        let rules = self.context.sources[source].rules();
        let is_patched = has_patches && may_be_patched(rules, &found.stat, base, verdict);
        let may_be_copy = has_patches && found.stat.kind == Kind::File && {
            let is_large = found.stat.size >= patch_from(rules);
            // What keeps its length is mostly as it was, or a patch.
            let may_be = is_large && verdict != Verdict::MaybeModified && may_be_made(path);
            copies.plan(found.stat.size, may_be)?
        };
        // Whether it is as it was is known before another name of it comes.
        let is_named = has_patches && found.stat.link != 0 && copies.is_large(&found.stat);
        Ok(Apart { is_alone: is_patched || may_be_copy || is_named || copies.is_held(path), may_be_copy })
    }

    /// Plans a file that is read by itself.
    ///
    /// # Errors
    /// Those of sending, and of the index.
    pub fn plan(&mut self, builder: &mut JobBuilder, directory: &mut PlannedDirectory, item: Item) -> Result<()> {
        let mut packed = Packed::default();
        let (path, base_kind, size) = (item.path.clone(), item.base_kind(), item.stat.size);
        let (place, old) = (item.directory, item.base.as_ref().and_then(Row::stat).copied());
        let opener = LargeOpener { context: &self.context, owners: &mut self.owners, problems: &mut packed.problems };
        let opened = opener.open(builder.directory(place), item);
        if let Some(old) = old.filter(|_| opened.as_ref().is_ok_and(|opened| !opened.has_base())) {
            if builder.copies().is_held(&path) {
                self.context.meter.add_done(size);
                packed.problems.push(outbox::held(&path));
                return builder.send(WorkItem::Ready(Box::new(packed)), 0);
            }
            builder.copies().note_gone(&path, &old);
        }
        match opened {
            Ok(OpenedLarge::New(file)) => {
                directory.stands_in = Some(builder.budget().part());
                store(builder, place, &file, packed)
            }
            Ok(OpenedLarge::Comparing(comparing)) => {
                let is_stored = compare(builder, place, comparing, packed)?;
                directory.may_stand_in = is_stored.map(|is_stored| (builder.budget().part(), is_stored));
                Ok(())
            }
            Err(error) => {
                self.context.meter.add_done(size);
                packed.problems.push(unread(&path, &error));
                builder.send(WorkItem::Ready(Box::new(packed)), 0)?;
                builder.remove_directory(path, base_kind)
            }
        }
    }
}

/// Plans a large file, after the header of its directory if that is wanted for what is stored in it.
fn store(builder: &mut JobBuilder, place: usize, file: &Arc<LargeFile>, packed: Packed) -> Result<()> {
    builder.push_wanted_header(place)?;
    builder.flush()?;
    builder.send(WorkItem::Ready(Box::new(packed)), file.stat().size)?;
    pieces(file).try_for_each(|piece| builder.send(piece, 0))
}

/// Sends a large file to be compared; gives what will say whether its directory's header stands before it.
fn compare(
    builder: &mut JobBuilder,
    place: usize,
    comparing: Arc<Comparing>,
    packed: Packed,
) -> Result<Option<Arc<AtomicBool>>> {
    let waiting = builder.directory(place).await_large();
    let is_stored = waiting.as_ref().map(|(_, is_stored)| is_stored.clone());
    builder.compare(Undecided { comparing, packed: Box::new(packed), directory: waiting })?;
    Ok(is_stored)
}
