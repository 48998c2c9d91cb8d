//! Writes the inputs that the fuzz targets start from, `fuzz/seeds/<target>/…`: the same bytes at every run, as long as the
//! format stays as it is. Run it after a change of the format: `cargo run --manifest-path fuzz/Cargo.toml --example seeds`.

use snap_archive::archive::open::Archive;
use snap_archive::archive::open::bundle_path;
use snap_archive::base::entry::Content;
use snap_archive::base::entry::Device;
use snap_archive::base::entry::Entry;
use snap_archive::base::entry::Kind;
use snap_archive::base::entry::Place;
use snap_archive::base::error::Problem;
use snap_archive::base::holes::Holes;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::id::BundleId;
use snap_archive::base::id::BundleName;
use snap_archive::base::id::Hash;
use snap_archive::base::id::Hasher;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::path::EntryPath;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::snapshot::Rules;
use snap_archive::base::snapshot::SourceRecord;
use snap_archive::base::time::Time;
use snap_archive::format::bundle::BundleWriter;
use snap_archive::format::frames::Compressor;
use snap_archive::format::frames::Decompressor;
use snap_archive::format::frames::Effort;
use snap_archive::format::frames::SeekTable;
use snap_archive::format::manifest::DraftLine;
use snap_archive::format::manifest::Head;
use snap_archive::format::manifest::Tail;
use snap_archive::format::tar;
use snap_archive::format::tar::Body;
use snap_archive::format::tar::DumpDir;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::system::store::read_small;
use snap_fuzz::blob;
use snap_fuzz::bundles;
use snap_fuzz::indexes;
use std::fs;
use std::path::Path;
use std::sync::Arc;

const ARCHIVE: ArchiveId = ArchiveId([0x5a; 16]);
const TIME: Time = Time { seconds: 1_795_391_702, nanos: 0 };
const FILE_BYTES_MAX: u64 = 1 << 20;

fn main() {
    let store = MemoryStore::new();
    let archive = Archive::init_store(Arc::new(store.clone()), ARCHIVE, TIME).unwrap();
    let name = add_bundle(&store);
    archive.catalog(&Recorder::new()).unwrap().state(1.into()).unwrap();
    let file = |name: &str| read_small(&store, name, FILE_BYTES_MAX).unwrap();

    let bundle = file(&bundle_path(&name));
    let table = SeekTable::read(&*blob(&bundle)).unwrap().0;
    let raw = decompressed(&bundle, &table);
    let manifest = &raw[manifest_offset(&name, &bundle)..];
    save("tar_header", "bundle", &raw);
    save("seek_table", "table", &table.to_bytes());
    save("seek_table", "bundle", &bundle);
    for (number, line) in manifest.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{")).enumerate() {
        save("manifest_line", &format!("{number:02}"), line);
    }
    save_lines();
    save("bundle", "bundle", &bundle);
    save("bundle_frames", "bundle", &bundles::disassemble(&bundle));
    let index = file("index/000001.full");
    save("index_file", "index", &index);
    save("index_blocks", "index", &indexes::disassemble(&index));
    save("archive_toml", "archive", &file("archive.toml"));
    save("archive_toml", "newer", b"format = 2\nid = \"5a\"\nmade = \"2026-11-22T23:55:02Z\"\n");
    save_texts();
    for target in ["entry", "tree_history", "tree_faults", "hostile_restore"] {
        for number in 1..=4 {
            save(target, &format!("noise{number}"), &noise(number, 150 * number as usize));
        }
    }
}

fn save(target: &str, name: &str, bytes: &[u8]) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(name), bytes).unwrap();
}

