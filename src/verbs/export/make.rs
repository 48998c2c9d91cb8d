//! One frame of an export: contents read out of the bundles and checked, tar members built, all of it compressed.

use super::plan::ExportJob;
use super::plan::FileChunk;
use super::plan::Item;
use crate::archive::content::Reader;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::path::EntryPathBuf;
use crate::format::frames::Effort;
use crate::format::layout::FrameBuilder;
use crate::format::layout::Frames;
use crate::format::tar::Body;
use std::sync::Arc;

/// Frames, and what happened while they were made.
#[derive(Default)]
pub(super) struct Made {
    /// None when nothing of the job can be in the export.
    pub frames: Frames,
    pub problems: Vec<Problem>,
    pub entries: u64,
    pub bytes: u64,
    pub part: Option<MadePart>,
}

/// The part of a large file that is in the frame, for the hash of the whole.
pub(super) struct MadePart {
    pub path: EntryPathBuf,
    pub entry: Arc<Entry>,
    pub offset: u64,
    /// Empty for what is all in a hole.
    pub bytes: Vec<u8>,
    pub damaged: bool,
    pub is_last: bool,
}

/// What a worker keeps from one frame to the next.
pub(super) struct Maker {
    reader: Reader,
    effort: Effort,
    frames: FrameBuilder,
}

impl Maker {
    pub fn new(reader: Reader, level: i32) -> Maker {
        Maker { reader, effort: Effort::Level(level), frames: FrameBuilder::default() }
    }

    pub fn make(&mut self, job: Result<ExportJob>) -> Result<Made> {
        self.frames.truncate(0);
        let mut made = Made::default();
        match job? {
            ExportJob::Members(items) => {
                for item in items {
                    self.member(item, &mut made)?;
                }
            }
            ExportJob::FileChunk(part) if Maker::is_hole(&part) => return self.hole(part),
            ExportJob::FileChunk(part) => self.part(part, &mut made)?,
            ExportJob::Unreadable(path, error) => made.problems.push(left_out(path, &error)),
        }
        self.frames.finish(self.effort, &mut made.frames)?;
        Ok(made)
    }

    /// A member with its content, or a problem and nothing.
    ///
    /// # Errors
    /// When the archive cannot be read any more.
    fn member(&mut self, item: Item, made: &mut Made) -> Result<()> {
        let Item { path, entry, first_name, sound } = item;
        made.entries += 1;
        if let Some(first) = first_name {
            let mut gone = None;
            let mut is_sound = || match self.content(&entry) {
                Ok(_) => true,
                Err(error) => {
                    gone = Some(error).filter(|error| !error.is_damage());
                    false
                }
            };
            let sound = sound.is_none_or(|sound| *sound.get_or_init(&mut is_sound));
            if let Some(error) = gone {
                return Err(error);
            }
            if sound {
                self.frames.header(&path, &entry, Body::LinkTo(first.as_bytes()));
            } else {
                let why = Error::damaged(format!("it is another name of {first}, whose content is damaged"));
                made.problems.push(left_out(path, &why));
            }
            return Ok(());
        }
        let content = self.content(&entry);
        if let Some(sound) = sound {
            sound.get_or_init(|| content.is_ok());
        }
        match content {
            Ok(content) => {
                self.frames.header(&path, &entry, Body::Itself);
                self.frames.content(content.len()).copy_from_slice(&content);
                self.frames.pad(content.len() as u64);
                made.bytes += content.len() as u64;
                made.problems.extend(entry.is_torn().then(|| Problem::torn(path)));
            }
            Err(error) if !error.is_damage() => return Err(error),
            Err(error) => made.problems.push(left_out(path, &error)),
        }
        Ok(())
    }

    /// The whole content of a file that fits in a frame, checked; nothing for what is not a file.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::base::error::ErrorKind::Damaged) when it is not to be had; otherwise when the archive cannot be
    /// read any more.
    fn content(&mut self, entry: &Entry) -> Result<Vec<u8>> {
        if entry.stat.kind == Kind::File { self.reader.read(entry) } else { Ok(Vec::new()) }
    }

    /// Whether a part that is neither the first nor the last is all in a hole.
    fn is_hole(part: &FileChunk) -> bool {
        let end = part.offset + part.length;
        let content = part.entry.content.as_ref();
        content.is_some_and(|content| content.holes.covers(part.offset..end))
            && part.offset > 0
            && end < part.entry.stat.size
    }

    fn hole(&mut self, part: FileChunk) -> Result<Made> {
        let mut made = Made { bytes: part.length, ..Made::default() };
        self.frames.zeros(part.length, self.effort, &mut made.frames)?;
        made.part = Some(made_part(part, Vec::new(), false));
        Ok(made)
    }

    fn part(&mut self, part: FileChunk, made: &mut Made) -> Result<()> {
        let mut bytes = vec![0; part.length as usize];
        let lost = self.reader.read_lossy(&part.entry, part.offset, &mut bytes)?;
        if part.offset == 0 {
            made.entries = 1;
            self.frames.header(&part.path, &part.entry, Body::Itself);
        }
        self.frames.content(bytes.len()).copy_from_slice(&bytes);
        if part.offset + part.length == part.entry.stat.size {
            self.frames.pad(part.entry.stat.size);
        }
        made.bytes = part.length;
        made.part = Some(made_part(part, bytes, lost.is_some()));
        Ok(())
    }
}

fn made_part(part: FileChunk, bytes: Vec<u8>, damaged: bool) -> MadePart {
    MadePart {
        is_last: part.offset + part.length == part.entry.stat.size,
        offset: part.offset,
        path: part.path,
        entry: part.entry,
        bytes,
        damaged,
    }
}

fn left_out(path: EntryPathBuf, error: &Error) -> Problem {
    Problem::new(path, format!("left out of the export: {error}"))
}
