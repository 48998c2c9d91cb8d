//! Finds a drive by its label or uuid, wherever it is mounted, and has it mounted. Knows what Linux tells of drives (the links of
//! udev, /proc/self/mountinfo), where macOS mounts them, and the list that Windows has.

use crate::cli::failure::Failure;
use crate::cli::output::advice;
use crate::cli::output::text;
use snap_archive::base::path::printable;
use snap_archive::system::platform;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// How a drive is known, wherever it is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DriveName {
    /// The name that was given to its file system.
    Label(String),
    /// The number that its file system got when it was made.
    Uuid(String),
}

impl DriveName {
    /// The link that udev makes to it.
    pub(crate) fn link(&self) -> PathBuf {
        let (folder, name) = match self {
            DriveName::Label(label) => ("/dev/disk/by-label", label),
            DriveName::Uuid(uuid) => ("/dev/disk/by-uuid", uuid),
        };
        let is_plain = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "#+-.:=@_".contains(c);
        let one = |c: char| if is_plain(c) { c.to_string() } else { format!("\\x{:02x}", u32::from(c)) };
        Path::new(folder).join(name.chars().map(one).collect::<String>())
    }
}

impl fmt::Display for DriveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (DriveName::Label(name) | DriveName::Uuid(name)) = self;
        f.write_str(&printable(name.as_bytes()))
    }
}

/// Where the system lists drives.
pub(crate) struct Machine {
    /// What is mounted where, as the kernel lists it.
    mounts: PathBuf,
    /// The folder with a link for each drive, by its label and by its uuid.
    disks: PathBuf,
    /// The folder in which each drive is mounted under its label, where there is none of the others.
    volumes: Option<PathBuf>,
}

/// A drive that is mounted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plugged {
    pub(crate) name: DriveName,
    pub(crate) top: PathBuf,
}

/// Whether what is mounted there is a part of the system.
fn is_of_system(top: &Path) -> bool {
    let parts = ["boot", "efi", "home", "nix", "opt", "srv", "tmp", "usr", "var"];
    top.parent().is_none() || parts.iter().any(|part| top.starts_with(Path::new("/").join(part)))
}

/// Whether a drive is there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DriveState {
    /// Its top is here.
    Mounted(PathBuf),
    /// It is this device, and not mounted.
    Plugged(PathBuf),
    /// It is not plugged in.
    Absent,
}

impl Machine {
    /// This computer.
    pub(crate) fn this() -> Machine {
        Machine {
            mounts: "/proc/self/mountinfo".into(),
            disks: "/dev/disk".into(),
            volumes: cfg!(target_os = "macos").then(|| "/Volumes".into()),
        }
    }

    /// Looks for a drive.
    pub(crate) fn find(&self, name: &DriveName) -> DriveState {
        if let DriveName::Label(label) = name
            && let Some(top) = platform::drives_called(label).into_iter().next()
        {
            return DriveState::Mounted(top);
        }
        if let (Some(volumes), DriveName::Label(label)) = (&self.volumes, name) {
            let top = volumes.join(label);
            return if top.is_dir() { DriveState::Mounted(top) } else { DriveState::Absent };
        }
        match self.device(name) {
            None => DriveState::Absent,
            Some(device) => self.mounted_at(&device).map_or(DriveState::Plugged(device), DriveState::Mounted),
        }
    }

    /// The drives that are mounted and have a label or a uuid, by name; not what the system itself is on.
    pub(crate) fn plugged(&self) -> Vec<Plugged> {
        let names = |folder: &str, name: fn(String) -> DriveName| {
            let links = self.disks.join(folder).read_dir().into_iter().flatten().flatten();
            links.filter_map(move |link| {
                let known = unescaped(link.file_name().as_encoded_bytes(), b"\\x", 16, 2);
                Some((name(String::from_utf8(known).ok()?), link.path().canonicalize().ok()?))
            })
        };
        let mut found: Vec<(PathBuf, Plugged)> = Vec::new();
        for (name, device) in names("by-label", DriveName::Label).chain(names("by-uuid", DriveName::Uuid)) {
            let is_known = found.iter().any(|(known, _)| *known == device);
            if let Some(top) = self.mounted_at(&device).filter(|top| !is_known && !is_of_system(top)) {
                found.push((device, Plugged { name, top }));
            }
        }
        found.sort_by(|(_, a), (_, b)| a.top.cmp(&b.top));
        found.into_iter().map(|(_, plugged)| plugged).collect()
    }

