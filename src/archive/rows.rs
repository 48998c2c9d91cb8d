//! The rows of an index file: those of the state before and the changes, merged while the changes come.

use crate::archive::state::Rows;
use crate::archive::state::State;
use crate::base::entry::Entry;
use crate::base::error::Result;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::snapshot::Summary;
use crate::format::index::BundleRecord;
use crate::format::index::IndexHead;
use crate::format::index::IndexWriter;
use crate::system::store::Upload;
use std::cmp::Ordering;

/// An index file on its way.
pub struct IndexRows {
    head: IndexHead,
    writer: IndexWriter,
    /// The rows of the older layers.
    older: Rows,
}

impl IndexRows {
    /// Begins a file with the rows that lead from the state at `head.from` to the state after the changes to come, which
    /// follow the state `before`.
    pub(super) fn new(upload: Box<dyn Upload>, head: IndexHead, before: &State) -> Result<IndexRows> {
        let root = EntryPath::root();
        let groups = if head.from == 0 { before.groups(&root) } else { before.since(head.from).groups_and_gone(&root) };
        Ok(IndexRows { head, writer: IndexWriter::new(upload)?, older: Rows::new(groups) })
    }

    /// Adds a change, in the order of a walk. What is stored in a bundle of the file's own number is in its part `part`,
    /// counted from 1.
    ///
    /// # Errors
    /// When the store fails, or the index is damaged or cannot be read.
    pub fn push(&mut self, path: &EntryPath, mut entry: Option<Entry>, part: u16) -> Result<()> {
        let (directory, name) = path::split_last(path.as_bytes());
        while let Some((older, row)) = self.older.peek()? {
            match path::row_order((older, row.name()), (directory, name)) {
                Ordering::Less => self.writer.push(older, row.name(), row.entry()?.as_ref())?,
                Ordering::Equal => {}
                Ordering::Greater => break,
            }
            self.older.pass();
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
        while let Some((directory, row)) = self.older.peek()? {
            self.writer.push(directory, row.name(), row.entry()?.as_ref())?;
            self.older.pass();
        }
        self.head.bundles.extend(bundles);
        self.head.snapshots.extend(snapshot);
        self.writer.publish(&self.head).map(drop)
    }
}
