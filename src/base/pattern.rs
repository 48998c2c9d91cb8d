//! One rule of a `.gitignore` file, with the meaning that git gives it, on names that are bytes.
//!
//! Written here because it has to be git's to the letter: the crates for globs differ in classes, in `**` beside other
//! characters, and in names that are not UTF-8. `tests/rules.rs` compares it with git itself.

use std::borrow::Cow;

/// Whether names that differ in case alone are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Case {
    /// They are others.
    #[default]
    Matters,
    /// They are the same, as on Windows. What is compared with rules goes through [`Case::folded`] first.
    Ignored,
}

impl Case {
    /// A text as it is compared: as it is, or with all letters small. What is not UTF-8 has the letters of ASCII only.
    pub fn folded(self, text: &[u8]) -> Cow<'_, [u8]> {
        if self == Case::Matters {
            return Cow::Borrowed(text);
        }
        match std::str::from_utf8(text) {
            // Letter by letter: what a letter becomes must not depend on those beside it.
            Ok(text) => text.chars().flat_map(char::to_lowercase).collect::<String>().into_bytes().into(),
            Err(_) => text.to_ascii_lowercase().into(),
        }
    }
}

/// A rule, ready to be matched.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Whether it began with `!`: what fits is kept.
    pub keeps: bool,
    only_directories: bool,
    /// Whether it has no slash but at its end, so that it is matched with the last part of a path.
    is_name: bool,
    /// What comes before the first special character. A `**` right after it counts as if it stood at the start.
    literal: Vec<u8>,
    rest: Vec<Token>,
}

#[derive(Clone, Debug)]
enum Token {
    Byte(u8),
    /// `?`: a byte that is not a slash.
    Any,
    /// `[…]`: which bytes; never a slash.
    Class(Box<[bool; 256]>),
    /// `*`: anything without a slash.
    Star,
    /// `**` at the end: anything.
    Everything,
    /// `**/`: nothing, or anything that ends in a slash.
    Directories,
}

const SPECIAL: &[u8] = b"*?[\\";

impl Pattern {
    /// Reads one line without its end. Spaces at its end do not count unless escaped; other blanks do.
    ///
    /// # Errors
    /// The reason, when the line can never fit anything.
    pub fn parse(line: &[u8]) -> Result<Pattern, String> {
        Pattern::parse_for(line, Case::Matters)
    }

    /// As [`Pattern::parse`], for paths of which the case may be ignored: then they must be folded before they are compared.
    ///
    /// # Errors
    /// As for [`Pattern::parse`].
    pub fn parse_for(line: &[u8], case: Case) -> Result<Pattern, String> {
        let line = without_trailing_spaces(line);
        let (keeps, line) = line.strip_prefix(b"!").map_or((false, line), |line| (true, line));
        let (only_directories, line) = line.strip_suffix(b"/").map_or((false, line), |line| (true, line));
        if line.iter().all(|byte| *byte == b'/') {
            return Err("it names nothing".to_owned());
        }
        let is_name = !line.contains(&b'/');
        let line = line.strip_prefix(b"/").unwrap_or(line);
        let plain = line.iter().position(|byte| SPECIAL.contains(byte)).unwrap_or(line.len());
        let (literal, rest) = line.split_at(plain);
        let mut pattern =
            Pattern { keeps, only_directories, is_name, literal: literal.to_vec(), rest: tokens(rest, case)? };
        if case == Case::Ignored {
            pattern.literal = case.folded(&pattern.literal).into_owned();
            pattern.rest = folded(pattern.rest);
        }
        Ok(pattern)
    }

    /// Whether this path, relative to where the rule stands, fits. It has no slash at its start or end.
    pub fn fits(&self, path: &[u8], is_directory: bool) -> bool {
        if self.only_directories && !is_directory {
            return false;
        }
        let name_at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let text = if self.is_name { &path[name_at..] } else { path };
        text.strip_prefix(self.literal.as_slice()).is_some_and(|text| fit(&self.rest, text))
    }
}

/// The same for folded paths.
fn folded(tokens: Vec<Token>) -> Vec<Token> {
    let mut folded = Vec::with_capacity(tokens.len());
    let mut text = Vec::new();
    for token in tokens {
        match token {
            // Together, since a letter may be several bytes.
            Token::Byte(byte) => text.push(byte),
            other => {
                folded.extend(Case::Ignored.folded(&std::mem::take(&mut text)).iter().copied().map(Token::Byte));
                folded.push(other);
            }
        }
    }
    folded.extend(Case::Ignored.folded(&text).iter().copied().map(Token::Byte));
    folded
}

fn without_trailing_spaces(line: &[u8]) -> &[u8] {
    let mut end = 0;
    let mut at = 0;
    while at < line.len() {
        let is_escape = line[at] == b'\\';
        let is_space = line[at] == b' ';
        at = (at + 1 + usize::from(is_escape)).min(line.len());
        if !is_space {
            end = at;
        }
    }
    &line[..end]
}

