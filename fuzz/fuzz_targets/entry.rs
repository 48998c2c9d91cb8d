//! Any entry: it comes back from a tar, a manifest and an index as it was put in.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use snap_archive::base::entry::Entry;
use snap_archive::base::entry::Kind;
use snap_archive::base::path::EntryPath;
use snap_archive::base::path::split_last;
use snap_archive::format::index::IndexFile;
use snap_archive::format::index::IndexHead;
use snap_archive::format::index::IndexWriter;
use snap_archive::format::manifest::Action;
use snap_archive::format::manifest::Change;
use snap_archive::format::tar;
use snap_archive::format::tar::Body;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_fuzz::entries;
use snap_fuzz::entries::line_of;
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let mut u = Unstructured::new(bytes);
    let (Ok(path), Ok(entry)) = (entries::path(&mut u), entries::entry(&mut u)) else { return };
    in_a_tar(&path, &entry, Body::Itself);
    in_a_tar(&path, &entry, Body::LinkTo(&entry.target));
    in_a_manifest(&path, &entry);
    in_an_index(&path, &entry);
});

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

fn in_a_manifest(path: &EntryPath, entry: &Entry) {
    let bundle = entry.content.as_ref().map(|content| content.place.bundle).unwrap_or_default();
    let stored = Change { path: path.to_owned(), now: Action::Stored(entry.clone()) };
    assert_eq!(Change::from_line(&line_of(&stored), bundle).unwrap(), stored);
    let gone = Change { path: path.to_owned(), now: Action::Removed(entry.stat.kind) };
    assert_eq!(Change::from_line(&line_of(&gone), bundle).unwrap(), gone);
    if entry.content.is_some() {
        let mut entry = entry.clone();
        entry.content.iter_mut().for_each(|content| content.place.offset = 0);
        let kept = Change { path: path.to_owned(), now: Action::Referenced(entry) };
        assert_eq!(Change::from_line(&line_of(&kept), bundle).unwrap(), kept);
    }
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
