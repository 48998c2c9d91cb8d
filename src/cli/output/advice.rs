//! What to do now, in the words of this program: each advice of the library as sentences. Prints nothing.

use snap_archive::base::advice::Advice;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::path::printable;
use std::path::Path;

/// What to do about damage, if nothing better is known.
pub(crate) const DAMAGED: &str =
    "See which snapshots and files are affected with: snap verify. Repair what can be repaired with: snap repair.";

/// After the system did not allow something.
pub(crate) const NOT_ALLOWED: &str =
    "Run this as the user to whom it belongs, or as root (sudo), or name another place.";

/// After a word that a command takes none of.
pub(crate) fn if_it_is_the_archive(word: &str) -> String {
    format!("If it is the archive's folder or name, say -a {word}. {SEE_HELP}")
}

/// After a rule of the command line that is not UTF-8.
pub(crate) const RULES_ARE_UTF8: &str =
    "Rules are UTF-8: put ? for each byte of a name that is not, or the rule into a .snapignore file.";

/// After the archive's folder was not given.
pub(crate) const GIVE_ARCHIVE: &str = "If you have none yet, make one with: snap setup. Otherwise name its folder with -a DIR, or once for all commands with \
     SNAP_ARCHIVE=DIR or in the configuration (snap config shows where that is).";

/// Where there is nothing in an archive yet.
pub(crate) const FIRST_SNAPSHOT: &str =
    "Make the first one with: snap create, and the folders to save, unless the configuration names them.";

/// When the drive that the configuration names is not there.
pub(crate) const PLUG_IN_DRIVE: &str = "Plug it in and run the same command again.";

/// When the drive that the configuration names is there and not mounted.
pub(crate) const MOUNT_DRIVE: &str = "Open it in the file manager, or mount it, and run the same command again; mount = true in the configuration does it.";

/// When the archive has another id than the configuration says.
pub(crate) const OTHER_ARCHIVE: &str = "Plug in the right drive. If this is the right one, put this id into the configuration; to use it only now, name its folder \
     with -a DIR.";

/// After a path was typed that cannot be in an archive.
pub(crate) const PATHS_BEGIN_WITH_SOURCE: &str = "Paths begin with the name of a source, as in documents/letters/x.txt, or are those of files in a source on this computer. See \
     the sources with: snap sources.";

/// When something may be deleted and there is no terminal to ask on.
pub(crate) const LOOK_THEN_SAY_YES: &str = "See what would be done with --dry-run, then add --yes.";

/// After `create` or `repair` was stopped.
pub(crate) const GO_ON: &str = "To go on, run the same command again: it continues where this one stopped.";

/// When what is to be erased has other names.
pub(crate) const NAME_ALL_NAMES: &str = "Name them, too: see all with --dry-run.";

/// When pruning was asked for without rules.
pub(crate) const GIVE_RULES: &str = "For example: --keep-daily 7 --keep-weekly 5 --keep-monthly 12.";

/// After snapshots were forgotten.
pub(crate) const PRUNE_OR_UNDO: &str =
    "To give back their space: snap prune. To have them again before that: snap forget --undo.";

/// After `restore` was stopped.
pub(crate) const GO_ON_RESTORING: &str =
    "To go on, run the same command again with --overwrite: what is restored already is kept.";

/// After `verify` was stopped.
pub(crate) const CHECK_AGAIN: &str = "To check everything, run the same command again.";

/// After `export` was stopped.
pub(crate) const EXPORT_AGAIN: &str = "Delete it, and run the same command again to export everything.";

/// When a tar would be written to a terminal, or to nothing.
pub(crate) const EXPORT_TO_FILE: &str = "Write it to a file: snap export --output FILE.tar.zst.";

/// When a tar would be written over a file.
pub(crate) const EXPORT_ELSEWHERE: &str = "Choose another name for the new file.";

/// After `verify` found damage.
pub(crate) const AFTER_VERIFY: &str = "If the drive is failing, copy the archive's folder to another one now. Then run: snap repair. It repairs what can be \
     repaired, and the next snap create saves again what was lost and is still on this computer.";

