//! Listing and reading: all that `create` asks of a source.

use super::Handle;
use super::ea;
use super::errors;
use super::facts;
use super::links;
use super::listing;
use super::nt;
use super::nt::How;
use super::opening::LOOK;
use super::rights;
use super::security;
use super::sparse;
use super::streams;
use crate::base::entry::Device;
use crate::base::entry::Kind;
use crate::base::entry::WINDOWS_SECURITY;
use crate::base::entry::XATTRS_BYTES_MAX;
use crate::base::entry::Xattr;
use crate::base::holes::Holes;
use crate::system::platform::facts::FileSystem;
use crate::system::platform::facts::LINK_KIND;
use crate::system::platform::facts::Names;
use crate::system::platform::facts::RawStat;
use crate::system::platform::portable;
use crate::system::platform::told;
use std::fs::File;
use std::io;
use std::io::Read;
use std::os::windows::fs::FileExt;
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;
use windows_sys::Wdk::Storage::FileSystem as wdk;
use windows_sys::Win32::Foundation::ERROR_HANDLE_EOF;
use windows_sys::Win32::Storage::FileSystem as fs;
use windows_sys::Win32::System::Ioctl;

const LIST: u32 = fs::FILE_LIST_DIRECTORY | fs::FILE_TRAVERSE | fs::FILE_READ_ATTRIBUTES;

/// Units of memory for records asked for at once: some hundred entries.
const LISTING_BUFFER_UNITS: usize = (64 << 10) / size_of::<u64>();

/// Bytes of ranges asked for at once.
const RANGES_BYTES: usize = 16 << 10;

/// What a link that stood in the way says.
fn symlink_met() -> io::Error {
    io::Error::from_raw_os_error(errors::STOPPED_ON_SYMLINK)
}

