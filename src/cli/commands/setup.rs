//! `snap setup`.

use super::super::args::global::GlobalArgs;
use super::super::args::keep::KeepRulesArgs;
use super::super::args::sources;
use super::super::ask;
use super::super::config::Config;
use super::super::config::drive::DriveName;
use super::super::config::drive::Machine;
use super::super::config::drive::Plugged;
use super::super::config::place::Drive;
use super::super::config::place::Place;
use super::super::config::write;
use super::super::config::write::NewArchive;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::advice;
use super::super::output::setup::Written;
use super::super::output::text;
use super::super::own_file;
use super::super::propose;
use super::super::session::Session;
use super::super::settings::Environment;
use super::super::settings::Origin;
use super::super::settings::Settings;
use super::create;
use super::schedule;
use clap::Args;
use clap::FromArgMatches;
use snap_archive::archive::open::Archive;
use snap_archive::archive::open::Sharing;
use snap_archive::base::error::ErrorKind;
use snap_archive::base::error::plain_reason;
use snap_archive::base::exclude::Exclude;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::keep::KeepRules;
use snap_archive::base::snapshot::Rules;
use snap_archive::system::platform;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

/// Set up an archive: asks where to save and what, writes the configuration, offers the first save
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SetupArgs {
    /// Folders and files to save, as PATH or NAME=PATH
    #[arg(value_name = "SOURCE")]
    sources: Vec<OsString>,
    /// Name of the archive
    #[arg(long, default_value = "home")]
    name: String,
    /// Label of the archive's drive; give it several times for drives that take turns
    #[arg(long, value_name = "LABEL", conflicts_with = "path")]
    drive: Vec<String>,
    /// UUID of the archive's drive; give it several times for drives that take turns
    #[arg(long, value_name = "UUID", conflicts_with = "path")]
    uuid: Vec<String>,
    /// Folder of the archive on the drive
    #[arg(long, value_name = "DIR", default_value = "snap", conflicts_with = "path")]
    folder: PathBuf,
    /// Folder of the archive, if it is always in the same place
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Exclude what matches GLOB; may be given several times
    #[arg(long, value_name = "GLOB", allow_hyphen_values = true)]
    exclude: Vec<String>,
    /// Also save what is in folders that hold a CACHEDIR.TAG
    #[arg(long)]
    include_caches: bool,
    /// How often everything is read back and checked
    #[arg(long, value_name = "HOW", default_value = "monthly", value_parser = ["never", "weekly", "monthly", "yearly"])]
    verify: String,
    /// Save automatically every day at this time (see snap schedule), or never
    #[arg(long, value_name = "HH:MM|never")]
    at: Option<String>,
    /// Save for the first time right away
    #[arg(long)]
    save: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten, next_help_heading = "Which snapshots stay; without rules, all do")]
    keep: KeepRulesArgs,
}

const EXAMPLES: &str = "\
Examples:
  snap setup
  snap setup --drive BACKUP ~/Documents ~/Pictures --exclude '*.iso' --at 18:00 --save --yes
  snap setup --drive BACKUP ~/Documents --keep-daily 7 --keep-monthly 12 --yes
  snap setup --name work --path /data/backup ~/work --at never --yes";

/// The rules that are proposed.
const PROPOSED_RULES: &[&str] = &[".cache/", ".Trash*/", "node_modules/", "*.tmp"];

