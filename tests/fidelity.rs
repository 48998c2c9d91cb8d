//! What goes into an archive comes out of it again, in everything that a file system keeps of it. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::bench::give;
use crate::support::command::ORDINARY;
use crate::support::command::as_root;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::listing::Level;
use crate::support::listing::assert_equal;
use crate::support::listing::assert_same_below;
use crate::support::listing::below;
use crate::support::listing::item;
use crate::support::listing::listing;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use rustix::fs::FileType;
use std::fs;

#[test]
fn files_and_directories_come_back_empty_or_full() {
    let bench = Bench::new();
    bench.home.file("empty", "").file("one", "1").file("a/b/c/deep", "text").dir("nothing").dir("a/nothing either");
    bench.home.file("zeros", vec![0; 100_000]).mode("one", 0o400);
    // Only root can read a file of mode 000.
    if as_root() {
        bench.home.mode("empty", 0o000);
    }
    bench.assert_kept();
}

#[test]
fn an_empty_source_can_be_kept_and_comes_back() {
    let bench = Bench::new();
    bench.home.mode("", 0o750).mtime("", 1_000_000_000, 1);
    bench.snap.call("create").words("--allow-empty").arg(bench.home.root()).ok();
    bench.assert_restores();
}

#[test]
fn directories_that_forbid_reading_or_writing_come_back_with_what_they_hold() {
    let bench = Bench::new();
    bench.home.file("none/f", "1").file("read/f", "2").file("read/sub/f", "3").dir("empty none");
    for (name, mode) in [("none", 0o000), ("read/sub", 0o555), ("read", 0o555), ("empty none", 0o000)] {
        bench.home.mode(name, mode);
    }
    // Only root can look into a directory of mode 000.
    if as_root() {
        bench.assert_kept();
    }
    bench.home.mode("none", 0o755).remove("none").mode("empty none", 0o500);
    bench.assert_kept();
    for name in ["read", "read/sub"] {
        bench.home.mode(name, 0o755);
    }
}

#[test]
fn symbolic_links_come_back_wherever_they_point() {
    let bench = Bench::new();
    bench
        .home
        .file("f", "text")
        .dir("d")
        .symlink("file", "f")
        .symlink("directory", "d")
        .symlink("dangling", "no/where");
    bench.home.symlink("absolute", bench.path("outside").as_os_str().as_encoded_bytes());
    bench.home.symlink("up", "../../..").symlink("self", "self");
    bench.home.symlink("long", vec![b't'; 4095]).symlink("d/mid", vec![b'm'; 101]).symlink("hundred", vec![b'h'; 100]);
    bench.home.symlink("odd", b"\xff\n \\").mtime("dangling", 12_345, 678_901_234);
    bench.assert_kept();
}

#[test]
fn hard_links_come_back_within_and_across_directories() {
    let bench = Bench::new();
    bench.home.file("a", "first").hard_link("a", "b").file("d/x", "second").dir("e/f").hard_link("d/x", "e/f/y");
    bench.home.hard_link("d/x", "zz").file("single", "first").file("z/empty", "").hard_link("z/empty", "0");
    bench.home.fifo("pipe").hard_link("pipe", "e/pipe").symlink("link", "a").hard_link("link", "e/link");
    bench.assert_kept();

    bench.home.hard_link("a", "d/third").remove("b").append("d/x", " and more").remove("e/link");
    bench.assert_kept();
}

#[test]
fn hard_links_come_back_across_two_sources() {
    let bench = Bench::new();
    let work = Tree::at(bench.sources().join("work"));
    bench.home.file("a", "shared").file("only", "here");
    fs::hard_link(bench.home.path("a"), work.path("b")).unwrap();
    bench.snap.create(&[bench.home.root(), work.root()]);
    bench.assert_restores();
}

#[test]
fn fifos_and_devices_come_back() {
    let bench = Bench::new();
    bench.home.fifo("pipe").mode("pipe", 0o604).mtime("pipe", 1_111_111_111, 111);
    if as_root() {
        bench.home.node("null", FileType::CharacterDevice, 1, 3).node("loop", FileType::BlockDevice, 7, 300);
        bench.home.node("big", FileType::CharacterDevice, 0xfff, 0xf_ffff).owner("null", 5, 6);
    }
    bench.assert_kept();
}

