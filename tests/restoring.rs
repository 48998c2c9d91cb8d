//! Restores over what is there: what is deleted and what never is, the folders on the way, and each source in its own place.
//! Knows the command line only.

use crate::support::bench::Bench;
use crate::support::bench::give;
use crate::support::command::Outcome;
use crate::support::command::as_root;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::mounted::Bound;
use crate::support::mounted::Mounted;
use crate::support::snap::Call;
use crate::support::snap::Snap;
use crate::support::tree::Tree;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The signature of a folder of caches.
const CACHE_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n";

/// What is below a folder, by path.
fn below(root: &Path) -> Vec<String> {
    let items = walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name();
    items.into_iter().map(|item| item.unwrap().path().strip_prefix(root).unwrap().display().to_string()).collect()
}

fn in_place(snap: &Snap) -> Call {
    snap.call("restore").words("--in-place --yes")
}

fn into(snap: &Snap, target: &Path) -> Call {
    snap.call("restore").words("--overwrite --yes --to").arg(target)
}

#[test]
fn delete_stays_inside_of_the_sources() {
    let bench = Bench::new();
    bench.home.file("f", "1").dir("empty");
    bench.save();
    let around = Tree::at(bench.sources());
    around.file("other/precious", "x").file("loose", "x");
    bench.home.file("extra", "x").file("empty/extra", "x");
    for call in [into(&bench.snap, around.root()), in_place(&bench.snap)] {
        bench.home.file("extra", "x").file("empty/extra", "x");
        call.words("--delete").ok();
        assert_eq!(below(around.root()), ["home", "home/empty", "home/f", "loose", "other", "other/precious"]);
    }
    // With a path, not beside that.
    bench.home.file("d/f", "x");
    bench.save();
    bench.home.file("d/extra", "x").file("extra", "x");
    into(&bench.snap, around.root()).words("--delete home/d").ok();
    assert!(bench.home.path("extra").exists() && !bench.home.path("d/extra").exists());
    bench.home.file("d/extra", "x");
    into(&bench.snap, around.root()).words("--delete home/d/f").ok();
    assert!(bench.home.path("d/extra").exists());
}

#[test]
fn delete_leaves_what_rules_left_out_unless_told_otherwise() {
    let bench = Bench::new();
    bench.home.file("f", "1").file("film.iso", "x").file("d/.snapignore", "/build/\n*.o\n").file("d/build/a", "x");
    bench.home.file("d/e/x.o", "x").file("cache/CACHEDIR.TAG", CACHE_TAG).file("cache/c", "x");
    bench.snap.call("create").words("--exclude *.iso --exclude-caches").arg(bench.home.root()).ok();
    let saved = bench.copy();
    // What the rules fit now stays as well, and the folders on the way to it; rules that came later do not count.
    bench.home.file("new/deep/late.iso", "x").file("new/deep/gone", "x").file("d/late.o", "x").file("other.o", "x");
    bench.home.file("new/.snapignore", "gone-not\n").file("new/gone-not", "x").remove("d/.snapignore");
    bench.home.file("late/CACHEDIR.TAG", CACHE_TAG).file("late/c", "x");
    in_place(&bench.snap).words("--delete").ok();
    let mut kept = below(&saved.join("home"));
    kept.extend(
        ["new", "new/deep", "new/deep/late.iso", "d/late.o", "late", "late/CACHEDIR.TAG", "late/c"].map(String::from),
    );
    kept.sort();
    let mut found = below(bench.home.root());
    found.sort();
    assert_eq!(found, kept);
    let told = in_place(&bench.snap).words("--delete --delete-excluded --dry-run").ok().out();
    assert!(told.contains("home/film.iso") && told.contains("home/new\n"), "{told}");
    in_place(&bench.snap).words("--delete --delete-excluded").ok();
    let left = ["cache", "cache/CACHEDIR.TAG", "d", "d/.snapignore", "d/e", "f"];
    assert_eq!(below(bench.home.root()), left);
}

