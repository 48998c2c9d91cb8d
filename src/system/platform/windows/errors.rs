//! What Windows' error numbers mean. Pure; the numbers are those of its SDK (winerror.h).

use crate::system::platform::facts::Refusal;
use std::io;
use std::time::Duration;

const INVALID_FUNCTION: i32 = 1;
const ACCESS_DENIED: i32 = 5;
const INVALID_HANDLE: i32 = 6;
const NOT_SAME_DEVICE: i32 = 17;
const SHARING_VIOLATION: i32 = 32;
const LOCK_VIOLATION: i32 = 33;
/// What there is not here at all.
pub const NOT_SUPPORTED: i32 = 50;
/// What is not a name here: also of a stream where there are none.
const INVALID_NAME: i32 = 123;
/// What cannot be as it was asked for.
pub const INVALID_PARAMETER: i32 = 87;
const CALL_NOT_IMPLEMENTED: i32 = 120;
const INVALID_LEVEL: i32 = 124;
const NOT_A_REPARSE_POINT: i32 = 4390;
const TOO_MANY_LINKS: i32 = 1142;
/// What this person has no right to.
pub const PRIVILEGE_NOT_HELD: i32 = 1314;

/// What stops a path at a link; of our own making where a link was found by looking.
pub const STOPPED_ON_SYMLINK: i32 = 681;
const REPARSE_POINT_ENCOUNTERED: i32 = 4395;
const CANT_RESOLVE_FILENAME: i32 = 1921;

/// Not ready, bad unit, CRC, general failure, no such network resource, device not there any more, wrong disk, time ran out, no such
/// device, file invalid, no medium, device error, device not connected, device removed.
const DRIVE_LOST: [i32; 15] = [20, 21, 23, 31, 34, 55, 59, 64, 121, 433, 1006, 1112, 1117, 1167, 1617];

/// Nothing of its kind is known to this system or file system.
const NOT_HERE: [i32; 4] = [INVALID_FUNCTION, NOT_SUPPORTED, CALL_NOT_IMPLEMENTED, INVALID_LEVEL];

pub fn is_meant_by(refusal: Refusal, error: &io::Error) -> bool {
    let further: &[i32] = match refusal {
        // Before 1601 there is no time.
        Refusal::Attribute => &[ACCESS_DENIED, PRIVILEGE_NOT_HELD, INVALID_PARAMETER],
        Refusal::Xattr => &[ACCESS_DENIED, PRIVILEGE_NOT_HELD, INVALID_PARAMETER, INVALID_NAME],
        Refusal::Symlink | Refusal::Node => &[PRIVILEGE_NOT_HELD, INVALID_PARAMETER, NOT_A_REPARSE_POINT],
        Refusal::Link => &[TOO_MANY_LINKS, NOT_SAME_DEVICE],
    };
    is_one_of(error, &NOT_HERE) || is_one_of(error, further)
}

pub fn was_drive_lost(error: &io::Error) -> bool {
    is_one_of(error, &DRIVE_LOST)
}

pub fn was_symlink_met(error: &io::Error) -> bool {
    is_one_of(error, &[STOPPED_ON_SYMLINK, REPARSE_POINT_ENCOUNTERED, CANT_RESOLVE_FILENAME])
}

/// Whether a call is not known to this system or file system, so that an older one may do.
pub fn is_unknown_call(error: &io::Error) -> bool {
    is_one_of(error, &NOT_HERE) || is_one_of(error, &[INVALID_PARAMETER])
}

/// Whether a folder's names cannot be made durable here by asking for it, which file systems that need not be asked say too.
pub fn cannot_be_flushed(error: &io::Error) -> bool {
    is_one_of(error, &NOT_HERE) || is_one_of(error, &[ACCESS_DENIED, INVALID_HANDLE])
}

/// Whether a person's rights do not reach.
pub fn is_privilege_missing(error: &io::Error) -> bool {
    is_one_of(error, &[PRIVILEGE_NOT_HELD])
}

/// How long it is worth to try again: virus scanners and indexers hold what was just written for a moment. That something may
/// not be done at all has the same number as that a scanner has it open.
pub fn patience(error: &io::Error) -> Duration {
    match error.raw_os_error() {
        Some(SHARING_VIOLATION | LOCK_VIOLATION) => Duration::from_secs(2),
        Some(ACCESS_DENIED) => Duration::from_millis(200),
        _ => Duration::ZERO,
    }
}

/// The same in words of our own where Windows' say nothing of what to do.
pub fn in_plain_words(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(SHARING_VIOLATION | LOCK_VIOLATION) => {
            io::Error::new(io::ErrorKind::ResourceBusy, "another program has it open and shares it with nobody")
        }
        _ => error,
    }
}

fn is_one_of(error: &io::Error, wanted: &[i32]) -> bool {
    error.raw_os_error().is_some_and(|found| wanted.contains(&found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: i32) -> io::Error {
        io::Error::from_raw_os_error(number)
    }

    #[test]
    fn a_refusal_is_no_failure_and_a_failure_no_refusal() {
        for refusal in [Refusal::Attribute, Refusal::Xattr, Refusal::Symlink, Refusal::Node, Refusal::Link] {
            assert!(is_meant_by(refusal, &error(NOT_SUPPORTED)), "{refusal:?}");
            // File not found, disk full, CRC, sharing violation.
            assert!([2, 112, 23, 32].iter().all(|number| !is_meant_by(refusal, &error(*number))), "{refusal:?}");
        }
        assert!(is_meant_by(Refusal::Symlink, &error(PRIVILEGE_NOT_HELD)));
        assert!(is_meant_by(Refusal::Link, &error(TOO_MANY_LINKS)));
        assert!(
            !is_meant_by(Refusal::Symlink, &error(ACCESS_DENIED)) && !is_meant_by(Refusal::Link, &error(ACCESS_DENIED))
        );
    }

    #[test]
    fn a_drive_that_was_pulled_out_is_not_taken_for_a_missing_file() {
        assert!([21, 55, 1006, 1112, 1117, 1167, 1617].iter().all(|number| was_drive_lost(&error(*number))));
        assert!([2, 3, 5, 32, 112].iter().all(|number| !was_drive_lost(&error(*number))));
    }

    #[test]
    fn links_in_the_way_are_told_apart_from_missing_folders() {
        assert!([681, 4395, 1921].iter().all(|number| was_symlink_met(&error(*number))));
        assert!(!was_symlink_met(&error(3)) && !was_symlink_met(&io::ErrorKind::NotADirectory.into()));
    }

    #[test]
    fn calls_that_are_not_known_are_told_apart_from_calls_that_failed() {
        assert!([1, 50, 87, 120, 124].iter().all(|number| is_unknown_call(&error(*number))));
        assert!([5, 32, 112].iter().all(|number| !is_unknown_call(&error(*number))));
        assert!(cannot_be_flushed(&error(INVALID_HANDLE)) && !cannot_be_flushed(&error(1117)));
        assert!(is_privilege_missing(&error(1314)) && !is_privilege_missing(&error(5)));
    }

    #[test]
    fn only_what_passes_is_waited_for() {
        assert!(patience(&error(32)) > patience(&error(5)) && patience(&error(5)) > Duration::ZERO);
        assert_eq!(patience(&error(2)), Duration::ZERO);
    }

    #[test]
    fn a_file_that_another_program_keeps_to_itself_is_told_in_plain_words() {
        let told = in_plain_words(error(32));
        assert!(told.kind() == io::ErrorKind::ResourceBusy && told.to_string().contains("another program"));
        assert_eq!(in_plain_words(error(5)).raw_os_error(), Some(5));
    }
}
