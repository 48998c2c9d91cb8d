//! What is large, or takes long for another reason, comes back as anything else does. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::listing::Level;
use crate::support::listing::assert_same;
use crate::support::listing::item;
use crate::support::tree::noise;
use std::fs;
use std::os::unix::fs::FileExt;

#[test]
fn of_a_sparse_file_of_a_tebibyte_only_the_data_is_read_and_written() {
    let bench = Bench::new();
    let (size, middle) = (1_u64 << 40, (1 << 39) + 12_345);
    bench.home.sparse("disk.img", size, &[(0, b"boot"), (middle, b"middle"), (size - 4, b"last")]);
    let report = bench.snap.call("create").words("--json").arg(bench.home.root()).ok().json().remove(0);
    let bytes_read = report["bytes_read"].as_u64().unwrap();
    assert!(bytes_read < 1 << 20, "{bytes_read} bytes were read");
    let out = bench.restored(0).join("home");

    let restored = fs::File::open(out.join("disk.img")).unwrap();
    for (offset, expected) in [(0, "boot"), (middle, "middle"), (size - 4, "last"), (1 << 38, "\0\0\0\0")] {
        let mut found = vec![0; expected.len()];
        restored.read_exact_at(&mut found, offset).unwrap();
        assert_eq!(found, expected.as_bytes(), "at {offset}");
    }
    let item = item(&out, "disk.img");
    assert_eq!(item.size, size);
    assert!(item.allocated < 16 << 20, "{} bytes on disk", item.allocated);
    assert_same(bench.home.root(), &out, Level::Everything);
}

#[test]
fn a_directory_with_100_000_entries_comes_back() {
    let bench = Bench::new();
    bench.home.dir("many");
    for number in 0..100_000 {
        fs::File::create(bench.home.path(format!("many/{number}"))).unwrap();
    }
    bench.save();
    bench.home.remove("many/5").file("many/77777", "now with content").file("many/x", "new");
    bench.assert_kept();
}

#[test]
fn a_file_larger_than_4_gib_comes_back() {
    let bench = Bench::new();
    let size = (5_u64 << 30) + 4321;
    let pieces =
        [(0, noise(1, 3000)), ((4 << 30) - 10, noise(2, 20)), (4 << 30, noise(3, 9 << 20)), (size - 1, vec![7])];
    let pieces: Vec<(u64, &[u8])> = pieces.iter().map(|(offset, piece)| (*offset, piece.as_slice())).collect();
    bench.home.sparse("large", size, &pieces).file("after", "small");
    bench.assert_kept();
}

#[test]
fn a_file_of_9_gib_whose_size_fits_no_octal_field_comes_back() {
    let bench = Bench::new();
    bench.home.sparse("larger", 9 << 30, &[(0, b"start"), ((9 << 30) - 3, b"end")]).file("mid", "after it");
    bench.assert_kept();
}

#[test]
fn every_level_of_compression_gives_the_same_back() {
    let mut sizes = Vec::new();
    for level in ["1", "19"] {
        let bench = Bench::new();
        let text: Vec<u8> = (0..200_000).flat_map(|number| format!("line {number}\n").into_bytes()).collect();
        bench.home.file("text", &text).file("noise", noise(4, 300_000)).file("small", "x");
        bench.snap.call("create").words("--level").words(level).arg(bench.home.root()).ok();
        bench.assert_restores();
        let bundles = crate::support::replay::bundles(bench.snap.archive());
        sizes.push(bundles.iter().map(|bundle| bundle.metadata().unwrap().len()).sum::<u64>());
    }
    assert_ne!(sizes[0], sizes[1], "the level makes no difference");
}
