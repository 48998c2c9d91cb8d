//! What a bundle's script does for those who unpack with stock tools: metadata of files of which nothing else changed.

use crate::support::bench::Bench;
use crate::support::bench::recovered;
use crate::support::command::as_root;
use crate::support::command::as_user;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::forge;
use crate::support::forge::Forge;
use crate::support::forge::Reel;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::listing::below;
use crate::support::oracles::check_bundle_with_stock_tools;
use crate::support::replay::bundles_of;
use crate::support::replay::recover;
use crate::support::replay::remove_manifest;
use crate::support::snap::Snap;
use crate::support::tree::noise;
use snap_archive::format::apply;
use snap_archive::format::tar;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Names that a shell, a list or a reader of options might take for something else.
fn odd_names() -> Vec<Vec<u8>> {
    let names: [&[u8]; 12] = [
        b"new\nline",
        b"it's",
        b"\"quoted\"",
        b"-rf",
        b" blank ",
        b"\xff\xfe raw",
        b"$(touch oops)",
        b"`touch oops`",
        b"*",
        b"back\\slash",
        b".hidden",
        b"..dots",
    ];
    names.map(<[u8]>::to_vec).to_vec()
}

/// Fails the test unless two trees are the same to the second, owners too.
#[track_caller]
fn assert_same_with_owners(expected: &Path, found: &Path) {
    assert_same_below(expected, found, Level::Tar);
    let owners =
        |top: &Path| -> Vec<_> { below(top).into_iter().map(|(path, item)| (path, item.uid, item.gid)).collect() };
    assert!(owners(expected) == owners(found), "{}: owners", found.display());
}

/// A roll of dice that is the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn change(bench: &Bench, dice: &mut Dice) {
    let home = &bench.home;
    let folder = ["", "a/", "a/b/", "c d/"][dice.roll(4) as usize];
    let names = odd_names();
    let name = [folder.as_bytes(), &names[dice.roll(names.len() as u64) as usize]].concat();
    let is_there = home.path(&name).exists();
    match dice.roll(9) {
        0 if is_there => drop(home.remove(&name)),
        1 if home.path(&name).symlink_metadata().is_err() => drop(home.symlink(&name, "no/where")),
        2 | 3 if is_there => drop(home.mode(&name, [0o600, 0o444, 0o755, 0o4711, 0o2640][dice.roll(5) as usize])),
        4 | 5 if is_there => drop(home.mtime(&name, 1_000_000_000 + dice.roll(1000) as i64, dice.roll(1000) as i64)),
        6 if is_there && as_root() => drop(home.owner(&name, dice.roll(3) as u32 + 1, dice.roll(3) as u32 + 1)),
        7 if !folder.is_empty() && home.path(folder).exists() => {
            let folder = folder.trim_end_matches('/');
            home.mode(folder, [0o755, 0o700, 0o1777][dice.roll(3) as usize]).mtime(
                folder,
                dice.roll(1 << 30) as i64,
                5,
            );
        }
        _ if home.path(&name).is_symlink() => drop(home.mtime(&name, dice.roll(1 << 30) as i64, 7)),
        _ => drop(home.file(&name, noise(dice.roll(1 << 20), 10 + dice.roll(3000) as usize))),
    }
}

#[test]
fn random_changes_of_metadata_come_back_by_recover_sh_as_by_restore() {
    for seed in 0..4 {
        let (bench, mut dice) = (Bench::new(), Dice(seed));
        (0..30).for_each(|_| change(&bench, &mut dice));
        let mut copies = Vec::new();
        for snapshot in 1..=6 {
            bench.home.file("number", snapshot.to_string());
            (0..dice.roll(25)).for_each(|_| change(&bench, &mut dice));
            let parts = if dice.roll(3) == 0 { "--max-part 64K" } else { "" };
            bench.snap.call("create").words(parts).arg(bench.home.root()).ok();
            copies.push(bench.copy());
        }
        for (number, copy) in copies.iter().enumerate() {
            assert_same_below(copy, &bench.restored(number + 1), Level::Everything);
            assert_same_with_owners(copy, &recovered(&bench, number + 1));
        }
        bench.snap.call("verify").words("--data").ok();
    }
}

