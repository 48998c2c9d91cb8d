//! What the calls do, on Windows or under wine. Wine knows no reparse points, streams, holes and moments of making.
#![allow(clippy::unwrap_used)]

use super::links;
use crate::base::entry::Device;
use crate::base::entry::Kind;
use crate::base::entry::WINDOWS_SECURITY;
use crate::base::time::Time;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::platform::LinkKind;
use crate::system::platform::Node;
use crate::system::platform::Refusal;
use std::collections::BTreeSet;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::io::Write;
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

fn place() -> (tempfile::TempDir, Directory) {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::open(folder.path()).unwrap();
    (folder, directory)
}

fn names(directory: &Directory) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    directory.for_each_name(|name| assert!(names.insert(name.to_vec()))).unwrap();
    names
}

#[track_caller]
fn kind<T>(result: io::Result<T>) -> io::ErrorKind {
    result.err().unwrap().kind()
}

#[test]
fn files_are_made_renamed_linked_and_removed_by_handle() {
    let (_folder, directory) = place();
    let file = directory.create_file("Füße".as_bytes()).unwrap();
    platform::write_all_at(&file, 3, b"xyz").unwrap();
    assert_eq!(kind(directory.create_file("füßE".as_bytes())), io::ErrorKind::AlreadyExists);
    directory.rename("Füße".as_bytes(), b"b").unwrap();
    directory.link(b"b", &directory, b"c").unwrap();
    let (b, c) = (directory.stat(b"b").unwrap(), directory.stat(b"c").unwrap());
    assert_eq!((b.links, b.inode, b.size), (2, c.inode, 6));
    assert_eq!(kind(directory.link(b"b", &directory, b"c")), io::ErrorKind::AlreadyExists);
    directory.create_file(b"other").unwrap();
    assert_eq!(kind(directory.rename_new(b"other", b"c")), io::ErrorKind::AlreadyExists);
    directory.remove_file(b"other").unwrap();
    directory.make_directory(b"folder", 0).unwrap();
    assert_eq!(kind(directory.make_directory(b"FOLDER", 0)), io::ErrorKind::AlreadyExists);
    assert_eq!(kind(directory.rename(b"b", b"folder")), io::ErrorKind::IsADirectory);
    assert_eq!(kind(directory.remove_file(b"folder")), io::ErrorKind::IsADirectory);
    assert_eq!(kind(directory.remove_directory(b"b")), io::ErrorKind::NotADirectory);
    directory.open_below(b"folder").unwrap().create_file(b"in").unwrap();
    assert_eq!(kind(directory.remove_directory(b"folder")), io::ErrorKind::DirectoryNotEmpty);
    assert_eq!(kind(directory.open_below(b"folder/in")), io::ErrorKind::NotADirectory);
    assert_eq!(kind(directory.stat(b"none")), io::ErrorKind::NotFound);
    directory.remove_tree(b"folder", None).unwrap();
    assert_eq!(names(&directory), [b"b".to_vec(), b"c".to_vec()].into());
}

#[test]
fn read_only_folders_are_removed() {
    let (_folder, directory) = place();
    directory.make_directory(b"folder", 0).unwrap();
    Node::Name(&directory, b"folder").set_xattr(b"windows.attributes", b"r").unwrap();
    directory.remove_directory(b"folder").unwrap();
    assert!(names(&directory).is_empty());
}

#[test]
fn read_only_files_are_replaced_and_removed() {
    let (_folder, directory) = place();
    for name in [b"a", b"b"] {
        directory.create_file(name).unwrap();
        Node::Name(&directory, name).set_mode(0o444).unwrap();
        assert_eq!(directory.stat(name).unwrap().mode, 0o444);
        Node::Name(&directory, name).set_mtime(Time::new(1_000_000_000, 100)).unwrap();
        assert_eq!(directory.stat(name).unwrap().mtime, Time::new(1_000_000_000, 100));
    }
    directory.create_file(b"new").unwrap();
    directory.rename(b"new", b"a").unwrap();
    directory.remove_file(b"b").unwrap();
    assert_eq!(directory.stat(b"a").unwrap().mode, 0o644);
    assert_eq!(names(&directory), [b"a".to_vec()].into());
}

