//! Looks for an entry in all snapshots.

use crate::archive::catalog::Catalog;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;
use crate::base::snapshot::Standing;

/// So many snapshots are looked at before what was opened for them is closed.
const OPEN_MAX: usize = 32;

impl Catalog<'_> {
    /// The snapshot beside `number` that has an entry at `path`: the last one before it, or else the last one.
    ///
    /// # Errors
    /// When the monitor asks to stop. A snapshot that cannot be read has nothing.
    pub fn snapshot_with(
        &self,
        path: &EntryPath,
        number: SnapshotNumber,
        monitor: &dyn Monitor,
    ) -> Result<Option<(SnapshotNumber, Standing)>> {
        let (mut before, after): (Vec<SnapshotNumber>, Vec<SnapshotNumber>) =
            self.snapshots().rev().filter(|other| *other != number).partition(|other| *other < number);
        before.extend(after);
        let mut forgotten = None;
        for (count, other) in before.into_iter().enumerate() {
            check_interrupted(monitor)?;
            if count % OPEN_MAX == OPEN_MAX - 1 {
                self.close_index_files();
            }
            let Ok(state) = self.state(other) else { continue };
            let standing = self.standing(other, &state);
            let may_have = standing.is_there() || (standing == Standing::Forgotten && forgotten.is_none());
            if !may_have || !state.find(path).is_ok_and(|entry| entry.is_some()) {
                continue;
            }
            if standing.is_there() {
                return Ok(Some((other, standing)));
            }
            forgotten = Some((other, standing));
        }
        Ok(forgotten)
    }
}