#[test]
fn sockets_are_left_out_and_said_once() {
    let bench = Bench::new();
    bench.home.file("f", "text").socket("s1").socket("s2").socket("d-not-there-yet");
    let outcome = bench.save();
    let lines = outcome.err().lines().filter(|line| line.to_lowercase().contains("socket")).count();
    assert_eq!(lines, 1, "{}", outcome.shown());

    let mut expected = below(&bench.sources());
    expected.retain(|_, item| item.kind != FileType::Socket);
    assert_equal(&expected, &below(&bench.restored(0)), Level::Everything, "without sockets");
}

#[test]
fn special_permission_bits_come_back() {
    let bench = Bench::new();
    bench.home.file("suid", "").file("sgid", "").file("all", "").dir("sticky").dir("group").dir("set");
    for (name, mode) in
        [("suid", 0o4755), ("sgid", 0o2711), ("all", 0o7777), ("sticky", 0o1777), ("group", 0o2775), ("set", 0o6500)]
    {
        bench.home.mode(name, mode);
    }
    bench.assert_kept();
}

#[test]
fn owners_without_a_name_come_back_by_number() {
    if !as_root() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("a", "").file("d/b", "").symlink("l", "a").fifo("p").file("suid", "");
    bench.home.owner("a", 4_000_000_000, 4_000_000_001).owner("d", 1234, 2_097_152).owner("d/b", 2_097_151, 0);
    bench.home.owner("l", 77_777, 88_888).owner("p", 99_999, 1).owner("", 3_999_999_999, 5);
    bench.home.owner("suid", 4_294_967_294, 1).mode("suid", 0o6755);
    bench.assert_kept();
}

#[test]
fn times_come_back_to_the_nanosecond_from_before_1970_and_after_2106() {
    let bench = Bench::new();
    let times = [
        ("zero", 0, 0),
        ("nano", 1_700_000_000, 1),
        ("almost", 1_700_000_000, 999_999_999),
        ("old", -1_000_000_000, 123_456_789),
        ("just before", -1, 999_999_999),
        ("oldest", -2_147_483_648, 0),
        ("2038", 2_147_483_648, 5),
        ("2107", 4_323_456_789, 987_654_321),
        ("2400", 13_569_465_600, 42),
    ];
    for (name, seconds, nanoseconds) in times {
        let [directory, link] = [format!("{name}.d"), format!("{name}.l")];
        bench.home.file(name, name).dir(&directory).symlink(&link, name);
        for name in [name.as_bytes(), directory.as_bytes(), link.as_bytes()] {
            bench.home.mtime(name, seconds, nanoseconds);
        }
    }
    bench.home.mtime("", 1, 2);
    bench.assert_kept();
}

#[test]
fn times_of_directories_come_back_though_things_are_made_in_them() {
    let bench = Bench::new();
    bench.home.file("a/b/c/f", "1").file("a/x", "2").dir("a/empty").symlink("a/b/l", "c").hard_link("a/x", "a/b/c/x");
    for (number, name) in ["a/b/c", "a/b", "a/empty", "a", ""].into_iter().enumerate() {
        bench.home.mtime(name, 1_000_000_000 + number as i64, 7 * number as i64);
    }
    bench.assert_kept();
    // Only a directory's own time is another one now.
    bench.home.mtime("a/b", 1_234_567_890, 1);
    bench.assert_kept();
}

#[test]
fn extended_attributes_come_back_byte_for_byte() {
    let bench = Bench::new();
    bench.home.file("f", "text").dir("d").symlink("l", "f").fifo("p");
    bench.home.xattr("f", "user.text", "plain").xattr("f", "user.empty", "").xattr("d", "user.on a directory", "x");
    bench.home.xattr("f", "user.binary", b"\0\n\xff=\n9 linkpath=/etc/passwd\n").xattr("f", "user.a=b", "equals");
    bench.home.xattr("d", b"user.\xff\xfe", "odd name");
    bench.home.xattr("", "user.top", noise(3, 2000));
    if as_root() {
        bench.home.xattr("l", "trusted.link", "on the link").xattr("p", "trusted.fifo", b"\0");
    }
    bench.assert_kept();
    bench.home.xattr("f", "user.text", "other");
    rustix::fs::removexattr(bench.home.path("f"), "user.a=b").unwrap();
    bench.assert_kept();
}

