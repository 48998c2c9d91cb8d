//! The rules of a source: those of last time, with what is added and removed now.

use super::options::CreateOptions;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Notice;
use crate::base::path::printable;
use crate::base::pattern::Pattern;
use crate::base::snapshot::Rules;
use crate::base::snapshot::SourceRecord;
use crate::system::platform;
use crate::system::source::Source;
use std::path::Path;

/// The rules by which a source, one of `all`, is read now. Says so when they are other than before.
pub fn of_source(
    options: &CreateOptions,
    (record, all): (&SourceRecord, &[SourceRecord]),
    before: Option<&SourceRecord>,
    monitor: &dyn Monitor,
) -> Rules {
    let old = before.map(|before| before.rules.clone()).unwrap_or_default();
    let fresh = || Rules { patch_from: old.patch_from, ..Rules::default() };
    let mut rules = if options.fresh_rules { fresh() } else { old.clone() };
    for typed in &options.take_away.exclude {
        rules.exclude.retain(|rule| !is_it(rule, typed, record));
    }
    rules.exclude_caches &= !options.take_away.exclude_caches;
    rules.one_file_system &= !options.take_away.one_file_system;
    if let Some(added) = &options.rules {
        for rule in added.exclude.iter().filter_map(|typed| meant(typed, record, all)) {
            if !rules.exclude.contains(&rule) {
                rules.exclude.push(rule);
            }
        }
        rules.exclude_caches |= added.exclude_caches;
        rules.one_file_system |= added.one_file_system;
        rules.patch_from = added.patch_from.or(rules.patch_from);
    }
    if before.is_some() && rules != old {
        monitor.event(Event::Notice(&changes(&record.name, &old, &rules)));
    }
    rules
}

/// Whether a source's rule is the one that was typed, now or when what it is for was there.
fn is_it(rule: &str, typed: &str, record: &SourceRecord) -> bool {
    let by_name = || Some(typed.strip_prefix('!').unwrap_or(typed)).and_then(|body| below_name(body, record));
    let sign = || if typed.starts_with('!') { "!" } else { "" };
    rule == typed
        || meant(typed, record, &[]).is_some_and(|meant| rule == meant)
        || by_name().is_some_and(|rest| rule == format!("{}/{rest}", sign()))
}

/// Refuses to remove a rule that no source has.
///
/// # Errors
/// [`ErrorKind::Refused`] when there is such a rule.
pub fn check_taken_away(options: &CreateOptions, known: &[SourceRecord]) -> Result<()> {
    let has =
        |typed: &str| known.iter().any(|record| record.rules.exclude.iter().any(|rule| is_it(rule, typed, record)));
    match options.take_away.exclude.iter().find(|typed| !has(typed)) {
        None => Ok(()),
        Some(typed) => Err(no_such_rule(typed, known)),
    }
}

/// Reports the rules given now that are new and match nothing in any source.
pub fn tell_unused(options: &CreateOptions, open: &[Source], chosen: Known<'_>, monitor: &dyn Monitor) {
    let unused: Vec<(&[u8], Vec<&str>)> = open.iter().map(|source| (source.name(), source.unused_patterns())).collect();
    let all: Vec<SourceRecord> =
        chosen.records.iter().filter(|record| record.scanned || record.missing).cloned().collect();
    for typed in options.rules.iter().flat_map(|rules| &rules.exclude) {
        let rule = |record: &SourceRecord| meant(typed, record, &all);
        let is_for = |record: &&SourceRecord| rule(record).is_some();
        let unused_in = |record: &SourceRecord| {
            let source = unused.iter().find(|(name, _)| record.name.as_bytes() == *name);
            source.is_none_or(|(_, unused)| rule(record).is_some_and(|rule| unused.contains(&rule.as_str())))
        };
        let was_known = |record: &SourceRecord| {
            let before = chosen.before.iter().find(|before| before.name == record.name);
            before.zip(rule(record)).is_some_and(|(before, rule)| before.rules.exclude.contains(&rule))
        };
        let read = || all.iter().filter(|record| record.scanned);
        let is_unused = read().filter(is_for).all(unused_in);
        let is_new = !read().any(|record| is_for(&record)) || !read().filter(is_for).all(was_known);
        if is_unused && is_new {
            monitor.event(Event::Notice(&Notice::RuleFitsNothing { rule: typed.clone() }));
        }
    }
}

