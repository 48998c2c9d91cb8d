//! Why an entry was not written.

use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::Problem;
use crate::base::path::EntryPath;

/// Why an entry was not written.
#[derive(Debug)]
pub enum Failure {
    /// This entry cannot be; others may.
    Problem(Problem),
    /// Nothing more can be written: the disk is full or has become read-only.
    Fatal(Error),
}

pub(super) fn problem(path: &EntryPath, what: &str) -> Failure {
    Failure::Problem(Problem::new(path.to_owned(), what))
}

pub(super) fn in_the_way(path: &EntryPath) -> Failure {
    problem(
        path,
        "cannot be written: something is there already under this name, or one that the disk takes for the same",
    )
}

/// The problem of a directory with things in it that stands where something else belongs.
pub fn full_folder(path: &EntryPath) -> Problem {
    Problem::new(path.to_owned(), "cannot be written: a folder that is not empty is in the way")
        .with_advice(Advice::AllowDeletion)
}

/// The problem of a directory in whose place a symlink to a folder is that is not gone through.
pub fn link_in_the_way(path: &EntryPath) -> Problem {
    let what = "what is in it was not restored: it is a symlink there, to a folder outside of the one that is restored into, or to \
                one in which something else belongs";
    Problem::new(path.to_owned(), what)
}
