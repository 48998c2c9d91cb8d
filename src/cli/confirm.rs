//! Asks before `snap restore` replaces or deletes what is there, and before `snap erase` erases.

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
/// When there is nobody to ask, or what would be done cannot be found out.
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
    tell(&replaced, &format!("in {target} will be replaced: they differ from snapshot {}", options.at), session);
    tell(&deleted, &format!("in {target} will be deleted: they are not in snapshot {}", options.at), session);
    if !is_asked {
        let what = "what is there would be replaced or deleted, and there is no terminal to ask on";
        return Err(Failure::new(what).with_hint(advice::LOOK_THEN_SAY_YES));
    }
    session.console.line("Go on? [y/N]");
    Ok(is_yes(&answer()?))
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
    session.console.line(&format!("{} {what}.", text::count(named.total, "entry", "entries")));
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
    session.console.line("Go on? [y/N]");
    Ok(is_yes(&answer()?))
}

/// Asks twice whether contents shall go for ever.
///
/// # Errors
/// When there is nobody to ask, or the answer cannot be read.
pub(crate) fn erasing(plan: &ErasePlan, session: &Session) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let what = "contents would be erased for ever, and there is no terminal to ask on";
        return Err(Failure::new(what).with_hint(advice::LOOK_THEN_SAY_YES));
    }
    for line in erase::lines(plan).iter().chain(&erase::warnings(plan)) {
        session.console.line(line);
    }
    session.console.line("Go on? [y/N]");
    if !is_yes(&answer()?) {
        return Ok(false);
    }
    session.console.line(&format!("{} Write 'erase' to do it.", erase::CANNOT_BE_UNDONE));
    Ok(answer()?.trim() == "erase")
}

fn answer() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|error| Failure::new(format!("cannot read the answer: {error}")))?;
    Ok(line)
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_a_yes() {
        assert!(is_yes("y\n") && is_yes(" YES \n"));
        assert!(!is_yes("") && !is_yes("\n") && !is_yes("yep") && !is_yes("n"));
    }
}
