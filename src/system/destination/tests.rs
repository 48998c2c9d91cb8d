//! Each kind of entry, each kind of thing in the way, as root and as an ordinary person.
#![allow(clippy::unwrap_used)]

use super::failure::in_the_way;
use super::*;
use crate::base::entry::Content;
use crate::base::entry::Device;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Owner;
use crate::base::entry::Stat;
use crate::base::error::ErrorKind;
use crate::base::holes::Holes;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::time::Time;
use crate::system::platform;
use crate::system::platform::Node;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::Ordering;
use tempfile::TempDir;

mod pending;

const REPLACING: DestinationOptions = DestinationOptions {
    owners: true,
    numeric_ids: false,
    replace: true,
    clears: true,
    keep_as: None,
    spared: None,
    make: true,
};

/// A capability set as the kernel keeps it: version 2, effective, binding to low ports permitted.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// ACLs as the kernel keeps them: user 4242 may read, the mask allows reading.
const ACL: [u8; 44] = [
    2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 0x92, 0x10, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255, 16, 0, 4,
    0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
];

struct Place {
    folder: TempDir,
    uid: u32,
    gid: u32,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let (uid, gid) = folder.path().metadata().map(|found| (found.uid(), found.gid())).unwrap();
        Place { folder, uid, gid }
    }

    fn open(&self, options: DestinationOptions) -> Destination {
        Destination::open(&self.folder.path().join("to"), options).unwrap()
    }

    fn at(&self, relative: &str) -> PathBuf {
        self.folder.path().join("to").join(relative)
    }

    fn entry(&self, kind: Kind, mode: u32) -> Entry {
        let mtime = Time::new(-86_400, 123_456_789);
        Entry { stat: Stat { kind, mode, uid: self.uid, gid: self.gid, mtime, ..Stat::default() }, ..Entry::default() }
    }

    fn file(&self, mode: u32, size: u64) -> Entry {
        let mut entry = self.entry(Kind::File, mode);
        entry.stat.size = size;
        entry.content = Some(Content::default());
        entry
    }
}

fn path(text: &str) -> EntryPathBuf {
    EntryPathBuf::from_bytes(text.as_bytes()).unwrap()
}

fn write(to: &Destination, at: &EntryPath, entry: &Entry, bytes: &[u8]) {
    let file = to.begin_file(at).unwrap();
    file.write_at(0, bytes).unwrap();
    file.finish(entry).unwrap();
}

fn what(result: Result<impl Sized, Failure>) -> String {
    match result.err().unwrap() {
        Failure::Problem(problem) => problem.what,
        Failure::Fatal(error) => panic!("{error}"),
    }
}

fn lost(to: &Destination) -> Vec<(NotKeptKind, u64)> {
    to.not_kept().iter().map(|loss| (loss.kind, loss.entries)).collect()
}

fn skipped_without_root() -> bool {
    let skipped = !platform::is_root();
    if skipped {
        println!("skipped: needs root");
    }
    skipped
}

/// Runs the test `name` once more as a person without rights; whether this is that run already.
fn runs_as_ordinary_person(name: &str) -> bool {
    if !platform::is_root() {
        return true;
    }
    let test = format!("system::destination::tests::{name}");
    let run = Command::new(std::env::current_exe().unwrap()).args(["--exact", &test]).uid(65_534).gid(65_534).output();
    match run {
        Ok(done) => {
            let said = String::from_utf8_lossy(&done.stdout);
            assert!(done.status.success() && said.contains("1 passed"), "{said}");
        }
        Err(error) => println!("skipped: cannot run as another user: {error}"),
    }
    false
}

