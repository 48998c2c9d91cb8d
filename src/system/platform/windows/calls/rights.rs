//! Owner and access rights of open files, and whether this person may give files to others.
#![allow(unsafe_code)]

use super::nt::SHARE_ALL;
use super::nt::handle;
use super::nt::win32;
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;
use std::os::windows::io::FromRawHandle;
use std::os::windows::io::OwnedHandle;
use std::ptr::null;
use std::ptr::null_mut;
use std::sync::OnceLock;
use windows_sys::Win32::Foundation::ERROR_NOT_ALL_ASSIGNED;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::Foundation::LUID;
use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::AdjustTokenPrivileges;
use windows_sys::Win32::Security::Authorization;
use windows_sys::Win32::Security::DACL_SECURITY_INFORMATION;
use windows_sys::Win32::Security::GROUP_SECURITY_INFORMATION;
use windows_sys::Win32::Security::GetSecurityDescriptorDacl;
use windows_sys::Win32::Security::GetSecurityDescriptorGroup;
use windows_sys::Win32::Security::GetSecurityDescriptorOwner;
use windows_sys::Win32::Security::LUID_AND_ATTRIBUTES;
use windows_sys::Win32::Security::LookupPrivilegeValueW;
use windows_sys::Win32::Security::OWNER_SECURITY_INFORMATION;
use windows_sys::Win32::Security::PROTECTED_DACL_SECURITY_INFORMATION;
use windows_sys::Win32::Security::PSECURITY_DESCRIPTOR;
use windows_sys::Win32::Security::SE_PRIVILEGE_ENABLED;
use windows_sys::Win32::Security::SE_RESTORE_NAME;
use windows_sys::Win32::Security::TOKEN_ADJUST_PRIVILEGES;
use windows_sys::Win32::Security::TOKEN_PRIVILEGES;
use windows_sys::Win32::Security::TOKEN_QUERY;
use windows_sys::Win32::Security::UNPROTECTED_DACL_SECURITY_INFORMATION;
use windows_sys::Win32::Storage::FileSystem as fs;
use windows_sys::Win32::System::Threading;

/// What the system made and is to be given back.
struct Local(*mut c_void);

impl Drop for Local {
    fn drop(&mut self) {
        // SAFETY: it was made by a call that says to give it back so, and nobody else has it.
        unsafe { LocalFree(self.0) };
    }
}

/// Owner, group and access rights of an open file, as text (SDDL).
pub fn security(file: &File) -> io::Result<String> {
    const WANTED: u32 = OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let mut found: PSECURITY_DESCRIPTOR = null_mut();
    // SAFETY: `found` gets what the call makes; what is null is not asked for.
    done(unsafe {
        let none = null_mut();
        Authorization::GetSecurityInfo(
            handle(file),
            Authorization::SE_FILE_OBJECT,
            WANTED,
            none,
            none,
            null_mut(),
            null_mut(),
            &raw mut found,
        )
    })?;
    let found = Local(found);
    let (mut text, mut units): (*mut u16, u32) = (null_mut(), 0);
    // SAFETY: the descriptor is one that the system made; `text` gets what the call makes.
    win32(unsafe {
        Authorization::ConvertSecurityDescriptorToStringSecurityDescriptorW(
            found.0,
            Authorization::SDDL_REVISION_1,
            WANTED,
            &raw mut text,
            &raw mut units,
        )
    })?;
    let text = Local(text.cast());
    // SAFETY: this many units were made there, and they live until `text` is dropped.
    let wide = unsafe { std::slice::from_raw_parts(text.0.cast::<u16>(), units as usize) };
    Ok(String::from_utf16_lossy(wide).trim_end_matches('\0').to_owned())
}

