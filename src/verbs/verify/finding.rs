//! What verify finds: in which file, what is wrong with it, and what that affects. The words stand in one function.

use crate::archive::open::INDEX;
use crate::archive::open::MARKS;
use crate::archive::open::bundle_path;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::id::BundleName;
use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPathBuf;
use std::fmt;

/// A file of an archive in which something can be wrong.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ArchiveFile {
    /// A bundle, there or missing.
    Bundle(BundleName),
    /// An index file, by its name in the folder of the index.
    Index(String),
    /// The marks of snapshots: which were forgotten, and which must stay.
    Marks,
}

impl ArchiveFile {
    /// The bundle, if it is one.
    pub fn bundle(&self) -> Option<&BundleName> {
        match self {
            ArchiveFile::Bundle(name) => Some(name),
            ArchiveFile::Index(_) | ArchiveFile::Marks => None,
        }
    }
}

/// The file's name in the archive, with its folder.
impl fmt::Display for ArchiveFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveFile::Bundle(name) => f.write_str(&bundle_path(name)),
            ArchiveFile::Index(name) => write!(f, "{INDEX}/{name}"),
            ArchiveFile::Marks => f.write_str(MARKS),
        }
    }
}

/// What is wrong with a file; where there is text, it is what was met, as a sentence.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Another bundle, which is used, has the same place in the history.
    Surplus(BundleName),
    /// Nothing of the bundle can be used.
    Unusable(String),
    /// The bundle is a sound one of another place or archive, or one for another program; then what to do.
    Foreign(String, Advice),
    /// The bundle's list of changes is damaged.
    Manifest(String),
    /// The end of the bundle is missing or damaged.
    CutOff(String),
    /// The bundle is not there; another bundle or the index says that it was.
    Missing(Witness),
    /// The bundle's table of frames is damaged, and nothing else.
    Table,
    /// So many contents were lost earlier, and a repair noted it.
    LostContents(u64),
    /// The list of changes was lost earlier, and a repair noted it.
    LostChanges,
    /// The bundle does not follow the one before it.
    Chain(String),
    /// The bundle is not the one after which this other one was made.
    Exchanged(BundleName),
    /// Manifests contradict each other.
    Contradiction(String),
    /// The index file is wrong.
    Index {
        /// What was met.
        why: String,
        /// Whether the bundles that it is made from are all there and sound.
        can_be_made_again: bool,
    },
    /// The marks of snapshots cannot be read.
    Marks(String),
    /// Frames cannot be decompressed.
    Frames {
        /// How many.
        damaged: u64,
        /// Of how many.
        all: u64,
        /// Where the first of them begins in the file.
        first_byte: u64,
        /// Why that one cannot be.
        why: String,
    },
    /// Contents are in sound frames, and not what was saved.
    Contents,
    /// Members are not those of the list of changes.
    Members(Members),
    /// The tar is not as it must be.
    Tar(String),
}

/// Who says that a bundle was there.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Witness {
    /// A bundle that was made after it.
    Bundle,
    /// The index.
    Index,
}

/// How members of a tar differ from the list of changes.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Members {
    /// Some are not there.
    Missing,
    /// Some are not in the list.
    Unknown,
    /// Some are not as the list says.
    Different,
    /// Names are left out of a directory's list of names, so that GNU tar deletes them.
    Unlisted,
    /// Some are in folders that the snapshot does not have.
    Astray,
}

impl Fault {
    /// Whether the archive itself tells of it, and nothing more can be done.
    pub fn is_known_loss(&self) -> bool {
        matches!(self, Fault::LostContents(_) | Fault::LostChanges)
    }
}

/// What a fault affects.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Impact {
    /// The snapshots that cannot be had whole because of it.
    pub snapshots: Vec<SnapshotNumber>,
    /// The entries of those snapshots that it affects, at most [`super::PATHS_MAX`].
    pub paths: Vec<EntryPathBuf>,
    /// How many entries it affects, as far as that is known.
    pub paths_total: u64,
    /// Whether there may be more entries, because the index is not whole either.
    pub may_be_more: bool,
}

/// One thing that is not as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The file in the archive.
    pub place: ArchiveFile,
    /// What is wrong with it.
    pub fault: Fault,
    /// What that affects.
    pub impact: Impact,
}

const BY_TAR: &str = "A restore goes by the manifest; tar alone unpacks something else.";

