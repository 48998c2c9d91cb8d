//! What every store promises, asked of each of them in the same words.

use crate::support::stores::FaultyStore;
use snap_archive::base::error::ErrorKind;
use snap_archive::base::error::Result;
use snap_archive::base::id::Hash;
use snap_archive::system::store::LocalStore;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Scratch;
use snap_archive::system::store::Store;
use snap_archive::system::store::Upload;
use snap_archive::system::store::read_exact_at;
use snap_archive::system::store::read_small;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Asks it of a store in memory, one on a drive, one in a temporary folder and one behind a wrapper.
fn of_each(ask: impl Fn(&dyn Store)) {
    let (drive, wrapped, scratch) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Scratch::new().unwrap());
    ask(&MemoryStore::new());
    ask(&LocalStore::new(drive.path()));
    ask(scratch.store());
    ask(&*FaultyStore::counting(Arc::new(LocalStore::new(wrapped.path()))));
}

fn upload(store: &dyn Store, like: &str, bytes: &[u8]) -> Box<dyn Upload> {
    let mut upload = store.create(like).unwrap();
    upload.write_all(bytes).unwrap();
    upload
}

fn publish(store: &dyn Store, name: &str, bytes: &[u8]) -> Result<u64> {
    upload(store, name, bytes).publish(name)
}

fn content(store: &dyn Store, name: &str) -> Vec<u8> {
    read_small(store, name, 1 << 30).unwrap()
}

#[test]
fn what_is_published_reads_back_from_any_offset() {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| ((number * 7) >> 3) as u8).collect();
    of_each(|store| {
        assert_eq!(publish(store, "bundles/large", &bytes).unwrap(), bytes.len() as u64);
        let blob = store.open("bundles/large").unwrap();
        assert_eq!(blob.length(), bytes.len() as u64);
        for (offset, length) in [(0, 10), (1, 1 << 20), (2_999_990, 10), (1_234_567, 0), (0, bytes.len())] {
            let read = read_exact_at(&*blob, offset as u64, length).unwrap();
            assert!(read == bytes[offset..offset + length], "{length} from {offset} of {}", store.describe());
        }
        let mut buffer = [9; 20];
        assert_eq!(blob.read_at(2_999_990, &mut buffer).unwrap(), 10, "less only at the end");
        assert_eq!(blob.read_at(3_000_000, &mut buffer).unwrap(), 0);
        assert_eq!(blob.read_at(9_000_000, &mut buffer).unwrap(), 0);
        assert!(read_exact_at(&*blob, 2_999_990, 11).unwrap_err().is_damage());
        assert_eq!(publish(store, "empty", b"").unwrap(), 0);
        assert_eq!(content(store, "empty"), b"");
    });
}

#[test]
fn a_name_is_given_once_and_keeps_its_bytes() {
    of_each(|store| {
        let late = upload(store, "bundles/a", b"late");
        publish(store, "bundles/a", b"first").unwrap();
        assert_eq!(late.publish("bundles/a").unwrap_err().kind(), ErrorKind::Exists);
        assert_eq!(publish(store, "bundles/a", b"second").unwrap_err().kind(), ErrorKind::Exists);
        publish(store, "bundles/b", b"other").unwrap();
        assert_eq!(store.rename("bundles/b", "bundles/a").unwrap_err().kind(), ErrorKind::Exists);
        assert_eq!(content(store, "bundles/a"), b"first");
        assert_eq!(content(store, "bundles/b"), b"other");
        store.replace("bundles/a", b"replaced").unwrap();
        assert_eq!(content(store, "bundles/a"), b"replaced");
    });
}

#[test]
fn the_name_is_that_of_the_publishing_whatever_was_said_before() {
    of_each(|store| {
        let part = upload(store, "bundles/000001-20261122T235502Z.tar.zst", b"x");
        assert_eq!(part.publish("bundles/000001-20261122T235502Z.0001.tar.zst").unwrap(), 1);
        upload(store, "bundles/a", b"elsewhere").publish("index/b").unwrap();
        let names = |directory| store.list(directory).unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("bundles"), ["000001-20261122T235502Z.0001.tar.zst"]);
        assert_eq!(names("index"), ["b"]);
    });
}

#[test]
fn nothing_is_seen_before_it_is_published_and_nothing_left_of_what_is_dropped() {
    of_each(|store| {
        let mut open = upload(store, "bundles/a", b"some ");
        open.write_all(b"bytes").unwrap();
        assert_eq!(store.list("bundles").unwrap(), []);
        assert_eq!(store.open("bundles/a").err().unwrap().kind(), ErrorKind::NotFound);
        open.read_back(&Hash::of(b"some bytes")).unwrap();
        assert_eq!(store.list("bundles").unwrap(), []);
        drop(open);
        assert_eq!(store.list("bundles").unwrap(), []);
        if let Some(directory) = store.local_path() {
            assert_eq!(fs::read_dir(directory.join("bundles")).unwrap().count(), 0);
        }
        assert!(upload(store, "bundles/a", b"x").read_back(&Hash::of(b"y")).unwrap_err().is_damage());
    });
}

