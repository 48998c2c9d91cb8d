//! Where each source was read from. Touches nothing.

use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::error::Subject;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::printable;
use crate::base::snapshot::Summary;
use crate::system::destination::SourcePlace;
use crate::system::platform;
use std::path::Path;
use std::path::PathBuf;

/// For each source of which some is among `tops`, where it was read from.
///
/// # Errors
/// [`ErrorKind::Refused`] when that is not known of one, or one stands in another; when the index cannot be read.
pub(super) fn places(summary: &Summary, state: &State, tops: &[EntryPathBuf]) -> Result<Vec<SourcePlace>> {
    let mut places: Vec<SourcePlace> = Vec::new();
    let mut real: Vec<PathBuf> = Vec::new();
    for top in tops {
        let Some(name) = top.split_source().and_then(|(name, _)| EntryPath::new(name.as_bytes())) else { continue };
        if places.iter().any(|known| *known.top == *name) {
            continue;
        }
        let record = summary.sources.iter().find(|source| source.name.as_bytes() == name.as_bytes());
        let path = record.map(|record| platform::path_of(&record.path)).filter(|path| path.is_absolute());
        let path = path.ok_or_else(|| unknown(name))?;
        real.push(platform::canonical(&path).unwrap_or_else(|_| path.to_path_buf()));
        places.push(match state.find(name)?.filter(|entry| entry.stat.kind != Kind::Directory) {
            None => SourcePlace { top: name.to_owned(), folder: path.into_owned(), file: None },
            Some(_) => file_place(name, &path)?,
        });
    }
    for at in 0..places.len() {
        let inner = (0..places.len()).find(|other| *other != at && real[*other].starts_with(&real[at]));
        if let Some(inner) = inner {
            return Err(one_in_the_other(&places[inner].top, &places[at].top, &real[at]));
        }
    }
    Ok(places)
}

fn file_place(name: &EntryPath, path: &Path) -> Result<SourcePlace> {
    // A link to the file was followed when it was read.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (Some(folder), Some(file)) = (path.parent(), path.file_name()) else { return Err(unknown(name)) };
    let file = Some(file.as_encoded_bytes().to_vec());
    Ok(SourcePlace { top: name.to_owned(), folder: folder.to_owned(), file })
}

fn unknown(name: &EntryPath) -> Error {
    Error::new(ErrorKind::Refused, format!("it is not known where {name} was read from"))
        .about(Subject::Entry(name.to_owned()))
        .with_advice(Advice::RestoreIntoFolder)
}

/// The error of two places that stand in each other: deleting in one may delete the other.
fn one_in_the_other(inner: &EntryPath, outer: &EntryPath, at: &Path) -> Error {
    let what = format!("cannot restore {inner} and {outer} in place at once: one is in the other, at {}", at.display());
    Error::new(ErrorKind::Refused, printable(what.as_bytes())).with_advice(Advice::NameOnePath)
}
