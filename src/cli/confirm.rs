//! Asks before `snap restore --delete` deletes anything.

use super::failure::Failure;
use super::output::advice;
use super::output::text;
use super::session::Session;
use snap_archive::archive::catalog::Catalog;
use snap_archive::verbs::restore::Deletions;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::restore::deletions;
use std::io::IsTerminal;

/// Whether what `options` would delete may be deleted: true at once when that is nothing.
///
/// # Errors
/// When there is nobody to ask, or what would be deleted cannot be found out.
pub(crate) fn deletion(catalog: &Catalog, options: &RestoreOptions, session: &Session) -> Result<bool, Failure> {
    let target = text::path(&options.target);
    if !std::io::stdin().is_terminal() {
        let what = format!("--delete may delete files in {target}, and there is no terminal to ask on");
        return Err(Failure::new(what).with_hint(advice::LOOK_THEN_SAY_YES));
    }
    let Deletions { total, first } = deletions(catalog, options)?;
    if total == 0 {
        return Ok(true);
    }
    for path in &first {
        session.console.line(&format!("  {path}"));
    }
    if total > first.len() as u64 {
        session.console.line("  …");
    }
    let entries = text::count(total, "entry", "entries");
    session
        .console
        .line(&format!("{entries} in {target} will be deleted: they are not in snapshot {}. Go on? [y/N]", options.at));
    Ok(is_yes(&answer()?))
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
