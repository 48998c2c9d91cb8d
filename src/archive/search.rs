//! Looks for an entry in all snapshots.

use crate::archive::catalog::Catalog;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;

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
    ) -> Result<Option<SnapshotNumber>> {
        let (mut before, after): (Vec<SnapshotNumber>, Vec<SnapshotNumber>) =
            self.snapshots().rev().filter(|other| *other != number).partition(|other| *other < number);
        before.extend(after);
        for (count, other) in before.into_iter().enumerate() {
            check_interrupted(monitor)?;
            if count % OPEN_MAX == OPEN_MAX - 1 {
                self.close_index_files();
            }
            let Ok(state) = self.state(other) else { continue };
            if self.standing(other, &state).is_there() && state.find(path).is_ok_and(|entry| entry.is_some()) {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }
}
