//! Whole screens of the program, as a person sees them: the text beside the command. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::replay::bundles;
use crate::support::screen::screen;
use crate::support::snap::BINARY;
use crate::support::snap::Call;
use crate::support::tree::noise;
use insta::assert_snapshot;
use std::fs;

/// Two snapshots of a few files: one was modified, one removed, one added.
fn two_snapshots() -> Bench {
    let bench = Bench::new();
    bench.home.file("letter.txt", "Dear Ann").file("old/plan", "x").symlink("latest", "letter.txt");
    bench.snap.call("create").words("--time 2020-03-01T18:30:05Z").arg(bench.home.root()).ok();
    bench.home.file("letter.txt", "Dear Ann, dear Bob").remove("old/plan").file("photo.jpg", noise(1, 5000));
    bench.snap.call("create").words("--time 2020-03-02T08:00:00Z --note").arg("with a photo").ok();
    bench
}

/// As [`two_snapshots`], with a frame of the first bundle that cannot be decompressed.
fn damaged() -> Bench {
    let bench = two_snapshots();
    let first = &bundles(bench.snap.archive())[0];
    let mut bytes = fs::read(first).unwrap();
    bytes[40..43].fill(0);
    fs::write(first, bytes).unwrap();
    bench
}

#[test]
fn the_way_from_nothing_to_two_snapshots() {
    let bench = Bench::without_archive();
    bench.home.file("letter.txt", "Dear Ann").file("old/plan", "x");
    assert_snapshot!(screen(&bench, &bench.snap.call("init").run()), @r#"
    [exit 0]
    A new archive is ready in /…/drive/archive.
    Save something into it with: snap create -a /…/drive/archive FOLDER.
    "#);
    let first = bench.snap.call("create").words("--time 2020-03-01T18:30:05Z").arg(bench.home.root());
    assert_snapshot!(screen(&bench, &first.run()), @r#"
    [exit 0]
    Snapshot 1 saved: 2 new files, 0 modified, 0 deleted, 0 unchanged; folders: 2 new.
    Read #, wrote # to /…/drive/archive in #.
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("create").run()), @r#"
    [exit 0]
    Nothing has changed since snapshot 1 (2020-03-01 18:30). 2 files looked at in #.
    "#);
    bench.home.file("letter.txt", "Dear Ann, dear Bob").remove("old/plan");
    assert_snapshot!(screen(&bench, &bench.snap.call("create").words("--dry-run").run()), @r#"
    [exit 0]
    ~ home/letter.txt
    m home/old
    - home/old/plan
    Would be saved: 0 new files, 1 modified, 1 deleted, 0 unchanged; folders: 1 with new times or modes (# of contents, # free on the drive). Nothing was written.
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("create").words("--verbose").run()), @r#"
    [exit 0]
    ~ home/letter.txt
    m home/old
    - home/old/plan
    Snapshot 2 saved: 0 new files, 1 modified, 1 deleted, 0 unchanged; folders: 1 with new times or modes.
    Read #, wrote # to /…/drive/archive in #.
    "#);
}

#[test]
fn what_there_is() {
    let bench = two_snapshots();
    assert_snapshot!(screen(&bench, &bench.snap.call("list").run()), @r#"
    [exit 0]
    #  date              new  modified  deleted   added  sources  note
    1  2020-03-01 18:30    3         0        0       #  home
    2  2020-03-02 08:00    1         1        1       #  home     with a photo
    2 snapshots, # in all.
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("list").words("--verbose").run()), @r#"
    [exit 0]
    Snapshot 1 of 2020-03-01 18:30
        sources   home
        files     3 new, 0 unchanged
        folders   2 new, 0 unchanged
        size        # of new or modified contents, # on the drive
    Snapshot 2 of 2020-03-02 08:00: with a photo
        sources   home
        files     1 new, 1 modified, 1 deleted, 1 unchanged
        folders   2 metadata, 0 unchanged
        size           # of new or modified contents, # on the drive
    2 snapshots, # in all.
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("sources").run()), @r#"
    [exit 0]
    name  path  computer  last read  rules
    home  /…/sources/home  COMPUTER  2020-03-02 08:00 (snapshot 2)
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("ls").run()), @r#"
    [exit 0]
    home/
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("ls").words("-R --at 1").run()), @r#"
    [exit 0]
    home/
    home/latest -> letter.txt
    home/letter.txt
    home/old/
    home/old/plan
    "#);
}

