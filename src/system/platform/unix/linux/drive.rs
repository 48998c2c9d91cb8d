//! Whether a drive may be unplugged at any moment. Knows only what Linux's sysfs tells of block devices (sysfs-block in its ABI
//! documents); elsewhere every drive may be.

use crate::system::platform::facts::Names;
use crate::system::platform::unix::Handle;
use std::path::Path;

/// How many layers of devices on devices (partitions, encryption, volumes) are followed.
const LAYERS_MAX: u32 = 8;

impl Handle {
    pub fn may_be_unplugged(&self) -> bool {
        let is_ordinary = self.file_system().names == Names::All;
        !is_ordinary || !is_built_in(&Path::new("/sys/dev/block").join(self.device_number()), LAYERS_MAX)
    }

    /// The number of the device it is on, as sysfs writes it.
    fn device_number(&self) -> String {
        let device = self.own_stat().map_or(0, |stat| stat.file_system);
        format!("{}:{}", device >> 32, device & 0xffff_ffff)
    }
}

/// Whether a device of sysfs, and all that it consists of, is known to be built in.
fn is_built_in(device: &Path, layers: u32) -> bool {
    let Ok(device) = device.canonicalize() else { return false };
    let below: Vec<_> = device.join("slaves").read_dir().into_iter().flatten().flatten().collect();
    if !below.is_empty() {
        return layers > 0 && below.iter().all(|layer| is_built_in(&layer.path(), layers - 1));
    }
    let mut parts = device.iter().map(std::ffi::OsStr::as_encoded_bytes);
    let is_on_a_plug = |part: &[u8]| part.starts_with(b"usb") || part == b"mmc_host" || part == b"virtual";
    // A partition's own folder does not say so; that of its disk does.
    let is_removable = |folder: &Path| std::fs::read(folder.join("removable")).is_ok_and(|text| text.starts_with(b"1"));
    !parts.any(is_on_a_plug) && !device.ancestors().take(2).any(is_removable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A folder like sysfs's with two disks: one inside, one on a plug, both with a partition, and two volumes made of them.
    fn devices() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let make = |device: &str, removable: &str| {
            fs::create_dir_all(folder.path().join(device).join("part1/slaves")).unwrap();
            fs::write(folder.path().join(device).join("removable"), removable).unwrap();
        };
        make("pci0/ata1/block/sda", "0\n");
        make("pci0/usb2/2-1/block/sdb", "0\n");
        make("pci0/ata2/block/sr0", "1\n");
        for (volume, below) in
            [("dm-0", vec!["ata1/block/sda"]), ("dm-1", vec!["ata1/block/sda", "usb2/2-1/block/sdb"])]
        {
            let slaves = folder.path().join("virtual/block").join(volume).join("slaves");
            fs::create_dir_all(&slaves).unwrap();
            for (number, disk) in below.iter().enumerate() {
                let disk = folder.path().join("pci0").join(disk).join("part1");
                symlink(disk, slaves.join(number.to_string())).unwrap();
            }
        }
        fs::create_dir_all(folder.path().join("virtual/block/loop0")).unwrap();
        folder
    }

    #[test]
    fn a_drive_on_a_plug_or_of_unknown_kind_may_be_unplugged() {
        let folder = devices();
        let is_built_in = |device: &str| is_built_in(&folder.path().join(device), LAYERS_MAX);
        assert!(is_built_in("pci0/ata1/block/sda") && is_built_in("pci0/ata1/block/sda/part1"));
        assert!(!is_built_in("pci0/usb2/2-1/block/sdb") && !is_built_in("pci0/usb2/2-1/block/sdb/part1"));
        assert!(!is_built_in("pci0/ata2/block/sr0/part1"), "a removable medium");
        assert!(!is_built_in("virtual/block/loop0"), "a file, wherever it is");
        assert!(!is_built_in("nothing"), "a network's");
    }

    #[test]
    fn devices_are_numbered_as_the_system_numbers_them() {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        // Field 3 is the number, field 5 where it is mounted.
        let fields = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let proc = mounts.lines().map(fields).rfind(|mount| mount[4] == "/proc").unwrap();
        assert_eq!(Handle::open(Path::new("/proc")).unwrap().device_number(), proc[2]);
    }

    #[test]
    fn a_volume_is_as_its_disks_are() {
        let folder = devices();
        let volume = |name: &str| folder.path().join("virtual/block").join(name);
        assert!(is_built_in(&volume("dm-0"), LAYERS_MAX));
        assert!(!is_built_in(&volume("dm-1"), LAYERS_MAX), "one of two can be pulled out");
        assert!(!is_built_in(&volume("dm-0"), 0), "there is an end to following");
    }
}
