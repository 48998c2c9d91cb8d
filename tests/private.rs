//! What an archive gives away, what saving leaves behind in a source, and what a bare system makes of it.

use crate::support::bench::Bench;
use crate::support::command::ORDINARY;
use crate::support::command::Outcome;
use crate::support::command::as_root;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::snap::BINARY;
use crate::support::tree::Tree;
use std::fs;
use std::fs::File;
use std::fs::FileTimes;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::path::Path;
use std::time::Duration;
use std::time::SystemTime;

#[test]
fn saving_leaves_the_times_of_last_access_as_they_are() {
    let bench = Bench::new();
    let home = &bench.home;
    home.file("mail/inbox", "a letter").file(".snapignore", "*.tmp\n").sparse("large", 20 << 20, &[(9 << 20, b"x")]);
    // Older than the last change: then the usual way of mounting has every look noted.
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_001);
    let names = ["mail", "mail/inbox", ".snapignore", "large", ""];
    for name in names {
        let opened = File::open(home.path(name)).unwrap();
        opened.set_times(FileTimes::new().set_accessed(long_ago)).unwrap();
    }
    bench.save();
    home.append("mail/inbox", " and another");
    bench.snap.call("create").words("--rehash").ok();
    for name in names {
        let accessed = home.path(name).symlink_metadata().unwrap().accessed().unwrap();
        assert_eq!(accessed, long_ago, "{name:?}");
    }
}

/// The modes of all that is in an archive, its own folder among it.
fn modes(archive: &Path) -> Vec<(u32, bool)> {
    let mut all = vec![archive.to_owned()];
    let mut modes = Vec::new();
    while let Some(path) = all.pop() {
        let found = path.symlink_metadata().unwrap();
        modes.push((found.mode() & 0o7777, found.is_dir()));
        if found.is_dir() {
            all.extend(fs::read_dir(&path).unwrap().map(|item| item.unwrap().path()));
        }
    }
    modes
}

fn assert_modes(archive: &Path, directory: u32, file: u32) {
    let modes = modes(archive);
    assert!(modes.len() > 7, "{modes:?}");
    for (mode, is_directory) in modes {
        assert_eq!(mode, if is_directory { directory } else { file }, "{mode:o}");
    }
}

/// A command of the program under this umask.
fn with_umask(umask: &str, bench: &Bench, words: &str) -> Outcome {
    let mut shell = program("sh");
    shell.args(["-c", "umask \"$1\"; shift; exec \"$@\"", "sh", umask, BINARY]).args(words.split(' '));
    run(shell.arg("-a").arg(bench.snap.archive())).expect_ok()
}

#[test]
fn an_archive_and_all_its_files_are_its_owners_alone_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let bench = Bench::without_archive();
        bench.home.file("key", "secret").mode("key", 0o600);
        if umask == "022" {
            fs::create_dir(bench.snap.archive()).unwrap();
            fs::set_permissions(bench.snap.archive(), fs::Permissions::from_mode(0o755)).unwrap();
        }
        with_umask(umask, &bench, "init");
        let home = bench.home.root().to_str().unwrap().to_owned();
        with_umask(umask, &bench, &format!("create {home}"));
        bench.home.append("key", "s");
        let said = with_umask(umask, &bench, "create").err();
        assert!(!said.contains("other users"), "{said}");
        assert_modes(bench.snap.archive(), 0o700, 0o600);
    }
}

#[test]
fn a_shared_archive_is_its_groups_too_and_stays_so() {
    let bench = Bench::without_archive();
    let drive = bench.snap.archive().parent().unwrap().to_owned();
    if as_root() {
        chown(&drive, None, Some(ORDINARY)).unwrap();
    }
    let group = drive.metadata().unwrap().gid();
    bench.home.file("a", "x");
    let home = bench.home.root().to_str().unwrap().to_owned();
    with_umask("077", &bench, &format!("create --init --shared {home}"));
    bench.home.append("a", "y");
    with_umask("022", &bench, "create");
    assert_modes(bench.snap.archive(), 0o770, 0o660);
    for name in ["", "lock", "archive.toml", "bundles"] {
        assert_eq!(bench.snap.archive().join(name).metadata().unwrap().gid(), group, "{name:?}");
    }
    assert!(bench.snap.call("create").words("--shared").arg(home).fails(2).err().contains("--init"));
}

