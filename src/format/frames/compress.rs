//! Making frames: how hard, and read back from memory before they count.

use super::FRAME_BYTES;
use super::FRAME_BYTES_MAX;
use super::LEVEL_DEFAULT;
use super::header::Frame;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use std::io;
use zstd::bulk;
use zstd::zstd_safe::CParameter;
use zstd::zstd_safe::Strategy;

/// The logarithm of how far back a frame may refer: all of it.
const WINDOW_LOG: u32 = 23;

/// Data that does not compress is met by compressing this many samples of a frame, each of [`PROBE_BYTES`].
const PROBES: usize = 4;
const PROBE_BYTES: usize = 32 << 10;

/// Shorter frames are not tried, just compressed.
const PROBED_BYTES_MIN: usize = 1 << 20;

/// The level for what does not compress: practically a copy.
const LEVEL_CHEAPEST: i32 = -50;

/// More than this is cut into frames of [`FRAME_BYTES`].
const UNCUT_BYTES_MAX: usize = 2 * FRAME_BYTES;

/// How hard a frame is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effort {
    /// As a level of zstd says, 1 to 19.
    Level(i32),
    /// A step, 0 (softest) to [`STEP_MAX`]; about as levels 2, 3, 5, 7, 10 and 11, chosen for frames of this size and little memory.
    Step(usize),
}

impl Default for Effort {
    fn default() -> Self {
        Effort::Level(LEVEL_DEFAULT)
    }
}

/// The hardest step of effort.
pub const STEP_MAX: usize = STEPS.len() - 1;

/// Strategy, and the logarithms and lengths that belong to it. Measured on frames of source code, in relation to level 3 with its
/// own window: size 1.005, 0.99, 0.91, 0.86, 0.84, 0.83; time 0.8, 1.0, 1.9, 3.5, 5.8, 8.9.
const STEPS: [StepParameters; 6] = [
    StepParameters(Strategy::ZSTD_dfast, [16, 14, 1, 5, 0]),
    StepParameters(Strategy::ZSTD_dfast, [17, 16, 1, 5, 0]),
    StepParameters(Strategy::ZSTD_greedy, [19, 18, 3, 5, 2]),
    StepParameters(Strategy::ZSTD_lazy, [19, 19, 4, 5, 8]),
    StepParameters(Strategy::ZSTD_lazy2, [20, 20, 5, 5, 16]),
    StepParameters(Strategy::ZSTD_lazy2, [21, 21, 6, 5, 32]),
];

/// Logarithms of hash table, chain table and searches; shortest match; target length.
struct StepParameters(Strategy, [u32; 5]);

/// Makes frames; keeps its memory from one to the next. Each frame is read back from memory before it counts.
pub struct Compressor {
    inner: bulk::Compressor<'static>,
    cheapest: Option<bulk::Compressor<'static>>,
    effort: Effort,
    raw_bytes_max: usize,
    stored: Vec<u8>,
    check: FrameCheck,
}

