//! `config.toml`, read and checked. What is wrong in it is named with its line, and with the word that was probably meant.

use super::drive::DriveName;
use super::nearest::nearest;
use super::place::Drive;
use super::place::Place;
use crate::cli::failure::Failure;
use crate::cli::folders::Folders;
use crate::cli::output::advice;
use crate::cli::output::text;
use serde::Deserialize;
use snap_archive::base::exclude::Exclude;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::keep::KeepRules;
use snap_archive::base::path::printable;
use snap_archive::base::snapshot::Rules;
use snap_archive::system::platform;
use snap_archive::verbs::create::Level;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;

/// A configuration that shows every key; the guide has it, too.
pub(crate) const EXAMPLE: &str = include_str!("example.toml");

const DAY_SECONDS: i64 = 24 * 3600;

/// The most bytes of a configuration.
const BYTES_MAX: u64 = 1 << 20;

/// The configuration of one person on one computer.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where it was read from.
    pub(crate) file: PathBuf,
    default: Option<String>,
    archives: BTreeMap<String, ArchiveConfig>,
}

/// What it says of one archive. What is `None` or empty it leaves open.
#[derive(Debug)]
pub(crate) struct ArchiveConfig {
    /// Where it is.
    pub(crate) place: Place,
    /// Whether its drive is mounted and unmounted by us.
    pub(crate) mount: bool,
    /// Its id.
    pub(crate) id: Option<ArchiveId>,
    /// What is saved, each as PATH or NAME=PATH.
    pub(crate) sources: Vec<OsString>,
    /// What is left out.
    pub(crate) rules: Option<Rules>,
    /// How hard it is compressed.
    pub(crate) level: Option<Level>,
    /// Within how many seconds all of it is to be read back.
    pub(crate) verify: Option<i64>,
    /// Which snapshots stay when it is thinned out.
    pub(crate) keep: KeepRules,
    /// Whether that is done after each snapshot.
    pub(crate) prune: bool,
    /// After how many seconds without a save somebody should look.
    pub(crate) max_silence: Option<i64>,
    /// A command that is run before `create`.
    pub(crate) before: Option<String>,
    /// A command that is run after it.
    pub(crate) after: Option<String>,
    /// A command that is run when it failed, or nothing was saved for too long.
    pub(crate) notify: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    default: Option<String>,
    #[serde(default)]
    archive: BTreeMap<String, WrittenArchive>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenArchive {
    path: Option<String>,
    #[serde(default)]
    drives: Vec<WrittenDrive>,
    #[serde(default)]
    mount: bool,
    id: Option<String>,
    #[serde(default)]
    sources: Vec<String>,
    exclude: Option<Vec<String>>,
    exclude_caches: Option<bool>,
    one_file_system: Option<bool>,
    level: Option<WrittenLevel>,
    verify: Option<String>,
    #[serde(default)]
    keep: KeepRules,
    #[serde(default)]
    prune: bool,
    max_silence: Option<String>,
    before: Option<String>,
    after: Option<String>,
    notify: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenDrive {
    label: Option<String>,
    uuid: Option<String>,
    folder: Option<String>,
    id: Option<String>,
}

/// A number, or `"auto"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenLevel {
    Number(i64),
    Word(String),
}

impl Config {
    /// Reads the configuration; `None` when there is none, or it stands where this user may not look: who became another user
    /// often keeps the first one's HOME.
    ///
    /// # Errors
    /// When it cannot be read, or something in it is invalid (usage).
    pub(crate) fn read(file: &Path, folders: &Folders) -> Result<Option<Config>, Failure> {
        use std::io::Read;
        let mut text = Vec::new();
        let opened = std::fs::File::open(file).and_then(|opened| opened.take(BYTES_MAX + 1).read_to_end(&mut text));
        match opened {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied && is_out_of_sight(file) => {
                return Ok(None);
            }
            Err(error) => {
                let reason = snap_archive::base::error::plain_reason(&error);
                return Err(Failure::new(format!("cannot read the configuration {}: {reason}", text::path(file))));
            }
            Ok(bytes) if bytes as u64 > BYTES_MAX => {
                return Err(wrong(file, "it is larger than 1 MiB"));
            }
            Ok(_) => {}
        }
        let text = String::from_utf8(text).map_err(|_| wrong(file, "it is not UTF-8"))?;
        Config::parse(&text, file, folders).map(Some)
    }

