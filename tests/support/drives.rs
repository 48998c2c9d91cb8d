//! Real file systems in files and in memory, mounted for a test and gone afterwards. Knows nothing of snap.

use crate::support::command::as_root;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::command::skipped;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;
use tempfile::TempDir;

/// What kind of drive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Ext4,
    Xfs,
    Btrfs,
    Tmpfs,
    /// exFAT by FUSE.
    ExFat,
    /// NTFS by ntfs-3g.
    Ntfs,
    /// The same, told to take only names that Windows takes.
    NtfsWindowsNames,
    /// A directory of this machine, seen through SSH.
    Sshfs,
}

impl Kind {
    pub const ALL: [Kind; 8] =
        [Kind::Ext4, Kind::Xfs, Kind::Btrfs, Kind::Tmpfs, Kind::ExFat, Kind::Ntfs, Kind::NtfsWindowsNames, Kind::Sshfs];

    /// The programs that make and mount it.
    fn tools(self) -> &'static [&'static str] {
        match self {
            Kind::Ext4 => &["mkfs.ext4"],
            Kind::Xfs => &["mkfs.xfs"],
            Kind::Btrfs => &["mkfs.btrfs"],
            Kind::Tmpfs => &[],
            Kind::ExFat => &["mkfs.exfat", "mount.exfat-fuse"],
            Kind::Ntfs | Kind::NtfsWindowsNames => &["mkfs.ntfs", "ntfs-3g"],
            Kind::Sshfs => &["sshfs", "sshd", "ssh-keygen"],
        }
    }

    /// Makes the file system in `$1`, and says on stdout what to mount.
    fn make_line(self) -> &'static str {
        match self {
            Kind::Ext4 => "truncate -s 64M \"$1\" && mkfs.ext4 -q \"$1\" && echo \"$1\"",
            Kind::Xfs => "truncate -s 320M \"$1\" && mkfs.xfs -q \"$1\" && echo \"$1\"",
            Kind::Btrfs => "truncate -s 160M \"$1\" && mkfs.btrfs -q \"$1\" > /dev/null && echo \"$1\"",
            Kind::Tmpfs | Kind::Sshfs => "echo \"$1\"",
            Kind::ExFat => "truncate -s 64M \"$1\" && mkfs.exfat \"$1\" > /dev/null && losetup -f --show \"$1\"",
            Kind::Ntfs | Kind::NtfsWindowsNames => {
                "truncate -s 64M \"$1\" && mkfs.ntfs -F -Q -q \"$1\" > /dev/null 2>&1 && echo \"$1\""
            }
        }
    }

    /// Mounts `$1` at `$2`.
    fn mount_line(self) -> &'static str {
        match self {
            Kind::Ext4 | Kind::Xfs | Kind::Btrfs => "mount -o loop \"$1\" \"$2\"",
            Kind::Tmpfs => "mount -t tmpfs -o size=64m tmpfs \"$2\"",
            Kind::ExFat => "mount.exfat-fuse \"$1\" \"$2\" > /dev/null 2>&1",
            Kind::Ntfs => "ntfs-3g -o permissions \"$1\" \"$2\"",
            Kind::NtfsWindowsNames => "ntfs-3g -o windows_names,permissions \"$1\" \"$2\"",
            Kind::Sshfs => {
                "sshfs -F /dev/null -o IdentityFile=\"$1/uk\",StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null \
                 -o Port=\"$(cat \"$1/port\")\",LogLevel=ERROR root@127.0.0.1:\"$1/data\" \"$2\""
            }
        }
    }
}

/// A drive that can be plugged in and out; gone when it is dropped.
pub struct Drive {
    pub kind: Kind,
    mount: PathBuf,
    /// What is mounted.
    what: String,
    is_in: bool,
    /// Further mounts.
    others: Vec<PathBuf>,
    directory: TempDir,
}