#[test]
fn times_and_attributes_are_kept_and_impossible_times_refused() {
    let (_folder, directory) = place();
    let file = directory.create_file(b"a").unwrap();
    let time = Time::new(1_000_000_000, 123_456_700);
    Node::File(&file).set_mtime(time).unwrap();
    assert_eq!(Node::File(&file).stat().unwrap().mtime, time);
    for seconds in [-62_135_596_800, -11_644_473_601, 9_223_372_036_854_775] {
        let refused = Node::File(&file).set_mtime(Time::new(seconds, 0)).unwrap_err();
        assert!(Refusal::Attribute.is_meant_by(&refused), "{seconds}: {refused}");
    }
    assert_eq!(directory.stat(b"a").unwrap().mtime, time);
    Node::File(&file).set_xattr(b"windows.attributes", b"rs").unwrap();
    let kept = directory.xattrs(b"a").unwrap();
    let letters = &kept.iter().find(|(name, _)| name == b"windows.attributes").unwrap().1;
    assert!(letters.contains(&b'r') && letters.contains(&b's'), "{}", letters.escape_ascii());
    assert!(kept.iter().any(|(name, _)| name == b"windows.created"));
    assert_eq!(Node::File(&file).xattr_names().unwrap(), [b"windows.attributes"]);
    Node::File(&file).remove_xattr(b"windows.attributes").unwrap();
    assert_eq!(Node::File(&file).xattr_names().unwrap(), Vec::<Vec<u8>>::new());
    let refused = Node::File(&file).set_xattr(b"user.note", b"x").unwrap_err();
    assert!(Refusal::Xattr.is_meant_by(&refused), "{refused}");
    Node::Directory(&directory).set_mtime(time).unwrap();
    assert_eq!(directory.own_stat().unwrap().mtime, time);
}

#[test]
fn names_that_lead_elsewhere_are_refused_and_reserved_ones_are_files() {
    let (folder, directory) = place();
    let beside = folder.path().join("beside");
    std::fs::create_dir(&beside).unwrap();
    let inner = directory.open_below(b"beside").unwrap();
    for name in [&br"..\x"[..], br"a\..\..\x", b"C:x", b"x:stream", br"\\?\C:\x", b"a\0b", b"..", b"a/../../x"] {
        assert!(inner.create_file(name).is_err(), "{}", name.escape_ascii());
    }
    assert_eq!((names(&inner).len(), names(&directory).len()), (0, 1));
    for name in [&b"aux.txt"[..], b"NUL", b"dot.", b"blank "] {
        inner.create_file(name).unwrap();
        inner.remove_file(name).unwrap();
    }
    assert!(inner.create_file(&[b'x'; 256]).is_err());
}

#[test]
fn paths_are_as_long_as_they_like() {
    let (_folder, directory) = place();
    let part = [b'd'; 200];
    let mut at = directory.open_below(b"").unwrap();
    for _ in 0..5 {
        at.make_directory(&part, 0).unwrap();
        at = at.open_below(&part).unwrap();
    }
    at.create_file(b"deep").unwrap();
    drop(at);
    let whole = [part.as_slice(); 5].join(&b'/');
    assert_eq!(names(&directory.open_below(&whole).unwrap()), [b"deep".to_vec()].into());
    directory.remove_tree(&part, None).unwrap();
    assert!(names(&directory).is_empty());
}

#[test]
fn a_file_that_another_keeps_to_itself_is_told_in_our_own_words() {
    let (folder, directory) = place();
    let path = folder.path().join("held");
    std::fs::write(&path, "x").unwrap();
    let held = File::options().read(true).write(true).share_mode(0).open(&path).unwrap();
    let refused = directory.open_file(b"held").unwrap_err();
    assert!(refused.to_string().contains("another program has it open"), "{refused}");
    assert_eq!(directory.stat(b"held").unwrap().size, 1, "it can be looked at all the same");
    drop(held);
    directory.open_file(b"held").unwrap();
}