/// A small file system of its own, until dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(at: PathBuf) -> Option<Mounted> {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "none"]).arg(&at).output();
        if mount.is_ok_and(|done| done.status.success()) {
            return Some(Mounted(at));
        }
        println!("skipped: cannot mount");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn every_kind_comes_back_with_mode_and_time_to_the_nanosecond() {
    let place = Place::new();
    let to = place.open(DestinationOptions::default());
    assert!(to.is_empty().unwrap() && to.make_directory(&path("d")).unwrap() == Made::New);

    write(&to, &path("d/none"), &place.file(0o000, 3), b"abc");
    let mut late = place.file(0o640, 0);
    late.stat.mtime = Time::new(1 << 33, 999_999_999);
    write(&to, &path("d/late"), &late, b"");
    let link = Entry { target: b"../nowhere".to_vec(), ..place.entry(Kind::Symlink, 0o777) };
    to.write_special(&path("d/link"), &link).unwrap();
    to.write_special(&path("d/pipe"), &place.entry(Kind::Fifo, 0o604)).unwrap();
    to.finish_directory(&path("d"), &place.entry(Kind::Directory, 0o1775)).unwrap();

    let found = |at: &str| to.stat(&path(at)).unwrap().map(|found| (found.kind.unwrap(), found.mode, found.mtime));
    let usual = Time::new(-86_400, 123_456_789);
    assert_eq!(found("d"), Some((Kind::Directory, 0o1775, usual)));
    assert_eq!(found("d/none"), Some((Kind::File, 0o000, usual)));
    assert_eq!(found("d/late"), Some((Kind::File, 0o640, late.stat.mtime)));
    assert_eq!(found("d/link"), Some((Kind::Symlink, 0o777, usual)));
    assert_eq!(found("d/pipe"), Some((Kind::Fifo, 0o604, usual)));
    assert_eq!(found("d/nothing").or(found("x/y")).or(found("d/late/below")), None);
    assert_eq!(to.read_link(&path("d/link")).unwrap(), b"../nowhere");
    assert_eq!(to.names(&path("d")).unwrap(), [&b"late"[..], b"link", b"none", b"pipe"]);
    assert!(!to.is_empty().unwrap());
    assert_eq!(to.not_kept(), []);
    to.sync_if_removable().unwrap();
}

#[test]
fn devices_keep_their_numbers_or_are_counted_as_lost() {
    let place = Place::new();
    let to = place.open(DestinationOptions::default());
    let mut null = place.entry(Kind::CharDevice, 0o666);
    null.stat.device = Device { major: 1, minor: 3 };
    to.write_special(&path("null"), &null).unwrap();
    if lost(&to) == [(NotKeptKind::Device, 1)] {
        assert_eq!(to.names(EntryPath::root()).unwrap(), Vec::<Vec<u8>>::new());
        return;
    }
    let found = to.stat(&path("null")).unwrap().unwrap();
    assert_eq!((found.kind, found.device, found.mode), (Some(Kind::CharDevice), null.stat.device, 0o666));
    null.stat.device = Device { major: 1 << 31, minor: 0 };
    assert!(what(to.write_special(&path("huge"), &null)).starts_with("cannot be made"));
}

#[test]
fn a_symlink_planted_in_the_place_of_a_directory_is_never_gone_through() {
    let place = Place::new();
    let outside = place.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("kept"), "kept").unwrap();
    for options in [DestinationOptions::default(), REPLACING] {
        let to = place.open(options);
        let _ = symlink(&outside, place.at("planted"));
        let file = place.file(0o644, 0);
        for result in [
            to.begin_file(&path("planted/new")).map(drop),
            to.make_directory(&path("planted/new")).map(drop),
            to.make_directory(&path("planted/deep/new")).map(drop),
            to.write_special(&path("planted/new"), &place.entry(Kind::Fifo, 0o600)).map(|_| ()),
            to.set_attributes(&path("planted/kept"), &file),
            to.link(&path("planted/kept"), &path("stolen"), &file),
            to.remove(&path("planted/kept")),
            to.finish_directory(&path("planted"), &place.entry(Kind::Directory, 0o777)),
            to.names(&path("planted")).map(drop),
            to.open_existing_file(&path("planted/kept")).map(drop),
        ] {
            assert!(what(result).ends_with("something that is not a directory stands in its path"));
        }
        assert_eq!(to.stat(&path("planted/kept")).unwrap(), None);
    }
    // As a directory it is wanted after all: a symlink that leads to none goes, any other is named.
    assert_eq!(what(place.open(DestinationOptions::default()).make_directory(&path("planted"))), what_is_in_the_way());
    let to = place.open(REPLACING);
    assert!(what(to.make_directory(&path("planted"))).contains("it is a symlink there"));
    std::fs::remove_file(place.at("planted")).unwrap();
    symlink("nowhere", place.at("planted")).unwrap();
    assert_eq!(to.make_directory(&path("planted")).unwrap(), Made::Replaced);
    write(&to, &path("planted/kept"), &place.file(0o644, 4), b"ours");
    assert_eq!(std::fs::read(outside.join("kept")).unwrap(), b"kept");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
}

