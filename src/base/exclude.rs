//! What of a source is left out: rules as git's, from the command line and from `.snapignore` files. Reads no file itself.

use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::path::joined;
use crate::base::path::printable;
use crate::base::pattern::Case;
use crate::base::pattern::Pattern;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// The name of files whose rules hold for their directory and everything below it.
pub const IGNORE_FILE: &[u8] = b".snapignore";

/// The most bytes of a `.snapignore` file, and of a file of patterns, that are obeyed.
pub const RULES_BYTES_MAX: usize = 1 << 20;

/// The name of the file that marks a directory as a cache (Cache Directory Tagging Specification).
pub const CACHE_TAG_FILE: &[u8] = b"CACHEDIR.TAG";

/// What a [`CACHE_TAG_FILE`] must begin with to count; it must be a regular file.
pub const CACHE_TAG_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// The most `.snapignore` files that are obeyed one inside the other.
const LEVELS_MAX: usize = 1000;

/// The most complaints about one `.snapignore` file that are listed one by one.
const COMPLAINTS_MAX: usize = 10;

/// The rules that hold in one directory of a source; cheap to clone.
///
/// The command line's patterns are asked first, then the `.snapignore` file nearest to the entry, then the next one up.
/// Whoever has something to say, "leave it out" or with `!` "keep it", decides. As with git, nothing inside a directory that
/// is left out can be kept, so a walk does not descend into it and parents are never asked again.
#[derive(Clone, Debug, Default)]
pub struct Exclude {
    case: Case,
    command_line: Arc<[Counted]>,
    /// From the source's root down.
    files: Arc<[Arc<RuleLevel>]>,
}

/// A rule of the command line, and whether anything fitted it.
#[derive(Debug)]
struct Counted {
    rule: Pattern,
    has_fitted: AtomicBool,
}

/// The rules of one `.snapignore` file.
#[derive(Debug)]
struct RuleLevel {
    /// The directory it stands in, relative to the source, with a slash at the end and folded; empty for the source itself.
    prefix: Vec<u8>,
    rules: Vec<Pattern>,
    /// Whether it may not have held: what it keeps, others decide.
    is_doubtful: bool,
}

impl Exclude {
    /// The rules for the root of a source, from patterns as in a `.gitignore` file there; no patterns leave nothing out. `case`
    /// holds for those of files, too.
    ///
    /// # Errors
    /// Only if a pattern is not understood, is empty or is a comment; the error names it.
    pub fn new(patterns: &[String], case: Case) -> Result<Exclude> {
        let rules: Result<Arc<[Counted]>> = patterns.iter().map(|pattern| one_rule(pattern, case)).collect();
        Ok(Exclude { case, command_line: rules?, files: Arc::default() })
    }

    /// The places of those patterns that nothing has fitted yet that this or a clone of it was asked about.
    pub fn unused(&self) -> Vec<usize> {
        let rules = self.command_line.iter().enumerate();
        rules.filter(|(_, rule)| !rule.has_fitted.load(Ordering::Relaxed)).map(|(place, _)| place).collect()
    }

    /// Whether nothing can be left out.
    pub fn is_empty(&self) -> bool {
        self.command_line.is_empty() && self.files.is_empty()
    }

    /// These rules and those of the `.snapignore` file with content `text` in `directory`, a path relative to the source
    /// (empty: the source itself). Also what in it was not understood, a sentence each, without the file's name; such lines
    /// leave nothing out. A file of more than [`RULES_BYTES_MAX`] is not obeyed at all.
    pub fn with_ignore_file(&self, directory: &[u8], text: &[u8]) -> (Exclude, Vec<String>) {
        self.with_level(directory, text, false)
    }

    /// As [`Exclude::with_ignore_file`], of a file that may not have held: it can only leave out more. What it keeps is left
    /// out all the same where the rules without it do so.
    #[must_use]
    pub fn with_doubtful_file(&self, directory: &[u8], text: &[u8]) -> Exclude {
        self.with_level(directory, text, true).0
    }

