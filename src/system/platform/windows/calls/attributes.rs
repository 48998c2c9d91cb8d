//! Setting time, attributes and what else Windows keeps, of what is open or by a name that is never followed. What other systems
//! do not have stands in extended attributes whose names begin with `windows.`.

use super::Handle;
use super::ea;
use super::errors;
use super::facts;
use super::facts::ATTRIBUTES;
use super::facts::CREATED;
use super::nt;
use super::nt::How;
use super::opening::CHANGE;
use super::opening::LOOK;
use super::opening::change;
use super::read::stat_file;
use super::rights;
use super::security;
use super::streams;
use crate::base::entry::WINDOWS_SECURITY;
use crate::base::time::Time;
use crate::system::platform::directory::Node;
use crate::system::platform::facts::LINK_KIND;
use crate::system::platform::facts::RawStat;
use crate::system::platform::told;
use std::fs::File;
use std::io;
use std::io::Write;
use windows_sys::Wdk::Storage::FileSystem as wdk;
use windows_sys::Win32::Storage::FileSystem as fs;

/// Does something with the node opened for that.
fn with<T>(node: Node, act: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    opened(node, CHANGE, act)
}

fn opened<T>(node: Node, how: How, act: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    let open = |directory: &Handle, name: &[u8]| nt::open_at(&directory.0, name, how);
    match node {
        Node::File(file) => act(file),
        // The handle for listing may not change anything; an empty name opens the directory again.
        Node::Directory(directory) => act(&open(&directory.0, b"")?),
        Node::Name(directory, name) => act(&open(&directory.0, name)?),
    }
}

pub fn stat(node: Node) -> io::Result<RawStat> {
    match node {
        Node::File(file) => stat_file(file),
        Node::Directory(directory) => directory.own_stat(),
        Node::Name(directory, name) => directory.stat(name),
    }
}

pub fn set_owner(_: Node, _: Option<u32>, _: Option<u32>) -> io::Result<()> {
    Ok(())
}

pub fn set_mode(node: Node, mode: u32) -> io::Result<()> {
    with(node, |file| {
        change(file, |attributes| match (attributes & facts::DIRECTORY != 0, mode & 0o222 == 0) {
            (true, _) => attributes,
            (false, true) => attributes | facts::READ_ONLY,
            (false, false) => attributes & !facts::READ_ONLY,
        })
    })
}

pub fn set_mtime(node: Node, mtime: Time) -> io::Result<()> {
    with(node, |file| told::set_mtime(file, mtime)).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => io::Error::from_raw_os_error(errors::INVALID_PARAMETER),
        _ => error,
    })
}

pub fn set_xattr(node: Node, name: &[u8], value: &[u8]) -> io::Result<()> {
    match name {
        ATTRIBUTES => with(node, |file| change(file, |attributes| facts::with_letters(attributes, value))),
        CREATED => {
            let time = std::str::from_utf8(value).ok().and_then(Time::parse).and_then(facts::ticks_of);
            let ticks = time.ok_or_else(|| io::Error::from_raw_os_error(errors::INVALID_PARAMETER))?;
            let basic = fs::FILE_BASIC_INFO { CreationTime: ticks, ..Default::default() };
            with(node, |file| nt::set_info(file, fs::FileBasicInfo, &basic))
        }
        // It was made as this says.
        LINK_KIND => Ok(()),
        WINDOWS_SECURITY => set_security(node, value),
        _ if ea::of_xattr(name).is_some() => set_ea(node, name, value),
        _ => with(node, |file| {
            let how = How {
                access: fs::FILE_GENERIC_WRITE,
                disposition: wdk::FILE_OVERWRITE_IF,
                options: wdk::FILE_NON_DIRECTORY_FILE,
            };
            open_stream(file, name, how)?.write_all(value)
        }),
    }
}

fn set_ea(node: Node, xattr: &[u8], value: &[u8]) -> io::Result<()> {
    let record = ea::of_xattr(xattr).and_then(|name| ea::setting(name, value));
    let record = record.ok_or_else(|| io::Error::from_raw_os_error(errors::INVALID_PARAMETER))?;
    let how = How { access: CHANGE.access | fs::FILE_READ_EA | fs::FILE_WRITE_EA, ..CHANGE };
    opened(node, how, |file| nt::set_ea(file, &record))
}

fn open_stream(file: &File, xattr: &[u8], how: How) -> io::Result<File> {
    let name = streams::of_xattr(xattr).ok_or_else(|| io::Error::from_raw_os_error(errors::NOT_SUPPORTED))?;
    nt::open_stream(file, name, how).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidFilename => io::Error::from_raw_os_error(errors::INVALID_PARAMETER),
        // The file is open, so it is streams that there are none of.
        io::ErrorKind::NotFound => io::Error::from_raw_os_error(errors::NOT_SUPPORTED),
        _ => error,
    })
}

/// Only who may give files to others does that: rights of another computer's people would else lock their own owner out.
fn set_security(node: Node, value: &[u8]) -> io::Result<()> {
    if !rights::may_give_away() {
        return Err(io::Error::from_raw_os_error(errors::PRIVILEGE_NOT_HELD));
    }
    let text = std::str::from_utf8(value).ok().and_then(security::kept);
    let text = text.ok_or_else(|| io::Error::from_raw_os_error(errors::INVALID_PARAMETER))?;
    with(node, |file| rights::set_security(file, &text, security::takes_none_from_around(&text)))
}

pub fn remove_xattr(node: Node, name: &[u8]) -> io::Result<()> {
    match name {
        ATTRIBUTES => set_xattr(node, name, b"a"),
        _ if ea::of_xattr(name).is_some() => set_ea(node, name, b""),
        _ => with(node, |file| nt::remove(&open_stream(file, name, How { access: fs::DELETE, ..LOOK })?)),
    }
}

pub fn xattr_names(node: Node) -> io::Result<Vec<Vec<u8>>> {
    with(node, |file| {
        let basic: fs::FILE_BASIC_INFO = nt::info(file, fs::FileBasicInfo)?;
        let letters = facts::letters_of(basic.FileAttributes).map(|_| ATTRIBUTES.to_vec());
        let streams = streams::streams(&nt::stream_list(file)?);
        let streams = streams.into_iter().map(|stream| [streams::PREFIX, &stream.name].concat());
        let eas = ea::attributes(&eas_of(node)?);
        let eas = eas.into_iter().map(|(name, _)| [ea::PREFIX, &name].concat());
        Ok(letters.into_iter().chain(streams).chain(eas).collect())
    })
}

/// The list of its EAs; empty where they may not be read.
fn eas_of(node: Node) -> io::Result<Vec<u8>> {
    match opened(node, How { access: LOOK.access | fs::FILE_READ_EA, ..LOOK }, nt::ea_list) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(Vec::new()),
        list => list,
    }
}
