//! Any archive, by its manifests or by its index, restored several times into one directory: nothing outside that directory is
//! touched, and no temporary file stays in it.

use arbitrary::Result;
use arbitrary::Unstructured;
use crate::trees;
use snap_archive::archive::open::Archive;
use snap_archive::base::entry::Content;
use snap_archive::base::entry::Entry;
use snap_archive::base::entry::Kind;
use snap_archive::base::entry::Place;
use snap_archive::base::holes::Holes;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::id::BundleId;
use snap_archive::base::id::BundleName;
use snap_archive::base::id::Hash;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::path::joined;
use snap_archive::base::path::split_last;
use snap_archive::base::path::walk_order;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::time::Time;
use snap_archive::format::bundle::BundleWriter;
use snap_archive::format::frames::Compressor;
use snap_archive::format::frames::Effort;
use snap_archive::format::index::BundleRecord;
use snap_archive::format::index::IndexHead;
use snap_archive::format::index::IndexWriter;
use snap_archive::format::manifest::Head;
use snap_archive::format::manifest::Tail;
use snap_archive::system::destination::TEMPORARY_PREFIX;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::restore::restore;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

const ARCHIVE: ArchiveId = ArchiveId([9; 16]);
const CONTENT: [u8; 64] = [b'!'; 64];
const CONTENT_OFFSET: u64 = 512;
const LINES_MAX: usize = 16;
const RESTORES_MAX: usize = 4;

/// Parts of paths; the odd ones must be refused.
const NAMES: [&str; 12] = ["a", "b", "c", "d", "a", "b", "c", "..", ".", "", "a/../..", "a\0"];
const KINDS: [Kind; 5] = [Kind::Directory, Kind::File, Kind::Symlink, Kind::Directory, Kind::Fifo];

/// As deep as the target is in the directory that is watched, so that a symlink that goes up stays in there.
const ABOVE_TARGET: &str = "1/2/3";

/// A line of a manifest, or a row of an index.
struct Line {
    directory: Vec<u8>,
    name: Vec<u8>,
    /// `None`: gone.
    entry: Option<Entry>,
    origin: Origin,
}

/// What a line of a manifest says of where its file comes from; an index says nothing of it.
enum Origin {
    /// A content in the bundle.
    Content,
    /// A name that goes: the line is that of a rename.
    Rename(Vec<u8>),
    /// Another file of the bundle, or of the first one.
    Copy(Vec<u8>, bool),
    /// The content in the bundle as a change of what has this hash.
    Patch,
}

pub fn check(input: &[u8]) {
    let _ = run(&mut Unstructured::new(input));
}

fn run(u: &mut Unstructured) -> Result<()> {
    let work = trees::scratch();
    let target = work.path().join(ABOVE_TARGET).join("target");
    let kept = work.path().join("kept");
    fs::create_dir_all(kept.join("a/b")).unwrap();
    fs::create_dir_all(&target).unwrap();
    fs::write(kept.join("b"), "untouched").unwrap();
    if u.arbitrary()? {
        std::os::unix::fs::symlink(&kept, target.join("a")).unwrap();
    }
    let archive = archive(work.path(), u)?;
    let before = trees::listing(work.path(), Some(&target));
    for _ in 0..u.int_in_range(1..=RESTORES_MAX)? {
        let recorder = Recorder::new();
        if let Ok(catalog) = archive.catalog(&recorder) {
            let _ = restore(&catalog, &options(&target, u)?, &recorder);
        }
        assert_eq!(trees::listing(work.path(), Some(&target)), before);
        let left = trees::listing(&target, None).into_keys().find(|path| is_temporary(path));
        assert_eq!(left, None);
    }
    Ok(())
}

fn is_temporary(path: &[u8]) -> bool {
    split_last(path).1.starts_with(TEMPORARY_PREFIX.as_bytes())
}

