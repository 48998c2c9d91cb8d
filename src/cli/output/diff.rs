//! Differences, as `diff` shows them, one in a line. Prints nothing.

use super::json;
use super::json::Text as JsonText;
use super::ls::Listed;
use super::render::Render;
use super::render::Text;
use super::table::Align;
use super::table::Table;
use super::text;
use serde::Serialize;
use snap_archive::base::aspect::Aspect;
use snap_archive::base::aspect::Change;
use snap_archive::base::entry::Entry;
use snap_archive::base::entry::Kind;
use snap_archive::base::error::Result;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::path::printable;
use snap_archive::base::snapshot::Summary;
use snap_archive::verbs::diff::Changed;
use snap_archive::verbs::diff::Different;

#[derive(Serialize)]
struct Document<'a> {
    path: JsonText<'a>,
    change: &'static str,
    changed: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Listed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Listed<'a>>,
}

/// A difference, as a document in one line.
///
/// # Errors
/// When it cannot be written as JSON.
pub(crate) fn json_line(different: &Different) -> Result<String> {
    let old_path = match &different.change {
        Changed::Moved { from } => from,
        _ => &different.path,
    };
    json::line(&Document {
        path: JsonText(different.path.as_bytes()),
        change: word(&different.change),
        changed: different.aspects.iter().map(|aspect| aspect.word()).collect(),
        old: different.old.as_ref().map(|old| Listed::new(old_path, old)),
        new: different.new.as_ref().map(|new| Listed::new(&different.path, new)),
    })
}

/// A difference: a letter, the size, the path, and in brackets what the letter leaves open.
pub(crate) fn line(different: &Different) -> String {
    let shown = different.new.as_ref().or(different.old.as_ref());
    let size = shown.filter(|entry| entry.stat.kind == Kind::File).map(|entry| text::size(entry.stat.size));
    let path = match shown.map(|entry| entry.stat.kind) {
        Some(Kind::Directory) => format!("{}/", different.path),
        _ => different.path.to_string(),
    };
    let notes = notes(different);
    let notes = if notes.is_empty() { String::new() } else { format!("  ({})", notes.join(", ")) };
    format!("{} {:>8}  {path}{notes}", letter(&different.change), size.unwrap_or_default())
}

fn letter(change: &Changed) -> char {
    match change {
        Changed::Added => change_letter(Change::Added),
        Changed::Removed => change_letter(Change::Removed),
        Changed::Modified => change_letter(Change::Modified),
        Changed::Metadata => change_letter(Change::Metadata),
        Changed::Moved { .. } => 'r',
    }
}

/// What became of an entry, in a letter.
pub(crate) fn change_letter(change: Change) -> char {
    match change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Modified => '~',
        Change::Metadata => 'm',
    }
}

fn word(change: &Changed) -> &'static str {
    match change {
        Changed::Added => change_word(Change::Added),
        Changed::Removed => change_word(Change::Removed),
        Changed::Modified => change_word(Change::Modified),
        Changed::Metadata => change_word(Change::Metadata),
        Changed::Moved { .. } => "moved",
    }
}

/// What became of an entry, in a word.
pub(crate) fn change_word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Modified => "modified",
        Change::Metadata => "metadata",
    }
}

fn notes(different: &Different) -> Vec<String> {
    let mut notes = Vec::new();
    if let Changed::Moved { from } = &different.change {
        notes.push(format!("was {from}"));
    }
    if let (Some(old), Some(new)) = (&different.old, &different.new) {
        notes.extend(different.aspects.iter().filter_map(|aspect| note(*aspect, old, new)));
    }
    notes
}

/// What is said of one aspect; `None` for what the letter and the size say already.
fn note(aspect: Aspect, old: &Entry, new: &Entry) -> Option<String> {
    let device = |entry: &Entry| format!("{}, {}", entry.stat.device.major, entry.stat.device.minor);
    Some(match aspect {
        Aspect::Type => format!("was {}", kind(old.stat.kind)),
        Aspect::Content if old.stat.size != new.stat.size => format!("was {}", text::size(old.stat.size)),
        Aspect::Target => format!("-> {}, was {}", printable(&new.target), printable(&old.target)),
        Aspect::Device => format!("device {}, was {}", device(new), device(old)),
        Aspect::Mode => format!("mode {:04o}, was {:04o}", new.stat.mode, old.stat.mode),
        Aspect::Owner => format!("owner {}, was {}", owner(new), owner(old)),
        Aspect::Mtime if is_time_worth_a_word(old, new) => "time".to_owned(),
        Aspect::Content | Aspect::Mtime => return None,
        Aspect::Attributes => "attributes".to_owned(),
    })
}