    /// The folder that what `path` is on is mounted in; `None` for what the system itself is on.
    pub(crate) fn mount_point(&self, path: &Path) -> Option<PathBuf> {
        let real = path.ancestors().find_map(|above| above.canonicalize().ok())?;
        let mounts = std::fs::read(&self.mounts).ok()?;
        let points =
            mounts.split(|byte| *byte == b'\n').filter_map(Mount::parse).map(|mount| PathBuf::from(mount.point));
        let around = points.filter(|point| real.starts_with(point));
        around.max_by_key(|point| point.as_os_str().len()).filter(|point| point.parent().is_some())
    }

    /// The device with this label or uuid.
    fn device(&self, name: &DriveName) -> Option<PathBuf> {
        let (folder, wanted) = match name {
            DriveName::Label(label) => ("by-label", label),
            DriveName::Uuid(uuid) => ("by-uuid", uuid),
        };
        let is_it = |link: &OsStr| {
            let known = unescaped(link.as_encoded_bytes(), b"\\x", 16, 2);
            match name {
                DriveName::Label(_) => known == wanted.as_bytes(),
                DriveName::Uuid(_) => known.eq_ignore_ascii_case(wanted.as_bytes()),
            }
        };
        let mut links = self.disks.join(folder).read_dir().ok()?.flatten();
        links.find(|link| is_it(&link.file_name())).and_then(|link| link.path().canonicalize().ok())
    }

    /// Where this device is mounted as a whole; otherwise where a part of it is.
    fn mounted_at(&self, device: &Path) -> Option<PathBuf> {
        let mounts = std::fs::read(&self.mounts).ok()?;
        let of_device = mounts.split(|byte| *byte == b'\n').filter_map(Mount::parse).filter(|mount| {
            let source = Path::new(&mount.source);
            source == device || source.canonicalize().is_ok_and(|real| real == device)
        });
        // A subvolume that a whole system is on comes before what is mounted of it for one program.
        of_device.min_by_key(|mount| mount.root.len()).map(|mount| mount.point.into())
    }
}

/// A line of mountinfo: the folder of the file system that is mounted, where, and the device.
struct Mount {
    root: OsString,
    point: OsString,
    source: OsString,
}

impl Mount {
    fn parse(line: &[u8]) -> Option<Mount> {
        let mut words = line.split(|byte| *byte == b' ');
        let word = |bytes: &[u8]| {
            let path = unescaped(bytes, b"\\", 8, 3);
            platform::path_of(&path).into_owned().into_os_string()
        };
        let (root, point) = (words.nth(3)?, words.next()?);
        // Behind the options, of which there are any number.
        words.find(|word| *word == b"-")?;
        Some(Mount { root: word(root), point: word(point), source: word(words.nth(1)?) })
    }
}

/// Bytes with each escape (`mark` and `digits` digits) turned into the byte that it stands for.
fn unescaped(text: &[u8], mark: &[u8], radix: u32, digits: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        let number = rest.strip_prefix(mark).and_then(|after| std::str::from_utf8(after.get(..digits)?).ok());
        match number.and_then(|number| u8::from_str_radix(number, radix).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[mark.len() + digits..];
            }
            None => {
                bytes.push(*first);
                rest = &rest[1..];
            }
        }
    }
    bytes
}

/// Mounts a device as the desktop does.
///
/// # Errors
/// When udisks is not there, or refuses.
pub(crate) fn mount(device: &Path) -> Result<(), Failure> {
    udisks("mount", device)
}

/// Unmounts it: then it is safe to unplug.
///
/// # Errors
/// When udisks is not there, or refuses; mostly because something on the drive is in use.
pub(crate) fn unmount(device: &Path) -> Result<(), Failure> {
    udisks("unmount", device)
}

fn udisks(verb: &str, device: &Path) -> Result<(), Failure> {
    let doing = format!("cannot {verb} {}", text::path(device));
    let mut command = Command::new("udisksctl");
    let output = command.args([verb, "--no-user-interaction", "-b"]).arg(device).output();
    let said = match output {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "udisksctl is not installed".to_owned(),
        Err(error) => snap_archive::base::error::plain_reason(&error),
    };
    let said = printable(said.as_bytes()).into_owned();
    let failure = Failure::new(format!("{doing}: {said}"));
    Err(if verb == "mount" { failure.with_hint(advice::MOUNT_DRIVE) } else { failure })
}

/// A computer with the drives that the test sets up.
#[cfg(unix)]
#[cfg(test)]
pub(super) mod sample {
    #![allow(clippy::unwrap_used)]

    use super::Machine;
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use tempfile::TempDir;

