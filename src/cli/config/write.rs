//! A section of the configuration for a new archive, as text. Writes no files.

use super::drive::DriveName;
use super::place::Place;
use snap_archive::base::keep::KeepRules;
use snap_archive::base::snapshot::Rules;
use std::ffi::OsString;
use std::fmt::Write;

/// What is known of a new archive.
pub(crate) struct NewArchive {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) sources: Vec<OsString>,
    pub(crate) rules: Rules,
    /// How often all of it is read back.
    pub(crate) verify: String,
    /// Which snapshots stay; where there are rules, all others go after each run.
    pub(crate) keep: KeepRules,
    /// Further lines, each `key = value`.
    pub(crate) more: Vec<String>,
}

impl NewArchive {
    /// The section.
    ///
    /// # Errors
    /// A sentence, when a path is not UTF-8, which TOML cannot say.
    pub(crate) fn section(&self) -> Result<String, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let is_bare = !self.name.is_empty() && self.name.chars().all(is_plain);
        let mut text = format!("[archive.{}]\n", if is_bare { self.name.clone() } else { quoted(&self.name) });
        let path = |path: &std::path::Path| {
            let shown =
                || format!("{} is not UTF-8, which a configuration cannot say", crate::cli::output::text::path(path));
            path.to_str().map(quoted).ok_or_else(shown)
        };
        match &self.place {
            Place::Folder(folder) => _ = writeln!(text, "path = {}", path(folder)?),
            Place::Drives(drives) => {
                text.push_str("drives = [\n");
                for drive in drives {
                    let name = match &drive.name {
                        DriveName::Label(label) => format!("label = {}", quoted(label)),
                        DriveName::Uuid(uuid) => format!("uuid = {}", quoted(uuid)),
                    };
                    let folder = path(&drive.folder)?;
                    let id = drive.id.map(|id| format!(", id = \"{id}\"")).unwrap_or_default();
                    let _ = writeln!(text, "    {{ {name}, folder = {folder}{id} }},");
                }
                text.push_str("]\n");
            }
        }
        let sources: Vec<String> = self.sources.iter().map(|source| path(source.as_ref())).collect::<Result<_, _>>()?;
        let _ = writeln!(text, "sources = [{}]", sources.join(", "));
        let rules: Vec<String> = self.rules.exclude.iter().map(|rule| quoted(rule)).collect();
        let _ = writeln!(text, "exclude = [{}]\nexclude-caches = {}", rules.join(", "), self.rules.exclude_caches);
        let _ = writeln!(text, "verify = {}", quoted(&self.verify));
        if !self.keep.is_empty() {
            let _ = writeln!(text, "keep = {}\nprune = true", keep(&self.keep));
        }
        for line in &self.more {
            let _ = writeln!(text, "{line}");
        }
        Ok(text)
    }
}

/// Rules as the configuration has them.
fn keep(rules: &KeepRules) -> String {
    let counts = rules.counts().into_iter().filter(|(_, count)| *count > 0);
    let counts = counts.map(|(unit, count)| format!("{unit} = {count}"));
    let within = rules.within.iter().map(|age| format!("within = {}", quoted(&String::from(age.clone()))));
    let notes: Vec<String> = rules.notes.iter().map(|note| quoted(note)).collect();
    let notes = (!notes.is_empty()).then(|| format!("notes = [{}]", notes.join(", ")));
    let all: Vec<String> = counts.chain(within).chain(notes).collect();
    format!("{{ {} }}", all.join(", "))
}

/// A text as TOML has it.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::file::Config;
    use super::super::place::Drive;
    use super::*;
    use crate::cli::folders::Folders;
    use snap_archive::base::id::ArchiveId;
    use std::path::Path;

    #[test]
    fn what_is_written_is_read_as_it_was_meant() {
        let drive = Drive {
            name: DriveName::Label("Ann's \"stick\"\\".to_owned()),
            folder: "a b".into(),
            id: Some(ArchiveId([7; 16])),
        };
        let rules = Rules {
            exclude: vec!["*.iso".to_owned(), "a\\ b'\"".to_owned()],
            exclude_caches: true,
            ..Rules::default()
        };
        let within = Some("2 days".parse().unwrap());
        let keep =
            KeepRules { daily: 7, yearly: 3, within, notes: vec!["a \"b\"*".to_owned()], ..KeepRules::default() };
        for place in [Place::Drives(vec![drive]), Place::Folder("/x/y z".into())] {
            let new = NewArchive {
                name: "home".to_owned(),
                place,
                sources: vec!["/a/b".into(), "n=/c d".into()],
                rules: rules.clone(),
                verify: "monthly".to_owned(),
                keep: keep.clone(),
                more: Vec::new(),
            };
            let config = Config::parse(&new.section().unwrap(), Path::new("f"), &Folders::default()).unwrap();
            let read = config.archive("home").unwrap();
            assert_eq!((&read.place, &read.sources), (&new.place, &new.sources));
            assert_eq!(read.rules.as_ref(), Some(&new.rules));
            assert!(read.keep == keep && read.prune);
            assert_eq!(read.verify, Some(30 * 24 * 3600));
        }
    }
}
