//! What `snap erase` takes out of a history in which a content has more than one place: twins, copies, second names, versions that are
//! stored as changes, moved folders, names that are not text. All else comes back as it was, by every way.

use crate::support::bench::Bench;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::listing::Level;
use crate::support::listing::Listing;
use crate::support::listing::assert_equal;
use crate::support::listing::below;
use crate::support::replay::bundles;
use crate::support::replay::recover;
use crate::support::replay::stock_replay;
use crate::support::tree::noise;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

const MIB: usize = 1 << 20;

/// What is erased: all places at which the contents ever were. The last is a name and no pattern.
const ERASED: [&[u8]; 7] = [
    b"home/secret",
    b"home/hidden",
    b"home/kept/twin",
    b"home/elsewhere/second-name",
    b"home/copied/twin",
    b"home/\xff\xfe no text",
    b"home/sec*",
];

/// Contents that go.
struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    fn add(&mut self, seed: u64, length: usize) -> Vec<u8> {
        let content = noise(seed, length);
        self.0.push(content[length / 2..][..48].to_vec());
        content
    }
}

/// Six snapshots, and what the source was in each.
fn story() -> (Bench, Secrets, Vec<PathBuf>) {
    let (bench, mut secrets, mut copies) = (Bench::new(), Secrets(Vec::new()), Vec::new());
    let home = &bench.home;
    let twin = secrets.add(1, MIB + 5);
    let mut database = secrets.add(2, 2 * MIB);
    let mut other = noise(3, 2 * MIB);
    home.file("secret/twin", &twin).file("kept/twin", &twin).file("kept/other.db", &other);
    home.file("secret/data.db", &database).file("secret/small", secrets.add(4, 900)).file("kept/small", noise(5, 900));
    home.dir("elsewhere");
    home.file("secret/linked", secrets.add(6, 30_000)).hard_link("secret/linked", "elsewhere/second-name");
    home.file(b"\xff\xfe no text", secrets.add(7, 5000)).file("sec*", secrets.add(8, 700)).file("sec-stays", "stays");
    home.file("secret/deep/er/and/er", secrets.add(9, 300)).symlink("secret/link", "small").symlink("to", "sec-stays");
    let mut save = || {
        bench.snap.call("create").words("--patch-from 64K").arg(bench.home.root()).ok();
        copies.push(bench.copy());
    };
    save();
    database.extend(secrets.add(10, 70_000));
    other.extend(noise(11, 60_000));
    home.file("secret/data.db", &database).file("kept/other.db", &other).mode("secret/small", 0o600);
    home.file("copied/twin", &twin).mode("secret/twin", 0o640).mtime(b"\xff\xfe no text", 1_500_000_000, 5);
    save();
    home.rename("secret", "hidden").rename("kept/small", "kept/moved").file("new", noise(12, 4000));
    database[MIB..MIB + 5000].copy_from_slice(&secrets.add(13, 5000));
    home.file("hidden/data.db", &database).remove("hidden/deep").file("hidden/deep", "a file now");
    save();
    other[10..5000].copy_from_slice(&noise(14, 4990));
    home.file("kept/other.db", &other).mode("hidden/data.db", 0o600).remove("hidden/small").dir("hidden/small");
    save();
    home.remove("kept/twin").remove("elsewhere/second-name").file("hidden/small/in", secrets.add(15, 4000));
    database.drain(..MIB / 2);
    home.file("hidden/data.db", &database);
    save();
    home.remove("hidden").file("last", "one").append("kept/other.db", noise(16, 3000));
    save();
    (bench, secrets, copies)
}

fn is_erased(path: &[u8]) -> bool {
    ERASED.iter().any(|erased| path.strip_prefix(*erased).is_some_and(|rest| rest.is_empty() || rest[0] == b'/'))
}

fn erase(bench: &Bench, words: &str) -> crate::support::command::Outcome {
    let paths = ERASED.map(OsStr::from_bytes);
    bench.snap.call("erase").words(words).args(&paths).ok()
}

/// The lists of changes, tables and contents of all bundles, and the data of patches as far as it can be had without what they
/// are made from.
fn everything(bench: &Bench) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for bundle in bundles(bench.snap.archive()) {
        found.push(run(program("zstd").arg("-dc").arg(&bundle)).expect_ok().stdout);
        let patches =
            "tar --zstd -xOf \"$1\" --wildcards '.snap-apply/*.patch' 2>/dev/null | zstd -dcq 2>/dev/null; true";
        found.push(run(&mut shell(patches, &[&bundle])).stdout);
    }
    found
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[track_caller]
fn assert_nowhere(bench: &Bench, secrets: &Secrets) {
    let everything = everything(bench);
    for (number, secret) in secrets.0.iter().enumerate() {
        assert!(!everything.iter().any(|bytes| has(bytes, secret)), "content {number} is still there");
    }
    for path in [&b"home/secret/data.db"[..], b"home/hidden/data.db"] {
        let key = &blake3::hash(path).to_hex()[..32];
        assert!(!everything.iter().any(|bytes| has(bytes, key.as_bytes())), "a patch of it is still there");
    }
}

