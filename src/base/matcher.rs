//! Which paths are meant by globs or regular expressions. Knows nothing of files.

use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::path::escaped;
use crate::base::path::printable;
use crate::base::path::unescaped_glob;
use crate::base::pattern::Pattern;
use regex::Regex;
use regex::RegexBuilder;

/// The most bytes that a compiled regular expression may take.
const REGEX_BYTES_MAX: usize = 8 << 20;

/// Which paths are meant.
#[derive(Clone, Debug, Default)]
pub enum Matcher {
    /// All.
    #[default]
    All,
    /// Those of which the last glob that fits does not begin with `!`.
    Globs(Vec<Pattern>),
    /// Those that one of these is found in, as they are shown to people.
    Regexes(Vec<Regex>),
}

impl Matcher {
    /// Globs with the meaning that they have in a `.gitignore` file that stands where the sources are: one without a slash fits
    /// a name in any directory, `!` takes back, a slash at the end fits directories alone. What is shown of a name (`\xNN`) means
    /// it. None of them: all paths.
    ///
    /// # Errors
    /// Only if one can never fit anything; the error names it.
    pub fn globs<'g>(globs: impl IntoIterator<Item = &'g [u8]>) -> Result<Matcher> {
        let parsed: Result<Vec<Pattern>> = globs.into_iter().map(glob).collect();
        Ok(match parsed? {
            globs if globs.is_empty() => Matcher::All,
            globs => Matcher::Globs(globs),
        })
    }

    /// Regular expressions, each looked for anywhere in a path. None of them: all paths.
    ///
    /// # Errors
    /// Only if one is none, or would take too much memory; the error names it.
    pub fn regexes<'r>(regexes: impl IntoIterator<Item = &'r str>) -> Result<Matcher> {
        let parsed: Result<Vec<Regex>> = regexes.into_iter().map(regex).collect();
        Ok(match parsed? {
            regexes if regexes.is_empty() => Matcher::All,
            regexes => Matcher::Regexes(regexes),
        })
    }

    /// Whether this path is meant as a directory or as something else.
    pub fn may_fit(&self, path: &[u8]) -> bool {
        self.fits(path, false) || matches!(self, Matcher::Globs(_)) && self.fits(path, true)
    }

    /// Whether this path is meant, from the source's name on.
    pub fn fits(&self, path: &[u8], is_directory: bool) -> bool {
        match self {
            Matcher::All => true,
            Matcher::Globs(globs) => {
                let last = globs.iter().rev().find(|glob| glob.fits(path, is_directory));
                // Where the first one takes back, it takes back from all.
                last.map_or(globs.first().is_some_and(|glob| glob.keeps), |glob| !glob.keeps)
            }
            Matcher::Regexes(regexes) => {
                let shown = escaped(path);
                regexes.iter().any(|regex| regex.is_match(&shown))
            }
        }
    }
}

/// Bytes that are looked for in others.
#[derive(Clone, Debug)]
pub struct Text {
    regex: regex::bytes::Regex,
    length: usize,
}

impl Text {
    /// These bytes, as they are.
    ///
    /// # Errors
    /// Only if there are none, or too many.
    pub fn new(bytes: &[u8]) -> Result<Text> {
        let refused =
            |why: &str| Error::new(ErrorKind::Refused, format!("cannot look for that text in contents: {why}"));
        if bytes.is_empty() {
            return Err(refused("it is empty"));
        }
        let escaped: Vec<String> = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        let regex =
            regex::bytes::Regex::new(&format!("(?-u){}", escaped.concat())).map_err(|_| refused("it is too long"))?;
        Ok(Text { regex, length: bytes.len() })
    }

    /// How many bytes there are; at least one.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Whether they stand somewhere in `bytes`.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(bytes)
    }
}

fn glob(glob: &[u8]) -> Result<Pattern> {
    Pattern::parse(&unescaped_glob(glob)).map_err(|why| {
        let what = format!("cannot understand the pattern '{}': {why}", printable(glob));
        Error::new(ErrorKind::Refused, what).with_advice(Advice::RuleSyntax)
    })
}

fn regex(text: &str) -> Result<Regex> {
    let built = RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build();
    built.map_err(|error| {
        // The reason stands in the last line, below a drawing of the place.
        let text = printable(text.as_bytes()).into_owned();
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Error::new(ErrorKind::Refused, format!("cannot understand the regular expression '{text}': {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(globs: &[&str]) -> Matcher {
        Matcher::globs(globs.iter().map(|glob| glob.as_bytes())).unwrap()
    }

    #[test]
    fn globs_fit_names_anywhere_and_paths_from_the_source_on() {
        for (patterns, path, fits) in [
            (&["*.txt"][..], "home/a/b.txt", true),
            (&["b.txt"], "home/a/b.txt", true),
            (&["a"], "home/a/b.txt", false),
            (&["home/*.txt"], "home/a/b.txt", false),
            (&["home/**/*.txt"], "home/a/b.txt", true),
            (&["/home"], "home", true),
            (&["*.txt", "!b*"], "home/a/b.txt", false),
            (&["*.txt", "!b*"], "home/a/c.txt", true),
            (&["!*.txt"], "home/a/c.txt", false),
            (&["!*.txt"], "home/a/c.pdf", true),
            (&[], "home/a/c.pdf", true),
        ] {
            assert_eq!(globs(patterns).fits(path.as_bytes(), false), fits, "{patterns:?} {path}");
        }
        assert!(globs(&["a/"]).fits(b"home/a", true) && !globs(&["a/"]).fits(b"home/a", false));
        assert!(globs(&[r"*\xff.?"]).fits(b"home/\xff.x", false));
        assert!(globs(&["*\u{ff}*", "*.x"]).fits(b"home/\xff.x", false));
        let error = Matcher::globs([&b"[a"[..]]).unwrap_err();
        assert!(error.to_string().contains("'[a'"), "{error}");
    }

    #[test]
    fn a_text_is_found_as_it_is_whatever_its_bytes_are() {
        for (text, bytes, is_in) in [
            (&b"a.c"[..], &b"xa.cx"[..], true),
            (b"a.c", b"abc", false),
            (b"\xff\x00(", b"1\xff\x00(2", true),
            (b"A", b"a", false),
            ("\u{e9}".as_bytes(), "\u{e9}".as_bytes(), true),
        ] {
            assert_eq!(Text::new(text).unwrap().is_in(bytes), is_in, "{text:?}");
        }
        assert!(Text::new(b"").is_err());
    }

    #[test]
    fn regular_expressions_are_found_in_paths_as_they_are_shown() {
        let fits = |regex: &str, path: &[u8]| Matcher::regexes([regex]).unwrap().fits(path, false);
        assert!(fits("b.t", b"home/b.txt") && fits("^home/", b"home/x") && !fits("^b", b"home/b"));
        assert!(fits("(?i)ÉTÉ", "home/été".as_bytes()));
        assert!(fits(r"\\xff$", b"home/\xff") && fits(r"\\x0a", b"home/a\nb"));
        for bad in ["(", "a{1000}{1000}{1000}", "[", "\u{1b}["] {
            let error = Matcher::regexes([bad]).unwrap_err();
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
    }
}
