//! Which sources a run saves, opened, and how the manifest names all of them.

use super::options::CreateOptions;
use super::options::ReadAt;
use super::options::SourceSpec;
use super::rules;
use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::error::Subject;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Notice;
use crate::base::path::EntryPathBuf;
use crate::base::path::printable;
use crate::base::snapshot::Rules;
use crate::base::snapshot::SourceRecord;
use crate::base::snapshot::Summary;
use crate::base::snapshot::was_not_named;
use crate::system::listing::Listing;
use crate::system::platform;
use crate::system::source::Source;
use std::collections::BTreeMap;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

/// The sources of a run.
pub struct Chosen {
    /// Those that are scanned, by name.
    pub open: Vec<Source>,
    /// All that the snapshot holds.
    pub records: Vec<SourceRecord>,
    /// Those that were to be scanned and are not there.
    pub problems: Vec<Problem>,
}

/// What a run is made from.
pub struct Scene<'a> {
    pub archive: &'a Archive,
    /// Those of the newest snapshot, or of a first one that was cut off.
    pub known: &'a [SourceRecord],
    pub history: &'a [Summary],
    pub base: &'a State,
    pub monitor: &'a dyn Monitor,
}

/// Chooses and opens the sources. One that was there last time and is not now is a problem and stays as it was, as long as
/// there are others.
///
/// # Errors
/// [`ErrorKind::Refused`] when there are none, two have one name, one is missing that was never saved, all are missing
/// or have become empty, one is in the archive or has another path than before.
pub fn choose(options: &CreateOptions, scene: &Scene) -> Result<Chosen> {
    let known = scene.known;
    rules::check_taken_away(options, known)?;
    let mut records = wanted(options, known)?;
    let mut chosen = Chosen { open: Vec::new(), records: Vec::new(), problems: Vec::new() };
    let mut failure = None;
    let all: Vec<SourceRecord> = records.values().cloned().collect();
    for record in records.values_mut() {
        let before = known.iter().find(|before| before.name == record.name);
        record.rules = rules::of_source(options, (record, &all), before, scene.monitor);
        record.renamed_from = before.map(|before| before.renamed_from.clone()).unwrap_or_default();
        match open_source(record, options, scene) {
            Ok(source) => chosen.open.push(source),
            Err(error) => {
                let Some(before) = before.filter(|before| before.path == record.path) else { return Err(error) };
                // The others were named explicitly since it is gone: it is not reported again.
                let is_known = options.sources.is_empty() && was_not_named(scene.history, before);
                let told = EntryPathBuf::from_bytes(record.name.as_bytes()).filter(|_| !is_known);
                chosen.problems.extend(told.map(|path| is_missing(path, &error)));
                *record = SourceRecord { scanned: false, missing: !is_known, ..before.clone() };
                failure = failure.or(Some(error));
            }
        }
    }
    if let Some(error) = failure.filter(|_| chosen.open.is_empty()) {
        return Err(error);
    }
    tell_of_other_computers(options, known, scene.monitor);
    for record in known {
        let taken_over = || SourceRecord { scanned: false, missing: false, ..record.clone() };
        records.entry(record.name.clone()).or_insert_with(taken_over);
    }
    chosen.records = records.into_values().collect();
    Ok(chosen)
}

/// The sources of the newest bundle, which is of a snapshot that was cut off. Where it cannot be read, none are known.
pub fn of_unfinished(catalog: &Catalog) -> Vec<SourceRecord> {
    let newest = catalog.bundles().last().map(|file| file.name.clone());
    let head = newest.and_then(|name| catalog.archive().bundle(&name).ok()?.own_head());
    head.map(|head| head.sources).unwrap_or_default()
}

/// Whether the sources differ from what the last snapshot says: in a path, rules, a computer, or in which are missing
/// or no longer looked for.
pub fn have_changed(known: Option<&[SourceRecord]>, now: &[SourceRecord]) -> bool {
    let is_as_before = |record: &SourceRecord| {
        let before = known.into_iter().flatten().find(|before| before.name == record.name);
        before.is_some_and(|before| {
            let is_gone = record.missing && !before.missing;
            let is_given_up = before.missing && !record.missing && !record.scanned;
            let same_place = (&before.path, &before.host) == (&record.path, &record.host);
            same_place && before.rules == record.rules && before.dropped == record.dropped && !is_gone && !is_given_up
        })
    };
    known.is_some() && !now.iter().all(is_as_before)
}

fn is_missing(path: EntryPathBuf, error: &Error) -> Problem {
    let problem = Problem::new(path, format!("{error}; it stays as it was")).unsaved();
    match error.advice() {
        Some(advice) => problem.with_advice(advice.clone()),
        None => problem,
    }
}

/// Refuses sources of a first snapshot that cannot be saved, before anything is made for it.
///
/// # Errors
/// [`ErrorKind::Refused`] when there is none, or two have one name; otherwise when one cannot be read.
pub fn check(options: &CreateOptions) -> Result<()> {
    for record in wanted(options, &[])?.values() {
        open_folder(record, &Rules::default(), None)?;
    }
    Ok(())
}