fn options(target: &Path, u: &mut Unstructured) -> Result<RestoreOptions> {
    let mut paths = Vec::new();
    if u.ratio(1, 4)? {
        paths.extend(EntryPathBuf::from_bytes(&path(u)?));
    }
    Ok(RestoreOptions {
        target: target.to_owned(),
        at: u.int_in_range(1..=3u32)?.into(),
        paths,
        overwrite: u.ratio(3, 4)?,
        delete: u.arbitrary()?,
        delete_excluded: u.arbitrary()?,
        in_place: false,
        keep: u.arbitrary()?,
        dry_run: u.ratio(1, 8)?,
        owners: false,
        numeric_ids: false,
        threads: 2,
    })
}

/// An archive of some snapshots, each told by a manifest, some also by an index that need not say the same.
fn archive(work: &Path, u: &mut Unstructured) -> Result<Archive> {
    let store = MemoryStore::new();
    let archive = Archive::init_store(Arc::new(store.clone()), ARCHIVE, Time::default()).unwrap();
    let mut bundles = Vec::new();
    for number in 1..=u.int_in_range(1..=3)? {
        let id = BundleId::new(number, 0);
        bundles.push(add_bundle(&store, id, &lines(work, id, u)?));
        if u.arbitrary()? {
            add_index(&store, id, &bundles, &lines(work, id, u)?);
        }
    }
    Ok(archive)
}

fn lines(work: &Path, bundle: BundleId, u: &mut Unstructured) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    while lines.len() < LINES_MAX && u.ratio(7, 8)? {
        let path = path(u)?;
        let (directory, name) = split_last(&path);
        let entry = if u.ratio(1, 8)? { None } else { Some(entry(work, bundle, u)?) };
        let origin = match u.int_in_range(0..=7)? {
            0 => Origin::Rename(self::path(u)?),
            1 => Origin::Copy(self::path(u)?, u.arbitrary()?),
            2 => Origin::Patch,
            _ => Origin::Content,
        };
        lines.push(Line { directory: directory.to_vec(), name: name.to_vec(), entry, origin });
    }
    if u.ratio(15, 16)? {
        lines.sort_by(|a, b| walk_order(&a.directory, &b.directory).then_with(|| a.name.cmp(&b.name)));
        lines.dedup_by(|a, b| (&a.directory, &a.name) == (&b.directory, &b.name));
    }
    Ok(lines)
}

fn path(u: &mut Unstructured) -> Result<Vec<u8>> {
    let mut path = Vec::new();
    for _ in 0..u.int_in_range(1..=4)? {
        path = joined(&path, u.choose(&NAMES)?.as_bytes());
    }
    Ok(path)
}

fn entry(work: &Path, bundle: BundleId, u: &mut Unstructured) -> Result<Entry> {
    let mut entry = Entry::default();
    entry.stat.kind = *u.choose(&KINDS)?;
    entry.stat.mode = u.int_in_range(0..=0o7777)?;
    entry.stat.link = u.int_in_range(0..=2)?;
    entry.stat.mtime = Time::new(u.int_in_range(-9..=1 << 33)?, 1);
    match entry.stat.kind {
        Kind::Symlink => entry.target = target(work, u)?.into_os_string().into_encoded_bytes(),
        Kind::File => {
            entry.stat.size = u.int_in_range(0..=CONTENT.len() as u64 + 1)?;
            let end = (entry.stat.size as usize).min(CONTENT.len());
            let offset = if u.ratio(7, 8)? { CONTENT_OFFSET } else { u.arbitrary()? };
            let place = Place { bundle, offset };
            entry.content = Some(Content {
                hash: Hash::of(&CONTENT[..end]),
                place,
                holes: Holes::default(),
                patch: None,
                torn: false,
            });
        }
        _ => {}
    }
    Ok(entry)
}

fn target(work: &Path, u: &mut Unstructured) -> Result<PathBuf> {
    let targets =
        [work.join("kept"), work.join("kept/b"), "..".into(), "../../../../kept".into(), ".".into(), "a".into()];
    u.choose(&targets).cloned()
}

