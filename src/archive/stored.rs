//! Contents as they stand in an archive, for a bundle that is written anew from sound ones.

use crate::archive::catalog::Catalog;
use crate::archive::content::BundleTar;
use crate::archive::content::ContentCheck;
use crate::archive::content::Contents;
use crate::archive::content::Reader;
use crate::archive::rebase::Rebased;
use crate::archive::rebundle::Sink;
use crate::archive::rebundle::Supply;
use crate::base::advice::Advice;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Patch;
use crate::base::entry::Stat;
use crate::base::error::Result;
use crate::format::layout::PIECE_BYTES;
use crate::system::store::Spool;
use std::sync::Arc;

/// Which contents stay made from older ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patches {
    /// All.
    All,
    /// Those whose older content is at their path in the state before. The others are made from that, if it is one of those from
    /// which they are made, and stored whole otherwise.
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
    /// The data of a patch that was made anew.
    made: Option<Spool>,
}

impl Stored {
    /// Those in the bundles that `catalog` lists.
    pub fn new(catalog: &Catalog, patches: Patches) -> Stored {
        let contents = Contents::new(catalog, ContentCheck::Checksum, Advice::PlugInArchive);
        Stored { reader: contents.reader(), contents, patches, tar: None, made: None }
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

    fn patch(&mut self, content: &Content, patch: &Arc<Patch>, older: Option<&Entry>) -> Result<Option<Arc<Patch>>> {
        self.made = None;
        if self.patches == Patches::All || is_made_from(patch, older) {
            return Ok(Some(patch.clone()));
        }
        let Some(rebased) = older.and_then(|older| Rebased::on(patch, older)) else { return Ok(None) };
        let Some((patch, data)) = rebased.make(content, &mut self.reader)? else { return Ok(None) };
        self.made = Some(data);
        Ok(Some(patch))
    }

    fn patch_data(&mut self, content: &Content, sink: &mut Sink) -> Result<()> {
        if let Some(made) = self.made.take() {
            return made.drain(sink);
        }
        let tar = match self.tar.take().filter(|tar| tar.bundle().name().id == content.place.bundle) {
            Some(tar) => tar,
            None => BundleTar::new(self.contents.bundle(content.place.bundle)?),
        };
        let (tar, bytes) = (self.tar.insert(tar), content.patch.as_deref().map_or(0, Patch::stored_bytes));
        let mut piece = vec![0; PIECE_BYTES.min(bytes) as usize];
        let mut at = 0;
        while at < bytes {
            piece.truncate((bytes - at) as usize);
            tar.read_at(content.place.offset.saturating_add(at), &mut piece)?;
            sink(&piece)?;
            at += piece.len() as u64;
        }
        Ok(())
    }
}
