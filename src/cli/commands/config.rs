//! `snap config`.

use super::super::config::ArchiveConfig;
use super::super::config::Config;
use super::super::config::EXAMPLE;
use super::super::failure::Failure;
use super::super::health;
use super::super::outcome::Outcome;
use super::super::output::config::Held;
use super::super::output::config::Said;
use super::super::output::config::Setting;
use super::super::output::json::Text;
use super::super::output::text;
use super::super::session::Session;
use super::super::settings::Meant;
use super::super::settings::Origin;
use clap::Args;
use serde_json::Value;
use serde_json::json;
use snap_archive::archive::open::Archive;
use snap_archive::base::keep::KeepRules;
use snap_archive::base::path::printable;
use snap_archive::verbs::create::Level;

/// Show the settings in effect, and where each comes from
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConfigArgs {
    /// Print an example configuration with every key
    #[arg(long, conflicts_with = "json")]
    example: bool,
}

const EXAMPLES: &str = "\
Examples:
  snap config
  snap config -a work --json
  snap config --example";

pub(crate) fn run(args: &ConfigArgs, session: &Session) -> Result<Outcome, Failure> {
    if args.example {
        session.console.result(&Example)?;
        return Ok(Outcome::Done);
    }
    let settings = &session.settings;
    let config = settings.config.as_ref();
    let archives = config.into_iter().flat_map(Config::names).map(str::to_owned).collect();
    let rows = match settings.archive()? {
        None => Vec::new(),
        Some((Meant::Folder(folder), origin)) => {
            vec![setting(
                "archive",
                json!(Text(folder.as_os_str().as_encoded_bytes())),
                text::path(&folder),
                from(origin),
            )]
        }
        Some((Meant::Named(name), origin)) => {
            let mut rows = vec![setting("archive", json!(name), name.clone(), from(origin))];
            if let Some(archive) = config.and_then(|config| config.archive(&name)) {
                rows.push(found(&name, session));
                rows.extend(settings_of(archive));
            }
            rows
        }
    };
    let file = settings.config_file.as_deref();
    let shown = file.map(|file| settings.folders.shown(file));
    session.console.result(&Held { file, shown, is_there: config.is_some(), archives, rows })?;
    Ok(Outcome::Done)
}

/// The example configuration, as it is.
struct Example;

impl super::super::output::render::Render for Example {
    fn text(&self, text: &mut super::super::output::render::Text) {
        EXAMPLE.lines().for_each(|line| text.row(line));
    }

    fn json(&self) -> impl serde::Serialize {
        EXAMPLE
    }
}

fn from(origin: Origin) -> Said {
    match origin {
        Origin::Typed => Said::Typed,
        Origin::Environment => Said::Environment,
        Origin::Program => Said::Program,
        Origin::Configuration => Said::Configuration,
    }
}

fn setting(key: &'static str, value: Value, shown: impl Into<String>, from: Said) -> Setting {
    Setting { key, value, shown: shown.into(), from }
}

/// Where the archive is now. Nothing is mounted for it.
fn found(name: &str, session: &Session) -> Setting {
    match session.settings.locate(name, None) {
        Ok(located) => {
            let id = Archive::open(&located.folder).ok().map(|archive| archive.id());
            let shown = match id {
                Some(id) => format!("{}, id {id}", text::path(&located.folder)),
                None => format!("{}: no archive is there now", text::path(&located.folder)),
            };
            let value = json!({ "folder": Text(located.folder.as_os_str().as_encoded_bytes()), "id": id.map(|id| id.to_string()) });
            setting("found", value, shown, Said::Now)
        }
        Err(failure) => setting("found", Value::Null, failure.what(), Said::Now),
    }
}

/// A span as it is written in the configuration.
fn shown_span(key: &str, seconds: i64) -> String {
    const DAY: i64 = 24 * 3600;
    let word = [(7, "weekly"), (30, "monthly"), (365, "yearly")].into_iter().find(|(days, _)| days * DAY == seconds);
    word.filter(|_| key == "verify").map_or_else(|| health::span(seconds), |(_, word)| word.to_owned())
}

fn settings_of(archive: &ArchiveConfig) -> Vec<Setting> {
    let configured = |key, value: Value, shown: String| setting(key, value, shown, Said::Configuration);
    let remembered = |key| setting(key, Value::Null, "those of the last snapshot", Said::Archive);
    let mut rows = vec![configured("place", json!(archive.place.to_string()), archive.place.to_string())];
    rows.extend(archive.id.map(|id| configured("id", json!(id.to_string()), id.to_string())));
    if archive.mount {
        rows.push(configured("mount", json!(true), "yes".to_owned()));
    }
    rows.push(if archive.sources.is_empty() {
        remembered("sources")
    } else {
        let all = || archive.sources.iter();
        let shown: Vec<String> = all().map(|source| text::path(source.as_ref())).collect();
        let value: Vec<Text> = all().map(|source| Text(source.as_encoded_bytes())).collect();
        configured("sources", json!(value), shown.join("  "))
    });
    rows.push(match &archive.rules {
        None => remembered("rules"),
        Some(rules) => {
            let shown = text::rules(rules);
            configured("rules", json!(rules), if shown.is_empty() { "none".to_owned() } else { shown })
        }
    });
    rows.push(match archive.level {
        None => setting("level", json!("auto"), "auto", Said::Default),
        Some(Level::Auto) => configured("level", json!("auto"), "auto".to_owned()),
        Some(Level::Fixed(level)) => configured("level", json!(level), level.to_string()),
    });
    let spans = [("verify", archive.verify, "never"), ("max-silence", archive.max_silence, "1 week")];
    rows.extend(spans.into_iter().map(|(key, seconds, default)| match seconds {
        Some(seconds) => configured(key, json!(seconds), shown_span(key, seconds)),
        None => setting(key, Value::Null, default, Said::Default),
    }));
    if !archive.keep.is_empty() {
        rows.push(configured("keep", json!(archive.keep), shown_rules(&archive.keep)));
        rows.push(configured("prune", json!(archive.prune), if archive.prune { "yes" } else { "no" }.to_owned()));
    }
    let commands = [("before", &archive.before), ("after", &archive.after), ("notify", &archive.notify)];
    let given = commands.into_iter().filter_map(|(key, command)| Some((key, command.as_ref()?)));
    rows.extend(
        given.map(|(key, command)| configured(key, json!(command), printable(command.as_bytes()).into_owned())),
    );
    rows
}

/// `last 3, daily 7, within 30d`
fn shown_rules(rules: &KeepRules) -> String {
    let KeepRules { within, notes, .. } = rules;
    let counts = rules.counts().into_iter().filter(|(_, count)| *count > 0);
    let counts = counts.map(|(word, count)| format!("{word} {count}"));
    let within = within.iter().map(|age| format!("within {age}"));
    let notes = notes.iter().map(|note| format!("note {}", printable(note.as_bytes())));
    counts.chain(within).chain(notes).collect::<Vec<_>>().join(", ")
}