    /// Reads a configuration's text.
    ///
    /// # Errors
    /// When something in it is invalid (usage).
    pub(crate) fn parse(text: &str, file: &Path, folders: &Folders) -> Result<Config, Failure> {
        let written: Written = toml::from_str(text).map_err(|error| not_understood(&error, text, file))?;
        let mut archives = BTreeMap::new();
        for (name, archive) in written.archive {
            let checked = check_name(&name).and_then(|()| archive.checked(folders));
            let checked = checked.map_err(|what| wrong(file, &format!("archive '{}': {what}", shown(&name))))?;
            archives.insert(name, checked);
        }
        let config = Config { file: file.to_owned(), default: written.default, archives };
        if let Some(default) = config.default.as_deref().filter(|default| !config.archives.contains_key(*default)) {
            let what = format!("the archive '{}' that is named as the default is not in it", shown(default));
            return Err(config.with_names(wrong(file, &what)));
        }
        Ok(config)
    }

    /// The archive of this name.
    pub(crate) fn archive(&self, name: &str) -> Option<&ArchiveConfig> {
        self.archives.get(name)
    }

    /// The names of all archives.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.archives.keys().map(String::as_str)
    }

    /// The name of the archive that is meant where none is named; `None` when there is none at all.
    ///
    /// # Errors
    /// When there are several, and it is not said which (usage).
    pub(crate) fn default_name(&self) -> Result<Option<&str>, Failure> {
        if let Some(default) = &self.default {
            return Ok(Some(default));
        }
        match self.archives.len() {
            0 | 1 => Ok(self.names().next()),
            _ => Err(self.with_names(Failure::usage("there are several archives, and none is named"))),
        }
    }

    /// Whether it says itself which archive is meant where none is named.
    pub(crate) fn has_default(&self) -> bool {
        self.default.is_some()
    }

    /// A failure about an archive that is not in it.
    pub(crate) fn unknown(&self, name: &str) -> Failure {
        let what = format!("there is no archive '{}' in {}", shown(name), text::path(&self.file));
        match nearest(name, self.names()) {
            Some(meant) => Failure::usage(what).with_hint(advice::meant_key(meant)),
            None => self.with_names(Failure::usage(what)),
        }
    }

    fn with_names(&self, failure: Failure) -> Failure {
        failure.with_hint(advice::name_archive(&self.names().collect::<Vec<_>>()))
    }
}

impl WrittenArchive {
    fn checked(self, folders: &Folders) -> Result<ArchiveConfig, String> {
        let sources = self.sources.iter().map(|source| absolute_source(source, folders)).collect::<Result<_, _>>()?;
        let id = self.id.as_deref().map(parse_id).transpose()?;
        let place = match (&self.path, self.drives.is_empty()) {
            (Some(path), true) => Place::Folder(absolute(path, folders)?),
            (None, false) => {
                Place::Drives(self.drives.into_iter().map(WrittenDrive::checked).collect::<Result<_, _>>()?)
            }
            (Some(_), false) => return Err("it has a path and drives: only one can be".to_owned()),
            (None, true) => {
                return Err("it has no place: give path = \"…\", or drives = [{ label = \"…\" }]".to_owned());
            }
        };
        if self.mount && matches!(place, Place::Folder(_)) {
            return Err("mount needs drives: which drive a path is on is not known before it is there".to_owned());
        }
        let says_rules = self.exclude.is_some() || self.exclude_caches.is_some() || self.one_file_system.is_some();
        let rules = Rules {
            exclude: self.exclude.unwrap_or_default(),
            exclude_caches: self.exclude_caches.unwrap_or(false),
            one_file_system: self.one_file_system.unwrap_or(false),
            patch_from: None,
        };
        Exclude::new(&rules.exclude, platform::CASE).map_err(|error| error.to_string())?;
        let level = self.level.map(WrittenLevel::checked).transpose()?;
        if self.prune && self.keep.is_empty() {
            return Err(
                "prune needs rules that say which snapshots stay: keep = { daily = 7, monthly = 12 }".to_owned()
            );
        }
        Ok(ArchiveConfig {
            place,
            mount: self.mount,
            id,
            sources,
            rules: says_rules.then_some(rules),
            level,
            verify: self.verify.as_deref().map(cycle).transpose()?.flatten(),
            keep: self.keep,
            prune: self.prune,
            max_silence: self.max_silence.as_deref().map(span).transpose()?,
            before: self.before,
            after: self.after,
            notify: self.notify,
        })
    }
}

impl WrittenDrive {
    fn checked(self) -> Result<Drive, String> {
        let name = match (self.label, self.uuid) {
            (Some(label), None) if !label.is_empty() => DriveName::Label(label),
            (None, Some(uuid)) if !uuid.is_empty() => DriveName::Uuid(uuid),
            _ => return Err("a drive has a label or a uuid, one of them".to_owned()),
        };
        let folder = self.folder.unwrap_or_default();
        let folder = folder.trim_matches(std::path::is_separator);
        if Path::new(folder).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            return Err(format!("'{}' cannot be a folder on a drive", shown(folder)));
        }
        Ok(Drive { name, folder: PathBuf::from(folder), id: self.id.as_deref().map(parse_id).transpose()? })
    }
}