    fn with_level(&self, directory: &[u8], text: &[u8], is_doubtful: bool) -> (Exclude, Vec<String>) {
        if text.len() > RULES_BYTES_MAX {
            return (self.clone(), vec!["is larger than 1 MiB and leaves nothing out".to_owned()]);
        }
        if self.files.len() >= LEVELS_MAX {
            let what = format!("stands inside {LEVELS_MAX} directories with such files and leaves nothing out");
            return (self.clone(), vec![what]);
        }
        let (rules, complaints) = parse_file(text, self.case);
        if rules.is_empty() {
            return (self.clone(), complaints);
        }
        let prefix = if directory.is_empty() { Vec::new() } else { joined(directory, b"") };
        let level = Arc::new(RuleLevel { prefix: self.case.folded(&prefix).into_owned(), rules, is_doubtful });
        let files = self.files.iter().cloned().chain([level]).collect();
        (Exclude { files, ..self.clone() }, complaints)
    }

    /// Whether the entry with this path, relative to the source, is left out, with everything in it if it is a directory.
    /// A symlink is never a directory; the source itself is never left out.
    pub fn excludes(&self, path: &[u8], is_directory: bool) -> bool {
        if self.is_empty() || path.is_empty() {
            return false;
        }
        let path: &[u8] = &self.case.folded(path);
        let mut from_command_line = None;
        for Counted { rule, has_fitted } in self.command_line.iter().rev() {
            // Those that have no say any more are asked only until something has fitted them.
            let is_asked = from_command_line.is_none() || !has_fitted.load(Ordering::Relaxed);
            if is_asked && rule.fits(path, is_directory) {
                has_fitted.store(true, Ordering::Relaxed);
                from_command_line = from_command_line.or(Some(rule.keeps));
            }
        }
        if let Some(keeps) = from_command_line {
            return !keeps;
        }
        let from_files = self.files.iter().rev().find_map(|level| {
            let inside = path.strip_prefix(level.prefix.as_slice())?;
            last_word(&level.rules, inside, is_directory).filter(|keeps| !(*keeps && level.is_doubtful))
        });
        from_files.is_some_and(|keeps| !keeps)
    }
}

/// Whether the last rule that fits keeps the entry; `None` when no rule fits.
fn last_word(rules: &[Pattern], path: &[u8], is_directory: bool) -> Option<bool> {
    rules.iter().rev().find(|rule| rule.fits(path, is_directory)).map(|rule| rule.keeps)
}

fn one_rule(pattern: &str, case: Case) -> Result<Counted> {
    if !is_rule(pattern.as_bytes()) {
        let why = "it is empty or a comment; a name that begins with # is written \\#";
        return Err(bad_pattern(pattern, why));
    }
    let rule = Pattern::parse_for(pattern.as_bytes(), case).map_err(|why| bad_pattern(pattern, &why))?;
    Ok(Counted { rule, has_fitted: AtomicBool::new(false) })
}

/// The patterns in a file named by `--exclude-from`, a line each; blank lines and comments are left out.
///
/// # Errors
/// Only if the text is larger than [`RULES_BYTES_MAX`] or a line is not UTF-8; the error names the line.
pub fn patterns_of(text: &[u8]) -> Result<Vec<String>> {
    if text.len() > RULES_BYTES_MAX {
        return Err(Error::new(ErrorKind::Refused, "a file of exclude patterns cannot be larger than 1 MiB"));
    }
    let mut patterns = Vec::new();
    for (number, line) in lines(text) {
        let Ok(line) = std::str::from_utf8(line) else {
            let what = format!("line {number} of the exclude patterns is not UTF-8: {}", printable(line));
            return Err(Error::new(ErrorKind::Refused, what));
        };
        if is_rule(line.as_bytes()) {
            patterns.push(line.to_owned());
        }
    }
    Ok(patterns)
}

