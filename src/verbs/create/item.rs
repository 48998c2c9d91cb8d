//! An entry that is to be read.

use super::hardlinks::HardLinkSlot;
use crate::archive::state::Row;
use crate::base::diff::Verdict;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::path::EntryPathBuf;

/// An entry to be read.
pub struct Item {
    /// Where its directory is in [`super::job::GroupJob::directories`].
    pub directory: usize,
    /// Its path.
    pub path: EntryPathBuf,
    /// As the scan found it.
    pub stat: Stat,
    /// Whether it occupies less than its size.
    pub may_have_holes: bool,
    /// Its old row; `None` if it is new.
    pub base: Option<Row>,
    /// The result of the comparison.
    pub verdict: Verdict,
    /// Whether it may be a copy of another file.
    pub may_be_copy: bool,
    /// Its place among the names of one file, if it has several.
    pub link: Option<HardLinkSlot>,
}

impl Item {
    /// Whether it is new, or had another type.
    pub fn is_new(&self) -> bool {
        self.base.is_none() || self.verdict == Verdict::Replaced
    }

    /// Its old type.
    pub fn base_kind(&self) -> Option<Kind> {
        self.base.as_ref().and_then(Row::stat).map(|stat| stat.kind)
    }

    /// Its older version. `None` also if the index cannot be read, or if it was a name of one file with several and is
    /// now one of another: then it is stored again, since stock tools would leave it a name of the old file.
    pub fn base_entry(&self) -> Option<Entry> {
        let base = self.base.as_ref().and_then(|row| row.entry().ok().flatten())?;
        let is_another_file = base.stat.link != 0 && base.stat.inode != self.stat.inode;
        (!is_another_file).then_some(base)
    }
}