impl Handle {
    pub fn open(path: &Path) -> io::Result<Handle> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let file = opened(path, LIST)?;
        if nt::by_handle(&file)?.dwFileAttributes & facts::DIRECTORY == 0 {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Handle(file))
    }

    pub fn open_below(&self, relative: &[u8]) -> io::Result<Handle> {
        if relative.len() <= nt::NAME_UNITS_MAX {
            return self.open_parts(relative);
        }
        let mut parts = relative.split(|byte| *byte == b'/');
        let first = self.open_parts(parts.next().unwrap_or_default())?;
        parts.try_fold(first, |directory, part| directory.open_parts(part))
    }

    fn open_parts(&self, relative: &[u8]) -> io::Result<Handle> {
        let file = nt::open_at(&self.0, relative, How { access: LIST, options: wdk::FILE_DIRECTORY_FILE, ..LOOK });
        let file = file.map_err(|error| self.in_the_way(relative, error))?;
        if kind_of(&file)? == Some(Kind::Symlink) { Err(symlink_met()) } else { Ok(Handle(file)) }
    }

    /// Windows says "the directory name is invalid" with a number that means no kind of error to Rust.
    fn in_the_way(&self, relative: &[u8], error: io::Error) -> io::Error {
        const DIRECTORY: i32 = 267;
        match error.raw_os_error() {
            Some(DIRECTORY) if self.stat(relative).is_ok_and(|found| found.kind == Some(Kind::Symlink)) => {
                symlink_met()
            }
            Some(DIRECTORY) => io::ErrorKind::NotADirectory.into(),
            _ => error,
        }
    }

    pub fn for_each_name(&self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.for_each_record(|record| each(&record.name))
    }

    /// A listing tells all of what is not a file. Of files it tells what was true when they were last closed by that name: where
    /// they may have several, which is everywhere but on FAT and exFAT, each is asked.
    pub fn list(&self, mut each: impl FnMut(&[u8], io::Result<RawStat>)) -> io::Result<()> {
        let has_links = self.file_system().names != Names::Fat;
        let own = self.own_stat()?;
        self.for_each_record(|record| {
            let is_file = record.stat.kind == Some(Kind::File);
            let stat = if is_file && has_links { self.stat(&record.name) } else { Ok(record.stat) };
            each(&record.name, stat.map(|stat| RawStat { file_system: own.file_system, ..stat }));
        })
    }

    fn for_each_record(&self, mut each: impl FnMut(listing::Record)) -> io::Result<()> {
        let mut buffer = vec![0; LISTING_BUFFER_UNITS];
        let mut restart = true;
        loop {
            match nt::next_records(&self.0, restart, &mut buffer) {
                Ok(Some(records)) => listing::records(records).for_each(&mut each),
                Ok(None) => return Ok(()),
                Err(error) if restart && errors::is_unknown_call(&error) => return self.list_by_path(each),
                Err(error) => return Err(error),
            }
            restart = false;
        }
    }

    /// As all programs list, for drivers that know nothing better; only if the path still leads to this directory afterwards.
    fn list_by_path(&self, mut each: impl FnMut(listing::Record)) -> io::Result<()> {
        let path = self.path()?;
        let id = |stat: RawStat| (stat.file_system, stat.inode);
        // What cannot be looked at is no reason to take it for gone.
        let (mut records, mut failed) = (Vec::new(), None);
        portable::list(&path, |name, found| match found {
            Ok(found) => records.push(listing::Record { name: name.to_vec(), stat: told::raw_stat(&found) }),
            Err(error) => failed = Some(error),
        })?;
        failed.map_or(Ok(()), Err)?;
        if id(stat_path(&path)?) != id(self.own_stat()?) {
            return Err(io::ErrorKind::NotFound.into());
        }
        records.into_iter().for_each(&mut each);
        Ok(())
    }

    pub fn stat(&self, name: &[u8]) -> io::Result<RawStat> {
        stat_file(&nt::open_at(&self.0, name, LOOK)?)
    }

    pub fn own_stat(&self) -> io::Result<RawStat> {
        stat_file(&self.0)
    }

    pub fn file_system(&self) -> FileSystem {
        let Ok(name) = nt::file_system(&self.0) else { return UNKNOWN };
        match name.as_str() {
            "NTFS" => NTFS,
            // Its numbers of files have 128 bits, of which half is told here.
            "ReFS" => FileSystem { stable_inodes: false, ..NTFS },
            "FAT" | "FAT32" => {
                FileSystem { time_grain_nanos: 2_000_000_000, file_bytes_max: Some(u64::from(u32::MAX)), ..FAT_LIKE }
            }
            "exFAT" => FileSystem { time_grain_nanos: 10_000_000, ..FAT_LIKE },
            _ => UNKNOWN,
        }
    }

    pub fn free_bytes(&self) -> Option<u64> {
        let (free_for_caller, _, all) = nt::sizes(&self.0).ok()?;
        Some(free_for_caller).filter(|_| all > 0)
    }

    pub fn total_bytes(&self) -> Option<u64> {
        let (_, _, all) = nt::sizes(&self.0).ok()?;
        Some(all).filter(|all| *all > 0)
    }

    pub fn used_bytes(&self) -> Option<u64> {
        let (_, free, all) = nt::sizes(&self.0).ok()?;
        Some(all.saturating_sub(free)).filter(|_| all > 0)
    }

    pub fn check_alive(&self) -> io::Result<()> {
        // Listing fails here once a drive is gone.
        Ok(())
    }

    pub fn open_file(&self, name: &[u8]) -> io::Result<File> {
        let opened = nt::open_at(&self.0, name, How { access: fs::FILE_GENERIC_READ, ..LOOK });
        let file = opened.map_err(errors::in_plain_words)?;
        let tag = tag_of(&file)?;
        if facts::kind_of(tag.FileAttributes, tag.ReparseTag) == Some(Kind::Symlink) {
            return Err(symlink_met());
        }
        if facts::is_elsewhere(tag.FileAttributes) {
            return Err(io::Error::other("its content is not on this computer, only in a cloud"));
        }
        Ok(file)
    }

    pub fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        let file = nt::open_at(&self.0, name, LOOK)?;
        let data = nt::control(&file, Ioctl::FSCTL_GET_REPARSE_POINT, &[], links::REPARSE_BYTES_MAX)?;
        links::target_of(&data).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    pub fn xattrs(&self, name: &[u8]) -> io::Result<Vec<Xattr>> {
        let with_rights = How { access: LOOK.access | fs::READ_CONTROL | fs::FILE_READ_EA, ..LOOK };
        file_xattrs(&nt::open_at(&self.0, name, with_rights).or_else(|_| nt::open_at(&self.0, name, LOOK))?)
    }

    pub fn own_xattrs(&self) -> io::Result<Vec<Xattr>> {
        self.xattrs(b"")
    }
}

fn opened(path: &Path, access: u32) -> io::Result<File> {
    File::options()
        .access_mode(access | fs::SYNCHRONIZE)
        .share_mode(nt::SHARE_ALL)
        .custom_flags(fs::FILE_FLAG_BACKUP_SEMANTICS)
        .open(path)
}

fn tag_of(file: &File) -> io::Result<fs::FILE_ATTRIBUTE_TAG_INFO> {
    nt::info(file, fs::FileAttributeTagInfo)
}

pub fn kind_of(file: &File) -> io::Result<Option<Kind>> {
    let tag = tag_of(file)?;
    Ok(facts::kind_of(tag.FileAttributes, tag.ReparseTag))
}

