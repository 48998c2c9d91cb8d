//! A worker: decodes frames, checks what is in them and hands it on.

use super::job::UnpackJob;
use super::job::UnpackPiece;
use super::jobs::Jobs;
use super::piece::PieceBytes;
use super::target::Target;
use crate::archive::content::contents::Contents;
use crate::archive::content::frame::ContentCheck;
use crate::archive::content::frame::DecodedFrame;
use crate::archive::content::frame::Stored;
use crate::archive::content::place::ContentRequest;
use crate::archive::content::reader::Reader;
use crate::archive::content::runs::Runs;
use crate::base::concurrency::Buffers;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::format::bundle::Bundle;
use crate::format::frames::Decompressor;
use std::ops::Range;
use std::sync::Arc;

pub(super) struct Worker<'w, T: Target> {
    jobs: &'w Jobs<UnpackJob<T>>,
    buffers: &'w Buffers,
    decompressor: Decompressor,
    raw: Vec<u8>,
    /// Of contents from which others are made.
    reader: Reader,
    made: Runs,
}

impl<'w, T: Target> Worker<'w, T> {
    pub(super) fn new(jobs: &'w Jobs<UnpackJob<T>>, buffers: &'w Buffers, contents: &'w Contents) -> Worker<'w, T> {
        Worker {
            jobs,
            buffers,
            decompressor: Decompressor::new(),
            raw: Vec::new(),
            reader: contents.reader(),
            made: Runs::default(),
        }
    }

    pub(super) fn run(mut self) {
        while let Some((job, room)) = self.jobs.next() {
            let done = match job {
                UnpackJob::Empty(files) => self.finish_empty(&files),
                UnpackJob::Made(piece, range) => self.make(piece, range),
                UnpackJob::Frame { bundle, stored, pieces } => self.take_apart(&bundle, stored, pieces),
                UnpackJob::Look(files, wanted) => self.look(files).map(|files| {
                    // Nobody waits for them any more when everything was ended.
                    let _ = wanted.send(files);
                }),
            };
            drop(room);
            if let Err(error) = done {
                self.jobs.stop(error);
            }
        }
    }

    fn look(&self, files: Vec<Arc<T>>) -> Result<Vec<Arc<T>>> {
        let mut wanted = Vec::new();
        for file in files {
            if self.jobs.is_stopped() {
                break;
            }
            if file.look()? {
                wanted.push(file);
            }
        }
        Ok(wanted)
    }

    fn finish_empty(&self, files: &[Arc<T>]) -> Result<()> {
        for file in files {
            if self.jobs.is_stopped() {
                break;
            }
            let hash = file.entry().content.as_ref().map(|content| content.hash);
            if hash != Some(Hasher::new().hash()) {
                file.fail(&Error::damaged("the index contradicts itself about its content"))?;
            } else if let Some(open) = file.begin()? {
                file.finish(open)?;
            }
        }
        Ok(())
    }

    /// Makes a range of a content from an older one, and hands it on.
    fn make(&mut self, piece: UnpackPiece<T>, range: Range<u64>) -> Result<()> {
        let UnpackPiece { file, large } = piece;
        let is_stopped = self.jobs.is_stopped();
        let mut made = std::mem::take(&mut self.made);
        let (mut runs, gone) = match self.reader.runs_lossy(file.entry(), range.clone(), &mut made) {
            _ if is_stopped => (Ok(made), Ok(())),
            Ok(None) => (Ok(made), Ok(())),
            Ok(Some(lost)) => (Err(lost), Ok(())),
            // Others wait for its turn all the same.
            Err(gone) => (Err(Error::damaged("the archive cannot be read any more")), Err(gone)),
        };
        let is_stopped = is_stopped || gone.is_err();
        let piece = PieceBytes::Made { start: range.start, runs: &runs };
        let done = match large {
            Some((large, turn)) => large.take_piece(&*file, turn, &piece, is_stopped),
            None if is_stopped => Ok(()),
            None => take_small(&*file, &piece),
        };
        // Frames that are held now keep others from being decoded into their memory.
        if let Ok(runs) = &mut runs {
            runs.clear();
        }
        self.made = runs.unwrap_or_default();
        gone.and(done)
    }

    fn take_apart(&mut self, bundle: &Bundle, mut stored: Stored, pieces: Vec<UnpackPiece<T>>) -> Result<()> {
        // The hash of each content covers what the frame's checksum does.
        let raw = std::mem::take(&mut self.raw);
        let frame = DecodedFrame::decode(&mut stored, ContentCheck::Hash, &mut self.decompressor, raw);
        self.buffers.put(stored.bytes);
        let mut result = Ok(());
        // To the end even after an error: others wait for the turns of large contents.
        for UnpackPiece { file, large } in pieces {
            let is_stopped = result.is_err() || self.jobs.is_stopped();
            let done = match large {
                Some((large, turn)) => {
                    large.take_piece(&*file, turn, &PieceBytes::Frame { bundle, frame: &frame }, is_stopped)
                }
                None if is_stopped => Ok(()),
                None => take_small(&*file, &PieceBytes::Frame { bundle, frame: &frame }),
            };
            result = result.and(done);
        }
        self.raw = frame.into_raw();
        result
    }
}

/// A content that is here as a whole: nothing is begun before it was found right.
fn take_small<T: Target>(file: &T, bytes: &PieceBytes) -> Result<()> {
    let wanted = ContentRequest::of(file.entry())?;
    let ranges = match bytes.ranges(&wanted) {
        Ok(ranges) => ranges,
        Err(error) => return file.fail(&error),
    };
    if hash_of(&ranges) != wanted.content.hash {
        return file.fail(&bytes.wrong_content());
    }
    let Some(open) = file.begin()? else { return Ok(()) };
    for (offset, range) in ranges {
        if !file.write(&open, offset, range)? {
            return Ok(());
        }
    }
    file.finish(open)
}

fn hash_of(ranges: &[(u64, &[u8])]) -> Hash {
    let mut hasher = Hasher::new();
    for (_, bytes) in ranges {
        hasher.update(bytes);
    }
    hasher.hash()
}