/// A file whose content stayed, in a folder that nobody may write to, and the metadata of both.
fn touched() -> Bench {
    let bench = Bench::new();
    for name in odd_names() {
        bench.home.file([b"x/y/", name.as_slice()].concat(), noise(1, 5000));
    }
    bench.home.file("same", "same").mode("x/y", 0o555).mtime("x/y", 7, 0);
    bench.save();
    for name in odd_names() {
        let path = [b"x/y/", name.as_slice()].concat();
        bench.home.mode(&path, 0o640).mtime(&path, 1_234_567_890, 987_654_321);
    }
    bench.save();
    bench
}

#[test]
fn a_change_of_metadata_alone_stores_no_data_and_its_bundle_is_one_for_every_reader() {
    let bench = touched();
    let bundle = bundles_of(bench.snap.archive(), 2).remove(0);
    let raw = run(&mut shell("zstd -dc \"$1\"", &[&bundle])).expect_silent().stdout;
    let content = noise(1, 5000);
    assert!(!raw.windows(content.len()).any(|window| window == content));
    check_bundle_with_stock_tools(&bundle);
    // Everything but directories is in the tars of the script: nanoseconds, too.
    let copy = recovered(&bench, 2);
    assert_same_with_owners(&bench.sources(), &copy);
    let nanoseconds = below(&copy).into_iter().filter(|(path, _)| path.starts_with(b"home/x/y/"));
    assert!(nanoseconds.map(|(_, item)| item.mtime).all(|mtime| mtime == (1_234_567_890, 987_654_321)));
}

#[test]
fn an_ordinary_user_gets_metadata_of_files_that_the_user_may_not_write_or_read() {
    let bench = touched();
    bench.home.mode("same", 0o000).mode("x/y/it's", 0o044);
    bench.save();
    let expected = bench.restored(3);
    bench.give_to_user();
    let out = bench.fresh();
    let line = "umask 077; sh \"$1\" 3 \"$2\"";
    let script = bench.snap.archive().join("recover.sh");
    let mut command = shell(line, &[&script, &out]);
    match as_user(&command) {
        Some(mut command) => run(&mut command),
        None => run(&mut command),
    }
    .expect_silent();
    assert_same_below(&expected, &out, Level::Tar);
}

#[test]
fn without_gnu_cp_it_is_said_what_stays_old_and_all_else_is_there() {
    if !installed("busybox") {
        return;
    }
    let bench = touched();
    let tools = bench.path("tools");
    drop(recovered(&bench, 1));
    fs::remove_file(tools.join("cp")).unwrap();
    let busybox = run(&mut shell("command -v busybox", &[])).expect_silent().out();
    fs::write(tools.join("cp"), format!("#!/bin/sh\nexec {} cp \"$@\"\n", busybox.trim())).unwrap();
    fs::set_permissions(tools.join("cp"), fs::Permissions::from_mode(0o755)).unwrap();
    let out = bench.fresh();
    recover(bench.snap.archive(), &tools, &[out.as_os_str()]).expect(1).expect_said(&["GNU cp"]);
    assert_same_below(&bench.sources(), &out, Level::Stock);
}

#[test]
fn a_file_that_tar_did_not_unpack_is_not_made_by_the_script() {
    let bench = touched();
    let out = bench.fresh();
    let [first, second] = [1, 2].map(|number| bundles_of(bench.snap.archive(), number).remove(0));
    fs::create_dir(&out).unwrap();
    for bundle in [&first, &second] {
        run(program("tar").args(["--zstd", "-g", "/dev/null", "-xf"]).arg(bundle).arg("-C").arg(&out)).expect_silent();
        let gone = out.join("home/x/y/it's");
        let _ = fs::remove_file(&gone);
        if out.join(".snap-apply.sh").exists() {
            run(program("sh").arg(out.join(".snap-apply.sh"))).expect_silent();
        }
        assert!(!gone.exists());
    }
    remove_manifest(&out);
    assert!(fs::metadata(out.join("home/x/y/-rf")).unwrap().permissions().mode() & 0o7777 == 0o640);
}