fn what_is_in_the_way() -> String {
    what(Err::<(), _>(in_the_way(EntryPath::root())))
}

#[test]
fn what_is_in_the_way_goes_only_when_that_was_asked_for() {
    let place = Place::new();
    let to = place.open(REPLACING);
    let outside = place.folder.path().join("outside");
    std::fs::write(&outside, "kept").unwrap();
    for name in ["file", "pipe", "link"] {
        std::fs::create_dir_all(place.at(name).join("full/deep")).unwrap();
        std::fs::write(place.at(name).join("full/x"), "x").unwrap();
        symlink(place.folder.path(), place.at(name).join("full/up")).unwrap();
    }
    // An open parent must not outlive its directory.
    assert_eq!(to.names(&path("file/full/deep")).unwrap(), Vec::<Vec<u8>>::new());
    write(&to, &path("file"), &place.file(0o644, 3), b"new");
    assert!(to.begin_file(&path("file/full/deep/y")).is_err());
    to.write_special(&path("pipe"), &place.entry(Kind::Fifo, 0o600)).unwrap();
    to.link(&path("file"), &path("link"), &place.file(0o644, 3)).unwrap();
    assert_eq!(std::fs::read(place.at("link")).unwrap(), b"new");
    assert_eq!(to.make_directory(&path("pipe")).unwrap(), Made::Replaced);
    assert_eq!(to.make_directory(&path("pipe")).unwrap(), Made::There);
    to.remove(&path("link")).unwrap();
    to.remove(&path("link")).unwrap();
    assert_eq!(to.names(EntryPath::root()).unwrap(), [&b"file"[..], b"pipe"]);
    assert_eq!(std::fs::read(outside).unwrap(), b"kept");
}

#[test]
fn a_folder_with_things_in_it_stays_where_only_replacing_was_asked_for() {
    let place = Place::new();
    let to = place.open(DestinationOptions { clears: false, ..REPLACING });
    let (entry, pipe) = (place.file(0o644, 1), place.entry(Kind::Fifo, 0o600));
    write(&to, &path("a"), &entry, b"a");
    std::fs::create_dir_all(place.at("full/deep")).unwrap();
    let written = || {
        let file = to.begin_file(&path("full")).unwrap();
        file.write_at(0, b"b").unwrap();
        file.finish(&entry)
    };
    for result in
        [written(), to.write_special(&path("full"), &pipe).map(drop), to.link(&path("a"), &path("full"), &entry)]
    {
        assert!(what(result).contains("a folder that is not empty"));
    }
    assert_eq!(to.names(EntryPath::root()).unwrap(), [&b"a"[..], b"full"], "nothing temporary stays");
    assert!(place.at("full/deep").is_dir());
    std::fs::remove_dir(place.at("full/deep")).unwrap();
    to.link(&path("a"), &path("full"), &entry).unwrap();
    assert_eq!(std::fs::read(place.at("full")).unwrap(), b"a");
}

