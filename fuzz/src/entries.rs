//! Entries out of nothing, and their lines in a manifest.

use arbitrary::Result;
use arbitrary::Unstructured;
use snap_archive::base::entry::Content;
use snap_archive::base::entry::Device;
use snap_archive::base::entry::Entry;
use snap_archive::base::entry::Kind;
use snap_archive::base::entry::Owner;
use snap_archive::base::entry::Place;
use snap_archive::base::entry::Stat;
use snap_archive::base::holes::Holes;
use snap_archive::base::id::BundleId;
use snap_archive::base::id::Hash;
use snap_archive::base::id::PART_MAX;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::time::Time;
use snap_archive::format::manifest::Action;
use snap_archive::format::manifest::Change;
use snap_archive::format::manifest::DraftLine;

/// Far beyond every real file, and so that offset and size together are still a number.
const SIZE_MAX: u64 = 1 << 62;

/// Behind the first header of a tar the first content stands.
const HEADER_BYTES: u64 = 512;

/// More holes than this are no other case.
const HOLES_MAX: usize = 8;

/// Any path but the root.
pub fn path(u: &mut Unstructured) -> Result<EntryPathBuf> {
    let bytes: Vec<u8> = u.arbitrary()?;
    EntryPathBuf::from_bytes(&bytes).filter(|path| !path.is_root()).ok_or(arbitrary::Error::IncorrectFormat)
}

/// Any entry that could have been found in a source.
pub fn entry(u: &mut Unstructured) -> Result<Entry> {
    let kind = *u.choose(&Kind::ALL)?;
    let stat = Stat {
        kind,
        mode: u.int_in_range(0..=0o7777)?,
        uid: u.arbitrary()?,
        gid: u.arbitrary()?,
        size: if kind == Kind::File { u.int_in_range(0..=SIZE_MAX)? } else { 0 },
        mtime: Time::new(u.arbitrary()?, u.arbitrary()?),
        ctime: Time::new(u.arbitrary()?, u.arbitrary()?),
        inode: u.arbitrary()?,
        link: u.arbitrary()?,
        device: if kind.is_device() { Device::of_number(u.arbitrary()?) } else { Device::default() },
        racy: u.arbitrary()?,
    };
    let mut target = Vec::new();
    if kind == Kind::Symlink {
        target.push(u.int_in_range(1..=255)?);
        target.extend(u.arbitrary::<Vec<u8>>()?.into_iter().filter(|byte| *byte != 0));
    }
    let content = if kind == Kind::File { Some(content(u, stat.size)?) } else { None };
    let owner = Owner { user: u.arbitrary::<String>()?.into(), group: u.arbitrary::<String>()?.into() };
    Ok(Entry { stat, owner, xattrs: u.arbitrary()?, target, content })
}

fn content(u: &mut Unstructured, size: u64) -> Result<Content> {
    let mut holes = Vec::new();
    let mut end = 0;
    while end < size && holes.len() < HOLES_MAX && u.ratio(1, 4)? {
        let offset = u.int_in_range(end..=size - 1)?;
        let length = u.int_in_range(1..=size - offset)?;
        holes.push((offset, length));
        end = offset + length;
    }
    let holes = Holes::from_pairs(&holes, size).unwrap_or_default();
    let bundle = BundleId::new(u.int_in_range(1..=SnapshotNumber::MAX.get())?, u.int_in_range(0..=PART_MAX)?);
    // 0 says that it is lost, 1 that it was pruned.
    let place = Place { bundle, offset: u.int_in_range(HEADER_BYTES..=SIZE_MAX)? };
    Ok(Content { hash: Hash(u.arbitrary()?), place, holes, patch: None, torn: u.arbitrary()? })
}

/// The line that a change is written as, without its newline.
pub fn line_of(change: &Change) -> Vec<u8> {
    let mut line = Vec::new();
    match &change.now {
        Action::Removed(kind) => DraftLine::gone(&change.path, *kind).append_to(&mut line, None),
        Action::Stored(entry) => {
            let offset = entry.content.as_ref().map(|content| content.place.offset);
            DraftLine::copy(&change.path, entry, None, change.copy_of.as_deref()).append_to(&mut line, offset);
        }
        Action::Referenced(entry) => {
            let place = entry.content.as_ref().unwrap().place;
            let copy_of = change.copy_of.as_deref();
            DraftLine::copy(&change.path, entry, Some(place.bundle), copy_of).append_to(&mut line, None);
        }
    }
    assert_eq!(line.pop(), Some(b'\n'));
    assert!(!line.contains(&b'\n'));
    line
}