#[test]
fn lists_are_sorted_have_the_lengths_and_leave_out_what_is_foreign() {
    of_each(|store| {
        for (name, bytes) in [("bundles/b", "12"), ("bundles/a", "1"), ("bundles/c", ""), ("top", "123")] {
            publish(store, name, bytes.as_bytes()).unwrap();
        }
        if let Some(directory) = store.local_path() {
            fs::create_dir(directory.join("bundles/folder")).unwrap();
            for name in [".hidden", "with blank", "umlaut-é"] {
                fs::write(directory.join("bundles").join(name), "x").unwrap();
            }
        }
        let listed = |name: &str, bytes| (name.to_owned(), bytes);
        assert_eq!(store.list("bundles").unwrap(), [listed("a", 1), listed("b", 2), listed("c", 0)]);
        assert_eq!(store.list("").unwrap(), [listed("top", 3)]);
        assert_eq!(store.list("nothing").unwrap(), []);
    });
}

#[test]
fn odd_names_are_refused_everywhere() {
    of_each(|store| {
        publish(store, "a", b"x").unwrap();
        for odd in ["", "/", "..", "../a", ".a", "a/.b", "a/b/c", "a b", "a:b", "a\\b", "a."] {
            let refused = |error: snap_archive::base::error::Error| {
                assert_eq!(error.kind(), ErrorKind::Refused, "{odd:?}: {error}");
            };
            refused(store.create(odd).err().unwrap());
            refused(upload(store, "b", b"x").publish(odd).unwrap_err());
            refused(store.open(odd).err().unwrap());
            refused(store.replace(odd, b"x").unwrap_err());
            refused(store.rename("a", odd).unwrap_err());
            refused(store.rename(odd, "b").unwrap_err());
            refused(store.remove(odd).unwrap_err());
        }
        assert_eq!(store.list("").unwrap().len(), 1);
    });
}

#[test]
fn there_is_one_writer_at_a_time() {
    of_each(|store| {
        let lease = store.lock("the first").unwrap();
        lease.check().unwrap();
        let error = store.lock("the second").err().unwrap();
        assert!(error.kind() == ErrorKind::Locked && error.to_string().contains("the first"), "{error}");
        drop(lease);
        store.lock("the second").unwrap().check().unwrap();
    });
}

#[test]
fn what_is_moved_or_removed_is_there_no_longer() {
    of_each(|store| {
        publish(store, "bundles/a", b"x").unwrap();
        store.rename("bundles/a", "damaged/a").unwrap();
        assert_eq!(content(store, "damaged/a"), b"x");
        for name in ["bundles/a", "nothing"] {
            assert_eq!(store.open(name).err().unwrap().kind(), ErrorKind::NotFound);
            assert_eq!(store.remove(name).unwrap_err().kind(), ErrorKind::NotFound);
            assert_eq!(store.rename(name, "b").unwrap_err().kind(), ErrorKind::NotFound);
        }
        store.remove("damaged/a").unwrap();
        assert_eq!(store.list("damaged").unwrap(), []);
        for name in ["index/a", "index/b", "index/c"] {
            publish(store, name, b"x").unwrap();
        }
        store.remove_all("index", &["c".to_owned(), "nothing".to_owned(), "a".to_owned()]).unwrap();
        assert_eq!(store.list("index").unwrap(), [("b".to_owned(), 1)]);
        store.remove_all("index", &[]).unwrap();
        assert!(store.remove_all("index", &["../out".to_owned()]).is_err());
    });
}

#[test]
fn sweeping_takes_what_was_left_where_it_is_told_to_look() {
    let drive = tempfile::tempdir().unwrap();
    let store = LocalStore::new(drive.path());
    for name in ["bundles", "index", "other"] {
        fs::create_dir(drive.path().join(name)).unwrap();
        fs::write(drive.path().join(name).join(".snap-left"), "x").unwrap();
    }
    fs::write(drive.path().join(".snap-left"), "x").unwrap();
    store.sweep(&["bundles", "index", "missing"]).unwrap();
    let is_left = |name: &str| drive.path().join(name).exists();
    assert!(!is_left(".snap-left") && !is_left("bundles/.snap-left") && !is_left("index/.snap-left"));
    assert!(is_left("other/.snap-left"), "it was not named");
    assert_eq!(store.local_path(), Some(drive.path() as &Path));
    assert_eq!(MemoryStore::new().local_path(), None);
}