#[test]
fn rules_that_were_not_saved_themselves_hold_as_they_are_now() {
    let bench = Bench::new();
    bench.home.file("d/.snapignore", "*.o\n").file("d/x.o", "x").file("d/f", "1");
    bench.snap.call("create").words("--exclude .snapignore").arg(bench.home.root()).ok();
    bench.home.file("d/extra", "x");
    in_place(&bench.snap).words("--delete").ok();
    assert_eq!(below(bench.home.root()), ["d", "d/.snapignore", "d/f", "d/x.o"]);
}

#[test]
fn rules_that_leave_themselves_out_hold_as_they_are_now() {
    for (place, text, precious) in [
        ("cache", "*\n", "cache/x"),
        ("", "*.key\n/.snapignore\n", "a.key"),
        ("", ".snapignore\n", "n/secret"),
        ("n", "!f\n*\n", "n/deep/x"),
    ] {
        let bench = Bench::new();
        let rules = if place.is_empty() { ".snapignore".to_owned() } else { format!("{place}/.snapignore") };
        bench.home.file("f", "1").file("n/f", "1").file(&rules, text).file(precious, "precious");
        if precious == "n/secret" {
            bench.home.file("n/.snapignore", "secret\n");
        }
        bench.save();
        assert!(!bench.snap.call("ls").words("-R").ok().out().contains(precious));
        let (before, copy) = (below(bench.home.root()), bench.copy());
        bench.home.file("extra", "x");
        in_place(&bench.snap).words("--delete").ok();
        assert_eq!(below(bench.home.root()), before);
        fs::write(copy.join("home/extra"), "x").unwrap();
        into(&bench.snap, &copy).words("--delete").arg("home").ok();
        assert_eq!(below(&copy.join("home")), before);
    }
}

#[test]
fn rules_that_someone_has_put_there_since_have_nothing_deleted() {
    let bench = Bench::new();
    bench.home.file("f", "1").file("d/f", "1").file(".snapignore", "*.key\n").file("d/a.key", "precious");
    bench.save();
    bench.home.file("d/.snapignore", "!*.key\n.snapignore\n").file("d/extra", "x");
    in_place(&bench.snap).words("--delete").ok();
    assert_eq!(below(bench.home.root()), [".snapignore", "d", "d/.snapignore", "d/a.key", "d/f", "f"]);
}

#[test]
fn delete_leaves_what_could_not_be_saved() {
    let bench = Bench::new();
    bench.home.file("f", "1").file("closed/only copy", "x").file("secret", "x").file("d/f", "1");
    bench.home.mode("closed", 0).mode("secret", 0);
    bench.give_to_user();
    let Some(create) = bench.user_call("create") else { return };
    create.arg(bench.home.root()).fails(3);
    let left = || {
        assert_eq!(fs::read(bench.home.path("closed/only copy")).unwrap(), b"x");
        assert_eq!(fs::read(bench.home.path("secret")).unwrap(), b"x");
        assert!(!bench.home.path("extra").exists());
    };
    for options in ["--delete", "--delete --delete-excluded", "--delete --keep"] {
        bench.home.file("extra", "x");
        give(bench.home.root());
        bench.user_call("restore --in-place --yes").unwrap().words(options).ok();
        left();
    }
    // Also where the source itself is not read in a later snapshot.
    let work = Tree::at(bench.sources().join("work"));
    work.file("f", "1");
    give(bench.home.root().parent().unwrap());
    bench.user_call("create").unwrap().arg(work.root()).ok();
    bench.home.file("extra", "x");
    give(bench.home.root());
    bench.user_call("restore --in-place --yes --delete home").unwrap().ok();
    left();
    // And without the index.
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    bench.home.file("extra", "x");
    give(bench.home.root());
    bench.user_call("restore --in-place --yes --delete home").unwrap().ok();
    left();
}

