//! A content that is made from a chain of older ones, made from one of these alone: what was between them need not stay.

use crate::archive::content::Reader;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::PATCH_BASE_BYTES_MAX;
use crate::base::entry::PATCH_PIECES_MAX;
use crate::base::entry::Patch;
use crate::base::entry::PatchPiece;
use crate::base::entry::Stat;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::Hasher;
use crate::format::frames::LEVEL_DEFAULT;
use crate::format::frames::compress_patch;
use crate::format::layout::PIECE_BYTES;
use crate::system::store::Spool;
use std::ops::Range;
use std::sync::Arc;

/// Fewer bytes that stand in the older content are made with what is beside them.
const COPY_BYTES_MIN: u64 = 64 << 10;

/// So many bytes are read at once of those that stand in the older content.
const READ_BYTES: u64 = 1 << 20;

/// Some bytes of a content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Part {
    bytes: u64,
    origin: Origin,
}

/// Where they are from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// They stand in the older content from here on.
    Base(u64),
    /// They are data, so many bytes of it as it is stored, about.
    Data(u64),
}

/// What a content consists of if it is made from one of the older ones of its chain.
pub struct Rebased {
    parts: Vec<Part>,
    size: u64,
    base: Content,
    base_size: u64,
    whole_bytes: u64,
    /// More data is not worth it.
    data_bytes_max: u64,
}

/// A patch, and the data of its pieces.
pub type MadePatch = (Arc<Patch>, Spool);

impl Rebased {
    /// What the content that `patch` makes consists of, if that which `older` has is one of those from which it is made, and only
    /// what changed is to be stored; `None` otherwise.
    pub fn on(patch: &Patch, older: &Entry) -> Option<Rebased> {
        let base = older.content.as_ref().filter(|_| !older.is_without_content())?;
        let is_last = |patch: &&Patch| {
            (patch.base.place, patch.base.hash) == (base.place, base.hash) && patch.base_size == older.stat.size
        };
        let last = patch.chain().position(|patch| is_last(&patch))?;
        let mut parts: Vec<Part> = patch.pieces.iter().map(Part::of).collect();
        for patch in patch.chain().skip(1).take(last) {
            parts = through(parts, patch);
        }
        let size = parts.iter().map(|part| part.bytes).sum();
        let (base, base_size) = (Content { torn: false, ..base.clone() }, older.stat.size);
        let (parts, whole_bytes) = (joined(parts), patch.whole_bytes);
        let (chain_bytes, chain_pieces) =
            base.patch.as_deref().map_or((0, 0), |patch| (patch.chain_bytes(), patch.chain_pieces()));
        let data_bytes_max = (whole_bytes / 2).saturating_sub(chain_bytes);
        let rebased = Rebased { parts, size, base, base_size, whole_bytes, data_bytes_max };
        let has_room = rebased.parts.len() <= PATCH_PIECES_MAX.saturating_sub(chain_pieces);
        let is_worth_it = has_room && rebased.stored_bytes() <= data_bytes_max;
        is_worth_it.then_some(rebased)
    }

    /// About how many bytes of data it has.
    pub fn stored_bytes(&self) -> u64 {
        let stored = self.parts.iter().map(|part| if let Origin::Data(stored) = part.origin { stored } else { 0 });
        stored.fold(0, u64::saturating_add)
    }

    /// Makes it of `content`, which it is; `None` when that is not worth it. Both contents are read, one after the other.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::base::error::ErrorKind::Damaged) when one of the contents is not what was saved; otherwise when
    /// they cannot be read.
    pub fn make(&self, content: &Content, reader: &mut Reader) -> Result<Option<MadePatch>> {
        let (new, old) = (entry_of(content, self.size), entry_of(&self.base, self.base_size));
        let (mut pieces, mut data, mut hasher) = (Vec::new(), Spool::default(), Hasher::new());
        let (mut at, mut stored_bytes) = (0, 0);
        for (number, part) in self.parts.iter().enumerate() {
            let bytes = part.bytes;
            if let Origin::Base(from) = part.origin {
                hash_base(&old, (from, at, bytes), (content, &mut hasher), reader)?;
                pieces.push(PatchPiece { bytes, from, base_bytes: 0, stored: 0 });
            } else {
                let near = self.near(number);
                let (raw, older) = (read(&new, at..at + bytes, reader)?, read(&old, near.clone(), reader)?);
                content.holes.hash(at, &raw, &mut hasher);
                let made = compress_patch(&raw, &older, LEVEL_DEFAULT)?;
                let (base_bytes, stored) = (older.len() as u64, made.len() as u64);
                let from = if older.is_empty() { 0 } else { near.start };
                pieces.push(PatchPiece { bytes, from, base_bytes, stored });
                stored_bytes += stored;
                data.append(|data| {
                    data.extend_from_slice(&made);
                    Ok(())
                })?;
            }
            at += bytes;
            if stored_bytes > self.data_bytes_max {
                return Ok(None);
            }
        }
        if hasher.hash() != content.hash {
            return Err(Error::damaged("a content that is made from older ones is not what was saved"));
        }
        let (base, base_size, whole_bytes) = (self.base.clone(), self.base_size, self.whole_bytes);
        Ok(Some((Arc::new(Patch { pieces, whole_bytes, base_size, base }), data)))
    }

