//! Versioned archives on a drive: every bundle is an ordinary `.tar.zst`, and stock GNU tar replays the whole history.
//!
//! An [`Archive`] is a folder. [`create()`] saves a snapshot of some sources into it, [`list`] and [`ls`] tell what there is,
//! [`between`] (two snapshots), [`log`](log()), [`find`](find()), [`cat`](cat()) and [`du`](du()) ask the history,
//! [`restore()`] and [`export()`] give it back, [`verify()`] looks for damage and [`repair()`] repairs it. [`forget()`] says
//! which snapshots are no longer wanted, and [`prune()`] gives back their space. A [`Monitor`] is told what happens meanwhile,
//! and may ask to stop.
//!
//! ```
//! use snap_archive::{Archive, CreateOptions, LsOptions, Recorder, RestoreOptions, Sharing, SourceSpec};
//! use snap_archive::{create, list, ls, restore};
//! use std::fs;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let place = tempfile::tempdir()?;
//! let home = place.path().join("home");
//! fs::create_dir(&home)?;
//! fs::write(home.join("letter.txt"), "Dear Ann")?;
//!
//! // Saves the folder `home`, under its own name.
//! let archive = Archive::init(&place.path().join("archive"), Sharing::Private)?;
//! let monitor = Recorder::new();
//! let source = SourceSpec { name: None, is_named: false, path: home };
//! let report = create(&archive, &CreateOptions { sources: vec![source], ..CreateOptions::default() }, &monitor)?;
//! assert_eq!((report.problems, monitor.problems().len()), (0, 0));
//!
//! // What there is.
//! let history = list(&archive, &monitor)?;
//! let newest = history.last().ok_or("no snapshot")?.number;
//! let mut paths = Vec::new();
//! let everything = LsOptions { at: newest, recursive: true, ..LsOptions::default() };
//! ls(&archive.catalog(&monitor)?, &everything, &monitor, &mut |path, _| {
//!     paths.push(path.to_string());
//!     Ok(())
//! })?;
//! assert_eq!(paths, ["home", "home/letter.txt"]);
//!
//! // Gives it back, in another place.
//! let target = place.path().join("restored");
//! let options = RestoreOptions { target: target.clone(), at: newest, ..RestoreOptions::default() };
//! restore(&archive.catalog(&monitor)?, &options, &monitor)?;
//! assert_eq!(fs::read_to_string(target.join("home/letter.txt"))?, "Dear Ann");
//! # Ok(())
//! # }
//! ```
//!
//! The names at the root are what a program needs, and all that is promised. The modules are public with the feature `internals`
//! only, for the program `snap` and the tests.
//!
//! The modules stand on floors, lowest first, a blank line between floors; a module uses only floors below its own, and a
//! test holds them to it. `docs/architecture.md` is the map, `docs/format.md` the format.

// What only the program and the tests use is no dead code.
#![cfg_attr(not(feature = "internals"), allow(dead_code, unused_imports, rustdoc::private_intra_doc_links))]

#[cfg(not(feature = "internals"))]
mod base;
#[cfg(feature = "internals")]
pub mod base;

#[cfg(not(feature = "internals"))]
mod system;
#[cfg(feature = "internals")]
pub mod system;

#[cfg(not(feature = "internals"))]
mod format;
#[cfg(feature = "internals")]
pub mod format;

#[cfg(not(feature = "internals"))]
mod archive;
#[cfg(feature = "internals")]
pub mod archive;

#[cfg(not(feature = "internals"))]
mod verbs;
#[cfg(feature = "internals")]
pub mod verbs;