fn add_bundle(store: &MemoryStore, id: BundleId, lines: &[Line]) -> BundleRecord {
    let time = Time::new(i64::from(id.number.get()), 0);
    let name = BundleName::new(id, time).unwrap();
    let head = Head {
        archive: ARCHIVE,
        id,
        time,
        parent: None,
        sources: Vec::new(),
        note: String::new(),
        stands_for: None,
        uncertain_until: 0.into(),
        pruned_until: 0.into(),
        joined_from: 0.into(),
    };
    let mut writer = BundleWriter::new(store.create(&format!("bundles/{name}")).unwrap(), head, 1).unwrap();
    let raw = [[0; CONTENT_OFFSET as usize].as_slice(), &CONTENT].concat();
    let mut stored = Vec::new();
    let frame = Compressor::new(Effort::Level(1)).unwrap().append_frame(&raw, &mut stored).unwrap();
    writer.append_frames(&stored, &[frame]).unwrap();
    for line in lines {
        writer.push_line(text(line).as_bytes()).unwrap();
    }
    let published = writer.publish(&format!("bundles/{name}"), Tail::default()).unwrap();
    BundleRecord {
        name: name.to_string(),
        bytes: published.bytes,
        manifest: published.manifest.0,
        pruned_until: 0,
        joined_from: 0,
    }
}

/// The line as text; the library's own writer takes no path that it would refuse to read.
fn text(line: &Line) -> String {
    let path = shown(&joined(&line.directory, &line.name));
    if let Origin::Rename(from) = &line.origin {
        return format!("{{\"moved\":\"{}\",\"to\":\"{path}\"}}\n", shown(from));
    }
    let Some(entry) = &line.entry else { return format!("{{\"path\":\"{path}\",\"gone\":\"file\"}}\n") };
    let stat = &entry.stat;
    let mut text = format!(
        "{{\"path\":\"{path}\",\"type\":\"{}\",\"mode\":\"{:04o}\",\"mtime\":\"{}\",\"ctime\":\"0\",\"link\":{}",
        stat.kind.word(),
        stat.mode,
        stat.mtime,
        stat.link
    );
    if stat.kind == Kind::Symlink {
        text += &format!(",\"target\":\"{}\"", String::from_utf8_lossy(&entry.target));
    }
    if let Some(content) = &entry.content {
        text += &format!(",\"size\":{},\"hash\":\"{}\"", stat.size, content.hash);
        text += &match &line.origin {
            Origin::Copy(of, true) => format!(",\"copy\":\"{}\",\"in\":\"000001\"", shown(of)),
            Origin::Copy(of, false) => format!(",\"copy\":\"{}\",\"offset\":{}", shown(of), content.place.offset),
            Origin::Patch => format!(
                ",\"patch\":{{\"base\":\"{0}\",\"base_size\":{1},\"whole\":{1},\"pieces\":[[{1},0,{1},{1}]]}},\"offset\":{2}",
                content.hash, stat.size, content.place.offset
            ),
            _ => format!(",\"offset\":{}", content.place.offset),
        };
    }
    text + "}\n"
}

fn shown(path: &[u8]) -> String {
    path.escape_ascii().to_string().replace("\\x00", "\\u0000")
}

fn add_index(store: &MemoryStore, id: BundleId, bundles: &[BundleRecord], lines: &[Line]) {
    let name = format!("index/{:06}.full", id.number);
    let mut writer = IndexWriter::new(store.create(&name).unwrap()).unwrap();
    for line in lines {
        writer.push(&line.directory, &line.name, line.entry.as_ref()).unwrap();
    }
    let summary = |number: u32| Summary { number: number.into(), ..Summary::default() };
    let head = IndexHead {
        archive: ARCHIVE,
        number: id.number,
        from: 0.into(),
        bundles: bundles.to_vec(),
        snapshots: (1..=id.number.get()).map(summary).collect(),
        uncertain_unfinished: Vec::new(),
    };
    writer.publish(&name, &head).unwrap();
}