impl Drive {
    /// A new, empty one, plugged in; `None`, with a message, where there is none.
    pub fn new(kind: Kind) -> Option<Drive> {
        if !as_root() || !kind.tools().iter().all(|tool| has_tool(tool)) {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let mount = directory.path().join("drive");
        fs::create_dir(&mount).unwrap();
        let image = directory.path().join("image");
        if kind == Kind::Sshfs {
            start_sshd(&image)?;
        }
        let made = run(&mut shell(kind.make_line(), &[&image]));
        let what = made.out().trim().to_owned();
        let mut drive = Drive { kind, mount, what, is_in: false, others: Vec::new(), directory };
        if made.status != 0 || !drive.try_plug_in() {
            skipped(&format!("{kind:?} cannot be had here: {}", made.err()));
            return None;
        }
        Some(drive)
    }

    /// Its top directory.
    pub fn root(&self) -> &Path {
        &self.mount
    }

    /// A place on another disk.
    pub fn elsewhere(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn try_plug_in(&mut self) -> bool {
        self.is_in = run(&mut shell(self.kind.mount_line(), &[&self.what, &self.mount])).status == 0;
        self.is_in
    }

    /// Mounts it once more; what one mount has in memory, the other does not know.
    pub fn another_mount(&mut self) -> PathBuf {
        let place = self.directory.path().join(format!("other-{}", self.others.len()));
        fs::create_dir(&place).unwrap();
        run(&mut shell(self.kind.mount_line(), &[&self.what, &place])).expect_ok();
        self.others.push(place.clone());
        place
    }

    /// Plugs it out and in again. What is in memory only (tmpfs) stays as it is.
    pub fn replug(&mut self) {
        if self.kind != Kind::Tmpfs {
            self.plug_out();
            assert!(self.try_plug_in(), "{:?} cannot be mounted again", self.kind);
        }
    }

    /// Plugs it out, cleanly.
    pub fn plug_out(&mut self) {
        // Another process (an indexer, a slow FUSE driver) may hold it a moment longer.
        for _ in 0..50 {
            if run(program("umount").arg(&self.mount)).status == 0 {
                self.is_in = false;
                // A FUSE driver writes and lets go of its device only after umount has returned.
                std::thread::sleep(Duration::from_millis(if self.what.starts_with("/dev/") { 500 } else { 0 }));
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{:?} is busy", self.kind);
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        for mount in &self.others {
            let _ = program("umount").arg("-l").arg(mount).output();
        }
        if self.is_in {
            let _ = program("umount").arg("-l").arg(&self.mount).output();
        }
        if self.what.starts_with("/dev/loop") {
            let _ = program("losetup").arg("-d").arg(&self.what).output();
        }
        if let Ok(process) = fs::read_to_string(self.directory.path().join("image/pid")) {
            let _ = program("kill").arg(process.trim()).output();
        }
    }
}

/// Also those in the directories of system programs.
fn has_tool(tool: &str) -> bool {
    ["/usr/sbin", "/sbin", "/usr/local/sbin"].iter().any(|place| Path::new(place).join(tool).is_file())
        || installed(tool)
}

/// A server on this machine alone, with keys of its own; ready when this returns.
fn start_sshd(place: &Path) -> Option<()> {
    fs::create_dir_all(place.join("data")).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fs::write(place.join("port"), port.to_string()).unwrap();
    let at = place.display();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/hk\nPidFile {at}/pid\nAuthorizedKeysFile {at}/uk.pub\n\
         StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
    );
    fs::write(place.join("config"), config).unwrap();
    let line = "mkdir -p /run/sshd; for k in hk uk; do ssh-keygen -q -t ed25519 -N '' -f \"$1/$k\" || exit 1; done; \
                \"$(PATH=$PATH:/usr/sbin command -v sshd)\" -f \"$1/config\" -E \"$1/log\"";
    if run(&mut shell(line, &[&place])).status != 0 {
        skipped("the SSH server does not start");
        return None;
    }
    let began = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if began.elapsed() > Duration::from_secs(10) {
            skipped("the SSH server does not answer");
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(())
}
