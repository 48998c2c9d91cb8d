//! How the verbs tell what happens while it happens. Knows nothing of terminals.

use crate::base::concurrency::Lock;
use crate::base::error::Error;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Rules;

/// How far a command is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Entries looked at or written so far.
    pub entries: u64,
    /// Content bytes read or written so far.
    pub bytes: u64,
    /// Content bytes in all, where known beforehand; else 0.
    pub bytes_total: u64,
}

/// What happened to an entry; in a dry run, what would.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryChange {
    /// It was saved for the first time.
    New,
    /// Its content was saved again.
    Modified,
    /// Only what is known of it (mode, owner, times …) was saved again.
    Metadata,
    /// It stands under a new path, with all that is in it and did not change.
    Moved,
    /// It was noted as deleted; in a restore, it was deleted.
    Deleted,
    /// It was restored.
    Restored,
    /// A rule left it out, with all that is in it.
    LeftOut,
}

/// Something the person should know that is not a problem.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// The index was missing or damaged and was made again from the bundles.
    IndexRebuilt,
    /// The snapshot is saved, but its index is not; the next run makes it again.
    IndexNotWritten {
        /// Why.
        why: String,
    },
    /// An index file may not be read, and was not checked; it is made again where it is needed.
    IndexNotChecked {
        /// The file in the archive.
        file: String,
        /// Why.
        why: String,
    },
    /// A bundle that the index remembers is missing: what was saved then is not here.
    BundleMissing {
        /// Its name.
        bundle: String,
    },
    /// Two bundles have the same number: two histories were mixed, and one of them is shown.
    TwoHistories {
        /// The bundle that is used.
        used: String,
        /// The bundle of the other history.
        other: String,
    },
    /// The snapshots after this one cannot be read.
    LaterSnapshotsUnreadable {
        /// The last that can.
        number: SnapshotNumber,
        /// Why.
        why: String,
    },
    /// The bundle before this one is not the one after which it was made, or was altered.
    BundleBeforeIsAnother {
        /// This one's name.
        bundle: String,
    },
    /// Other users can read the archive, and not all that was saved in it is for them.
    ReadableByOthers {
        /// Where the archive is, as its store says it.
        archive: String,
    },
    /// What is new or modified is more than is free on the archive's drive.
    ArchiveMayBeTooSmall {
        /// The bytes to be saved.
        bytes: u64,
        /// The bytes that are free.
        free: u64,
        /// The bytes that forgetting by the rules would give back, about, if there are rules.
        given_back: Option<u64>,
    },
    /// The rules of a source are other than last time.
    RulesChanged {
        /// Its name.
        source: String,
        /// The rules that are new.
        added: Rules,
        /// Those that no longer hold.
        taken_away: Rules,
    },
    /// Nothing was left out by a rule that was given now.
    RuleFitsNothing {
        /// The rule, as it was written.
        rule: String,
    },
    /// The archive itself is in a source, and left out.
    ArchiveInSource {
        /// The place.
        path: EntryPathBuf,
    },
    /// What is there, or in it, is left out: it is on another file system than its source.
    Elsewhere {
        /// The place.
        path: EntryPathBuf,
    },
    /// More than are named are left out for that reason.
    MoreElsewhere {
        /// How many more.
        count: usize,
    },
    /// A source is left as it was: another computer saves it.
    SourceOfOtherComputer {
        /// Its name.
        source: String,
        /// The computer's name.
        host: String,
    },
    /// A source's file system could not be synced: what programs wrote through memory may not all be seen.
    SourceNotSynced {
        /// The source's name, printable.
        source: String,
        /// Why.
        why: String,
    },
    /// What is to be restored needs more than is free in the target.
    TargetMayBeTooSmall {
        /// The bytes that are needed.
        needed: u64,
        /// The bytes that are free.
        free: u64,
    },
    /// There are bundles of snapshots that were not finished.
    UnfinishedParts {
        /// How many.
        count: usize,
        /// The name of the first.
        first: String,
    },
    /// What a person said of snapshots cannot be read: none counts as forgotten.
    MarksUnreadable {
        /// Why.
        why: String,
    },
    /// A bundle was not pruned.
    NotPruned {
        /// Its name.
        bundle: String,
        /// Why.
        why: String,
    },
    /// A file in the archive is none of the archive's.
    ForeignFile {
        /// Its name in the archive, as it is.
        file: String,
    },
    /// More files than are named are none of the archive's.
    MoreForeignFiles {
        /// How many more.
        count: usize,
        /// The folder of the archive that they are in.
        directory: &'static str,
    },
    /// This was repaired before the repair failed.
    RepairedBefore {
        /// The file in the archive.
        file: String,
        /// What was done to it.
        what: String,
    },
}

