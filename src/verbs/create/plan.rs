//! Compares what the scan finds with the state before and makes jobs of the differences, in the order of the tar.

use super::old::OldGroups;
use crate::archive::state::Group;
use crate::archive::state::Row;
use crate::archive::state::State;
use crate::base::diff;
use crate::base::diff::Pair;
use crate::base::diff::Rehash;
use crate::base::diff::Verdict;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::path;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Counts;
use crate::format::tar::DumpDir;
use crate::system::scan::Found;
use crate::system::scan::Listing;
use crate::system::scan::Source;
use crate::verbs::pack::Context;
use crate::verbs::pack::GroupJob;
use crate::verbs::pack::Header;
use crate::verbs::pack::Item;
use crate::verbs::pack::Job;
use crate::verbs::pack::JobDirectory;
use crate::verbs::pack::LinkTurn;
use crate::verbs::pack::OpenedLarge;
use crate::verbs::pack::OwnerNames;
use crate::verbs::pack::PIECE_BYTES;
use crate::verbs::pack::Packed;
use crate::verbs::pack::Piece;
use crate::verbs::pack::Step;
use crate::verbs::pack::item_bytes;
use crate::verbs::pack::open_large;
use crate::verbs::pack::push_kept_line;
use std::cmp::Ordering;
use std::collections::HashMap;

/// What a line of the manifest counts for in the size of a part: more than it takes, for manifests are kept in memory until
/// the part ends.
const LINE_BYTES: u64 = 1 << 10;

/// How many times larger than asked for a part may become to keep together what belongs together.
const PART_OVERRUN_MAX: u64 = 3;

/// What the plan hands on, in order.
pub enum Planned {
    /// Work for a worker; about how many bytes it and what it makes take.
    Job(Job, u64),
    /// Done already: lines for the manifest.
    Ready(Packed),
    /// Here one part of the snapshot ends and another begins.
    Cut,
}

/// Makes the plan.
pub struct Planner<'a> {
    sources: &'a [Source],
    before: &'a State,
    context: Context<'a>,
    rehash: Rehash,
    part_bytes_max: u64,
    /// What no part may exceed, as the drive holds no larger file.
    pub part_bytes_limit: u64,
    /// Whether a source may have become empty.
    pub allow_empty: bool,
    /// Whether the state before ends with parts of a snapshot that was cut off.
    pub was_cut_off: bool,
    part_bytes: u64,
    job: GroupJob,
    send: &'a mut dyn FnMut(Planned) -> Result<()>,
    old: Option<OldGroups>,
    /// Directories whose own headers are wanted, and whether they are new, until their entries come.
    changed_directories: HashMap<Vec<u8>, (Stat, bool)>,
    /// Whether a header said that names are gone, and their lines are still to come.
    owes_lines: bool,
    /// What the last name of each file with several names waits for.
    links: HashMap<u64, LinkTurn>,
    owners: OwnerNames,
    /// What was found unchanged.
    pub counts: Counts,
    /// Sockets met.
    pub sockets: u64,
}