impl WrittenLevel {
    fn checked(self) -> Result<Level, String> {
        let level = match &self {
            WrittenLevel::Number(level) => i32::try_from(*level).ok().filter(|level| (1..=19).contains(level)),
            WrittenLevel::Word(word) if word == "auto" => return Ok(Level::Auto),
            WrittenLevel::Word(_) => None,
        };
        level.map(Level::Fixed).ok_or_else(|| "level is \"auto\", or a number from 1 to 19".to_owned())
    }
}

/// Whether this user may not even see whether there is such a file.
fn is_out_of_sight(file: &Path) -> bool {
    file.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

/// A name that can be typed after -a, and stand in a file's name.
fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let is_name = !name.is_empty() && name.len() <= 64 && !name.starts_with('-') && name.chars().all(is_plain);
    if is_name { Ok(()) } else { Err("the name of an archive has letters, digits, - and _ only".to_owned()) }
}

fn absolute(path: &str, folders: &Folders) -> Result<PathBuf, String> {
    let meant = folders.absolute(path);
    meant.ok_or_else(|| format!("'{}' must be an absolute path, or begin with ~/", shown(path)))
}

/// A source with its path made absolute; what stands before a `=` is its name.
fn absolute_source(source: &str, folders: &Folders) -> Result<OsString, String> {
    if let Some(path) = folders.absolute(source) {
        return Ok(path.into_os_string());
    }
    let (name, path) = source.split_once('=').unwrap_or(("", source));
    let path = absolute(path, folders)?;
    let mut meant = OsString::from(name);
    if !name.is_empty() {
        meant.push("=");
    }
    meant.push(path);
    Ok(meant)
}

/// How often all of an archive is read back, in seconds; `None`: never.
fn cycle(word: &str) -> Result<Option<i64>, String> {
    match word {
        "never" => Ok(None),
        "weekly" => Ok(Some(7 * DAY_SECONDS)),
        "monthly" => Ok(Some(30 * DAY_SECONDS)),
        "yearly" => Ok(Some(365 * DAY_SECONDS)),
        _ => Err(format!("verify is \"never\", \"weekly\", \"monthly\" or \"yearly\", not '{}'", shown(word))),
    }
}

/// `36 hours`, `10 days`, `2 weeks` in seconds.
fn span(text: &str) -> Result<i64, String> {
    let (number, unit) = text.trim().split_once(' ').unwrap_or((text, ""));
    let seconds = match unit.trim().trim_end_matches('s') {
        "hour" => DAY_SECONDS / 24,
        "day" => DAY_SECONDS,
        "week" => 7 * DAY_SECONDS,
        _ => 0,
    };
    let span = number.parse::<i64>().ok().filter(|number| *number > 0).and_then(|number| number.checked_mul(seconds));
    let span = span.filter(|span| *span > 0);
    span.ok_or_else(|| {
        format!("max-silence is a time such as \"36 hours\", \"10 days\" or \"2 weeks\", not '{}'", shown(text))
    })
}

fn parse_id(id: &str) -> Result<ArchiveId, String> {
    ArchiveId::from_hex(id).ok_or_else(|| format!("'{}' is not an id of an archive: 32 hexadecimal digits", shown(id)))
}

fn shown(text: &str) -> String {
    printable(text.as_bytes()).into_owned()
}

fn wrong(file: &Path, what: &str) -> Failure {
    Failure::usage(format!("in the configuration {}: {what}", text::path(file)))
}

/// What the reader of TOML says, with the line, and for a key the one that was probably meant.
fn not_understood(error: &toml::de::Error, text: &str, file: &Path) -> Failure {
    let line = |span: Range<usize>| text.get(..span.start).map_or(0, |before| before.matches('\n').count()) + 1;
    let at = error.span().map(|span| format!("line {}: ", line(span))).unwrap_or_default();
    let message = error.message().lines().next().unwrap_or_default();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(unknown) = quoted.next().filter(|_| message.starts_with("unknown field")) else {
        return wrong(file, &format!("{at}{}", shown(message)));
    };
    let known: Vec<&str> = quoted.collect();
    let failure = wrong(file, &format!("{at}there is no key '{}'", shown(unknown)));
    match nearest(unknown, known.iter().copied()) {
        Some(meant) => failure.with_hint(advice::meant_key(meant)),
        None => failure.with_hint(advice::known_keys(&known)),
    }
}
