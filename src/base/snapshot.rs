//! What is known of a snapshot as a whole: its number, time, sources and counts. Knows nothing of formats.

use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::error::Subject;
use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::time::Time;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A source as a snapshot's manifest names it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Its name: the first part of every path of it.
    pub name: String,
    /// The absolute path it was read from, as it was named: symlinks in it are followed anew each time.
    #[serde(with = "crate::base::text")]
    pub path: Vec<u8>,
    /// Whether this snapshot read it; otherwise its state was taken over from the snapshot before.
    pub scanned: bool,
    /// Whether it was to be read and could not be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
    /// Whether it is no longer saved, as the person said. Its state is that of the last time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dropped: bool,
    /// The name that it had before it got the present one; empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub renamed_from: String,
    /// The name of the computer that read it last; empty: unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// The rules by which it was read, used again when the next `create` names no source.
    #[serde(default, skip_serializing_if = "Rules::is_default")]
    pub rules: Rules,
}

/// What of a source is left out.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Rules {
    /// Patterns as in a `.gitignore` file at the top of the source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Whether the contents of directories that hold a `CACHEDIR.TAG` are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude_caches: bool,
    /// Whether directories on other file systems than the source's are kept without their contents.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_file_system: bool,
    /// From which size in bytes on, of a file and of what it was, only what changed of it is stored; [`u64::MAX`]: never. Absent:
    /// from 1 MiB on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_from: Option<u64>,
}

impl Rules {
    fn is_default(&self) -> bool {
        *self == Rules::default()
    }
}

/// How many entries a snapshot found in which condition; directories are counted apart from everything else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Files and other entries that were not there before (or were of another type).
    pub new: u64,
    /// Files and other entries whose content is not what it was.
    pub modified: u64,
    /// Files and other entries of which only times, modes, owners or the like changed.
    pub metadata: u64,
    /// Files and other entries that are no longer there.
    pub deleted: u64,
    /// Files and other entries that are as they were.
    pub unchanged: u64,
    /// Directories that were not there before.
    pub new_directories: u64,
    /// Directories of which times, modes, owners or the like changed.
    pub changed_directories: u64,
    /// Directories that are no longer there.
    pub deleted_directories: u64,
    /// Directories that are as they were.
    pub unchanged_directories: u64,
    /// Content bytes of new and modified files, before compression.
    pub bytes: u64,
}

impl Counts {
    /// Adds `other` to `self`.
    pub fn add(&mut self, other: &Counts) {
        self.combine(other, u64::saturating_add);
    }

    /// Takes `other` from `self`, down to 0.
    pub fn subtract(&mut self, other: &Counts) {
        self.combine(other, u64::saturating_sub);
    }

    /// How many entries were found, directories among them.
    pub fn entries(&self) -> u64 {
        let files = [self.new, self.modified, self.metadata, self.unchanged];
        let directories = [self.new_directories, self.changed_directories, self.unchanged_directories];
        files.iter().chain(&directories).fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn combine(&mut self, other: &Counts, with: fn(u64, u64) -> u64) {
        let pairs = [
            (&mut self.new, other.new),
            (&mut self.modified, other.modified),
            (&mut self.metadata, other.metadata),
            (&mut self.deleted, other.deleted),
            (&mut self.unchanged, other.unchanged),
            (&mut self.new_directories, other.new_directories),
            (&mut self.changed_directories, other.changed_directories),
            (&mut self.deleted_directories, other.deleted_directories),
            (&mut self.unchanged_directories, other.unchanged_directories),
            (&mut self.bytes, other.bytes),
        ];
        for (sum, more) in pairs {
            *sum = with(*sum, more);
        }
    }
}

/// A snapshot in a history.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Its number.
    pub number: SnapshotNumber,
    /// When it was made.
    pub time: Time,
    /// The sources it holds, by name. Snapshots that follow each other share them as a rule: there may be very many snapshots.
    pub sources: Arc<[SourceRecord]>,
    /// What it found, against the snapshot before.
    pub counts: Counts,
    /// Bytes it added to the drive, its bundles together.
    pub bytes_added: u64,
    /// How many entries could not be saved completely.
    pub problems: u64,
    /// The person's note; empty when there is none.
    pub note: String,
    /// The list of its changes was lost in part: it and the snapshots up to this one may differ from what was saved. 0: none.
    pub uncertain_until: SnapshotNumber,
    /// The snapshots from this number on were joined into it, when they had been forgotten; 0: none were.
    pub joined_from: SnapshotNumber,
    /// What became of it since.
    pub standing: Standing,
}

