//! Where the configuration says that an archive is, and the folder that this is now.

use super::drive::DriveName;
use super::drive::DriveState;
use super::drive::Machine;
use crate::cli::failure::Failure;
use crate::cli::output::advice;
use crate::cli::output::text;
use snap_archive::base::id::ArchiveId;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;

/// Where an archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a folder that is always in the same place.
    Folder(PathBuf),
    /// On whichever of these drives is plugged in, at least one.
    Drives(Vec<Drive>),
}

/// A drive, and a folder on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drive {
    /// How it is known.
    pub(crate) name: DriveName,
    /// The archive's folder on it; empty: its top.
    pub(crate) folder: PathBuf,
    /// The id of the archive there, if it is known.
    pub(crate) id: Option<ArchiveId>,
}

/// The folder that an archive is in now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The id that the archive there must have, if it is known.
    pub(crate) id: Option<ArchiveId>,
    /// The device that was mounted to reach it.
    pub(crate) mounted: Option<PathBuf>,
}

/// What mounts a device, if that is allowed.
pub(crate) type Mount<'m> = Option<&'m dyn Fn(&Path) -> Result<(), Failure>>;

impl Place {
    /// Finds the folder. Of several drives that are there the first is taken that is mounted; one that is not is mounted by
    /// `mount`.
    ///
    /// # Errors
    /// When no drive is plugged in, or it is not mounted and cannot be.
    pub(crate) fn locate(&self, machine: &Machine, mount: Mount<'_>) -> Result<Located, Failure> {
        let drives = match self {
            Place::Folder(folder) => return Ok(Located { folder: folder.clone(), id: None, mounted: None }),
            Place::Drives(drives) => drives,
        };
        let found: Vec<(&Drive, DriveState)> = drives.iter().map(|drive| (drive, machine.find(&drive.name))).collect();
        let mounted = found.iter().find_map(|(drive, found)| match found {
            DriveState::Mounted(top) => Some(drive.at(top, None)),
            _ => None,
        });
        if let Some(located) = mounted {
            return Ok(located);
        }
        let plugged = found.iter().find_map(|(drive, found)| match found {
            DriveState::Plugged(device) => Some((*drive, device)),
            _ => None,
        });
        let Some((drive, device)) = plugged else { return Err(absent(drives)) };
        let Some(mount) = mount else { return Err(not_mounted(drive, device)) };
        mount(device)?;
        match machine.find(&drive.name) {
            DriveState::Mounted(top) => Ok(drive.at(&top, Some(device))),
            _ => Err(not_mounted(drive, device)),
        }
    }
}

impl Drive {
    /// What was typed as `LABEL:/folder` or `LABEL:\folder`, unless there is a folder `LABEL:` here. One letter is not a label: it is
    /// a drive of Windows.
    pub(crate) fn typed(path: &Path) -> Option<Drive> {
        let is_slash = |c| matches!(c, '/' | '\\');
        let text = path.to_str()?;
        let (label, folder) = text.split_once(':')?;
        let is_label = label.chars().count() > 1 && !label.contains(is_slash);
        let is_folder = folder.is_empty() || folder.starts_with(is_slash) && !folder.starts_with("//");
        let drive = Drive {
            name: DriveName::Label(label.to_owned()),
            folder: folder.trim_start_matches(is_slash).into(),
            id: None,
        };
        (is_label && is_folder && !Path::new(&text[..=label.len()]).exists()).then_some(drive)
    }

    fn at(&self, top: &Path, mounted: Option<&Path>) -> Located {
        let folder = if self.folder.as_os_str().is_empty() { top.to_owned() } else { top.join(&self.folder) };
        Located { folder, id: self.id, mounted: mounted.map(Path::to_owned) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Folder(folder) => f.write_str(&text::path(folder)),
            Place::Drives(drives) => {
                let shown = drives.iter().map(|drive| match text::path(&drive.folder) {
                    folder if folder.is_empty() => format!("drive {}", drive.name),
                    folder => format!("drive {}, folder {folder}", drive.name),
                });
                f.write_str(&shown.collect::<Vec<_>>().join(" or "))
            }
        }
    }
}