/// The rules in a `.snapignore` file, and what was not understood.
fn parse_file(text: &[u8], case: Case) -> (Vec<Pattern>, Vec<String>) {
    let mut rules = Vec::new();
    let mut complaints = Vec::new();
    let mut more = 0_usize;
    for (number, line) in lines(text).filter(|(_, line)| is_rule(line)) {
        match Pattern::parse_for(line, case) {
            Ok(rule) => rules.push(rule),
            Err(why) if complaints.len() < COMPLAINTS_MAX => {
                complaints.push(format!("line {number} is not obeyed, `{}`: {why}", printable(line)));
            }
            Err(_) => more += 1,
        }
    }
    if more > 0 {
        complaints.push(format!("{more} more lines are not obeyed"));
    }
    (rules, complaints)
}

/// The lines of a file of rules with their numbers, from 1, as git reads them: `\r\n` ends a line too, a byte order mark at
/// the very start is dropped, and a NUL ends what a line says.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines = lines.map(|line| line.split(|byte| *byte == 0).next().unwrap_or_default());
    (1..).zip(lines)
}

/// Whether a line states a rule; blank lines and comments do not.
fn is_rule(line: &[u8]) -> bool {
    !line.starts_with(b"#") && line.iter().any(|byte| *byte != b' ')
}