/// What became of a snapshot since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    /// It is there.
    #[default]
    Kept,
    /// It is there, and a person marked it to be kept.
    Marked,
    /// It was forgotten; what it holds is still there.
    Forgotten,
    /// It was forgotten, and some of what it held is gone.
    Pruned,
}

impl Standing {
    /// The word in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Kept => "kept",
            Standing::Marked => "marked",
            Standing::Forgotten => "forgotten",
            Standing::Pruned => "pruned",
        }
    }

    /// Whether it can be asked for.
    pub fn is_there(self) -> bool {
        matches!(self, Standing::Kept | Standing::Marked)
    }
}

/// Whether snapshot `number` was joined into a later one of a history.
pub fn is_joined(history: &[Summary], number: SnapshotNumber) -> bool {
    let holds = |summary: &Summary| summary.joined_from > 0 && (summary.joined_from..summary.number).contains(&number);
    history.iter().any(holds)
}

/// The snapshot whose lost list of changes makes snapshot `number` uncertain; `None` when nothing does.
pub fn uncertain_since<'a>(
    history: impl IntoIterator<Item = &'a Summary>,
    number: SnapshotNumber,
) -> Option<SnapshotNumber> {
    let makes = |summary: &&Summary| (summary.number..=summary.uncertain_until).contains(&number);
    history.into_iter().filter(makes).map(|summary| summary.number).min()
}

/// Notes in `history`, oldest first, what the bundles of its snapshots do not say themselves: `unfinished` ones make others
/// uncertain, too, and a source that was not read since is as uncertain as it was.
pub fn spread_uncertainty(history: &mut [Summary], unfinished: &[(SnapshotNumber, SnapshotNumber)]) {
    // The snapshot that is named for it, up to where, and the sources of which nothing certain is known.
    let (mut since, mut until, mut sources) = (0, SnapshotNumber::NONE, BTreeSet::new());
    for at in 0..history.len() {
        let number = history[at].number;
        let by_unfinished = unfinished.iter().filter(|(first, last)| (*first..=*last).contains(&number));
        let own = by_unfinished.map(|(_, last)| *last).chain([history[at].uncertain_until]).max().unwrap_or_default();
        if own > until {
            (since, until) = (at, own);
        }
        let names = history[at].sources.iter().filter(|source| number <= until || !source.scanned);
        let names: BTreeSet<String> = names.map(|source| source.name.clone()).collect();
        if number <= until {
            history[since].uncertain_until = until;
            sources = names;
        } else {
            sources.retain(|source| names.contains(source));
            if !sources.is_empty() {
                history[since].uncertain_until = number;
            }
        }
    }
}

/// The newest snapshot up to `number` that read the source `name`, under whatever names it had before.
pub fn last_read<'h>(history: &'h [Summary], number: SnapshotNumber, name: &str) -> Option<&'h Summary> {
    let (mut name, mut older) = (name, "");
    for summary in history.iter().rev().filter(|summary| summary.number <= number) {
        let find = |name: &str| summary.sources.iter().find(|source| source.name == name);
        let Some(record) = find(name).or_else(|| find(older)) else { continue };
        if record.scanned {
            return Some(summary);
        }
        (name, older) = (&record.name, &record.renamed_from);
    }
    None
}

