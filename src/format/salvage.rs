//! A damaged frame, decoded as far as it goes: block by block, without its checksum. Knows nothing of what the bytes are, and
//! does not say that they are right: that is for whoever has a hash of them.
//!
//! A frame (RFC 8878, 3.1.1) is a header, blocks, and a checksum. Each block begins with three bytes that say how long it is in
//! the file; how long its content is, only blocks that are not compressed say. What stands behind a block that cannot be
//! decoded is found by the lengths of the blocks, which lead to the end of the frame from everywhere, and is placed by the
//! length of the frame's content.

use crate::format::frames::header_length;
use std::ops::Range;
use zstd::zstd_safe::DCtx;
use zstd::zstd_safe::InBuffer;
use zstd::zstd_safe::OutBuffer;

/// The most bytes that a block holds, before and after compression.
const BLOCK_BYTES_MAX: usize = 128 << 10;

const BLOCK_HEADER_BYTES: usize = 3;
const CHECKSUM_BYTES: usize = 4;

/// The longest and the shortest header of a frame.
const HEADER_BYTES: Range<usize> = 6..19;

/// The rest of a frame is given up after this many blocks that cannot be decoded.
const BAD_BLOCKS_MAX: usize = 256;

/// What could be decoded of a frame.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Salvaged {
    /// The content, zeros in place of what could not be decoded. As long as it should be.
    pub raw: Vec<u8>,
    /// What could not be decoded, ascending.
    pub lost: Vec<Range<usize>>,
}

/// Decodes what can be decoded of the frame `stored`, whose content is `raw_bytes` long.
pub fn salvage(stored: &[u8], raw_bytes: usize) -> Salvaged {
    let frame = Damaged { stored, raw_bytes, starts: Starts::of(stored) };
    let (first, is_to_the_end) = frame.decode(None);
    if first.raw.len() == raw_bytes {
        return first;
    }
    // A block may hold less than the most it can. Where one run only is lost, the rest of the frame says how long that is.
    if let [lost] = &first.lost[..]
        && let Some(length) = (lost.len() + raw_bytes).checked_sub(first.raw.len())
    {
        let (second, _) = frame.decode(Some(length));
        if second.raw.len() == raw_bytes && second.lost.len() == 1 {
            return second;
        }
    }
    placed_from_both_ends(&first, is_to_the_end, raw_bytes)
}

/// What stands before the first lost run, and what stands behind the last one if that goes to the frame's end.
fn placed_from_both_ends(found: &Salvaged, is_to_the_end: bool, raw_bytes: usize) -> Salvaged {
    let front = found.lost.first().map_or(found.raw.len(), |lost| lost.start).min(raw_bytes);
    let back = found.lost.last().map_or(&[][..], |lost| &found.raw[lost.end..]);
    let back = if is_to_the_end && back.len() <= raw_bytes - front { back } else { &[] };
    let mut raw = found.raw[..front].to_vec();
    raw.resize(raw_bytes - back.len(), 0);
    raw.extend_from_slice(back);
    let lost = front..raw_bytes - back.len();
    Salvaged { raw, lost: if lost.is_empty() { Vec::new() } else { vec![lost] } }
}

impl Salvaged {
    fn decoded_bytes(&self) -> usize {
        self.raw.len() - self.lost.iter().map(ExactSizeIterator::len).sum::<usize>()
    }
}

/// Places in a frame from which the lengths of the blocks lead to the frame's end.
struct Starts(Vec<u64>);

impl Starts {
    fn of(stored: &[u8]) -> Starts {
        let mut starts = Starts(vec![0; stored.len() / 64 + 1]);
        let end = stored.len().saturating_sub(CHECKSUM_BYTES);
        for at in (0..end).rev() {
            let leads_on = |block: Block| {
                if block.is_last { block.end == end } else { block.end < end && starts.contains(block.end) }
            };
            if Block::at(stored, at).is_some_and(leads_on) {
                starts.0[at / 64] |= 1 << (at % 64);
            }
        }
        starts
    }