#[test]
fn a_lock_keeps_others_out_and_lets_them_read() {
    let (folder, _) = place();
    let path = folder.path().join("lock");
    let open = || File::options().read(true).write(true).create(true).truncate(false).open(&path).unwrap();
    let mut holder = open();
    platform::try_lock(&holder).unwrap();
    holder.write_all(b"me").unwrap();
    assert!(matches!(platform::try_lock(&open()), Err(TryLockError::WouldBlock)));
    assert_eq!(std::fs::read(&path).unwrap(), b"me");
    drop(holder);
    platform::try_lock(&open()).unwrap();
}

#[test]
fn names_are_made_durable_and_never_replace_another() {
    let (folder, _) = place();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("a"), "a").unwrap();
    std::fs::write(at("b"), "b").unwrap();
    assert_eq!(kind(platform::rename_new(&at("a"), &at("b"))), io::ErrorKind::AlreadyExists);
    platform::rename_new(&at("a"), &at("c")).unwrap();
    platform::rename_over(&at("c"), &at("b")).unwrap();
    assert_eq!(std::fs::read(at("b")).unwrap(), b"a");
    platform::sync_directory(folder.path()).unwrap();
}

#[test]
fn where_no_link_can_be_made_that_is_a_refusal_and_nothing_remains() {
    let (_folder, directory) = place();
    directory.create_file(b"file").unwrap();
    match directory.make_symlink(b"file", b"link", LinkKind::Unknown) {
        Ok(()) => {
            assert_eq!(directory.stat(b"link").unwrap().kind, Some(Kind::Symlink));
            assert_eq!(directory.read_link(b"link").unwrap(), b"file");
            directory.remove_file(b"link").unwrap();
        }
        Err(error) => assert!(Refusal::Symlink.is_meant_by(&error), "{error}"),
    }
    assert_eq!(names(&directory), [b"file".to_vec()].into());
    assert!(links::symlink(b"file").is_some() && directory.read_link(b"file").is_err());
    let refused = directory.make_node(b"pipe", Kind::Fifo, 0o600, Device::default()).unwrap_err();
    assert!(Refusal::Node.is_meant_by(&refused));
}

