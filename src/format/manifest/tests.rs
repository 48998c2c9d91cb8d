//! Tests of the lines of a manifest.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::base::entry::Content;
use crate::base::entry::Device;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Owner;
use crate::base::entry::Place;
use crate::base::entry::Stat;
use crate::base::holes::Holes;
use crate::base::id::ArchiveId;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::SourceRecord;
use crate::base::time::Time;

const BUNDLE: BundleId = BundleId::new(7, 2);

fn path(bytes: &[u8]) -> EntryPathBuf {
    EntryPathBuf::from_bytes(bytes).unwrap()
}

fn name(id: BundleId) -> BundleName {
    BundleName::new(id, Time::new(1_795_391_702, 0)).unwrap()
}

fn written(line: &DraftLine, offset: Option<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    line.append_to(&mut bytes, offset);
    assert_eq!(bytes.pop(), Some(b'\n'));
    assert!(!bytes.contains(&b'\n'));
    bytes
}

fn file() -> Entry {
    let mut entry = Entry {
        owner: Owner { user: "anna".into(), group: "users".into() },
        xattrs: vec![(b"user.a".to_vec(), b"\x00\xff%".to_vec())],
        content: Some(Content {
            hash: Hash::of(b"x"),
            place: Place { bundle: BUNDLE, offset: 512 },
            holes: Holes::from_pairs(&[(0, 2), (3, 1)], 4).unwrap(),
            patch: None,
            torn: true,
        }),
        ..Entry::default()
    };
    entry.stat = Stat {
        mode: 0o4755,
        uid: 1,
        gid: u32::MAX,
        size: 4,
        mtime: Time::new(-7, 1),
        ctime: Time::new(7, 0),
        inode: u64::MAX,
        link: 3,
        racy: true,
        ..Stat::default()
    };
    entry
}

#[test]
fn a_stored_file_is_read_as_written() {
    let entry = file();
    for bytes in [&b"s/a"[..], b"s/\xff%\n\"\\", "s/é\u{7f}".as_bytes(), b"s/%41"] {
        let line = written(&DraftLine::entry(&path(bytes), &entry, None), Some(512));
        let change = Change::from_line(&line, BUNDLE).unwrap();
        assert_eq!(change, Change { path: path(bytes), now: Action::Stored(entry.clone()), copy_of: None });
    }
}

#[test]
fn a_kept_file_names_its_bundle_and_no_offset() {
    let mut entry = file();
    let older = BundleId::new(3, 0);
    entry.content.as_mut().unwrap().place = Place { bundle: older, offset: 0 };
    let line = written(&DraftLine::entry(&path(b"s/a"), &entry, Some(older)), None);
    assert_eq!(Change::from_line(&line, BUNDLE).unwrap().now, Action::Referenced(entry));
}

#[test]
fn a_copy_names_what_it_is_a_copy_of() {
    let (entry, other) = (file(), path(b"s/\xff"));
    for (kept_in, offset) in [(None, Some(512)), (Some(BundleId::new(3, 1)), None)] {
        let line = written(&DraftLine::copy(&path(b"s/a"), &entry, kept_in, Some(&other)), offset);
        assert_eq!(Change::from_line(&line, BUNDLE).unwrap().copy_of.as_ref(), Some(&other));
        let text = String::from_utf8(line).unwrap();
        for bad in [r#""copy":"""#, r#""copy":"../x""#, r#""copy":"s/a""#] {
            let bad = text.replace(r#""copy":{"escaped":"s/%FF"}"#, bad);
            assert!(bad != text && Change::from_line(bad.as_bytes(), BUNDLE).is_err_and(|error| error.is_damage()));
        }
    }
}

#[test]
fn every_other_kind_is_read_as_written() {
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::File) {
        let mut entry = Entry::default();
        entry.stat.kind = kind;
        entry.stat.device = if kind.is_device() { Device { major: 8, minor: 1 } } else { Device::default() };
        entry.target = if kind == Kind::Symlink { b"../\xfe".to_vec() } else { Vec::new() };
        let line = written(&DraftLine::entry(&path(b"s"), &entry, None), None);
        assert_eq!(Change::from_line(&line, BUNDLE).unwrap().now, Action::Stored(entry));
        let line = written(&DraftLine::gone(&path(b"s/b"), kind), None);
        assert_eq!(Change::from_line(&line, BUNDLE).unwrap().now, Action::Removed(kind));
    }
}

fn head() -> Head {
    Head {
        archive: ArchiveId([7; 16]),
        id: BundleId::new(7, 0),
        time: Time::new(1_795_391_702, 0),
        parent: Some(Parent { bundle: name(BundleId::new(6, 0)), manifest: Hash::of(b"m") }),
        sources: vec![SourceRecord {
            name: "home".into(),
            path: "/home".into(),
            scanned: true,
            ..SourceRecord::default()
        }],
        note: "before \"the\" move".into(),
        stands_for: Some(Hash::of(b"replaced")),
        uncertain_until: 9.into(),
        pruned_until: 8.into(),
        joined_from: 2.into(),
    }
}

