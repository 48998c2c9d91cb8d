//! What a verification looked at and found.

use super::finding::Finding;

/// What was looked at, and what was found.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VerifyReport {
    /// How many snapshots there are that were not forgotten.
    pub snapshots: u64,
    /// How many there are that were forgotten.
    pub forgotten: u64,
    /// How many bundles there are.
    pub bundles: u64,
    /// How many lines of manifests were checked: each is one version of an entry.
    pub entries: u64,
    /// How many of these lines are of files whose contents were pruned or erased.
    pub pruned: u64,
    /// How many bytes of bundles were read and checked; 0 without `data`.
    pub bytes: u64,
    /// All damages but the losses that are known.
    pub findings: Vec<Finding>,
    /// What a repair noted as lost: nothing more can be done about it, but to save it again.
    pub known_losses: Vec<Finding>,
}
