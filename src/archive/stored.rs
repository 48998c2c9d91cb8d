//! Contents as they stand in an archive, for a bundle that is written anew from sound ones.

use crate::archive::catalog::Catalog;
use crate::archive::content::BundleTar;
use crate::archive::content::ContentCheck;
use crate::archive::content::Contents;
use crate::archive::content::Reader;
use crate::archive::rebundle::Supply;
use crate::base::advice::Advice;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Patch;
use crate::base::entry::Stat;
use crate::base::error::Result;

/// Which contents stay made from older ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patches {
    /// All.
    All,
    /// Those whose older content is at their path in the state before. The others are stored whole.
    OfWhatIsThere,
}

/// Whether a patch makes its content of what was at its path.
pub fn is_made_from(patch: &Patch, older: Option<&Entry>) -> bool {
    older.is_some_and(|older| {
        let is_base = |content: &Content| content.place == patch.base.place && content.hash == patch.base.hash;
        older.stat.size == patch.base_size && older.content.as_ref().is_some_and(is_base) && !older.is_without_content()
    })
}

/// Contents as they stand in an archive.
pub struct Stored {
    contents: Contents,
    reader: Reader,
    patches: Patches,
    /// The bundle of which a patch was read last.
    tar: Option<BundleTar>,
}

impl Stored {
    /// Those in the bundles that `catalog` lists.
    pub fn new(catalog: &Catalog, patches: Patches) -> Stored {
        let contents = Contents::new(catalog, ContentCheck::Checksum, Advice::PlugInArchive);
        Stored { reader: contents.reader(), contents, patches, tar: None }
    }
}

impl Supply for Stored {
    fn find(&mut self, content: &Content, _size: u64) -> Result<Option<Content>> {
        Ok(Some(content.clone()).filter(|content| !content.place.is_lost()))
    }

    fn read(&mut self, content: &Content, size: u64, at: u64, out: &mut [u8]) -> Result<()> {
        let stat = Stat { size, ..Stat::default() };
        self.reader.read_at(&Entry { stat, content: Some(content.clone()), ..Entry::default() }, at, out)
    }

    fn has_patch(&mut self, _content: &Content, patch: &Patch, older: Option<&Entry>) -> Result<bool> {
        Ok(self.patches == Patches::All || is_made_from(patch, older))
    }

    fn read_patch(&mut self, content: &Content, at: u64, out: &mut [u8]) -> Result<()> {
        let tar = match self.tar.take().filter(|tar| tar.bundle().name().id == content.place.bundle) {
            Some(tar) => tar,
            None => BundleTar::new(self.contents.bundle(content.place.bundle)?),
        };
        self.tar.insert(tar).read_at(content.place.offset.saturating_add(at), out)
    }
}