pub(crate) fn run(args: &SetupArgs, session: &Session) -> Result<Outcome, Failure> {
    if let Some((_, Origin::Typed)) = &session.settings.archive {
        return Err(Failure::usage("setup takes no -a").with_hint(advice::SETUP_PLACE));
    }
    let asks = !args.yes && ask::is_possible(&session.console);
    let is_told = (args.path.is_some() || !args.drive.is_empty() || !args.uuid.is_empty()) && !args.sources.is_empty();
    if !(asks || is_told && args.yes) {
        let what = "there is no terminal to ask on, and not all was said";
        return Err(Failure::usage(what).with_hint(advice::SETUP_BY_FLAGS));
    }
    let file = session.settings.config_file.clone();
    let file = file.ok_or_else(|| Failure::new("your home folder is not known").with_hint(advice::SET_HOME))?;
    // If the environment names a folder, the configuration was not read.
    let known = Config::read(&file, &session.settings.folders)?;
    if known.is_some_and(|config| config.archive(&args.name).is_some()) {
        let what = format!("there is an archive '{}' in {} already", args.name, text::path(&file));
        return Err(Failure::usage(what).with_hint(advice::OTHER_NAME));
    }
    let mut new = new_archive(args, asks, session)?;
    let at = time(args, asks, session)?;
    let section = section(&new, &file, session)?;
    if asks {
        session.console.line(&format!("\nThis will be written to {}:\n\n{section}", text::path(&file)));
        if !ask::yes("Write it?", true, &session.console)? {
            return Err(Failure::new("nothing was written"));
        }
    }
    let (folder, archive, was_there) = made(&new.place)?;
    note_id(&mut new, archive.id());
    let default = append(&file, &new, session)?;
    let told = Written { file: &file, name: &new.name, folder: &folder, was_there, default };
    session.console.result(&told)?;
    let own = own_session(args, &file, session)?;
    let scheduled = at.map(|at| schedule::install_daily(at, &own));
    let saves = args.save || (asks && ask::yes("Save now for the first time?", true, &session.console)?);
    let saved = if saves { first_save(&own)? } else { Outcome::Done };
    // Where there is no scheduler, the archive is there all the same, and was saved to.
    scheduled.transpose()?;
    Ok(saved)
}

fn new_archive(args: &SetupArgs, asks: bool, session: &Session) -> Result<NewArchive, Failure> {
    let place = place(args, asks, session)?;
    let sources = chosen_sources(args, asks, session)?;
    let exclude = chosen_rules(args, asks, session)?;
    let rules = Rules { exclude, exclude_caches: !args.include_caches, ..Rules::default() };
    let keep = kept(args, asks, session)?;
    let (name, verify) = (args.name.clone(), args.verify.clone());
    Ok(NewArchive { name, place, sources, rules, verify, keep, more: Vec::new() })
}

/// The first question: where to.
fn place(args: &SetupArgs, asks: bool, session: &Session) -> Result<Place, Failure> {
    let absolute = |path: &Path| {
        let meant = path.to_str().and_then(|path| session.settings.folders.absolute(path));
        meant.or_else(|| std::path::absolute(path).ok()).unwrap_or_else(|| path.to_owned())
    };
    if let Some(path) = &args.path {
        return Ok(Place::Folder(absolute(path)));
    }
    let folder = args.folder.to_str().map(|folder| PathBuf::from(folder.trim_matches(std::path::is_separator)));
    let folder = folder.unwrap_or_else(|| args.folder.clone());
    let drive = |name| Drive { name, folder: folder.clone(), id: None };
    let labels = args.drive.iter().cloned().map(DriveName::Label);
    let named: Vec<Drive> = labels.chain(args.uuid.iter().cloned().map(DriveName::Uuid)).map(drive).collect();
    if !named.is_empty() || !asks {
        return Ok(Place::Drives(named));
    }
    let plugged = Machine::this().plugged();
    for (at, Plugged { name, top }) in plugged.iter().enumerate() {
        session.console.line(&format!("  {:>2}  {name}  ({}, {})", at + 1, text::path(top), propose::free(top)));
    }
    let question = "1. Where to save? The number of a drive, or a folder";
    loop {
        let answer = ask::ask(question, if plugged.is_empty() { "" } else { "1" }, &session.console)?;
        if let Some(numbers) = ask::numbers(&answer, plugged.len()) {
            return Ok(Place::Drives(numbers.iter().map(|number| drive(plugged[number - 1].name.clone())).collect()));
        }
        if !answer.is_empty() && answer.parse::<usize>().is_err() {
            return Ok(Place::Folder(absolute(Path::new(&answer))));
        }
    }
}