/// What stands from the first special character on.
fn tokens(rest: &[u8], case: Case) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            b'?' => tokens.push(Token::Any),
            b'*' => {
                let is_free = at == 0 || rest[at - 1] == b'/';
                let stars = rest[at..].iter().take_while(|byte| **byte == b'*').count();
                at += stars;
                let after = &rest[at..];
                match after.first() {
                    None if stars > 1 && is_free => tokens.push(Token::Everything),
                    Some(b'/') if stars > 1 && is_free => {
                        tokens.push(Token::Directories);
                        at += 1;
                    }
                    Some(b'\\') if stars > 1 && is_free && after.get(1) == Some(&b'/') => {
                        tokens.push(Token::Everything);
                    }
                    _ => tokens.push(Token::Star),
                }
                continue;
            }
            b'[' => {
                let (class, length) = class(&rest[at + 1..], case)?;
                tokens.push(Token::Class(class));
                at += length;
            }
            b'\\' => {
                at += 1;
                let escaped = rest.get(at).ok_or("it ends in a `\\` that escapes nothing")?;
                tokens.push(Token::Byte(*escaped));
            }
            byte => tokens.push(Token::Byte(byte)),
        }
        at += 1;
    }
    Ok(tokens)
}

/// The bytes of a class whose `[` was read, and how long it is with its `]`.
fn class(text: &[u8], case: Case) -> Result<(Box<[bool; 256]>, usize), String> {
    let unclosed = || "a `[` is not closed; one that stands for itself is written `\\[`".to_owned();
    let is_negated = matches!(text.first(), Some(b'!' | b'^'));
    let first = usize::from(is_negated);
    let mut at = first;
    let mut fits = Box::new([false; 256]);
    let mut range_from = None;
    loop {
        let byte = *text.get(at).ok_or_else(unclosed)?;
        let next = text.get(at + 1).copied();
        at += 1;
        match byte {
            // One that comes first stands for itself.
            b']' if at > first + 1 => break,
            b'-' if range_from.is_some() && !matches!(next, None | Some(b']')) => {
                let escape = usize::from(next == Some(b'\\'));
                let to = *text.get(at + escape).ok_or_else(unclosed)?;
                let from = range_from.take().unwrap_or_default();
                (from..=to).for_each(|byte: u8| fits[byte as usize] = true);
                at += 1 + escape;
            }
            b'[' if next == Some(b':') => {
                if let Some((name, length)) = named_class(&text[at + 1..])? {
                    (0..=u8::MAX).filter(|byte| is_in(*byte, name)).for_each(|byte| fits[byte as usize] = true);
                    range_from = None;
                    at += 1 + length;
                    continue;
                }
                fits[byte as usize] = true;
                range_from = Some(byte);
            }
            b'\\' => {
                let escaped = next.ok_or_else(unclosed)?;
                fits[escaped as usize] = true;
                range_from = Some(escaped);
                at += 1;
            }
            byte => {
                fits[byte as usize] = true;
                range_from = Some(byte);
            }
        }
    }
    if case == Case::Ignored {
        (b'a'..=b'z').for_each(|byte| fits[usize::from(byte)] |= fits[usize::from(byte.to_ascii_uppercase())]);
    }
    fits.iter_mut().for_each(|fits| *fits ^= is_negated);
    // As everywhere in a rule, only a slash fits a slash.
    fits[b'/' as usize] = false;
    if fits.contains(&true) { Ok((fits, at)) } else { Err("nothing fits its `[…]`".to_owned()) }
}

/// The name in `[:name:]`, of which `[:` was read, and how long it is with its `:]`; `None` when it is not a name.
fn named_class(text: &[u8]) -> Result<Option<(&[u8], usize)>, String> {
    const NAMES: [&[u8]; 12] = [
        b"alnum", b"alpha", b"blank", b"cntrl", b"digit", b"graph", b"lower", b"print", b"punct", b"space", b"upper",
        b"xdigit",
    ];
    let end = text.iter().position(|byte| *byte == b']').ok_or("a `[:` is not closed")?;
    let Some(name) = text[..end].strip_suffix(b":") else { return Ok(None) };
    if !NAMES.contains(&name) {
        return Err("it has a `[:name:]` that is not known".to_owned());
    }
    Ok(Some((name, end + 1)))
}

fn is_in(byte: u8, class: &[u8]) -> bool {
    match class {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => matches!(byte, b' ' | b'\t' | b'\n' | b'\r'),
        b"upper" => byte.is_ascii_uppercase(),
        _ => byte.is_ascii_hexdigit(),
    }
}