pub fn stat_file(file: &File) -> io::Result<RawStat> {
    let found = nt::by_handle(file)?;
    let basic: fs::FILE_BASIC_INFO = nt::info(file, fs::FileBasicInfo)?;
    let attributes = found.dwFileAttributes;
    let tag = if attributes & facts::REPARSE_POINT == 0 { 0 } else { tag_of(file)?.ReparseTag };
    let kind = facts::kind_of(attributes, tag);
    let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    let size = pair(found.nFileSizeHigh, found.nFileSizeLow);
    let allocated_bytes = if attributes & (facts::SPARSE | facts::COMPRESSED) == 0 {
        size
    } else {
        nt::info::<fs::FILE_STANDARD_INFO>(file, fs::FileStandardInfo)?.AllocationSize as u64
    };
    Ok(RawStat {
        kind,
        mode: facts::mode_of(kind, attributes),
        uid: 0,
        gid: 0,
        size,
        allocated_bytes,
        mtime: facts::time_of(basic.LastWriteTime),
        ctime: facts::time_of(basic.ChangeTime),
        inode: pair(found.nFileIndexHigh, found.nFileIndexLow),
        links: u64::from(found.nNumberOfLinks),
        file_system: u64::from(found.dwVolumeSerialNumber),
        mount: 0,
        device: Device::default(),
        is_remote: facts::is_elsewhere(attributes),
    })
}

pub fn stat_path(path: &Path) -> io::Result<RawStat> {
    stat_file(&opened(path, fs::FILE_READ_ATTRIBUTES)?)
}

/// The file must be open so that its rights can be read; where it is not, they are not there.
pub fn file_xattrs(file: &File) -> io::Result<Vec<Xattr>> {
    let basic: fs::FILE_BASIC_INFO = nt::info(file, fs::FileBasicInfo)?;
    let tag = tag_of(file)?;
    let letters = facts::letters_of(basic.FileAttributes).map(String::into_bytes);
    let link = facts::link_kind(tag.FileAttributes, tag.ReparseTag).map(|kind| kind.name().to_vec());
    // Whoever may read a file may mostly read its rights; that somebody may not is no reason to save it without the rest.
    let rights = rights::security(file).ok().and_then(|text| security::kept(&text)).map(String::into_bytes);
    let created = Some(facts::time_of(basic.CreationTime).to_string().into_bytes());
    let named =
        [(facts::ATTRIBUTES, letters), (facts::CREATED, created), (LINK_KIND, link), (WINDOWS_SECURITY, rights)];
    let mut found: Vec<Xattr> = named.into_iter().filter_map(|(name, value)| Some((name.to_vec(), value?))).collect();
    let eas = ea::attributes(&nt::ea_list(file)?);
    found.extend(eas.into_iter().map(|(name, value)| ([ea::PREFIX, &name].concat(), value)));
    if !facts::is_elsewhere(basic.FileAttributes) {
        add_streams(file, &mut found)?;
    }
    found.sort();
    Ok(found)
}

fn add_streams(file: &File, found: &mut Vec<Xattr>) -> io::Result<()> {
    let mut room = XATTRS_BYTES_MAX.saturating_sub(found.iter().map(|(name, value)| name.len() + value.len()).sum());
    for stream in streams::streams(&nt::stream_list(file)?) {
        let how = How { access: fs::FILE_GENERIC_READ, ..LOOK };
        let mut content = Vec::new();
        match nt::open_stream(file, &stream.name, how) {
            Ok(stream) => stream.take(room as u64 + 1).read_to_end(&mut content)?,
            // Removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(errors::in_plain_words(error)),
        };
        let name = [streams::PREFIX, &stream.name].concat();
        let left = room.checked_sub(name.len() + content.len());
        room = left.ok_or_else(|| io::Error::other("more than 1 MiB of streams and other attributes"))?;
        found.push((name, content));
    }
    Ok(())
}

pub fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    match file.seek_read(buffer, offset) {
        Err(error) if error.raw_os_error() == Some(ERROR_HANDLE_EOF as i32) => Ok(0),
        Err(error) => Err(errors::in_plain_words(error)),
        read => read,
    }
}

pub fn holes(file: &File, size: u64) -> io::Result<Holes> {
    let mut found = sparse::Found::default();
    while found.end() < size && !found.is_enough() {
        let question = sparse::question(found.end(), size);
        match nt::control(file, Ioctl::FSCTL_QUERY_ALLOCATED_RANGES, &question, RANGES_BYTES) {
            Ok(answer) if found.add(&answer) => {}
            Ok(_) => break,
            Err(error) if errors::is_unknown_call(&error) => return Ok(Holes::default()),
            Err(error) => return Err(error),
        }
    }
    Ok(Holes::new(found.into_holes(size), size).unwrap_or_default())
}

pub fn will_read_in_order(_: &File) {}

pub fn forget_cached(_: &File) {}

const NTFS: FileSystem =
    FileSystem { time_grain_nanos: 100, names: Names::Windows, may_compress: true, ..FileSystem::ORDINARY };

/// Listing fails here once a drive is gone.
const FAT_LIKE: FileSystem = FileSystem { hides_read_errors: false, ..FileSystem::FAT_LIKE };

const UNKNOWN: FileSystem = FileSystem { stable_inodes: false, keeps_ctime: false, ..NTFS };