/// After a share of the archive was found damaged.
pub(crate) const AFTER_ROLLING: &str = "See which snapshots and files are affected with: snap verify --data. Repair what can be repaired with: snap repair.";

/// After `repair` left something.
pub(crate) const AFTER_REPAIR: &str = "If the drive is failing, copy the archive's folder to another one first. Then run: snap create. It saves these files \
     again as they are on this computer.";

/// After a dry run of `repair` found something to do.
pub(crate) const WITHOUT_DRY_RUN: &str = "To do it, run the same command without --dry-run.";

/// After `verify` that read no contents.
pub(crate) const READ_CONTENTS: &str = "The contents were not read: snap verify --data does that.";

/// When the folders of a scheduler cannot be found.
pub(crate) const SET_HOME: &str = "Set HOME to it.";

/// When `setup` cannot ask.
pub(crate) const SETUP_BY_FLAGS: &str =
    "Say where to (--drive LABEL or --path DIR) and what (folders), and add --yes. See all with: snap setup --help.";

/// When `setup` is given an archive.
pub(crate) const SETUP_PLACE: &str =
    "Say where to with --path DIR or --drive LABEL; what the archive is called is --name NAME.";

/// When a name is taken.
pub(crate) const OTHER_NAME: &str = "Give the new one another name: --name NAME.";

/// When a path that was typed does not exist.
pub(crate) const CHECK_SPELLING: &str = "Check the spelling.";

/// When `restore` is not told where to.
pub(crate) const RESTORE_WHERE: &str = "Say --to DIR, for a new folder, or --in-place, back to where it was.";

/// When a scheduler refuses.
pub(crate) const SEE_PLAN: &str = "See what was to be written and run with --print. Another system can be named with --with: systemd, cron, launchd or tasks.";

/// When the command before a run failed.
pub(crate) const NOTHING_SAVED: &str = "Nothing was saved, as it is to succeed first.";

/// When an archive is to be made where the configuration knows one.
pub(crate) const NEW_ARCHIVE_WITHOUT_ID: &str = "If that archive is on another drive, plug that in. To make a new one all the same, take the id out of the configuration.";

/// When what was typed is not a source.
pub(crate) const SOURCE_FORM: &str = "A source is PATH or NAME=PATH, as in papers=/home/ann/Documents.";

/// When a source has no name of its own.
pub(crate) const NAME_SOURCE: &str = "Give it one as NAME=PATH, as in computer=/.";

/// When two sources would have one name.
pub(crate) const RENAME_SOURCE: &str = "Give one of them another name as NAME=PATH.";

/// When everybody may write to a file whose commands would be run.
#[cfg(unix)]
pub(crate) fn make_own(file: &Path) -> String {
    format!("Make it your own: chmod go-w {}.", shell_word(file))
}

/// When a key of the configuration is not known, and this one was probably meant.
pub(crate) fn meant_key(key: &str) -> String {
    format!("Did you mean: {key}?")
}

/// When a key of the configuration is not known.
pub(crate) fn known_keys(keys: &[&str]) -> String {
    format!("The keys here are: {}. See an example with: snap config --example.", keys.join(", "))
}

/// When the configuration has several archives.
pub(crate) fn name_archive(names: &[&str]) -> String {
    format!(
        "Name one with -a NAME: {}. To use one of them by default: default = \"NAME\" in the configuration.",
        names.join(", ")
    )
}

/// When there is no archive in this folder, and a folder on the way there is empty.
pub(crate) fn mount_or_init(empty: &Path, directory: &Path) -> String {
    format!(
        "{} is an empty folder, as one is where a drive is not mounted. Check that the drive is plugged in. To make a new archive \
         there: snap init -a {}.",
        printable(empty.as_os_str().as_encoded_bytes()),
        shell_word(directory)
    )
}

/// When there is no archive in this folder.
pub(crate) fn plug_in_or_init(directory: &Path) -> String {
    if directory.is_file() {
        return "It is a file: name the archive's folder.".to_owned();
    }
    let around = directory.ancestors().skip(1).find(|folder| folder.join("archive.toml").is_file());
    if let Some(around) = around {
        return format!("It is in an archive: name that with -a {}.", shell_word(around));
    }
    format!("Check that the drive is plugged in. To make a new archive there: snap init -a {}.", shell_word(directory))
}

