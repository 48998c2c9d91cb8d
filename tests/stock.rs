//! What snap writes is read by stock tools alone, and gives the same. Knows the command line and the documented format only.

use crate::support::bench::Bench;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::manifest;
use crate::support::manifest::Stored;
use crate::support::oracles::check_bundle_with_stock_tools;
use crate::support::oracles::extract_by_python;
use crate::support::replay::bundles;
use crate::support::replay::bundles_of;
use crate::support::replay::recover;
use crate::support::replay::remove_manifest;
use crate::support::replay::replay_one;
use crate::support::replay::stock_replay;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use std::fs;
use zeekstd::BytesWrapper;
use zeekstd::DecodeOptions;
use zeekstd::Decoder;
use zeekstd::SeekTable;

/// One step of a history: what is done to the source before the next snapshot.
type Edit = fn(&Tree) -> &Tree;

/// Edits of many kinds; the first makes the tree.
fn edits() -> Vec<Edit> {
    vec![
        |home| {
            home.file("a", "one").file("b", noise(1, 300_000)).file("d/e/f", "deep").file("d/g", "").dir("empty");
            home.file("gone/1", "x").file("gone/sub/2", "y").symlink("l", "a").fifo("p").hard_link("a", "d/second");
            home.file("swap1", "first").file("swap2", "second").file("t", "type").dir("m/n");
            home.symlink("abs", home.path("d").as_os_str().as_encoded_bytes())
        },
        |home| home.file("a", "two").append("b", noise(2, 1000)).file("d/e/new", "n").file("z", "last"),
        |home| home.remove("d/g").remove("gone").remove("l").remove("m/n"),
        |home| home.rename("z", "zz").rename("d/e", "d/moved").rename("a", "m/a"),
        |home| home.remove("t").file("t/in", "x").remove("empty").symlink("empty", "t").remove("p").file("p", ""),
        |home| home.remove("t").fifo("t").remove("empty").dir("empty/again").hard_link("b", "d/b2"),
        |home| {
            home.rename("swap1", "tmp").rename("swap2", "swap1").rename("tmp", "swap2").append("d/b2", "through a link")
        },
        |home| {
            home.file(b"raw \xff", "r").file(b"\xfe/in", "s").file("new\nline\\", "t").symlink(b"to \xff", b"raw \xff");
            home.file(format!("{}/{}", "l".repeat(180), "n".repeat(250)), "long")
                .file("a.b", "")
                .file("uml\u{e4}ut", "");
            home.file([b"\xff".as_slice(), &[b'r'; 150]].concat(), "long and raw").symlink("far", "f".repeat(300))
        },
        |home| home.mode("b", 0o600).mtime("d/moved", 1_000_000_000, 1).mode("m", 0o700).mtime("zz", 1, 1),
        |home| home.rename(b"\xfe", b"\xfd").remove(b"raw \xff").file("d/moved/f", "changed").remove("m"),
        |home| home.remove("d").file("d", "a file where a directory was").file("zeros", vec![0; 9 << 20]),
        |home| home.remove("d").file("d/d/d", "and back").remove("zeros").file(".snap-manifest.jsonl", "mine"),
    ]
}

#[test]
fn after_every_snapshot_stock_tools_read_every_bundle_and_replay_what_restore_gives() {
    let bench = Bench::new();
    let replayed = bench.path("replayed");
    for (number, edit) in edits().into_iter().enumerate() {
        edit(&bench.home);
        bench.save();
        let new = bundles_of(bench.snap.archive(), number + 1);
        assert!(!new.is_empty(), "snapshot {} has a bundle", number + 1);
        for bundle in &new {
            check_bundle_with_stock_tools(bundle);
            replay_one(bundle, &replayed);
        }
        assert_same_below(&bench.sources(), &replayed, Level::Stock);
        assert_same_below(&bench.restored(number + 1), &replayed, Level::Stock);
    }
}

#[test]
fn a_replay_that_stops_after_any_bundle_is_that_snapshot_still_when_others_came_later() {
    let bench = Bench::new();
    let mut copies = Vec::new();
    for edit in edits() {
        edit(&bench.home);
        bench.save();
        copies.push(bench.copy());
    }
    for (number, copy) in copies.iter().enumerate() {
        let out = bench.fresh();
        stock_replay(bench.snap.archive(), number + 1, &out);
        assert_same_below(copy, &out, Level::Stock);
        assert_same_below(copy, &bench.restored(number + 1), Level::Everything);
    }
}

#[test]
fn a_reader_that_takes_names_for_text_of_another_code_page_names_everything_right() {
    let bench = Bench::new();
    for name in ["Füße", "Привет/мир", "日本語/ファイル", "emoji 😀", "plain"] {
        bench.home.file(name, name).symlink(format!("{name} →"), name);
    }
    let long = ["ä".repeat(70), "ñ".repeat(60), "ж".repeat(110)].join("/");
    bench.home.file(&long, "long").symlink("far", &long).hard_link(&long, "zweiter Name für dasselbe");
    bench.save();
    let [bundle] = &bundles(bench.snap.archive())[..] else { panic!("one bundle") };
    check_bundle_with_stock_tools(bundle);
    let out = bench.fresh();
    fs::create_dir(&out).unwrap();
    // The code page of Windows' tar in western Europe.
    if extract_by_python(bundle, &out, "cp850") {
        remove_manifest(&out);
        assert_same_below(&bench.sources(), &out, Level::Stock);
    }
}