impl<'a> Planner<'a> {
    pub fn new(
        sources: &'a [Source],
        before: &'a State,
        context: Context<'a>,
        rehash: bool,
        part_bytes_max: u64,
        send: &'a mut dyn FnMut(Planned) -> Result<()>,
    ) -> Planner<'a> {
        Planner {
            sources,
            before,
            context,
            rehash: if rehash { Rehash::Yes } else { Rehash::No },
            part_bytes_max,
            part_bytes_limit: u64::MAX,
            allow_empty: false,
            was_cut_off: false,
            part_bytes: 0,
            job: GroupJob::default(),
            send,
            old: None,
            changed_directories: HashMap::new(),
            owes_lines: false,
            links: HashMap::new(),
            owners: OwnerNames::default(),
            counts: Counts::default(),
            sockets: 0,
        }
    }

    /// Compares the sources' own top directories; comes first.
    pub fn plan_tops(&mut self) -> Result<()> {
        for (number, source) in self.sources.iter().enumerate() {
            let top = EntryPathBuf::from_bytes(source.name()).unwrap_or_default();
            let before = self.before.find(&top)?;
            let stat = source.stat();
            let directory = self.enter_job(number, &[], Stat::default(), Header::Never);
            self.compare_directory(directory, source.name(), stat, before.map(|entry| entry.stat).as_ref());
            self.flush()?;
        }
        Ok(())
    }

    /// Compares one directory's entries.
    pub fn plan(&mut self, listing: Listing) -> Result<()> {
        self.go_to(listing.source, &listing.path)?;
        let Some(old) = &mut self.old else { return Ok(()) };
        let mut group = old.take_at(&listing.path)?;
        if listing.is_bare() && !group.rows.is_empty() && !self.allow_empty {
            let source = &self.sources[listing.source];
            source.check_alive()?;
            if listing.path == source.name() {
                return Err(super::sources::has_become_empty(&path::printable(source.name())));
            }
        }
        self.sockets += listing.sockets;
        if !listing.problems.is_empty() {
            self.tell(listing.problems.clone())?;
        }
        let (own, is_new) = self.changed_directories.remove(&listing.path).unzip();
        if is_new == Some(true) {
            // A run that was cut off after it said that the directory is gone may not have come to its contents; unpacking
            // has removed them all the same.
            group.rows.retain(|row| listing.find(row.name()).is_none());
        }
        if listing.is_unreadable {
            if let Some(old) = &mut self.old {
                old.keep(listing.path.clone());
            }
            return own.map_or(Ok(()), |stat| self.plan_header(&listing, stat));
        }
        for name in &listing.unreadable {
            if let Some(old) = &mut self.old {
                old.keep(path::joined(&listing.path, name));
            }
        }
        self.compare_entries(&listing, &group, own)
    }

    /// Whatever is left of the old state is gone. Comes last.
    pub fn finish(&mut self) -> Result<()> {
        for number in 0..self.sources.len() {
            self.go_to(number, self.sources[number].name())?;
        }
        self.pass_gone(None)?;
        self.flush()
    }

    /// Brings the old state to a directory: what stands before it is gone.
    fn go_to(&mut self, source: usize, path: &[u8]) -> Result<()> {
        while self.old.as_ref().is_none_or(|old| old.source < source) {
            self.pass_gone(None)?;
            let next = self.old.as_ref().map_or(0, |old| old.source + 1);
            self.old = Some(OldGroups::new(next, self.sources[next].name(), self.before)?);
        }
        self.pass_gone(Some(path))
    }

    fn pass_gone(&mut self, before: Option<&[u8]>) -> Result<()> {
        while let Some(old) = &mut self.old
            && let Some(group) = old.take_before(before)?
        {
            if old.is_kept(&group.path) {
                continue;
            }
            for row in &group.rows {
                self.plan_gone(&group.path, row)?;
            }
        }
        Ok(())
    }

    fn plan_gone(&mut self, directory: &[u8], row: &Row) -> Result<()> {
        let path = EntryPathBuf::from_bytes(&path::joined(directory, row.name()));
        if let (Some(path), Some(stat)) = (path, row.stat()) {
            self.push(Step::Gone { path, kind: stat.kind }, 0)?;
        }
        Ok(())
    }

    /// The header of a directory that cannot be listed.
    fn plan_header(&mut self, listing: &Listing, stat: Stat) -> Result<()> {
        let directory = self.enter_job(listing.source, &listing.path, stat, Header::Always(None));
        self.push(Step::Enter { directory }, item_bytes(listing.path.len(), &stat))
    }

    fn compare_entries(&mut self, listing: &Listing, group: &Group, own: Option<Stat>) -> Result<()> {
        let order = |row: &Row, found: &Found| row.name().cmp(listing.name(found));
        let mut owed = count_deleted(listing, group);
        if owed > 0 {
            // From here to the last line that is owed there is no cut: better one before.
            let so_far = self.part_bytes + self.job.bytes();
            let coming = changed_bytes(listing, group);
            if so_far > self.part_bytes_max / 8 && so_far + coming > self.part_bytes_max {
                self.cut(0)?;
            }
        }
        let mut directory = Lazy { own, header: None, place: None };
        if own.is_some() || owed > 0 {
            let names = (owed > 0).then(|| names_of(listing, group));
            directory.header = Some(Header::Always(names));
            let place = self.place(&mut directory, listing)?;
            let bytes = item_bytes(listing.path.len(), &Stat::default());
            self.push(Step::Enter { directory: place }, bytes)?;
        }
        for pair in diff::pairs(&group.rows, &listing.found, order) {
            self.owes_lines = owed > 0;
            owed -= usize::from(is_deleted(&pair, listing));
            match pair {
                Pair::Old(row) if listing.cannot_look_at(row.name()) => {}
                Pair::Old(row) => self.plan_gone(&group.path, row)?,
                Pair::New(found) => self.plan_found(&mut directory, listing, found, None)?,
                Pair::Both(row, found) => self.plan_found(&mut directory, listing, found, Some(row))?,
            }
        }
        self.owes_lines = false;
        Ok(())
    }

    fn plan_found(&mut self, directory: &mut Lazy, listing: &Listing, found: &Found, row: Option<&Row>) -> Result<()> {
        let old = row.and_then(Row::stat);
        let verdict = old.map_or(Verdict::Changed, |old| diff::compare(old, &found.stat, self.rehash));
        let name = listing.name(found);
        if verdict == Verdict::Unchanged {
            match found.stat.kind {
                Kind::Directory => self.note_unchanged_directory(&listing.path, name, found.stat),
                _ => self.counts.unchanged += 1,
            }
            return Ok(());
        }
        if found.stat.kind == Kind::Directory {
            if self.job.is_full_for(0) {
                self.flush()?;
            }
            if self.part_bytes > self.part_bytes_max {
                self.cut(0)?;
            }
            let place = self.place(directory, listing)?;
            self.compare_directory(place, name, found.stat, old);
            return Ok(());
        }
        if let (Verdict::Metadata, Some(before)) = (verdict, row)
            && let Some(path) = EntryPathBuf::from_bytes(&path::joined(&listing.path, name))
        {
            return self.push(Step::Metadata { path, stat: found.stat, before: before.clone() }, 0);
        }
        self.plan_item(directory, listing, found, row, verdict)
    }

    /// Plans the line of a directory that is in `parent`, and notes that its own header will be wanted.
    fn compare_directory(&mut self, parent: usize, name: &[u8], stat: Stat, old: Option<&Stat>) {
        let verdict = old.map(|old| diff::compare(old, &stat, self.rehash));
        let above = &self.job.directories[parent].path;
        if verdict == Some(Verdict::Unchanged) {
            let above = above.clone();
            return self.note_unchanged_directory(&above, name, stat);
        }
        let is_new = verdict != Some(Verdict::Metadata);
        let full = path::joined(above, name);
        self.changed_directories.insert(full, (stat, is_new));
        self.push_step(Step::Directory { directory: parent, name: name.into(), stat, is_new }, 0);
    }

    fn note_unchanged_directory(&mut self, above: &[u8], name: &[u8], stat: Stat) {
        self.counts.unchanged_directories += 1;
        if self.was_cut_off {
            // Its line may stand in a part that was finished, and its header in none: that comes later, with its own entries.
            self.changed_directories.insert(path::joined(above, name), (stat, false));
        }
    }

    fn plan_item(
        &mut self,
        directory: &mut Lazy,
        listing: &Listing,
        found: &Found,
        row: Option<&Row>,
        verdict: Verdict,
    ) -> Result<()> {
        // What has holes may take next to nothing.
        if found.stat.size > self.part_bytes_limit && !found.may_have_holes {
            return self.refuse_too_large(listing, found, row);
        }
        let link = self.link_turn(&found.stat);
        let is_second_name = found.stat.size > PIECE_BYTES && self.is_served(link.as_ref(), found, row)?;
        let is_large = found.stat.size > PIECE_BYTES && !is_second_name;
        let content_bytes = if is_second_name { 0 } else { found.stat.size };
        let path_length = listing.path.len() + 1 + listing.name(found).len();
        let bytes = item_bytes(path_length, &Stat { size: content_bytes, ..found.stat });
        if self.job.is_full_for(bytes) || is_large {
            self.flush()?;
        }
        // What fits no part gets one that is larger; cutting off next to nothing before it helps nobody.
        let so_far = self.part_bytes + self.job.bytes();
        let is_over = so_far + bytes > self.part_bytes_max;
        let is_worth_it = bytes <= self.part_bytes_max || so_far > self.part_bytes_max / 8;
        if is_over && (is_worth_it || so_far + bytes > self.part_bytes_limit) && so_far > 0 {
            // After a cut, what is known of other names of this file speaks of the part before.
            if self.cut(bytes)? {
                return self.plan_item(directory, listing, found, row, verdict);
            }
        }
        let place = self.place(directory, listing)?;
        let item = Item {
            directory: place,
            name: listing.name(found).into(),
            stat: found.stat,
            may_have_holes: found.may_have_holes,
            before: row.cloned(),
            verdict,
            link,
        };
        if is_large {
            return self.plan_large(place, item);
        }
        self.push_step(Step::Item(item), bytes);
        Ok(())
    }

    /// Tells that a file cannot be stored; its last version stays.
    fn refuse_too_large(&mut self, listing: &Listing, found: &Found, row: Option<&Row>) -> Result<()> {
        let Some(path) = EntryPathBuf::from_bytes(&path::joined(&listing.path, listing.name(found))) else {
            return Ok(());
        };
        let what = "is larger than a file on the archive's drive can be (4 GiB on FAT32): keep the archive on a drive \
                    with exFAT or another file system, or leave this file out with --exclude";
        self.tell(vec![Problem::new(path.clone(), what)])?;
        match row.and_then(Row::stat).map(|stat| stat.kind) {
            Some(Kind::Directory) => self.push(Step::Gone { path, kind: Kind::Directory }, 0),
            _ => Ok(()),
        }
    }

    fn link_turn(&mut self, stat: &Stat) -> Option<LinkTurn> {
        if stat.link == 0 || stat.kind != Kind::File {
            return None;
        }
        let turn = self.links.get(&stat.link).map_or_else(LinkTurn::first, LinkTurn::next);
        self.links.insert(stat.link, turn.handle());
        Some(turn)
    }

    /// Whether a large file is only a further name of one that was dealt with; waits until that is known.
    fn is_served(&mut self, link: Option<&LinkTurn>, found: &Found, row: Option<&Row>) -> Result<bool> {
        let Some(link) = link.filter(|link| link.is_second()) else { return Ok(false) };
        self.flush()?;
        let before = row.map(Row::entry).transpose()?.flatten();
        Ok(link.is_served(before.as_ref(), found.stat.size))
    }

    fn plan_large(&mut self, place: usize, item: Item) -> Result<()> {
        let size = item.stat.size;
        let path = EntryPathBuf::from_bytes(&path::joined(&self.job.directories[place].path, &item.name));
        let old = item.before.clone();
        let old_kind = old.as_ref().and_then(Row::stat).map(|stat| stat.kind);
        let mut packed = Packed::default();
        let directory = &self.job.directories[place];
        let opened = open_large(&self.context, &mut self.owners, directory, item, &mut packed.problems);
        // The directory's own header, if it is wanted, stands before the file.
        if directory.header == Header::IfStored && matches!(opened, Ok(OpenedLarge::Stored(_))) {
            self.job.directories[place].header = Header::Always(None);
            self.push_step(Step::Enter { directory: place }, item_bytes(0, &Stat::default()));
        }
        self.flush()?;
        match opened {
            Ok(OpenedLarge::Stored(file)) => {
                (self.send)(Planned::Ready(packed))?;
                self.part_bytes += size;
                for number in 0..file.pieces() {
                    let piece = Piece { file: file.clone(), number };
                    (self.send)(Planned::Job(Job::Piece(piece), PIECE_BYTES))?;
                }
                Ok(())
            }
            Ok(OpenedLarge::Kept(path, entry)) => {
                packed.bytes_read += size;
                let before = old.map(|row| row.entry()).transpose()?.flatten();
                push_kept_line(&path, &entry, before.as_ref(), self.context.bundle_name, &mut packed);
                (self.send)(Planned::Ready(packed))
            }
            Err(error) => {
                let Some(path) = path else { return Ok(()) };
                packed.problems.push(Problem::io(path.clone(), "cannot be read", &error));
                (self.send)(Planned::Ready(packed))?;
                // As for a small file: only a directory does not stay.
                match old_kind.filter(|kind| *kind == Kind::Directory) {
                    Some(kind) => self.push(Step::Gone { path, kind }, 0),
                    None => Ok(()),
                }
            }
        }
    }

    /// The directory's place in the present job.
    fn place(&mut self, directory: &mut Lazy, listing: &Listing) -> Result<usize> {
        if let Some(place) = directory.place
            && self.job.directories.get(place).is_some_and(|known| known.path == listing.path)
        {
            return Ok(place);
        }
        // A header of its own comes once; later jobs only read from the directory.
        let is_first = directory.place.is_none();
        let stat = match directory.own {
            Some(stat) => stat,
            None if is_first => self.stat_of(&listing.path)?,
            None => Stat::default(),
        };
        let header = if is_first { directory.header.take().unwrap_or(Header::IfStored) } else { Header::Never };
        let place = self.enter_job(listing.source, &listing.path, stat, header);
        directory.place = Some(place);
        Ok(place)
    }

    /// A directory's metadata as it was noted, for those whose own did not change.
    fn stat_of(&self, path: &[u8]) -> Result<Stat> {
        let path = EntryPathBuf::from_bytes(path).unwrap_or_default();
        Ok(self.before.find(&path)?.map(|entry| entry.stat).unwrap_or_default())
    }

    fn enter_job(&mut self, source: usize, path: &[u8], stat: Stat, header: Header) -> usize {
        self.job.directories.push(JobDirectory { source, path: path.to_vec(), stat, header });
        self.job.directories.len() - 1
    }

    fn push(&mut self, step: Step, bytes: u64) -> Result<()> {
        // A step that names a directory of the job must stay in it.
        if !matches!(step, Step::Enter { .. }) {
            if self.job.is_full_for(bytes) {
                self.flush()?;
            }
            if self.part_bytes > self.part_bytes_max {
                self.cut(bytes)?;
            }
        }
        self.push_step(step, bytes);
        Ok(())
    }

    fn push_step(&mut self, step: Step, bytes: u64) {
        self.part_bytes += LINE_BYTES;
        self.job.push(step, bytes);
    }

    /// Problems found by the scan go the same way as all others, so that they are told in order.
    fn tell(&mut self, problems: Vec<Problem>) -> Result<()> {
        self.flush()?;
        (self.send)(Planned::Ready(Packed { problems, ..Packed::default() }))
    }

    fn flush(&mut self) -> Result<()> {
        if self.job.is_empty() {
            return Ok(());
        }
        let job = std::mem::take(&mut self.job);
        self.part_bytes += job.bytes();
        let weight = job.weight();
        (self.send)(Planned::Job(Job::Group(job), weight))
    }

    /// Ends the part here, before `coming` bytes, if it may end here; says whether it did.
    fn cut(&mut self, coming: u64) -> Result<bool> {
        let so_far = self.part_bytes + self.job.bytes();
        let has_room = so_far.saturating_add(coming) <= self.part_bytes_limit;
        if self.owes_lines && has_room && so_far < self.part_bytes_max.saturating_mul(PART_OVERRUN_MAX) {
            // A header that deletes and the lines that say so belong together, should the run be cut off between two parts.
            return Ok(false);
        }
        self.flush()?;
        // A second name must be in the same bundle as the first, so that each bundle can be unpacked alone.
        self.links.clear();
        self.part_bytes = 0;
        (self.send)(Planned::Cut)?;
        Ok(true)
    }
}

