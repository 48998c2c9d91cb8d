//! The calls of Windows that take a directory's handle and a name in it. All that is unsafe stands here and in `rights`.
#![allow(unsafe_code)]

use super::errors::is_unknown_call;
use super::names;
use super::streams;
use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;
use std::os::windows::io::FromRawHandle;
use std::ptr::null;
use std::ptr::null_mut;
use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Wdk::Storage::FileSystem as wdk;
use windows_sys::Win32::Foundation::ERROR_HANDLE_EOF;
use windows_sys::Win32::Foundation::ERROR_INSUFFICIENT_BUFFER;
use windows_sys::Win32::Foundation::ERROR_IO_PENDING;
use windows_sys::Win32::Foundation::ERROR_LOCK_VIOLATION;
use windows_sys::Win32::Foundation::ERROR_MORE_DATA;
use windows_sys::Win32::Foundation::ERROR_NO_MORE_FILES;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::Foundation::NTSTATUS;
use windows_sys::Win32::Foundation::OBJ_CASE_INSENSITIVE;
use windows_sys::Win32::Foundation::OBJ_DONT_REPARSE;
use windows_sys::Win32::Foundation::RtlNtStatusToDosError;
use windows_sys::Win32::Foundation::STATUS_ACCESS_DENIED;
use windows_sys::Win32::Foundation::STATUS_EAS_NOT_SUPPORTED;
use windows_sys::Win32::Foundation::STATUS_INVALID_PARAMETER;
use windows_sys::Win32::Foundation::STATUS_NO_EAS_ON_FILE;
use windows_sys::Win32::Foundation::STATUS_NO_MORE_EAS;
use windows_sys::Win32::Foundation::STATUS_NONEXISTENT_EA_ENTRY;
use windows_sys::Win32::Foundation::UNICODE_STRING;
use windows_sys::Win32::Storage::FileSystem as fs;
use windows_sys::Win32::System::Diagnostics::Debug;
use windows_sys::Win32::System::IO::DeviceIoControl;
use windows_sys::Win32::System::IO::IO_STATUS_BLOCK;
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::Win32::System::Power;
use windows_sys::Win32::System::SystemInformation;

/// Others may do as they like with what is open here.
pub const SHARE_ALL: u32 = fs::FILE_SHARE_READ | fs::FILE_SHARE_WRITE | fs::FILE_SHARE_DELETE;

/// The longest name that a call takes, in its own units; its length is said in bytes, in 16 bits.
pub const NAME_UNITS_MAX: usize = 32_000;

/// Which byte of a file is locked: one that no content reaches, so that the content can be read all the same.
const LOCKED_BYTE: u64 = 1 << 62;

fn check(status: NTSTATUS) -> io::Result<()> {
    if status >= 0 {
        return Ok(());
    }
    // SAFETY: it takes a number and returns a number.
    Err(io::Error::from_raw_os_error(unsafe { RtlNtStatusToDosError(status) } as i32))
}