#[test]
fn pieces_from_several_threads_make_one_file_and_what_is_not_written_is_a_hole() {
    let place = Place::new();
    let to = place.open(DestinationOptions::default());
    let file = to.begin_file(&path("big")).unwrap();
    std::thread::scope(|scope| {
        for piece in [3_u64, 1, 0] {
            let file = &file;
            scope.spawn(move || file.write_at(piece << 20, &[piece as u8 + 1; 1000]).unwrap());
        }
    });
    let mut entry = place.file(0o600, 8 << 20);
    entry.content.as_mut().unwrap().holes =
        Holes::from_pairs(&[(4096, (1 << 20) - 4096), (4 << 20, 4 << 20)], 8 << 20).unwrap();
    file.finish(&entry).unwrap();
    to.copy(&path("big"), &path("copy"), &entry).unwrap();
    for name in ["big", "copy"] {
        let found = to.stat(&path(name)).unwrap().unwrap();
        assert!(found.size == 8 << 20 && found.allocated_bytes <= 5 << 20, "{name}: {found:?}");
        let bytes = std::fs::read(place.at(name)).unwrap();
        assert_eq!([0, 1 << 20, 2 << 20, 3 << 20, (3 << 20) + 1000].map(|at: usize| bytes[at]), [1, 2, 0, 4, 0]);
    }
    // More than promised is cut: a file is never longer than its entry says.
    write(&to, &path("long"), &place.file(0o600, 2), b"abc");
    assert_eq!(std::fs::read(place.at("long")).unwrap(), b"ab");
}

#[test]
fn hard_links_are_one_file_and_a_file_that_is_linked_already_stays() {
    let place = Place::new();
    let to = place.open(DestinationOptions::default());
    let entry = place.file(0o644, 1);
    write(&to, &path("a"), &entry, b"a");
    to.make_directory(&path("d")).unwrap();
    to.link(&path("a"), &path("d/b"), &entry).unwrap();
    assert_eq!(what(to.link(&path("a"), &path("d/b"), &entry)), what_is_in_the_way());
    assert!(what(to.link(&path("missing"), &path("c"), &entry)).starts_with("cannot be linked to its other name"));
    let to = place.open(REPLACING);
    to.link(&path("a"), &path("d/b"), &entry).unwrap();
    std::fs::write(place.at("c"), "other").unwrap();
    to.link(&path("a"), &path("c"), &entry).unwrap();
    let inode = |at: &str| to.stat(&path(at)).unwrap().unwrap().inode;
    assert!(inode("a") == inode("d/b") && inode("a") == inode("c"));
    assert_eq!(to.stat(&path("a")).unwrap().unwrap().links, 3);
    // A second name of a symlink whose first name could not be made is made on its own.
    let symlink = Entry { target: b"t".to_vec(), ..place.entry(Kind::Symlink, 0o777) };
    to.link(&path("lost"), &path("s"), &symlink).unwrap();
    assert_eq!(to.read_link(&path("s")).unwrap(), b"t");
}

#[test]
fn a_name_that_becomes_a_link_is_never_missing_meanwhile() {
    let place = Place::new();
    let to = place.open(REPLACING);
    let entry = place.file(0o644, 1);
    for name in ["a", "b", "c"] {
        write(&to, &path(name), &entry, b"x");
    }
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let seen = scope.spawn(|| {
            let mut looks =
                std::iter::repeat_with(|| place.at("c").exists()).take_while(|_| !done.load(Ordering::Relaxed));
            looks.all(|is_there| is_there)
        });
        for turn in 0..3000 {
            to.link(&path(if turn % 2 == 0 { "a" } else { "b" }), &path("c"), &entry).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(seen.join().unwrap(), "the name was missing for a moment");
    });
    assert_eq!(to.names(EntryPath::root()).unwrap(), [b"a", b"b", b"c"]);
}