/// What is to be scanned, by name; without rules.
fn wanted(options: &CreateOptions, known: &[SourceRecord]) -> Result<BTreeMap<String, SourceRecord>> {
    if options.sources.is_empty() && known.is_empty() {
        return Err(Error::new(ErrorKind::Refused, "there is no snapshot yet that says which folders to save")
            .with_advice(Advice::NameSources));
    }
    let mut wanted: BTreeMap<String, SourceRecord> = BTreeMap::new();
    for spec in &options.sources {
        let (name, path) = name_and_path(spec)?;
        let name = present_name(name, &path, spec, known);
        let record =
            SourceRecord { name: name.clone(), path: bytes_of(&path), scanned: true, ..SourceRecord::default() };
        let record = SourceRecord { host: options.host.clone(), ..record };
        let before = known.iter().find(|before| before.name == name);
        if let Some(before) = before.filter(|_| !spec.is_named && !options.moved) {
            refuse_another(before, &path, options)?;
        }
        if let Some(other) = wanted.insert(name.clone(), record) {
            let (name, path) = (printable(name.as_bytes()), printed(&path));
            let what = format!("two folders are both called '{name}': {} and {path}", printable(&other.path));
            return Err(Error::new(ErrorKind::Refused, what)
                .with_advice(Advice::RenameSource { name: format!("{name}2"), path }));
        }
    }
    if options.sources.is_empty() {
        let host = |record: &SourceRecord| if options.host.is_empty() { &record.host } else { &options.host }.clone();
        let again = |record: &SourceRecord| SourceRecord {
            scanned: true,
            missing: false,
            host: host(record),
            ..record.clone()
        };
        let saved = known.iter().filter(|record| !record.dropped && (options.moved || !is_of_another(record, options)));
        wanted.extend(saved.map(|record| (record.name.clone(), again(record))));
        if wanted.is_empty() {
            return Err(none_is_saved(known));
        }
    }
    Ok(wanted)
}

/// The name of a source that is given by its path alone: its new one, if it was renamed.
fn present_name(name: String, path: &Path, spec: &SourceSpec, known: &[SourceRecord]) -> String {
    let is_it =
        |record: &&SourceRecord| !record.dropped && !record.renamed_from.is_empty() && !is_elsewhere(record, path);
    let renamed = known.iter().find(is_it).filter(|_| !spec.is_named && known.iter().all(|record| record.name != name));
    renamed.map_or(name, |record| record.name.clone())
}

/// Whether a source was read by another computer.
fn is_of_another(record: &SourceRecord, options: &CreateOptions) -> bool {
    !record.host.is_empty() && !options.host.is_empty() && record.host != options.host
}

/// Reports the sources that are left as they are because another computer saves them.
fn tell_of_other_computers(options: &CreateOptions, known: &[SourceRecord], monitor: &dyn Monitor) {
    let is_told = |record: &&SourceRecord| !record.dropped && is_of_another(record, options);
    for record in known.iter().filter(|_| options.sources.is_empty() && !options.moved).filter(is_told) {
        let (source, host) = (record.name.clone(), record.host.clone());
        monitor.event(Event::Notice(&Notice::SourceOfOtherComputer { source, host }));
    }
}

/// Why there is nothing to save though there are sources.
fn none_is_saved(known: &[SourceRecord]) -> Error {
    let other = known.iter().find(|record| !record.dropped);
    let what = match other {
        Some(other) => format!(
            "all sources were saved by another computer: {} by {}",
            printable(other.name.as_bytes()),
            printable(other.host.as_bytes())
        ),
        None => "all sources were dropped".to_owned(),
    };
    let advice = if other.is_some() { Advice::SayMovedOrNameSources } else { Advice::NameSources };
    Error::new(ErrorKind::Refused, what).with_advice(advice)
}

/// Refuses another folder, or that of another computer, under the name of a known source.
fn refuse_another(before: &SourceRecord, path: &Path, options: &CreateOptions) -> Result<()> {
    if is_of_another(before, options) {
        let (name, path) = (printable(before.name.as_bytes()), printed(path));
        let host = printable(before.host.as_bytes());
        let what = format!("{name} was read on the computer {host} until now, and {path} is on {}", options.host);
        return Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::SayMovedOrName { path }));
    }
    if is_elsewhere(before, path) { Err(is_another(before, path)) } else { Ok(()) }
}

/// Whether a source was read from another folder than `path`. Where it was read from may be unknown.
fn is_elsewhere(before: &SourceRecord, path: &Path) -> bool {
    if before.path.is_empty() {
        return false;
    }
    let old = platform::path_of(&before.path);
    let same_folder = || platform::canonical(&old).ok().is_some_and(|old| platform::canonical(path).ok() == Some(old));
    old != path && !same_folder()
}

fn is_another(before: &SourceRecord, path: &Path) -> Error {
    let (name, path) = (printable(before.name.as_bytes()), printable(path.as_os_str().as_encoded_bytes()));
    let what = format!("{name} was read from {} until now, and {path} is another folder", printable(&before.path));
    Error::new(ErrorKind::Refused, what).with_advice(Advice::SayMovedOrName { path: path.into_owned() })
}