/// After a new archive was made in this folder.
pub(crate) fn create_there(directory: &Path) -> String {
    format!("Save something into it with: snap create -a {} FOLDER.", shell_word(directory))
}

/// When what is compared with is not fully known.
pub(crate) fn rehash(number: SnapshotNumber) -> String {
    format!(
        "a part of the list of what changed up to snapshot {number} was lost when the archive was damaged. To be sure that \
         everything is saved as it is now, run the same command once with --rehash."
    )
}

/// When nothing has exactly this name; follows a sentence.
pub(crate) fn find_part(pattern: &str) -> String {
    format!(" Only whole names were looked for; for a part of one: snap find '{pattern}'.")
}

/// When what was typed is not known.
pub(crate) const SEE_HELP: &str = "See all with --help.";

/// When what was typed is known from other programs.
pub(crate) fn did_you_mean(meant: &str) -> String {
    format!("Did you mean: {meant}? See all with --help.")
}

/// An advice as sentences.
pub(crate) fn text(advice: &Advice) -> String {
    match advice {
        Advice::RenameSource { name, path } => format!("Give one of them another name: {name}={path}."),
        Advice::SayMovedOrName { path } => format!(
            "If it is the same that was moved, add --moved. If it is another, give it a name of its own: NAME={path}."
        ),
        Advice::TakeAwayKnownRule { rules } if rules.is_empty() => "There are no rules.".to_owned(),
        Advice::TakeAwayKnownRule { rules } => {
            format!("The rules are: {}", printable(rules.join("  ").as_bytes()))
        }
        Advice::NameSource { path } => format!("Give it a name: NAME={path}."),
        Advice::ListFiles { snapshot } => format!(
            "A path begins with the name of its source. Look for a name with: snap find NAME; see what is in the snapshot with: snap ls \
             --at {snapshot} [FOLDER]."
        ),
        Advice::UndoForget { snapshot } => {
            format!("To have it again: snap forget --undo {snapshot}. That is possible until snap prune.")
        }
        Advice::TakeMarkAway { snapshot } => format!("Take the mark away with: snap keep --undo {snapshot}."),
        Advice::LookInSnapshot { snapshot } => format!("It is in snapshot {snapshot}: add --at {snapshot}."),
        Advice::LookAtPath { path, snapshot } => {
            format!(
                "{path} was last in snapshot {snapshot}: name it so, and add --at {snapshot} if that is not the newest."
            )
        }
        Advice::LookInForgotten { snapshot } => format!(
            "It is in snapshot {snapshot}, which was forgotten. To have that again, until snap prune: snap forget --undo {snapshot}."
        ),
        Advice::LowerPartSize { bytes_max } => {
            format!("Set --max-part to at most {}MiB, or leave it out.", bytes_max >> 20)
        }
        Advice::SaveIntoArchive { archive } => create_there(archive),
        fixed => fixed_text(fixed).map_or_else(|| format!("{fixed:?}."), str::to_owned),
    }
}

/// The advice that names nothing; `None` for one that this program does not know.
fn fixed_text(advice: &Advice) -> Option<&'static str> {
    about_archive(advice)
        .or_else(|| about_damage(advice))
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
        Advice::CheckArchiveParent => {
            "Check the name, and that the drive is plugged in. If both are right, make the folder that it is to stand in first."
        }
        Advice::ChooseEmptyFolder => "Name a folder that is empty or does not exist yet.",
        Advice::ShareByMember => "Only a member of that group can do it, on a drive that keeps groups and permissions.",
        Advice::FreeArchiveSpace => {
            "The drive is full: make room on it, for example with snap forget and snap prune, which work on a full drive, too, \
             or use another one. Earlier snapshots, and finished parts of this one, are kept; the next run goes on from there."
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
        Advice::BecomeWriter => {
            "The archive can be read, and not be written to: run this as the user who made it, or mount its drive so that it can be \
             written."
        }
        Advice::WaitForOther => "Wait until it is done, then try again.",
        Advice::NameSnapshotsOrRules => {
            "Name snapshots (snap forget 3 5..8) or rules (snap forget --keep-daily 7 --keep-weekly 5); --dry-run shows what \
             they would do."
        }
        _ => return None,
    })
}

