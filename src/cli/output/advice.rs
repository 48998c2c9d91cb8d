//! What to do now, in the words of this program: each advice of the library as sentences. Prints nothing.

use snap_archive::base::advice::Advice;
use snap_archive::base::path::printable;
use std::path::Path;

/// An advice as sentences.
pub(crate) fn text(advice: &Advice) -> String {
    match advice {
        Advice::RenameSource { name, path } => format!("Give one of them another name: {name}={path}."),
        Advice::NameSource { path } => format!("Give it a name: NAME={path}."),
        Advice::ListFiles { snapshot } => format!(
            "See what is in the snapshot with: snap ls --at {snapshot} [FOLDER]. A path begins with the name of its source."
        ),
        Advice::LowerPartSize { bytes_max } => {
            format!("Set --max-part to at most {}MiB, or leave it out.", bytes_max >> 20)
        }
        Advice::SaveIntoArchive { archive } => {
            format!("Save into it with: snap create -a {} FOLDER.", shell_word(archive))
        }
        fixed => fixed_text(fixed).map_or_else(|| format!("{fixed:?}."), str::to_owned),
    }
}

/// The advice that names nothing; `None` for one that this program does not know.
fn fixed_text(advice: &Advice) -> Option<&'static str> {
    about_archive(advice)
        .or_else(|| about_sources(advice))
        .or_else(|| about_target(advice))
        .or_else(|| about_rest(advice))
}

fn about_archive(advice: &Advice) -> Option<&'static str> {
    Some(match advice {
        Advice::UseNewerProgram => {
            "Use a newer version of snap. The bundles can also be unpacked with tar and zstd: see README.txt in the archive."
        }
        Advice::MakeNewArchive => "Make a new archive with: snap init -a DIR.",
        Advice::ChooseEmptyFolder => "Name a folder that is empty or does not exist yet.",
        Advice::FreeArchiveSpace => {
            "The drive is full: make room on it, or use another one. Earlier snapshots, and finished parts of this one, are \
             kept; the next run goes on from there."
        }
        Advice::FileTooLargeForDrive => {
            "The drive's file system holds no file of this size: try a smaller --max-part, exclude the largest file with \
             --exclude, or keep the archive on a drive with exFAT or another file system."
        }
        Advice::ExcludeTooLarge => {
            "Keep the archive on a drive with exFAT or another file system, or exclude this file with --exclude."
        }
        Advice::RaisePartSize => "Allow larger parts: --max-part 16GiB.",
        Advice::CheckArchiveDrive => "Check that the drive is still plugged in. If it is, it may be failing.",
        Advice::PlugInArchive => "The drive may have been unplugged: plug it in and run the same command again.",
        Advice::PlugInAndSaveAgain => {
            "Check that the drive is still plugged in. Earlier snapshots, and finished parts of this one, are kept: plug it in \
             and run the same command again."
        }
        Advice::CheckFileSystem => {
            "The drive's file system is not in order: unmount it, have it checked (fsck), and run the same command again."
        }
        Advice::ReplaceDrive => {
            "That file was not kept, and earlier snapshots are unchanged. The drive, the cable or the port is failing: try \
             another port or cable, check the rest with: snap verify --data, and save to another drive as well."
        }
        Advice::WaitForOther => "Wait until it is done, then try again.",
        Advice::RepairDescription => "The snapshots are not lost. Write the file again with: snap repair.",
        Advice::MoveForeignBundle => {
            "Move the one that does not belong here out of the folder bundles, or set it aside with: snap repair."
        }
        Advice::ReplaceForeignBundle => {
            "If you have the file that belongs here, put it in place of this one. Otherwise set this one aside with: snap \
             repair."
        }
        Advice::PutBackCopyOrRepair => {
            "Put it back if you have a copy. Otherwise make the archive usable without it with: snap repair."
        }
        Advice::PutBackCopy => "If you have a copy of this file, put it in its place.",
        Advice::KeepIndexAndRepair => {
            "Its end is missing or damaged. What is before that can be restored as long as the index is sound: leave the folder \
             index as it is. If you have a copy of this file, put it in place of this one; otherwise run: snap repair."
        }
        Advice::KeepIndexAndCopyArchive => {
            "What is stored in it can be restored as long as the index is sound: leave the folder index as it is, and copy the \
             archive to another drive. If you have a copy of this file, put it in place of this one."
        }
        Advice::SeparateArchives => {
            "If bundles of several archives were mixed, move those that do not belong here out of the folder."
        }
        Advice::RepairTable => "Write the table again with: snap repair.",
        Advice::SaveLostAgain => {
            "The next snap create saves them again if they are still on this computer as they were."
        }
        _ => return None,
    })
}