/// What calls return that leave their error to be asked for.
pub fn win32(done: i32) -> io::Result<()> {
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The number by which the system knows an open file, as long as it is open.
pub fn handle(file: &File) -> HANDLE {
    file.as_raw_handle().cast()
}

/// How something is opened.
#[derive(Clone, Copy)]
pub struct How {
    /// What will be done with it.
    pub access: u32,
    /// Whether it must be there or must not.
    pub disposition: u32,
    /// What it must be.
    pub options: u32,
}

/// Opens or makes `path` (parts joined by `/`; empty: the directory itself) below `directory`, through no link on the way. A link
/// that is the last part is opened itself.
pub fn open_at(directory: &File, path: &[u8], how: How) -> io::Result<File> {
    let mut wide = names::relative(path)?;
    if wide.len() > NAME_UNITS_MAX {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    let attributes = OBJ_CASE_INSENSITIVE | OBJ_DONT_REPARSE;
    match create(directory, &mut wide, how, attributes) {
        // Systems before Windows 10 1607 do not know that flag.
        Err(STATUS_INVALID_PARAMETER) => create(directory, &mut wide, how, OBJ_CASE_INSENSITIVE),
        opened => opened,
    }
    .or_else(|status| check(status).and(Err(io::ErrorKind::Other.into())))
}

fn create(directory: &File, name: &mut [u16], how: How, attributes: u32) -> Result<File, NTSTATUS> {
    const ALWAYS: u32 =
        wdk::FILE_SYNCHRONOUS_IO_NONALERT | wdk::FILE_OPEN_REPARSE_POINT | wdk::FILE_OPEN_FOR_BACKUP_INTENT;
    let bytes = size_of_val(name) as u16;
    let text = UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: name.as_mut_ptr() };
    let object = OBJECT_ATTRIBUTES {
        Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
        RootDirectory: handle(directory),
        ObjectName: &raw const text,
        Attributes: attributes,
        SecurityDescriptor: null(),
        SecurityQualityOfService: null(),
    };
    let (mut found, mut status): (HANDLE, _) = (null_mut(), IO_STATUS_BLOCK::default());
    // SAFETY: all that is pointed to (the name as long as `text` says, since it has at most NAME_UNITS_MAX units) lives until the
    // call returns, and the call is synchronous.
    let result = unsafe {
        wdk::NtCreateFile(
            &raw mut found,
            how.access | fs::SYNCHRONIZE,
            &raw const object,
            &raw mut status,
            null(),
            0,
            SHARE_ALL,
            how.disposition,
            how.options | ALWAYS,
            null(),
            0,
        )
    };
    if result < 0 {
        return Err(result);
    }
    // SAFETY: the handle is new, open, and nobody else's.
    Ok(unsafe { File::from_raw_handle(found.cast()) })
}

/// A record that the system fills, for which all bits are valid.
///
/// # Safety
/// It must be made of numbers alone.
pub unsafe trait Plain: Default {}

// SAFETY: all of these are made of numbers.
unsafe impl Plain for fs::FILE_BASIC_INFO {}
// SAFETY: as above.
unsafe impl Plain for fs::FILE_STANDARD_INFO {}
// SAFETY: as above.
unsafe impl Plain for fs::FILE_ATTRIBUTE_TAG_INFO {}
// SAFETY: as above.
unsafe impl Plain for fs::FILE_DISPOSITION_INFO {}
// SAFETY: as above.
unsafe impl Plain for fs::FILE_DISPOSITION_INFO_EX {}

/// Opens or makes a stream of data beside the content of an open file or folder.
pub fn open_stream(file: &File, name: &[u8], how: How) -> io::Result<File> {
    let mut wide = streams::relative(name).ok_or(io::ErrorKind::InvalidFilename)?;
    create(file, &mut wide, how, OBJ_CASE_INSENSITIVE)
        .or_else(|status| check(status).and(Err(io::ErrorKind::Other.into())))
}

/// The list of an open file's streams, as the system gives it; empty where there can be none.
pub fn stream_list(file: &File) -> io::Result<Vec<u8>> {
    const BYTES_MAX: usize = 4 << 20;
    let mut list = vec![0_u64; 512];
    loop {
        let bytes = size_of_val(list.as_slice());
        // SAFETY: `list` is as large as said, and aligned as the records need it.
        let listed = win32(unsafe {
            fs::GetFileInformationByHandleEx(handle(file), fs::FileStreamInfo, list.as_mut_ptr().cast(), bytes as u32)
        });
        match listed.as_ref().map_err(|error| error.raw_os_error().map(|number| number as u32)) {
            Ok(()) => return Ok(list.iter().flat_map(|word| word.to_ne_bytes()).collect()),
            Err(Some(ERROR_MORE_DATA | ERROR_INSUFFICIENT_BUFFER)) if bytes < BYTES_MAX => {
                list.resize(list.len() * 8, 0);
            }
            // A folder without any.
            Err(Some(ERROR_HANDLE_EOF)) => return Ok(Vec::new()),
            Err(_) => return listed.map(|()| Vec::new()).or_else(none_if_unknown),
        }
    }
}

/// The list of an open file's extended attributes, as the system gives it; empty where there are none, or they may not be read.
pub fn ea_list(file: &File) -> io::Result<Vec<u8>> {
    // What they may all take together, and the heads of their records.
    let mut list = vec![0_u64; (64 << 10) / 8 * 2];
    let mut status = IO_STATUS_BLOCK::default();
    let bytes = size_of_val(list.as_slice()) as u32;
    // SAFETY: `list` is as large as said, and aligned as the records need it; what is null is not asked for.
    let asked = unsafe {
        let buffer = list.as_mut_ptr().cast();
        wdk::NtQueryEaFile(handle(file), &raw mut status, buffer, bytes, false, null(), 0, null(), true)
    };
    match asked {
        STATUS_NO_EAS_ON_FILE
        | STATUS_NONEXISTENT_EA_ENTRY
        | STATUS_NO_MORE_EAS
        | STATUS_EAS_NOT_SUPPORTED
        | STATUS_ACCESS_DENIED => Ok(Vec::new()),
        asked => match check(asked) {
            Ok(()) => {
                Ok(list.iter().take(status.Information.div_ceil(8)).flat_map(|word| word.to_ne_bytes()).collect())
            }
            Err(error) => none_if_unknown(error),
        },
    }
}

/// Sets what a record of [`ea::setting`](super::ea::setting) says.
pub fn set_ea(file: &File, record: &[u8]) -> io::Result<()> {
    // Aligned as the call needs it.
    let mut words = vec![0_u64; record.len().div_ceil(8)];
    for (word, bytes) in words.iter_mut().zip(record.chunks(8)) {
        let mut whole = [0; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_ne_bytes(whole);
    }
    let mut status = IO_STATUS_BLOCK::default();
    // SAFETY: `words` holds the record, which is as long as said.
    check(unsafe { wdk::NtSetEaFile(handle(file), &raw mut status, words.as_ptr().cast(), record.len() as u32) })
}

fn none_if_unknown<T: Default>(error: io::Error) -> io::Result<T> {
    if is_unknown_call(&error) { Ok(T::default()) } else { Err(error) }
}

/// One record of an open file's information.
pub fn info<T: Plain>(file: &File, class: fs::FILE_INFO_BY_HANDLE_CLASS) -> io::Result<T> {
    let mut found = T::default();
    let bytes = size_of::<T>() as u32;
    // SAFETY: `found` is as large as said, and a record for which all bits are valid.
    win32(unsafe { fs::GetFileInformationByHandleEx(handle(file), class, (&raw mut found).cast(), bytes) })?;
    Ok(found)
}

/// Sets one record.
pub fn set_info<T: Plain>(file: &File, class: fs::FILE_INFO_BY_HANDLE_CLASS, value: &T) -> io::Result<()> {
    let bytes = size_of::<T>() as u32;
    // SAFETY: `value` is as large as said and only read.
    win32(unsafe { fs::SetFileInformationByHandle(handle(file), class, (&raw const *value).cast(), bytes) })
}

/// What is known of an open file, from the oldest call, which all file systems answer.
pub fn by_handle(file: &File) -> io::Result<fs::BY_HANDLE_FILE_INFORMATION> {
    let mut found = fs::BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: `found` is the record that the call fills.
    win32(unsafe { fs::GetFileInformationByHandle(handle(file), &raw mut found) })?;
    Ok(found)
}

/// The next records of a directory's listing, in `buffer`; `None` at the end.
pub fn next_records<'b>(directory: &File, restart: bool, buffer: &'b mut [u64]) -> io::Result<Option<&'b [u8]>> {
    let class = if restart { fs::FileIdBothDirectoryRestartInfo } else { fs::FileIdBothDirectoryInfo };
    let bytes = size_of_val(buffer);
    // SAFETY: `buffer` is as large as said, and aligned as the records need it.
    let listed = win32(unsafe {
        fs::GetFileInformationByHandleEx(handle(directory), class, buffer.as_mut_ptr().cast(), bytes as u32)
    });
    match listed {
        // SAFETY: the same memory, borrowed as long, all of it initialised; bytes need no alignment.
        Ok(()) => Ok(Some(unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), bytes) })),
        Err(error) if error.raw_os_error() == Some(ERROR_NO_MORE_FILES as i32) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives an open file (with the right to delete) another name in `to`.
