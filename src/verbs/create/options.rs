//! What a person may choose of a new snapshot.

use super::speed::DriveSpeed;
use crate::base::keep::KeepRules;
use crate::base::snapshot::Rules;
use crate::base::time::Time;
use crate::format::frames::LEVEL_DEFAULT;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// How hard to compress.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Level {
    /// As hard as costs no time: harder when the drive is slow, less hard when the processor is.
    #[default]
    Auto,
    /// A level of zstd, 1 to 19. Then the same source gives the same bundles.
    Fixed(i32),
}

impl Level {
    /// The level for what is not compressed frame by frame.
    pub(super) fn fixed(self) -> i32 {
        match self {
            Level::Auto => LEVEL_DEFAULT,
            Level::Fixed(level) => level,
        }
    }
}

/// The default for the most bytes of tar in one part.
pub const PART_BYTES_DEFAULT: u64 = 1 << 30;

/// Smaller files that moved are stored again, in bytes: that takes hardly more than a rename.
pub(super) const MOVED_BYTES_MIN: u64 = 4 << 10;

/// The least size in bytes of modified files that are patched, if nothing else was given.
const PATCH_FROM_DEFAULT: u64 = 1 << 20;

/// The least size in bytes of modified files that are patched, by these rules.
pub(super) fn patch_from(rules: &Rules) -> u64 {
    rules.patch_from.unwrap_or(PATCH_FROM_DEFAULT).max(1)
}

/// A folder to be saved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceSpec {
    /// Its name in the archive; `None`: the last part of its path.
    pub name: Option<String>,
    /// Whether the name was given explicitly. Then this folder is meant, whatever was saved under the name before.
    pub is_named: bool,
    /// Where it is.
    pub path: PathBuf,
}

/// Where a source with this path is read.
pub type ReadAt<'a> = &'a (dyn Fn(&Path) -> io::Result<PathBuf> + Sync);

/// How to make a snapshot.
pub struct CreateOptions<'a> {
    /// What to save; empty: the sources of the last snapshot.
    pub sources: Vec<SourceSpec>,
    /// Rules to add to those of the same source last time.
    pub rules: Option<Rules>,
    /// Rules to remove.
    pub take_away: Rules,
    /// Whether the rules of last time are dropped first.
    pub fresh_rules: bool,
    /// Whether sources may have other paths than last time, or be on another computer. Default: no, unless their names are
    /// given.
    pub moved: bool,
    /// The name of this computer, which is noted with the sources that are read; empty: unknown. Default: unknown.
    pub host: String,
    /// Whether file systems of sources are synced first, so that changes through memory maps are seen. Default: yes.
    pub sync: bool,
    /// Whether what rules leave out is reported entry by entry, if entries are. Default: no.
    pub tell_left_out: bool,
    /// How hard to compress.
    pub level: Level,
    /// Whether to read files that look unchanged.
    pub rehash: bool,
    /// Whether to find out what would be saved, and write nothing.
    pub dry_run: bool,
    /// Whether each bundle is read back from the drive and compared before it is published. Default: no.
    pub read_back: bool,
    /// A note for the history.
    pub note: String,
    /// Whether a source that has become empty is saved as such, and a snapshot made even if nothing has changed.
    pub allow_empty: bool,
    /// The snapshot's time; `None`: now.
    pub time: Option<Time>,
    /// The most bytes of tar in one part; a single larger file makes a larger part.
    pub part_bytes_max: u64,
    /// Which snapshots stay if space is short: what forgetting the others would free is reported. Default: no rules.
    pub keep: KeepRules,
    /// Whether, if space is short, the oldest snapshots that `keep` does not keep are forgotten and pruned first, as
    /// many as are needed. Default: no.
    pub make_room: bool,
    /// How fast the archive's drive is, if that is known; it decides whether large files are patched. `None`: it is
    /// measured.
    pub drive_speed: Option<DriveSpeed>,
    /// How many threads pack; 0: as many as the machine has cores.
    pub threads: usize,
    /// Says where a source is read instead of at its own path, as in a shadow copy of its drive; it is noted under its own.
    /// Default: `None`, where it is.
    pub read_at: Option<ReadAt<'a>>,
    /// The clock by which it is decided which entries are racy.
    pub clock: &'a (dyn Fn() -> Time + Sync),
}

impl Default for CreateOptions<'_> {
    fn default() -> Self {
        CreateOptions {
            sources: Vec::new(),
            rules: None,
            take_away: Rules::default(),
            fresh_rules: false,
            moved: false,
            host: String::new(),
            sync: true,
            tell_left_out: false,
            level: Level::Auto,
            rehash: false,
            dry_run: false,
            read_back: false,
            note: String::new(),
            allow_empty: false,
            time: None,
            part_bytes_max: PART_BYTES_DEFAULT,
            keep: KeepRules::default(),
            make_room: false,
            drive_speed: None,
            threads: 0,
            read_at: None,
            clock: &Time::now,
        }
    }
}