#[test]
fn odd_names_long_targets_and_paths_beyond_4096_bytes_work() {
    let place = Place::new();
    let to = place.open(REPLACING);
    let longest = [b'n'; 255];
    for name in [&b"\xff\xfe"[..], b"a\nb", b"-rf", b" ", &longest] {
        let at = EntryPathBuf::root().child(name).unwrap();
        write(&to, &at, &place.file(0o644, 1), b"x");
        assert_eq!(std::fs::read(place.at("").join(OsStr::from_bytes(name))).unwrap(), b"x");
    }
    let link = Entry { target: vec![b't'; 4095], ..place.entry(Kind::Symlink, 0o777) };
    to.write_special(&path("link"), &link).unwrap();
    assert_eq!(to.read_link(&path("link")).unwrap(), link.target);

    let mut deep = EntryPathBuf::root();
    for _ in 0..25 {
        deep = deep.child(&[b'd'; 200]).unwrap();
        to.make_directory(&deep).unwrap();
    }
    let file = deep.child(b"file").unwrap();
    assert!(file.as_bytes().len() > 4096);
    write(&to, &file, &place.file(0o444, 1), b"x");
    assert_eq!(place.open(REPLACING).stat(&file).unwrap().unwrap().mode, 0o444);
    while let Some(parent) = deep.parent() {
        to.finish_directory(&deep, &place.entry(Kind::Directory, 0o555)).unwrap();
        deep = parent.to_owned();
    }
    // Something else in its place removes all of it.
    write(&to, &path(&"d".repeat(200)), &place.file(0o644, 1), b"x");
    assert_eq!(to.stat(&file).unwrap(), None);
    assert_eq!(to.not_kept(), []);
}

#[test]
fn attributes_and_acls_are_as_saved_and_inherited_ones_go() {
    let place = Place::new();
    let to = place.open(REPLACING);
    let root = to.opened(b"").unwrap();
    let acl = || (b"system.posix_acl_access".to_vec(), ACL.to_vec());
    let note = || (b"user.note".to_vec(), b"\0binary\xff".to_vec());
    if Node::Directory(&root).set_xattr(b"system.posix_acl_default", &ACL).is_err() {
        println!("skipped: no ACLs here");
        return;
    }
    let xattrs = |at: &str| root.xattrs(at.as_bytes()).unwrap();
    std::fs::write(place.at("plain"), "").unwrap();
    assert_eq!(xattrs("plain"), [acl()], "a new file inherits");

    write(&to, &path("plain"), &place.file(0o640, 0), b"");
    write(&to, &path("full"), &Entry { xattrs: vec![acl(), note()], ..place.file(0o640, 0) }, b"");
    to.write_special(&path("pipe"), &place.entry(Kind::Fifo, 0o600)).unwrap();
    to.make_directory(&path("d")).unwrap();
    to.finish_directory(&path("d"), &Entry { xattrs: vec![note()], ..place.entry(Kind::Directory, 0o500) }).unwrap();
    assert_eq!(xattrs("plain"), []);
    assert_eq!(xattrs("full"), [acl(), note()]);
    assert_eq!(xattrs("pipe"), []);
    assert_eq!(xattrs("d"), [note()]);
    assert_eq!(to.stat(&path("full")).unwrap().unwrap().mode, 0o640);

    to.set_attributes(&path("full"), &place.file(0o600, 0)).unwrap();
    assert_eq!((xattrs("full"), to.stat(&path("full")).unwrap().unwrap().mode), (vec![], 0o600));
}

#[test]
fn what_the_file_system_refuses_is_counted_once_for_each_entry() {
    let place = Place::new();
    let to = place.open(DestinationOptions::default());
    let odd = vec![(b"nonsense.a".to_vec(), vec![1]), (b"nonsense.b".to_vec(), vec![1])];
    for name in ["b", "a", "c"] {
        write(&to, &path(name), &Entry { xattrs: odd.clone(), ..place.file(0o644, 0) }, b"");
    }
    let losses = to.not_kept();
    assert_eq!(losses.len(), 1);
    assert!(losses[0].to_string().starts_with(
        "extended attributes or ACLs of 3 entries could not be set: for example a (nonsense.a cannot be set: "
    ));
}