/// Lines of what is not stored: renames, copies, patches.
fn save_lines() {
    let hash = "00".repeat(32);
    let file = format!(r#""type":"file","mode":"0644","mtime":"0","ctime":"0","size":8,"hash":"{hash}""#);
    let patch = format!(r#""patch":{{"base":"{hash}","base_size":8,"whole":9,"pieces":[[8,0,8,30]]}}"#);
    let lines = [
        ("moved", r#"{"moved":"home/a","to":"home/b/a"}"#.to_owned()),
        ("moved_before", r#"{"moved_before":"home/a","to":"home/b/a"}"#.to_owned()),
        ("copy", format!(r#"{{"path":"home/b",{file},"copy":"home/a","offset":512}}"#)),
        ("copy_of_older", format!(r#"{{"path":"home/b",{file},"copy":"home/a","in":"000001"}}"#)),
        ("patch", format!(r#"{{"path":"home/b",{file},{patch},"offset":512}}"#)),
        ("pruned", format!(r#"{{"path":"home/b",{file},"pruned":true}}"#)),
    ];
    for (name, line) in lines {
        save("manifest_line", name, line.as_bytes());
    }
}

fn save_texts() {
    let whens = [
        "42",
        "latest~2",
        "2026-11-22",
        "2026-10-25 02:30",
        "2026-03-29t02:30:05.25",
        "2026-11-22T18:30:05+01:00",
        "yesterday 18:00",
        "today",
        "3 days 2h ago",
        "9999-12-31 23:59:59z",
    ];
    for (number, text) in whens.iter().enumerate() {
        save("when", &format!("{number:02}"), text.as_bytes());
    }
    save(
        "exclude",
        "rules",
        b"*.o\n/build/\n!keep.o\na/**/b\n[!x-z]?\n{1,2}\n\0!*.o\nc\n\0a.o\nbuild\na/x/b\na/c\na/k.o\n{1,2}",
    );
    save("exclude", "odd", b"\xef\xbb\xbf# none\r\n\\#x \r\n\\!y\nz\\ \n**\\/\n[]-a]\n\0/\n\xff\n\0#x\n!y\na/b\n\xff");
}

/// Bytes without meaning, the same for the same number (xorshift, Marsaglia 2003).
fn noise(number: u64, length: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    });
    bytes.take(length).collect()
}

/// A bundle with an entry of each kind, and everything that can be said of one.
fn add_bundle(store: &MemoryStore) -> BundleName {
    let rules = Rules { exclude: vec!["*.tmp".to_owned()], exclude_caches: true, ..Rules::default() };
    let source = SourceRecord {
        name: "home".to_owned(),
        path: "/no/such/place/home".into(),
        scanned: true,
        missing: false,
        dropped: false,
        renamed_from: "house".to_owned(),
        host: "desk".to_owned(),
        rules,
    };
    let name = BundleName::new(bundles::ID, TIME).unwrap();
    let head = Head {
        archive: ARCHIVE,
        id: bundles::ID,
        time: TIME,
        parent: None,
        sources: vec![source],
        note: "a note".to_owned(),
        stands_for: None,
        uncertain_until: 0.into(),
        pruned_until: 0.into(),
        joined_from: 0.into(),
    };
    let mut writer = BundleWriter::new(store.create(&bundle_path(&name)).unwrap(), head, 3).unwrap();
    let mut raw = Vec::new();
    for (path, mut entry, bytes) in tree() {
        append(&mut raw, path.as_bytes(), &mut entry, bytes);
        let mut line = Vec::new();
        let offset = entry.content.as_ref().map(|content| content.place.offset);
        DraftLine::entry(&path, &entry, None).append_to(&mut line, offset);
        writer.push_line(&line).unwrap();
    }
    let mut line = Vec::new();
    DraftLine::gone(EntryPath::new(b"home/b/z").unwrap(), Kind::File).append_to(&mut line, None);
    writer.push_line(&line).unwrap();
    let mut stored = Vec::new();
    let frame = Compressor::new(Effort::Level(3)).unwrap().append_frame(&raw, &mut stored).unwrap();
    writer.append_frames(&stored, &[frame]).unwrap();
    let problem = Problem::new(EntryPathBuf::from_bytes(b"home/x").unwrap(), "gone").unsaved();
    let tail = Tail { problems_total: 1, problems: vec![problem], ..Tail::default() };
    writer.publish(&bundle_path(&name), tail).unwrap();
    name
}

fn append(raw: &mut Vec<u8>, path: &[u8], entry: &mut Entry, bytes: &[u8]) {
    let mut names = DumpDir::default();
    names.directory(b"b");
    names.stored(b"a");
    let names = names.into_bytes();
    let body = if entry.stat.kind == Kind::Directory { Body::Listing(&names) } else { Body::Itself };
    tar::append_header(raw, path, entry, body);
    if let Some(content) = &mut entry.content {
        content.place.offset = raw.len() as u64;
        raw.extend_from_slice(bytes);
        tar::pad(raw, bytes.len() as u64);
    }
}

/// Paths, entries and contents, in the order of a walk.
fn tree() -> Vec<(EntryPathBuf, Entry, &'static [u8])> {
    let entry = |kind: Kind| {
        let mut entry = Entry::default();
        (entry.stat.kind, entry.stat.mode) = (kind, 0o755);
        (entry.stat.mtime, entry.stat.ctime) = (Time::new(-5, 250_000_000), TIME);
        (entry.owner.user, entry.owner.group) = ("user".into(), "group".into());
        entry
    };
    let file = |bytes: &[u8]| {
        let mut entry = entry(Kind::File);
        (entry.stat.size, entry.stat.inode, entry.stat.uid) = (bytes.len() as u64, 7, u32::MAX);
        let place = Place { bundle: BundleId::new(1, 0), offset: 0 };
        entry.content =
            Some(Content { hash: Hash::of(bytes), place, holes: Holes::default(), patch: None, torn: false });
        entry
    };
    let mut sparse = file(&[0; 600]);
    if let Some(content) = &mut sparse.content {
        content.hash = Hasher::new().hash();
        content.holes = Holes::from_pairs(&[(0, 600)], 600).unwrap_or_default();
    }
    (sparse.stat.link, sparse.stat.racy) = (3, true);
    sparse.xattrs = vec![(b"user.x".to_vec(), b"\n20 path=/etc\n".to_vec()), (b"user.y".to_vec(), b"\xff".to_vec())];
    let mut symlink = entry(Kind::Symlink);
    symlink.target = b"../\xff/b".to_vec();
    let mut device = entry(Kind::CharDevice);
    device.stat.device = Device { major: 5, minor: 1 };
    let path = |bytes: &[u8]| EntryPathBuf::from_bytes(bytes).unwrap();
    let long = [b"home/b/".as_slice(), &[b'l'; 180]].concat();
    vec![
        (path(b"home"), entry(Kind::Directory), &[]),
        (path(b"home/a"), file(b"hello\n"), b"hello\n"),
        (path(b"home/b"), entry(Kind::Directory), &[]),
        (path(b"home/c%\xff"), symlink, &[]),
        (path(b"home/d"), device, &[]),
        (path(b"home/b/f"), entry(Kind::Fifo), &[]),
        (path(&long), sparse, &[0; 600]),
    ]
}

fn decompressed(bundle: &[u8], table: &SeekTable) -> Vec<u8> {
    let frames = (0..table.len()).filter_map(|number| table.frame(number));
    let raw = frames.map(|frame| {
        let start = frame.stored_offset as usize;
        let stored = &bundle[start..start + frame.stored_bytes as usize];
        Decompressor::new().decompress(stored, frame.raw_bytes).unwrap()
    });
    raw.collect::<Vec<_>>().concat()
}

fn manifest_offset(name: &BundleName, bundle: &[u8]) -> usize {
    let bundle = snap_archive::format::bundle::Bundle::open(name, blob(bundle)).unwrap();
    bundle.manifest_tail().unwrap().manifest_offset as usize
}