/// A snapshot by every way: by snap, by stock tools bundle after bundle, by recover.sh.
fn by_every_way(bench: &Bench, number: usize) -> [(Listing, Level); 3] {
    let (restored, replayed, recovered) = (bench.fresh(), bench.fresh(), bench.fresh());
    let at = number.to_string();
    let outcome = bench.snap.call("restore").words("--at").arg(&at).words("--to").arg(&restored).run();
    assert!([0, 3].contains(&outcome.status), "{}", outcome.shown());
    stock_replay(bench.snap.archive(), number, &replayed);
    let outcome = recover(bench.snap.archive(), &bench.path("tools"), &[at.as_ref(), recovered.as_os_str()]);
    assert!(outcome.status == 0, "{}", outcome.shown());
    [(below(&restored), Level::Everything), (below(&replayed), Level::Stock), (below(&recovered), Level::Tar)]
}

/// Without what is erased, files of it at least.
fn without(mut listing: Listing, names: bool) -> Listing {
    let is_file = |item: &crate::support::listing::Item| item.kind == rustix::fs::FileType::RegularFile;
    listing.retain(|path, item| !is_erased(path) || !(names || is_file(item)));
    listing
}

#[track_caller]
fn assert_all_else(bench: &Bench, copies: &[PathBuf], names: bool) {
    for (number, copy) in copies.iter().enumerate() {
        for (found, level) in by_every_way(bench, number + 1) {
            if names {
                assert!(!found.keys().any(|path| is_erased(path)), "{number}: a name is there");
            }
            let left = found.iter().filter(|(path, item)| is_erased(path) && item.size > 0 && item.target.is_none());
            assert_eq!(left.count(), 0, "{number}: a content is there");
            assert_equal(
                &without(below(copy), names),
                &without(found, names),
                level,
                &format!("snapshot {}", number + 1),
            );
        }
    }
    bench.snap.call("verify").words("--data").ok();
}

/// What the index says of each snapshot.
fn listed(bench: &Bench, copies: &[PathBuf]) -> Vec<String> {
    let list = |at: usize| bench.snap.call("ls").words("-R --json --at").arg(at.to_string()).ok().out();
    (1..=copies.len()).map(list).collect()
}

#[track_caller]
fn assert_index_can_be_made_again(bench: &Bench, copies: &[PathBuf]) {
    let before = listed(bench, copies);
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    assert_eq!(listed(bench, copies), before);
}

/// What is on the computer now is saved, and comes back.
#[track_caller]
fn assert_goes_on(bench: &Bench) {
    bench.home.append("kept/other.db", noise(17, 2000)).file("secret/data.db", noise(18, 80_000));
    bench.save();
    bench.assert_restores();
    let newest = bench.snap.history().last().unwrap()["number"].as_u64().unwrap().to_string();
    let out = bench.fresh();
    recover(bench.snap.archive(), &bench.path("tools"), &[newest.as_ref(), out.as_os_str()]).expect_ok();
    assert_equal(&below(&bench.sources()), &below(&out), Level::Tar, "by recover.sh");
}

fn tree_bytes(folder: &Path) -> u64 {
    bundles(folder).iter().map(|path| path.metadata().unwrap().len()).sum()
}

#[test]
fn a_content_with_twins_copies_second_names_and_changes_goes_from_everywhere() {
    let (bench, secrets, copies) = story();
    // Each of them has something that another needs.
    for path in ["home/secret", "home/kept/twin", "home/copied/twin", "home/elsewhere"] {
        let told = bench.snap.call("erase").words("--yes").arg(path).fails(1).err();
        assert!(told.contains("Name them, too"), "{path}: {told}");
    }
    let before = tree_bytes(bench.snap.archive());
    erase(&bench, "--yes");
    assert!(before - tree_bytes(bench.snap.archive()) > 3 * MIB as u64);
    assert_nowhere(&bench, &secrets);
    assert_all_else(&bench, &copies, false);
    assert_index_can_be_made_again(&bench, &copies);
    assert_goes_on(&bench);
}

#[test]
fn names_of_such_contents_go_with_them() {
    let (bench, secrets, copies) = story();
    erase(&bench, "--yes --names");
    assert_nowhere(&bench, &secrets);
    let everything = everything(&bench);
    for name in [&b"secret/"[..], b"hidden", b"second-name", b"kept/twin", b"no text", b"sec*"] {
        assert!(!everything.iter().any(|bytes| has(bytes, name)), "{}", name.escape_ascii());
    }
    assert_all_else(&bench, &copies, true);
    assert_index_can_be_made_again(&bench, &copies);
    assert_goes_on(&bench);
}

#[test]
fn what_was_thinned_out_can_be_erased_and_what_was_erased_thinned_out() {
    for erases_first in [false, true] {
        let (bench, secrets, copies) = story();
        if erases_first {
            erase(&bench, "--yes");
        }
        bench.snap.call("forget").words("1 2 4").ok();
        bench.snap.call("prune").words("--max-unused 0").ok();
        if !erases_first {
            erase(&bench, "--yes");
        }
        assert_nowhere(&bench, &secrets);
        for number in [3, 5, 6] {
            let copy = &copies[number - 1];
            for (found, level) in by_every_way(&bench, number) {
                assert_equal(
                    &without(below(copy), false),
                    &without(found, false),
                    level,
                    &format!("{erases_first}, {number}"),
                );
            }
        }
        bench.snap.call("verify").words("--data").ok();
        assert_goes_on(&bench);
    }
}
