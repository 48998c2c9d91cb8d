//! What a person said of snapshots since they were made: which are forgotten, and which are to be kept. A small text.

use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::ArchiveId;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The longest text that is read, in bytes: a line for each number that there can be.
pub const MARKS_BYTES_MAX: u64 = 32 << 20;

/// What was said of snapshots.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// Those that are forgotten.
    pub forgotten: BTreeSet<SnapshotNumber>,
    /// Those that rules never forget.
    pub kept: BTreeSet<SnapshotNumber>,
}

impl Marks {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.forgotten.is_empty() && self.kept.is_empty()
    }

    /// The text, for the archive with this id. What is kept is not forgotten.
    pub fn to_text(&self, archive: ArchiveId) -> String {
        let mut text = first_line(archive);
        for number in self.forgotten.union(&self.kept) {
            let word = if self.kept.contains(number) { "keep" } else { "forgotten" };
            // Writing into memory does not fail.
            let _ = writeln!(text, "{number:06} {word}");
        }
        let digest = Hash::of(text.as_bytes());
        let _ = writeln!(text, "end {digest}");
        text
    }

    /// Reads what [`Marks::to_text`] writes.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::Damaged`] when it is not that, or of another archive.
    pub fn parse(text: &[u8], archive: ArchiveId) -> Result<Marks> {
        let bad = |what: &str| Error::damaged(format!("it is not as it was written: {what}"));
        let text = std::str::from_utf8(text).map_err(|_| bad("it is not text"))?;
        let (lines, end) =
            text.strip_suffix('\n').and_then(|text| text.rsplit_once('\n')).ok_or_else(|| bad("it is cut off"))?;
        let digest =
            end.strip_prefix("end ").and_then(Hash::from_hex).ok_or_else(|| bad("its last line is missing"))?;
        if Hash::of(&text.as_bytes()[..=lines.len()]) != digest {
            return Err(bad("its hash is another"));
        }
        let mut lines = lines.split('\n');
        if lines.next().is_none_or(|first| format!("{first}\n") != first_line(archive)) {
            return Err(bad("it is of another archive, or of a newer program"));
        }
        let (mut marks, mut last) = (Marks::default(), SnapshotNumber::NONE);
        for line in lines {
            let (number, word) = line.split_once(' ').ok_or_else(|| bad("a line has no word"))?;
            let number = Some(number).filter(|number| number.len() == 6).and_then(|number| number.parse().ok());
            let number = number.filter(|number| *number > last).ok_or_else(|| bad("its numbers are not in order"))?;
            last = number;
            match word {
                "forgotten" => marks.forgotten.insert(number),
                "keep" => marks.kept.insert(number),
                _ => return Err(bad("a word in it is not known")),
            };
        }
        Ok(marks)
    }
}

fn first_line(archive: ArchiveId) -> String {
    format!("marks 1 {archive}\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ID: ArchiveId = ArchiveId([7; 16]);

    fn marks() -> Marks {
        Marks { forgotten: BTreeSet::from([1, 2, 999_999].map(SnapshotNumber::from)), kept: BTreeSet::from([3.into()]) }
    }

    #[test]
    fn marks_are_read_as_written() {
        let text = marks().to_text(ID);
        assert_eq!(Marks::parse(text.as_bytes(), ID).unwrap(), marks());
        assert!(text.starts_with("marks 1 0707"), "{text}");
        assert_eq!(text.lines().nth(3), Some("000003 keep"));
        assert_eq!(Marks::parse(Marks::default().to_text(ID).as_bytes(), ID).unwrap(), Marks::default());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let text = marks().to_text(ID).into_bytes();
        for at in 0..text.len() {
            assert!(Marks::parse(&text[..at], ID).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut bad = text.clone();
                bad[at] ^= 1 << bit;
                assert!(Marks::parse(&bad, ID).is_err_and(|error| error.is_damage()), "byte {at}, bit {bit}");
            }
        }
        assert!(Marks::parse(&text, ArchiveId([8; 16])).is_err());
    }

    #[test]
    fn what_is_made_to_deceive_is_refused() {
        for lines in [
            "000003 forgotten\n000003 keep\n",
            "000003 forgotten\n000002 forgotten\n",
            "000000 forgotten\n",
            "3 forgotten\n",
            "+00003 forgotten\n",
            "000003 Forgotten\n",
            "000003  forgotten\n",
            "\n",
        ] {
            let text = first_line(ID) + lines;
            let whole = format!("{text}end {}\n", Hash::of(text.as_bytes()));
            assert!(Marks::parse(whole.as_bytes(), ID).is_err(), "{lines:?}");
        }
    }
}
