//! `snap find`.

use super::super::args::size;
use super::super::args::snapshot::chosen;
use super::super::args::snapshot::when;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::advice;
use super::super::output::find as lines;
use super::super::output::lines::Lines;
use super::super::session::Session;
use clap::Args;
use snap_archive::archive::catalog::Catalog;
use snap_archive::base::error::Result as SnapResult;
use snap_archive::base::id::Hash;
use snap_archive::base::matcher::Matcher;
use snap_archive::base::path::printable;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::time::Time;
use snap_archive::base::when::When;
use snap_archive::verbs::find::FindOptions;
use snap_archive::verbs::find::FoundPath;
use snap_archive::verbs::find::find;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::ops::RangeInclusive;

/// Find files and folders by name or content in all snapshots, deleted ones too
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FindArgs {
    /// Names or globs (.gitignore syntax): letter.txt, '*.pdf', 'Documents/**/letter*', 'photos/'. What matches any of them is
    /// shown, unless a later '!PATTERN' matches it
    #[arg(value_name = "PATTERN", required_unless_present_any = ["size", "newer", "deleted", "containing", "content_hash"])]
    patterns: Vec<OsString>,
    /// Each PATTERN is a regular expression that may match anywhere in a path
    #[arg(long)]
    regex: bool,
    /// Only files of this size: +10M at least, -10M at most, 10M exactly
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, value_parser = size::parse_range)]
    size: Option<RangeInclusive<u64>>,
    /// Only what was modified after this: a date, a time, yesterday, or the number of a snapshot for its time
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    newer: Option<String>,
    /// Only what the newest snapshot no longer has
    #[arg(long)]
    deleted: bool,
    /// Only files with this text in their content, in any version. All files that match are read. A text in a compressed file
    /// (.docx, .pdf, .zip) is not found
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    containing: Option<OsString>,
    /// Only files with this BLAKE3 hash of their content, as `snap ls --json` shows it
    #[arg(long, value_name = "HASH", value_parser = hash)]
    content_hash: Option<Hash>,
}

const EXAMPLES: &str = "\
Examples:
  snap find -a /media/stick/archive letter.txt
  snap find -a /media/stick/archive --deleted '*.jpg'
  snap find -a /media/stick/archive --size +100M --newer 'last week'
  snap find -a /media/stick/archive --containing 'this sentence' Documents/letter.txt
  snap find -a /media/stick/archive --regex 'invoice-20(24|25)'";

pub(crate) fn run(args: &FindArgs, session: &Session) -> Result<Outcome, Failure> {
    let names = matcher(args)?;
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let history = catalog.history()?;
    let newer = args.newer.as_deref().map(|newer| moment(newer, &catalog)).transpose()?;
    let options = FindOptions {
        names,
        size: args.size.clone(),
        newer,
        deleted: args.deleted,
        content: args.content_hash,
        containing: args.containing.as_ref().map(|text| text.as_encoded_bytes().to_vec()),
        threads: session.settings.threads,
    };
    session.console.finish_progress();
    let mut output = Lines::new();
    let mut count = 0_u64;
    let mut visit = |found: &FoundPath| -> SnapResult<()> {
        if session.settings.json {
            return output.line(&lines::json_line(found)?);
        }
        if count == 0 {
            output.line(lines::HEADING)?;
        }
        count += 1;
        output.line(&lines::line(found, time_of(&history, found)))
    };
    let told = find(&catalog, &options, &session.console, &mut visit).and_then(|()| output.finish());
    match told {
        Err(_) if output.is_closed() => return Ok(Outcome::Done),
        told => told?,
    }
    if count == 0 {
        let part = args.patterns.iter().filter(|_| !args.regex).find_map(|pattern| part_of_name(pattern));
        let hint = part.map(|part| advice::find_part(&part)).unwrap_or_default();
        session.console.aside(format!("Nothing was found.{hint}").trim_end());
    }
    Ok(Outcome::with_problems(session.console.problems().len() as u64))
}

fn matcher(args: &FindArgs) -> Result<Matcher, Failure> {
    let matcher = if args.regex {
        let text = |pattern: &OsString| {
            let text = pattern.to_str().map(str::to_owned);
            text.ok_or_else(|| {
                let shown = printable(pattern.as_encoded_bytes()).into_owned();
                Failure::usage(format!("a regular expression must be UTF-8: '{shown}'"))
            })
        };
        let texts: Vec<String> = args.patterns.iter().map(text).collect::<Result<_, _>>()?;
        Matcher::regexes(texts.iter().map(String::as_str))
    } else {
        Matcher::globs(args.patterns.iter().map(|pattern| pattern.as_encoded_bytes()))
    };
    matcher.map_err(|error| Failure::from(error).into_usage())
}

/// The pattern for names that what was typed is a part of; `None` where it is a pattern itself, or not to be typed.
fn part_of_name(typed: &OsStr) -> Option<String> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ' | '/');
    let typed = typed.to_str().filter(|typed| typed.chars().all(is_plain))?;
    Some(format!("*{}*", typed.trim_matches('/')))
}

/// The moment that WHEN means; of a snapshot, when it was made.
fn moment(text: &str, catalog: &Catalog) -> Result<Time, Failure> {
    match when(text)? {
        When::NotAfter(time) => Ok(time),
        of_snapshot => Ok(chosen(&of_snapshot, catalog.history()?)?.time),
    }
}

/// When the last snapshot that has it was made.
fn time_of(history: &[Summary], found: &FoundPath) -> Time {
    let place = history.binary_search_by_key(&found.last, |summary| summary.number);
    place.ok().and_then(|place| history.get(place)).map(|summary| summary.time).unwrap_or_default()
}

fn hash(text: &str) -> Result<Hash, String> {
    Hash::from_hex(&text.to_ascii_lowercase()).ok_or_else(|| "expected 64 hexadecimal digits".to_owned())
}