impl Finding {
    /// What is wrong, as sentences.
    pub fn text(&self) -> String {
        let text = self.fault.text();
        match (self.impact.may_be_more, self.impact.paths_total) {
            (false, _) => text,
            (true, 0) => format!("{text} Which files that concerns is not known, for the index is not whole either."),
            (true, _) => {
                format!("{text} There may be more files than those named here, for the index is not whole either.")
            }
        }
    }
}

impl Fault {
    /// What to do now, if something can be said.
    pub fn advice(&self) -> Option<Advice> {
        Some(match self {
            Fault::Surplus(_) => Advice::MoveForeignBundle,
            Fault::Foreign(_, advice) => advice.clone(),
            Fault::Unusable(_) | Fault::Exchanged(_) | Fault::Frames { .. } | Fault::Contents => Advice::PutBackCopy,
            Fault::Manifest(_) => Advice::KeepIndexAndCopyArchive,
            Fault::CutOff(_) => Advice::KeepIndexAndRepair,
            Fault::Missing(_) => Advice::PutBackCopyOrRepair,
            Fault::Table => Advice::RepairTable,
            Fault::LostContents(_) => Advice::SaveLostAgain,
            Fault::Marks(_) => Advice::RepairMarks,
            Fault::Chain(_) => Advice::SeparateArchives,
            Fault::LostChanges | Fault::Contradiction(_) | Fault::Index { .. } | Fault::Members(_) | Fault::Tar(_) => {
                return None;
            }
        })
    }

    fn text(&self) -> String {
        match self {
            Fault::Surplus(other) => {
                format!("it claims the same place in the history as {other}, which is used.")
            }
            Fault::Foreign(why, _) | Fault::Contradiction(why) | Fault::Unusable(why) | Fault::Manifest(why) => why.clone(),
            Fault::CutOff(why) => format!("{why} Its end is missing or damaged."),
            Fault::Missing(witness) => missing_text(*witness),
            Fault::Table => "the table of frames at its end is damaged. Everything is still there.".to_owned(),
            Fault::LostContents(_) => {
                "contents were lost when this file was damaged, and are noted as such.".to_owned()
            }
            Fault::LostChanges => {
                "a part of its list of changes was lost when it was damaged: some files of these snapshots may differ from what \
                 was saved."
                    .to_owned()
            }
            Fault::Chain(why) => format!("the bundle does not belong here: {why}."),
            Fault::Exchanged(next) => {
                format!("the bundle is not the one after which {next} was made: it was exchanged or altered.")
            }
            Fault::Index { why, can_be_made_again: true } => {
                format!("{why} Nothing is lost: it is made again from the bundles when it is needed.")
            }
            Fault::Index { why, .. } => format!("{why} It cannot be made again, for bundles are missing or damaged."),
            Fault::Marks(why) => format!("{why} No snapshot counts as forgotten or marked, but those that were pruned."),
            Fault::Frames { damaged, all, first_byte, why } => frames_text((*damaged, *all), *first_byte, why),
            Fault::Contents => "contents are not what was saved, though the frames that they are in are sound. They will not be \
                                restored."
                .to_owned(),
            Fault::Members(members) => members_text(*members),
            Fault::Tar(what) => format!("{what}. {BY_TAR}"),
        }
    }
}

fn members_text(members: Members) -> String {
    let what = match members {
        Members::Missing => "entries that the manifest lists are not in the tar",
        Members::Unknown => "entries are in the tar that the manifest does not list",
        Members::Different => "entries are not in the tar as the manifest says",
        Members::Unlisted => {
            "folders' lists of names are not those of the snapshot, so that GNU tar deletes what is there or leaves what is gone"
        }
        Members::Astray => {
            return "entries are in folders that the snapshot does not have, so that they cannot be restored."
                .to_owned();
        }
    };
    format!("{what}. {BY_TAR}")
}

fn missing_text(witness: Witness) -> String {
    let who = match witness {
        Witness::Bundle => "another one says that it was made after it",
        Witness::Index => "the index remembers it",
    };
    format!("the bundle is missing: {who}. What is stored in it cannot be restored.")
}

fn frames_text((damaged, all): (u64, u64), first_byte: u64, why: &str) -> String {
    let word = if damaged == 1 { "is" } else { "are" };
    format!(
        "{damaged} of its {all} frames {word} damaged, the first at byte {first_byte} ({why}). Contents of which the \
         damage hit bytes cannot be restored, all others can."
    )
}

/// An error as a sentence of a finding.
pub(super) fn sentence(error: &Error) -> String {
    format!("{error}.")
}

/// The most paths that are named for one finding.
pub const PATHS_MAX: usize = 1000;