/// The sources as they are saved now, and as they were the last time.
pub struct Known<'a> {
    pub records: &'a [SourceRecord],
    pub before: &'a [SourceRecord],
}

/// A rule as the top directory of a source has it, one of `all`; `None` when it is for another one alone. A path that leads into a
/// source, absolute, from the present folder with `./`, or with the source's name before it as the archive shows it, means what is
/// there and nothing else. All others are as in a `.gitignore` file there.
fn meant(typed: &str, record: &SourceRecord, all: &[SourceRecord]) -> Option<String> {
    let (sign, body) = typed.strip_prefix('!').map_or(("", typed), |body| ("!", body));
    let rule = match led_into(body, record) {
        Some(rest) if rest.is_empty() => None,
        Some(rest) => Some(format!("/{rest}")),
        None if all.iter().any(|other| other.name != record.name && led_into(body, other).is_some()) => None,
        None => Some(anywhere(body, record)),
    };
    rule.map(|rule| format!("{sign}{rule}"))
}

/// Where in a source a rule leads that certainly means something in it; empty: to its top.
fn led_into(body: &str, record: &SourceRecord) -> Option<String> {
    let path = &*platform::path_of(&record.path);
    let real = platform::canonical(path).ok();
    let tops: Vec<&str> = [Some(path), real.as_deref()].into_iter().flatten().filter_map(Path::to_str).collect();
    let below = |full: &str| tops.iter().find_map(|top| below(full, top).map(str::to_owned));
    if let Some(rest) = body.strip_prefix("./") {
        let present = std::path::absolute(".").ok()?;
        let present = present.to_str()?;
        // The folders on the way here were not typed, and are no patterns.
        return match below(present) {
            Some(way) if way.is_empty() => Some(rest.to_owned()),
            Some(way) => Some(format!("{}/{rest}", without_patterns(&way))),
            None => below(&format!("{}/{rest}", present.trim_end_matches('/'))),
        };
    }
    if body.starts_with('/') && path != Path::new("/") {
        return below(body);
    }
    below_name(body, record).filter(|rest| is_there(path, rest)).map(str::to_owned)
}

/// A rule that leads into no source for certain.
fn anywhere(body: &str, record: &SourceRecord) -> String {
    if let Some(rest) = body.strip_prefix("./") {
        return format!("/{rest}");
    }
    // If the source has a folder of its own name, the rule means that one.
    let has_namesake = || platform::path_of(&record.path).join(&record.name).symlink_metadata().is_ok();
    match below_name(body, record) {
        Some(rest) if !has_namesake() => format!("/{rest}"),
        _ => body.to_owned(),
    }
}

fn below<'f>(full: &'f str, top: &str) -> Option<&'f str> {
    let rest = full.strip_prefix(top.trim_end_matches('/'))?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

fn below_name<'b>(body: &'b str, record: &SourceRecord) -> Option<&'b str> {
    body.strip_prefix(record.name.as_str())?.strip_prefix('/').filter(|rest| !rest.is_empty())
}

/// The rule that fits this name alone.
fn without_patterns(name: &str) -> String {
    let escaped = |letter: char| ['\\'].into_iter().filter(move |_| "*?[\\".contains(letter)).chain([letter]);
    name.chars().flat_map(escaped).collect()
}

/// Whether something in a folder fits a rule that begins there.
fn is_there(folder: &Path, rule: &str) -> bool {
    let (first, rest) = rule.split_once('/').map_or((rule, None), |(first, rest)| (first, Some(rest)));
    if first == "**" {
        return true;
    }
    let Ok(pattern) = Pattern::parse_for(first.as_bytes(), platform::CASE) else { return false };
    let fits = |found: &Path| match rest {
        None => found.symlink_metadata().is_ok(),
        Some("") => found.symlink_metadata().is_ok_and(|found| found.is_dir()),
        Some(rest) => is_there(found, rest),
    };
    if !first.contains(['*', '?', '[', '\\']) {
        return !first.is_empty() && fits(&folder.join(first));
    }
    let names = std::fs::read_dir(folder).into_iter().flatten().filter_map(|found| Some(found.ok()?.file_name()));
    let fitting = names.filter(|name| pattern.fits(&platform::CASE.folded(name.as_encoded_bytes()), true));
    fitting.map(|name| folder.join(name)).any(|found| fits(&found))
}