/// A directory that takes part in jobs only when something in it changed.
struct Lazy {
    own: Option<Stat>,
    header: Option<Header>,
    place: Option<usize>,
}

/// How many names unpacking must delete.
fn count_deleted(listing: &Listing, group: &Group) -> usize {
    let order = |row: &Row, found: &Found| row.name().cmp(listing.name(found));
    diff::pairs(&group.rows, &listing.found, order).filter(|pair| is_deleted(pair, listing)).count()
}

/// About how many bytes of content may have to be stored of a directory's own entries.
fn changed_bytes(listing: &Listing, group: &Group) -> u64 {
    let order = |row: &Row, found: &Found| row.name().cmp(listing.name(found));
    let sizes = diff::pairs(&group.rows, &listing.found, order).map(|pair| match pair {
        Pair::Old(_) => 0,
        Pair::Both(row, found) if row.stat().is_some_and(|stat| stat.is_unchanged(&found.stat)) => 0,
        Pair::New(found) | Pair::Both(_, found) => found.stat.size,
    });
    sizes.fold(0, u64::saturating_add)
}

/// Whether unpacking must delete a name: it is gone, or a directory's name is now another kind's or the other way round.
fn is_deleted(pair: &Pair<&Row, &Found>, listing: &Listing) -> bool {
    match pair {
        Pair::Old(row) => !listing.cannot_look_at(row.name()),
        Pair::New(_) => false,
        Pair::Both(row, found) => {
            let was_directory = row.stat().is_some_and(|stat| stat.kind == Kind::Directory);
            was_directory != (found.stat.kind == Kind::Directory)
        }
    }
}

/// All names that are in a directory now, those among them that could not be looked at.
fn names_of(listing: &Listing, group: &Group) -> Vec<u8> {
    let mut names = DumpDir::default();
    let order = |row: &Row, found: &Found| -> Ordering { row.name().cmp(listing.name(found)) };
    for pair in diff::pairs(&group.rows, &listing.found, order) {
        match pair {
            Pair::Old(row) if !listing.cannot_look_at(row.name()) => {}
            Pair::Old(row) => match row.stat() {
                Some(stat) if stat.kind == Kind::Directory => names.directory(row.name()),
                _ => names.unchanged(row.name()),
            },
            Pair::New(found) | Pair::Both(_, found) if found.stat.kind == Kind::Directory => {
                names.directory(listing.name(found));
            }
            Pair::New(found) => names.stored(listing.name(found)),
            Pair::Both(row, found) => match row.stat() {
                Some(stat) if stat.is_unchanged(&found.stat) => names.unchanged(listing.name(found)),
                _ => names.stored(listing.name(found)),
            },
        }
    }
    names.into_bytes()
}
