//! Which contents have a text in them: each distinct one of the files in question is read once, about in the order in which they
//! stand in the archive. Knows nothing of who asks.

use super::wanted::Wanted;
use crate::archive::catalog::Catalog;
use crate::archive::content::ContentCheck;
use crate::archive::content::Contents;
use crate::archive::content::Reader;
use crate::archive::timeline::Step;
use crate::archive::timeline::Steps;
use crate::base::advice::Advice;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::matcher::Text;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Phase;
use crate::base::monitor::Progress;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPathBuf;
use crate::base::path::joined;
use std::collections::HashSet;

/// How much is read at once.
const PIECE_BYTES: u64 = 1 << 20;

/// So many contents are brought into the order of the archive.
const WAITING_MAX: usize = 4096;

/// The first bytes of a hash: enough to know a content again.
type ShortHash = [u8; 16];

/// The hashes of the contents of wanted files, of all snapshots, that have `text` in them. What cannot be read is told as a problem.
///
/// # Errors
/// When the text is empty or too long; as for [`find`](super::find).
pub(super) fn contents_with(
    catalog: &Catalog,
    (wanted, text): (&Wanted, &[u8]),
    monitor: &dyn Monitor,
) -> Result<HashSet<Hash>> {
    monitor.event(Event::Phase(Phase::SearchingContents));
    catalog.retry_after_index_damage(|| {
        let contents = Contents::new(catalog, ContentCheck::Hash, Advice::PlugInArchive);
        let mut search = Search {
            wanted,
            text: Text::new(text)?,
            reader: contents.reader(),
            monitor,
            seen: HashSet::new(),
            found: HashSet::new(),
            waiting: Vec::new(),
            progress: Progress::default(),
        };
        Steps::new(catalog, monitor).try_for_each(|step| search.add(&step?))?;
        search.read_waiting()?;
        Ok(search.found)
    })
}

struct Search<'s> {
    wanted: &'s Wanted<'s>,
    text: Text,
    reader: Reader,
    monitor: &'s dyn Monitor,
    /// The contents that were or will be read.
    seen: HashSet<ShortHash>,
    found: HashSet<Hash>,
    waiting: Vec<(EntryPathBuf, Entry)>,
    progress: Progress,
}

impl Search<'_> {
    /// Adds the contents that an index file names.
    fn add(&mut self, step: &Step) -> Result<()> {
        let Some(file) = step.file() else { return Ok(()) };
        for number in 0..file.block_count() {
            check_interrupted(self.monitor)?;
            let block = file.block_alone(number)?;
            for (directory, rows) in block.groups() {
                for row in rows.clone().map(|row| row as usize) {
                    let is_long_enough = |size: u64| size >= self.text.length() as u64;
                    let stat = block.stat(row).filter(|stat| stat.kind == Kind::File && is_long_enough(stat.size));
                    let path = joined(directory, block.name(row));
                    if !stat.is_some_and(|stat| self.wanted.may_fit(&path, stat)) {
                        continue;
                    }
                    let Some(entry) = block.entry(row)? else { continue };
                    let path = EntryPathBuf::from_bytes(&path).filter(|_| self.wanted.fits(&path, &entry));
                    path.map_or(Ok(()), |path| self.push(path, entry))?;
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, path: EntryPathBuf, entry: Entry) -> Result<()> {
        // What was erased or pruned is in no snapshot that can be asked for.
        let content = entry.content.as_ref().filter(|_| !entry.is_pruned());
        let short = content.and_then(|content| content.hash.0.first_chunk::<16>());
        if short.is_some_and(|short| self.seen.insert(*short)) {
            self.waiting.push((path, entry));
        }
        if self.waiting.len() >= WAITING_MAX { self.read_waiting() } else { Ok(()) }
    }

    fn read_waiting(&mut self) -> Result<()> {
        let place = |entry: &Entry| entry.content.as_ref().map(|content| (content.place.bundle, content.place.offset));
        self.waiting.sort_by_key(|(_, entry)| place(entry));
        for (path, entry) in std::mem::take(&mut self.waiting) {
            let Some(content) = &entry.content else { continue };
            match self.reader.check_place(&entry) {
                Ok(()) => self.read(&path, &entry, content)?,
                Err(lost) if lost.is_damage() => self.tell(path, &lost),
                Err(error) => return Err(error),
            }
            self.progress.entries += 1;
        }
        Ok(())
    }

    /// Looks through a content. Its holes are no text.
    fn read(&mut self, path: &EntryPathBuf, entry: &Entry, content: &Content) -> Result<()> {
        let mut trouble = None;
        for range in content.holes.data(0..entry.stat.size) {
            let (mut at, mut buffer) = (range.start, Vec::new());
            while at < range.end {
                check_interrupted(self.monitor)?;
                let kept: usize = buffer.len();
                let piece = (range.end - at).min(PIECE_BYTES);
                buffer.resize(kept + piece as usize, 0);
                trouble = trouble.or(self.reader.read_lossy(entry, at, &mut buffer[kept..])?);
                if self.text.is_in(&buffer) {
                    self.found.insert(content.hash);
                    return Ok(());
                }
                // It may stand across two pieces.
                buffer.drain(..buffer.len().saturating_sub(self.text.length() - 1));
                at += piece;
                self.progress.bytes += piece;
                self.monitor.event(Event::Progress(self.progress));
            }
        }
        if let Some(why) = trouble {
            self.tell(path.clone(), &why);
        }
        Ok(())
    }

    fn tell(&self, path: EntryPathBuf, why: &Error) {
        let what = format!("not all of its content could be looked through: {why}");
        self.monitor.event(Event::Problem(&Problem::new(path, what)));
    }
}