    /// The bytes of the older content from which a part is made: those between the ones that stand before and behind it.
    fn near(&self, number: usize) -> Range<u64> {
        let (before, behind) = (&self.parts[..number], &self.parts[number + 1..]);
        let is_data = |part: &&Part| matches!(part.origin, Origin::Data(_));
        let skipped: u64 = before.iter().rev().take_while(is_data).map(|part| part.bytes).sum();
        let start = before.iter().rev().find_map(Part::base_range).map_or(0, |range| range.end);
        let end = behind.iter().find_map(Part::base_range).map_or(self.base_size, |range| range.start);
        let bytes = self.parts[number].bytes;
        // Where more stands before it than what is made of it, the bytes at the same distance are the likely ones.
        let start = start.saturating_add(skipped).min(self.base_size);
        let end = if end < start { start.saturating_add(bytes).min(self.base_size) } else { end };
        start..end.min(start.saturating_add(PATCH_BASE_BYTES_MAX))
    }
}

/// What a reader takes for a file with this content.
fn entry_of(content: &Content, size: u64) -> Entry {
    Entry { stat: Stat { size, ..Stat::default() }, content: Some(content.clone()), ..Entry::default() }
}

fn read(entry: &Entry, range: Range<u64>, reader: &mut Reader) -> Result<Vec<u8>> {
    let mut raw = vec![0; (range.end - range.start) as usize];
    reader.read_at(entry, range.start, &mut raw)?;
    Ok(raw)
}

/// Hashes bytes that stand in the older content from `from` on, and from `at` on in the new one.
fn hash_base(
    old: &Entry,
    (from, at, bytes): (u64, u64, u64),
    (content, hasher): (&Content, &mut Hasher),
    reader: &mut Reader,
) -> Result<()> {
    let (mut done, mut raw) = (0, Vec::new());
    while done < bytes {
        let length = READ_BYTES.min(bytes - done);
        raw.resize(length as usize, 0);
        reader.read_at(old, from + done, &mut raw)?;
        content.holes.hash(at + done, &raw, hasher);
        done += length;
    }
    Ok(())
}

impl Part {
    fn of(piece: &PatchPiece) -> Part {
        let origin = if piece.stored == 0 { Origin::Base(piece.from) } else { Origin::Data(piece.stored) };
        Part { bytes: piece.bytes, origin }
    }

    /// The bytes of the older content that it is.
    fn base_range(&self) -> Option<Range<u64>> {
        match self.origin {
            Origin::Base(from) => Some(from..from + self.bytes),
            Origin::Data(_) => None,
        }
    }

    /// The `bytes` bytes of it from `at` on.
    fn part(&self, at: u64, bytes: u64) -> Part {
        let origin = match self.origin {
            Origin::Base(from) => Origin::Base(from + at),
            Origin::Data(stored) => {
                Origin::Data((u128::from(stored) * u128::from(bytes) / u128::from(self.bytes.max(1))) as u64)
            }
        };
        Part { bytes, origin }
    }
}

/// The same parts, where those that stand in the content which `patch` makes are said by what that is made from.
fn through(parts: Vec<Part>, patch: &Patch) -> Vec<Part> {
    let mut end = 0;
    let ends = patch.pieces.iter().map(|piece| {
        end += piece.bytes;
        end
    });
    let begins: Vec<u64> = std::iter::once(0).chain(ends).collect();
    let mut found = Vec::with_capacity(parts.len());
    for part in parts {
        let Origin::Base(from) = part.origin else {
            found.push(part);
            continue;
        };
        let (mut at, end) = (from, from + part.bytes);
        let first = begins.partition_point(|begin| *begin <= at).saturating_sub(1);
        for (piece, begin) in patch.pieces.iter().zip(&begins).skip(first) {
            let until = end.min(begin + piece.bytes);
            if at >= until {
                break;
            }
            push(&mut found, Part::of(piece).part(at - begin, until - at));
            at = until;
        }
    }
    found
}

/// Adds a part; what goes on where the last one ended is one with it.
fn push(parts: &mut Vec<Part>, part: Part) {
    if let (Some(last), Some(range)) = (parts.last_mut(), part.base_range())
        && last.base_range().is_some_and(|last| last.end == range.start)
    {
        last.bytes += part.bytes;
    } else {
        parts.push(part);
    }
}

