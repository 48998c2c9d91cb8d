//! Whether the headers of frames and members are as they must be.

use super::expected::ExpectedMember;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::format::bundle::Bundle;
use crate::format::frames::FrameAt;
use crate::format::frames::HEADER_BYTES_MAX;
use crate::format::frames::raw_bytes_by_header;
use crate::format::tar;
use crate::format::tar::Body;
use crate::format::tar::TarEntry;

/// The largest window of a frame is two to the power of this.
const WINDOW_LOG_MAX: u8 = 27;

/// Whether a frame has a checksum, a length, a window that is small enough, and no dictionary.
pub(super) fn has_sound_header(bundle: &Bundle, frame: &FrameAt) -> bool {
    let length = (frame.stored_bytes as usize).min(HEADER_BYTES_MAX);
    let header = bundle.stored_bytes(frame.stored_offset, length);
    header.is_ok_and(|header| {
        // A frame in one segment has no window of its own; otherwise it is a power of two, and up to seven eighths more.
        let has_window = header.get(4).is_some_and(|descriptor| descriptor & 1 << 5 == 0);
        let window = header.get(5).copied().unwrap_or_default();
        let is_small = !has_window || ((window >> 3) + 10, window & 7) <= (WINDOW_LOG_MAX, 0);
        is_small && raw_bytes_by_header(&header) == Some(frame.raw_bytes)
    })
}

/// Whether a member's headers say what its line says. A folder's attributes are read once for each.
pub(super) fn say_the_same(wanted: &ExpectedMember, told: &TarEntry) -> bool {
    let body = if told.member.flag == b'1' { Body::LinkTo(&told.member.target) } else { Body::Itself };
    let mut headers = Vec::new();
    tar::append_header(&mut headers, wanted.path.as_bytes(), &wanted.entry, body);
    let Ok(Some(due)) = tar::read_entry(&mut headers.as_slice()) else { return true };
    let said = |entry: &Entry| {
        let Stat { mode, uid, gid, mtime, device, .. } = entry.stat;
        (mode, uid, gid, mtime, device)
    };
    let has_same_xattrs = told.entry.stat.kind == Kind::Directory || due.entry.xattrs == told.entry.xattrs;
    said(&due.entry) == said(&told.entry) && due.entry.owner == told.entry.owner && has_same_xattrs
}