impl Compressor {
    /// A maker of frames, each with a checksum of its content.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(effort: Effort) -> Result<Compressor> {
        let inner = compressor().and_then(|mut inner| set_effort(&mut inner, effort).map(|()| inner));
        Ok(Compressor {
            inner: inner.map_err(cannot_set_up)?,
            cheapest: None,
            effort,
            raw_bytes_max: FRAME_BYTES_MAX,
            stored: Vec::new(),
            check: FrameCheck::default(),
        })
    }

    /// For frames of at most so many bytes; otherwise of [`FRAME_BYTES_MAX`].
    #[must_use]
    pub fn for_frames_up_to(self, raw_bytes_max: usize) -> Compressor {
        Compressor { raw_bytes_max, ..self }
    }

    /// Changes the effort for the frames to come.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn set_effort(&mut self, effort: Effort) -> Result<()> {
        if self.effort != effort {
            set_effort(&mut self.inner, effort).map_err(cannot_set_up)?;
            self.effort = effort;
        }
        Ok(())
    }

    /// Appends `raw` to `out`: as one frame, or cut into several of [`FRAME_BYTES`] where it is much more than one holds as a rule.
    ///
    /// # Errors
    /// As for [`Compressor::append_frame`].
    pub fn append_frames(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<Vec<Frame>> {
        let (mut rest, mut frames) = (raw, Vec::new());
        while !rest.is_empty() {
            let (part, after) = rest.split_at(if rest.len() > UNCUT_BYTES_MAX { FRAME_BYTES } else { rest.len() });
            frames.push(self.append_frame(part, out)?);
            rest = after;
        }
        Ok(frames)
    }

    /// Appends one frame with `raw` (not empty) to `out`.
    ///
    /// # Errors
    /// When there is no memory for it; [`ErrorKind::Refused`] when `raw` is longer than a reader takes; [`ErrorKind::Damaged`] when
    /// the frame does not give back what went in.
    pub fn append_frame(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<Frame> {
        let failed = |error| Error::io("cannot compress", error);
        if raw.len() > self.raw_bytes_max {
            let what = format!("cannot compress {} bytes as one frame: no reader takes so many", raw.len());
            return Err(Error::new(ErrorKind::Refused, what));
        }
        self.stored.clear();
        let is_compressible = raw.len() < PROBED_BYTES_MIN || self.is_compressible(raw).map_err(failed)?;
        self.stored.clear();
        let start = out.len();
        // Straight to where it is wanted, if that is empty.
        let stored = if start == 0 { &mut *out } else { &mut self.stored };
        stored.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        let inner = match (&mut self.cheapest, is_compressible) {
            (_, true) => &mut self.inner,
            (Some(cheapest), false) => cheapest,
            (none, false) => none.insert(compressor().map_err(cannot_set_up)?),
        };
        inner.compress_to_buffer(raw, stored).map_err(failed)?;
        self.check.check(stored, raw)?;
        if start > 0 {
            out.extend_from_slice(&self.stored);
        }
        Ok(Frame { stored_bytes: (out.len() - start) as u32, raw_bytes: raw.len() as u32 })
    }

    /// Whether some parts of `raw`, from front to end, become smaller by at least a thirtieth.
    fn is_compressible(&mut self, raw: &[u8]) -> io::Result<bool> {
        self.stored.reserve(zstd::zstd_safe::compress_bound(PROBE_BYTES));
        for number in 0..PROBES {
            let start = (raw.len() - PROBE_BYTES) / (PROBES - 1) * number;
            self.stored.clear();
            let length = self.inner.compress_to_buffer(&raw[start..start + PROBE_BYTES], &mut self.stored)?;
            if length < PROBE_BYTES - PROBE_BYTES / 30 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

pub(super) fn cannot_set_up(error: io::Error) -> Error {
    Error::io("cannot set up compression", error)
}

fn compressor() -> io::Result<bulk::Compressor<'static>> {
    let mut inner = bulk::Compressor::new(LEVEL_CHEAPEST)?;
    inner.set_parameter(CParameter::ChecksumFlag(true))?;
    Ok(inner)
}

fn set_effort(inner: &mut bulk::Compressor, effort: Effort) -> io::Result<()> {
    inner.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
    match effort {
        Effort::Level(level) => inner.set_parameter(CParameter::CompressionLevel(level)),
        Effort::Step(step) => {
            let StepParameters(strategy, [hash, chain, search, shortest, target]) = STEPS[step.min(STEP_MAX)];
            let parameters = [
                CParameter::CompressionLevel(LEVEL_DEFAULT),
                CParameter::Strategy(strategy),
                CParameter::HashLog(hash),
                CParameter::ChainLog(chain),
                CParameter::SearchLog(search),
                CParameter::MinMatch(shortest),
                CParameter::TargetLength(target),
            ];
            parameters.into_iter().try_for_each(|parameter| inner.set_parameter(parameter))
        }
    }
}

/// Decompresses what was just compressed and compares: memory that forgets a bit, or a mistake in the compression, is met while
/// the source is still there.
#[derive(Default)]
pub(super) struct FrameCheck {
    inner: Option<bulk::Decompressor<'static>>,
    raw: Vec<u8>,
}

impl FrameCheck {
    pub(super) fn check(&mut self, stored: &[u8], raw: &[u8]) -> Result<()> {
        let inner = match &mut self.inner {
            Some(inner) => inner,
            empty => empty.insert(bulk::Decompressor::new().map_err(cannot_set_up)?),
        };
        self.raw.clear();
        self.raw.reserve(raw.len());
        let is_same = inner.decompress_to_buffer(stored, &mut self.raw).is_ok() && self.raw == raw;
        if is_same { Ok(()) } else { Err(not_what_went_in()) }
    }
}

pub(super) fn not_what_went_in() -> Error {
    Error::damaged("what was compressed just now cannot be decompressed to the same bytes")
        .with_advice(Advice::TestMemory)
}