/// The same parts, fewer of them: short ones beside data are data, and data that follows data is one, up to the length of a piece.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let is_data = |part: Option<&Part>| part.is_some_and(|part| part.base_range().is_none());
    let is_made = |at: usize| {
        let beside = [at.checked_sub(1), at.checked_add(1)];
        let is_beside = beside.into_iter().flatten().any(|at| is_data(parts.get(at)));
        is_data(parts.get(at)) || parts[at].bytes < COPY_BYTES_MIN && is_beside
    };
    let mut found: Vec<Part> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        if !is_made(at) {
            push(&mut found, *part);
            continue;
        }
        let mut left = if is_data(Some(part)) { *part } else { Part { origin: Origin::Data(0), ..*part } };
        while left.bytes > 0 {
            let full = found.last().filter(|last| is_data(Some(last))).map_or(0, |last| last.bytes);
            let room = if full < PIECE_BYTES { PIECE_BYTES - full } else { PIECE_BYTES };
            let taken = left.part(0, left.bytes.min(room));
            left = left.part(taken.bytes, left.bytes - taken.bytes);
            match (found.last_mut(), taken.origin) {
                (Some(Part { bytes, origin: Origin::Data(stored) }), Origin::Data(more)) if full < PIECE_BYTES => {
                    *bytes += taken.bytes;
                    *stored = stored.saturating_add(more);
                }
                _ => found.push(taken),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::base::entry::Place;
    use crate::base::id::BundleId;
    use crate::base::id::Hash;

    const LARGE: u64 = 1 << 20;

    fn content(number: u8, patch: Option<Patch>) -> Content {
        let place = Place { bundle: BundleId::new(u32::from(number), 0), offset: 512 };
        Content { hash: Hash([number; 32]), place, patch: patch.map(Arc::new), ..Content::default() }
    }

    /// A patch of pieces (bytes, from, data), of a content of this size that is number `base`.
    fn patch(pieces: &[(u64, u64, u64)], base: Content, base_size: u64) -> Patch {
        let piece = |(bytes, from, stored): &(u64, u64, u64)| PatchPiece {
            bytes: *bytes,
            from: *from,
            base_bytes: 0,
            stored: *stored,
        };
        Patch { pieces: pieces.iter().map(piece).collect(), whole_bytes: 100 * LARGE, base_size, base }
    }

    fn entry(content: Content, size: u64) -> Entry {
        entry_of(&content, size)
    }

    fn shown(rebased: &Rebased) -> Vec<(u64, Option<u64>)> {
        rebased.parts.iter().map(|part| (part.bytes, part.base_range().map(|range| range.start))).collect()
    }

    #[test]
    fn what_stands_in_an_older_content_is_found_through_those_between() {
        let first = content(1, None);
        // A MiB of its own is put in after the first, then the first goes, and one is appended.
        let second =
            content(2, Some(patch(&[(LARGE, 0, 0), (LARGE, 0, 9), (3 * LARGE, LARGE, 0)], first.clone(), 4 * LARGE)));
        let third = patch(&[(4 * LARGE, LARGE, 0), (LARGE, 0, 7)], second.clone(), 5 * LARGE);
        let rebased = Rebased::on(&third, &entry(first.clone(), 4 * LARGE)).unwrap();
        assert_eq!(shown(&rebased), [(LARGE, None), (3 * LARGE, Some(LARGE)), (LARGE, None)]);
        assert_eq!((rebased.stored_bytes(), rebased.size), (16, 5 * LARGE));
        assert_eq!((rebased.near(0), rebased.near(2)), (0..LARGE, 4 * LARGE..4 * LARGE));
        assert!(Rebased::on(&third, &entry(content(3, None), 4 * LARGE)).is_none(), "it is not made from that");
        assert!(Rebased::on(&third, &entry(first, 5)).is_none(), "nor from one of another length");
        assert_eq!(shown(&Rebased::on(&third, &entry(second, 5 * LARGE)).unwrap()).len(), 2, "nor is anything changed");
    }

    #[test]
    fn few_bytes_beside_data_are_data_and_pieces_stay_as_short_as_they_must_be() {
        let base = content(1, None);
        let small = COPY_BYTES_MIN - 1;
        let two = content(
            2,
            Some(patch(&[(small, 5, 0), (PIECE_BYTES, 0, 100), (LARGE, LARGE, 0)], base.clone(), 4 * LARGE)),
        );
        let three = patch(
            &[(small + PIECE_BYTES, 0, 0), (PIECE_BYTES, 0, 50), (9, PIECE_BYTES + small, 0)],
            two,
            LARGE + PIECE_BYTES + small,
        );
        let rebased = Rebased::on(&three, &entry(base, 4 * LARGE)).unwrap();
        let lengths: Vec<u64> = rebased.parts.iter().map(|part| part.bytes).collect();
        assert_eq!(lengths, [PIECE_BYTES, PIECE_BYTES, small + 9]);
        assert!(rebased.parts.iter().all(|part| part.base_range().is_none()));
        assert!((140..=150).contains(&rebased.stored_bytes()), "{}", rebased.stored_bytes());
        assert_eq!((rebased.near(0), rebased.near(1)), (0..4 * LARGE, 4 * LARGE..4 * LARGE));
    }

    #[test]
    fn what_takes_more_than_half_of_the_whole_is_not_made() {
        let base = content(1, None);
        let two = content(2, Some(patch(&[(LARGE, 0, 30 * LARGE), (LARGE, 0, 0)], base.clone(), LARGE)));
        let three = patch(&[(2 * LARGE, 0, 0), (LARGE, 0, 21 * LARGE)], two, 2 * LARGE);
        assert!(Rebased::on(&three, &entry(base, LARGE)).is_none());
    }
}
