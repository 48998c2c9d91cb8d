//! Contents out of bundles: each needed frame is read once, in the order of the file, decompressed by workers and handed on;
//! every content is checked against its hash. Knows nothing of where they go.
//!
//! One thread reads, the others decompress, hash and write. The pieces of a large content may come from several workers at
//! once; its hash takes them in turn. Jobs are handed out in the order of the file, so whoever waits for a turn waits for one
//! that is already in work.

mod large;
mod plan;
mod queue;
mod tests;

use crate::base::concurrency::Buffers;
use crate::base::concurrency::join;
use crate::base::entry::Content;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::format::bundle::Bundle;
use crate::format::frames::Decompressor;
use crate::format::frames::FrameAt;
use large::Large;
use plan::BundlePlan;
use queue::Queue;
use std::ops::Range;
use std::sync::Arc;
use std::thread;

/// The most bytes of frames, compressed and not, that are on their way at once; one frame always may be.
const IN_FLIGHT_BYTES_MAX: usize = 64 << 20;

/// How many contents without bytes make up one job.
const EMPTY_PER_JOB: usize = 64;

/// A content that is wanted. Nothing of it is trusted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Its length in bytes, holes included.
    pub size: u64,
    /// Where it is, its hash and its holes.
    pub content: &'a Content,
}

impl Wanted<'_> {
    /// The offset of the first byte from `from` on that is in no hole; `None` when there is none left.
    fn next_data(&self, from: u64) -> Option<u64> {
        self.content.holes.next_data(from, self.size)
    }
}

/// Where contents go. Called from several threads at once; contents are known by their number among the wanted ones. An error
/// of any call ends everything; what concerns one content only, the sink keeps to itself.
pub trait Sink: Sync {
    /// A content on its way; dropped, when it is not finished.
    type Open: Send + Sync;

    /// Its first bytes are there. `None` when it is not wanted any more; then nothing more is said of it.
    ///
    /// # Errors
    /// What ends everything.
    fn begin(&self, number: usize) -> Result<Option<Self::Open>>;

    /// These bytes stand at `offset` of the content. Pieces come in no order; holes are left out. `false` when it is not
    /// wanted any more; then it is dropped and nothing more is said of it.
    ///
    /// # Errors
    /// What ends everything.
    fn write(&self, number: usize, open: &Self::Open, offset: u64, bytes: &[u8]) -> Result<bool>;

    /// All its bytes were handed on, and they are the right ones.
    ///
    /// # Errors
    /// What ends everything.
    fn finish(&self, number: usize, open: Self::Open) -> Result<()>;

    /// It cannot be had: what is in the archive is damaged, missing or unreadable. What was begun of it is dropped.
    ///
    /// # Errors
    /// What ends everything.
    fn fail(&self, number: usize, why: &Error) -> Result<()>;
}

/// Hands every one of `wanted` to `sink`, in the order of bundles and places, with `threads` workers (at least one).
///
/// # Errors
/// The first error of the sink.
pub fn unpack<S: Sink>(
    wanted: &[Wanted],
    open_bundle: &dyn Fn(BundleId) -> Result<Arc<Bundle>>,
    threads: usize,
    sink: &S,
) -> Result<()> {
    let queue = Queue::new(IN_FLIGHT_BYTES_MAX);
    let buffers = Buffers::default();
    thread::scope(|scope| {
        let run = || Worker::new(wanted, sink, &queue, &buffers).run();
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(run)).collect();
        let fed = feed(wanted, open_bundle, sink, &queue, &buffers);
        queue.close(fed);
        join(workers);
    });
    queue.into_result()
}

/// What a worker does at once.
enum Job<O> {
    /// Takes a frame apart.
    Frame { bundle: Arc<Bundle>, frame: FrameAt, stored: Result<Vec<u8>>, pieces: Vec<Piece<O>> },
    /// Contents that have no bytes, or none but holes.
    Empty(Vec<usize>),
}