#[test]
fn sources_that_come_and_go_are_replayed_as_they_are_restored() {
    let bench = Bench::new();
    let work = Tree::at(bench.sources().join("work"));
    bench.home.file("f", "1").hard_link("f", "g");
    work.file("w/x", "2");
    bench.save();
    bench.snap.create(&[work.root()]);
    bench.home.remove("f");
    work.file("w/y", "3").remove("w/x");
    bench.snap.create(&[bench.home.root(), work.root()]);
    for snapshot in 1..=3 {
        let out = bench.fresh();
        stock_replay(bench.snap.archive(), snapshot, &out);
        assert_same_below(&bench.restored(snapshot), &out, Level::Stock);
    }
    assert_same_below(&bench.sources(), &bench.restored(3), Level::Everything);
    for bundle in &bundles(bench.snap.archive()) {
        check_bundle_with_stock_tools(bundle);
    }
}

#[test]
fn recover_sh_gives_every_snapshot_with_sh_tar_and_zstd_alone() {
    let bench = Bench::new();
    let history = edits();
    for edit in &history {
        edit(&bench.home);
        bench.save();
    }
    let (archive, tools) = (bench.snap.archive(), bench.path("tools"));
    let newest = bench.fresh();
    recover(archive, &tools, &[newest.as_os_str()]).expect_ok();
    remove_manifest(&newest);
    assert_same_below(&bench.sources(), &newest, Level::Stock);
    for snapshot in [1, 2, history.len() / 2] {
        let out = bench.fresh();
        recover(archive, &tools, &[snapshot.to_string().as_ref(), out.as_os_str()]).expect_ok();
        remove_manifest(&out);
        assert_same_below(&bench.restored(snapshot), &out, Level::Stock);
    }
}

#[test]
fn recover_sh_refuses_what_it_cannot_do_and_says_why() {
    let bench = Bench::new();
    bench.home.file("f", "text");
    bench.save();
    let (archive, tools) = (bench.snap.archive(), bench.path("tools"));
    let full = Tree::at(bench.path("full"));
    full.file("mine", "precious");
    let no_such = bench.fresh();
    for args in [vec![], vec![full.root().as_os_str()], vec!["7".as_ref(), no_such.as_os_str()]] {
        let outcome = recover(archive, &tools, &args);
        assert!(outcome.status != 0 && !outcome.stderr.is_empty(), "{args:?}: {}", outcome.shown());
    }
    assert_eq!(fs::read(full.path("mine")).unwrap(), b"precious");
    assert_eq!(fs::read_dir(full.root()).unwrap().count(), 1);
}

#[test]
fn the_numbers_in_a_manifest_print_each_file() {
    let bench = Bench::new();
    bench.home.file("a", "text").file(b"raw \xff%41", "odd name").file("in/big", noise(5, 20 << 20)).file("empty", "");
    bench.home.file("in/b", noise(6, 513)).file("one", "1");
    bench.save();
    let first = assert_manifest_prints(&bench, 1);
    assert!(first >= 5, "all files but perhaps the empty one are in the first bundle, not {first}");
    bench.home.append("a", " more").file("in/new", noise(7, 70_000));
    bench.save();
    assert!(assert_manifest_prints(&bench, 2) >= 2);
}

/// How many files the manifest of this snapshot prints as they are in the source.
#[track_caller]
fn assert_manifest_prints(bench: &Bench, snapshot: usize) -> usize {
    let mut printed = 0;
    for bundle in bundles_of(bench.snap.archive(), snapshot) {
        for Stored { path, offset, size, hash } in manifest::stored_files(&bundle) {
            let line = "zstd -dc \"$1\" | tail -c \"+$2\" | head -c \"$3\"";
            let words = [(offset + 1).to_string(), size.to_string()];
            // zstd may complain that head has heard enough.
            let bytes = run(&mut shell(line, &[&bundle, &words[0], &words[1]])).expect_ok().stdout;
            let source = fs::read(Tree::at(bench.sources()).path(&path)).unwrap();
            assert!(bytes == source, "{} at {offset} of {}", path.escape_ascii(), bundle.display());
            assert_eq!(hash, blake3::hash(&bytes).to_hex().to_string(), "{}", path.escape_ascii());
            printed += 1;
        }
    }
    printed
}