#[test]
fn capabilities_and_set_user_id_survive_the_change_of_owner() {
    if skipped_without_root() {
        return;
    }
    let place = Place::new();
    let to = place.open(DestinationOptions::default());
    let mut entry = place.file(0o6755, 0);
    (entry.stat.uid, entry.stat.gid) = (4242, 4243);
    entry.xattrs = vec![(b"security.capability".to_vec(), CAPABILITY.to_vec())];
    write(&to, &path("tool"), &entry, b"");
    let found = to.stat(&path("tool")).unwrap().unwrap();
    assert_eq!((found.uid, found.gid, found.mode), (4242, 4243, 0o6755));
    assert_eq!(to.opened(b"").unwrap().xattrs(b"tool").unwrap(), entry.xattrs);
    let link = Entry { target: b"tool".to_vec(), stat: Stat { kind: Kind::Symlink, ..entry.stat }, ..Entry::default() };
    to.write_special(&path("link"), &link).unwrap();
    assert_eq!(to.stat(&path("link")).unwrap().unwrap().uid, 4242);
    assert_eq!(to.not_kept(), []);

    // Without owners it would become a tool that makes everybody root.
    let to = place.open(DestinationOptions { owners: false, ..REPLACING });
    write(&to, &path("tool"), &entry, b"");
    let found = to.stat(&path("tool")).unwrap().unwrap();
    assert_eq!((found.uid, found.mode, lost(&to)), (0, 0o755, vec![(NotKeptKind::SetId, 1)]));
}

#[test]
fn an_owner_s_name_counts_more_than_the_number_where_it_is_known() {
    if skipped_without_root() {
        return;
    }
    let place = Place::new();
    let to = place.open(DestinationOptions::default());
    let mut entry = place.file(0o644, 0);
    (entry.stat.uid, entry.stat.gid) = (4242, 4243);
    entry.owner = Owner { user: "root".into(), group: "no such group".into() };
    write(&to, &path("a"), &entry, b"");
    let found = to.stat(&path("a")).unwrap().unwrap();
    assert_eq!((found.uid, found.gid, lost(&to)), (0, 4243, vec![]));
}

#[test]
fn an_ordinary_person_gets_everything_but_what_takes_root() {
    if !runs_as_ordinary_person("an_ordinary_person_gets_everything_but_what_takes_root") {
        return;
    }
    let place = Place::new();
    let to = place.open(REPLACING);
    to.make_directory(&path("closed")).unwrap();
    let mut roots = place.file(0o4511, 1);
    (roots.stat.uid, roots.stat.gid) = (0, 0);
    roots.xattrs = vec![(b"user.note".to_vec(), b"x".to_vec())];
    write(&to, &path("closed/tool"), &roots, b"x");
    write(&to, &path("closed/none"), &Entry { xattrs: roots.xattrs.clone(), ..place.file(0o000, 1) }, b"x");
    let mut device = place.entry(Kind::BlockDevice, 0o600);
    device.stat.device = Device { major: 7, minor: 0 };
    to.write_special(&path("closed/disk"), &device).unwrap();
    to.link(&path("closed/disk"), &path("closed/disk-again"), &device).unwrap();
    to.finish_directory(&path("closed"), &place.entry(Kind::Directory, 0o000)).unwrap();

    assert_eq!(lost(&to), [(NotKeptKind::Owner, 1), (NotKeptKind::SetId, 1), (NotKeptKind::Device, 2)]);
    let said: Vec<_> = to.not_kept().iter().map(ToString::to_string).collect();
    assert_eq!(
        said[0],
        "the owner or group of 1 entry could not be set: closed/tool (saved as 0:0, which only root can set)"
    );
    assert_eq!(said[2], "2 device nodes could not be made: for example closed/disk (only root can make them)");

    // Restored again over itself: closed directories are opened and closed again.
    let to = place.open(REPLACING);
    assert_eq!(to.make_directory(&path("closed")).unwrap(), Made::There);
    assert_eq!(to.stat(&path("closed/tool")).unwrap().unwrap().mode, 0o511);
    write(&to, &path("closed/none"), &place.file(0o000, 1), b"y");
    to.make_directory(&path("closed/inner")).unwrap();
    to.finish_directory(&path("closed/inner"), &place.entry(Kind::Directory, 0o555)).unwrap();
    to.finish_directory(&path("closed"), &place.entry(Kind::Directory, 0o000)).unwrap();
    assert_eq!(place.at("closed").metadata().unwrap().permissions().mode() & 0o7777, 0);
    write(&place.open(REPLACING), &path("closed"), &place.file(0o644, 1), b"x");
    assert!(place.at("closed").is_file());
}

