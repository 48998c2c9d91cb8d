//! Forged archives that would take all memory or time: lengths that lie, counts without end, bombs.

use crate::hostile::Scene;
use crate::hostile::compare_part;
use crate::hostile::home;
use crate::hostile::one_file;
use crate::hostile::restore_part;
use crate::hostile::with_index;
use crate::support::forge::Reel;
use crate::support::forge::bundle_name;
use crate::support::forge::counted;
use crate::support::forge::dir;
use crate::support::forge::file;
use crate::support::forge::head;
use crate::support::forge::index_file;
use crate::support::forge::index_file_of;
use crate::support::forge::index_of;
use crate::support::forge::lines;
use crate::support::forge::member;
use crate::support::forge::symlink;
use crate::support::forge::varint;
use crate::support::forge::with;
use serde_json::Value;
use serde_json::json;
use std::fs;

const MIB: usize = 1 << 20;

/// The most that a frame may hold.
const BOMB: usize = 32 * MIB;

#[test]
fn index_blocks_with_forged_lengths_are_not_believed_and_cost_no_memory() {
    let good: [(&[u8], &[u8]); 1] = [(b"", b"home")];
    let (compare, restore) = (compare_part(&good), restore_part(1, &[]));
    // More groups than any file has, of two bytes each; a length of 2^60; nothing but ones; endless zeros.
    let many_groups = [varint(16_000_000), vec![0; BOMB - 9]].concat();
    let endless = [varint(1 << 60), vec![0; 100]].concat();
    let many_names =
        [vec![0], counted(&vec![b'a'; 16 * MIB]), varint(16_000_000 - 99), vec![1; BOMB - 17 * MIB]].concat();
    for part in [many_groups, endless, many_names, vec![1; BOMB], vec![0; BOMB], vec![255; 50]] {
        with_index(|bundle| index_file(bundle, &part, &restore, 1));
        with_index(|_| index_of(&[], &part));
    }
    let many_owners = [varint(16_000_000), vec![0; BOMB - 9]].concat();
    for part in [many_owners, restore_part(1, &[(5, u64::MAX)]), restore_part(1, &[(0, 9), (3, 1)]), vec![0; BOMB]] {
        with_index(|bundle| index_file(bundle, &compare, &part, u64::MAX));
    }
}

#[test]
fn a_long_chain_of_large_index_blocks_is_not_believed_and_costs_no_memory() {
    const NUMBER: u32 = 30;
    let (tar, line) = one_file("home/good", b"good");
    let scene = Scene::new();
    let values = [with(head(), json!({"snapshot": NUMBER})), dir("home"), line];
    let bundle = scene.forge.bundle(NUMBER, &Reel::default().frame(&tar).manifest(&lines(&values)));
    let directory = vec![b'd'; 24 * MIB];
    let compare = compare_part(&[(directory.as_slice(), b"name".as_slice())]);
    for number in 1..=NUMBER {
        let bundle = Some(bundle.as_path()).filter(|_| number == NUMBER);
        let bytes = index_file_of(bundle, (number, number - 1), &compare, &restore_part(1, &[]), 1);
        scene.forge.index(&format!("{number:06}.{}", if number == 1 { "full" } else { "delta" }), &bytes);
    }
    let said = scene.run_all();
    said.restore.expect_ok();
    assert_eq!(fs::read(scene.target().join("home/good")).unwrap(), b"good");
}

#[test]
fn names_targets_and_attributes_of_many_mebibytes_are_refused() {
    let long = "n".repeat(15 * MIB);
    let (tar, line) = one_file("home/good", b"good");
    let long_name = dir(&format!("home/{long}"));
    let attribute = with(line.clone(), json!({"xattrs": [["user.a", long]]}));
    for value in [long_name, symlink("home/l", &long), attribute] {
        let scene = Scene::of(&tar, &[dir("home")]);
        let manifest = lines(&[head(), dir("home"), value]);
        scene.forge.bundle(1, &Reel::default().frame(&tar).manifest(&manifest));
        scene.run_all().assert_refused();
    }
}

#[test]
fn many_names_of_tens_of_kibibytes_take_little_memory() {
    let (tar, line) = one_file("home/good", b"good");
    let part = "n".repeat(200);
    let long = format!("home/{}", vec![part.as_str(); 300].join("/"));
    let mut values = vec![head(), dir("home"), line];
    values.extend((1..300).map(|depth| dir(&format!("home/{}", vec![part.as_str(); depth].join("/")))));
    values.extend((0..200).map(|number| symlink(&format!("{long}/{number:03}"), &"t".repeat(60_000))));
    let texts = lines(&values).into_iter().map(|line| line + "\n").collect::<Vec<_>>();
    let pieces: Vec<(&[u8], usize)> = texts.iter().map(|text| (text.as_bytes(), 1)).collect();
    let scene = Scene::new();
    let reel = Reel::default().frame(&tar).manifest_of(&pieces, json!({"changes": values.len() - 1}));
    scene.forge.bundle(1, &reel);
    let said = scene.run_all();
    said.restore.expect(3);
    assert_eq!(fs::read(scene.target().join("home/good")).unwrap(), b"good");
}

