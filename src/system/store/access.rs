//! Who may read what a store in a directory holds: its owner alone, or a group with it. Whatever the umask is.

use crate::system::platform::Node;
use crate::system::platform::RawStat;
use crate::system::platform::Refusal;
use std::io;

const OWNER_ALONE: u32 = 0o700;
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;

/// The bits that only folders have.
const ENTER: u32 = 0o111;

/// The mode of a store that a group shares.
const SHARED: u32 = 0o770;

/// Who may read and write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// The mode of a folder; a file has the same without the right to enter.
    mode: u32,
    /// The group that it is given to, if not to that of whoever makes it.
    group: Option<u32>,
}

impl Access {
    /// The owner alone.
    pub const PRIVATE: Access = Access { mode: OWNER_ALONE, group: None };

    /// This group too.
    pub fn shared(group: u32) -> Access {
        Access { mode: SHARED, group: Some(group) }
    }

    /// As this folder is: what its group may do there, it may do with what is made in it. What everybody may enter is not a sign
    /// that everybody should read.
    pub fn of_directory(directory: &RawStat) -> Access {
        if directory.mode & OTHERS != 0 || directory.mode & GROUP == 0 {
            return Access::PRIVATE;
        }
        Access { mode: OWNER_ALONE | (directory.mode & GROUP), group: Some(directory.gid) }
    }

    /// Gives it to a file or folder that was just made. A file system that knows no modes is left alone; a file that cannot be
    /// given to the group is kept private.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn give(self, node: Node) -> io::Result<()> {
        let now = node.stat()?;
        let is_of_group = match self.group.filter(|group| *group != now.gid) {
            Some(group) => tolerated(node.set_owner(None, Some(group)))?,
            None => true,
        };
        let is_directory = now.kind == Some(crate::base::entry::Kind::Directory);
        let mode = if is_of_group { self.mode } else { OWNER_ALONE };
        tolerated(node.set_mode(if is_directory { mode } else { mode & !ENTER }))?;
        Ok(())
    }
}

/// Whether it was done; not where the file system or the person's rights do not allow it.
fn tolerated(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if Refusal::Attribute.is_meant_by(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::system::platform;

    fn of_mode(mode: u32) -> Access {
        let folder = tempfile::tempdir().unwrap();
        let found = platform::stat_path(folder.path()).unwrap();
        Access::of_directory(&RawStat { mode, gid: 7, ..found })
    }

    #[test]
    fn a_group_reads_what_is_made_in_a_folder_that_is_open_to_it_alone() {
        assert_eq!(of_mode(0o770), Access::shared(7));
        assert_eq!(of_mode(0o2770), Access::shared(7));
        assert_eq!(of_mode(0o750), Access { mode: 0o750, group: Some(7) });
        for mode in [0o700, 0o755, 0o777, 0o1777, 0o775, 0o500] {
            assert_eq!(of_mode(mode), Access::PRIVATE, "{mode:o}");
        }
    }
}