/// The second: what.
fn chosen_sources(args: &SetupArgs, asks: bool, session: &Session) -> Result<Vec<OsString>, Failure> {
    let typed = if !args.sources.is_empty() || !asks { args.sources.clone() } else { asked_sources(session)? };
    let parsed = sources::parse(&typed)?;
    let mut absolute = Vec::new();
    for source in parsed {
        let path = std::path::absolute(&source.path).unwrap_or_else(|_| source.path.clone());
        if !path.exists() {
            return Err(Failure::new(format!("{} does not exist", text::path(&path))).with_hint(advice::CHECK_SPELLING));
        }
        let name = source.name.filter(|_| source.is_named);
        let mut meant = OsString::from(name.map(|name| format!("{name}=")).unwrap_or_default());
        meant.push(session.settings.folders.shown(&path));
        absolute.push(meant);
    }
    Ok(absolute)
}

fn asked_sources(session: &Session) -> Result<Vec<OsString>, Failure> {
    let usual = propose::folders(&session.settings.folders);
    for (at, (folder, size)) in usual.iter().enumerate() {
        session.console.line(&format!("  {:>2}  {}  {size}", at + 1, text::path(folder)));
    }
    let question = "2. What to save? Numbers, or paths separated by spaces";
    loop {
        let answer = ask::ask(question, if usual.is_empty() { "" } else { "all" }, &session.console)?;
        let all = || usual.iter().map(|(folder, _)| folder.clone().into_os_string());
        if answer == "all" && !usual.is_empty() {
            return Ok(all().collect());
        }
        if let Some(numbers) = ask::numbers(&answer, usual.len()) {
            return Ok(all()
                .enumerate()
                .filter(|(at, _)| numbers.contains(&(at + 1)))
                .map(|(_, folder)| folder)
                .collect());
        }
        let path = |word: &str| {
            session.settings.folders.absolute(word).map_or_else(|| OsString::from(word), PathBuf::into_os_string)
        };
        let whole = [answer.as_str()].into_iter().filter(|whole| Path::new(&path(whole)).exists()).map(path);
        let whole: Vec<OsString> = whole.collect();
        if !whole.is_empty() {
            return Ok(whole);
        }
        let words: Vec<OsString> = answer.split_whitespace().map(path).collect();
        if !words.is_empty() && words.iter().all(|word| Path::new(word).exists()) {
            return Ok(words);
        }
        session.console.line("That does not exist.");
    }
}

/// The third: what not.
fn chosen_rules(args: &SetupArgs, asks: bool, session: &Session) -> Result<Vec<String>, Failure> {
    let check = |rules: &[String]| {
        Exclude::new(rules, platform::CASE).map(drop).map_err(|error| Failure::from(error).into_usage())
    };
    if !args.exclude.is_empty() || !asks {
        check(&args.exclude)?;
        return Ok(args.exclude.clone());
    }
    let question = "3. What to leave out, besides caches? Patterns as in .gitignore; - for nothing";
    loop {
        let answer = ask::ask(question, &PROPOSED_RULES.join(" "), &session.console)?;
        let rules: Vec<String> = answer.split_whitespace().filter(|rule| *rule != "-").map(str::to_owned).collect();
        match check(&rules) {
            Ok(()) => return Ok(rules),
            Err(failure) => session.console.line(failure.what()),
        }
    }
}

/// The fourth: how long.
fn kept(args: &SetupArgs, asks: bool, session: &Session) -> Result<KeepRules, Failure> {
    let typed = args.keep.rules();
    if !typed.is_empty() || !asks {
        return Ok(typed);
    }
    let thinned = KeepRules { daily: 7, weekly: 5, monthly: 12, yearly: 10, ..KeepRules::default() };
    session.console.line("   1  everything, as long as the drive has room");
    session
        .console
        .line("   2  the newest of each of 7 days, 5 weeks, 12 months and 10 years; older ones go after each save");
    loop {
        match ask::ask("4. How long to keep the history?", "1", &session.console)?.as_str() {
            "1" => return Ok(KeepRules::default()),
            "2" => return Ok(thinned),
            _ => {}
        }
    }
}