    fn contains(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// The first one in `range`.
    fn first_in(&self, mut range: Range<usize>) -> Option<usize> {
        range.find(|at| self.contains(*at))
    }
}

/// A block of a frame.
struct Block {
    start: usize,
    end: usize,
    is_last: bool,
}

impl Block {
    /// The block that seems to begin at `at`.
    fn at(stored: &[u8], at: usize) -> Option<Block> {
        let [a, b, c] = *stored.get(at..)?.first_chunk::<BLOCK_HEADER_BYTES>()?;
        let (is_last, kind, size) = (a & 1 == 1, a >> 1 & 3, (u32::from_le_bytes([a, b, c, 0]) >> 3) as usize);
        // A block of one byte many times over stores it once.
        let end = at + BLOCK_HEADER_BYTES + if kind == 1 { 1 } else { size };
        (kind != 3 && size <= BLOCK_BYTES_MAX && end <= stored.len()).then_some(Block { start: at, end, is_last })
    }
}

struct Damaged<'s> {
    stored: &'s [u8],
    raw_bytes: usize,
    starts: Starts,
}

impl Damaged<'_> {
    /// Decodes block after block; whether the last one was reached and decoded. A lost run counts as long as its blocks can be
    /// at most, or as `lost_bytes`: what comes out is as long as it should be only if that was right.
    fn decode(&self, lost_bytes: Option<usize>) -> (Salvaged, bool) {
        let mut found = Salvaged { raw: Vec::with_capacity(self.raw_bytes), lost: Vec::new() };
        let (mut blocks, mut bad, mut is_to_the_end) = (None, 0, false);
        let mut next = self.first_block(&mut found, lost_bytes);
        while let Some(at) = next {
            let block = Block::at(self.stored, at);
            let decoder = blocks.get_or_insert_with(|| Blocks::after(&found.raw, self.raw_bytes));
            if let Some(block) = &block
                && decoder.decode(&self.stored[block.start..block.end], &mut found.raw)
            {
                is_to_the_end = block.is_last;
                next = (!block.is_last && found.decoded_bytes() <= self.raw_bytes).then_some(block.end);
                continue;
            }
            found.raw.extend_from_slice(self.cut_off(at));
            (blocks, bad) = (None, bad + 1);
            lose(&mut found, lost_bytes);
            next = self.next_start(at, block).filter(|_| bad < BAD_BLOCKS_MAX);
        }
        if found.lost.is_empty() && found.raw.len() < self.raw_bytes {
            // Cut off.
            found.lost.push(found.raw.len()..self.raw_bytes);
            found.raw.resize(self.raw_bytes, 0);
        }
        (found, is_to_the_end)
    }

    /// What is there of a block at `at` that is not compressed, where the file ends in it.
    fn cut_off(&self, at: usize) -> &[u8] {
        let rest = self.stored.get(at..).unwrap_or_default();
        let Some([a, b, c]) = rest.first_chunk() else { return &[] };
        let size = (u32::from_le_bytes([*a, *b, *c, 0]) >> 3) as usize;
        let is_cut_off = *a & 0b110 == 0 && size <= BLOCK_BYTES_MAX && size > rest.len() - BLOCK_HEADER_BYTES;
        if is_cut_off { &rest[BLOCK_HEADER_BYTES..] } else { &[] }
    }

    /// Where the first block begins. Where the header is damaged, what may be lost before it is noted.
    fn first_block(&self, found: &mut Salvaged, lost_bytes: Option<usize>) -> Option<usize> {
        let by_header = header_length(self.stored).filter(|length| Block::at(self.stored, *length).is_some());
        by_header.or_else(|| self.starts.first_in(HEADER_BYTES)).or_else(|| {
            lose(found, lost_bytes);
            self.starts.first_in(HEADER_BYTES.end..self.stored.len())
        })
    }

    /// Where decoding goes on after the block at `at`, which is damaged: behind it, if its length leads to the frame's end.
    fn next_start(&self, at: usize, block: Option<Block>) -> Option<usize> {
        let behind = block.filter(|block| !block.is_last && self.starts.contains(block.end));
        behind.map(|block| block.end).or_else(|| self.starts.first_in(at + 1..self.stored.len()))
    }
}

