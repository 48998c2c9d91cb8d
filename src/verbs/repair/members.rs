//! The members of a bundle, found front to back without its manifest: what is in damaged frames is passed over, and what no
//! writer would write is left out. Knows nothing of other bundles.

use crate::archive::content::BundleTar;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::MANIFEST_NAME;
use crate::base::path::is_for_script;
use crate::format::bundle::Bundle;
use crate::format::layout::PIECE_BYTES;
use crate::format::manifest::Head;
use crate::format::tar;
use crate::format::tar::TarEntry;
use std::sync::Arc;

/// One member.
pub(super) struct TarMember {
    pub path: EntryPathBuf,
    pub told: TarEntry,
    /// Where its content begins.
    pub content_at: u64,
    /// Whether it is a directory that stands once more, or late, for the times of what is stored in it only; or a file with the
    /// content of one in an older bundle, which stands behind all others.
    pub is_again: bool,
}

impl TarMember {
    /// The directory that it stands under in the tar, and its name there; a directory stands first under itself.
    fn place(&self) -> (&[u8], &[u8]) {
        if self.told.entry.stat.kind == Kind::Directory {
            (self.path.as_bytes(), b"")
        } else {
            path::split_last(self.path.as_bytes())
        }
    }

    pub fn directory(&self) -> &[u8] {
        self.place().0
    }
}

/// Goes over the members of a bundle, in the order of its tar.
pub(super) struct Members {
    pub tar: BundleTar,
    /// Where the next header begins; after damage, behind what is known to be unusable.
    at: u64,
    is_lost: bool,
    last: Option<(Vec<u8>, Vec<u8>)>,
    /// The manifest's first line, if the manifest was reached and that is sound.
    pub head: Option<Head>,
    /// The renames of the members that stood before all others.
    pub moves: Vec<(EntryPathBuf, EntryPathBuf)>,
    /// The directory of the last of these members.
    moved_in: Option<EntryPathBuf>,
}

impl Members {
    pub fn new(bundle: Arc<Bundle>) -> Members {
        let tar = BundleTar::new(bundle);
        Members { tar, at: 0, is_lost: false, last: None, head: None, moves: Vec::new(), moved_in: None }
    }

    /// The next member that is where it may be; `None` at the end or at the manifest.
    pub fn next(&mut self) -> Option<TarMember> {
        loop {
            if self.is_lost && !self.find_again() {
                return None;
            }
            let start = self.at;
            self.tar.position = start;
            let told = match tar::read_entry(&mut self.tar) {
                Ok(told) => told?,
                Err(_) => {
                    (self.is_lost, self.at) = (true, start.saturating_add(1));
                    continue;
                }
            };
            let content_at = start.saturating_add(told.member.header_bytes);
            self.at = content_at.saturating_add(told.member.size).saturating_add(tar::padding(told.member.size) as u64);
            if told.member.path == MANIFEST_NAME.as_bytes() {
                self.head = self.first_line(content_at).ok();
                return None;
            }
            let is_entry = !is_for_script(&told.member.path);
            let Some(mut found) = checked(told, content_at).filter(|_| is_entry) else { continue };
            if self.last.is_none() && self.is_move(&found) {
                continue;
            }
            found.is_again = self.is_again(&found) || found.told.is_copy && !self.is_next(&found);
            if found.is_again {
                return Some(found);
            }
            if self.is_next(&found) {
                let (directory, name) = found.place();
                self.last = Some((directory.to_vec(), name.to_vec()));
                return Some(found);
            }
        }
    }

    /// Whether a member only renames, or directly behind deletes what was moved aside: these stand before all others.
    fn is_move(&mut self, found: &TarMember) -> bool {
        let Some(listing) = &found.told.listing else { return false };
        let path = |bytes: &[u8]| EntryPathBuf::from_bytes(bytes);
        match tar::moves_in(found.path.as_bytes(), listing) {
            Some(list) => {
                let renames = list.renames.iter().filter_map(|(from, to)| path(from).zip(path(to)));
                // What then stands under the old name of a source is not moved, but gone.
                let is_top = |path: &EntryPathBuf| path.parent().is_some_and(EntryPath::is_root);
                let renames = renames.filter(|(from, to)| is_top(from) == is_top(to));
                self.moves.extend(renames);
                self.moved_in = Some(found.path.clone());
                true
            }
            None => self.moved_in.take().is_some_and(|directory| directory == found.path),
        }
    }

    /// Members stand in one order; what does not is not a member of this bundle, or a lie. A directory's headers with the parts of
    /// one list stand side by side.
    fn is_next(&self, found: &TarMember) -> bool {
        let (directory, name) = found.place();
        self.last.as_ref().is_none_or(|(last_directory, last_name)| {
            let order = path::row_order((last_directory, last_name), (directory, name));
            order.is_lt() || (order.is_eq() && found.told.listing.is_some())
        })
    }

    /// A directory may stand once more before what is stored in it, and late before a directory in it.
    fn is_again(&self, found: &TarMember) -> bool {
        let is_directory = found.told.entry.stat.kind == Kind::Directory;
        is_directory
            && found.told.listing.is_none()
            && self.last.as_ref().is_some_and(|(last, _)| path::is_in(last, found.path.as_bytes()))
    }

    /// Goes on at the next frame that begins with a member. A large file that is itself a tar may have pieces that look so: a
    /// frame behind one that is as long as a piece counts only if it is longer than a piece from a file's middle ever is.
    fn find_again(&mut self) -> bool {
        while let Some(frame) = self.tar.frame_from(self.at) {
            let may_go_on =
                self.tar.frame_before(&frame).is_some_and(|before| u64::from(before.raw_bytes) >= PIECE_BYTES);
            let may_begin = !may_go_on || u64::from(frame.raw_bytes) > PIECE_BYTES;
            if may_begin && self.tar.rest_of_frame(frame.raw_offset).is_ok_and(is_of_members) {
                (self.is_lost, self.at) = (false, frame.raw_offset);
                return true;
            }
            self.at = frame.raw_offset.saturating_add(1);
        }
        false
    }

    fn first_line(&mut self, at: u64) -> Result<Head> {
        let rest = self.tar.rest_of_frame(at)?;
        Head::from_line(rest.split(|byte| *byte == b'\n').next().unwrap_or_default())
    }
}

/// Whether a frame is whole members from its beginning to its end, or the first of a large file, which is longer than a piece
/// from a file's middle ever is.
fn is_of_members(raw: &[u8]) -> bool {
    let mut at = 0;
    while at < raw.len() {
        let Ok(Some(member)) = tar::read_header(&mut &raw[at..]) else { return false };
        if member.path == MANIFEST_NAME.as_bytes() {
            return true;
        }
        let length = member.header_bytes.saturating_add(member.size).saturating_add(tar::padding(member.size) as u64);
        let is_beyond = length > (raw.len() - at) as u64;
        if is_beyond {
            return at == 0 && raw.len() as u64 > PIECE_BYTES;
        }
        at += length as usize;
    }
    true
}

fn checked(told: TarEntry, content_at: u64) -> Option<TarMember> {
    let is_directory = told.entry.stat.kind == Kind::Directory;
    let name = told.member.path.strip_suffix(b"/").filter(|_| is_directory).unwrap_or(&told.member.path);
    let path = EntryPathBuf::from_bytes(name).filter(|path| !path.is_root())?;
    Some(TarMember { path, told, content_at, is_again: false })
}