#[test]
fn it_is_said_when_others_can_read_in_the_archive_what_they_cannot_read_in_the_source() {
    let bench = Bench::new();
    bench.home.file("public", "x").mode("public", 0o644).mode("", 0o755);
    // As on a drive that knows no modes.
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(bench.path("").as_path(), 0o755);
    open(bench.snap.archive(), 0o755);
    open(&bench.snap.archive().join("README.txt"), 0o644);
    let about_readers = |outcome: &Outcome| outcome.err().matches("other users").count();
    assert_eq!(about_readers(&bench.snap.create(&[bench.home.root()])), 0, "nothing is secret");
    bench.home.file("key", "secret").mode("key", 0o600);
    assert_eq!(about_readers(&bench.snap.call("create").ok()), 1);
    assert_eq!(about_readers(&bench.snap.call("create").ok()), 0, "it was said");
}

#[test]
fn lists_of_access_follow_users_and_groups_by_name() {
    if !as_root() || !installed("unshare") || !installed("setfacl") || !installed("getfacl") {
        return;
    }
    let bench = Bench::new();
    let users = |name: &str, more: &str| {
        fs::write(bench.path(name), format!("root:x:0:0::/root:/bin/sh\n{more}")).unwrap();
    };
    users("then", "alice:x:1234:1::/:/bin/sh\n");
    users("now", "alice:x:2222:1::/:/bin/sh\nbob:x:1234:1::/:/bin/sh\n");
    bench.home.file("d/f", "secret").owner("d/f", 1234, 0);
    run(program("setfacl").args(["-m", "u:1234:rw,u:4321:r"]).arg(bench.home.path("d/f"))).expect_ok();
    run(program("setfacl").args(["-d", "-m", "u:1234:rwx"]).arg(bench.home.path("d"))).expect_ok();
    let with_users = |name: &str, words: &str, place: &Path| {
        let line = "mount --bind \"$1\" /etc/passwd && shift && exec \"$@\"";
        let mut shell = program("unshare");
        shell.args(["-m", "sh", "-c", line, "sh"]).arg(bench.path(name)).arg(BINARY).args(words.split(' '));
        run(shell.arg(place).arg("-a").arg(bench.snap.archive())).expect_ok();
    };
    let numbers = |of: &Path| {
        let listed = run(program("getfacl").args(["-np"]).arg(of)).expect_ok().out();
        let mut lines: Vec<_> =
            listed.lines().filter(|line| line.contains("user:") && !line.contains("user::")).collect();
        lines.sort_unstable();
        lines.join(" ")
    };
    with_users("then", "create", bench.home.root());
    let by_name = bench.fresh();
    with_users("now", "restore --to", &by_name);
    assert_eq!(by_name.join("home/d/f").metadata().unwrap().uid(), 2222);
    assert_eq!(numbers(&by_name.join("home/d/f")), "user:2222:rw- user:4321:r--");
    assert_eq!(numbers(&by_name.join("home/d")), "default:user:2222:rwx");
    with_users("now", "restore --overwrite --dry-run --to", &by_name);
    let by_number = bench.fresh();
    with_users("now", "restore --numeric-ids --to", &by_number);
    assert_eq!(by_number.join("home/d/f").metadata().unwrap().uid(), 1234);
    assert_eq!(numbers(&by_number.join("home/d/f")), "user:1234:rw- user:4321:r--");
}

