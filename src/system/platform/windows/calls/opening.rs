//! How things are opened, and the change of their attributes that writing needs, too.

use super::facts;
use super::nt;
use super::nt::How;
use std::fs::File;
use std::io;
use windows_sys::Wdk::Storage::FileSystem as wdk;
use windows_sys::Win32::Storage::FileSystem as fs;

/// To look at something that is there.
pub const LOOK: How = How { access: fs::FILE_READ_ATTRIBUTES, disposition: wdk::FILE_OPEN, options: 0 };

/// To change what is known of something that is there.
pub const CHANGE: How = How { access: fs::FILE_READ_ATTRIBUTES | fs::FILE_WRITE_ATTRIBUTES, ..LOOK };

/// Changes attributes and nothing else.
pub fn change(file: &File, change: impl Fn(u32) -> u32) -> io::Result<()> {
    let basic: fs::FILE_BASIC_INFO = nt::info(file, fs::FileBasicInfo)?;
    let changed = change(basic.FileAttributes);
    if changed == basic.FileAttributes {
        return Ok(());
    }
    // Zero leaves a time as it is; it would leave the attributes, too, so that none is said with a value of its own.
    let attributes = if changed == 0 { facts::NORMAL } else { changed };
    nt::set_info(file, fs::FileBasicInfo, &fs::FILE_BASIC_INFO { FileAttributes: attributes, ..Default::default() })
}