/// Whether the newest run of the computer that reads a source named others and not this one: that it is gone is no loss then.
/// Snapshots in which nothing was read, and those of other computers, say nothing of it.
pub fn was_not_named(history: &[Summary], record: &SourceRecord) -> bool {
    let (mut name, mut older) = (record.name.as_str(), record.renamed_from.as_str());
    for summary in history.iter().rev() {
        let find = |name: &str| summary.sources.iter().find(|source| source.name == name);
        let Some(found) = find(name).or_else(|| find(older)) else { continue };
        if summary.sources.iter().any(|other| other.scanned && other.host == found.host) {
            return !found.scanned && !found.missing;
        }
        (name, older) = (&found.name, &found.renamed_from);
    }
    false
}

/// The error for a snapshot that is not in the archive.
pub fn no_snapshot(number: SnapshotNumber) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no snapshot {number} in this archive"))
        .with_advice(Advice::ListSnapshots)
}

/// The error for a snapshot that was forgotten.
pub fn forgotten(number: SnapshotNumber, standing: Standing) -> Error {
    let (what, advice) = if standing == Standing::Pruned {
        let what = format!("snapshot {number} was forgotten, and is pruned: some of what it held is no longer there");
        (what, Advice::ListSnapshots)
    } else {
        (format!("snapshot {number} was forgotten"), Advice::UndoForget { snapshot: number })
    };
    Error::new(ErrorKind::NotFound, what).with_advice(advice)
}

/// The error for a path that is not in a snapshot.
pub fn no_path(path: &EntryPath, number: SnapshotNumber) -> Error {
    Error::new(ErrorKind::NotFound, format!("{path} is not in snapshot {number}"))
        .about(Subject::Entry(path.to_owned()))
        .with_advice(Advice::ListFiles { snapshot: number })
}

/// The problem of a state that may not be what was saved, for what changed in snapshot `since` is not fully known.
pub fn uncertain(since: SnapshotNumber) -> Problem {
    let what = format!(
        "some files may differ from what was saved: a part of the list of what changed in snapshot {since} was lost when \
         the archive was damaged"
    );
    Problem::new(EntryPathBuf::root(), what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn summary(number: u32, uncertain_until: u32, sources: &[(&str, bool)]) -> Summary {
        let (number, uncertain_until) = (number.into(), uncertain_until.into());
        let source = |(name, scanned): &(&str, bool)| SourceRecord {
            name: (*name).to_owned(),
            scanned: *scanned,
            ..SourceRecord::default()
        };
        Summary { number, uncertain_until, sources: sources.iter().map(source).collect(), ..Summary::default() }
    }

    fn spread(history: &[Summary], unfinished: &[(u32, u32)]) -> Vec<SnapshotNumber> {
        let mut history = history.to_vec();
        let unfinished: Vec<_> = unfinished.iter().map(|(first, last)| ((*first).into(), (*last).into())).collect();
        spread_uncertainty(&mut history, &unfinished);
        let is_uncertain = |number: &SnapshotNumber| uncertain_since(&history, *number).is_some();
        history.iter().map(|summary| summary.number).filter(is_uncertain).collect()
    }

    #[test]
    fn a_source_that_was_not_read_since_is_as_uncertain_as_it_was() {
        let both = [("a", true), ("b", true)];
        let history = [
            summary(1, 0, &both),
            summary(2, 3, &both),
            summary(3, 0, &both),
            summary(5, 0, &[("a", true), ("b", false)]),
            summary(6, 0, &[("a", false), ("b", false)]),
            summary(7, 0, &[("a", false), ("b", true)]),
            summary(8, 0, &[("a", false), ("b", false)]),
        ];
        assert_eq!(spread(&history, &[]), [2, 3, 5, 6]);
        assert!(spread(&history[..1], &[]).is_empty());
    }

    #[test]
    fn what_an_unfinished_snapshot_makes_uncertain_is_said_of_those_after_it() {
        let history = [1, 3, 4, 5].map(|number| summary(number, 0, &[("a", true)]));
        assert_eq!(spread(&history, &[(2, 4)]), [3, 4]);
        assert!(spread(&history, &[(6, 7)]).is_empty());
    }
}