    pub(crate) struct Computer(TempDir);

    impl Computer {
        pub(crate) fn new() -> Computer {
            let folder = tempfile::tempdir().unwrap();
            for below in ["disk/by-label", "disk/by-uuid"] {
                fs::create_dir_all(folder.path().join(below)).unwrap();
            }
            fs::write(folder.path().join("mounts"), "22 27 0:21 / /proc rw - proc proc rw\n").unwrap();
            Computer(folder)
        }

        pub(crate) fn machine(&self) -> Machine {
            let path = |name: &str| self.0.path().join(name);
            Machine { mounts: path("mounts"), disks: path("disk"), volumes: None }
        }

        /// Plugs in a drive with this label, as udev writes it, and gives its device.
        pub(crate) fn plug(&self, label: &str, device: &str) -> PathBuf {
            let path = self.0.path().join(device);
            fs::write(&path, "").unwrap();
            symlink(format!("../../{device}"), self.0.path().join("disk/by-label").join(label)).unwrap();
            symlink(format!("../../{device}"), self.0.path().join("disk/by-uuid/1F2B-93C4")).ok();
            path.canonicalize().unwrap()
        }

        /// Mounts a device as a whole in a folder.
        pub(crate) fn mount(&self, device: &str, at: &str) -> PathBuf {
            self.mount_part(device, at, "/")
        }

        /// Mounts a folder of a device in a folder, and gives that.
        pub(crate) fn mount_part(&self, device: &str, at: &str, part: &str) -> PathBuf {
            let (device, top) = (self.0.path().join(device), self.0.path().join(at));
            let point = top.to_str().unwrap().replace(' ', "\\040");
            let mut mounts = fs::OpenOptions::new().append(true).open(self.0.path().join("mounts")).unwrap();
            let device = device.display();
            writeln!(mounts, "36 35 8:1 {part} {point} rw,nosuid shared:7 master:1 - vfat {device} rw").unwrap();
            top
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::sample::Computer;
    use super::*;

    fn label(name: &str) -> DriveName {
        DriveName::Label(name.to_owned())
    }

    #[test]
    fn a_drive_is_found_by_label_and_by_uuid_wherever_it_is_mounted() {
        let computer = Computer::new();
        assert_eq!(computer.machine().find(&label("My Stick")), DriveState::Absent);
        let device = computer.plug("My\\x20Stick", "sdb1");
        assert_eq!(computer.machine().find(&label("My Stick")), DriveState::Plugged(device));
        let top = computer.mount("sdb1", "media/My Stick");
        assert_eq!(computer.machine().find(&label("My Stick")), DriveState::Mounted(top.clone()));
        assert_eq!(computer.machine().find(&DriveName::Uuid("1f2b-93c4".to_owned())), DriveState::Mounted(top));
        assert_eq!(computer.machine().find(&label("My")), DriveState::Absent);
    }

    #[test]
    fn the_whole_of_a_drive_is_taken_before_a_part_of_it() {
        let computer = Computer::new();
        computer.plug("A", "sdb1");
        computer.mount_part("sdb1", "part", "/inner");
        let top = computer.mount("sdb1", "whole");
        assert_eq!(computer.machine().find(&label("A")), DriveState::Mounted(top));
    }

    #[test]
    fn where_there_are_no_links_and_no_list_no_drive_is_found() {
        let machine = Machine { mounts: "missing".into(), disks: "missing".into(), volumes: None };
        assert_eq!(machine.find(&label("A")), DriveState::Absent);
    }

    #[test]
    fn what_a_path_is_on_is_found() {
        let computer = Computer::new();
        let top = computer.mount("sdb1", "media/stick");
        std::fs::create_dir_all(top.join("archive")).ok();
        let top = top.canonicalize().unwrap_or(top);
        assert_eq!(computer.machine().mount_point(&top.join("archive/none/yet")), Some(top));
        assert_eq!(computer.machine().mount_point(Path::new("/")), None);
    }

    #[test]
    fn links_are_named_as_udev_names_them() {
        assert_eq!(label("My Stick é/").link(), Path::new("/dev/disk/by-label/My\\x20Stick\\x20é\\x2f"));
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        assert_eq!(unescaped(br"a\040b\\x\04", b"\\", 8, 3), br"a b\\x\04");
        assert_eq!(unescaped(br"a\x20\x2\xzz", b"\\x", 16, 2), br"a \x2\xzz");
        assert_eq!(unescaped("\\é12".as_bytes(), b"\\", 8, 3), "\\é12".as_bytes());
    }
}
