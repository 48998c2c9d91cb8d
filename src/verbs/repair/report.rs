//! What a person may choose of a repair, and what it did.

use crate::verbs::verify::VerifyReport;

/// How to repair.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RepairOptions {
    /// Whether to only report what would be done. Default: no.
    pub dry_run: bool,
    /// How many threads read; 0, the default: as many as there are cores.
    pub threads: usize,
}

/// One thing that was done; in a dry run, that would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The file in the archive.
    pub file: String,
    /// What was done to it, as a sentence.
    pub what: String,
}

/// What was done, and what is lost.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RepairReport {
    /// All that was done; empty: there was nothing to do.
    pub steps: Vec<Step>,
    /// What `verify` says afterwards, contents not read: what could not be repaired, and all that is known to be lost.
    pub left: VerifyReport,
}
