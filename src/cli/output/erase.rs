//! What `erase` did, or would do. Prints nothing.

use super::json::Text as TextJson;
use super::render::Render;
use super::render::Text;
use super::text;
use serde::Serialize;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::verbs::erase::ErasePlan;

/// The most paths that a person is shown.
const SHOWN_MAX: usize = 100;

/// What a person must know before.
pub(crate) const CANNOT_BE_UNDONE: &str = "This cannot be undone: no snapshot will have these contents any more.";

/// What would be erased.
pub(crate) struct Planned<'a>(pub(crate) &'a ErasePlan);

/// What was erased.
pub(crate) struct Erased<'a> {
    pub(crate) plan: &'a ErasePlan,
    pub(crate) freed_bytes: u64,
}

#[derive(Serialize)]
struct Document<'a> {
    dry_run: bool,
    names: bool,
    paths: Vec<TextJson<'a>>,
    paths_total: u64,
    contents: u64,
    other_names: Vec<TextJson<'a>>,
    other_copies: Vec<TextJson<'a>>,
    freed_bytes: Option<u64>,
}

impl Document<'_> {
    fn new(plan: &ErasePlan, freed_bytes: Option<u64>) -> Document<'_> {
        Document {
            dry_run: freed_bytes.is_none(),
            names: plan.names,
            paths: all(&plan.paths),
            paths_total: plan.paths_total,
            contents: plan.contents,
            other_names: all(&plan.other_names),
            other_copies: all(&plan.other_copies),
            freed_bytes,
        }
    }
}

fn all(paths: &[EntryPathBuf]) -> Vec<TextJson<'_>> {
    paths.iter().map(|path| TextJson(path.as_bytes())).collect()
}

/// The lines that say what goes, and what to look after.
pub(crate) fn lines(plan: &ErasePlan) -> Vec<String> {
    let mut lines: Vec<String> = plan.paths.iter().take(SHOWN_MAX).map(|path| format!("  {path}")).collect();
    let more = plan.paths_total.saturating_sub(SHOWN_MAX as u64);
    if more > 0 {
        lines.push(format!("  … and {} more", text::number(more)));
    }
    let files = text::count(plan.paths_total, "file", "files");
    let versions = text::count(plan.contents, "version", "versions");
    let names = if plan.names { "and so do the names" } else { "the names stay" };
    lines.push(format!("{versions} of the contents of {files} would go from every snapshot; {names}."));
    lines
}

/// What to look after beside the archive.
pub(crate) fn warnings(plan: &ErasePlan) -> Vec<String> {
    let mut warnings = vec![
        "Copies of the archive, and what was restored or exported from it, still have them. A drive may keep old bytes for a \
         while: only a drive that was encrypted from the start keeps nothing."
            .to_owned(),
        "If the files are still on the computer, the next snap create saves them again: exclude or delete them first.".to_owned(),
    ];
    if let Some(copy) = plan.other_copies.first() {
        let more = plan.other_copies.len() - 1;
        let more = if more > 0 { format!(" and {} more", text::number(more as u64)) } else { String::new() };
        warnings.push(format!("The same bytes were saved as {copy}{more}, too, and stay there."));
    }
    if plan.has_set_aside {
        warnings
            .push("The folder damaged in the archive holds old bundles, which may have them: delete it.".to_owned());
    }
    warnings
}

impl Render for Planned<'_> {
    fn text(&self, text: &mut Text) {
        for line in lines(self.0) {
            text.result(line);
        }
        for other in self.0.other_names.iter().take(SHOWN_MAX) {
            text.warning(format!("{other} is another name of the same file: name it, too."));
        }
        for line in warnings(self.0) {
            text.result(line);
        }
        text.result("Nothing was written.");
    }

    fn json(&self) -> impl Serialize {
        Document::new(self.0, None)
    }
}

impl Render for Erased<'_> {
    fn text(&self, text: &mut Text) {
        let contents = text::count(self.plan.contents, "content was", "contents were");
        text.summary(format!("{contents} erased from every snapshot, {} came back.", text::size(self.freed_bytes)));
        for line in warnings(self.plan) {
            text.result(line);
        }
    }

    fn json(&self) -> impl Serialize {
        Document::new(self.plan, Some(self.freed_bytes))
    }
}