#[test]
fn delete_leaves_sockets_and_what_is_mounted() {
    let bench = Bench::new();
    bench.home.file("f", "1").dir("mnt");
    let Some(drive) = Mounted::tmpfs(1) else { return };
    let Some(_bound) = Bound::new(drive.top(), bench.home.path("mnt")) else { return };
    bench.home.file("mnt/precious", "x");
    bench.snap.call("create").words("--one-file-system").arg(bench.home.root()).ok();
    bench.home.socket("run").file("d/extra", "x").socket("d/run");
    in_place(&bench.snap).words("--delete").ok();
    assert_eq!(below(bench.home.root()), ["d", "d/run", "f", "mnt", "mnt/precious", "run"]);
    // In a copy that is one file system it was left out all the same.
    let copy = Tree::at(bench.copy());
    copy.file("home/extra", "x");
    into(&bench.snap, copy.root()).words("--delete").ok();
    assert!(copy.path("home/mnt/precious").exists() && !copy.path("home/extra").exists());
    into(&bench.snap, copy.root()).words("--delete --delete-excluded").ok();
    assert!(!copy.path("home/mnt/precious").exists());
    in_place(&bench.snap).words("--delete --delete-excluded").run();
    assert!(bench.home.path("mnt/precious").exists());
}

#[test]
fn a_folder_with_what_must_stay_is_in_the_way_of_a_file() {
    let bench = Bench::new();
    bench.home.file("x", "a file");
    bench.snap.call("create").words("--exclude *.iso").arg(bench.home.root()).ok();
    bench.home.remove("x").file("x/film.iso", "x").file("x/other", "x");
    in_place(&bench.snap).words("--delete").fails(3).expect_said(&["home/x"]);
    assert_eq!(below(bench.home.root()), ["x", "x/film.iso", "x/other"]);
    in_place(&bench.snap).words("--delete --keep").ok();
    assert_eq!(below(bench.home.root()), ["x", "x~snap-1", "x~snap-1/film.iso", "x~snap-1/other"]);
}

#[test]
fn the_archive_in_a_source_is_never_deleted() {
    let bench = Bench::without_archive();
    let snap = Snap::new(bench.home.path("deep/archive"));
    bench.home.file("f", "1").dir("deep");
    snap.init();
    snap.create(&[bench.home.root()]);
    bench.home.remove("f").dir("f").file("extra", "x");
    in_place(&snap).words("--delete --delete-excluded").ok();
    assert_eq!(fs::read(bench.home.path("f")).unwrap(), b"1");
    assert!(!bench.home.path("extra").exists());
    snap.call("verify").words("--data").ok();
    // Nor where it is in a folder that is new, or in the place of a file.
    fs::create_dir(bench.home.path("new")).unwrap();
    bench.home.rename("deep/archive", "new/archive");
    let snap = Snap::new(bench.home.path("new/archive"));
    in_place(&snap).words("--delete").ok();
    snap.call("verify").words("--data").ok();
    bench.home.remove("f").dir("f").rename("new/archive", "f/archive");
    let snap = Snap::new(bench.home.path("f/archive"));
    for keep in ["", "--keep"] {
        assert_ne!(in_place(&snap).words("--delete").words(keep).run().status, 0);
        snap.call("verify").words("--data").ok();
    }
}

#[test]
fn a_new_folder_beside_the_archive_is_as_good_as_any() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    let beside = bench.snap.archive().parent().unwrap().join("new");
    into(&bench.snap, &beside).words("--delete").ok();
    assert_same_below(&bench.sources(), &beside, Level::Everything);
}

/// Mode, owner, times, and attributes of people.
fn known_of(path: &Path) -> (u32, u32, (i64, i64), bool) {
    let found = path.symlink_metadata().unwrap();
    let mut value = [0; 8];
    let has_own = rustix::fs::lgetxattr(path, "user.mine", &mut value).is_ok();
    (found.mode(), found.uid(), (found.mtime(), found.mtime_nsec()), has_own)
}

