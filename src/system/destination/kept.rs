//! What is replaced is kept beside, under another name, where that is wanted.

use super::failure::Failure;
use super::failure::problem;
use super::target::Destination;
use crate::base::entry::Kind;
use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPath;
use crate::system::platform::Directory;
use std::io;

/// What stands between a name and the number of the snapshot.
const MARK: &[u8] = b"~snap-";

/// So many things of one name and one snapshot can be kept.
const KEPT_MAX: u32 = 1000;

impl Destination {
    /// Gives what is at `path` a second name beside it, so that it stays when the first goes to something else; a directory, or
    /// where there are no second names, gets the other name at once.
    pub(super) fn keep_aside(
        &self,
        parent: &Directory,
        path: &EntryPath,
        number: SnapshotNumber,
    ) -> Result<(), Failure> {
        let name = self.name(path);
        let kind = match parent.stat(&name) {
            Ok(found) => found.kind,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(self.failure(path, "cannot be looked at", error)),
        };
        if kind == Some(Kind::Directory) {
            return self.move_aside(parent, path, number);
        }
        match give_kept_name(&name, number, &mut |kept| parent.link(&name, parent, kept)) {
            Ok(()) => Ok(()),
            Err(_) => self.move_aside(parent, path, number),
        }
    }

    /// Gives what is at `path` another name.
    pub(super) fn move_aside(
        &self,
        parent: &Directory,
        path: &EntryPath,
        number: SnapshotNumber,
    ) -> Result<(), Failure> {
        let name = self.name(path);
        if parent.stat(&name).is_ok_and(|found| self.is_spared(&found)) {
            return Err(problem(path, "cannot be written: the archive is in the way"));
        }
        self.forget(path);
        give_kept_name(&name, number, &mut |kept| parent.rename_new(&name, kept))
            .map_err(|error| self.failure(path, "cannot be written: what is there cannot be kept beside it", error))
    }
}

/// Whether something that was replaced is kept under a name as this one.
pub fn is_kept_name(name: &[u8]) -> bool {
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let Some(mark) = name.windows(MARK.len()).rposition(|part| part == MARK) else { return false };
    let mut numbers = name[mark + MARK.len()..].splitn(2, |byte| *byte == b'.');
    mark > 0 && numbers.all(digits)
}

/// Tries one name after the other until one is free.
fn give_kept_name(
    name: &[u8],
    number: SnapshotNumber,
    give: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    for again in 1..KEPT_MAX {
        let more = if again == 1 { String::new() } else { format!(".{again}") };
        let kept = [name, MARK, format!("{number}{more}").as_bytes()].concat();
        match give(&kept) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            given => return given,
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
