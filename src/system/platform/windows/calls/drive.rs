//! Whether a drive may be unplugged at any moment: asked of the bus it is on, since the system calls a disk on USB a fixed one.

use super::Handle;
use super::facts;
use super::names;
use super::nt;
use std::fs::File;
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::PathBuf;
use windows_sys::Win32::System::Ioctl::IOCTL_STORAGE_QUERY_PROPERTY;

/// The longest description of a device that is read.
const DESCRIPTOR_BYTES: usize = 1024;

/// `STORAGE_PROPERTY_QUERY` that asks for the description of the device, as all zeros do.
const QUESTION: [u8; 12] = [0; 12];

impl Handle {
    pub fn may_be_unplugged(&self) -> bool {
        !self.descriptor().is_ok_and(|descriptor| facts::is_built_in(&descriptor))
    }

    fn descriptor(&self) -> io::Result<Vec<u8>> {
        // By the volume's own name, since it may be mounted in a folder of another drive.
        let device = |is_from_volume| {
            let path = String::from_utf16_lossy(&nt::final_path(&self.0, is_from_volume)?);
            names::device_of(&path).ok_or_else(|| io::ErrorKind::Unsupported.into())
        };
        let device = device(true).or_else(|_: io::Error| device(false))?;
        // Opened for no access at all, which everybody may do.
        let volume = File::options().access_mode(0).share_mode(nt::SHARE_ALL).open(device)?;
        nt::control(&volume, IOCTL_STORAGE_QUERY_PROPERTY, &QUESTION, DESCRIPTOR_BYTES)
    }
}

/// Windows ignores the case of labels.
pub fn drives_called(label: &str) -> Vec<PathBuf> {
    let is_it = |known: &str| known.to_lowercase() == label.to_lowercase();
    nt::volumes().into_iter().filter(|(known, _)| is_it(known)).map(|(_, place)| place.into()).collect()
}
