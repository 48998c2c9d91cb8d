//! Bundles of forgotten snapshots that follow each other, as one bundle in the place of the last: what changed from the state before
//! the first to the state after the last. Names, types and metadata of that state are as they were; of contents there are those that
//! a snapshot needs that is kept.

use crate::archive::catalog::Catalog;
use crate::archive::exchange;
use crate::archive::liveness::Liveness;
use crate::archive::look_ahead::Lines;
use crate::archive::move_plan::MovePlan;
use crate::archive::move_plan::retimed;
use crate::archive::moved::after_moves;
use crate::archive::open::Archive;
use crate::archive::open::BundleFile;
use crate::archive::rebase::Rebased;
use crate::archive::rebundle::Rewrite;
use crate::archive::rebundle::Sources;
use crate::archive::replay::Difference;
use crate::archive::replay::Differences;
use crate::archive::replay::differences;
use crate::archive::run_moves::RunMoves;
use crate::archive::run_moves::taken_names;
use crate::archive::state::State;
use crate::archive::stored::Patches;
use crate::archive::stored::Stored;
use crate::archive::stored::is_made_from;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Place;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::moves::Moves;
use crate::base::moves::is_of_source;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::bundle::BundleWriter;
use crate::format::bundle::Published;
use crate::format::frames::LEVEL_DEFAULT;
use crate::format::manifest::Action;
use crate::format::manifest::Change;
use crate::format::manifest::Head;
use crate::format::manifest::MoveStage;
use crate::format::manifest::Tail;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::HashSet;
use std::ops::RangeInclusive;

/// Smaller files are not copies of others in their bundle.
const COPY_BYTES_MIN: u64 = 64 << 10;

/// Between two looks at whether to stop.
const LOOK_LINES: u64 = 4096;

/// Bundles that follow each other, and what they become as one.
pub struct Join<'c> {
    catalog: &'c Catalog<'c>,
    monitor: &'c dyn Monitor,
    /// In order; the last is that of a whole snapshot.
    bundles: Vec<BundleFile>,
    /// The first and the last number.
    numbers: RangeInclusive<SnapshotNumber>,
    /// The first number of what the first of them is made of.
    joined_from: SnapshotNumber,
    /// The state before the first.
    before: State,
    moves: Moves,
    /// The same after the renames.
    moved: State,
    /// The state after the last.
    after: State,
    /// The directories from which or into which something moved, in the order of rows.
    retimed: Vec<EntryPathBuf>,
}

/// What a joined bundle would hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JoinedSize {
    /// How many lines its list of changes has.
    pub lines: u64,
    /// How many bytes of contents it has that are in none of the bundles, or there only as changes of another one; before
    /// compression, where that is not known.
    pub more_bytes: u64,
    /// The contents in the bundles that it has as they are, by where they are; only asked for where some are made from older ones.
    pub as_they_are: HashSet<(BundleId, u64)>,
}

