//! What to do now, as a value: whoever shows an error or a problem says it in the words of its commands, buttons or keys.

use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPathBuf;
use std::path::PathBuf;

/// What a person can do about an error, a problem or a damage.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Advice {
    /// The snapshots can be listed.
    ListSnapshots,
    /// The snapshots can be listed; what was typed may have been meant as a day.
    ListSnapshotsOrWriteDay,
    /// What is in this snapshot can be listed.
    ListFiles {
        /// Its number.
        snapshot: SnapshotNumber,
    },
    /// What is not in this snapshot is in that one.
    LookInSnapshot {
        /// Its number.
        snapshot: SnapshotNumber,
    },
    /// What may be meant, and the last snapshot that has it.
    LookAtPath {
        /// Its path.
        path: EntryPathBuf,
        /// The snapshot's number.
        snapshot: SnapshotNumber,
    },
    /// Only a snapshot that was forgotten has it; that can be had again.
    LookInForgotten {
        /// Its number.
        snapshot: SnapshotNumber,
    },
    /// Too much fits a pattern: name a folder.
    NameFolder,
    /// A name can be looked for in the whole history.
    FindPath,
    /// A content is lost: other snapshots may have another version, or the same saved again.
    LookAtOtherVersions,
    /// Name a file: only those have a content.
    NameFile,
    /// There is no snapshot yet: make the first.
    CreateFirstSnapshot,
    /// A moment can be written in these and those forms.
    TimeForms,
    /// A time span can be written in these and those forms.
    SpanForms,
    /// What was forgotten can be had again.
    UndoForget {
        /// The snapshot's number.
        snapshot: SnapshotNumber,
    },
    /// Snapshots are forgotten by number or by rules.
    NameSnapshotsOrRules,
    /// A snapshot is marked to be kept: the mark can be taken away.
    TakeMarkAway {
        /// The snapshot's number.
        snapshot: SnapshotNumber,
    },
    /// What a person said of snapshots cannot be read: it can be set aside.
    RepairMarks,
    /// A bundle that should be pruned is damaged: repair it first.
    RepairBeforePrune,
    /// The archive needs a newer program.
    UseNewerProgram,
    /// The memory of this computer may be faulty.
    TestMemory,
    /// The rules for what is left out are too many.
    UseFewerRules,
    /// A rule for what is left out is written as in a `.gitignore` file.
    RuleSyntax,
    /// Give one of two sources of one name another name.
    RenameSource {
        /// A name that is free, as it would be typed.
        name: String,
        /// The source's folder, printable.
        path: String,
    },
    /// Nobody said yet what to save.
    NameSources,
    /// A source's folder has no name that can stand in the archive.
    NameSource {
        /// The source's folder, printable.
        path: String,
    },
    /// A source is not there.
    CheckSource,
    /// Another program has something open: close it.
    CloseProgram,
    /// There is no shadow copy of a drive: only an administrator may make one, and not every drive has them.
    MakeShadowsAsAdministrator,
    /// A source is another folder than last time: say that it was moved, or give this one a name of its own.
    SayMovedOrName {
        /// The source's folder, printable.
        path: String,
    },
    /// All sources are those of another computer: say that they were moved here, or name those of this one.
    SayMovedOrNameSources,
    /// A source is in the archive: name what is to be saved.
    SaveOtherFolder,
    /// A rule that does not hold cannot be taken away: one of those that hold can.
    TakeAwayKnownRule {
        /// The rules that hold, as they are written.
        rules: Vec<String>,
    },
    /// A source is neither a folder nor a file: name the folder that it is in.
    SaveFolderOfFile,
    /// There is no source of this name: the known ones can be listed.
    ListSources,
    /// A snapshot was not finished: finish it first.
    FinishSnapshot,
    /// A source has become empty: its drive may be missing, or that is right.
    CheckDriveOrAllowEmpty,
    /// A source's drive is gone.
    PlugInSource,
    /// A snapshot would have too many parts.
    RaisePartSize,
    /// The drive holds no files as large as a part may be.
    LowerPartSize {
        /// The largest part that it holds.
        bytes_max: u64,
    },
    /// The drive holds no file of this size.
    FileTooLargeForDrive,
    /// A file of a source is too large for the drive as it is: leave it out, or use another file system.
    ExcludeTooLarge,
    /// The archive holds no more snapshots.
    MakeNewArchive,
    /// An archive is there already: save into it.
    SaveIntoArchive {
        /// Where it is.
        archive: PathBuf,
    },
    /// The folder that a new archive would stand in is missing.
    CheckArchiveParent,
    /// A folder for a new archive must be new or empty.
    ChooseEmptyFolder,
    /// An archive can be shared only by a member of its group, on a drive that keeps groups and permissions.
    ShareByMember,
    /// The archive's drive is full.
    FreeArchiveSpace,
    /// The archive's drive does not answer.
    CheckArchiveDrive,
    /// The archive is no longer where it was.
    PlugInArchive,
    /// The archive's drive was lost while saving.
    PlugInAndSaveAgain,
    /// The archive's drive was lost while restoring.
    PlugInAndRestoreAgain,
    /// The archive's drive was lost while exporting.
    PlugInAndExportAgain,
    /// The drive's file system is not in order.
    CheckFileSystem,
    /// Drive, cable or port do not give back what was written.
    ReplaceDrive,
    /// Another process is writing to the archive.
    WaitForOther,
    /// This user may read the archive, and not write to it.
    BecomeWriter,
    /// Temporary files do not give back what was written.
    CheckTemporaryDrive,
    /// Temporary files cannot be written.
    FreeTemporarySpace,
    /// The target holds something: name another, or allow replacing.
    ChooseEmptyTargetOrOverwrite,
    /// The target cannot be this one.
    ChooseOtherTarget,
    /// The target must be a folder or a name that is not taken.
    ChooseFolder,
    /// The folder that the target would stand in is missing.
    CheckTargetParent,
    /// What is restored does not fit into the target.
    FreeTargetSpace,
    /// The target became full while restoring.
    FreeTargetSpaceAndGoOn,
    /// The target takes nothing more.
    RestoreElsewhere,
    /// Where a source was read from is not known: name a folder to restore into.
    RestoreIntoFolder,
    /// What is restored stands one in the other: name one of them.
    NameOnePath,
    /// A folder with things in it stands where something else belongs.
    AllowDeletion,
    /// The archive's description is missing or damaged.
    RepairDescription,
    /// A bundle of another archive, or one of two for one place, is among the bundles.
    MoveForeignBundle,
    /// A bundle of another archive stands where one of this archive belongs.
    ReplaceForeignBundle,
    /// A file of the archive is damaged or missing: a copy helps, a repair makes do without.
    PutBackCopyOrRepair,
    /// A file of the archive is damaged: a copy would help.
    PutBackCopy,
    /// The end of a bundle is missing: what is before is there as long as the index is.
    KeepIndexAndRepair,
    /// A manifest is damaged: contents are there as long as the index is.
    KeepIndexAndCopyArchive,
    /// Bundles of several archives may have been mixed.
    SeparateArchives,
    /// The table of a bundle can be written again.
    RepairTable,
    /// What was lost is saved again by the next snapshot, if it is still on the computer.
    SaveLostAgain,
}