#[test]
fn removing_stops_before_another_file_system() {
    let place = Place::new();
    let to = place.open(REPLACING);
    std::fs::create_dir_all(place.at("d/mounted")).unwrap();
    let Some(_mounted) = Mounted::new(place.at("d/mounted")) else { return };
    std::fs::write(place.at("d/mounted/kept"), "kept").unwrap();
    for at in ["d", "d/mounted"] {
        let file = to.begin_file(&path(at)).unwrap();
        assert!(what(file.finish(&place.file(0o644, 0))).contains("another file system is mounted"), "{at}");
    }
    assert_eq!(std::fs::read(place.at("d/mounted/kept")).unwrap(), b"kept");
}

#[test]
fn a_full_disk_ends_everything_and_other_failures_one_entry() {
    let place = Place::new();
    let to = place.open(DestinationOptions::default());
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::ReadOnlyFilesystem] {
        let Failure::Fatal(error) = to.failure(&path("a"), "cannot be written", kind.into()) else { panic!("{kind}") };
        assert!(error.to_string().starts_with("cannot write to ") && error.advice().is_some());
    }
    assert!(what(to.begin_file(&path("missing/a"))).starts_with("cannot be written: no such file"));
    assert!(what(to.begin_file(EntryPath::root())).ends_with("it is the destination itself"));
}

#[test]
fn a_disk_that_is_full_or_cannot_be_written_to_is_said_to_be_and_nothing_half_stays() {
    let place = Place::new();
    std::fs::create_dir(place.at("")).unwrap();
    let Some(mounted) = Mounted::new(place.at("")) else { return };
    let to = place.open(DestinationOptions::default());
    write(&to, &path("fits"), &place.file(0o644, 1), b"x");
    let file = to.begin_file(&path("large")).unwrap();
    let Err(Failure::Fatal(error)) = file.write_at(0, &vec![1; 1 << 20]) else { panic!("it fits") };
    assert!(error.to_string().ends_with("no space left on device"), "{error}");
    drop(file);
    assert_eq!(to.names(EntryPath::root()).unwrap(), [b"fits"]);

    let remount = Command::new("mount").args(["-o", "remount,ro"]).arg(&mounted.0).status();
    assert!(remount.unwrap().success());
    let to = place.open(DestinationOptions::default());
    let Err(Failure::Fatal(error)) = to.begin_file(&path("a")) else { panic!("it can be written to") };
    assert!(error.to_string().ends_with("read-only file system"), "{error}");
    assert!(matches!(to.set_attributes(&path("fits"), &place.file(0o600, 1)), Err(Failure::Fatal(_))));
}

#[test]
fn only_the_last_part_of_the_destination_is_made() {
    let place = Place::new();
    let error = Destination::open(&place.at("x/y"), REPLACING).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("there is no folder ") && error.advice().is_some());
    std::fs::write(place.folder.path().join("file"), "").unwrap();
    let error = Destination::open(&place.folder.path().join("file"), REPLACING).unwrap_err();
    assert!(error.to_string().ends_with("it is not a folder"));
    std::fs::create_dir_all(place.at("lost+found")).unwrap();
    assert!(place.open(REPLACING).is_empty().unwrap());
}