pub fn rename(file: &File, to: &File, name: &[u8], replace: bool) -> io::Result<()> {
    const POSIX: u32 = wdk::FILE_RENAME_POSIX_SEMANTICS | wdk::FILE_RENAME_IGNORE_READONLY_ATTRIBUTE;
    let flags = if replace { wdk::FILE_RENAME_REPLACE_IF_EXISTS } else { 0 };
    match set_name(file, to, name, (wdk::FileRenameInformationEx, flags | POSIX)) {
        Err(error) if is_unknown_call(&error) => {
            set_name(file, to, name, (wdk::FileRenameInformation, u32::from(replace)))
        }
        result => result,
    }
}

/// Gives an open file a further name in `to`.
pub fn link(file: &File, to: &File, name: &[u8]) -> io::Result<()> {
    set_name(file, to, name, (wdk::FileLinkInformation, 0))
}

fn set_name(file: &File, to: &File, name: &[u8], call: (wdk::FILE_INFORMATION_CLASS, u32)) -> io::Result<()> {
    /// Where the name stands in the record: behind the flags, the directory and the length.
    const NAME: usize = std::mem::offset_of!(wdk::FILE_RENAME_INFORMATION, FileName);
    let wide = names::relative(name)?;
    let name_bytes = 2 * wide.len();
    let length = (NAME + name_bytes).max(size_of::<wdk::FILE_RENAME_INFORMATION>());
    let mut record = vec![0_u64; length.div_ceil(8)];
    let mut status = IO_STATUS_BLOCK::default();
    // SAFETY: the record is zeroed, aligned to 8, and has room for the structure and for the name behind it; a link's structure
    // (FILE_LINK_INFORMATION) has the same fields at the same places. It lives until the synchronous call returns.
    let result = unsafe {
        let info = record.as_mut_ptr().cast::<wdk::FILE_RENAME_INFORMATION>();
        (*info).Anonymous.Flags = call.1;
        (*info).RootDirectory = handle(to);
        (*info).FileNameLength = name_bytes as u32;
        std::ptr::copy_nonoverlapping(wide.as_ptr(), (&raw mut (*info).FileName).cast(), wide.len());
        wdk::NtSetInformationFile(handle(file), &raw mut status, info.cast(), length as u32, call.0)
    };
    check(result)
}