fn bad_pattern(pattern: &str, why: &str) -> Error {
    let what = format!("cannot use the exclude pattern `{}`: {why}", printable(pattern.as_bytes()));
    Error::new(ErrorKind::Refused, what).with_advice(Advice::RuleSyntax)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rules(patterns: &[&str]) -> Exclude {
        Exclude::new(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>(), Case::Matters).unwrap()
    }

    /// The rules of `.snapignore` files, from the root down, all understood.
    fn files(texts: &[(&str, &str)]) -> Exclude {
        texts.iter().fold(Exclude::default(), |rules, (directory, text)| {
            let (rules, complaints) = rules.with_ignore_file(directory.as_bytes(), text.as_bytes());
            assert_eq!(complaints, Vec::<String>::new());
            rules
        })
    }

    fn out(rules: &Exclude, path: &str) -> bool {
        rules.excludes(path.as_bytes(), false)
    }

    fn out_directory(rules: &Exclude, path: &str) -> bool {
        rules.excludes(path.as_bytes(), true)
    }

    #[test]
    fn without_rules_nothing_is_left_out() {
        let none = Exclude::new(&[], Case::Matters).unwrap();
        assert!(none.is_empty() && !out(&none, "a") && !out_directory(&none, "a/b"));
        let (still_none, complaints) = none.with_ignore_file(b"a", b"# a comment\n\n  \n");
        assert!(still_none.is_empty() && complaints.is_empty());
    }

    #[test]
    fn the_command_line_speaks_as_a_gitignore_at_the_root() {
        let rules = rules(&["*.o", "!keep.o", "/top", "build/", "doc/*.pdf", "a/**/z", "\\#x", "\\!y", "t\\ "]);
        for path in ["x.o", "deep/er/x.o", ".o", "top", "doc/a.pdf", "a/z", "a/b/c/z", "#x", "d/!y", "t "] {
            assert!(out(&rules, path), "{path}");
        }
        for path in ["keep.o", "d/keep.o", "d/top", "build", "doc/d/a.pdf", "d/doc/a.pdf", "x.oo", "a", "b/z", "t"] {
            assert!(!out(&rules, path), "{path}");
        }
        assert!(out_directory(&rules, "build") && out_directory(&rules, "d/build"));
    }

    #[test]
    fn where_case_is_ignored_it_is_in_rules_paths_and_folders_of_rules() {
        let rules = Exclude::new(&["Thumbs.db".to_owned(), "/Cache/".to_owned()], Case::Ignored).unwrap();
        let (rules, complaints) = rules.with_ignore_file("Größe".as_bytes(), b"*.TMP\n!KEEP.tmp\n");
        assert_eq!(complaints, Vec::<String>::new());
        assert!(out(&rules, "a/THUMBS.DB") && out_directory(&rules, "cache") && out(&rules, "GRÖßE/a.tmp"));
        assert!(!out(&rules, "größe/keep.TMP") && !out(&rules, "other/a.tmp") && !out(&rules, "thumbs.dbx"));
    }

    #[test]
    fn rules_that_nothing_fits_are_known() {
        let rules = rules(&["*.o", "a", "!b", "nothing"]);
        assert_eq!(rules.unused(), [0, 1, 2, 3]);
        let below = rules.clone();
        assert!(out(&below, "a") && !out(&below, "b"));
        assert_eq!(rules.unused(), [0, 3]);
        assert!(out(&below, "a.o"));
        assert_eq!(rules.unused(), [3]);
    }

    #[test]
    fn the_source_itself_is_never_left_out() {
        let all = rules(&["*", "**"]);
        assert!(!out_directory(&all, "") && out_directory(&all, "a") && out(&all, "a"));
        assert!(!out_directory(&files(&[("", "*")]), ""));
    }

    #[test]
    fn a_file_holds_for_its_directory_and_below_only() {
        let rules = files(&[("d/e", "*.o\n/top\n")]);
        assert!(out(&rules, "d/e/x.o") && out(&rules, "d/e/f/x.o") && out(&rules, "d/e/top"));
        for path in ["x.o", "d/x.o", "d/ee/x.o", "d/e", "top", "d/e/f/top", "d/e.o"] {
            assert!(!out(&rules, path), "{path}");
        }
    }

    #[test]
    fn the_deeper_file_wins_and_can_keep_what_a_shallower_left_out() {
        let rules = files(&[("", "*.log\nsecret\n"), ("d", "!*.log\n"), ("d/e", "new.log\n")]);
        assert!(out(&rules, "a.log") && out(&rules, "d/secret") && out(&rules, "d/e/new.log"));
        assert!(!out(&rules, "d/a.log") && !out(&rules, "d/e/a.log"));
    }

    #[test]
    fn the_command_line_wins_over_every_file_in_both_directions() {
        let (both, _) = rules(&["*.o", "!/main.c"]).with_ignore_file(b"", b"!*.o\n*.c\n");
        assert!(out(&both, "a.o") && out(&both, "b.c"));
        assert!(!out(&both, "main.c"));
    }

    #[test]
    fn a_file_that_may_not_have_held_only_leaves_out_more() {
        let sure = files(&[("", "*.log\n")]);
        let both = sure.with_doubtful_file(b"d", b"*\n!*.log\n!kept\n").with_doubtful_file(b"d/e", b"!x\n");
        assert!(out(&both, "d/a.log") && out(&both, "d/x") && out(&both, "d/e/x") && !out(&both, "d/kept"));
        assert!(!out(&both, "x"));
        let (again, _) = both.with_ignore_file(b"d/e", b"!y\n");
        assert!(!out(&again, "d/e/y") && out(&again, "d/y"));
    }

    #[test]
    fn within_one_file_the_last_rule_that_fits_decides() {
        let rules = files(&[("", "!a\na\nb\n!b\n/c/*\n!/c/keep\n")]);
        assert!(out(&rules, "a") && !out(&rules, "b") && out(&rules, "c/x") && !out(&rules, "c/keep"));
        assert!(!out_directory(&rules, "c"));
    }

    #[test]
    fn odd_names_are_matched_as_bytes() {
        let odd = rules(&["*.o", "x?y", "dot.", "*.", "a\nb", "-n", "end\\ "]);
        for path in [&b"\xff\xfe.o"[..], b"x\ny", b"d\xff/x.o", b"dot.", b"e.", b"a\nb", b"-n", b"end ", b"..o"] {
            assert!(odd.excludes(path, false), "{}", printable(path));
        }
        assert!(!odd.excludes(b"\xff", false) && !odd.excludes(b"x/y", false) && !odd.excludes(b"end", false));
        let (below, _) = Exclude::default().with_ignore_file(b"d\xff", b"x\n");
        assert!(below.excludes(b"d\xff/x", false) && !below.excludes(b"d\xfe/x", false));
    }

    #[test]
    fn braces_stand_for_themselves_as_in_git() {
        let rules = rules(&["{a,b}", "x{", "[{]y", "\\{z"]);
        assert!(out(&rules, "{a,b}") && out(&rules, "x{") && out(&rules, "{y") && out(&rules, "{z"));
        assert!(!out(&rules, "a") && !out(&rules, "b"));
    }

    #[test]
    fn character_classes_work_and_what_nothing_fits_is_refused() {
        let known = rules(&["[a-c]1", "[!a]2", "[^a]3", "[]]4", "[!]]5", "\\[6", "[\\]]7"]);
        for path in ["b1", "b2", "b3", "]4", "a5", "[6", "]7"] {
            assert!(out(&known, path), "{path}");
        }
        for path in ["d1", "a2", "a3", "a4", "]5"] {
            assert!(!out(&known, path), "{path}");
        }
        for bad in ["[a", "a[", "[]", "[!]", "[[:beta:]]", "a\\"] {
            assert!(Exclude::new(&[bad.to_owned()], Case::Matters).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let error = Exclude::new(&["fine".to_owned(), "x[a".to_owned()], Case::Matters).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().starts_with("cannot use the exclude pattern `x[a`: "), "{error}");
        for nothing in ["", "  ", "#x", "!", "/", "!/", "//"] {
            let error = Exclude::new(&[nothing.to_owned()], Case::Matters).unwrap_err();
            assert!(error.to_string().contains(&format!("`{nothing}`")), "{error}");
        }
    }

    #[test]
    fn bad_lines_of_a_file_are_told_and_the_others_hold() {
        let (rules, complaints) = Exclude::default().with_ignore_file(b"", b"\xef\xbb\xbfa\r\n[a\n\xff\nb");
        assert!(out(&rules, "a") && out(&rules, "b"));
        assert!(rules.excludes(b"d/\xff", false));
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].starts_with("line 2 is not obeyed, `[a`: "), "{complaints:?}");

        let (_, complaints) = Exclude::default().with_ignore_file(b"", "[\n".repeat(1000).as_bytes());
        assert_eq!(complaints.len(), COMPLAINTS_MAX + 1);
        assert_eq!(complaints[COMPLAINTS_MAX], "990 more lines are not obeyed");
    }

    #[test]
    fn a_file_beyond_the_limit_is_told_and_leaves_nothing_out() {
        let mut text = b"a\n".to_vec();
        text.resize(RULES_BYTES_MAX, b'\n');
        let (rules, complaints) = Exclude::default().with_ignore_file(b"", &text);
        assert!(out(&rules, "a") && complaints.is_empty());
        text.push(b'\n');
        let (rules, complaints) = Exclude::default().with_ignore_file(b"", &text);
        assert!(rules.is_empty() && complaints.len() == 1);
        assert!(patterns_of(&text).is_err());
    }

    #[test]
    fn files_one_inside_the_other_without_end_are_obeyed_up_to_a_limit() {
        let mut rules = Exclude::default();
        for _ in 0..LEVELS_MAX {
            rules = rules.with_ignore_file(b"", b"a").0;
        }
        let (last, complaints) = rules.with_ignore_file(b"", b"b");
        assert!(out(&last, "a") && !out(&last, "b") && complaints.len() == 1);
    }

    #[test]
    fn patterns_are_read_from_a_file_without_comments_and_blank_lines() {
        let patterns = patterns_of(b"# objects\n*.o\r\n\n   \n\\#x\n!keep\\ \nlast").unwrap();
        assert_eq!(patterns, ["*.o", "\\#x", "!keep\\ ", "last"]);
        assert!(patterns_of(b"").unwrap().is_empty());
        let error = patterns_of(b"a\n\xff\n").unwrap_err();
        assert!(error.to_string().starts_with("line 2 "), "{error}");
    }

    #[test]
    fn the_signature_of_a_cache_tag_has_43_bytes() {
        assert_eq!(CACHE_TAG_SIGNATURE.len(), 43);
    }
}