/// The part of a content that is in one frame.
struct Piece<O> {
    number: usize,
    /// For a content that is in several frames: what its pieces share, and which piece this is.
    large: Option<(Arc<Large<O>>, Turn)>,
}

/// Which piece of a large content.
#[derive(Clone, Copy)]
struct Turn {
    number: usize,
    is_last: bool,
}

/// Reads what is needed, in the order of the files, as long as there is room for it.
fn feed<S: Sink>(
    wanted: &[Wanted],
    open_bundle: &dyn Fn(BundleId) -> Result<Arc<Bundle>>,
    sink: &S,
    queue: &Queue<Job<S::Open>>,
    buffers: &Buffers,
) -> Result<()> {
    let mut order = Vec::with_capacity(wanted.len());
    let mut empty = Vec::new();
    for (number, one) in wanted.iter().enumerate() {
        let numbers = if one.next_data(0).is_none() { &mut empty } else { &mut order };
        numbers.push(number);
    }
    for numbers in empty.chunks(EMPTY_PER_JOB) {
        if !queue.reserve(0) {
            return Ok(());
        }
        queue.push(Job::Empty(numbers.to_vec()), 0);
    }
    let bundle_of = |number: usize| wanted[number].content.place.bundle;
    order.sort_unstable_by_key(|number| bundle_of(*number));
    for numbers in order.chunk_by(|a, b| bundle_of(*a) == bundle_of(*b)) {
        match open_bundle(bundle_of(numbers[0])) {
            Ok(bundle) => feed_bundle(wanted, &bundle, numbers, sink, queue, buffers)?,
            Err(error) => numbers.iter().try_for_each(|number| sink.fail(*number, &error))?,
        }
        if queue.is_stopped() {
            break;
        }
    }
    Ok(())
}

fn feed_bundle<S: Sink>(
    wanted: &[Wanted],
    bundle: &Arc<Bundle>,
    numbers: &[usize],
    sink: &S,
    queue: &Queue<Job<S::Open>>,
    buffers: &Buffers,
) -> Result<()> {
    let mut inside = Vec::with_capacity(numbers.len());
    for number in numbers {
        if plan::is_inside(&wanted[*number], bundle.table()) {
            inside.push(*number);
        } else {
            let what = if bundle.has_sound_table() {
                format!("the index places it outside of bundle {}", bundle.name())
            } else {
                format!("bundle {} is cut off or damaged before the place where it is", bundle.name())
            };
            sink.fail(*number, &Error::damaged(what))?;
        }
    }
    let mut plan = BundlePlan::new(wanted, bundle.table(), &inside);
    while let Some((frame, pieces)) = plan.next_frame() {
        let cost = frame.stored_bytes as usize + frame.raw_bytes as usize;
        if !queue.reserve(cost) {
            break;
        }
        let stored = bundle.stored_frame_in(&frame, buffers.get());
        queue.push(Job::Frame { bundle: bundle.clone(), frame, stored, pieces }, cost);
    }
    Ok(())
}

struct Worker<'w, S: Sink> {
    wanted: &'w [Wanted<'w>],
    sink: &'w S,
    queue: &'w Queue<Job<S::Open>>,
    buffers: &'w Buffers,
    decompressor: Decompressor,
    raw: Vec<u8>,
}