/// The last: when.
fn time(args: &SetupArgs, asks: bool, session: &Session) -> Result<Option<(i8, i8)>, Failure> {
    let parse = |text: &str| match text {
        "never" => Some(None),
        text => text.parse::<super::super::schedule::HourMinute>().ok().map(|at| Some((at.0, at.1))),
    };
    if let Some(at) = &args.at {
        return parse(at).ok_or_else(|| Failure::usage(format!("'{at}' is neither a time such as 18:30 nor never")));
    }
    if !asks {
        return Ok(None);
    }
    loop {
        let answer = ask::ask("5. Save automatically every day at what time? Or never", "18:00", &session.console)?;
        if let Some(at) = parse(&answer) {
            return Ok(at);
        }
    }
}

/// The section as it will be written, checked as if it stood in the file.
fn section(new: &NewArchive, file: &Path, session: &Session) -> Result<String, Failure> {
    let section = new.section().map_err(Failure::new)?;
    Config::parse(&section, file, &session.settings.folders)?;
    Ok(section)
}

/// Makes the archive where there is none; its folder, the archive, and whether it was there.
fn made(place: &Place) -> Result<(PathBuf, Archive, bool), Failure> {
    let folder = place.locate(&Machine::this(), None)?.folder;
    match Archive::open(&folder) {
        Err(error) if error.kind() == ErrorKind::NoArchive => {}
        opened => return Ok((folder, opened?, true)),
    }
    let archive = Archive::init(&folder, Sharing::Private)?;
    Ok((folder, archive, false))
}

/// Notes the archive's id, so that another archive in its place is noticed. Not with several drives: which of them it
/// is on is not known here.
fn note_id(new: &mut NewArchive, id: ArchiveId) {
    match &mut new.place {
        Place::Folder(_) => new.more.push(format!("id = \"{id}\"")),
        Place::Drives(drives) if drives.len() == 1 => drives[0].id = Some(id),
        Place::Drives(_) => {}
    }
}

/// Writes the new archive behind what the configuration has. The archive that was meant where none is named stays that; its name,
/// unless it is the new one.
fn append(file: &Path, new: &NewArchive, session: &Session) -> Result<Option<String>, Failure> {
    let section = section(new, file, session)?;
    let doing =
        |error: std::io::Error| Failure::new(format!("cannot write {}: {}", text::path(file), plain_reason(&error)));
    let old = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.map_err(doing)?,
    };
    let between = if old.is_empty() {
        ""
    } else if old.ends_with('\n') {
        "\n"
    } else {
        "\n\n"
    };
    let known = Config::parse(&old, file, &session.settings.folders)?;
    let default = known.default_name().ok().flatten();
    let named = default.filter(|_| !known.has_default()).map(|name| format!("default = {}\n\n", write::quoted(name)));
    // Keys of no section stand before the first one.
    let at = if old.starts_with('[') { 0 } else { old.find("\n[").map_or(old.len(), |at| at + 1) };
    let (before, behind) = old.split_at(at);
    let whole = format!("{before}{}{behind}{between}{section}", named.unwrap_or_default());
    Config::parse(&whole, file, &session.settings.folders)?;
    own_file::replace(file, whole.as_bytes()).map_err(doing)?;
    Ok(default.map(str::to_owned))
}

/// A session of the new archive.
fn own_session(args: &SetupArgs, file: &Path, session: &Session) -> Result<Session, Failure> {
    let config = session.settings.is_config_typed.then(|| file.to_owned());
    let old = &session.settings;
    let typed = GlobalArgs {
        archive: Some(PathBuf::from(&args.name)),
        config,
        // Only this command prints a document.
        json: false,
        quiet: old.quiet || old.json,
        verbose: old.verbose,
        progress: old.progress,
        threads: old.threads,
    };
    Ok(Session::new(Settings::resolve(typed, Environment::read())?))
}

fn first_save(session: &Session) -> Result<Outcome, Failure> {
    let command = create::CreateArgs::augment_args(clap::Command::new("create"));
    let matches = command.try_get_matches_from(["create"]);
    let args = matches.and_then(|matches| create::CreateArgs::from_arg_matches(&matches));
    let args = args.map_err(|error| Failure::usage(error.to_string()))?;
    create::run(&args, session)
}
