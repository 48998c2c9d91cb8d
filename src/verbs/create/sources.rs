//! Which sources a run saves, opened, and how the manifest names all of them.

use super::CreateOptions;
use super::SourceSpec;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::error::Subject;
use crate::base::path::printable;
use crate::base::snapshot::Rules;
use crate::base::snapshot::SourceRecord;
use crate::base::snapshot::Summary;
use crate::system::scan::Source;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// The sources of a run.
pub struct Chosen {
    /// Those that are scanned, by name.
    pub open: Vec<Source>,
    /// All that the snapshot holds.
    pub records: Vec<SourceRecord>,
}

/// Chooses and opens the sources.
///
/// # Errors
/// [`ErrorKind::Refused`] when there are none, two have one name, one is missing or has become empty.
pub fn choose(options: &CreateOptions, history: &[Summary], base: &State) -> Result<Chosen> {
    let known = history.last().map(|summary| summary.sources.as_slice()).unwrap_or_default();
    let mut wanted: BTreeMap<String, SourceRecord> = BTreeMap::new();
    for (name, path) in named(&options.sources, known)? {
        let rules_before = known.iter().find(|record| record.name == name).map(|record| record.rules.clone());
        let rules = options.rules.clone().or(rules_before).unwrap_or_default();
        let record = SourceRecord { name: name.clone(), path: shown(&path), scanned: true, rules };
        if let Some(other) = wanted.insert(name.clone(), record) {
            let (name, path) = (printable(name.as_bytes()), printed(&path));
            let what = format!("two folders are both called '{name}': {} and {path}", printable(other.path.as_bytes()));
            return Err(Error::new(ErrorKind::Refused, what)
                .with_advice(Advice::RenameSource { name: format!("{name}2"), path }));
        }
    }
    let mut open = Vec::new();
    for record in wanted.values() {
        open.push(open_source(record, &record.rules, options, base)?);
    }
    let unscanned = known.iter().filter(|record| !wanted.contains_key(&record.name));
    let unscanned: Vec<SourceRecord> =
        unscanned.map(|record| SourceRecord { scanned: false, ..record.clone() }).collect();
    wanted.extend(unscanned.into_iter().map(|record| (record.name.clone(), record)));
    Ok(Chosen { open, records: wanted.into_values().collect() })
}

/// Names and absolute paths of what is to be scanned.
fn named(specs: &[SourceSpec], known: &[SourceRecord]) -> Result<Vec<(String, PathBuf)>> {
    if specs.is_empty() {
        if known.is_empty() {
            return Err(Error::new(ErrorKind::Refused, "there is no snapshot yet that says which folders to save")
                .with_advice(Advice::NameSources));
        }
        return Ok(known.iter().map(|record| (record.name.clone(), PathBuf::from(&record.path))).collect());
    }
    specs.iter().map(name_and_path).collect()
}

fn name_and_path(spec: &SourceSpec) -> Result<(String, PathBuf)> {
    let absolute = std::fs::canonicalize(&spec.path).map_err(|error| missing(&spec.path, error))?;
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
    let what = format!("the folder {} cannot be saved", printed(path));
    Error::io(what, error).about(Subject::Source(path.to_owned())).with_advice(Advice::CheckSource)
}

/// A path as people see it. It may be one that the archive names.
fn printed(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes()).into_owned()
}

/// A path as the manifest names it, so that the next run finds it again.
fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn open_source(record: &SourceRecord, rules: &Rules, options: &CreateOptions, base: &State) -> Result<Source> {
    let path = Path::new(&record.path);
    let metadata = std::fs::metadata(path).map_err(|error| missing(path, error))?;
    if !metadata.is_dir() {
        return Err(Error::new(ErrorKind::Refused, format!("{} is a file, not a folder", printed(path)))
            .about(Subject::Source(path.to_owned()))
            .with_advice(Advice::SaveFolderOfFile));
    }
    let source = Source::open(&record.name, path, rules)?;
    let mut is_empty = true;
    let listed = source.root().for_each_name(|_| is_empty = false);
    listed.map_err(|error| Error::io(format!("cannot read the folder {}", printed(path)), error))?;
    if is_empty && !options.allow_empty && base.groups(source.path()).next().transpose()?.is_some() {
        return Err(has_become_empty(&printed(path)));
    }
    Ok(source)
}

/// Why a source is not saved that is no longer what it was: mostly its drive is not there.
pub fn has_become_empty(folder: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("the folder {folder} is empty, and was not when it was last saved"))
        .about(Subject::Source(PathBuf::from(folder)))
        .with_advice(Advice::CheckDriveOrAllowEmpty)
}