impl<'c> Join<'c> {
    /// What bundles become, which are those of these numbers. `None`: they must stay as they are, for of what changed in them not all
    /// is known.
    ///
    /// # Errors
    /// When the archive cannot be read or is damaged.
    pub fn plan(catalog: &'c Catalog, bundles: Vec<BundleFile>, monitor: &'c dyn Monitor) -> Result<Option<Join<'c>>> {
        let (Some(first), Some(last)) = (bundles.first().map(BundleFile::id), bundles.last().map(BundleFile::id))
        else {
            return Ok(None);
        };
        let before_first = catalog.bundles().map(BundleFile::id).take_while(|id| *id < first).last();
        let before = catalog.state(before_first.map_or(SnapshotNumber::NONE, |id| id.number))?;
        let after = catalog.state(last.number)?;
        if bundles.iter().any(|file| after.is_uncertain(file.id().number)) {
            return Ok(None);
        }
        let Some(moves) = moves_of_run(catalog.archive(), &bundles, &before, &after)? else { return Ok(None) };
        let moved = after_moves(&before, &moves)?;
        let mut retimed: Vec<EntryPathBuf> = retimed(&moves).into_iter().filter(|path| !path.is_root()).collect();
        retimed.sort_by(|a, b| a.row_order(b));
        let numbers = first.number..=last.number;
        let head = catalog.archive().bundle(catalog.name(first)?)?.manifest()?.head().clone();
        let joined_from = if head.joined_from > 0 { head.joined_from } else { first.number };
        Ok(Some(Join { catalog, monitor, bundles, numbers, joined_from, before, moves, moved, after, retimed }))
    }

    /// The last bundle, whose name the joined one has.
    pub fn last(&self) -> Option<&BundleFile> {
        self.bundles.last()
    }

    /// The first number from which index files are then no longer right.
    pub fn first_number(&self) -> SnapshotNumber {
        *self.numbers.start()
    }

    /// The first number that the joined bundle stands for.
    pub fn joined_from(&self) -> SnapshotNumber {
        self.joined_from
    }

    /// What the joined bundle would hold; `None`: something is noted as lost, so that they must stay as they are. `has_patches` says
    /// whether some contents in the bundles are made from older ones.
    ///
    /// # Errors
    /// When the archive cannot be read or is damaged; when the monitor asks to stop.
    pub fn size(&self, liveness: &Liveness, has_patches: bool) -> Result<Option<JoinedSize>> {
        let (mut size, mut lines) = (JoinedSize::default(), self.lines(liveness));
        let mut large = HashSet::new();
        while let Some(Change { path, now, .. }) = lines.next()? {
            size.lines += 1;
            let Action::Stored(Entry { content: Some(content), stat, .. }) = now else { continue };
            if content.place.is_lost() && stat.size > 0 {
                return Ok(None);
            }
            // Copies of others are stored again, too.
            let may_be_copied = stat.link == 0 && stat.size >= COPY_BYTES_MIN && content.place.is_there();
            let is_copy = may_be_copied && !large.insert(content.place);
            if is_copy || (content.place.is_there() && content.place.bundle.number < *self.numbers.start()) {
                size.more_bytes = size.more_bytes.saturating_add(stat.size);
            } else if let Some(patch) = &content.patch
                && let older = self.moved.find(&path)?
                && !is_made_from(patch, older.as_ref())
            {
                let rebased = older.and_then(|older| Rebased::on(patch, &older));
                let more = rebased.map_or(patch.whole_bytes, |rebased| rebased.stored_bytes());
                size.more_bytes = size.more_bytes.saturating_add(more);
            } else if has_patches {
                size.as_they_are.insert((content.place.bundle, content.place.offset));
            }
        }
        size.lines += self.moves.list().len() as u64;
        Ok(Some(size))
    }

    /// Writes the joined bundle and publishes it as [`exchange::new_path`]; it was read back. The snapshots up to `until` lack
    /// contents then, and the bundle after it knows it by `stands_for`.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::base::error::ErrorKind::Damaged) when one of the bundles is not what its list of changes says;
    /// [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when the monitor asks to stop; otherwise when the
    /// archive cannot be read or written.
    pub fn write(&self, liveness: &Liveness, until: SnapshotNumber, stands_for: Hash) -> Result<Published> {
        let archive = self.catalog.archive();
        let (head, tail) = self.head_and_tail(until, stands_for)?;
        let name = self.last().map(|file| exchange::new_path(&file.name)).unwrap_or_default();
        let writer = BundleWriter::new(archive.store().create(&name)?, head, LEVEL_DEFAULT)?.with_read_back();
        let mut supply = Stored::new(self.catalog, Patches::OfWhatIsThere);
        let sources = Sources {
            before: Some(self.moved.clone()),
            after: Some(self.after.clone()),
            is_there: &|_| true,
            supply: &mut supply,
        };
        let mut rewrite = Rewrite::new(sources, writer, name).counting(self.moved.clone());
        rewrite.renames_of(&self.moves, MoveStage::Here, &self.before)?;
        rewrite.run(&mut self.lines(liveness), &mut self.lines(liveness), tail)
    }

    /// The first line is that of the last bundle, but for what the others say of sources; the last line says what was not saved.
    fn head_and_tail(&self, until: SnapshotNumber, stands_for: Hash) -> Result<(Head, Tail)> {
        let (mut heads, mut tails) = (Vec::new(), Vec::new());
        for file in &self.bundles {
            let reader = self.catalog.archive().bundle(&file.name)?.manifest()?;
            heads.push(reader.head().clone());
            tails.push(reader.tail().clone());
        }
        let unknown = || Error::damaged("there are no bundles to join");
        let (first, mut head) = heads.first().zip(heads.last().cloned()).ok_or_else(unknown)?;
        head.parent.clone_from(&first.parent);
        head.stands_for = Some(stands_for);
        head.pruned_until = heads.iter().map(|head| head.pruned_until).fold(until, SnapshotNumber::max);
        head.joined_from = self.joined_from;
        let mut last_read: BTreeMap<&[u8], SnapshotNumber> = BTreeMap::new();
        for head in &heads {
            for source in &head.sources {
                let older = || last_read.get(source.renamed_from.as_bytes());
                let before = last_read.get(source.name.as_bytes()).or_else(older).copied();
                let read = if source.scanned { Some(head.id.number) } else { before };
                last_read.extend(read.map(|read| (source.name.as_bytes(), read)));
            }
        }
        for source in &mut head.sources {
            source.scanned |= last_read.contains_key(source.name.as_bytes());
        }
        let mut tail = Tail::default();
        for (head, noted) in heads.iter().zip(tails) {
            let is_newest = |path: &EntryPathBuf| {
                let source = path.split_source().and_then(|(source, _)| last_read.get(source.as_bytes()));
                source.is_none_or(|read| *read <= head.id.number)
            };
            noted
                .problems
                .into_iter()
                .filter(|problem| is_newest(&problem.path))
                .for_each(|problem| tail.note(&problem));
            noted.elsewhere.into_iter().filter(is_newest).for_each(|path| tail.note_elsewhere(&path));
            for source in noted.unsaved_sources.into_iter().filter(is_newest) {
                if !tail.unsaved_sources.contains(&source) {
                    tail.unsaved_sources.push(source);
                }
            }
        }
        Ok((head, tail))
    }

    fn lines<'j>(&'j self, liveness: &'j Liveness<'j>) -> JoinedLines<'j> {
        JoinedLines {
            join: self,
            liveness,
            id: self.last().map(BundleFile::id).unwrap_or_default(),
            differences: differences(&self.moved, &self.after),
            next: None,
            retimed: self.retimed.iter(),
            next_retimed: None,
            count: 0,
        }
    }
}

