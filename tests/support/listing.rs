//! Everything there is to know of a tree, found without following links and at any depth, and the comparing of two trees.
//! Knows nothing of snap.

use rustix::fd::AsRawFd;
use rustix::fd::OwnedFd;
use rustix::fs::AtFlags;
use rustix::fs::CWD;
use rustix::fs::FileType;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::SeekFrom;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What is known of one name in a tree.
#[derive(Clone, Debug)]
pub struct Item {
    pub kind: FileType,
    /// Length in bytes of a file; 0 for everything else.
    pub size: u64,
    /// The hash of a file's blocks that are not zero and where they are, so that holes and zeros are equal.
    pub content: Option<blake3::Hash>,
    /// Permission bits, at most `0o7777`.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Seconds since 1970 and nanoseconds.
    pub mtime: (i64, u64),
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// A symbolic link's target.
    pub target: Option<Vec<u8>>,
    /// All names in this tree of the same file; empty when this is the only one.
    pub links: BTreeSet<Vec<u8>>,
    /// A device's number; 0 for everything else.
    pub device: u64,
    /// Bytes occupied on the disk.
    pub allocated: u64,
    /// Device and inode of what has several names; zeros for everything else.
    pub inode: (u64, u64),
}

/// A tree: every path relative to its top (which is the empty path) and what is there.
pub type Listing = BTreeMap<Vec<u8>, Item>;

/// How much of two trees must be equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Names, types, contents, targets of links: what replaying with stock tools promises.
    Stock,
    /// And modes, and times to the second: what one ordinary tar keeps.
    Tar,
    /// And owners, times to the nanosecond, extended attributes, hard links.
    Everything,
}

/// Lists a tree.
#[track_caller]
pub fn listing(top: &Path) -> Listing {
    let mut found = Listing::new();
    let fd = rustix::fs::open(top, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let fd = fd.unwrap_or_else(|error| panic!("cannot list {}: {error}", top.display()));
    // The top is a directory that has its own name in itself.
    found.insert(Vec::new(), look(&fd, b"."));
    list_into(&mut found, &fd, b"");
    note_links(&mut found);
    found
}

/// Lists a tree and leaves out its top, where two trees may differ that were made separately.
#[track_caller]
pub fn below(top: &Path) -> Listing {
    let mut found = listing(top);
    found.remove(b"".as_slice());
    found
}

fn list_into(found: &mut Listing, directory: &OwnedFd, path: &[u8]) {
    for entry in rustix::fs::Dir::read_from(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        let child = if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() };
        let item = look(directory, name);
        let is_directory = item.kind == FileType::Directory;
        found.insert(child.clone(), item);
        if is_directory {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            list_into(found, &rustix::fs::openat(directory, name, flags, Mode::empty()).unwrap(), &child);
        }
    }
}

fn look(directory: &OwnedFd, name: &[u8]) -> Item {
    let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    let kind = FileType::from_raw_mode(stat.st_mode);
    let is_file = kind == FileType::RegularFile;
    let is_device = matches!(kind, FileType::BlockDevice | FileType::CharacterDevice);
    Item {
        kind,
        size: if is_file { stat.st_size as u64 } else { 0 },
        content: is_file.then(|| content_hash(directory, name, stat.st_size as u64)),
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: (stat.st_mtime, stat.st_mtime_nsec),
        xattrs: xattrs(directory, name),
        target: (kind == FileType::Symlink)
            .then(|| rustix::fs::readlinkat(directory, name, Vec::new()).unwrap().into_bytes()),
        links: BTreeSet::new(),
        device: if is_device { stat.st_rdev } else { 0 },
        allocated: stat.st_blocks as u64 * 512,
        inode: if kind != FileType::Directory && stat.st_nlink > 1 { (stat.st_dev, stat.st_ino) } else { (0, 0) },
    }
}

/// Looks at the data only, so that a file of 1 TiB costs what is in it.
fn content_hash(directory: &OwnedFd, name: &[u8], size: u64) -> blake3::Hash {
    const BLOCK: u64 = 4096;
    let fd = rustix::fs::openat(directory, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
    let file = File::from(fd.unwrap_or_else(|error| panic!("cannot read {}: {error}", name.escape_ascii())));
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 * BLOCK as usize];
    let mut at = 0;
    while let Ok(data) = rustix::fs::seek(&file, SeekFrom::Data(at)) {
        let end = rustix::fs::seek(&file, SeekFrom::Hole(data)).unwrap();
        at = data - data % BLOCK;
        while at < end {
            let length = (size - at).min(buffer.len() as u64) as usize;
            file.read_exact_at(&mut buffer[..length], at).unwrap();
            for (number, block) in buffer[..length].chunks(BLOCK as usize).enumerate() {
                if block.iter().any(|byte| *byte != 0) {
                    hasher.update(&(at + number as u64 * BLOCK).to_le_bytes()).update(block);
                }
            }
            at += length as u64;
        }
    }
    hasher.finalize()
}

