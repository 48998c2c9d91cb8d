//! Any entry: it comes back from a tar, a manifest and an index as it was put in.

use arbitrary::Unstructured;
use crate::entries::line_of;
use crate::entries;
use snap_archive::base::entry::Content;
use snap_archive::base::entry::Entry;
use snap_archive::base::entry::Kind;
use snap_archive::base::entry::Place;
use snap_archive::base::path::EntryPath;
use snap_archive::base::path::split_last;
use snap_archive::format::index::IndexFile;
use snap_archive::format::index::IndexHead;
use snap_archive::format::index::IndexWriter;
use snap_archive::format::manifest::Action;
use snap_archive::format::manifest::Change;
use snap_archive::format::tar::Body;
use snap_archive::format::tar;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use std::sync::Arc;

pub fn check(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let (Ok(path), Ok(entry)) = (entries::path(&mut u), entries::entry(&mut u)) else { return };
    in_a_tar(&path, &entry, Body::Itself);
    in_a_tar(&path, &entry, Body::LinkTo(&entry.target));
    in_a_manifest(&path, &entry, entries::path(&mut u).ok().as_deref());
    in_an_index(&path, &entry);
}

fn in_a_tar(path: &EntryPath, entry: &Entry, body: Body) {
    let mut headers = Vec::new();
    tar::append_header(&mut headers, path.as_bytes(), entry, body);
    let member = tar::read_header(&mut headers.as_slice()).unwrap().unwrap();
    assert_eq!(member.header_bytes, headers.len() as u64);
    assert_eq!(member.target, entry.target);
    if body == Body::Itself {
        let slash: &[u8] = if entry.stat.kind == Kind::Directory { b"/" } else { b"" };
        assert_eq!(member.path, [path.as_bytes(), slash].concat());
        assert_eq!(member.size, entry.stat.size);
    } else {
        assert_eq!((member.path.as_slice(), member.size, member.flag), (path.as_bytes(), 0, b'1'));
    }
}

fn in_a_manifest(path: &EntryPath, entry: &Entry, other: Option<&EntryPath>) {
    let bundle = entry.content.as_ref().map(|content| content.place.bundle).unwrap_or_default();
    let change = |now, copy_of: Option<&EntryPath>| Change {
        path: path.to_owned(),
        now,
        copy_of: copy_of.map(EntryPath::to_owned),
    };
    let same = |change: &Change| assert_eq!(Change::from_line(&line_of(change), bundle).unwrap(), *change);
    same(&change(Action::Removed(entry.stat.kind), None));
    same(&change(Action::Stored(entry.clone()), None));
    let Some(content) = &entry.content else { return };
    // A copy has the offset of what it is a copy of; of what stands in an older bundle, no offset is known.
    let other = other.filter(|other| *other != path);
    same(&change(Action::Stored(entry.clone()), other));
    let mut kept = entry.clone();
    kept.content = Some(Content { place: Place { offset: 0, ..content.place }, ..content.clone() });
    same(&change(Action::Referenced(kept.clone()), None));
    same(&change(Action::Referenced(kept), other));
}

fn in_an_index(path: &EntryPath, entry: &Entry) {
    let (directory, name) = split_last(path.as_bytes());
    let store = MemoryStore::new();
    let mut writer = IndexWriter::new(store.create("file").unwrap()).unwrap();
    writer.push(directory, name, Some(entry)).unwrap();
    writer.publish("file", &IndexHead::default()).unwrap();
    let file = Arc::new(IndexFile::open(store.open("file").unwrap()).unwrap());
    let block = file.block(file.block_for(directory, name)).unwrap();
    let row = block.find(directory, name).unwrap();
    assert_eq!(block.entry(row).unwrap().as_ref(), Some(entry));
}