/// Gives an open file the owner, group and access rights that a text says, beside those that come from the folder around, or
/// instead of them.
pub fn set_security(file: &File, text: &str, takes_none_from_around: bool) -> io::Result<()> {
    let wide: Vec<u16> = text.encode_utf16().filter(|unit| *unit != 0).chain([0]).collect();
    let (mut made, revision) = (null_mut(), Authorization::SDDL_REVISION_1);
    // SAFETY: the text ends with a NUL; `made` gets what the call makes.
    win32(unsafe {
        let text = wide.as_ptr();
        Authorization::ConvertStringSecurityDescriptorToSecurityDescriptorW(text, revision, &raw mut made, null_mut())
    })?;
    let made = Local(made);
    let (mut owner, mut group, mut list, mut is_there, mut ignored) = (null_mut(), null_mut(), null_mut(), 0, 0);
    // SAFETY: the descriptor is one that the system made, and lives as long as what points into it.
    unsafe {
        win32(GetSecurityDescriptorOwner(made.0, &raw mut owner, &raw mut ignored))?;
        win32(GetSecurityDescriptorGroup(made.0, &raw mut group, &raw mut ignored))?;
        win32(GetSecurityDescriptorDacl(made.0, &raw mut is_there, &raw mut list, &raw mut ignored))?;
    }
    let from_around = if takes_none_from_around {
        PROTECTED_DACL_SECURITY_INFORMATION
    } else {
        UNPROTECTED_DACL_SECURITY_INFORMATION
    };
    let rights = if is_there == 0 { 0 } else { DACL_SECURITY_INFORMATION | from_around };
    let owners = [(owner, OWNER_SECURITY_INFORMATION), (group, GROUP_SECURITY_INFORMATION)];
    let wanted = owners.iter().filter(|(who, _)| !who.is_null()).fold(rights, |wanted, (_, bit)| wanted | bit);
    let file = reopened(file, fs::READ_CONTROL | fs::WRITE_DAC | fs::WRITE_OWNER)?;
    // SAFETY: all that is pointed to is in the descriptor, which lives until the call returns.
    done(unsafe {
        let kind = Authorization::SE_FILE_OBJECT;
        Authorization::SetSecurityInfo(handle(&file), kind, wanted, owner, group, list, null())
    })
}

/// What calls return that return their error.
fn done(error: u32) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error as i32)) }
}

/// The same file, to do something else with it.
fn reopened(file: &File, access: u32) -> io::Result<File> {
    let flags = fs::FILE_FLAG_BACKUP_SEMANTICS | fs::FILE_FLAG_OPEN_REPARSE_POINT;
    // SAFETY: the handle is open.
    let opened = unsafe { fs::ReOpenFile(handle(file), access, SHARE_ALL, flags) };
    if opened == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handle is new, open, and nobody else's.
    Ok(unsafe { File::from_raw_handle(opened.cast()) })
}

/// Whether this person may give files to others, which is asked for the first time.
pub fn may_give_away() -> bool {
    static MAY: OnceLock<bool> = OnceLock::new();
    *MAY.get_or_init(|| asked_to_give_away().unwrap_or(false))
}

fn asked_to_give_away() -> io::Result<bool> {
    let mut token: HANDLE = null_mut();
    // SAFETY: `token` gets a handle.
    win32(unsafe {
        Threading::OpenProcessToken(
            Threading::GetCurrentProcess(),
            TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY,
            &raw mut token,
        )
    })?;
    // SAFETY: the handle is new, open, and nobody else's.
    let token = unsafe { OwnedHandle::from_raw_handle(token.cast()) };
    let mut right = LUID::default();
    // SAFETY: the name ends with a NUL, and `right` gets its number.
    win32(unsafe { LookupPrivilegeValueW(null(), SE_RESTORE_NAME, &raw mut right) })?;
    let wanted = LUID_AND_ATTRIBUTES { Luid: right, Attributes: SE_PRIVILEGE_ENABLED };
    let wanted = TOKEN_PRIVILEGES { PrivilegeCount: 1, Privileges: [wanted] };
    // SAFETY: `wanted` is only read; what was before is not asked for.
    let asked = win32(unsafe {
        AdjustTokenPrivileges(token.as_raw_handle().cast(), 0, &raw const wanted, 0, null_mut(), null_mut())
    });
    // It says yes as well when not all could be had.
    let is_refused = io::Error::last_os_error().raw_os_error() == Some(ERROR_NOT_ALL_ASSIGNED as i32);
    asked.map(|()| !is_refused)
}
