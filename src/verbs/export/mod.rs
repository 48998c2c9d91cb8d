//! `export`: one point in time as a single ordinary `.tar.zst`, streamed. Knows nothing of where it goes.
//!
//! Plan (entries in the order of a tar, grouped into frames) → workers (contents read, checked, compressed) → written in
//! order. A content is checked before its header is written, as long as it fits in a frame.

mod make;
mod plan;

use self::make::Made;
use self::make::Maker;
use self::plan::Plan;
use crate::archive::catalog::Catalog;
use crate::archive::content::ContentCheck;
use crate::archive::content::Contents;
use crate::base::advice::Advice;
use crate::base::concurrency::Budget;
use crate::base::concurrency::Limits;
use crate::base::concurrency::Sender;
use crate::base::concurrency::ordered;
use crate::base::concurrency::threads as thread_count;
use crate::base::error::Error;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::id::Hasher;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Phase;
use crate::base::monitor::Progress;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::uncertain;
use crate::base::snapshot::uncertain_since;
use crate::format::frames::Compressor;
use crate::format::frames::Effort;
use crate::format::frames::FRAME_BYTES;
use crate::format::frames::LEVEL_DEFAULT;
use crate::format::frames::SeekTable;
use crate::format::tar;
use std::io::Write;

/// What a frame takes in memory, with the contents that it is made from, in bytes; about, and at most.
const JOB_BYTES: u64 = 2 * FRAME_BYTES as u64;

/// What to do when the archive is gone half-way.
const WHEN_GONE: Advice = Advice::PlugInAndExportAgain;

/// What is exported, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportOptions {
    /// The snapshot.
    pub at: SnapshotNumber,
    /// What of it, with everything below and the directories that lead there. Default: none, which means all.
    pub paths: Vec<EntryPathBuf>,
    /// How hard to compress: a level of zstd, 1 to 19. Default: 3.
    pub level: i32,
    /// How many threads read and compress; 0, the default: as many as there are cores.
    pub threads: usize,
}

impl Default for ExportOptions {
    fn default() -> ExportOptions {
        ExportOptions { at: SnapshotNumber::default(), paths: Vec::new(), level: LEVEL_DEFAULT, threads: 0 }
    }
}

/// Writes the state at a snapshot to `out` as one tar, compressed with zstd. Damage in the archive is reported to the
/// monitor and counted in the result: small files that are damaged are left out; large ones have in the damaged parts
/// what can still be decoded, and zeros.
///
/// # Errors
/// [`ErrorKind::NotFound`](crate::base::error::ErrorKind::NotFound) when there is no such snapshot or path; when the state cannot be known, for the index and the
/// manifests are damaged; when `out` cannot be written; [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when the monitor says so.
pub fn export(
    catalog: &Catalog,
    options: &ExportOptions,
    out: &mut (dyn Write + Send),
    monitor: &dyn Monitor,
) -> Result<u64> {
    let ExportOptions { at: number, ref paths, level, threads } = *options;
    catalog.check_is_there(number)?;
    let contents = Contents::new(catalog, ContentCheck::Hash, WHEN_GONE);
    let state = catalog.checked_state(number, paths)?;
    let history = state.summaries();
    let plan = Plan::new(state, number, paths, contents.reader())?;
    Compressor::new(Effort::Level(level))?;
    let mut export =
        Export { out, monitor, table: SeekTable::new(), large: None, problems: 0, progress: Progress::default() };
    if let Some(since) = uncertain_since(&history, number) {
        export.tell(&uncertain(since));
    }
    monitor.event(Event::Phase(Phase::Exporting));
    let threads = thread_count(threads);
    let budget = Budget::new((2 * threads as u64 + 2) * JOB_BYTES);
    let feed = |sender: &Sender<_, _>| {
        let mut plan = plan;
        plan.try_for_each(|job| sender.send(job, JOB_BYTES))
    };
    let maker = || {
        let mut maker = Maker::new(contents.reader(), level);
        move |job| maker.make(job)
    };
    ordered(Limits { threads, budget: &budget }, feed, maker, |made| {
        for made in made {
            export.take(made?)?;
        }
        Ok(())
    })?;
    export.finish(level)?;
    Ok(export.problems)
}

/// The writing end.
struct Export<'a> {
    out: &'a mut (dyn Write + Send),
    monitor: &'a dyn Monitor,
    table: SeekTable,
    /// The large file whose parts are being written.
    large: Option<LargeContent>,
    problems: u64,
    progress: Progress,
}

#[derive(Default)]
struct LargeContent {
    hasher: Hasher,
    damaged: bool,
}

impl Export<'_> {
    fn take(&mut self, made: Made) -> Result<()> {
        check_interrupted(self.monitor)?;
        self.write(&made.frames.stored)?;
        made.frames.lengths.iter().for_each(|frame| self.table.push(*frame));
        for problem in &made.problems {
            self.tell(problem);
        }
        self.progress.entries += made.entries;
        self.progress.bytes += made.bytes;
        if let Some(part) = made.part {
            let large = self.large.get_or_insert_default();
            large.damaged |= part.damaged;
            let content = part.entry.content.as_ref();
            if let Some(content) = content {
                content.holes.hash(part.offset, &part.bytes, &mut large.hasher);
            }
            if part.is_last {
                let hash = content.map(|content| content.hash);
                let sound = !large.damaged && hash == Some(large.hasher.hash());
                self.large = None;
                if !sound {
                    let what = "its content in the archive is damaged: the file in the export is NOT sound, it has zeros \
                                in place of what cannot be read";
                    self.tell(&Problem::new(part.path, what));
                } else if part.entry.is_torn() {
                    self.tell(&Problem::torn(part.path));
                }
            }
        }
        self.monitor.event(Event::Progress(self.progress));
        Ok(())
    }

    fn tell(&mut self, problem: &Problem) {
        self.problems += 1;
        self.monitor.event(Event::Problem(problem));
    }

    fn finish(&mut self, level: i32) -> Result<()> {
        let mut stored = Vec::new();
        let frame = Compressor::new(Effort::Level(level))?.append_frame(&[0; tar::END_BYTES], &mut stored)?;
        self.table.push(frame);
        stored.extend_from_slice(&self.table.to_bytes());
        self.write(&stored)?;
        self.out.flush().map_err(write_failed)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(write_failed)
    }
}

fn write_failed(error: std::io::Error) -> Error {
    Error::io("cannot write the export", error)
}

#[cfg(test)]
mod tests;