#[test]
fn access_control_lists_come_back() {
    if !installed("setfacl") {
        return;
    }
    let bench = Bench::new();
    bench.home.file("f", "").file("d/inherits not", "").dir("d/sub");
    for (rule, name) in [("u:1234:rw,g:4321:r,m::rwx", "f"), ("d:u:1234:rwx,d:o::-,u:99:x", "d"), ("d:g:7:r", "d/sub")]
    {
        run(program("setfacl").args(["-m", rule]).arg(bench.home.path(name))).expect_silent();
    }
    let acls = |name: &str| item(bench.home.root(), name).xattrs.len();
    assert_eq!((acls("f"), acls("d")), (1, 2), "the source has its lists");
    bench.assert_kept();
}

#[test]
fn file_capabilities_come_back() {
    if !as_root() || !installed("setcap") {
        return;
    }
    let bench = Bench::new();
    bench.home.file("ping", "program").mode("ping", 0o755).owner("ping", 1000, 1000);
    run(program("setcap").arg("cap_net_raw,cap_net_admin+ep").arg(bench.home.path("ping"))).expect_silent();
    assert!(item(bench.home.root(), "ping").xattrs.contains_key(b"security.capability".as_slice()));
    bench.assert_kept();
}

#[test]
fn holes_come_back_as_holes() {
    let bench = Bench::new();
    let megabyte = 1 << 20;
    bench.home.sparse("all hole", 50 * megabyte, &[]).sparse("odd end", 9 * megabyte + 17, &[(0, b"start")]);
    bench.home.sparse("start", 30 * megabyte, &[(20 * megabyte, &noise(1, 100_000))]).sparse("tiny hole", 4097, &[]);
    bench.home.sparse("middle", 40 * megabyte, &[(0, &noise(2, 70_000)), (40 * megabyte - 5, b"final")]);
    let many: Vec<(u64, &[u8])> = (0..500).map(|number| (number * 65_536, b"island".as_slice())).collect();
    bench.home.sparse("many", 500 * 65_536 + 1, &many);
    bench.assert_kept();

    let (before, after) = (listing(bench.home.root()), listing(&bench.restored(0).join("home")));
    for (path, item) in before.iter().filter(|(_, item)| item.kind == FileType::RegularFile) {
        let found = after[path].allocated;
        let enough = item.allocated + item.allocated / 4 + 65_536;
        assert!(found <= enough, "{}: {} bytes on disk became {found}", path.escape_ascii(), item.allocated);
    }
}

#[test]
fn a_file_that_turns_sparse_or_full_comes_back_as_it_was() {
    let bench = Bench::new();
    let size = 12 << 20;
    bench.home.file("f", vec![0; size]).sparse("g", size as u64, &[(5 << 20, b"data")]);
    bench.save();
    let first = bench.copy();
    bench.home.remove("f").sparse("f", size as u64, &[]).file("g", noise(9, size));
    bench.assert_kept();
    assert_same_below(&first, &bench.restored(1), Level::Everything);
}

#[test]
fn odd_names_come_back() {
    let bench = Bench::new();
    let long = [b'n'; 255];
    for name in [
        &long[..],
        b"new\nline",
        b"\xff\xfe not utf-8",
        b"-rf",
        b"--help",
        b"ends in blanks  ",
        b" begins with one",
        b"ends in a dot.",
        b"tab\t",
        b"100%",
        b"%FF",
        b"back\\slash",
        b"\\n",
        b"'single' \"double\"",
        b"$(echo x)`y`",
        b"*?[a]",
        b"a:b",
        b"~",
        b"#",
        b".snap-manifest.jsonl",
        b".snapshots",
        b"\x01\x1b[31m",
        b"\x7f",
        "uml\u{e4}ut".as_bytes(),
        "umla\u{308}ut".as_bytes(),
        "\u{202e}rtl".as_bytes(),
        "\u{1f4be}".as_bytes(),
    ] {
        let inside = [b"in/", name, b"/", name].concat();
        bench.home.file(name, name).file(inside, "inside");
    }
    bench.home.symlink(b"link to \xff", b"\xff\xfe not utf-8").hard_link("-rf", b"second \xff").dir(b"dir \xff\xff");
    bench.home.file([b"long \xff ".as_slice(), &[b'x'; 200]].concat(), "").file("deep/.snap-manifest.jsonl", "mine");
    bench.assert_kept();
    bench.home.remove(b"new\nline").append(b"\xff\xfe not utf-8", "more").remove("in").file("in", "no directory");
    bench.assert_kept();
}