/// Whether the content is the same: otherwise another time goes without saying.
fn is_time_worth_a_word(old: &Entry, new: &Entry) -> bool {
    snap_archive::base::aspect::has_same_content(old, new) && old.target == new.target && old.stat.kind == new.stat.kind
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Directory => "a folder",
        Kind::File => "a file",
        Kind::Symlink => "a symlink",
        Kind::Fifo => "a named pipe",
        Kind::CharDevice | Kind::BlockDevice => "a device",
    }
}

fn owner(entry: &Entry) -> String {
    let (user, group) = (&entry.owner.user, &entry.owner.group);
    format!("{}:{}", text::user_or_group(user, entry.stat.uid), text::user_or_group(group, entry.stat.gid))
}

/// One of the two that are compared.
pub(crate) enum Side {
    Snapshot(Summary),
    /// The files as they are now.
    Files,
}

impl Side {
    fn name(&self) -> String {
        match self {
            Side::Snapshot(summary) => text::snapshot_named(summary),
            Side::Files => "the files as they are now".to_owned(),
        }
    }

    fn number(&self) -> Option<SnapshotNumber> {
        match self {
            Side::Snapshot(summary) => Some(summary.number),
            Side::Files => None,
        }
    }
}

/// How many entries of one kind.
#[derive(Clone, Copy, Default, Serialize)]
pub(crate) struct Count {
    files: u64,
    folders: u64,
    bytes: u64,
}

/// How many differences there are of each kind; files are all that is not a folder.
#[derive(Clone, Copy, Default, Serialize)]
pub(crate) struct Stat {
    added: Count,
    removed: Count,
    modified: Count,
    metadata: Count,
    moved: Count,
}

impl Stat {
    pub(crate) fn count(&mut self, different: &Different) {
        let count = match different.change {
            Changed::Added => &mut self.added,
            Changed::Removed => &mut self.removed,
            Changed::Modified => &mut self.modified,
            Changed::Metadata => &mut self.metadata,
            Changed::Moved { .. } => &mut self.moved,
        };
        let Some(entry) = different.new.as_ref().or(different.old.as_ref()) else { return };
        let is_folder = entry.stat.kind == Kind::Directory;
        *(if is_folder { &mut count.folders } else { &mut count.files }) += 1;
        count.bytes = count.bytes.saturating_add(entry.stat.size);
    }

    fn each(&self) -> [(&'static str, Count); 5] {
        [
            ("added", self.added),
            ("removed", self.removed),
            ("modified", self.modified),
            ("metadata", self.metadata),
            ("moved", self.moved),
        ]
    }
}

/// What all differences come to.
pub(crate) struct Totals {
    pub(crate) old: Side,
    pub(crate) new: Side,
    pub(crate) stat: Stat,
    /// Whether they are all that is shown.
    pub(crate) is_table: bool,
}

#[derive(Serialize)]
struct StatDocument<'a> {
    old: Option<SnapshotNumber>,
    new: Option<SnapshotNumber>,
    #[serde(flatten)]
    stat: &'a Stat,
}

impl Render for Totals {
    fn text(&self, text: &mut Text) {
        let counts = self.stat.each();
        if self.is_table {
            let columns =
                [("", Align::Left), ("files", Align::Right), ("folders", Align::Right), ("size", Align::Right)];
            let mut table = Table::new(&columns);
            for (word, Count { files, folders, bytes }) in counts {
                table.row(vec![word.into(), text::number(files), text::number(folders), text::size(bytes)]);
            }
            table.lines(text.columns).into_iter().for_each(|line| text.row(line));
        }
        let told = counts.iter().filter(|(_, count)| count.files + count.folders > 0);
        let told: Vec<_> =
            told.map(|(word, count)| format!("{} {word}", text::number(count.files + count.folders))).collect();
        let told = if told.is_empty() { "nothing changed".to_owned() } else { told.join(", ") };
        text.summary(format!("From {} to {}: {told}.", self.old.name(), self.new.name()));
    }

    fn json(&self) -> impl Serialize {
        StatDocument { old: self.old.number(), new: self.new.number(), stat: &self.stat }
    }
}