#[test]
fn first_and_last_lines_are_read_as_written() {
    let head = head();
    assert_eq!(Head::from_line(&head.to_line()).unwrap(), head);
    let tail = Tail { complete: true, changes: 3, manifest_offset: 1024, ..Tail::default() };
    assert_eq!(Tail::from_line(&tail.to_line()).unwrap(), tail);
    assert!(Tail::from_line(&Tail::default().to_line()).is_err());
}

#[test]
fn a_rename_is_read_as_written_and_no_other_line_is_one() {
    let (from, to) = (path(b"s/\xff%\n"), path("s/é/x".as_bytes()));
    for (stage, start) in [(MoveStage::Here, &br#"{"moved":"#[..]), (MoveStage::Before, &br#"{"moved_before":"#[..])] {
        let line = written(&DraftLine::moved(&from, &to, stage), None);
        assert!(line.starts_with(start));
        assert_eq!(moved_from_line(&line).unwrap(), Some((stage, from.clone(), to.clone())));
        assert!(Change::from_line(&line, BUNDLE).is_err());
    }
    let other = written(&DraftLine::gone(&path(b"s/b"), Kind::File), None);
    assert_eq!(moved_from_line(&other).unwrap(), None);
    for bad in [
        r#"{"moved":"s/a"}"#,
        r#"{"moved_before":"s/a"}"#,
        r#"{"moved":"s/a","moved_before":"s/a","to":"s/b"}"#,
        r#"{"moved":"s/a","to":"../b"}"#,
        r#"{"moved":"/a","to":"s/b"}"#,
        r#"{"moved":"","to":"s/b"}"#,
        r#"{"moved":"s/a","to":7}"#,
    ] {
        assert!(moved_from_line(bad.as_bytes()).is_err_and(|error| error.is_damage()), "{bad}");
    }
}

#[test]
fn a_newer_format_is_said_to_be_newer() {
    let error = Head::from_line(br#"{"format":2,"unheard":"of"}"#).unwrap_err();
    assert_eq!(error.kind(), crate::base::error::ErrorKind::TooNew);
}

#[test]
fn sources_have_names_that_can_be_and_are_different() {
    let line = |names: &[&str]| {
        let source = |name: &&str| SourceRecord { name: (*name).to_owned(), ..SourceRecord::default() };
        Head { sources: names.iter().map(source).collect(), ..head() }.to_line()
    };
    assert!(Head::from_line(&line(&["a", "b", " ", ".snapshots"])).is_ok());
    for bad in
        [&[""][..], &["."], &[".."], &["a/b"], &["a\0"], &[".snap-manifest.jsonl"], &[".snap-x"], &["a", "b", "a"]]
    {
        assert!(Head::from_line(&line(bad)).is_err_and(|error| error.is_damage()), "{bad:?}");
    }
}

#[test]
fn hostile_lines_are_errors() {
    let good = r#"{"path":"a","type":"file","mode":"0644","size":4,"mtime":"1","ctime":"1","hash":"HASH","offset":0}"#
        .replace("HASH", &Hash::of(b"").to_string());
    assert!(Change::from_line(good.as_bytes(), BUNDLE).is_ok());
    for (from, to) in [
        (r#""path":"a""#, r#""path":"../a""#),
        (r#""path":"a""#, r#""path":"/a""#),
        (r#""path":"a""#, r#""path":"""#),
        (r#""path":"a""#, r#""path":{"escaped":"%zz"}"#),
        (r#""path":"a""#, r#""path":{"other":"a"}"#),
        (r#""path":"a""#, r#""path":"a\u0000""#),
        (r#""mode":"0644""#, r#""mode":"10000""#),
        (r#""mode":"0644""#, r#""mode":"+644""#),
        (r#""size":4"#, r#""size":-1"#),
        (r#""size":4"#, r#""size":18446744073709551616"#),
        (r#""offset":0"#, r#""offset":18446744073709551615"#),
        (r#","offset":0"#, ""),
        (r#""offset":0"#, r#""offset":0,"in":"000001""#),
        (r#""size":4"#, r#""size":4,"holes":[[0,5]]"#),
        (r#""size":4"#, r#""size":4,"holes":[[2,1],[0,1]]"#),
        (r#""size":4"#, r#""size":4,"holes":[[0,0]]"#),
        (r#""type":"file""#, r#""type":"socket""#),
        (r#""type":"file""#, r#""type":"symlink""#),
        (r#""hash":""#, r#""hash":"0"#),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        assert!(Change::from_line(bad.as_bytes(), BUNDLE).is_err_and(|error| error.is_damage()), "{bad}");
    }
}