#[test]
fn paths_are_shown_as_people_write_them() {
    let (folder, _) = place();
    let real = platform::canonical(folder.path()).unwrap();
    assert!(!real.to_str().unwrap().starts_with(r"\\?\"), "{}", real.display());
    assert!(folder.path().canonicalize().unwrap().to_str().unwrap().starts_with(r"\\?\"));
    assert_eq!(platform::name_of_top(Path::new(r"c:\")).as_deref(), Some("C"));
    assert_eq!(platform::name_of_top(Path::new(r"\\nas\share")).as_deref(), Some("share"));
    assert_eq!(&*platform::with_slashes(br"docs\sub\"), b"docs/sub/");
    assert!(platform::may_be_name("docs") && !platform::may_be_name(r"C:\a"));
}

#[test]
fn a_drive_says_how_large_it_is() {
    let (_folder, directory) = place();
    let (free, used) = (directory.free_bytes().unwrap(), directory.used_bytes().unwrap());
    assert!(free > 0 && used > 0);
    directory.check_alive().unwrap();
    assert!(directory.file_system().time_grain_nanos >= 100);
}

#[test]
fn drives_are_found_by_their_labels() {
    assert_eq!(platform::drives_called("a label that no drive can have"), Vec::<PathBuf>::new());
    for (label, place) in super::nt::volumes() {
        assert!(!label.is_empty() && Path::new(&place).is_absolute(), "{label} {place}");
        assert!(platform::drives_called(&label.to_lowercase()).contains(&place.into()));
    }
}

#[test]
fn rights_of_a_file_of_its_own_are_set_and_read_by_whoever_may() {
    let (_folder, directory) = place();
    let file = directory.create_file(b"file").unwrap();
    let rights = |directory: &Directory| {
        let found = directory.xattrs(b"file").unwrap();
        let own = found.into_iter().find(|(name, _)| name == WINDOWS_SECURITY);
        own.map(|(_, text)| String::from_utf8(text).unwrap())
    };
    let text = super::rights::security(&file).unwrap();
    let who = &text[..text.find("D:").unwrap()];
    let wanted = format!("{who}D:P(A;;FA;;;SY)(A;;FA;;;{})", &who[2..who.find("G:").unwrap()]);
    match Node::File(&file).set_xattr(WINDOWS_SECURITY, wanted.as_bytes()) {
        // Wine keeps no flags, and makes a mode of the entries.
        Ok(()) => {
            let found = rights(&directory).unwrap();
            assert!(found.starts_with(who) && found.contains("(A;;FA;;;SY)(A;;FA;;;S-1-"), "{found}");
        }
        Err(error) => assert!(!super::rights::may_give_away() && Refusal::Xattr.is_meant_by(&error), "{error}"),
    }
    for bad in [&b"nonsense"[..], b"\xff", b"O:BA"] {
        let refused = Node::File(&file).set_xattr(WINDOWS_SECURITY, bad).unwrap_err();
        assert!(Refusal::Xattr.is_meant_by(&refused), "{refused}");
    }
}

#[test]
fn streams_are_written_read_and_removed_where_there_are_any() {
    let (_folder, directory) = place();
    let file = directory.create_file(b"file").unwrap();
    for bad in [&b"windows.stream."[..], b"windows.stream.a:b", br"windows.stream...\x", b"windows.other"] {
        let refused = Node::File(&file).set_xattr(bad, b"x").unwrap_err();
        assert!(Refusal::Xattr.is_meant_by(&refused), "{}: {refused}", bad.escape_ascii());
    }
    match Node::File(&file).set_xattr(b"windows.stream.note", b"hello") {
        Ok(()) => {
            assert!(directory.xattrs(b"file").unwrap().contains(&(b"windows.stream.note".to_vec(), b"hello".to_vec())));
            Node::File(&file).remove_xattr(b"windows.stream.note").unwrap();
        }
        // Wine has none.
        Err(error) => assert!(Refusal::Xattr.is_meant_by(&error), "{error}"),
    }
    assert_eq!(names(&directory), [b"file".to_vec()].into());
    assert!(Node::File(&file).xattr_names().unwrap().iter().all(|name| !name.starts_with(b"windows.stream.")));
}

#[test]
fn attributes_of_ntfs_are_written_read_and_removed_where_there_are_any() {
    let (_folder, directory) = place();
    let file = directory.create_file(b"file").unwrap();
    for bad in [&b"windows.ea."[..], b"windows.ea.$KERNEL.X", b"windows.ea.a\0b"] {
        let refused = Node::File(&file).set_xattr(bad, b"x").unwrap_err();
        assert!(Refusal::Xattr.is_meant_by(&refused), "{}: {refused}", bad.escape_ascii());
    }
    let name = b"windows.ea.$LXMOD";
    match Node::Name(&directory, b"file").set_xattr(name, &[0xa4, 0x81, 0, 0]) {
        Ok(()) => {
            assert!(directory.xattrs(b"file").unwrap().contains(&(name.to_vec(), vec![0xa4, 0x81, 0, 0])));
            assert!(Node::File(&file).xattr_names().unwrap().contains(&name.to_vec()));
            Node::Name(&directory, b"file").remove_xattr(name).unwrap();
        }
        // Wine has none.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied, "{error}"),
    }
    assert!(Node::File(&file).xattr_names().unwrap().iter().all(|name| !name.starts_with(b"windows.ea.")));
}

#[test]
fn a_file_that_will_have_holes_reads_as_zeros_where_nothing_was_written() {
    let (_folder, directory) = place();
    let file = directory.create_file(b"file").unwrap();
    platform::will_have_holes(&file);
    platform::write_all_at(&file, 1 << 20, b"end").unwrap();
    let mut buffer = [1; 16];
    assert_eq!(platform::read_at(&file, 0, &mut buffer).unwrap(), 16);
    assert_eq!(buffer, [0; 16]);
    assert_eq!(platform::stat_file(&file).unwrap().size, (1 << 20) + 3);
}