/// Notes a block as lost.
fn lose(found: &mut Salvaged, lost_bytes: Option<usize>) {
    let start = found.raw.len();
    match found.lost.last_mut().filter(|last| last.end == start) {
        Some(last) => last.end += if lost_bytes.is_none() { BLOCK_BYTES_MAX } else { 0 },
        None => found.lost.push(start..start + lost_bytes.unwrap_or(BLOCK_BYTES_MAX)),
    }
    let end = found.lost.last().map_or(start, |last| last.end);
    found.raw.resize(end, 0);
}

/// Decodes blocks one by one, as those of one frame.
struct Blocks {
    inner: DCtx<'static>,
    buffer: Vec<u8>,
}

impl Blocks {
    /// A decoder of blocks that stand behind `before` in a frame whose content is `raw_bytes` long.
    fn after(before: &[u8], raw_bytes: usize) -> Blocks {
        const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
        const WINDOW_LOG_MIN: u32 = 17;
        let mut blocks = Blocks { inner: DCtx::create(), buffer: vec![0; BLOCK_BYTES_MAX] };
        let window_log = usize::BITS - raw_bytes.max(1 << WINDOW_LOG_MIN).leading_zeros();
        // A header without content size and checksum, whose window is all of the frame.
        let header = [&MAGIC[..], &[0, ((window_log - 10) << 3) as u8]].concat();
        let mut out = Vec::new();
        blocks.feed(&header, &mut out);
        for piece in before.chunks(BLOCK_BYTES_MAX) {
            // As a block that is not compressed, and not the last.
            let header = ((piece.len() as u32) << 3).to_le_bytes();
            blocks.feed(&header[..BLOCK_HEADER_BYTES], &mut out);
            out.clear();
            blocks.feed(piece, &mut out);
            out.clear();
        }
        blocks
    }

