//! What the library notices, in words. Prints nothing.

use super::text;
use super::text::size;
use snap_archive::base::monitor::Notice;
use snap_archive::base::path::printable;

/// A notice as a sentence without its stop.
pub(crate) fn text(notice: &Notice) -> String {
    about_archive(notice).or_else(|| about_run(notice)).unwrap_or_else(|| format!("{notice:?}"))
}

fn about_archive(notice: &Notice) -> Option<String> {
    Some(match notice {
        Notice::IndexRebuilt => "the index was missing or damaged and was made again from the bundles".to_owned(),
        Notice::IndexNotWritten { why } => {
            format!("the snapshot is saved, but its index is not ({why}); the next run makes it again")
        }
        Notice::IndexNotChecked { file, why } => {
            format!("{} was not checked, and is made again where it is needed: {why}", printable(file.as_bytes()))
        }
        Notice::BundleMissing { bundle } => format!(
            "the bundle {bundle} is missing, the index remembers it: what was saved then is not here; put the file back if you \
             have a copy"
        ),
        Notice::TwoHistories { used, other } => format!(
            "{used} and {other} have the same number, two histories were mixed: this is the one with {used}; to read the other, \
             copy the archive's folder and take {used} out of the copy"
        ),
        Notice::LaterSnapshotsUnreadable { number, why } => {
            format!("the snapshots after {number} cannot be read: {why}")
        }
        Notice::BundleBeforeIsAnother { bundle } => format!(
            "the bundle before {bundle} is not the one after which it was made, or was altered; snap verify says more"
        ),
        Notice::ReadableByOthers { archive } => format!(
            "other users of this computer can read the archive at {}, and not all that was saved in it is for them: take away \
             their right to enter its folder, or mount its drive for yourself alone",
            printable(archive.as_bytes())
        ),
        Notice::UnfinishedParts { count, first } => format!(
            "{count} {} of snapshots that were not finished, such as {first}: what they hold is kept and used by the next \
             snapshot",
            if *count == 1 { "bundle is a part" } else { "bundles are parts" }
        ),
        Notice::MarksUnreadable { why } => {
            format!("{why}: no snapshot counts as forgotten, none as marked; snap repair sets the file aside")
        }
        Notice::NotPruned { bundle, why } => format!("{bundle} was left as it is: {why}"),
        Notice::ForeignFile { file } => {
            format!("{} is not a file of the archive and is left alone", printable(file.as_bytes()))
        }
        Notice::MoreForeignFiles { count, directory } => {
            format!("{count} more files in {directory} are not files of the archive")
        }
        Notice::RepairedBefore { file, what } => {
            format!("repaired before that: {}: {}", printable(file.as_bytes()), printable(what.as_bytes()))
        }
        _ => return None,
    })
}

fn about_run(notice: &Notice) -> Option<String> {
    Some(match notice {
        Notice::ArchiveMayBeTooSmall { bytes, free, given_back } => {
            let rest = given_back.map_or(String::new(), |bytes| {
                format!("; forgetting by the rules would give back about {} (--make-room does it)", size(bytes))
            });
            format!(
                "{} are new or modified, but only {} are free on the drive: if they do not compress well, it will be full \
                 before the end{rest}",
                size(*bytes),
                size(*free)
            )
        }
        Notice::RulesChanged { source, added, taken_away } => {
            let parts = [("added", text::rules(added)), ("taken away", text::rules(taken_away))];
            let parts = parts.iter().filter(|(_, rules)| !rules.is_empty());
            let parts: Vec<String> = parts.map(|(what, rules)| format!("{what} {rules}")).collect();
            format!("the rules of {} have changed: {}", printable(source.as_bytes()), parts.join("; "))
        }
        Notice::RuleFitsNothing { rule } => {
            format!("the rule --exclude '{}' matches nothing: nothing was left out by it", printable(rule.as_bytes()))
        }
        Notice::ArchiveInSource { path } => format!(
            "{path} is the archive itself, and left out: what fails with this disk takes both, so keep another copy elsewhere"
        ),
        Notice::Elsewhere { path } => {
            format!("{path} is on another file system or in another subvolume, and left out")
        }
        Notice::MoreElsewhere { count } => format!("{count} more are left out for that reason"),
        Notice::SourceOfOtherComputer { source, host } => format!(
            "{} is saved by the computer {}, and is left as it was (--moved: it is on this one now)",
            printable(source.as_bytes()),
            printable(host.as_bytes())
        ),
        Notice::SourceNotSynced { source, why } => {
            format!("what programs wrote to the drive of {source} may not all be seen: it could not be synced ({why})")
        }
        Notice::TargetMayBeTooSmall { needed, free } => format!(
            "{} are needed in the target, but only {} are free: {} are missing",
            size(*needed),
            size(*free),
            size(needed.saturating_sub(*free))
        ),
        _ => return None,
    })
}
