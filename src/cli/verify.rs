//! `snap verify`.

use super::Outcome;
use super::failure::Failure;
use super::json::Text;
use super::session::Session;
use super::stop::stoppable;
use super::text;
use clap::Args;
use serde::Serialize;
use snap_archive::base::id::Number;
use snap_archive::base::path::printable;
use snap_archive::verbs::verify::Finding;
use snap_archive::verbs::verify::VerifyOptions;
use snap_archive::verbs::verify::VerifyReport;
use snap_archive::verbs::verify::verify;

/// Check that the archive is as it was written, and say what a damage touches
#[derive(Args)]
#[command(
    after_help = "Examples:\n  snap verify -a /media/stick/archive\n  snap verify -a /media/stick/archive --data"
)]
pub(crate) struct VerifyArgs {
    /// Also read everything on the drive and check the contents of every file in every snapshot
    #[arg(long)]
    data: bool,
}

/// How many damaged files are named without `--verbose`.
const NAMED_MAX: usize = 20;

#[derive(Serialize)]
struct Document<'a> {
    data: bool,
    snapshots: u64,
    bundles: u64,
    entries: u64,
    bytes: u64,
    findings: Vec<Found<'a>>,
    known_losses: Vec<Found<'a>>,
}

#[derive(Serialize)]
pub(crate) struct Found<'a> {
    file: String,
    what: String,
    snapshots: &'a [Number],
    paths: Vec<Text<'a>>,
    paths_total: u64,
}

pub(crate) fn run(args: &VerifyArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let options = VerifyOptions { data: args.data, threads: session.global.threads };
    let report = stoppable(&session.console, stopped(), || verify(&archive, &options, &session.console))??;
    if session.global.json {
        session.say_json(&document(args.data, &report))?;
    } else {
        for finding in &report.findings {
            session.print(&told(finding, session.global.verbose))?;
        }
        if let Some(losses) = known_losses(&report, session.global.verbose) {
            session.print(&losses)?;
        }
        if report.findings.is_empty() {
            session.say(&sound(args.data, &report))?;
        } else {
            session.print(&advice(&report))?;
        }
    }
    Ok(Outcome::with_problems(report.findings.len() as u64))
}

fn stopped() -> Failure {
    Failure::new("stopped before all was looked at; nothing is known of the rest, and nothing was changed")
        .with_hint("To check everything, run the same command again.")
}

fn sound(with_data: bool, report: &VerifyReport) -> String {
    let snapshots = text::count(report.snapshots, "snapshot", "snapshots");
    let bundles = text::count(report.bundles, "bundle", "bundles");
    let entries = text::count(report.entries, "entry", "entries");
    let data = if with_data {
        format!("Every byte was read and checked, {} in all.", text::size(report.bytes))
    } else {
        "The contents were not read: `snap verify --data` does that.".to_owned()
    };
    format!("No damage found: {snapshots} in {bundles}, {entries}. {data}")
}

/// What earlier damage cost, as one line; each of them where all is to be named. `None`: nothing.
pub(crate) fn known_losses(report: &VerifyReport, names_all: bool) -> Option<String> {
    let losses = &report.known_losses;
    if losses.is_empty() || names_all {
        let told: Vec<String> = losses.iter().map(|loss| told(loss, true)).collect();
        return (!told.is_empty()).then(|| told.join("\n"));
    }
    let bundles = text::count(losses.len() as u64, "bundle", "bundles");
    let files = match losses.iter().map(|loss| loss.impact.paths_total).sum::<u64>() {
        0 => String::new(),
        files => format!(" with {}", text::count(files, "lost file", "lost files")),
    };
    Some(format!("Known from earlier damage: {bundles}{files} (-v names them). Nothing more can be done about that."))
}

pub(crate) fn told(finding: &Finding, names_all: bool) -> String {
    let Finding { place, fault, impact } = finding;
    let word = if fault.is_known_loss() { text::red("lost: ") } else { text::red("damaged: ") };
    let mut lines = vec![format!("{word}{place}: {}", printable(finding.text().as_bytes()))];
    if !impact.snapshots.is_empty() {
        let word = if impact.snapshots.len() == 1 { "snapshot" } else { "snapshots" };
        let numbers = text::ranges(&impact.snapshots);
        lines.push(match impact.paths_total {
            0 => format!("  touches {word} {numbers}"),
            files => format!("  touches {} of {word} {numbers}", text::count(files, "file", "files")),
        });
    }
    let named = impact.paths.len().min(if names_all { usize::MAX } else { NAMED_MAX });
    lines.extend(impact.paths[..named].iter().map(|path| format!("    {path}")));
    let rest = impact.paths_total.saturating_sub(named as u64);
    if rest > 0 {
        let how = if named < impact.paths.len() { " (-v names them)" } else { "" };
        lines.push(format!("    and {} more{how}", text::number(rest)));
    }
    lines.join("\n")
}

fn advice(report: &VerifyReport) -> String {
    let places = text::count(report.findings.len() as u64, "place is", "places are");
    format!(
        "{places} damaged. Everything that is not named above is intact and can be restored.\n\
         If the drive is failing, copy the archive's folder to another one now. Then run snap repair: it mends what can be\n\
         mended, and the next snap create saves again what was lost and is still on this computer."
    )
}

impl<'a> Found<'a> {
    pub(crate) fn new(finding: &'a Finding) -> Found<'a> {
        let impact = &finding.impact;
        let paths = impact.paths.iter().map(|path| Text(path.as_bytes())).collect();
        let (file, what) = (finding.place.to_string(), finding.text());
        Found { file, what, snapshots: &impact.snapshots, paths, paths_total: impact.paths_total }
    }
}

fn document(data: bool, report: &VerifyReport) -> Document<'_> {
    Document {
        data,
        snapshots: report.snapshots,
        bundles: report.bundles,
        entries: report.entries,
        bytes: report.bytes,
        findings: report.findings.iter().map(Found::new).collect(),
        known_losses: report.known_losses.iter().map(Found::new).collect(),
    }
}