#[test]
fn what_an_older_bundle_left_for_the_script_goes_with_the_next_that_has_something_for_it() {
    let bench = touched();
    bench.home.mode("same", 0o600);
    bench.save();
    let out = bench.fresh();
    fs::create_dir_all(out.join(".snap-apply")).unwrap();
    fs::write(out.join(".snap-apply/metadata-000009.tar"), "left over").unwrap();
    let bundle = bundles_of(bench.snap.archive(), 3).remove(0);
    run(program("tar").args(["--zstd", "-g", "/dev/null", "-xf"]).arg(&bundle).arg("-C").arg(&out)).expect_silent();
    assert!(!out.join(".snap-apply/metadata-000009.tar").exists());
    assert!(out.join(".snap-apply/metadata-000001.tar").exists());
}

#[test]
fn damage_to_what_the_script_needs_is_found_and_repaired() {
    let bench = touched();
    let bundle = bundles_of(bench.snap.archive(), 2).remove(0);
    let whole = fs::read(&bundle).unwrap();
    // The first frame is the first tar with metadata, as nothing is stored.
    let mut bad = whole.clone();
    bad[40] ^= 0x55;
    fs::write(&bundle, &bad).unwrap();
    bench.snap.call("verify").words("--data").run().expect(3);
    bench.snap.call("repair").run();
    bench.snap.call("verify").words("--data").ok();
    assert_same_with_owners(&bench.sources(), &recovered(&bench, 2));
    bench.assert_restores();
}

/// An archive of one bundle with these members for its script.
fn forged(bench: &Bench, name: &str, members: &[(&str, Vec<u8>)]) -> Snap {
    let archive = bench.path(name);
    let mut raw = Vec::new();
    for (name, content) in members {
        tar::append_plain_file_header(&mut raw, name, content.len() as u64, 0);
        raw.extend_from_slice(content);
        tar::pad(&mut raw, content.len() as u64);
    }
    let lines = forge::lines(&[forge::head(), forge::with(forge::dir("home"), serde_json::json!({}))]);
    let mut home = Vec::new();
    home.extend(forge::member(b"home/", b'5', 0, b"", b""));
    Forge::new(&archive).bundle(1, &Reel::default().frame(&home).frame(&raw).manifest(&lines));
    Snap::new(archive)
}

#[test]
fn another_script_and_members_that_no_script_uses_are_found() {
    let bench = Bench::new();
    let script = apply::SCRIPT.as_bytes().to_vec();
    let other = apply::SCRIPT.replace("set -u", "set -x").into_bytes();
    for (number, (members, said)) in [
        (vec![(".snap-apply.sh", other)], "its script is not the one that belongs there"),
        (vec![(".snap-apply/other", Vec::new()), (".snap-apply.sh", script.clone())], "no script uses"),
        (vec![(".snap-apply/metadata-000001.tar", vec![7; 600]), (".snap-apply.sh", script)], "cannot be read"),
        (vec![(".snap-apply/metadata-000001.tar", vec![0; 1024])], "its script is missing"),
    ]
    .into_iter()
    .enumerate()
    {
        let snap = forged(&bench, &format!("forged-{number}"), &members);
        snap.call("verify").words("--data").run().expect(3).expect_said(&[said]);
    }
}

#[test]
fn a_name_that_became_a_file_of_its_own_takes_nothing_along() {
    let bench = Bench::new();
    let large = noise(2, 3 << 20);
    bench.home.file("a", noise(1, 5000)).hard_link("a", "b").hard_link("a", "c");
    bench.home.file("large", &large).hard_link("large", "other").mtime("a", 1_000_000_000, 0).mtime(
        "large",
        1_000_000_000,
        0,
    );
    bench.save();
    // The same contents, in files of their own, with other times and modes.
    bench.home.remove("b").file("b", noise(1, 5000)).mode("b", 0o600).mtime("b", 1_100_000_000, 0);
    bench.home.remove("other").file("other", &large).mode("other", 0o600).mtime("other", 1_100_000_000, 0);
    bench.save();
    assert_same_with_owners(&bench.sources(), &recovered(&bench, 2));
    bench.home.mode("c", 0o640).mtime("other", 1_200_000_000, 0);
    bench.save();
    assert_same_with_owners(&bench.sources(), &recovered(&bench, 3));
}