/// The kernel's name for an entry of an open directory serves where there is no call that takes both.
fn xattrs(directory: &OwnedFd, name: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let path = [format!("/proc/self/fd/{}/", directory.as_raw_fd()).as_bytes(), name].concat();
    let mut names = vec![0; rustix::fs::llistxattr_query(path.as_slice()).unwrap_or(0)];
    let length = if names.is_empty() { 0 } else { rustix::fs::llistxattr(path.as_slice(), &mut names[..]).unwrap() };
    let mut found = BTreeMap::new();
    // A label that the system itself puts on new files says nothing of the tree.
    for key in names[..length].split(|byte| *byte == 0).filter(|key| !key.is_empty() && *key != b"security.selinux") {
        let mut value = vec![0; rustix::fs::lgetxattr_query(path.as_slice(), key).unwrap()];
        if !value.is_empty() {
            rustix::fs::lgetxattr(path.as_slice(), key, &mut value[..]).unwrap();
        }
        found.insert(key.to_vec(), value);
    }
    found
}

fn note_links(found: &mut Listing) {
    let mut groups: BTreeMap<(u64, u64), BTreeSet<Vec<u8>>> = BTreeMap::new();
    for (path, item) in found.iter().filter(|(_, item)| item.inode != (0, 0)) {
        groups.entry(item.inode).or_default().insert(path.clone());
    }
    for group in groups.into_values().filter(|group| group.len() > 1) {
        for path in &group {
            found.get_mut(path).unwrap().links.clone_from(&group);
        }
    }
}

/// Fails the test, and says where, unless two trees are equal at this level, their tops included.
#[track_caller]
pub fn assert_same(expected: &Path, found: &Path, level: Level) {
    let names = format!("{} | {}", expected.display(), found.display());
    assert_equal(&listing(expected), &listing(found), level, &names);
}

/// The same for what is below the tops.
#[track_caller]
pub fn assert_same_below(expected: &Path, found: &Path, level: Level) {
    let names = format!("{} | {}", expected.display(), found.display());
    assert_equal(&below(expected), &below(found), level, &names);
}

/// Fails the test, and says where, unless two listings are equal at this level.
#[track_caller]
pub fn assert_equal(expected: &Listing, found: &Listing, level: Level, what: &str) {
    const SHOWN_MAX: usize = 40;
    let differences = differences(expected, found, level);
    let shown = differences.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} differences at level {level:?}: {what}\n{shown}", differences.len());
}

/// A line for each thing in which two listings are not equal.
pub fn differences(expected: &Listing, found: &Listing, level: Level) -> Vec<String> {
    let paths: BTreeSet<&Vec<u8>> = expected.keys().chain(found.keys()).collect();
    let mut lines = Vec::new();
    for path in paths {
        let shown = path.escape_ascii();
        match (expected.get(path), found.get(path)) {
            (Some(item), None) => lines.push(format!("missing: \"{shown}\" ({:?})", item.kind)),
            (None, Some(item)) => lines.push(format!("too much: \"{shown}\" ({:?})", item.kind)),
            (Some(a), Some(b)) => {
                for ((fact, a), (_, b)) in facts(a, level).into_iter().zip(facts(b, level)).filter(|(a, b)| a != b) {
                    lines.push(format!("\"{shown}\": {fact} {a} | {b}"));
                }
            }
            (None, None) => {}
        }
    }
    lines
}