#[test]
fn folders_on_the_way_that_are_there_stay_as_they_are() {
    let bench = Bench::new();
    bench.home.file("d/e/f", "1").file("d/e/g/h", "1").mode("d", 0o755).mtime("d/e", 5, 6);
    bench.save();
    let out = Tree::at(bench.restored(0));
    let ways = ["", "home", "home/d", "home/d/e"];
    for (at, mode) in ways.iter().zip([0o750, 0o700, 0o500, 0o1777]) {
        out.mode(at, mode).xattr(at, "user.mine", "1").mtime(at, 1000, 7);
    }
    out.remove("home/d/e/g");
    out.mode("home/d", 0o500).mtime("home/d/e", 1000, 7);
    if as_root() {
        out.owner("home/d", 12, 34);
    }
    let before = ways.map(|at| known_of(&out.path(at)));
    out.file("home/d/e/f", "changed").mtime("home/d/e", 1000, 7);
    for paths in ["home/d/e/f", "home/d/e/g/h"] {
        into(&bench.snap, out.root()).words(paths).ok();
        assert_eq!(ways.map(|at| known_of(&out.path(at))), before, "{paths}");
    }
    assert_eq!((fs::read(out.path("home/d/e/f")).unwrap(), out.path("home/d/e/g/h").exists()), (b"1".to_vec(), true));
    // A folder that is new has what it had when it was saved.
    out.remove("home/d");
    into(&bench.snap, out.root()).words("home/d/e/f").ok();
    assert_eq!(fs::metadata(out.path("home/d/e")).unwrap().mtime(), 5);
    assert_eq!(fs::metadata(out.path("home/d")).unwrap().permissions().mode() & 0o7777, 0o755);
}

#[test]
fn a_link_to_a_folder_on_the_way_is_gone_through_or_left_alone() {
    let bench = Bench::new();
    bench.home.file("d/e/f", "1").file("d/g", "1");
    bench.save();
    let restored = |link: &str, to: &str, path: &str| -> (Tree, Outcome) {
        let target = Tree::at(bench.fresh());
        target.file("in/moved/e/f", "mine").file("in/moved/kept", "x").file("out/e/f", "mine").dir("in/home");
        let to = to.replace("IN", target.path("in").to_str().unwrap());
        target.symlink(link, to);
        let outcome = into(&bench.snap, &target.path("in")).words(path).run();
        assert!(target.path(link).is_symlink(), "{link}");
        assert_eq!(fs::read(target.path("out/e/f")).unwrap(), b"mine");
        assert_eq!(below(&target.path("out")), ["e", "e/f"]);
        assert_eq!(fs::read(target.path("in/moved/kept")).unwrap(), b"x");
        (target, outcome)
    };
    for to in ["../moved", "IN/moved", "../home/../moved/."] {
        let (target, outcome) = restored("in/home/d", to, "home/d/e/f");
        outcome.expect_ok();
        assert_eq!(fs::read(target.path("in/moved/e/f")).unwrap(), b"1");
    }
    for to in ["../../out", "../..", "nowhere", "/", "d"] {
        let (target, outcome) = restored("in/home/d", to, "home/d/e/f");
        outcome.expect(3).expect_said(&["home/d: ", "symlink"]);
        assert_eq!(fs::read(target.path("in/moved/e/f")).unwrap(), b"mine");
    }
    // A link as the source, restored as a whole.
    let bare = Tree::at(bench.fresh());
    bare.file("moved/d/g", "mine").file("moved/extra", "x").symlink("home", "moved");
    into(&bench.snap, bare.root()).ok();
    assert!(bare.path("home").is_symlink() && bare.path("moved/extra").exists());
    assert_eq!(fs::read(bare.path("moved/d/g")).unwrap(), b"1");
    into(&bench.snap, bare.root()).words("--delete").ok();
    assert!(bare.path("home").is_symlink() && !bare.path("moved/extra").exists());
}

#[test]
fn a_file_on_the_way_is_left_alone() {
    let bench = Bench::new();
    bench.home.file("d/e/f", "1");
    bench.save();
    let out = Tree::at(bench.fresh());
    out.file("home/d", "mine");
    into(&bench.snap, out.root()).words("home/d/e").fails(3).expect_said(&["home/d: "]);
    assert_eq!(fs::read(out.path("home/d")).unwrap(), b"mine");
}

