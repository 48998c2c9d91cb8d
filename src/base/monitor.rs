//! How the verbs tell what happens while it happens. Knows nothing of terminals.

use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use std::sync::Mutex;
use std::sync::PoisonError;

/// How far a command is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Entries looked at or written so far.
    pub entries: u64,
    /// Content bytes read or written so far.
    pub bytes: u64,
    /// Content bytes in all, where known beforehand; else 0.
    pub bytes_total: u64,
}

/// `4.2 MB`, `123 MB`: in steps of 1000, as file managers and makers of drives count.
pub fn amount(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    // Rounded before the unit is chosen, so that 999,950 becomes 1.0 MB and not 1000 kB.
    let rounded = |steps: u128| (u128::from(bytes) + steps / 2) / steps;
    let mut unit_bytes: u128 = 1000;
    for unit in UNITS {
        let (whole, tenths) = (rounded(unit_bytes), rounded(unit_bytes / 10));
        if tenths < 1000 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        if whole < 1000 {
            return format!("{whole} {unit}");
        }
        unit_bytes *= 1000;
    }
    format!("{bytes} B")
}

/// Who is told what happens. Called from several threads at once.
pub trait Monitor: Sync {
    /// One entry could not be saved or restored as it should.
    fn problem(&self, problem: &Problem);

    /// Something the person should know, that is not a problem: "the index was rebuilt".
    fn notice(&self, text: &str);

    /// How far the command is; called often.
    fn progress(&self, progress: Progress) {
        let _ = progress;
    }

    /// One entry was saved, deleted or restored, in a word ("new", "modified", "deleted" …). Called only if `wants_entries`.
    fn entry(&self, what: &str, path: &EntryPath) {
        let _ = (what, path);
    }

    /// Whether `entry` should be called.
    fn wants_entries(&self) -> bool {
        false
    }

    /// Whether the person asked to stop; the command then ends soon, with what is finished kept.
    fn is_interrupted(&self) -> bool {
        false
    }
}

/// Goes on, unless the person asked to stop.
///
/// # Errors
/// [`ErrorKind::Interrupted`] when the person did.
pub fn check_interrupted(monitor: &dyn Monitor) -> Result<()> {
    if monitor.is_interrupted() { Err(Error::new(ErrorKind::Interrupted, "stopped")) } else { Ok(()) }
}

/// Keeps everything it is told; for tests and for callers that only look afterwards.
#[derive(Debug, Default)]
pub struct Recorder {
    problems: Mutex<Vec<Problem>>,
    notices: Mutex<Vec<String>>,
}

impl Recorder {
    /// A recorder that was told nothing.
    pub fn new() -> Recorder {
        Recorder::default()
    }

    /// The problems so far.
    pub fn problems(&self) -> Vec<Problem> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The notices so far.
    pub fn notices(&self) -> Vec<String> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Monitor for Recorder {
    fn problem(&self, problem: &Problem) {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem.clone());
    }

    fn notice(&self, text: &str) {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    }
}