/// A scene whose only bundle lists the folder `home/d` and so many entries in it, each a line made of its path.
fn scene_of_many(count: usize, line: impl Fn(&str) -> String) -> Scene {
    const LINES: usize = 1 << 17;
    let first = format!("{}\n{}\n{}\n", head(), dir("home"), dir("home/d"));
    let text =
        |start: usize| (start..count.min(start + LINES)).map(|n| line(&format!("home/d/{n:08}")) + "\n").collect();
    let texts: Vec<String> = std::iter::once(first).chain((0..count).step_by(LINES).map(text)).collect();
    let pieces: Vec<(&[u8], usize)> = texts.iter().map(|text| (text.as_bytes(), 1)).collect();
    let scene = Scene::new();
    let tar = [home(), member(b"home/d/", b'5', 0, b"", b"")].concat();
    scene.forge.bundle(1, &Reel::default().frame(&tar).manifest_of(&pieces, json!({"changes": count + 2})));
    scene
}

fn line_of(kind: &str) -> impl Fn(&str) -> String {
    let rest = format!("\"type\":\"{kind}\",\"mode\":\"0600\",\"mtime\":\"1\",\"ctime\":\"1\"}}");
    move |path| format!("{{\"path\":\"{path}\",{rest}")
}

/// How many lines of `text` name something in `home/d`.
fn named_in_d(text: &str) -> usize {
    text.lines().filter(|line| line.contains("home/d/0")).count()
}

#[test]
fn a_folder_of_millions_of_entries_takes_little_memory() {
    const COUNT: usize = 2_000_000;
    let scene = scene_of_many(COUNT, line_of("fifo"));
    // What is there is not in the snapshot.
    let target = scene.target();
    fs::create_dir_all(target.join("home/d/other")).unwrap();
    assert_eq!(named_in_d(&scene.run("ls home/d", &[]).expect_ok().out()), COUNT);
    let told = scene.run("restore --overwrite --delete --dry-run -y --to", &[&target]).expect_ok().out();
    assert_eq!(named_in_d(&told), COUNT);
    assert!(told.contains("- home/d/other"));
}

#[test]
fn a_folder_of_a_million_entries_is_exported_and_mended_in_little_memory() {
    const COUNT: usize = 1_000_000;
    let scene = scene_of_many(COUNT, line_of("fifo"));
    scene.run("export", &[]).expect_ok();
    // The bundle is written anew, with a member for each line.
    scene.run("repair", &[]).expect_ok();
}

#[test]
fn a_folder_of_a_million_folders_takes_little_memory() {
    const COUNT: usize = 1_000_000;
    let scene = scene_of_many(COUNT, line_of("dir"));
    let target = scene.target();
    let told = scene.run("restore --overwrite --delete --dry-run -y --to", &[&target]).expect_ok().out();
    assert_eq!(named_in_d(&told), COUNT);
    scene.run("export", &[]).expect_ok();
    let said = scene.run("verify --data", &[]);
    said.expect(3).expect_said(&["entries that the manifest lists are not in the tar"]).expect_said(&[&bundle_name(1)]);
    scene.run("repair", &[]).expect_ok();
}

#[test]
fn counts_that_claim_a_billion_lines_are_refused() {
    let (tar, line) = one_file("home/good", b"good");
    let reel = Reel::default().frame(&tar);
    let manifest = lines(&[head(), dir("home"), line]).join("\n") + "\n";
    for tail in [
        json!({"changes": 1_000_000_000}),
        json!({"changes": u64::MAX}),
        json!({"changes": 1}),
        json!({"changes": 2, "manifest_offset": u64::MAX}),
        json!({"changes": 2, "manifest_offset": 0}),
        json!({"changes": 2, "part": 7}),
        json!({"changes": 2, "problems": vec![""; 1001]}),
    ] {
        let scene = Scene::new();
        scene.forge.bundle(1, &reel.clone().manifest_of(&[(manifest.as_bytes(), 1)], tail));
        scene.run_all().assert_refused();
    }
}