#[test]
fn each_source_goes_back_to_where_it_was_read_from() {
    let bench = Bench::new();
    bench.home.file("f", "1").file("same", "x").file("d/g", "1");
    let photos = Tree::at(bench.path("data/2026"));
    photos.file("p", "1");
    let mut named = std::ffi::OsString::from("photos=");
    named.push(photos.root());
    bench.snap.call("create").arg(bench.home.root()).arg(named).ok();
    bench.home.file("f", "changed").file("extra", "x").remove("d");
    photos.remove("p").file("q", "x");
    // Nobody is there to be asked; a dry run changes nothing.
    let asked = bench.snap.call("restore").words("--in-place --delete").fails(1);
    asked.expect_said(&["home/f"]).expect_said(&["--yes"]);
    let told = bench.snap.call("restore").words("--in-place --delete --dry-run").ok().out();
    assert!(
        ["home/f", "home/d/g", "photos/p", "home/extra", "photos/q"].iter().all(|path| told.contains(path)),
        "{told}"
    );
    assert_eq!((fs::read(bench.home.path("f")).unwrap(), photos.path("q").exists()), (b"changed".to_vec(), true));

    let document = in_place(&bench.snap).words("--json --keep").ok().json().remove(0);
    assert_eq!(
        (&document["replaced"], &document["deleted"], &document["in_place"]),
        (&1.into(), &0.into(), &true.into())
    );
    assert_eq!(document["places"][1]["target"], photos.root().to_str().unwrap());
    assert_eq!(below(bench.home.root()), ["d", "d/g", "extra", "f", "f~snap-1", "same"]);
    assert_eq!(below(photos.root()), ["p", "q"]);
    assert_eq!(fs::read(bench.home.path("f~snap-1")).unwrap(), b"changed");
    bench.home.file("f", "again");
    in_place(&bench.snap).words("--keep home/f").ok();
    assert_eq!(fs::read(bench.home.path("f~snap-1.2")).unwrap(), b"again");
    in_place(&bench.snap).words("--delete --keep").ok();
    assert_eq!(below(bench.home.root()), ["d", "d/g", "f", "f~snap-1", "f~snap-1.2", "same"]);
    in_place(&bench.snap).words("--delete").ok();
    assert_eq!(below(bench.home.root()), ["d", "d/g", "f", "same"]);
    assert_eq!(below(photos.root()), ["p"]);
    // Where nothing is replaced nobody need be asked, and a source that is gone comes back.
    bench.home.remove("");
    bench.snap.call("restore").words("--in-place home/d").ok();
    assert_eq!(below(bench.home.root()), ["d", "d/g"]);
}

#[test]
fn a_single_file_goes_back_to_its_folder() {
    let bench = Bench::new();
    bench.home.file("f", "1").file("g", "1");
    let mut named = std::ffi::OsString::from("other=");
    named.push(bench.home.path("g"));
    bench.snap.call("create").arg(bench.home.path("f")).arg(named).ok();
    bench.home.file("f", "2").remove("g").file("extra", "x");
    let before = known_of(bench.home.root());
    in_place(&bench.snap).words("--delete --keep").ok();
    assert_eq!(below(bench.home.root()), ["extra", "f", "f~snap-1", "g"]);
    assert_eq!(
        (fs::read(bench.home.path("f")).unwrap(), fs::read(bench.home.path("g")).unwrap()),
        (b"1".to_vec(), b"1".to_vec())
    );
    assert_eq!(known_of(bench.home.root()).0, before.0);
}

#[test]
fn in_place_goes_where_a_linked_source_leads() {
    let bench = Bench::new();
    let real = Tree::at(bench.path("real"));
    real.file("f", "1");
    let link = bench.path("current");
    std::os::unix::fs::symlink(real.root(), &link).unwrap();
    bench.snap.create(&[&link]);
    real.file("f", "2").file("extra", "x");
    in_place(&bench.snap).words("--delete").ok();
    assert!(link.is_symlink());
    assert_eq!((fs::read(real.path("f")).unwrap(), below(real.root())), (b"1".to_vec(), vec!["f".to_owned()]));
}