fn about_sources(advice: &Advice) -> Option<&'static str> {
    Some(match advice {
        Advice::NameSources => "Name the folders, for example: snap create -a DIR ~/Documents.",
        Advice::CheckSource => "Check the spelling, and that the drive it is on is plugged in.",
        Advice::SaveFolderOfFile => "Name the folder that it is in.",
        Advice::CheckDriveOrAllowEmpty => {
            "Check that the drive it is on is plugged in. If it is right that the folder is empty: snap create --allow-empty."
        }
        Advice::PlugInSource => "The drive may have been unplugged: plug it in and run the same command again.",
        Advice::UseFewerRules => "Use fewer or simpler rules for what to exclude.",
        Advice::RuleSyntax => "Rules are written as in a .gitignore file.",
        _ => return None,
    })
}

fn about_target(advice: &Advice) -> Option<&'static str> {
    Some(match advice {
        Advice::ChooseEmptyTargetOrOverwrite => {
            "Name a new or empty folder, or add --overwrite, which replaces files that differ and keeps the rest."
        }
        Advice::ChooseOtherTarget => "Name another folder.",
        Advice::ChooseFolder => "Name a folder, or a name that is not taken yet.",
        Advice::CheckTargetParent => {
            "Check the name, and that the disk is plugged in. If the name is right, make that folder first."
        }
        Advice::FreeTargetSpace => {
            "Make room there, name a folder on another disk, or name only the paths you need most."
        }
        Advice::FreeTargetSpaceAndGoOn => {
            "Make room there and run the same command with --overwrite, which keeps what is restored already; or restore to \
             another disk."
        }
        Advice::RestoreElsewhere => "Restore to another disk.",
        Advice::AllowDeletion => "Remove it with --delete.",
        Advice::PlugInAndRestoreAgain => {
            "Check that the drive is still plugged in. Plug it in and run the same command with --overwrite to go on: what is \
             restored already is kept."
        }
        Advice::PlugInAndExportAgain => {
            "Check that the drive is still plugged in. What was written is not a whole export: begin again."
        }
        _ => return None,
    })
}

fn about_rest(advice: &Advice) -> Option<&'static str> {
    Some(match advice {
        Advice::ListSnapshots => "See all snapshots with: snap list.",
        Advice::ListSnapshotsOrWriteDay => "See all snapshots with: snap list. A day is written as 2026-11-22.",
        Advice::CreateFirstSnapshot => "Make the first one with: snap create -a DIR FOLDER.",
        Advice::TimeForms => {
            "Give a snapshot's number (42), latest or latest~2, a day (2026-11-22, today, yesterday: its end is meant), a day \
             and a time (2026-11-22 18:30, yesterday 18:00), a time stamp (2026-11-22T18:30:05+01:00), or an age (3 days ago, \
             2h ago)."
        }
        Advice::TestMemory => {
            "The memory of this computer may be faulty: test it (for example with memtest86+) before you trust it with a backup."
        }
        Advice::CheckTemporaryDrive => "Check the drive of temporary files (TMPDIR) and the memory of this computer.",
        Advice::FreeTemporarySpace => "Make room where temporary files are kept (TMPDIR).",
        _ => return None,
    })
}

/// A path, quoted where a shell would not take it as one word.
pub(crate) fn shell_word(path: &Path) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@%".contains(c);
    let shown = printable(path.as_os_str().as_encoded_bytes());
    if !shown.is_empty() && shown.chars().all(plain) {
        shown.into_owned()
    } else {
        format!("'{}'", shown.replace('\'', r"'\''"))
    }
}
