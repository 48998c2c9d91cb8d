//! What all workers share.

use super::attempt::PatchMaker;
use super::meter::Meter;
use crate::base::time::Time;
use crate::format::frames::Effort;
use crate::system::source::Source;

/// What all workers share.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The sources, in the order in which jobs name them.
    pub sources: &'a [Source],
    /// How hard to compress the next frame.
    pub effort: &'a (dyn Fn() -> Effort + Sync),
    /// Where "now" comes from.
    pub clock: &'a (dyn Fn() -> Time + Sync),
    /// Whether to compress, or only to find out what would be stored.
    pub dry_run: bool,
    /// Whether contents are read; in a dry run only if all are to be.
    pub reads_contents: bool,
    /// Makes patches, where that is wanted.
    pub patches: Option<&'a PatchMaker>,
    /// The snapshot's time, in seconds, for members that are not entries.
    pub time_seconds: i64,
    /// Counts how far the run is.
    pub meter: &'a Meter,
    /// Whether the results are not wanted any more.
    pub is_stopped: &'a (dyn Fn() -> bool + Sync),
}
