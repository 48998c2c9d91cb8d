//! The entries that `ls` shows, one in a line. Prints nothing.

use super::json;
use super::json::Text;
use super::text;
use serde::Serialize;
use snap_archive::base::entry::Entry;
use snap_archive::base::entry::Kind;
use snap_archive::base::entry::Stat;
use snap_archive::base::error::Result;
use snap_archive::base::path::EntryPath;
use snap_archive::base::path::printable;

/// One entry, as `ls` shows it.
#[derive(Serialize)]
pub(crate) struct Listed<'a> {
    path: Text<'a>,
    r#type: &'static str,
    mode: String,
    uid: u32,
    gid: u32,
    user: &'a str,
    group: &'a str,
    mtime: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<[u32; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blake3: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    lost: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pruned: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    torn: bool,
}

impl<'a> Listed<'a> {
    /// An entry with all that is known of it.
    pub(crate) fn new(path: &'a EntryPath, entry: &'a Entry) -> Listed<'a> {
        let stat = &entry.stat;
        Listed {
            path: Text(path.as_bytes()),
            r#type: stat.kind.word(),
            mode: format!("{:04o}", stat.mode),
            uid: stat.uid,
            gid: stat.gid,
            user: &entry.owner.user,
            group: &entry.owner.group,
            mtime: json::time(stat.mtime),
            size: stat.size,
            target: (stat.kind == Kind::Symlink).then_some(Text(&entry.target)),
            device: stat.kind.is_device().then_some([stat.device.major, stat.device.minor]),
            lost: entry.is_lost(),
            pruned: entry.is_pruned(),
            torn: entry.is_torn(),
            blake3: entry.content.as_ref().map(|content| content.hash.to_string()),
        }
    }
}

/// Everything of an entry, as a document in one line.
///
/// # Errors
/// When it cannot be written as JSON.
pub(crate) fn json_line(path: &EntryPath, entry: &Entry) -> Result<String> {
    json::line(&Listed::new(path, entry))
}

/// Everything of an entry.
pub(crate) fn long_line(path: &EntryPath, entry: &Entry, time: &str) -> String {
    let stat = &entry.stat;
    let user = text::user_or_group(&entry.owner.user, stat.uid);
    let group = text::user_or_group(&entry.owner.group, stat.gid);
    let size = match stat.kind {
        kind if kind.is_device() => format!("{}, {}", stat.device.major, stat.device.minor),
        _ => text::number(stat.size),
    };
    format!("{} {user:<8} {group:<8} {size:>14} {time} {}", mode(stat), short_line(path, entry))
}

/// The size, and the path.
pub(crate) fn sized_line(path: &EntryPath, entry: &Entry) -> String {
    format!("{:>14} {}", text::number(entry.stat.size), short_line(path, entry))
}

/// What stands behind a path.
const MARKS: [&str; 3] = [" (lost)", " (pruned)", " (not whole)"];

/// What stands between a symlink and where it points.
const ARROW: &str = " -> ";

/// A line without what [`short_line`] says behind the path, where it may have something.
pub(crate) fn path_of_line(line: &[u8]) -> Option<&[u8]> {
    let mark = MARKS.iter().find_map(|mark| line.strip_suffix(mark.as_bytes()));
    mark.or_else(|| line.windows(ARROW.len()).position(|part| part == ARROW.as_bytes()).map(|at| &line[..at]))
}

/// A path as [`short_line`] shows it, so that what stands behind it is not part of a name.
fn plain(path: &EntryPath) -> String {
    let mut shown = path.to_string().replace(ARROW, "\\x20-> ");
    for end in MARKS.iter().chain(&[" "]) {
        if let Some(begin) = shown.strip_suffix(end) {
            shown = format!("{begin}\\x20{}", &end[1..]);
        }
    }
    shown
}

/// The path; behind it `/` for a directory, and in a link's case where it points.
pub(crate) fn short_line(path: &EntryPath, entry: &Entry) -> String {
    let path = plain(path);
    match entry.stat.kind {
        Kind::Directory => format!("{path}/"),
        Kind::Symlink => format!("{path} -> {}", printable(&entry.target)),
        _ if entry.is_lost() => format!("{path} (lost)"),
        _ if entry.is_pruned() => format!("{path} (pruned)"),
        _ if entry.is_torn() => format!("{path} (not whole)"),
        _ => path,
    }
}

/// Type and permissions as `ls` shows them: `-rwsr-xr-x`.
pub(crate) fn mode(stat: &Stat) -> String {
    let kind = match stat.kind {
        Kind::Directory => 'd',
        Kind::File => '-',
        Kind::Symlink => 'l',
        Kind::Fifo => 'p',
        Kind::CharDevice => 'c',
        Kind::BlockDevice => 'b',
    };
    let may = |bit: u32, letter: char| if stat.mode & bit != 0 { letter } else { '-' };
    let run = |bit: u32, special_bit: u32, letter: char| match (stat.mode & bit != 0, stat.mode & special_bit != 0) {
        (true, false) => 'x',
        (false, false) => '-',
        (true, true) => letter,
        (false, true) => letter.to_ascii_uppercase(),
    };
    let user = [may(0o400, 'r'), may(0o200, 'w'), run(0o100, 0o4000, 's')];
    let group = [may(0o040, 'r'), may(0o020, 'w'), run(0o010, 0o2000, 's')];
    let others = [may(0o004, 'r'), may(0o002, 'w'), run(0o001, 0o1000, 't')];
    [kind].into_iter().chain(user).chain(group).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use snap_archive::base::path::unescaped;

    #[test]
    fn what_stands_behind_a_path_is_never_taken_for_a_name() {
        let lost = " (lost)";
        for name in ["a", "a -> b", "a (lost)", "a (not whole)", "a ", " ", "a (lost) "] {
            let path = EntryPath::new(name.as_bytes()).unwrap_or(EntryPath::root());
            let shown = plain(path);
            assert_eq!(unescaped(shown.as_bytes()).as_deref(), Some(name.as_bytes()));
            assert_eq!(path_of_line(shown.as_bytes()), None, "{shown}");
            assert_eq!(path_of_line(format!("{shown}{lost}").as_bytes()), Some(shown.as_bytes()));
            assert_eq!(path_of_line(format!("{shown} -> x -> y").as_bytes()), Some(shown.as_bytes()));
        }
    }

    #[test]
    fn modes_are_shown_as_ls_shows_them() {
        for (kind, bits, text) in [
            (Kind::File, 0o644, "-rw-r--r--"),
            (Kind::File, 0o4755, "-rwsr-xr-x"),
            (Kind::File, 0o6666, "-rwSrwSrw-"),
            (Kind::Directory, 0o1777, "drwxrwxrwt"),
            (Kind::Symlink, 0o777, "lrwxrwxrwx"),
            (Kind::Fifo, 0, "p---------"),
        ] {
            assert_eq!(mode(&Stat { kind, mode: bits, ..Stat::default() }), text);
        }
    }
}
