//! The index file of a snapshot, made while the snapshot is. It is only a shortcut: when it cannot be written it is given up, and
//! made from the manifests afterwards.

use super::context::CreateContext;
use super::packed::Line;
use crate::archive::replay;
use crate::archive::replay::IndexRows;
use crate::archive::state::State;
use crate::base::error::Result;
use crate::base::id::BundleName;
use crate::base::monitor::Event;
use crate::base::monitor::Notice;
use crate::base::snapshot::Counts;
use crate::base::snapshot::Summary;
use crate::format::bundle::Published;
use crate::format::index::BundleRecord;
use crate::format::manifest::Tail;

/// An index file that grows with the snapshot.
pub struct IndexBuilder<'a> {
    run: &'a CreateContext<'a>,
    state: Stage,
    bundles: Vec<BundleRecord>,
    summary: Summary,
}

enum Stage {
    NotBegun,
    Begun(Box<IndexRows>),
    GivenUp,
}

impl<'a> IndexBuilder<'a> {
    /// One that is not begun yet.
    pub fn new(run: &'a CreateContext<'a>) -> IndexBuilder<'a> {
        IndexBuilder { run, state: Stage::NotBegun, bundles: Vec::new(), summary: Summary::default() }
    }

    /// Begins it at the first call; all lines are relative to the state `base`.
    pub fn begin(&mut self, base: &State) {
        if matches!(self.state, Stage::NotBegun) {
            let rows = self.run.catalog.begin_index(self.run.head.id.number, base);
            self.state = rows.map_or(Stage::GivenUp, |rows| Stage::Begun(Box::new(rows)));
        }
    }

    /// Adds what a line says, whose content has its place.
    pub fn push(&mut self, line: &Line) {
        self.attempt(|rows| rows.push(&line.path, line.entry.as_ref()));
    }

    /// Notes that a part was published.
    pub fn end_part(&mut self, name: &BundleName, published: &Published, counts: &Counts, problems: u64) {
        let (name, manifest) = (name.as_str().to_owned(), published.manifest.0);
        self.bundles.push(BundleRecord { name, bytes: published.bytes, manifest, pruned_until: 0, joined_from: 0 });
        let tail = Tail { counts: *counts, problems_total: problems, ..Tail::default() };
        replay::add_part(&mut self.summary, &self.run.head, &tail, published.bytes);
    }

    /// Publishes it, after the last part; gives what it says of the snapshot. Where it was given up, it is made from the bundles;
    /// where that fails, too, a notice says so: the snapshot exists all the same.
    pub fn publish(mut self) -> Summary {
        let summary = self.summary.clone();
        let published = match std::mem::replace(&mut self.state, Stage::GivenUp) {
            Stage::Begun(rows) => rows.publish(std::mem::take(&mut self.bundles), Some(self.summary.clone())).is_ok(),
            Stage::NotBegun | Stage::GivenUp => false,
        };
        if !published {
            self.make_again();
        }
        summary
    }

    fn make_again(&self) {
        let CreateContext { archive, monitor, .. } = self.run;
        let made = archive.catalog_for_writing(*monitor).and_then(|catalog| catalog.state(self.run.head.id.number));
        if let Err(error) = made {
            monitor.event(Event::Notice(&Notice::IndexNotWritten { why: error.to_string() }));
        }
    }

    fn attempt(&mut self, act: impl FnOnce(&mut IndexRows) -> Result<()>) {
        if let Stage::Begun(rows) = &mut self.state
            && act(rows).is_err()
        {
            self.state = Stage::GivenUp;
        }
    }
}