#[test]
fn attributes_of_a_read_only_file_are_put_right_by_its_owner() {
    let bench = Bench::new();
    bench.home.file("f", "x").xattr("f", "user.k", "old").mode("f", 0o444);
    bench.save();
    let to = bench.restored(0);
    let out = Tree::at(to.join("home"));
    out.mode("f", 0o644).xattr("f", "user.k", "new").xattr("f", "user.more", "x").mode("f", 0o444);
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    let Some(call) = bench.snap.call("restore").words("--overwrite --to").arg(&to).by_user() else { return };
    open(&bench.path(""));
    run(program("chown").args(["-R", &ORDINARY.to_string()]).arg(bench.path(""))).expect_ok();
    let outcome = call.ok();
    assert!(!outcome.said().contains("user.k"), "{}", outcome.shown());
    let mut value = [0; 16];
    let length = rustix::fs::getxattr(out.path("f"), "user.k", &mut value).unwrap();
    assert_eq!(&value[..length], b"old");
    assert!(rustix::fs::getxattr(out.path("f"), "user.more", &mut value).is_err());
    assert_eq!(out.path("f").metadata().unwrap().mode() & 0o7777, 0o444);
}

#[test]
fn without_proc_attributes_of_folders_and_pipes_come_back_and_the_rest_says_what_is_missing() {
    if !as_root() || !installed("unshare") {
        return;
    }
    let bench = Bench::new();
    bench.home.dir("d").xattr("d", "user.a", "1").fifo("p").mode("p", 0o640).symlink("l", "d");
    let to = bench.fresh();
    let line =
        "mount -t tmpfs none /proc && shift && \"$0\" create \"$1\" -a \"$3\"; \"$0\" restore --to \"$2\" -a \"$3\"";
    let mut shell = program("unshare");
    shell.args(["-m", "sh", "-c", line, BINARY, "-"]).args([bench.home.root(), &to, bench.snap.archive()]);
    let outcome = run(&mut shell);
    assert!(outcome.err().contains("/proc"), "of the link: {}", outcome.shown());
    let back = Tree::at(to.join("home"));
    let mut value = [0; 8];
    assert_eq!(rustix::fs::getxattr(back.path("d"), "user.a", &mut value).unwrap(), 1);
    let pipe = back.path("p").symlink_metadata().unwrap();
    assert!(pipe.file_type().is_fifo() && pipe.mode() & 0o7777 == 0o640);
}

#[test]
fn a_new_drive_counts_as_empty() {
    let bench = Bench::without_archive();
    let archive = bench.snap.archive();
    for name in ["lost+found", ".Trashes", "System Volume Information", ".fseventsd", ".Trash-1000"] {
        fs::create_dir_all(archive.join(name)).unwrap();
    }
    bench.snap.init();
    bench.home.file("f", "x");
    bench.save();
    bench.assert_restores();

    let other = Bench::without_archive();
    fs::create_dir_all(other.snap.archive().join("photos")).unwrap();
    assert!(other.snap.call("init").fails(1).err().contains("not empty"));
}

#[test]
fn attributes_of_root_that_an_entry_did_not_have_go() {
    if !as_root() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("d/f", "x");
    bench.save();
    bench.home.xattr("d", "trusted.t", "1").xattr("d/f", "trusted.t", "1");
    bench.save();
    let to = bench.restored(0);
    bench.snap.call("restore").words("--at 1 --overwrite --delete --yes --to").arg(&to).ok();
    for name in ["home/d", "home/d/f"] {
        assert_eq!(rustix::fs::listxattr(to.join(name), &mut [0; 256][..]).unwrap(), 0, "{name}");
    }
}

#[test]
fn too_few_open_files_are_told_as_that() {
    let bench = Bench::new();
    bench.home.file("a/b/c/d", "x");
    let line = "ulimit -n \"$1\"; shift; exec \"$@\"";
    bench.save();
    let mut said = 0;
    for (count, restores) in (6..24).flat_map(|count| [(count, false), (count, true)]) {
        let mut shell = program("sh");
        shell.args(["-c", line, "sh", &count.to_string(), BINARY]);
        let (words, place) =
            if restores { (["restore", "--to"], bench.fresh()) } else { (["create", "--rehash"], bench.home.path("")) };
        let outcome = run(shell.args(words).arg(place).arg("-a").arg(bench.snap.archive()));
        let text = outcome.said().to_lowercase();
        if outcome.status != 0 && text.contains("too many open files") {
            assert!(text.contains("ulimit") && !text.contains("plugged in"), "{count}: {}", outcome.shown());
            said += 1;
        }
    }
    assert!(said > 0, "no limit was too low");
}