#[test]
fn manifest_lines_that_never_end_or_hold_millions_of_things_are_refused() {
    let head_line = |value: Value| format!("{value}\n");
    let sound = head_line(head());
    let begun = "{\"path\":\"";
    let (xs, zeros) = (vec![b'x'; BOMB], vec![0; BOMB]);
    // A line of a gibibyte, as the first one and later, of text and of zeros.
    for (first, piece) in [(sound.as_str(), &xs), ("{\"format\":1,\"tool\":\"", &xs), (&sound, &zeros)] {
        let first = format!("{first}{begun}");
        let scene = Scene::new();
        scene
            .forge
            .bundle(1, &Reel::default().manifest_of(&[(first.as_bytes(), 1), (piece, 32)], json!({"changes": 1})));
        scene.run_all().assert_refused();
    }
    // As long as a line may be, and full of tiny things.
    let many = |item: &str, bytes: usize| vec![item; bytes / (item.len() + 1)].join(",");
    let fifo = |more: String| {
        format!("{{\"path\":\"home\",\"type\":\"fifo\",\"mode\":\"0\",\"mtime\":\"1\",\"ctime\":\"1\",{more}}}\n")
    };
    let almost = 16 * MIB - 1000;
    for line in [
        fifo(format!("\"xattrs\":[{}]", many("[\"\",\"\"]", almost))),
        fifo(format!("\"holes\":[{}]", many("[0,0]", almost))),
        fifo(format!("\"unknown\":{}", "[".repeat(almost))),
        fifo(format!("\"unknown\":{}", "{\"a\":".repeat(almost / 5))),
    ] {
        let scene = Scene::new();
        let text = format!("{sound}{line}");
        scene.forge.bundle(1, &Reel::default().manifest_of(&[(text.as_bytes(), 1)], json!({"changes": 1})));
        scene.run_all().assert_refused();
    }
    let source = |rules: String| {
        format!("{{\"name\":\"a\",\"path\":\"\",\"scanned\":true,\"rules\":{{\"exclude\":[{rules}]}}}}")
    };
    let sources = serde_json::to_string(&head())
        .unwrap()
        .replace("\"sources\":[", &format!("\"sources\":[{},", source(many("\"\"", almost))));
    let tail = format!("{{\"complete\":true,\"problems\":[{}]}}\n", many("\"\"", BOMB - 9999));
    for text in [format!("{sources}\n"), format!("{sound}{tail}")] {
        let scene = Scene::new();
        scene.forge.bundle(1, &Reel::default().manifest_of(&[(text.as_bytes(), 1)], json!({})));
        scene.run_all().assert_refused();
    }
}

#[test]
fn a_last_line_of_millions_of_problems_is_refused() {
    let problems = vec![""; (BOMB - 9999) / 3];
    let reel = Reel::default().manifest_of(&[(format!("{}\n", head()).as_bytes(), 1)], json!({"problems": problems}));
    let scene = Scene::new();
    scene.forge.bundle(1, &reel);
    scene.run_all().assert_refused();
}

#[test]
fn frames_that_grow_a_thousand_fold_take_little_memory() {
    let (tar, line) = one_file("home/good", b"good");
    let bomb = vec![b'b'; BOMB];
    let reel = Reel::default().frame(&tar).frames(&bomb, 12).frames(&vec![0; BOMB], 4);
    let begin = tar.len() as u64;
    // Each small file stands in a frame of its own, and those that follow in the tree stand elsewhere in the tar.
    let small = |number: u64| file(&format!("home/{number:02}"), b"b", begin + (number * 7 % 12) * BOMB as u64 + 5);
    let mut values = vec![head(), dir("home")];
    values.extend((0..24).map(small));
    // A large one over all frames, with another hash than its content has.
    values.push(with(file("home/all", b"", begin), json!({"size": 16 * BOMB as u64})));
    values.push(line);
    let scene = Scene::new();
    let bundle = scene.forge.bundle(1, &reel.manifest(&lines(&values)));
    assert!(fs::metadata(bundle).unwrap().len() < 1 << 18);
    let said = scene.run_all();
    said.restore.expect(3).expect_said(&["home/all"]);
    assert_eq!(fs::read(scene.target().join("home/23")).unwrap(), b"b");
    assert!(!scene.target().join("home/all").exists());
    said.export.expect(3).expect_said(&["home/all"]);
    said.verify_data.expect(3).expect_said(&[&bundle_name(1)]);
}

#[test]
fn records_of_a_gibibyte_before_a_member_take_little_memory() {
    let (good, line) = one_file("home/good", b"good");
    for (key, flag) in [("comment", b'x'), ("path", b'x'), ("GNU.dumpdir", b'x'), ("", b'L'), ("", b'K')] {
        let size = 31 * BOMB as u64;
        let mut header = member(b"x", flag, size, b"", b"");
        header.extend(format!("{size} {key}=").as_bytes());
        let reel = Reel::default().frame(&good).frame(&header).frames(&vec![b'a'; BOMB], 32);
        let scene = Scene::new();
        scene.forge.bundle(1, &reel.manifest(&lines(&[head(), dir("home"), line.clone()])));
        let said = scene.run_all();
        said.restore.expect_ok();
        said.verify_data.expect(3).expect_said(&[&bundle_name(1)]);
    }
}

#[test]
fn a_thousand_directories_in_each_other_are_restored() {
    let mut values = vec![dir("home")];
    for depth in 1..1000 {
        values.push(dir(&format!("home{}", "/d".repeat(depth))));
    }
    let (tar, line) = one_file("home/good", b"good");
    values.push(with(line, json!({"path": format!("home{}/good", "/d".repeat(999))})));
    let said = Scene::of(&tar, &values).run_all();
    assert!(said.ls.expect_ok().out().contains("d/d/good"));
    said.restore.expect_ok();
    said.export.expect_ok();
    said.after.expect_ok();
}
