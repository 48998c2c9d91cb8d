//! What `prune` did. Prints nothing.

use super::render::Render;
use super::render::Text;
use super::text;
use serde::Serialize;
use snap_archive::verbs::prune::PruneReport;
use snap_archive::verbs::prune::PrunedBundle;

/// What was pruned, or would be.
pub(crate) struct Pruned<'a> {
    pub(crate) report: &'a PruneReport,
    pub(crate) dry_run: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    dry_run: bool,
    bundles: Vec<BundleJson<'a>>,
    freed_bytes: u64,
    unused_bytes: u64,
    not_pruned: u64,
}

#[derive(Serialize)]
struct BundleJson<'a> {
    bundle: &'a str,
    joined: u64,
    contents: u64,
    bytes_before: u64,
    bytes_after: u64,
}

fn line(bundle: &PrunedBundle, verb: &str) -> String {
    let contents = text::count(bundle.contents, "content", "contents");
    let (before, after) = (text::size(bundle.bytes_before), text::size(bundle.bytes_after));
    let joined = match bundle.joined {
        0 => String::new(),
        1 => ", with the one before it".to_owned(),
        count => format!(", with the {} before it", text::number(count)),
    };
    format!("{verb}: {}{joined}: {contents}, {before} to {after}", bundle.bundle)
}

impl Render for Pruned<'_> {
    fn text(&self, text: &mut Text) {
        let report = self.report;
        if self.dry_run || text.verbose {
            let verb = if self.dry_run { "would prune" } else { "pruned" };
            report.bundles.iter().for_each(|bundle| text.result(line(bundle, verb)));
        }
        let unused = if report.unused_bytes > 0 {
            format!(" About {} are unused in bundles that have little of it.", text::size(report.unused_bytes))
        } else {
            String::new()
        };
        let (freed, count) = (text::size(report.freed_bytes()), report.bundles.len() as u64);
        match (count, self.dry_run) {
            (0, _) => text.summary(format!("Nothing to prune.{unused}")),
            (_, true) => {
                let bundles = text::count(count, "bundle", "bundles");
                text.result(format!("About {freed} in {bundles} would come back. Nothing was written.{unused}"));
            }
            (_, false) => {
                let bundles = if count == 1 {
                    "1 bundle was".to_owned()
                } else {
                    format!("{} bundles were", text::number(count))
                };
                text.summary(format!("{bundles} written anew, {freed} came back.{unused}"));
            }
        }
    }

    fn json(&self) -> impl Serialize {
        let bundles = self.report.bundles.iter().map(|bundle| BundleJson {
            bundle: bundle.bundle.as_str(),
            joined: bundle.joined,
            contents: bundle.contents,
            bytes_before: bundle.bytes_before,
            bytes_after: bundle.bytes_after,
        });
        Document {
            dry_run: self.dry_run,
            bundles: bundles.collect(),
            freed_bytes: self.report.freed_bytes(),
            unused_bytes: self.report.unused_bytes,
            not_pruned: self.report.problems,
        }
    }
}