fn no_such_rule(typed: &str, known: &[SourceRecord]) -> Error {
    let mut rules: Vec<String> = known.iter().flat_map(|record| record.rules.exclude.iter().cloned()).collect();
    rules.sort();
    rules.dedup();
    let what = format!("no source has the rule '{}'", printable(typed.as_bytes()));
    Error::new(ErrorKind::Refused, what).with_advice(Advice::TakeAwayKnownRule { rules })
}

fn changes(name: &str, old: &Rules, new: &Rules) -> Notice {
    let only_in = |a: &Rules, b: &Rules| Rules {
        exclude: a.exclude.iter().filter(|rule| !b.exclude.contains(rule)).cloned().collect(),
        exclude_caches: a.exclude_caches && !b.exclude_caches,
        one_file_system: a.one_file_system && !b.one_file_system,
        patch_from: a.patch_from.filter(|_| a.patch_from != b.patch_from),
    };
    Notice::RulesChanged { source: name.to_owned(), added: only_in(new, old), taken_away: only_in(old, new) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, path: &str) -> SourceRecord {
        SourceRecord { name: name.into(), path: path.into(), ..SourceRecord::default() }
    }

    fn meant_in(name: &str, path: &str, typed: &str) -> String {
        meant(typed, &source(name, path), &[]).unwrap_or_default()
    }

    #[test]
    fn paths_into_a_source_mean_what_is_there() {
        let docs = |typed| meant_in("docs", "/nowhere/ann/docs", typed);
        assert_eq!(docs("/nowhere/ann/docs/letters"), "/letters");
        assert_eq!(docs("!/nowhere/ann/docs/a/*.iso"), "!/a/*.iso");
        assert_eq!(docs("docs/letters/"), "/letters/");
        assert_eq!(docs("./cache"), "/cache");
        for plain in ["*.iso", "/letters", "docs", "docs/", "docsx/a", "/nowhere/ann/docsx/a", "a/docs/b"] {
            assert_eq!(docs(plain), plain);
        }
        assert_eq!(docs("/nowhere/ann/docs"), "", "a source is never left out as a whole");
        assert_eq!(meant_in("computer", "/", "/etc/x"), "/etc/x");
    }

    #[test]
    fn a_path_into_one_source_holds_in_no_other() {
        let all =
            [source("docs", "/nowhere/ann/docs"), source("old", "/nowhere/old"), source("in", "/nowhere/ann/docs/in")];
        let in_each = |typed| all.each_ref().map(|record| meant(typed, record, &all).unwrap_or_default());
        assert_eq!(in_each("/nowhere/ann/docs/in/x"), ["/in/x", "", "/x"]);
        assert_eq!(in_each("!/nowhere/old/docs/*"), ["", "!/docs/*", ""]);
        assert_eq!(in_each("/nowhere/old/"), ["", "", ""]);
        assert_eq!(in_each("*.o"), ["*.o", "*.o", "*.o"]);
    }

    #[test]
    fn what_fits_a_rule_is_found_where_it_begins() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let made = std::fs::create_dir_all(folder.path().join("a/b[1]"))
            .and_then(|()| std::fs::write(folder.path().join("a/f.o"), ""));
        assert!(made.is_ok());
        for there in ["a", "a/", "a/*.o", "*/f.o", "?/b\\[1]/", "a/b[[]*", "**/x", "a/**"] {
            assert!(is_there(folder.path(), there), "{there}");
        }
        for not in ["b", "a/f.o/", "a/*.c", "*/f.o/x", "a/b[1]", "", "a//f.o"] {
            assert!(!is_there(folder.path(), not), "{not}");
        }
        assert_eq!(without_patterns("a[1]*\\?"), "a\\[1]\\*\\\\\\?");
    }

    #[test]
    fn what_changed_in_rules_is_said() {
        let rules = |exclude: &[&str], exclude_caches| Rules {
            exclude: exclude.iter().map(|rule| (*rule).to_owned()).collect(),
            exclude_caches,
            ..Rules::default()
        };
        let said = changes("docs", &rules(&["a", "b"], true), &rules(&["b", "c"], false));
        let (added, taken_away) = (rules(&["c"], false), rules(&["a"], true));
        assert_eq!(said, Notice::RulesChanged { source: "docs".into(), added, taken_away });
    }
}