fn name_and_path(spec: &SourceSpec) -> Result<(String, PathBuf)> {
    let absolute = std::path::absolute(&spec.path).map_err(|error| missing(&spec.path, error))?;
    // What `..` means depends on where symlinks before it lead; where they lead now is meant.
    let goes_up = absolute.components().any(|part| part == Component::ParentDir);
    let absolute = if goes_up { platform::canonical(&absolute) } else { Ok(platform::plain_path(absolute)) };
    let absolute = absolute.map_err(|error| missing(&spec.path, error))?;
    let name = if let Some(name) = &spec.name {
        name.clone()
    } else {
        let last = absolute.file_name().and_then(|name| name.to_str());
        last.map(str::to_owned).ok_or_else(|| {
            let what = format!("{} has no name that can stand in the archive", printed(&spec.path));
            Error::new(ErrorKind::Refused, what).with_advice(Advice::NameSource { path: printed(&spec.path) })
        })?
    };
    Ok((name, absolute))
}

fn missing(path: &Path, error: std::io::Error) -> Error {
    let what = format!("{} cannot be saved", printed(path));
    Error::io(what, error).about(Subject::Source(path.to_owned())).with_advice(Advice::CheckSource)
}

/// A path as people see it. It may be one that the archive names.
fn printed(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes()).into_owned()
}

fn bytes_of(path: &Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}

fn open_folder(record: &SourceRecord, rules: &Rules, read_at: Option<ReadAt>) -> Result<Source> {
    let path = &*platform::path_of(&record.path);
    let metadata = std::fs::metadata(path).map_err(|error| missing(path, error))?;
    if !metadata.is_dir() && !metadata.is_file() {
        return Err(Error::new(ErrorKind::Refused, format!("{} is neither a folder nor a file", printed(path)))
            .about(Subject::Source(path.to_owned()))
            .with_advice(Advice::SaveFolderOfFile));
    }
    match read_at {
        None => Source::open(&record.name, path, rules),
        Some(read_at) => Source::open(&record.name, &read_at(path).map_err(|error| no_shadow(path, error))?, rules),
    }
}

fn no_shadow(path: &Path, error: std::io::Error) -> Error {
    let what = format!("no shadow copy can be made of the drive that {} is on", printed(path));
    Error::io(what, error).about(Subject::Source(path.to_owned())).with_advice(Advice::MakeShadowsAsAdministrator)
}

fn open_source(record: &SourceRecord, options: &CreateOptions, scene: &Scene) -> Result<Source> {
    let path = &*platform::path_of(&record.path);
    let source = open_folder(record, &record.rules, options.read_at)?;
    refuse_archive(path, scene.archive)?;
    refuse_another_kind(&source, path, scene.base)?;
    if source.is_file() {
        return Ok(source);
    }
    let mut is_empty = true;
    let listed = source.root().for_each_name(|_| is_empty = false);
    listed.map_err(|error| Error::io(format!("cannot read the folder {}", printed(path)), error))?;
    if is_empty && !options.allow_empty && scene.base.groups(source.path()).next().transpose()?.is_some() {
        return Err(has_become_empty(&printed(path)));
    }
    Ok(source)
}

/// Refuses a folder that became a file, or a file that became a folder: stock tar could not replace one by the other.
fn refuse_another_kind(source: &Source, path: &Path, base: &State) -> Result<()> {
    let was_folder = base.find(source.path())?.map(|entry| entry.stat.kind == Kind::Directory);
    if was_folder.is_none_or(|was_folder| was_folder != source.is_file()) {
        return Ok(());
    }
    let is = if source.is_file() { "a file, and was a folder" } else { "a folder, and was a file" };
    let what = format!("{} is {is} when it was last saved", printed(path));
    Err(Error::new(ErrorKind::Refused, what)
        .about(Subject::Source(path.to_owned()))
        .with_advice(Advice::NameSource { path: printed(path) }))
}

/// Refuses a source in the archive: each run would store the archive in itself once more.
fn refuse_archive(path: &Path, archive: &Archive) -> Result<()> {
    if !platform::canonical(path).is_ok_and(|real| archive.holds(&real)) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Refused, format!("{} is in the archive itself", printed(path)))
        .about(Subject::Source(path.to_owned()))
        .with_advice(Advice::SaveOtherFolder))
}

/// Refuses to take a directory for emptied that had entries, if its drive is gone or it is the whole source.
///
/// # Errors
/// [`ErrorKind::Refused`] when it is; when the drive cannot be read.
pub fn check_not_emptied(source: &Source, listing: &Listing) -> Result<()> {
    if !listing.is_bare() {
        return Ok(());
    }
    source.check_alive()?;
    if *listing.path == *source.path() { Err(has_become_empty(&printable(source.name()))) } else { Ok(()) }
}

/// The error of a source that has become empty: mostly its drive is missing.
fn has_become_empty(folder: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("the folder {folder} is empty, and was not when it was last saved"))
        .about(Subject::Source(PathBuf::from(folder)))
        .with_advice(Advice::CheckDriveOrAllowEmpty)
}