#[test]
fn sources_in_each_other_are_restored_in_place_one_by_one() {
    let bench = Bench::new();
    bench.home.file("inner/f", "1");
    let inner = bench.home.path("inner");
    bench.snap.create(&[bench.home.root(), &inner]);
    in_place(&bench.snap).fails(1).expect_said(&["inner"]);
    bench.home.file("inner/f", "2");
    in_place(&bench.snap).words("inner").ok();
    assert_eq!(fs::read(inner.join("f")).unwrap(), b"1");
}

#[test]
fn in_place_leaves_sources_alone_that_were_dropped() {
    let bench = Bench::new();
    let other = Tree::at(bench.path("other"));
    bench.home.file("f", "1");
    other.file("f", "1");
    bench.snap.create(&[bench.home.root(), other.root()]);
    bench.snap.call("sources").words("--drop other").ok();
    bench.home.file("f", "2");
    other.file("f", "2");
    in_place(&bench.snap).ok();
    let content = |tree: &Tree| fs::read(tree.path("f")).unwrap();
    assert_eq!((content(&bench.home), content(&other)), (b"1".to_vec(), b"2".to_vec()));
    // Named, it comes back.
    in_place(&bench.snap).words("other").ok();
    assert_eq!(content(&other), b"1");
    bench.snap.call("sources").words("--drop home").ok();
    in_place(&bench.snap).fails(1).expect_said(&["all sources were dropped"]);
}

#[test]
fn what_needs_a_place_to_replace_in_is_refused_without() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    let out = bench.fresh();
    for options in ["--delete", "--keep", "--overwrite --delete-excluded", "--in-place"] {
        bench.snap.call("restore").words(options).words("--to").arg(&out).fails(2);
    }
    bench.snap.call("restore").words("--overwrite").fails(2).expect_said(&["--in-place"]);
    assert!(!out.exists());
}

#[test]
fn a_source_that_comes_into_a_folder_of_its_own_name_is_told_of() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    let said = bench.snap.call("restore").words("--to").arg(bench.path("home")).ok();
    said.expect_said(&["home/home"]).expect_said(&["--in-place"]);
    assert!(bench.path("home/home/f").exists());
    let said = bench.snap.call("restore").words("--to").arg(bench.path("other")).ok();
    assert!(!said.err().contains("--in-place"), "{}", said.shown());
}

#[test]
fn a_tree_of_great_depth_comes_back_and_goes() {
    const DEPTH: usize = 1500;
    let bench = Bench::new();
    bench.home.deep_file(&vec![b"d".to_vec(); DEPTH], b"f", b"1");
    bench.save();
    let out = bench.restored(0);
    let again = into(&bench.snap, &out).words("--delete --json").ok().json().remove(0);
    assert_eq!((&again["files"], &again["deleted"]), (&0.into(), &0.into()));
    // All of it is in the way of a file, and all of it is too much.
    let flat = Bench::new();
    flat.home.file("d", "1");
    flat.save();
    into(&flat.snap, &out).words("--delete").ok();
    assert_eq!(below(&out), ["home", "home/d"]);
    bench.snap.call("restore").words("--overwrite --to").arg(&out).words("--delete --yes").ok();
    let nothing = Bench::new();
    nothing.home.file("f", "1");
    nothing.save();
    let gone = into(&nothing.snap, &out).words("--delete --json").ok().json().remove(0);
    assert_eq!((&gone["deleted"], below(&out)), (&1.into(), vec!["home".to_owned(), "home/f".to_owned()]));
}

#[test]
fn a_folder_in_the_place_of_a_source_that_is_a_file_goes_with_delete() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    let file = bench.path("sources/note");
    fs::write(&file, "a note").unwrap();
    bench.snap.create(&[bench.home.root(), &file]);
    let target = bench.restored(0);
    for place in [file.clone(), target.join("note")] {
        fs::remove_file(&place).unwrap();
        fs::create_dir(&place).unwrap();
        fs::write(place.join("z"), "z").unwrap();
    }
    in_place(&bench.snap).fails(3).expect_said(&["note: ", "not empty", "--delete"]);
    in_place(&bench.snap).words("--delete").ok();
    into(&bench.snap, &target).words("--delete").ok();
    for place in [file, target.join("note")] {
        assert_eq!(fs::read(place).unwrap(), b"a note");
    }
}
