//! Listing and reading: all that `create` asks of a source.

use crate::base::entry::Device;
use crate::base::entry::Kind;
use crate::base::entry::XATTRS_BYTES_MAX;
use crate::base::entry::Xattr;
use crate::base::time::Time;
use crate::system::platform::facts::FileSystem;
use crate::system::platform::facts::Names;
use crate::system::platform::facts::RawStat;
use crate::system::platform::unix::Handle;
use crate::system::platform::unix::read::kind_of_mode;
use rustix::fs::AtFlags;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::RawDir;
use rustix::fs::ResolveFlags;
use rustix::fs::SeekFrom;
use rustix::fs::Statx;
use rustix::fs::StatxFlags;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Bytes of names asked for at once; a kernel call costs as much as some hundred names.
const LISTING_BUFFER_BYTES: usize = 64 << 10;

/// Longest path that is looked up in one call; below the kernel's 4096.
const LOOKUP_BYTES_MAX: usize = 4000;

impl Handle {
    pub fn open(path: &Path) -> io::Result<Handle> {
        let opened = untouched(|quiet| rustix::fs::open(path, DIRECTORY | quiet, Mode::empty()));
        Ok(Handle(opened?))
    }

    pub fn open_below(&self, relative: &[u8]) -> io::Result<Handle> {
        if relative.is_empty() {
            return self.open_part(b".");
        }
        if relative.len() <= LOOKUP_BYTES_MAX {
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            let flags = DIRECTORY | OFlags::NOFOLLOW;
            let open = |quiet| rustix::fs::openat2(&self.0, relative, flags | quiet, Mode::empty(), resolve);
            match untouched(open) {
                Ok(fd) => return Ok(Handle(fd)),
                // Kernels before 5.6, and sandboxes that know only older calls.
                Err(Errno::NOSYS | Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut parts = relative.split(|byte| *byte == b'/');
        let first = parts.next().unwrap_or_default();
        parts.try_fold(self.open_part(first)?, |directory, part| directory.open_part(part))
    }

    fn open_part(&self, name: &[u8]) -> io::Result<Handle> {
        let flags = DIRECTORY | OFlags::NOFOLLOW;
        Ok(Handle(untouched(|quiet| rustix::fs::openat(&self.0, name, flags | quiet, Mode::empty()))?))
    }

    pub fn for_each_name(&self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        // It may have been listed before.
        rustix::fs::seek(&self.0, SeekFrom::Start(0))?;
        let mut buffer = Vec::with_capacity(LISTING_BUFFER_BYTES);
        let mut listing = RawDir::new(&self.0, buffer.spare_capacity_mut());
        while let Some(item) = listing.next() {
            let item = item?;
            let name = item.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                each(name);
            }
        }
        Ok(())
    }

    pub fn stat(&self, name: &[u8]) -> io::Result<RawStat> {
        stat_at(self.0.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW)
    }

    pub fn own_stat(&self) -> io::Result<RawStat> {
        stat_at(self.0.as_fd(), b"", AtFlags::EMPTY_PATH)
    }

    pub fn file_system(&self) -> FileSystem {
        match rustix::fs::fstatfs(&self.0) {
            Ok(found) => file_system_of(&found),
            Err(_) => ORDINARY,
        }
    }

    pub fn check_alive(&self) -> io::Result<()> {
        if !self.file_system().hides_read_errors {
            return Ok(());
        }
        // Directories are read through a cache; this goes to the drive.
        match rustix::fs::fsync(&self.0) {
            Ok(()) | Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS | Errno::ROFS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub fn open_file(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        Ok(File::from(untouched(|quiet| rustix::fs::openat(&self.0, name, flags | quiet, Mode::empty()))?))
    }

    pub fn xattrs(&self, name: &[u8]) -> io::Result<Vec<Xattr>> {
        let path = self.descriptor_path(name);
        let found = collect_xattrs(
            |buffer| rustix::fs::llistxattr(path.as_slice(), buffer),
            |name, buffer| rustix::fs::lgetxattr(path.as_slice(), name, buffer),
        );
        match found {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !has_proc() => {
                file_xattrs(&File::from(self.open_without_proc(name)?))
            }
            found => found,
        }
    }

    pub fn own_xattrs(&self) -> io::Result<Vec<Xattr>> {
        collect_xattrs(
            |buffer| rustix::fs::flistxattr(&self.0, buffer),
            |name, buffer| rustix::fs::fgetxattr(&self.0, name, buffer),
        )
    }

    /// Opens `name` in it where there is no /proc to name it by, if that does nothing and waits for nobody.
    pub(super) fn open_without_proc(&self, name: &[u8]) -> io::Result<OwnedFd> {
        if !matches!(self.stat(name)?.kind, Some(Kind::File | Kind::Directory | Kind::Fifo)) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "that needs /proc, which is not mounted"));
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        Ok(untouched(|quiet| rustix::fs::openat(&self.0, name, flags | quiet, Mode::empty()))?)
    }

    /// A path to `name` in it that goes through the descriptor, for calls that take no descriptor.
    pub(super) fn descriptor_path(&self, name: &[u8]) -> Vec<u8> {
        let mut path = format!("/proc/self/fd/{}/", self.0.as_raw_fd()).into_bytes();
        path.extend_from_slice(name);
        path
    }
}

/// Whether open files can be named by paths.
pub(super) fn has_proc() -> bool {
    Path::new("/proc/self/fd").exists()
}

/// Opens something so that reading it leaves its time of last access alone: mail readers and cleaners of caches go by that. The
/// system allows that to the owner and to root; everybody else opens it as usual.
fn untouched(open: impl Fn(OFlags) -> rustix::io::Result<OwnedFd>) -> rustix::io::Result<OwnedFd> {
    match open(OFlags::NOATIME) {
        Err(Errno::PERM) => open(OFlags::empty()),
        opened => opened,
    }
}

pub fn stat_file(file: &File) -> io::Result<RawStat> {
    stat_at(file.as_fd(), b"", AtFlags::EMPTY_PATH)
}

pub fn stat_path(path: &Path) -> io::Result<RawStat> {
    stat_at(rustix::fs::CWD, path.as_os_str().as_bytes(), AtFlags::empty())
}

pub fn file_xattrs(file: &File) -> io::Result<Vec<Xattr>> {
    collect_xattrs(
        |buffer| rustix::fs::flistxattr(file, buffer),
        |name, buffer| rustix::fs::fgetxattr(file, name, buffer),
    )
}

pub fn will_read_in_order(file: &File) {
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
}

pub fn forget_cached(file: &File) {
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

fn stat_at(directory: impl AsFd, name: &[u8], flags: AtFlags) -> io::Result<RawStat> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    Ok(raw_stat(&rustix::fs::statx(directory, name, flags | AtFlags::NO_AUTOMOUNT, wanted)?))
}

fn raw_stat(found: &Statx) -> RawStat {
    let mode = u32::from(found.stx_mode);
    let time = |seconds, nanos| Time::new(seconds, nanos);
    let pair = |major: u32, minor: u32| u64::from(major) << 32 | u64::from(minor);
    RawStat {
        kind: kind_of_mode(mode),
        mode: mode & 0o7777,
        uid: found.stx_uid,
        gid: found.stx_gid,
        size: found.stx_size,
        allocated_bytes: found.stx_blocks.saturating_mul(512),
        mtime: time(found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec),
        ctime: time(found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec),
        inode: found.stx_ino,
        links: u64::from(found.stx_nlink),
        file_system: pair(found.stx_dev_major, found.stx_dev_minor),
        mount: found.stx_mnt_id,
        device: Device { major: found.stx_rdev_major, minor: found.stx_rdev_minor },
        is_remote: false,
    }
}

const ORDINARY: FileSystem = FileSystem::ORDINARY;

/// Numbers of file systems as in Linux's `magic.h` and statfs(2).
fn file_system_of(found: &rustix::fs::StatFs) -> FileSystem {
    let id = fsid(found);
    match found.f_type as u64 & 0xffff_ffff {
        // FAT: times are kept to 2 s, lengths in 32 bits.
        0x4d44 => FileSystem {
            time_grain_nanos: 2_000_000_000,
            file_bytes_max: Some(u64::from(u32::MAX)),
            ..FileSystem::FAT_LIKE
        },
        // exFAT: 10 ms.
        0x2011_bab0 => FileSystem { time_grain_nanos: 10_000_000, ..FileSystem::FAT_LIKE },
        // FUSE (exFAT, NTFS, sshfs …), SMB and 9p: nobody knows.
        0x6573_5546 | 0xff53_4d42 | 0xfe53_4d42 | 0x517b | 0x0102_1997 => {
            FileSystem { stable_inodes: false, names: Names::Unknown, may_compress: true, ..ORDINARY }
        }
        // ext2 to ext4, XFS, tmpfs, overlays.
        0xef53 | 0x5846_5342 | 0x0102_1994 | 0x794c_7630 => FileSystem { id, ..ORDINARY },
        // btrfs, ZFS, F2FS, bcachefs.
        0x9123_683e | 0x2fc1_2fc1 | 0xf2f5_2010 | 0xca45_1a4e => FileSystem { id, may_compress: true, ..ORDINARY },
        // proc, sysfs, cgroup, cgroup2, debugfs, tracefs, securityfs, configfs, devpts, mqueue, bpf, pstore, efivarfs,
        // selinuxfs, hugetlbfs, binfmt_misc, fusectl, nsfs, rpc_pipefs.
        0x9fa0 | 0x6265_6572 | 0x0027_e0eb | 0x6367_7270 | 0x6462_6720 | 0x7472_6163 | 0x7363_6673 | 0x6265_6570
        | 0x1cd1 | 0x1980_0202 | 0xcafe_4a11 | 0x6165_676c | 0xde5e_81e4 | 0xf97c_ff8c | 0x9584_58f6 | 0x4249_4e4d
        | 0x6573_5543 | 0x6e73_6673 | 0x6759_6969 => {
            FileSystem { id, names: Names::Unknown, may_compress: true, is_pseudo: true, ..ORDINARY }
        }
        _ => FileSystem { id, names: Names::Unknown, may_compress: true, ..ORDINARY },
    }
}

#[allow(unsafe_code)]
fn fsid(found: &rustix::fs::StatFs) -> u64 {
    // SAFETY: `f_fsid` is two plain integers of 4 bytes whose names differ between C libraries and are private in some;
    // every bit pattern of 8 bytes is a valid u64, and the sizes are checked when compiling.
    unsafe { std::mem::transmute(found.f_fsid) }
}

/// Asks with a growing buffer until the answer fits.
fn grown(mut ask: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    loop {
        match ask(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if buffer.len() < XATTRS_BYTES_MAX => buffer.resize(buffer.len() * 8, 0),
            Err(error) => return Err(error),
        }
    }
}

fn collect_xattrs(
    list: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>,
    mut get: impl FnMut(&[u8], &mut [u8]) -> rustix::io::Result<usize>,
) -> io::Result<Vec<Xattr>> {
    let names = match grown(list) {
        Ok(names) => names,
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut xattrs = Vec::new();
    let mut bytes = 0;
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let value = match grown(|buffer| get(name, buffer)) {
            Ok(value) => value,
            // Removed meanwhile, or listed but not for us to see.
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::ACCESS | Errno::PERM) => continue,
            Err(error) => return Err(error.into()),
        };
        bytes += name.len() + value.len();
        if bytes > XATTRS_BYTES_MAX {
            return Err(io::Error::other("more than 1 MiB of extended attributes"));
        }
        xattrs.push((name.to_vec(), value));
    }
    xattrs.sort();
    Ok(xattrs)
}