/// What a command is doing now.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Sources are scanned, and what is new or modified is saved.
    Saving,
    /// What programs wrote to the drives of the sources is being written out.
    SyncingSources,
    /// The sizes of what is new or modified are summed up, to compare them with what is free.
    MeasuringSources,
    /// Files are written into the target.
    Restoring,
    /// Times and modes of folders are set.
    FinishingFolders,
    /// Bundles are opened, and their manifests checked.
    CheckingManifests,
    /// The index is compared with the manifests.
    CheckingIndex,
    /// All contents are read and checked.
    CheckingContents,
    /// A text is looked for in contents.
    SearchingContents,
    /// The tar is written.
    Exporting,
    /// It is found out what no snapshot needs any more.
    FindingUnused,
    /// What no snapshot needs any more is taken out.
    Pruning,
}

/// One thing that happens while a command is at work.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// An entry was saved, deleted or restored. Sent only if [`Monitor::wants_entries`].
    Entry(EntryChange, &'a EntryPath),
    /// An entry could not be saved or restored as it should.
    Problem(&'a Problem),
    /// Something the person should know.
    Notice(&'a Notice),
    /// Another part of the work begins.
    Phase(Phase),
    /// How far the command is; sent often.
    Progress(Progress),
    /// How many entries there were the last time, before any are looked at.
    EntriesBefore(u64),
    /// Whether the bytes in all are still being counted. Sent only if [`Monitor::wants_totals`].
    Counting(bool),
}

impl Notice {
    /// Whether the archive does not have all that was saved in it, or may not be what it was: what is given from it may then be
    /// less than what was asked for.
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Notice::BundleMissing { .. }
                | Notice::TwoHistories { .. }
                | Notice::LaterSnapshotsUnreadable { .. }
                | Notice::BundleBeforeIsAnother { .. }
        )
    }
}

/// Receives events from a running command. Called from several threads at once.
pub trait Monitor: Sync {
    /// Something happened.
    fn event(&self, event: Event<'_>);

    /// Whether events of entries are wanted.
    fn wants_entries(&self) -> bool {
        false
    }

    /// Whether it should be counted, beside the work, how many bytes there are in all.
    fn wants_totals(&self) -> bool {
        false
    }

    /// Whether the person asked to stop; the command then ends soon, with what is finished kept.
    fn is_interrupted(&self) -> bool {
        false
    }
}

/// Goes on, unless the person asked to stop.
///
/// # Errors
/// [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when the person did.
pub fn check_interrupted(monitor: &dyn Monitor) -> Result<()> {
    if monitor.is_interrupted() { Err(Error::stopped()) } else { Ok(()) }
}

/// Keeps problems and notices; for tests and for callers that look at them afterwards.
#[derive(Debug, Default)]
pub struct Recorder {
    problems: Lock<Vec<Problem>>,
    notices: Lock<Vec<Notice>>,
}

impl Recorder {
    /// An empty recorder.
    pub fn new() -> Recorder {
        Recorder::default()
    }

    /// The problems so far.
    pub fn problems(&self) -> Vec<Problem> {
        self.problems.lock().clone()
    }

    /// The notices so far.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.lock().clone()
    }
}

impl Monitor for Recorder {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Problem(problem) => {
                self.problems.lock().push(problem.clone());
            }
            Event::Notice(notice) => {
                self.notices.lock().push(notice.clone());
            }
            _ => {}
        }
    }
}