#[test]
fn names_that_a_plain_sort_puts_in_the_wrong_place_come_back() {
    let bench = Bench::new();
    for name in ["a/b", "a.b", "a-b", "a b", "a\x01b", "ab", "a0", "a/b.c/d", "a/b-c", "A/b", "a/b.c.d"] {
        bench.home.file(format!("{name}/x"), name).file(format!("{name}.x"), name);
    }
    bench.assert_kept();
    bench.home.remove("a-b").file("a.b/y", "new").remove("a/b.c").append("a b/x", "+").file("a/b-c/z", "new");
    bench.assert_kept();
    bench.home.remove("a").file("a", "a file now");
    bench.assert_kept();
}

#[test]
fn paths_longer_than_the_system_takes_at_once_come_back() {
    let bench = Bench::new();
    let long: Vec<Vec<u8>> = (b'a'..b'a' + 24).map(|letter| vec![letter; 240]).collect();
    let mut odd = vec![vec![b'o'; 200]; 30];
    odd[29] = b"not utf-8 \xff".to_vec();
    bench.home.deep_file(&long, b"leaf", b"deep").deep_file(&odd, b"\xfe", b"deeper").file("flat", "x");
    bench.assert_kept();
}

#[test]
fn files_of_sizes_around_blocks_and_frames_come_back() {
    let bench = Bench::new();
    let mega = 1 << 20;
    let sizes = [0, 1, 511, 512, 513, 1023, 1024, 65_536, 4 * mega - 1, 4 * mega, 4 * mega + 1, 8 * mega - 512];
    for size in sizes.into_iter().chain([8 * mega - 1, 8 * mega, 8 * mega + 1, 20 * mega]) {
        bench.home.file(format!("{size:08}"), noise(size as u64, size));
    }
    bench.assert_kept();
}

#[test]
fn what_becomes_another_type_comes_back_as_each_of_them() {
    let bench = Bench::new();
    let turns: [fn(&Tree) -> &Tree; 8] = [
        |home| home.file("x", "a file").file("beside", "stays"),
        |home| home.remove("x").file("x/y/z", "in a directory"),
        |home| home.remove("x").symlink("x", "beside"),
        |home| home.remove("x").fifo("x"),
        |home| home.remove("x").file("x", "a file again"),
        |home| home.remove("x").symlink("x", "nowhere"),
        |home| home.remove("x").dir("x/y"),
        |home| home.remove("x").hard_link("beside", "x"),
    ];
    let mut copies = Vec::new();
    for turn in turns {
        turn(&bench.home);
        bench.save();
        copies.push(bench.copy());
    }
    for (number, copy) in copies.iter().enumerate() {
        assert_same_below(copy, &bench.restored(number + 1), Level::Everything);
    }
}

#[test]
fn an_ordinary_user_restores_all_but_the_owners_and_is_told_once() {
    if !as_root() {
        return;
    }
    let bench = Bench::new();
    for number in 0..20 {
        let name = format!("d/{number}");
        bench.home.file(&name, &name).owner(&name, 1000 + number, 2000 + number).mtime(&name, 1_000_000_000, 5);
    }
    bench.home.mode("d", 0o555).symlink("l", "d").owner("l", 7, 7).dir("e").mode("e", 0o500);
    bench.save();
    bench.give_to_user();

    let out = bench.path("user-out");
    fs::create_dir(&out).unwrap();
    give(&out);
    let Some(call) = bench.user_call("restore") else { return };
    let outcome = call.words("--to").arg(&out).ok();
    let about_owners = outcome.err().lines().filter(|line| line.to_lowercase().contains("owner")).count();
    assert_eq!(about_owners, 1, "one line for all owners: {}", outcome.shown());
    // Everything was given to the user after it was saved, so even the owners are those that a user's restore gives.
    assert_same_below(&bench.sources(), &out, Level::Everything);
    assert_eq!(item(&out, "home/d/7").uid, ORDINARY);
}

#[test]
fn no_owner_leaves_everything_to_who_restores() {
    if !as_root() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("f", "text").owner("f", 1234, 1234).dir("d").owner("d", 5, 5);
    bench.save();
    let out = bench.fresh();
    let outcome = bench.snap.call("restore").words("--no-owner --to").arg(&out).ok();
    let found = listing(&out);
    assert!(found.values().all(|item| item.uid == 0 && item.gid == 0), "{}", outcome.shown());
    assert_same_below(&bench.sources(), &out, Level::Tar);
}