/// Removes an open file or empty directory (with the right to delete), where the system can also one that is read-only.
pub fn remove(file: &File) -> io::Result<()> {
    const FLAGS: u32 = fs::FILE_DISPOSITION_FLAG_DELETE
        | fs::FILE_DISPOSITION_FLAG_POSIX_SEMANTICS
        | fs::FILE_DISPOSITION_FLAG_IGNORE_READONLY_ATTRIBUTE;
    let posix = fs::FILE_DISPOSITION_INFO_EX { Flags: FLAGS };
    match set_info(file, fs::FileDispositionInfoEx, &posix) {
        Err(error) if is_unknown_call(&error) => {
            set_info(file, fs::FileDispositionInfo, &fs::FILE_DISPOSITION_INFO { DeleteFile: true })
        }
        result => result,
    }
}

/// The name of the file system that an open file is on.
pub fn file_system(file: &File) -> io::Result<String> {
    let mut name = [0_u16; 64];
    // SAFETY: the buffer is as large as said; what is null is not asked for.
    win32(unsafe {
        fs::GetVolumeInformationByHandleW(
            handle(file),
            null_mut(),
            0,
            null_mut(),
            null_mut(),
            null_mut(),
            name.as_mut_ptr(),
            name.len() as u32,
        )
    })?;
    Ok(until_nul(&name))
}