    /// Appends the content of a block, which begins with its header, to `out`; `false` and nothing when it is damaged.
    fn decode(&mut self, block: &[u8], out: &mut Vec<u8>) -> bool {
        let length = out.len();
        let mut header = [block[0], block[1], block[2]];
        // None is the last, so that others can follow.
        header[0] &= !1;
        let is_decoded = self.feed(&header, out) && self.feed(&block[BLOCK_HEADER_BYTES..], out);
        if !is_decoded {
            out.truncate(length);
        }
        is_decoded
    }

    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let mut input = InBuffer::around(bytes);
        loop {
            let before = input.pos();
            let mut output = OutBuffer::around(&mut self.buffer[..]);
            if self.inner.decompress_stream(&mut output, &mut input).is_err() {
                return false;
            }
            let count = output.pos();
            out.extend_from_slice(&self.buffer[..count]);
            if input.pos() == bytes.len() && count < self.buffer.len() {
                return true;
            }
            if input.pos() == before && count == 0 {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::noise::noise;
    use crate::format::frames::Compressor;
    use crate::format::frames::Effort;

    fn text(length: usize) -> Vec<u8> {
        let words = (0u64..).flat_map(|n| format!("{} ", n.wrapping_mul(n) % 9973 * 7).into_bytes());
        words.take(length).collect()
    }

    fn frame(raw: &[u8], level: i32) -> Vec<u8> {
        let mut stored = Vec::new();
        Compressor::new(Effort::Level(level)).unwrap().append_frame(raw, &mut stored).unwrap();
        stored
    }

    /// How many bytes come back right; what is not said to be lost may be wrong.
    fn right(found: &Salvaged, raw: &[u8]) -> usize {
        assert_eq!(found.raw.len(), raw.len());
        let is_lost = |at: usize| found.lost.iter().any(|lost| lost.contains(&at));
        (0..raw.len()).filter(|at| found.raw[*at] == raw[*at] && !is_lost(*at)).count()
    }

    #[test]
    fn a_sound_frame_comes_back_whole_whatever_it_holds() {
        for raw in [noise(700_000, 1), text(500_000), vec![0; 300_000], b"x".to_vec(), text(70_000)] {
            for level in [1, 3, 19] {
                let found = salvage(&frame(&raw, level), raw.len());
                assert!(found.raw == raw && found.lost.is_empty(), "{} at {level}", raw.len());
            }
        }
    }

    /// Where each block of a sound frame begins, and its content.
    fn blocks(stored: &[u8], raw_bytes: usize) -> Vec<(usize, usize)> {
        let (mut at, mut raw) = (header_length(stored).unwrap(), Vec::new());
        let mut blocks = Blocks::after(&[], raw_bytes);
        let mut starts = Vec::new();
        loop {
            let block = Block::at(stored, at).unwrap();
            starts.push((at, raw.len()));
            assert!(blocks.decode(&stored[block.start..block.end], &mut raw));
            if block.is_last {
                return starts;
            }
            at = block.end;
        }
    }

    #[test]
    fn garbage_in_what_does_not_compress_costs_its_own_bytes_or_a_block() {
        let raw = noise(600_000, 2);
        let stored = frame(&raw, 3);
        let blocks = blocks(&stored, raw.len());
        for at in (20..stored.len() - 1000).step_by(59_999).chain(blocks[1..].iter().map(|(at, _)| *at)) {
            let mut bad = stored.clone();
            bad[at..at + 1000].copy_from_slice(&noise(1000, at as u64));
            let found = salvage(&bad, raw.len());
            let hits_header = blocks
                .iter()
                .any(|(start, _)| (at..at + 1000).contains(start) || (at..at + 1000).contains(&(start + 2)));
            let least = if hits_header { raw.len() - BLOCK_BYTES_MAX - 2000 } else { raw.len() - 1000 };
            assert!(right(&found, &raw) >= least, "garbage at {at}: {} lost {:?}", right(&found, &raw), found.lost);
        }
    }

    #[test]
    fn what_stands_before_a_damaged_block_comes_back_and_what_is_not_compressed_behind_it() {
        let raw = [text(300_000), noise(300_000, 3), text(200_000), noise(300_000, 5)].concat();
        for level in [1, 3, 19] {
            let stored = frame(&raw, level);
            let blocks = blocks(&stored, raw.len());
            for at in (20..stored.len() - 10).step_by(stored.len() / 13) {
                let mut bad = stored.clone();
                bad[at..at + 4].copy_from_slice(&noise(4, at as u64));
                let found = salvage(&bad, raw.len());
                let before = blocks.iter().rev().find(|(start, _)| *start <= at).unwrap().1;
                assert!(found.raw[..before] == raw[..before], "{at} at {level}");
                let is_far = at + 2 * BLOCK_BYTES_MAX < stored.len();
                assert!(!is_far || found.raw[raw.len() - 100_000..] == raw[raw.len() - 100_000..], "{at} at {level}");
            }
        }
    }

    #[test]
    fn a_frame_that_is_cut_off_gives_what_is_there() {
        let raw = noise(1 << 20, 7);
        let stored = frame(&raw, 3);
        for length in [0, 3, 12, 200_000, 700_000, stored.len() - 5] {
            let found = salvage(&stored[..length], raw.len());
            assert!(right(&found, &raw) + 100 >= length, "{length}: {}", right(&found, &raw));
        }
    }

    #[test]
    fn garbage_is_no_frame_and_takes_no_time() {
        for stored in [noise(300_000, 8), vec![0; 600_000], [2, 0, 0].repeat(50_000), Vec::new()] {
            let found = salvage(&stored, 1 << 20);
            assert_eq!(found.raw.len(), 1 << 20);
            assert!(found.lost.iter().all(|lost| lost.end <= 1 << 20));
        }
    }
}