pub use crate::archive::catalog::Catalog;
pub use crate::archive::content::ContentCheck;
pub use crate::archive::content::Contents;
pub use crate::archive::content::Reader;
pub use crate::archive::liveness::MAX_UNUSED_DEFAULT;
pub use crate::archive::open::Archive;
pub use crate::archive::open::Sharing;
pub use crate::base::advice::Advice;
pub use crate::base::aspect::Aspect;
pub use crate::base::aspect::Change;
pub use crate::base::entry::Content;
pub use crate::base::entry::Device;
pub use crate::base::entry::Entry;
pub use crate::base::entry::Kind;
pub use crate::base::entry::Owner;
pub use crate::base::entry::Place;
pub use crate::base::entry::Stat;
pub use crate::base::entry::Xattr;
pub use crate::base::error::Error;
pub use crate::base::error::ErrorKind;
pub use crate::base::error::Problem;
pub use crate::base::error::Result;
pub use crate::base::error::Subject;
pub use crate::base::holes::Holes;
pub use crate::base::id::ArchiveId;
pub use crate::base::id::BundleId;
pub use crate::base::id::BundleName;
pub use crate::base::id::Hash;
pub use crate::base::id::SnapshotNumber;
pub use crate::base::keep::Age;
pub use crate::base::keep::KeepRules;
pub use crate::base::keep::Reason;
pub use crate::base::keep::Verdict;
pub use crate::base::matcher::Matcher;
pub use crate::base::monitor::EntryChange;
pub use crate::base::monitor::Event;
pub use crate::base::monitor::Monitor;
pub use crate::base::monitor::Notice;
pub use crate::base::monitor::Phase;
pub use crate::base::monitor::Progress;
pub use crate::base::monitor::Recorder;
pub use crate::base::path::EntryPath;
pub use crate::base::path::EntryPathBuf;
pub use crate::base::snapshot::Counts;
pub use crate::base::snapshot::Rules;
pub use crate::base::snapshot::SourceRecord;
pub use crate::base::snapshot::Standing;
pub use crate::base::snapshot::Summary;
pub use crate::base::time::Time;
pub use crate::base::when::When;
pub use crate::system::destination::Renamed;
pub use crate::verbs::cat::cat;
pub use crate::verbs::create::CreateOptions;
pub use crate::verbs::create::CreateReport;
pub use crate::verbs::create::DriveSpeed;
pub use crate::verbs::create::LeftOut;
pub use crate::verbs::create::Level;
pub use crate::verbs::create::PART_BYTES_DEFAULT;
pub use crate::verbs::create::PassedOver;
pub use crate::verbs::create::ReadAt;
pub use crate::verbs::create::SourceSpec;
pub use crate::verbs::create::check_sources;
pub use crate::verbs::create::create;
pub use crate::verbs::create::drop_source;
pub use crate::verbs::create::rename_source;
pub use crate::verbs::diff::Changed;
pub use crate::verbs::diff::Diff;
pub use crate::verbs::diff::Different;
pub use crate::verbs::diff::WithFiles;
pub use crate::verbs::diff::between;
pub use crate::verbs::diff::with_files;
pub use crate::verbs::du::Added;
pub use crate::verbs::du::DuOptions;
pub use crate::verbs::du::Usage;
pub use crate::verbs::du::added;
pub use crate::verbs::du::du;
pub use crate::verbs::erase::EraseOptions;
pub use crate::verbs::erase::ErasePlan;
pub use crate::verbs::erase::erase;
pub use crate::verbs::erase::plan_erase;
pub use crate::verbs::export::ExportOptions;
pub use crate::verbs::export::export;
pub use crate::verbs::find::FindOptions;
pub use crate::verbs::find::FoundPath;
pub use crate::verbs::find::find;
pub use crate::verbs::forget::ForgetOptions;
pub use crate::verbs::forget::ForgetReport;
pub use crate::verbs::forget::Which;
pub use crate::verbs::forget::forget;
pub use crate::verbs::forget::mark;
pub use crate::verbs::forget::remember;
pub use crate::verbs::forget::unmark;
pub use crate::verbs::history::LsOptions;
pub use crate::verbs::history::NotedProblems;
pub use crate::verbs::history::has_parts_alone;
pub use crate::verbs::history::list;
pub use crate::verbs::history::ls;
pub use crate::verbs::history::noted_problems;
pub use crate::verbs::log::Below;
pub use crate::verbs::log::LogVersion;
pub use crate::verbs::log::log;
pub use crate::verbs::prune::PruneOptions;
pub use crate::verbs::prune::PruneReport;
pub use crate::verbs::prune::PrunedBundle;
pub use crate::verbs::prune::prune;
pub use crate::verbs::repair::RepairOptions;
pub use crate::verbs::repair::RepairReport;
pub use crate::verbs::repair::Step;
pub use crate::verbs::repair::repair;
pub use crate::verbs::restore::Named;
pub use crate::verbs::restore::RestoreOptions;
pub use crate::verbs::restore::RestoreReport;
pub use crate::verbs::restore::TargetChanges;
pub use crate::verbs::restore::changes;
pub use crate::verbs::restore::deletions;
pub use crate::verbs::restore::restore;
pub use crate::verbs::thin::Thinned;
pub use crate::verbs::thin::thin;
pub use crate::verbs::verify::ArchiveFile;
pub use crate::verbs::verify::Fault;
pub use crate::verbs::verify::Finding;
pub use crate::verbs::verify::Impact;
pub use crate::verbs::verify::Members;
pub use crate::verbs::verify::VerifyOptions;
pub use crate::verbs::verify::VerifyReport;
pub use crate::verbs::verify::Witness;
pub use crate::verbs::verify::verify;
pub use crate::verbs::verify::verify_snapshots;