fn about_damage(advice: &Advice) -> Option<&'static str> {
    Some(match advice {
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
        Advice::RepairMarks => "Set the file aside with: snap repair. Then say again what is to be forgotten or kept.",
        Advice::RepairBeforePrune => "Repair what can be repaired with: snap repair.",
        Advice::SeparateArchives => {
            "If bundles of several archives were mixed, move those that do not belong here out of the folder."
        }
        Advice::RepairTable => "Write the table again with: snap repair.",
        Advice::SaveLostAgain => {
            "The next snap create saves them again if they are still on this computer as they were, and a snap repair after it \
             puts them back into these snapshots."
        }
        _ => return None,
    })
}

fn about_sources(advice: &Advice) -> Option<&'static str> {
    Some(match advice {
        Advice::NameSources => "Name them, for example: snap create ~/Documents.",
        Advice::SayMovedOrNameSources => {
            "If this is the same computer with another name, or they were moved here, add --moved. Otherwise name the folders \
             of this one: snap create NAME=FOLDER."
        }
        Advice::ListSources => "See the sources with: snap sources.",
        Advice::FinishSnapshot => "Finish it first with: snap create.",
        Advice::CheckSource => "Check the spelling, and that the drive it is on is plugged in.",
        Advice::CloseProgram if cfg!(windows) => {
            "Close the program that has it open, or save with --shadow as administrator."
        }
        Advice::CloseProgram => "Close the program that has it open, and run the same command again.",
        Advice::MakeShadowsAsAdministrator => {
            "Only an administrator may make shadow copies, and not every drive has them: open the terminal with 'Run as administrator', or leave out --shadow."
        }
        Advice::SaveOtherFolder => "Name the folders that are to be saved.",
        Advice::SaveFolderOfFile => "Name the folder that it is in, or a plain file.",
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
        Advice::NameFolder => "Name a folder, or a pattern that fits less.",
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
        Advice::RestoreIntoFolder => "Restore it into a folder: --to DIR.",
        Advice::NameOnePath => "Name the one that you mean: snap restore --in-place NAME.",
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
        Advice::FindPath => {
            "Look for its name in the whole history with: snap find NAME. A path begins with its source."
        }
        Advice::LookAtOtherVersions => {
            "Other versions: snap log PATH. What was saved again since, snap repair puts back."
        }
        Advice::NameFile => "Name a file. See what is in a folder with: snap ls FOLDER.",
        Advice::ListSnapshots => "See all snapshots with: snap list.",
        Advice::ListSnapshotsOrWriteDay => "See all snapshots with: snap list. A day is written as 2026-11-22.",
        Advice::CreateFirstSnapshot => FIRST_SNAPSHOT,
        Advice::TimeForms => {
            "Give a snapshot's number (42), latest, -1 (the one before the newest), a day (2026-11-22, 22.11.2026, today, \
             yesterday, monday, last week: its end is meant), a day and a time (2026-11-22 18:30, yesterday 18:00), a time alone \
             (13:37: the last one), a time stamp (2026-11-22T18:30:05+01:00), or an age (3 days ago, 2h ago)."
        }
        Advice::TestMemory => {
            "The memory of this computer may be faulty: test it (for example with memtest86+) before you trust it with a backup."
        }
        Advice::SpanForms => "Give a number and a unit: 36h, 30d, 8 weeks, 6 months (6mo), 1y, or several: 1y 6mo.",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_advice_can_be_pasted() {
        assert_eq!(shell_word(Path::new("/media/stick/a-b")), "/media/stick/a-b");
        assert_eq!(shell_word(Path::new("/media/Ann's stick")), r"'/media/Ann'\''s stick'");
    }
}
