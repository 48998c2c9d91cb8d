//! The rows of an index file: those of the state before and the changes, merged while the changes come.

use crate::entry::Entry;
use crate::error::Result;
use crate::index::BundleRecord;
use crate::index::IndexHead;
use crate::index::IndexWriter;
use crate::path;
use crate::path::EntryPath;
use crate::snapshot::Summary;
use crate::state::Group;
use crate::state::Groups;
use crate::state::State;
use crate::store::Upload;
use std::cmp::Ordering;

/// An index file on its way.
pub struct IndexRows {
    head: IndexHead,
    writer: IndexWriter,
    older: OlderRows,
}

impl IndexRows {
    /// Begins a file with the rows that lead from the state at `head.from` to the state after the changes to come, which
    /// follow the state `before`.
    pub(super) fn new(upload: Box<dyn Upload>, head: IndexHead, before: &State) -> Result<IndexRows> {
        let root = EntryPath::root();
        let groups = if head.from == 0 { before.groups(&root) } else { before.since(head.from).groups_and_gone(&root) };
        let mut older = OlderRows { groups, group: Group::default(), at: 0 };
        older.fill()?;
        Ok(IndexRows { head, writer: IndexWriter::new(upload)?, older })
    }

    /// Adds a change, in the order of a walk. What is stored in a bundle of the file's own number is in its part `part`,
    /// counted from 1.
    ///
    /// # Errors
    /// When the store fails, or the index is damaged or cannot be read.
    pub fn push(&mut self, path: &EntryPath, mut entry: Option<Entry>, part: u16) -> Result<()> {
        let (directory, name) = path::split_last(path.as_bytes());
        while let Some(order) = self.older.order_to(directory, name).filter(|order| order.is_le()) {
            self.older.pass(if order.is_lt() { Some(&mut self.writer) } else { None })?;
        }
        if entry.is_none() && self.head.from == 0 {
            return Ok(());
        }
        let content = entry.as_mut().and_then(|entry| entry.content.as_mut());
        if let Some(content) = content.filter(|content| content.place.bundle.number == self.head.number) {
            content.place.bundle.part = part;
        }
        self.writer.push(directory, name, entry.as_ref())
    }

    /// Publishes the file. `bundles` are those of its number, `snapshot` is what is said of it if it is finished.
    ///
    /// # Errors
    /// When the store fails, or the index is damaged or cannot be read; the file is then not published.
    pub fn publish(mut self, bundles: Vec<BundleRecord>, snapshot: Option<Summary>) -> Result<()> {
        while self.older.is_there() {
            self.older.pass(Some(&mut self.writer))?;
        }
        self.head.bundles.extend(bundles);
        self.head.snapshots.extend(snapshot);
        self.writer.publish(&self.head).map(drop)
    }
}

/// The rows of the older layers, one after the other.
struct OlderRows {
    groups: Groups,
    group: Group,
    at: usize,
}

impl OlderRows {
    fn is_there(&self) -> bool {
        self.at < self.group.rows.len()
    }

    fn fill(&mut self) -> Result<()> {
        while !self.is_there() {
            let Some(group) = self.groups.next().transpose()? else { return Ok(()) };
            (self.group, self.at) = (group, 0);
        }
        Ok(())
    }

    /// How the present row stands to `name` in `directory`; `None` when there is no row left.
    fn order_to(&self, directory: &[u8], name: &[u8]) -> Option<Ordering> {
        let row = self.group.rows.get(self.at)?;
        Some(path::walk_order(&self.group.path, directory).then_with(|| row.name().cmp(name)))
    }

    /// Goes to the next row, after writing this one if there is a writer.
    fn pass(&mut self, writer: Option<&mut IndexWriter>) -> Result<()> {
        if let (Some(writer), Some(row)) = (writer, self.group.rows.get(self.at)) {
            writer.push(&self.group.path, row.name(), row.entry()?.as_ref())?;
        }
        self.at += 1;
        self.fill()
    }
}