/// How many bytes are free for this person, and how many there are.
pub fn sizes(file: &File) -> io::Result<(u64, u64, u64)> {
    /// `FILE_FS_FULL_SIZE_INFORMATION`.
    #[repr(C)]
    #[derive(Default)]
    struct Sizes {
        all: i64,
        free_for_caller: i64,
        free: i64,
        sectors_of_unit: u32,
        bytes_of_sector: u32,
    }
    let (mut found, mut status) = (Sizes::default(), IO_STATUS_BLOCK::default());
    let bytes = size_of::<Sizes>() as u32;
    // SAFETY: `found` is the record that the call fills, made of numbers, and as large as said.
    check(unsafe {
        wdk::NtQueryVolumeInformationFile(
            handle(file),
            &raw mut status,
            (&raw mut found).cast(),
            bytes,
            wdk::FileFsFullSizeInformation,
        )
    })?;
    let unit = u64::from(found.sectors_of_unit) * u64::from(found.bytes_of_sector);
    let bytes = |units: i64| u64::try_from(units).unwrap_or(0).saturating_mul(unit);
    Ok((bytes(found.free_for_caller), bytes(found.free), bytes(found.all)))
}

/// Sends a control code with `input` and returns what comes back, as much of it as `output_max` bytes hold.
pub fn control(file: &File, code: u32, input: &[u8], output_max: usize) -> io::Result<Vec<u8>> {
    let (mut output, mut length) = (vec![0; output_max], 0);
    // SAFETY: both buffers are as large as said and live until the synchronous call returns.
    let done = win32(unsafe {
        DeviceIoControl(
            handle(file),
            code,
            input.as_ptr().cast(),
            input.len() as u32,
            output.as_mut_ptr().cast(),
            output_max as u32,
            &raw mut length,
            null_mut(),
        )
    });
    match done {
        Err(error) if error.raw_os_error() != Some(ERROR_MORE_DATA as i32) => Err(error),
        _ => {
            output.truncate(length as usize);
            Ok(output)
        }
    }
}