fn facts(item: &Item, level: Level) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("type", format!("{:?}", item.kind)),
        ("size", item.size.to_string()),
        ("content", item.content.map(|hash| hash.to_hex()[..16].to_owned()).unwrap_or_default()),
        ("target", item.target.as_ref().map(|target| target.escape_ascii().to_string()).unwrap_or_default()),
        ("device", format!("{:#x}", item.device)),
    ];
    if level >= Level::Tar {
        facts.push(("mode", format!("{:04o}", item.mode)));
        facts.push(("seconds", item.mtime.0.to_string()));
    }
    if level >= Level::Everything {
        let escaped = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let xattr = |(key, value): (&Vec<u8>, &Vec<u8>)| format!("{}={}", escaped(key), escaped(value));
        facts.push(("nanoseconds", item.mtime.1.to_string()));
        facts.push(("owner", format!("{}:{}", item.uid, item.gid)));
        facts.push(("xattrs", item.xattrs.iter().map(xattr).collect::<Vec<_>>().join(" ")));
        facts.push(("links", item.links.iter().map(|path| escaped(path)).collect::<Vec<_>>().join(" ")));
    }
    facts
}

/// The one item at this path, everything but the rest of the tree.
#[track_caller]
pub fn item(top: &Path, path: &str) -> Item {
    let mut found = listing(top);
    found.remove(path.as_bytes()).unwrap_or_else(|| panic!("no {path} in {}", top.display()))
}

/// The device and inode of a name that must exist.
#[track_caller]
pub fn inode(path: &Path) -> (u64, u64) {
    let stat = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    (stat.st_dev, stat.st_ino)
}

mod tests {
    use super::Level;
    use super::below;
    use super::differences;
    use super::listing;
    use crate::support::tree::Tree;

    #[test]
    fn equal_trees_show_no_difference_and_each_fact_shows_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| Tree::at(dir.path().join(name)));
        for tree in [&a, &b] {
            tree.file("d/f", "one").hard_link("d/f", "g").symlink("l", "d").fifo("p").file("x", "").file(b"\xff\n", "");
            tree.mtime("d/f", 1_000_000_000, 5).mtime("x", -5, 999_999_999).xattr("x", "user.k", b"\0\xff");
            tree.xattr("x", "user.empty", "");
            for name in ["p", "l", "d"] {
                tree.mtime(name, 1, 1);
            }
            tree.mtime(b"\xff\n", 2, 2);
        }
        let same = |level| differences(&below(a.root()), &below(b.root()), level);
        assert_eq!(same(Level::Everything), Vec::<String>::new());
        assert_eq!(below(a.root())[b"g".as_slice()].links.len(), 2);
        assert_eq!(below(a.root())[b"x".as_slice()].mtime, (-5, 999_999_999));

        b.xattr("x", "user.k", "other").mode("x", 0o600).mtime("d/f", 1_000_000_000, 6).remove("g").file("g", "one");
        b.mtime("g", 1_000_000_000, 5).remove("p").mtime("d", 1, 1);
        assert_eq!(same(Level::Stock), ["missing: \"p\" (Fifo)"]);
        assert_eq!(same(Level::Tar).len(), 2, "{:?}", same(Level::Tar));
        let all = same(Level::Everything).join("\n");
        for fact in ["\"d/f\": nanoseconds 5 | 6", "links d/f g | ", "user.k=\\x00\\xff", "mode 0644 | 0600"] {
            assert!(all.contains(fact), "{fact} in {all}");
        }
        b.remove("l").symlink("l", "e").file("d/f", "two");
        assert_eq!(same(Level::Stock).len(), 3, "{:?}", same(Level::Stock));
    }

    #[test]
    fn holes_and_zeros_are_the_same_content_and_other_data_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path());
        tree.sparse("holes", 1 << 20, &[(5000, b"x")]).file("zeros", vec![0; 1 << 20]).sparse("other", 1 << 20, &[]);
        tree.sparse("huge", 1 << 40, &[(1 << 39, b"y"), ((1 << 40) - 1, b"z")]);
        std::os::unix::fs::FileExt::write_all_at(
            &std::fs::OpenOptions::new().write(true).open(tree.path("zeros")).unwrap(),
            b"x",
            5000,
        )
        .unwrap();
        let found = listing(dir.path());
        let content = |name: &str| found[name.as_bytes()].content.unwrap();
        assert_eq!(content("holes"), content("zeros"));
        assert_ne!(content("holes"), content("other"));
        assert_ne!(content("huge"), content("other"));
        assert!(found[b"holes".as_slice()].allocated < found[b"zeros".as_slice()].allocated);
    }

    #[test]
    fn paths_longer_than_the_system_takes_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        let parts = vec![vec![b'd'; 250]; 20];
        Tree::at(dir.path()).deep_file(&parts, b"leaf", b"deep");
        let found = listing(dir.path());
        let longest = found.keys().map(Vec::len).max().unwrap();
        assert_eq!((found.len(), longest), (22, 20 * 251 + 4));
    }
}