#[test]
fn the_way_back() {
    let bench = two_snapshots();
    let out = bench.path("back");
    let restore = |words| bench.snap.call("restore").words("--to").arg(&out).words(words).run();
    assert_snapshot!(screen(&bench, &restore("--threads 1 --dry-run")), @r#"
    [exit 0]
    + home
    + home/old
    + home/latest
    + home/letter.txt
    + home/photo.jpg
    Would be restored from snapshot 2 of 2020-03-02 08:00 in #: 2 files (#), 2 folders, 1 link or special file.
    "#);
    assert_snapshot!(screen(&bench, &restore("")), @r#"
    [exit 0]
    Restored from snapshot 2 of 2020-03-02 08:00 in #: 2 files (#), 2 folders, 1 link or special file.
    [stderr]
    Restoring snapshot 2 of 2020-03-02 08:00 into /…/back …
    "#);
    assert_snapshot!(screen(&bench, &restore("")), @r#"
    [exit 1]
    [stderr]
    snap: cannot restore into /…/back: the folder is not empty
      Name a new or empty folder, or add --overwrite, which replaces files that differ and keeps the rest.
    "#);
    fs::write(out.join("home/mine"), "x").unwrap();
    assert_snapshot!(screen(&bench, &restore("--overwrite --delete --yes -v")), @r#"
    [exit 0]
    - home/mine
    + home
    Restored from snapshot 2 of 2020-03-02 08:00 in #: 0 files (#), 1 folder, 4 left as they were, 1 deleted.
    [stderr]
    Restoring snapshot 2 of 2020-03-02 08:00 into /…/back …
    "#);
    assert_snapshot!(screen(&bench, &restore("--overwrite")), @r#"
    [exit 0]
    Restored from snapshot 2 of 2020-03-02 08:00 in #: 0 files (#), 0 folders, 5 left as they were.
    [stderr]
    Restoring snapshot 2 of 2020-03-02 08:00 into /…/back …
    "#);
}

#[test]
fn damage_is_found_repaired_and_remembered() {
    let bench = two_snapshots();
    assert_snapshot!(screen(&bench, &bench.snap.call("verify").run()), @r#"
    [exit 0]
    No damage found: 2 snapshots in 2 bundles, 10 entries. The contents were not read: snap verify --data does that.
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("repair").run()), @r#"
    [exit 0]
    Nothing to repair. The archive is sound.
    "#);
    let bench = damaged();
    assert_snapshot!(screen(&bench, &bench.snap.call("verify").words("--data").run()), @r#"
    [exit 3]
    damaged: bundles/000001-20200301T183005Z.tar.zst: 1 of its 3 frames is damaged, the first at byte 0 (cannot read bundle 000001-20200301T183005Z.tar.zst: a compressed frame cannot be read (Data corruption detected)). Contents of which the damage hit bytes cannot be restored, all others can. If you have a copy of this file, put it in its place.
      affects 2 files of snapshot 1
        home/letter.txt
        home/old/plan
    1 place is damaged. Everything that is not named above is intact and can be restored. If the drive is failing, copy the archive's folder to another one now. Then run: snap repair. It repairs what can be repaired, and the next snap create saves again what was lost and is still on this computer.
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("repair").words("--dry-run").run()), @r#"
    [exit 0]
    would repair: bundles/000001-20200301T183005Z.tar.zst: it was damaged: written anew with all contents that are sound
    would repair: index/000001.full: made again from the bundles (for bundles were repaired); the old one goes to damaged/000001.full
    would repair: index/000002.delta: made again from the bundles (for bundles were repaired); the old one goes to damaged/000002.delta
    3 things to repair; nothing was changed. To do it, run the same command without --dry-run.
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("repair").run()), @r#"
    [exit 3]
    repaired: bundles/000001-20200301T183005Z.tar.zst: it was damaged: written anew with all contents that are sound; the old one is now damaged/000001-20200301T183005Z.tar.zst
    repaired: index/000001.full: made again from the bundles (for bundles were repaired); the old one is now damaged/000001.full
    repaired: index/000002.delta: made again from the bundles (for bundles were repaired); the old one is now damaged/000002.delta
    lost: bundles/000001-20200301T183005Z.tar.zst: contents were lost when this file was damaged, and are noted as such. The next snap create saves them again if they are still on this computer as they were, and a snap repair after it puts them back into these snapshots.
      affects 2 files of snapshot 1
        home/letter.txt
        home/old/plan
    3 things repaired. What is named above is lost in those snapshots, everything else is intact. If the drive is failing, copy the archive's folder to another one first. Then run: snap create. It saves these files again as they are on this computer.
    [stderr]
    note: the index was missing or damaged and was made again from the bundles
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("verify").words("--data").run()), @r#"
    [exit 0]
    Known from earlier damage: 1 bundle with 2 lost files (-v names them). What was saved again since, snap repair puts back; nothing more can be done about the rest.
    No damage found: 2 snapshots in 2 bundles, 10 entries. Every byte was read and checked, # in all.
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("create").run()), @r#"
    [exit 0]
    Nothing has changed since snapshot 2 (2020-03-02 08:00). 3 files looked at in #.
    "#);
}

#[test]
fn what_cannot_be_done_says_why_and_what_to_do() {
    let bench = Bench::without_archive();
    bench.home.file("f", "1");
    assert_snapshot!(screen(&bench, &bench.snap.call("list").run()), @r#"
    [exit 4]
    [stderr]
    snap: there is no archive at /…/drive/archive
      /…/drive is an empty folder, as one is where a drive is not mounted. Check that the drive is plugged in. To make a new archive there: snap init -a /…/drive/archive.
    "#);
    bench.snap.init();
    assert_snapshot!(screen(&bench, &bench.snap.call("list").run()), @r#"
    [exit 0]
    There is no snapshot yet. Make the first one with: snap create, and the folders to save, unless the configuration names them.
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("create").run()), @r#"
    [exit 1]
    [stderr]
    snap: there is no snapshot yet that says which folders to save
      Name them, for example: snap create ~/Documents.
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("restore").words("--to").arg(bench.path("back")).run()), @r#"
    [exit 1]
    [stderr]
    snap: there is no snapshot yet
      Make the first one with: snap create, and the folders to save, unless the configuration names them.
    "#);
    bench.save();
    assert_snapshot!(screen(&bench, &bench.snap.call("ls").words("--at 7").run()), @r#"
    [exit 1]
    [stderr]
    snap: there is no snapshot 7: the history goes from 1 to 1
      See all snapshots with: snap list. A day is written as 2026-11-22.
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("ls").words("home/no-such").run()), @r#"
    [exit 1]
    [stderr]
    snap: home/no-such is not in snapshot 1
      A path begins with the name of its source. Look for a name with: snap find NAME; see what is in the snapshot with: snap ls --at 1 [FOLDER].
    "#);
    assert_snapshot!(screen(&bench, &bench.snap.call("ls").words("--at soonish").run()), @r#"
    [exit 2]
    [stderr]
    snap: cannot understand 'soonish' as a point in time: unknown format
      Give a snapshot's number (42), latest, -1 (the one before the newest), a day (2026-11-22, 22.11.2026, today, yesterday, monday, last week: its end is meant), a day and a time (2026-11-22 18:30, yesterday 18:00), a time alone (13:37: the last one), a time stamp (2026-11-22T18:30:05+01:00), or an age (3 days ago, 2h ago).
    "#);
    bench.home.remove("f");
    assert_snapshot!(screen(&bench, &bench.snap.call("create").run()), @r#"
    [exit 1]
    [stderr]
    snap: the folder /…/sources/home is empty, and was not when it was last saved
      Check that the drive it is on is plugged in. If it is right that the folder is empty: snap create --allow-empty.
    "#);
}

#[test]
fn the_command_line_explains_itself() {
    let bench = Bench::without_archive();
    let call = |words: &str| Call::new(BINARY.as_ref()).words(words).run();
    assert_snapshot!(screen(&bench, &call("--help")), @r#"
    [exit 0]
    Keeps every version of your files on a drive, as ordinary .tar.zst files that tar and zstd can read
    without snap

    Usage: snap [OPTIONS] <COMMAND>

    Set up:
      setup        Set up an archive
      config       Show the settings in effect
      schedule     Save automatically
      init         Make a new archive in a folder that is empty or new

    Save:
      create       Save a snapshot
      sources      Show the sources

    Look:
      status       Show whether all is well
      list         Show the history
      ls           List the files in a snapshot
      find         Find files and folders by name or content in all snapshots
      log          Show the versions of a file or folder
      diff         Show what changed between two snapshots
      du           Show how large folders are
      cat          Print a file as it was in a snapshot

    Get back:
      restore      Restore everything or the given paths from a snapshot
      export       Write a snapshot as one ordinary .tar.zst

    Keep healthy:
      verify       Check that the archive is undamaged
      repair       Repair what can be repaired in the archive
      forget       Forget snapshots
      keep         Mark snapshots that must stay
      prune        Free the space of forgotten snapshots
      erase        Remove files that should never have been saved from every snapshot

    More:
      completions  Print the completion script of a shell
      man          Print the man page
      help         Show the help of a command

    Options:
      -a, --archive <DIR>   The archive's folder, or its name in the configuration [env: SNAP_ARCHIVE]
          --config <FILE>   Configuration file to use instead of ~/.config/snap/config.toml
          --json            Print one JSON document, for programs, instead of text (ls, diff, find: one
                            per line)
      -q, --quiet           Print only problems and what was asked for
      -v, --verbose         Print more: every entry that is saved or restored, with a letter that says
                            why; more details in lists
          --progress <HOW>  How to show progress: auto (only on a terminal), none, or json (a line every
                            second on standard error, for programs)
      -h, --help            Print help
      -V, --version         Print version

    Examples:
      snap setup                       the first time: asks where to and what
      snap create                      save what is new
      snap status                      is all well?
      snap restore --to ~/restored     get everything back (snap restore asks)

    Without a configuration: snap create --init -a /media/stick/archive ~/Documents

    Exit codes: 0 done, 1 failed, 2 invalid command line, 3 done with problems,
    4 the archive is not there, 5 it is in use, 6 something must be done (status),
    7 the battery is low (create --battery)
    "#);
    assert_snapshot!(screen(&bench, &call("frobnicate")), @r#"
    [exit 2]
    [stderr]
    snap: there is no command 'frobnicate'
      See all with --help.
    "#);
    assert_snapshot!(screen(&bench, &call("restore")), @r#"
    [exit 2]
    [stderr]
    snap: it is not said where to restore to
      Say --to DIR, for a new folder, or --in-place, back to where it was.
    "#);
    assert_snapshot!(screen(&bench, &call("create --level 20 --archive x")), @r#"
    [exit 2]
    [stderr]
    snap: invalid value '20' for '--level <LEVEL>': expected auto, or a number from 1 to 19
      See all with --help.
    "#);
    assert_snapshot!(screen(&bench, &call("cat")), @r#"
    [exit 2]
    [stderr]
    snap: <PATH>... is missing
      It is called as: snap cat <PATH>... (more with --help)
    "#);
    assert_snapshot!(screen(&bench, &call("verify extra")), @r#"
    [exit 2]
    [stderr]
    snap: 'extra' is not expected here
      If it is the archive's folder or name, say -a extra. See all with --help.
    "#);
    assert_snapshot!(screen(&bench, &call("list")), @r#"
    [exit 2]
    [stderr]
    snap: no archive given
      If you have none yet, make one with: snap setup. Otherwise name its folder with -a DIR, or once for all commands with SNAP_ARCHIVE=DIR or in the configuration (snap config shows where that is).
    "#);
}
