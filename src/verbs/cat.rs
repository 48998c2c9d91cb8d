//! `cat`: writes a file's content, as it was saved, to a stream. Whether it is what was saved is known only at the end,
//! when all of it was compared with its hash. Knows nothing of where it goes.

use crate::archive::catalog::Catalog;
use crate::archive::content::ContentCheck;
use crate::archive::content::Contents;
use crate::archive::content::Reader;
use crate::base::advice::Advice;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::error::Subject;
use crate::base::id::Hasher;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;
use crate::base::path::printable;
use crate::base::snapshot::no_path;
use std::io::Write;

/// How much is read at once. The frame that it comes from is kept until all of it was read.
const PIECE_BYTES: u64 = 1 << 20;

/// Writes the content that the file at `path` had in snapshot `number` to `out`. Damage in the archive is reported to
/// the monitor and counted in the result: what can be decoded is written, with zeros for the rest; nothing if the
/// content was lost.
///
/// # Errors
/// [`ErrorKind::NotFound`] when there is no such snapshot or path; [`ErrorKind::Refused`] when it is not a file, before anything is
/// written; when `out` cannot be written, or the archive not be read any more; [`ErrorKind::Interrupted`].
pub fn cat(
    catalog: &Catalog,
    (number, path): (SnapshotNumber, &EntryPath),
    monitor: &dyn Monitor,
    out: &mut dyn Write,
) -> Result<u64> {
    catalog.check_is_there(number)?;
    let state = catalog.checked_state(number, &[path.to_owned()])?;
    let entry = if path.is_root() { None } else { Some(state.find(path)?.ok_or_else(|| no_path(path, number))?) };
    let file = entry.as_ref().and_then(|entry| Some((entry, entry.content.as_ref()?)));
    let (entry, content) = file.ok_or_else(|| is_no_file(path, entry.as_ref()))?;
    let mut reader = Contents::new(catalog, ContentCheck::Hash, Advice::PlugInArchive).reader();
    let tell = |what: String| {
        monitor.event(Event::Problem(&Problem::new(path.to_owned(), what)));
        Ok(1)
    };
    if let Err(lost) = reader.check_place(entry) {
        return if lost.is_damage() { tell(lost.to_string()) } else { Err(lost) };
    }
    match copy(&mut reader, (entry, content), monitor, out)? {
        Some(why) => tell(format!(
            "its content in the archive is damaged ({why}): what was written is NOT sound, it has zeros in place of what cannot \
             be read"
        )),
        None if content.torn => {
            monitor.event(Event::Problem(&Problem::torn(path.to_owned())));
            Ok(1)
        }
        None => Ok(0),
    }
}

/// Copies a content. Returns why it is not what was saved, if it is not.
fn copy(
    reader: &mut Reader,
    (entry, content): (&Entry, &Content),
    monitor: &dyn Monitor,
    out: &mut dyn Write,
) -> Result<Option<Error>> {
    let size = entry.stat.size;
    let mut hasher = Hasher::new();
    let mut lost = None;
    let mut buffer = vec![0; size.min(PIECE_BYTES) as usize];
    let mut at = 0;
    while at < size {
        check_interrupted(monitor)?;
        let piece = &mut buffer[..(size - at).min(PIECE_BYTES) as usize];
        let trouble = reader.read_lossy(entry, at, piece)?;
        lost = lost.or(trouble);
        content.holes.hash(at, piece, &mut hasher);
        out.write_all(piece).map_err(write_failed)?;
        at += piece.len() as u64;
    }
    out.flush().map_err(write_failed)?;
    if hasher.hash() == content.hash {
        return Ok(None);
    }
    Ok(Some(lost.unwrap_or_else(|| Error::damaged("its hash is another one"))))
}

fn is_no_file(path: &EntryPath, entry: Option<&Entry>) -> Error {
    let what = match entry.map(|entry| entry.stat.kind) {
        None => "the archive as a whole is not a file".to_owned(),
        Some(Kind::Directory) => format!("{path} is a folder, not a file"),
        Some(Kind::Symlink) => {
            let target = entry.map(|entry| printable(&entry.target).into_owned()).unwrap_or_default();
            format!("{path} is a symlink to {target}, not a file")
        }
        Some(Kind::Fifo) => format!("{path} is a named pipe and holds nothing"),
        Some(_) => format!("{path} is a device and holds nothing"),
    };
    Error::new(ErrorKind::Refused, what).about(Subject::Entry(path.to_owned())).with_advice(Advice::NameFile)
}

fn write_failed(error: std::io::Error) -> Error {
    Error::io("cannot write the content", error)
}