/// The renames from the state before some bundles to the state after them; `None`: a source as a whole was renamed, which cannot be
/// said together with others.
fn moves_of_run(archive: &Archive, bundles: &[BundleFile], before: &State, after: &State) -> Result<Option<Moves>> {
    let mut run = RunMoves::default();
    for file in bundles {
        let mut reader = archive.bundle(&file.name)?.manifest()?;
        // Later parts say again what the first did.
        if reader.moves_stage() == Some(MoveStage::Here) {
            let moves = reader.take_moves();
            if is_of_source(&moves) {
                return Ok(None);
            }
            run.follow(&moves);
        }
    }
    if run.is_empty() {
        return Ok(Some(Moves::default()));
    }
    let (directories, files) = run.pairs(before, after)?;
    let mut tops = Vec::new();
    for group in before.in_directory(EntryPath::root()) {
        for row in &group?.rows {
            tops.push(row.path_in(EntryPath::root())?);
        }
    }
    let mut taken = HashSet::new();
    for top in &tops {
        taken.extend(taken_names(after, top)?);
    }
    MovePlan { tops, base: before, taken_names: taken }.moves(&directories, &files).map(Some)
}

/// The changes of a joined bundle.
struct JoinedLines<'j> {
    join: &'j Join<'j>,
    liveness: &'j Liveness<'j>,
    /// The joined bundle.
    id: BundleId,
    differences: Differences,
    next: Option<Difference>,
    retimed: std::slice::Iter<'j, EntryPathBuf>,
    next_retimed: Option<&'j EntryPathBuf>,
    count: u64,
}

impl JoinedLines<'_> {
    fn change(&self, old: Option<&Entry>, mut new: Entry) -> Action {
        let size = new.stat.size;
        let Some(content) = &mut new.content else { return Action::Stored(new) };
        if content.place.bundle.number < *self.join.numbers.start() {
            // What moved and is not moved here is stored again.
            let known = old.filter(|old| old.stat.size == size).and_then(|old| old.content.as_ref());
            let is_kept = known.is_some_and(|known| {
                (known.place, known.hash) == (content.place, content.hash) && known.holes == content.holes
            });
            return if is_kept { Action::Referenced(new) } else { Action::Stored(new) };
        }
        let is_wanted = size == 0 || self.liveness.is_needed(content.place);
        if content.place.is_pruned() || (content.place.is_there() && !is_wanted) {
            (content.place, content.patch) = (Place::pruned(self.id), None);
        }
        Action::Stored(new)
    }
}

impl Lines for JoinedLines<'_> {
    fn next(&mut self) -> Result<Option<Change>> {
        loop {
            self.count += 1;
            if self.count.is_multiple_of(LOOK_LINES) {
                check_interrupted(self.join.monitor)?;
            }
            if self.next.is_none() {
                self.next = self.differences.next().transpose()?;
            }
            self.next_retimed = self.next_retimed.or_else(|| self.retimed.next());
            let order = match (&self.next, self.next_retimed) {
                (_, None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(next), Some(retimed)) => next.path.row_order(retimed),
            };
            if order.is_ge()
                && let Some(path) = self.next_retimed.take()
                && order.is_gt()
            {
                // Unpacking changes its time.
                match self.join.after.find(path)? {
                    Some(entry) if entry.stat.kind == Kind::Directory => {
                        return Ok(Some(Change { path: path.clone(), now: Action::Stored(entry), copy_of: None }));
                    }
                    _ => continue,
                }
            }
            let Some(Difference { path, old, new }) = self.next.take() else { return Ok(None) };
            let now = match (old, new) {
                (None, None) => continue,
                (Some(old), None) => Action::Removed(old.stat.kind),
                (old, Some(new)) => self.change(old.as_ref(), new),
            };
            return Ok(Some(Change { path, now, copy_of: None }));
        }
    }
}