/// Whether the tokens fit the whole text.
///
/// What stands before a wildcard may take the first place that fits: a later one leaves no more to what follows. So only the
/// last `*`, and the last `**` before it, are ever tried again, and no rule takes time beyond all measure.
fn fit(tokens: &[Token], text: &[u8]) -> bool {
    let (mut token, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    let mut deep: Option<(usize, usize)> = None;
    loop {
        match tokens.get(token) {
            Some(Token::Star) => {
                token += 1;
                star = Some((token, at));
                continue;
            }
            Some(Token::Everything | Token::Directories) => {
                token += 1;
                (star, deep) = (None, Some((token, at)));
                continue;
            }
            Some(single) if text.get(at).is_some_and(|byte| single.fits(*byte)) => {
                (token, at) = (token + 1, at + 1);
                continue;
            }
            None if at == text.len() => return true,
            _ => {}
        }
        if let Some((after, from)) = star.filter(|(_, from)| text.get(*from).is_some_and(|byte| *byte != b'/')) {
            star = Some((after, from + 1));
        } else if let Some((after, next)) =
            deep.and_then(|(after, from)| Some((after, next(tokens, after, text, from)?)))
        {
            (star, deep) = (None, Some((after, next)));
        } else {
            return false;
        }
        if let Some(again) = star.or(deep) {
            (token, at) = again;
        }
    }
}

/// Where what follows a `**` is tried next.
fn next(tokens: &[Token], after: usize, text: &[u8], from: usize) -> Option<usize> {
    let ahead = text.get(from..).filter(|ahead| !ahead.is_empty())?;
    match tokens.get(after - 1) {
        Some(Token::Directories) => ahead.iter().position(|byte| *byte == b'/').map(|slash| from + slash + 1),
        _ => Some(from + 1),
    }
}

impl Token {
    fn fits(&self, byte: u8) -> bool {
        match self {
            Token::Byte(own) => *own == byte,
            Token::Any => byte != b'/',
            Token::Class(fits) => fits[byte as usize],
            Token::Star | Token::Everything | Token::Directories => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fits(pattern: &str, path: &str) -> bool {
        Pattern::parse(pattern.as_bytes()).unwrap().fits(path.as_bytes(), false)
    }

    #[test]
    fn only_a_slash_fits_a_slash() {
        for pattern in ["/cache[!d]photo", "/cache[^0-9]photo", "/cache[.-0]photo", "/cache[/]photo", "/cache?photo"] {
            assert!(
                Pattern::parse(pattern.as_bytes()).map_or(true, |rule| !rule.fits(b"cache/photo", false)),
                "{pattern}"
            );
        }
        assert!(fits("/cache[!d]photo", "cachexphoto") && fits("/cache[.-0]photo", "cache.photo"));
    }

    #[test]
    fn case_is_ignored_where_that_is_asked_for() {
        let fits = |pattern: &str, path: &str| {
            let pattern = Pattern::parse_for(pattern.as_bytes(), Case::Ignored).unwrap();
            pattern.fits(&Case::Ignored.folded(path.as_bytes()), false)
        };
        for (pattern, path) in [
            ("Thumbs.db", "a/THUMBS.DB"),
            ("*.TMP", "x.tmp"),
            ("/Docs/**/FÜSSE*", "docs/a/füsse.txt"),
            ("[A-C]x", "bX"),
            ("[[:upper:]]", "q"),
            ("a?ΟΔΟΣ", "A-οδοσ"),
            ("\\#X", "#x"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("[!A]", "a"), ("[^a-z]", "Q"), ("Thumbs.db", "thumbs.dbx")] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
        assert_eq!(&*Case::Ignored.folded(b"A\xff\xc3\x9c"), b"a\xff\xc3\x9c");
        assert_eq!(&*Case::Matters.folded(b"A"), b"A");
    }

    #[test]
    fn two_stars_cross_folders_only_where_they_stand_alone() {
        for (pattern, path) in [
            ("a/**/z", "a/z"),
            ("a/**/z", "a/b/c/z"),
            ("**/z", "z"),
            ("a/**", "a/b/c"),
            ("foo**/bar", "foobar"),
            ("foo**/bar", "foox/y/bar"),
            ("a/b**c", "a/bxc"),
            ("**/a*b/**/c*d*e", "x/a/ab/q/cdxde/cde"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("a/**", "a"), ("a/b**c", "a/b/c"), ("x/a*b", "x/a/b"), ("a/**/z", "az")] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn classes_are_those_of_git() {
        for (pattern, name) in [
            ("[]-a]", "^"),
            ("[\\]]", "]"),
            ("[[:alpha:]]", "x"),
            ("[a[:digit:]-z]", "-"),
            ("[[:x]", ":"),
            ("[a-]", "-"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for bad in ["[a", "[]", "[!]", "[[:nope:]]", "x\\", "[[:alpha:]"] {
            assert!(Pattern::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn spaces_at_the_end_do_not_count_and_tabs_do() {
        assert!(fits("a  ", "a") && fits("a\\ ", "a ") && fits("a\\  ", "a ") && fits("a\t", "a\t"));
        assert!(!fits("a\t", "a") && fits("\t", "\t"));
    }

    #[test]
    fn many_wildcards_take_no_time_beyond_measure() {
        let text = "a/".repeat(2000) + "a";
        assert!(!fits(&("**/".to_owned() + &"a*/**/".repeat(50) + "b"), &text));
        assert!(!fits(&("*a".repeat(100) + "b"), &"a".repeat(200)));
    }
}