fn absent(drives: &[Drive]) -> Failure {
    let names: Vec<String> = drives.iter().map(|drive| drive.name.to_string()).collect();
    let what = match names.as_slice() {
        [name] => format!("the drive {name} is not plugged in"),
        names => format!("none of the drives {} is plugged in", names.join(", ")),
    };
    Failure::not_there("no-drive", what).with_hint(advice::PLUG_IN_DRIVE)
}

fn not_mounted(drive: &Drive, device: &Path) -> Failure {
    let what = format!("the drive {} is plugged in, but not mounted (it is {})", drive.name, text::path(device));
    Failure::not_there("not-mounted", what).with_hint(advice::MOUNT_DRIVE)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::drive::sample::Computer;
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn a_label_before_a_colon_is_a_drive_and_a_letter_is_not() {
        let typed = |text: &str| Drive::typed(Path::new(text));
        let drive = |label: &str, folder: &str| {
            Some(Drive { name: DriveName::Label(label.to_owned()), folder: folder.into(), id: None })
        };
        assert_eq!(typed(r"STICK:\backup"), drive("STICK", "backup"));
        assert_eq!(typed("My Stick:/a/b"), drive("My Stick", "a/b"));
        assert_eq!([typed("STICK:"), typed("STICK:/")], [drive("STICK", ""), drive("STICK", "")]);
        for folder in ["E:/backup", r"E:\backup", "/media/a:/b", "a/b:/c", "http://x", "x:y", "backup", ""] {
            assert_eq!(typed(folder), None, "{folder}");
        }
    }

    fn two() -> Place {
        let drive = |label: &str| Drive {
            name: DriveName::Label(label.to_owned()),
            folder: "snap".into(),
            id: Some(ArchiveId([label.len() as u8; 16])),
        };
        Place::Drives(vec![drive("A"), drive("BB")])
    }

    #[test]
    fn of_two_drives_the_one_that_is_there_is_used_with_its_own_id() {
        let computer = Computer::new();
        let absent = two().locate(&computer.machine(), None).unwrap_err();
        assert_eq!((absent.code(), absent.kind()), (4, "no-drive"));
        assert!(absent.what().contains("A, BB"), "{absent:?}");
        computer.plug("BB", "sdb1");
        let unmounted = two().locate(&computer.machine(), None).unwrap_err();
        assert_eq!((unmounted.code(), unmounted.kind()), (4, "not-mounted"));
        let top = computer.mount("sdb1", "m/BB");
        let located = two().locate(&computer.machine(), None).unwrap();
        assert_eq!((located.folder, located.id), (top.join("snap"), Some(ArchiveId([2; 16]))));
        computer.plug("A", "sda1");
        assert_eq!(two().locate(&computer.machine(), None).unwrap().folder, top.join("snap"), "A is not mounted");
        let top = computer.mount("sda1", "m/A");
        assert_eq!(two().locate(&computer.machine(), None).unwrap().folder, top.join("snap"), "A comes first");
    }

    #[test]
    fn a_drive_that_is_not_mounted_is_mounted_where_that_is_wanted() {
        let computer = Computer::new();
        let device = computer.plug("A", "sda1");
        let asked = RefCell::new(Vec::new());
        let mount = |device: &Path| {
            asked.borrow_mut().push(device.to_owned());
            computer.mount("sda1", "m/A");
            Ok(())
        };
        let located = two().locate(&computer.machine(), Some(&mount)).unwrap();
        assert_eq!((asked.take(), located.mounted), (vec![device.clone()], Some(device)));
        let located = two().locate(&computer.machine(), Some(&mount)).unwrap();
        assert_eq!((asked.take(), located.mounted), (vec![], None), "it is mounted already");
    }

    #[test]
    fn a_mount_that_did_not_help_is_told() {
        let computer = Computer::new();
        computer.plug("A", "sda1");
        let failure = two().locate(&computer.machine(), Some(&|_| Ok(()))).unwrap_err();
        assert_eq!((failure.code(), failure.kind()), (4, "not-mounted"));
    }

    #[test]
    fn a_place_reads_as_a_person_says_it() {
        assert_eq!(two().to_string(), "drive A, folder snap or drive BB, folder snap");
        assert_eq!(Place::Folder("/a/b".into()).to_string(), "/a/b");
    }
}