#[test]
fn an_independent_reader_finds_its_way_by_the_seek_table() {
    let bench = Bench::new();
    bench.home.file("text", "a line\n".repeat(3_000_000)).file("noise", noise(8, 10 << 20)).file("small", "x");
    bench.save();
    for bundle in bundles(bench.snap.archive()) {
        let compressed = fs::read(&bundle).unwrap();
        let whole = run(&mut shell("zstd -dc \"$1\"", &[&bundle])).expect_silent().stdout;
        assert!(decoded(Decoder::new(BytesWrapper::new(&compressed)).unwrap()) == whole, "the whole, by its frames");

        let table = SeekTable::from_seekable(&mut BytesWrapper::new(&compressed)).unwrap();
        assert!(table.num_frames() > 3, "{} frames", table.num_frames());
        assert_eq!(table.size_decomp(), whole.len() as u64);
        for frame in 0..table.num_frames() {
            let size = table.frame_size_decomp(frame).unwrap();
            assert!(size > 0 && size <= 8 << 20, "frame {frame} holds {size} bytes");
        }
        for offset in [0, 1, 512, 4 << 20, whole.len() / 2, whole.len() - 1000] {
            let end = (offset + 1000).min(whole.len());
            let options = DecodeOptions::new(BytesWrapper::new(&compressed));
            let decoder = options.offset(offset as u64).offset_limit(end as u64).into_decoder().unwrap();
            assert!(decoded(decoder) == whole[offset..end], "at {offset}");
        }
    }
}

fn decoded(mut decoder: Decoder<'_, BytesWrapper<'_>>) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match decoder.decompress(&mut buffer).unwrap() {
            0 => return all,
            length => all.extend_from_slice(&buffer[..length]),
        }
    }
}

#[test]
fn a_large_snapshot_is_cut_into_parts_that_replay_exactly() {
    let bench = Bench::new();
    for number in 0..24 {
        bench.home.file(format!("{number:02}/f"), noise(number, 900_000)).file(format!("{number:02}/s"), "small");
    }
    bench.home.file("big", noise(99, 20 << 20)).hard_link("00/f", "zz");
    let save = || bench.snap.call("create").words("--max-part 5MiB").arg(bench.home.root()).ok();
    save();
    let first = bench.copy();
    let parts = bundles_of(bench.snap.archive(), 1);
    assert!(parts.len() > 3, "{} parts", parts.len());
    assert!(parts[0].to_string_lossy().ends_with(".0001.tar.zst"), "{}", parts[0].display());
    for number in 0..12 {
        bench.home.remove(format!("{number:02}/s")).file(format!("{number:02}/f"), noise(100 + number, 900_000));
    }
    bench.home.remove("23").file("23", "a file now").remove("big");
    save();
    assert!(bundles_of(bench.snap.archive(), 2).len() > 1);

    for part in &bundles(bench.snap.archive()) {
        check_bundle_with_stock_tools(part);
    }
    for (snapshot, copy) in [(1, first), (2, bench.copy())] {
        let out = bench.fresh();
        stock_replay(bench.snap.archive(), snapshot, &out);
        assert_same_below(&copy, &out, Level::Stock);
        assert_same_below(&copy, &bench.restored(snapshot), Level::Everything);
    }
}

#[test]
fn no_part_is_larger_than_it_may_be_but_for_a_single_larger_file() {
    let bench = Bench::new();
    for number in 0..20 {
        bench.home.file(format!("noise-{number:02}"), noise(number, 2 << 20));
    }
    let max = 12 << 20;
    bench.snap.call("create").words("--max-part").arg(max.to_string()).arg(bench.home.root()).ok();
    let sizes =
        || -> Vec<u64> { bundles(bench.snap.archive()).iter().map(|part| part.metadata().unwrap().len()).collect() };
    assert!(sizes().len() >= 4 && sizes().iter().all(|size| *size <= max), "{:?}", sizes());
    bench.home.file("zz-large", noise(99, 40 << 20)).file("zzz-after", noise(98, 4 << 20));
    bench.snap.call("create").words("--max-part").arg(max.to_string()).ok();
    let large: Vec<u64> = sizes().into_iter().filter(|size| *size > max).collect();
    assert!(large.len() == 1 && large[0] < 41 << 20, "{:?}", sizes());
    bench.assert_restores();
}

#[test]
fn a_directory_with_something_deleted_may_hold_more_changes_than_fit_a_part() {
    let bench = Bench::new();
    let fill = |seed: u64| {
        for number in 0..8 {
            bench.home.file(format!("d/{number}"), noise(seed + number, 900_000));
        }
    };
    fill(0);
    bench.home.file("d/zz", "deleted soon").hard_link("d/7", "d/linked");
    bench.snap.call("create").arg(bench.home.root()).ok();
    fill(100);
    bench.home.remove("d/zz").hard_link("d/0", "d/8");
    bench.snap.call("create").words("--max-part 1MiB").arg(bench.home.root()).ok();
    let parts = bundles_of(bench.snap.archive(), 2);
    assert!(parts.len() > 2, "{} parts", parts.len());
    let out = bench.fresh();
    stock_replay(bench.snap.archive(), 2, &out);
    assert_same_below(&bench.copy(), &out, Level::Stock);
    bench.assert_restores();
}
