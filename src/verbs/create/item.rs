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
    /// As it was; `None` when it was not there.
    pub base: Option<Row>,
    /// What the comparison said.
    pub verdict: Verdict,
    /// Whether another file may have the same content, of which it is a copy then.
    pub may_be_copy: bool,
    /// Its place among the names of one file, if it has several.
    pub link: Option<HardLinkSlot>,
}

impl Item {
    /// Whether it was not there, or was something else.
    pub fn is_new(&self) -> bool {
        self.base.is_none() || self.verdict == Verdict::Replaced
    }

    /// What it was.
    pub fn base_kind(&self) -> Option<Kind> {
        self.base.as_ref().and_then(Row::stat).map(|stat| stat.kind)
    }

    /// It, as it was; `None` also when the index cannot be read, or it was a name of a file with several and is one of another
    /// file now, for then it is stored anew: where stock tools unpack, it would else still be a name of that file.
    pub fn base_entry(&self) -> Option<Entry> {
        let base = self.base.as_ref().and_then(|row| row.entry().ok().flatten())?;
        let is_another_file = base.stat.link != 0 && base.stat.inode != self.stat.inode;
        (!is_another_file).then_some(base)
    }
}