/// Renames where the new name must be free, and waits until it is on the drive. Both end with a NUL.
pub fn move_new(from: &[u16], to: &[u16]) -> io::Result<()> {
    if from.last() != Some(&0) || to.last() != Some(&0) {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    // SAFETY: both end with a NUL, as was just seen.
    win32(unsafe { fs::MoveFileExW(from.as_ptr(), to.as_ptr(), fs::MOVEFILE_WRITE_THROUGH) })
}

/// The path of an open file, with the prefix by which it is taken as it stands; from the drive's letter on, or from the volume's
/// own name.
pub fn final_path(file: &File, is_from_volume: bool) -> io::Result<Vec<u16>> {
    let mut path = vec![0; 1 << 15];
    let room = path.len() as u32;
    let how = if is_from_volume { fs::VOLUME_NAME_GUID } else { fs::VOLUME_NAME_DOS };
    // SAFETY: `path` is as large as said.
    let length = unsafe { fs::GetFinalPathNameByHandleW(handle(file), path.as_mut_ptr(), room, how) } as usize;
    if length == 0 || length > path.len() {
        return Err(io::Error::last_os_error());
    }
    path.truncate(length);
    Ok(path)
}

/// The top of the volume that a path, which ends with a NUL, is on.
pub fn volume_path(path: &[u16]) -> io::Result<Vec<u16>> {
    if path.last() != Some(&0) {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    let mut volume = vec![0; path.len().max(64)];
    let room = volume.len() as u32;
    // SAFETY: the path ends with a NUL, as was just seen; `volume` is as large as said.
    win32(unsafe { fs::GetVolumePathNameW(path.as_ptr(), volume.as_mut_ptr(), room) })?;
    volume.truncate(volume.iter().position(|unit| *unit == 0).unwrap_or(volume.len()));
    Ok(volume)
}

/// Locks the file against others who lock it so, without waiting; whether that could be done.
pub fn lock(file: &File) -> io::Result<bool> {
    let mut at = OVERLAPPED::default();
    at.Anonymous.Anonymous.Offset = LOCKED_BYTE as u32;
    at.Anonymous.Anonymous.OffsetHigh = (LOCKED_BYTE >> 32) as u32;
    let flags = fs::LOCKFILE_EXCLUSIVE_LOCK | fs::LOCKFILE_FAIL_IMMEDIATELY;
    // SAFETY: the handle is synchronous, so `at` is needed during the call only.
    match win32(unsafe { fs::LockFileEx(handle(file), flags, 0, 1, 0, &raw mut at) }) {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error().map(|number| number as u32) {
            Some(ERROR_LOCK_VIOLATION | ERROR_IO_PENDING) => Ok(false),
            _ => Err(error),
        },
    }
}

/// The label of each volume that has one, with a path that leads to its top.
pub fn volumes() -> Vec<(String, String)> {
    // SAFETY: it takes a number; nobody is asked for a disk that is not in its drive.
    unsafe { Debug::SetErrorMode(Debug::SEM_FAILCRITICALERRORS) };
    let mut name = [0_u16; 64];
    let mut found = Vec::new();
    // SAFETY: the buffer is as large as said.
    let search = unsafe { fs::FindFirstVolumeW(name.as_mut_ptr(), name.len() as u32) };
    if search == INVALID_HANDLE_VALUE {
        return found;
    }
    loop {
        found.extend(label_of(&name).zip(place_of(&name)));
        // SAFETY: the search is open, and the buffer as large as said.
        if unsafe { fs::FindNextVolumeW(search, name.as_mut_ptr(), name.len() as u32) } == 0 {
            break;
        }
    }
    // SAFETY: the search is open and not used any more.
    unsafe { fs::FindVolumeClose(search) };
    found
}

/// The label of the volume with this name, which ends with a NUL; `None` when it has none.
fn label_of(volume: &[u16; 64]) -> Option<String> {
    let mut label = [0_u16; 261];
    let size = label.len() as u32;
    // SAFETY: the name ends with a NUL, the buffer is as large as said; what is null is not asked for.
    let asked = win32(unsafe {
        let none = null_mut();
        fs::GetVolumeInformationW(volume.as_ptr(), label.as_mut_ptr(), size, none, none, none, null_mut(), 0)
    });
    asked.ok().map(|()| until_nul(&label)).filter(|label| !label.is_empty())
}

/// The first path that leads to this volume; `None` when there is none.
fn place_of(volume: &[u16; 64]) -> Option<String> {
    let mut paths = [0_u16; 4096];
    let mut length = 0;
    // SAFETY: the name ends with a NUL, the buffer is as large as said.
    let asked = win32(unsafe {
        let size = paths.len() as u32;
        fs::GetVolumePathNamesForVolumeNameW(volume.as_ptr(), paths.as_mut_ptr(), size, &raw mut length)
    });
    asked.ok().map(|()| until_nul(&paths)).filter(|path| !path.is_empty())
}

fn until_nul(text: &[u16]) -> String {
    let end = text.iter().position(|unit| *unit == 0).unwrap_or(text.len());
    String::from_utf16_lossy(&text[..end])
}

/// The name of this computer; empty when it has none.
pub fn host_name() -> String {
    let mut name = [0_u16; 256];
    let mut length = name.len() as u32;
    // SAFETY: the buffer is as large as said; the call says how much of it is the name.
    let done = unsafe {
        SystemInformation::GetComputerNameExW(
            SystemInformation::ComputerNamePhysicalDnsHostname,
            name.as_mut_ptr(),
            &raw mut length,
        )
    };
    let name = name.get(..length as usize).filter(|_| done != 0).unwrap_or_default();
    String::from_utf16_lossy(name)
}

/// Says whether the system must stay awake.
pub fn keep_awake(awake: bool) {
    let wanted = if awake { Power::ES_CONTINUOUS | Power::ES_SYSTEM_REQUIRED } else { Power::ES_CONTINUOUS };
    // SAFETY: it takes a number and changes nothing but what the system thinks of this thread.
    unsafe { Power::SetThreadExecutionState(wanted) };
}