impl<'w, S: Sink> Worker<'w, S> {
    fn new(
        wanted: &'w [Wanted<'w>],
        sink: &'w S,
        queue: &'w Queue<Job<S::Open>>,
        buffers: &'w Buffers,
    ) -> Worker<'w, S> {
        Worker { wanted, sink, queue, buffers, decompressor: Decompressor::new(), raw: Vec::new() }
    }

    fn run(mut self) {
        while let Some((job, cost)) = self.queue.pop() {
            let done = match job {
                Job::Empty(numbers) => self.finish_empty(&numbers),
                Job::Frame { bundle, frame, stored, pieces } => self.take_apart(&bundle, frame, stored, pieces),
            };
            self.queue.done(cost);
            if let Err(error) = done {
                self.queue.stop(error);
            }
        }
    }

    fn finish_empty(&self, numbers: &[usize]) -> Result<()> {
        for number in numbers {
            if self.queue.is_stopped() {
                break;
            }
            if self.wanted[*number].content.hash != Hasher::new().hash() {
                self.sink.fail(*number, &Error::damaged("the index contradicts itself about its content"))?;
            } else if let Some(open) = self.sink.begin(*number)? {
                self.sink.finish(*number, open)?;
            }
        }
        Ok(())
    }

    fn take_apart(
        &mut self,
        bundle: &Bundle,
        frame: FrameAt,
        stored: Result<Vec<u8>>,
        pieces: Vec<Piece<S::Open>>,
    ) -> Result<()> {
        let raw = stored.and_then(|stored| {
            let mut raw = std::mem::take(&mut self.raw);
            let done = self.decompressor.decompress_to(&stored, frame.raw_bytes, &mut raw);
            self.buffers.put(stored);
            done.map_err(|error| error.while_doing(&format!("cannot read bundle {}", bundle.name())))?;
            Ok(raw)
        });
        let mut result = Ok(());
        // To the end even after an error: others wait for the turns of large contents.
        for piece in pieces {
            let bytes = PieceBytes { wanted: self.wanted[piece.number], bundle, frame, raw: &raw };
            let done = match piece.large {
                Some((large, turn)) => {
                    let is_stopped = result.is_err() || self.queue.is_stopped();
                    large.take_piece(self.sink, piece.number, turn, &bytes, is_stopped)
                }
                None if result.is_err() || self.queue.is_stopped() => Ok(()),
                None => self.take_small(piece.number, &bytes),
            };
            result = result.and(done);
        }
        self.raw = raw.unwrap_or_default();
        result
    }

    /// A content that is in this frame as a whole: nothing is begun before it was found right.
    fn take_small(&self, number: usize, bytes: &PieceBytes) -> Result<()> {
        let hash = match bytes.hash() {
            Ok(hash) => hash,
            Err(error) => return self.sink.fail(number, error),
        };
        if hash != bytes.wanted.content.hash {
            return self.sink.fail(number, &wrong_content(bytes.bundle));
        }
        let Some(open) = self.sink.begin(number)? else { return Ok(()) };
        for (offset, range) in bytes.ranges().unwrap_or_default() {
            if !self.sink.write(number, &open, offset, range)? {
                return Ok(());
            }
        }
        self.sink.finish(number, open)
    }
}

fn wrong_content(bundle: &Bundle) -> Error {
    Error::damaged(format!("what is in bundle {} is not what was saved", bundle.name()))
}

/// What a frame has of a content.
struct PieceBytes<'a> {
    wanted: Wanted<'a>,
    bundle: &'a Bundle,
    frame: FrameAt,
    raw: &'a Result<Vec<u8>>,
}

impl<'a> PieceBytes<'a> {
    /// Offset in the content and bytes of each range between holes; the error, when the frame cannot be had.
    fn ranges(&self) -> std::result::Result<Vec<(u64, &'a [u8])>, &'a Error> {
        let raw = self.raw.as_ref()?;
        let begin = self.wanted.content.place.offset;
        let start = self.frame.raw_offset.saturating_sub(begin);
        let end = (self.frame.raw_end() - begin).min(self.wanted.size);
        let ranges = self.wanted.content.holes.data(start..end);
        let range = |data: Range<u64>| {
            let from = (begin + data.start - self.frame.raw_offset) as usize;
            raw.get(from..from + (data.end - data.start) as usize).map(|bytes| (data.start, bytes))
        };
        Ok(ranges.filter_map(range).collect())
    }

    fn hash(&self) -> std::result::Result<Hash, &'a Error> {
        let mut hasher = Hasher::new();
        self.ranges()?.iter().for_each(|(_, bytes)| hasher.update(bytes));
        Ok(hasher.hash())
    }
}
