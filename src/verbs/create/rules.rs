//! The rules of a source: those of the last time, and what the person adds to them and takes away.

use super::options::CreateOptions;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Notice;
use crate::base::path::printable;
use crate::base::snapshot::Rules;
use crate::base::snapshot::SourceRecord;
use crate::system::platform;
use crate::system::source::Source;
use std::path::Path;

/// The rules by which a source is read now. Says so when they are other than before.
pub fn of_source(
    options: &CreateOptions,
    record: &SourceRecord,
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
        for rule in added.exclude.iter().map(|typed| meant(typed, record)) {
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

/// Whether a source's rule is the one that was typed.
fn is_it(rule: &str, typed: &str, record: &SourceRecord) -> bool {
    rule == typed || rule == meant(typed, record)
}

/// Refuses to take away what no source has.
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

/// Names the rules given now that fitted nothing in any source, and were not those of the last time anyway.
pub fn tell_unused(options: &CreateOptions, open: &[Source], chosen: Known<'_>, monitor: &dyn Monitor) {
    let unused: Vec<(&[u8], Vec<&str>)> = open.iter().map(|source| (source.name(), source.unused_patterns())).collect();
    let record = |name: &[u8]| chosen.records.iter().find(|record| record.name.as_bytes() == name);
    for typed in options.rules.iter().flat_map(|rules| &rules.exclude) {
        let is_unused = |(name, unused): &(&[u8], Vec<&str>)| {
            record(name).is_some_and(|record| unused.contains(&meant(typed, record).as_str()))
        };
        let was_known = |(name, _): &(&[u8], Vec<&str>)| {
            let before = chosen.before.iter().find(|before| before.name.as_bytes() == *name);
            before.zip(record(name)).is_some_and(|(before, now)| before.rules.exclude.contains(&meant(typed, now)))
        };
        if !unused.is_empty() && unused.iter().all(is_unused) && !unused.iter().all(was_known) {
            monitor.event(Event::Notice(&Notice::RuleFitsNothing { rule: typed.clone() }));
        }
    }
}

/// The sources as they are saved now, and as they were the last time.
pub struct Known<'a> {
    pub records: &'a [SourceRecord],
    pub before: &'a [SourceRecord],
}

/// A rule as the source's top directory has it. A path that leads into the source, absolute, from the present folder with `./`,
/// or with the source's name before it, means what is there.
fn meant(typed: &str, record: &SourceRecord) -> String {
    let (sign, body) = typed.strip_prefix('!').map_or(("", typed), |body| ("!", body));
    let inside = inside(body, record);
    inside.map_or_else(|| typed.to_owned(), |inside| format!("{sign}/{inside}"))
}

fn inside(body: &str, record: &SourceRecord) -> Option<String> {
    let path = &*platform::path_of(&record.path);
    let real = platform::canonical(path).ok();
    let tops: Vec<&str> = [Some(path), real.as_deref()].into_iter().flatten().filter_map(Path::to_str).collect();
    let below = |full: &str| {
        let rests = tops.iter().filter_map(|top| full.strip_prefix(top.trim_end_matches('/'))?.strip_prefix('/'));
        rests.map(str::to_owned).find(|rest| !rest.is_empty())
    };
    if let Some(rest) = body.strip_prefix("./") {
        let present = std::path::absolute(".").ok();
        let full = present.as_deref().and_then(Path::to_str).map(|present| format!("{present}/{rest}"));
        return full.and_then(|full| below(&full)).or_else(|| Some(rest.to_owned()));
    }
    if body.starts_with('/') && path != Path::new("/") {
        return below(body);
    }
    let rest = body.strip_prefix(record.name.as_str())?.strip_prefix('/').filter(|rest| !rest.is_empty())?;
    // A folder in the source that is called as the source is what the rule says as it stands.
    let has_namesake = path.join(&record.name).symlink_metadata().is_ok();
    (!has_namesake).then(|| rest.to_owned())
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

    fn meant_in(name: &str, path: &str, typed: &str) -> String {
        meant(typed, &SourceRecord { name: name.into(), path: path.into(), ..SourceRecord::default() })
    }

    #[test]
    fn paths_into_a_source_mean_what_is_there() {
        let docs = |typed| meant_in("docs", "/nowhere/ann/docs", typed);
        assert_eq!(docs("/nowhere/ann/docs/letters"), "/letters");
        assert_eq!(docs("!/nowhere/ann/docs/a/*.iso"), "!/a/*.iso");
        assert_eq!(docs("docs/letters/"), "/letters/");
        assert_eq!(docs("./cache"), "/cache");
        for plain in
            ["*.iso", "/letters", "docs", "docs/", "docsx/a", "/nowhere/ann/docs", "/nowhere/ann/docsx/a", "a/docs/b"]
        {
            assert_eq!(docs(plain), plain);
        }
        assert_eq!(meant_in("computer", "/", "/etc/x"), "/etc/x");
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
