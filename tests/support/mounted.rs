//! File systems of the test's own, mounted as long as it runs. Knows nothing of archives.

use crate::support::command::as_root;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::skipped;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use tempfile::TempDir;

/// A folder that is shown at another place, until dropped.
pub struct Bound(PathBuf);

impl Bound {
    /// `None` when that cannot be had.
    pub fn new(folder: &Path, at: PathBuf) -> Option<Bound> {
        let is_bound = run(program("mount").arg("--bind").args([folder, &at])).status == 0;
        is_bound.then_some(Bound(at))
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        run(program("umount").arg(&self.0));
    }
}

/// A mounted file system.
pub struct Mounted {
    top: PathBuf,
    /// What it is made in, if it is made in a file.
    image: PathBuf,
    _directory: TempDir,
}

impl Mounted {
    /// A tmpfs of this size; `None`, with a message, when there can be none.
    pub fn tmpfs(megabytes: u64) -> Option<Mounted> {
        Mounted::with(&|_| ["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "none"].map(Into::into).into())
    }

    /// An ext4 in a file of this size; `None`, with a message, when there can be none.
    pub fn ext4(megabytes: u64) -> Option<Mounted> {
        if !installed("mkfs.ext4") {
            return None;
        }
        Mounted::with(&|image| {
            fs::File::create(image).unwrap().set_len(megabytes << 20).unwrap();
            run(program("mkfs.ext4").args(["-q", "-F"]).arg(image)).expect_ok();
            ["-o".into(), "loop".into(), image.as_os_str().to_owned()].into()
        })
    }

    /// An exFAT in a file of this size, by FUSE: the system of this machine may have no other; `None`, with a message,
    /// when there can be none.
    pub fn exfat(megabytes: u64) -> Option<Mounted> {
        if !installed("mkfs.exfat") || !installed("mount.exfat-fuse") {
            return None;
        }
        Mounted::with(&|image| {
            fs::File::create(image).unwrap().set_len(megabytes << 20).unwrap();
            run(program("mkfs.exfat").arg(image)).expect_ok();
            ["-t".into(), "exfat-fuse".into(), "-o".into(), "loop".into(), image.as_os_str().to_owned()].into()
        })
    }

    fn with(words: &dyn Fn(&Path) -> Vec<std::ffi::OsString>) -> Option<Mounted> {
        if !as_root() {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let (top, image) = (directory.path().join("top"), directory.path().join("image"));
        fs::create_dir(&top).unwrap();
        if run(program("mount").args(words(&image)).arg(&top)).status != 0 {
            skipped("nothing can be mounted here");
            return None;
        }
        Some(Mounted { top, image, _directory: directory })
    }

    /// The top of the file system.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// Makes a group of processes that write no faster than this to it. A process joins by writing its number to a
    /// file. `None`, with a message, when this system cannot do that.
    pub fn slow_writing(&self, megabytes_each_second: u64) -> Option<Slow> {
        let top = PathBuf::from(format!("/sys/fs/cgroup/blkio/snap-test-{}", std::process::id()));
        let found = run(program("findmnt").args(["-nvo", "MAJ:MIN"]).arg(&self.top)).out();
        if fs::create_dir(&top).is_err() {
            skipped("there are no groups of processes here that can be slowed down");
            return None;
        }
        let slow = Slow(top);
        let limit = format!("{} {}", found.trim(), megabytes_each_second << 20);
        if fs::write(slow.0.join("blkio.throttle.write_bps_device"), limit).is_err() {
            skipped("writing cannot be slowed down here");
            return None;
        }
        Some(slow)
    }

    /// The file that it is made in.
    pub fn image(&self) -> &Path {
        &self.image
    }
}

/// A group of processes that write slowly.
pub struct Slow(PathBuf);

impl Slow {
    /// The file to which a process writes its number to join.
    pub fn members(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = program("umount").arg("-l").arg(&self.top).output();
        // A file system by FUSE leaves its loop device behind.
        if let Ok(found) = program("losetup").args(["-nO", "NAME", "-j"]).arg(&self.image).output() {
            for device in String::from_utf8_lossy(&found.stdout).split_whitespace() {
                let _ = program("losetup").args(["-d", device]).output();
            }
        }
    }
}
