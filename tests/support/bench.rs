//! The usual test: one source, one archive, and places to restore to, in a directory that goes away. Knows the program by
//! its command line only.

use crate::support::command::ORDINARY;
use crate::support::command::Outcome;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::replay::recover;
use crate::support::snap::BINARY;
use crate::support::snap::Call;
use crate::support::snap::Snap;
use crate::support::tree::Tree;
use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use tempfile::TempDir;

/// A source called `home`, an archive, and a directory around both.
pub struct Bench {
    /// The source, `sources/home`.
    pub home: Tree,
    /// The program on the archive, `drive/archive`.
    pub snap: Snap,
    outputs: Cell<usize>,
    directory: TempDir,
}

impl Bench {
    /// With an archive that has been made and holds no snapshot.
    #[track_caller]
    pub fn new() -> Bench {
        let bench = Bench::without_archive();
        bench.snap.init();
        bench
    }

    /// Without an archive, and without the directory for it; the drive is there.
    pub fn without_archive() -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let home = Tree::at(directory.path().join("sources/home"));
        let drive = directory.path().join("drive");
        fs::create_dir(&drive).unwrap();
        Bench { home, snap: Snap::new(drive.join("archive")), outputs: Cell::new(0), directory }
    }

    /// A place in the directory around.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The directory that holds the sources, `home` and others.
    pub fn sources(&self) -> PathBuf {
        self.path("sources")
    }

    /// A place where nothing is yet.
    pub fn fresh(&self) -> PathBuf {
        self.outputs.set(self.outputs.get() + 1);
        self.path(&format!("out-{}", self.outputs.get()))
    }

    /// One snapshot of `home`, without any problem.
    #[track_caller]
    pub fn save(&self) -> Outcome {
        self.snap.create(&[self.home.root()])
    }

    /// A plain copy of all sources, as they are now.
    #[track_caller]
    pub fn copy(&self) -> PathBuf {
        let to = self.fresh();
        copy_exactly(&self.sources(), &to);
        to
    }

    /// Everything of one snapshot (0: the newest), in a new place.
    #[track_caller]
    pub fn restored(&self, at: usize) -> PathBuf {
        let to = self.fresh();
        self.snap.restore(&to, at);
        to
    }

    /// Fails the test unless the newest snapshot restores to what the sources are now.
    #[track_caller]
    pub fn assert_restores(&self) {
        assert_same_below(&self.sources(), &self.restored(0), Level::Everything);
    }

    /// Saves `home`, and fails the test unless it restores to what it is.
    #[track_caller]
    pub fn assert_kept(&self) {
        self.save();
        self.assert_restores();
    }

    /// Gives everything here to the ordinary user, and a copy of the program that the user can reach.
    pub fn give_to_user(&self) {
        fs::copy(BINARY, self.path("snap")).unwrap();
        fs::set_permissions(self.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        give(self.directory.path());
    }

    /// A command on the archive, run by the ordinary user; `None`, with a message, when the tests are not root.
    pub fn user_call(&self, command: &str) -> Option<Call> {
        Call::new(&self.path("snap")).words(command).words("-a").arg(self.snap.archive()).by_user()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // An ordinary user cannot remove what is in a directory that forbids it.
        if !rustix::process::geteuid().is_root() {
            let _ = program("chmod").arg("-R").arg("u+rwX").arg(self.directory.path()).output();
        }
    }
}

/// A snapshot of `home` with these options, without any problem.
#[track_caller]
pub fn save(bench: &Bench, options: &str) {
    bench.snap.call("create").words(options).arg(bench.home.root()).ok();
}

/// Everything of one snapshot as `recover.sh` gives it back, in a new place; nothing of what bundles bring for their scripts is
/// left there.
#[track_caller]
pub fn recovered(bench: &Bench, snapshot: usize) -> PathBuf {
    let out = bench.fresh();
    let number = snapshot.to_string();
    recover(bench.snap.archive(), &bench.path("tools"), &[number.as_ref(), out.as_os_str()]).expect_ok();
    assert!(!out.join(".snap-apply").exists() && !out.join(".snap-apply.sh").exists());
    out
}

/// Makes the ordinary user the owner of all that is there.
#[track_caller]
pub fn give(path: &Path) {
    run(program("chown").arg("-hR").arg(format!("{ORDINARY}:{ORDINARY}")).arg(path)).expect_silent();
}

/// Copies a tree with all that its file system keeps; the copy's own directory is made.
#[track_caller]
pub fn copy_exactly(from: &Path, to: &Path) {
    run(program("cp").args(["-a", "-T"]).args([from, to])).expect_silent();
}

mod tests {
    use super::copy_exactly;
    use crate::support::listing::Level;
    use crate::support::listing::assert_same;
    use crate::support::tree::Tree;

    #[test]
    fn a_plain_copy_is_the_same_in_everything() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path().join("a"));
        tree.file("d/f", "one")
            .hard_link("d/f", "g")
            .symlink("l", "nowhere")
            .mode("g", 0o4711)
            .xattr("g", "user.k", "v");
        tree.mtime("l", 5, 6).mtime("d", -7, 8).mtime("", 9, 10);
        copy_exactly(tree.root(), &dir.path().join("b"));
        assert_same(tree.root(), &dir.path().join("b"), Level::Everything);
    }
}
