//! The index file of a snapshot, made while the snapshot is. It is only a shortcut: whatever goes wrong with it, it is left, and
//! made from the manifests afterwards.

use super::pipeline::Run;
use crate::archive::replay;
use crate::archive::replay::IndexRows;
use crate::base::error::Result;
use crate::base::id::BundleName;
use crate::base::snapshot::Counts;
use crate::base::snapshot::Summary;
use crate::format::bundle::Published;
use crate::format::index::BundleRecord;
use crate::format::manifest::Tail;
use crate::verbs::pack::Line;

/// An index file that grows with the snapshot.
pub struct IndexOnTheWay<'a> {
    run: &'a Run<'a>,
    state: Progress,
    bundles: Vec<BundleRecord>,
    summary: Summary,
}

enum Progress {
    NotBegun,
    Begun(Box<IndexRows>),
    Left,
}

impl<'a> IndexOnTheWay<'a> {
    pub fn new(run: &'a Run<'a>) -> IndexOnTheWay<'a> {
        IndexOnTheWay { run, state: Progress::NotBegun, bundles: Vec::new(), summary: Summary::default() }
    }

    /// Begins it, the first time.
    pub fn begin(&mut self) {
        if matches!(self.state, Progress::NotBegun) {
            let rows = self.run.catalog.begin_index(self.run.head.id.number, self.run.before);
            self.state = rows.map_or(Progress::Left, |rows| Progress::Begun(Box::new(rows)));
        }
    }

    /// Adds what a line says; `offset` is where its content begins, if that is in the part being written.
    pub fn push(&mut self, line: Line, offset: Option<u64>) {
        let mut entry = line.entry;
        if let (Some(offset), Some(content)) = (offset, entry.as_mut().and_then(|entry| entry.content.as_mut())) {
            content.place.bundle.number = self.run.head.id.number;
            content.place.offset = offset;
        }
        let part = self.bundles.len() as u16 + 1;
        self.attempt(|rows| rows.push(&line.path, entry, part));
    }

    /// Notes that a part was published.
    pub fn end_part(&mut self, name: &BundleName, published: &Published, counts: &Counts, problems: u64) {
        let (name, manifest) = (name.as_str().to_owned(), published.manifest.0);
        self.bundles.push(BundleRecord { name, bytes: published.bytes, manifest });
        let tail = Tail { counts: *counts, problems_total: problems, ..Tail::default() };
        replay::add_part(&mut self.summary, &self.run.head, &tail, published.bytes);
    }

    /// Publishes it: the last part was.
    pub fn publish(self) {
        if let Progress::Begun(rows) = self.state {
            // What failed is tried again from the manifests, and then told.
            let _ = rows.publish(self.bundles, Some(self.summary));
        }
    }

    fn attempt(&mut self, act: impl FnOnce(&mut IndexRows) -> Result<()>) {
        if let Progress::Begun(rows) = &mut self.state
            && act(rows).is_err()
        {
            self.state = Progress::Left;
        }
    }
}
