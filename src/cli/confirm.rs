//! Asks before `snap restore` replaces or deletes what is there, and before `snap erase` erases.

use super::ask;
use super::failure::Failure;
use super::output::advice;
use super::output::erase;
use super::output::restore::Nested;
use super::output::restore::Target;
use super::output::text;
use super::session::Session;
use super::stoppable::stoppable;
use snap_archive::archive::catalog::Catalog;
use snap_archive::verbs::erase::ErasePlan;
use snap_archive::verbs::restore::Named;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::restore::TargetChanges;
use snap_archive::verbs::restore::deletions;
use std::io::IsTerminal;

/// Whether what `options` would replace (in place) and delete may be replaced and deleted: true at once when that is nothing.
///
/// # Errors
/// When there is no terminal to ask on, or what would be done cannot be found out.
pub(crate) fn changes(
    catalog: &Catalog,
    options: &RestoreOptions,
    target: &Target,
    session: &Session,
) -> Result<bool, Failure> {
    let is_asked = std::io::stdin().is_terminal();
    if !is_asked && !options.in_place {
        let what = format!("--delete may delete files in {target}, and there is no terminal to ask on");
        return Err(Failure::new(what).with_hint(advice::LOOK_THEN_SAY_YES));
    }
    let stopped = || Failure::stopped("stopped before anything was restored");
    let look = || {
        if options.in_place {
            return snap_archive::verbs::restore::changes(catalog, options, &session.console);
        }
        let deleted = deletions(catalog, options, &session.console)?;
        Ok(TargetChanges { deleted, ..TargetChanges::default() })
    };
    let TargetChanges { replaced, deleted } = stoppable(&session.console, stopped(), look)??;
    if replaced.total + deleted.total == 0 {
        return Ok(true);
    }
    tell(&replaced, &format!("To be replaced in {target}, as other than in snapshot {}", options.at), session);
    tell(&deleted, &format!("To be deleted in {target}, as not in snapshot {}", options.at), session);
    if !is_asked {
        let what = "what is there would be replaced or deleted, and there is no terminal to ask on";
        return Err(Failure::new(what).with_hint(advice::LOOK_THEN_SAY_YES));
    }
    go_on(session)
}

fn tell(named: &Named, what: &str, session: &Session) {
    if named.total == 0 {
        return;
    }
    for path in &named.first {
        session.console.line(&format!("  {path}"));
    }
    if named.total > named.first.len() as u64 {
        session.console.line("  …");
    }
    session.console.line(&format!("{what}: {}.", text::count(named.total, "entry", "entries")));
}

/// Says that a source comes into a folder of its own name, and how to do the other; whether to go on.
///
/// # Errors
/// When the answer cannot be read.
pub(crate) fn nested(nested: &Nested, is_settled: bool, session: &Session) -> Result<bool, Failure> {
    let (inside, around) = (text::path(&nested.inside), text::path(&nested.around));
    session.console.note(&format!(
        "{} goes to {inside}: what is restored comes below DIR under its own name. To put it into the folder that is called \
         so: --to {around}, or --in-place if it was read from there",
        nested.name
    ));
    if is_settled || !std::io::stdin().is_terminal() {
        return Ok(true);
    }
    go_on(session)
}

/// Asks twice whether to erase contents for ever.
///
/// # Errors
/// When there is no terminal to ask on, or the answer cannot be read.
pub(crate) fn erasing(plan: &ErasePlan, session: &Session) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let what = "contents would be erased for ever, and there is no terminal to ask on";
        return Err(Failure::new(what).with_hint(advice::LOOK_THEN_SAY_YES));
    }
    for line in erase::lines(plan).iter().chain(&erase::warnings(plan)) {
        session.console.line(line);
    }
    if !go_on(session)? {
        return Ok(false);
    }
    let question = format!("{} Write 'erase' to do it.", erase::CANNOT_BE_UNDONE);
    Ok(ask::ask(&question, "", &session.console)? == "erase")
}

fn go_on(session: &Session) -> Result<bool, Failure> {
    ask::yes("Go on?", false, &session.console)
}
