//! Names inside an archive: bytes, checked once, ordered as a tree is walked. Knows nothing of files.
//!
//! [`EntryPath`] and [`EntryPathBuf`] are to each other as `str` and `String`, and [`Name`] is one part of a path: whoever
//! holds one need not check it again. Bytes become a path where they come in and nowhere else: in the scan, in the
//! manifest, in the index, on the command line.

use std::borrow::Borrow;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::fmt::Write;
use std::ops::Deref;

/// What is in a bundle and is no entry has a name that begins so; no source has one.
const OWN_PREFIX: &str = ".snap-";

/// The manifest's name in a bundle.
pub const MANIFEST_NAME: &str = ".snap-manifest.jsonl";

/// The name under which GNU tar moves a directory aside for a moment.
pub const ASIDE_NAME: &str = ".snap-move";

/// The script in a bundle that does what tar alone cannot; what it needs stands in [`APPLY_DIRECTORY`]. No source has this name.
pub const APPLY_SCRIPT: &str = ".snap-apply.sh";

/// The directory with what the script of a bundle needs. No source has this name.
pub const APPLY_DIRECTORY: &str = ".snap-apply";

/// Whether a member of a bundle is not an entry of a source, but for the script or the script itself.
pub fn is_for_script(member: &[u8]) -> bool {
    let below = member.strip_prefix(APPLY_DIRECTORY.as_bytes());
    member == APPLY_SCRIPT.as_bytes() || below.is_some_and(|below| below.is_empty() || below.starts_with(b"/"))
}

/// The longest path that is saved or read, and the longest target of a symlink, in bytes.
pub const PATH_BYTES_MAX: usize = 64 << 10;

/// One part of a path: not empty, `.` or `..`, without `/` and NUL.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Name([u8]);

/// A path inside an archive: `<source name>/<path>`, bytes without an encoding, parts joined by `/`.
///
/// It never points outside its root: each part is a [`Name`]. The empty path is the root itself, whose children are the
/// sources. Paths are ordered as a tree is walked: a directory, then everything in it, then its next sibling, so `a/z`
/// stands before `a-b`.
#[derive(PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct EntryPath([u8]);

/// A path of its own; see [`EntryPath`]. By default the root.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct EntryPathBuf(Box<[u8]>);

impl Name {
    /// The name with these bytes; `None` when they are not one part of a path.
    pub fn new(bytes: &[u8]) -> Option<&Name> {
        is_name(bytes).then(|| Name::checked(bytes))
    }

    #[allow(unsafe_code)]
    fn checked(bytes: &[u8]) -> &Name {
        // SAFETY: `Name` is `repr(transparent)` over `[u8]`, so the two pointers have one layout and one lifetime.
        unsafe { &*(std::ptr::from_ref(bytes) as *const Name) }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The path of the source of this name; `None` when no source can be called so.
pub fn source_path(name: &str) -> Option<EntryPathBuf> {
    EntryPath::root().child(name.as_bytes()).filter(|_| !name.starts_with(OWN_PREFIX))
}

impl EntryPath {
    /// The root, which holds the sources.
    pub fn root() -> &'static EntryPath {
        EntryPath::checked(&[])
    }

    /// The path with these bytes; `None` when it could point outside the root. The empty string is the root.
    pub fn new(bytes: &[u8]) -> Option<&EntryPath> {
        let is_sound = bytes.is_empty() || bytes.split(|byte| *byte == b'/').all(is_name);
        is_sound.then(|| EntryPath::checked(bytes))
    }

    #[allow(unsafe_code)]
    fn checked(bytes: &[u8]) -> &EntryPath {
        // SAFETY: `EntryPath` is `repr(transparent)` over `[u8]`, so the two pointers have one layout and one lifetime.
        unsafe { &*(std::ptr::from_ref(bytes) as *const EntryPath) }
    }

    /// How its row stands to that of another path; see [`row_order`].
    pub fn row_order(&self, other: &EntryPath) -> Ordering {
        row_order(split_last(&self.0), split_last(&other.0))
    }

    /// This path and one more part, of bytes that nobody has checked; `None` when they are not one part of a path, or both are
    /// longer together than [`PATH_BYTES_MAX`].
    pub fn child(&self, name: &[u8]) -> Option<EntryPathBuf> {
        let name = Name::new(name).filter(|name| self.0.len() + 1 + name.0.len() <= PATH_BYTES_MAX)?;
        Some(self.join(name))
    }

    /// This path and one more part.
    pub fn join(&self, name: &Name) -> EntryPathBuf {
        EntryPathBuf(joined(&self.0, &name.0).into())
    }

    /// This path and all parts of `below`.
    pub fn join_path(&self, below: &EntryPath) -> EntryPathBuf {
        EntryPathBuf(if below.is_root() { self.0.into() } else { joined(&self.0, &below.0).into() })
    }

    /// The bytes, without a slash at either end.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last part; `None` for the root.
    pub fn name(&self) -> Option<&Name> {
        (!self.is_root()).then(|| Name::checked(split_last(&self.0).1))
    }

    /// The bytes of the last part; none for the root.
    pub fn name_bytes(&self) -> &[u8] {
        split_last(&self.0).1
    }

    /// The path without its last part; `None` for the root.
    pub fn parent(&self) -> Option<&EntryPath> {
        (!self.is_root()).then(|| EntryPath::checked(split_last(&self.0).0))
    }

    /// This path, then the directories above it, the innermost first, up to the root.
    pub fn ancestors(&self) -> impl Iterator<Item = &EntryPath> {
        std::iter::successors(Some(self), |path| path.parent())
    }

    /// The first part, the name of the source, and the rest; `None` for the root.
    pub fn split_source(&self) -> Option<(&Name, &EntryPath)> {
        let (source, rest) = match self.0.iter().position(|byte| *byte == b'/') {
            Some(at) => (&self.0[..at], &self.0[at + 1..]),
            None => (&self.0, &[][..]),
        };
        (!source.is_empty()).then(|| (Name::checked(source), EntryPath::checked(rest)))
    }

    /// Whether this is `ancestor` or stands below it; everything stands below the root.
    pub fn is_in(&self, ancestor: &EntryPath) -> bool {
        self.below(ancestor).is_some()
    }

    /// What remains behind `ancestor`, the root for `ancestor` itself; `None` when this does not stand in it.
    pub fn below(&self, ancestor: &EntryPath) -> Option<&EntryPath> {
        if ancestor.is_root() {
            return Some(self);
        }
        match self.0.strip_prefix(&ancestor.0)? {
            [] => Some(EntryPath::root()),
            [b'/', rest @ ..] => Some(EntryPath::checked(rest)),
            _ => None,
        }
    }

    /// The parts, from the source's name on; none for the root.
    pub fn parts(&self) -> impl Iterator<Item = &Name> {
        self.0.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).map(Name::checked)
    }
}

impl EntryPathBuf {
    /// The root, which holds the sources.
    pub fn root() -> EntryPathBuf {
        EntryPathBuf::default()
    }

    /// The path with these bytes; `None` when it could point outside the root or is longer than [`PATH_BYTES_MAX`]. The
    /// empty string is the root.
    pub fn from_bytes(bytes: &[u8]) -> Option<EntryPathBuf> {
        EntryPath::new(bytes).filter(|path| path.0.len() <= PATH_BYTES_MAX).map(EntryPath::to_owned)
    }
}

/// The paths in the order of a walk, without those that are in another of them; the root where there are none.
pub fn outermost(paths: &[EntryPathBuf]) -> Vec<EntryPathBuf> {
    let mut sorted = paths.to_vec();
    sorted.sort();
    let mut tops: Vec<EntryPathBuf> = Vec::new();
    for path in sorted {
        if tops.last().is_none_or(|top| !path.is_in(top)) {
            tops.push(path);
        }
    }
    if tops.is_empty() { vec![EntryPathBuf::root()] } else { tops }
}

/// Whether `name` can be one part of a path: not empty, `.` or `..`, and without `/` and NUL.
pub fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

/// `directory/name`, or `name` when the directory is the root.
pub fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(directory.len() + 1 + name.len());
    if !directory.is_empty() {
        bytes.extend_from_slice(directory);
        bytes.push(b'/');
    }
    bytes.extend_from_slice(name);
    bytes
}

/// `top/rest`, or `top` when there is no rest.
pub fn joined_below(top: &[u8], rest: &[u8]) -> Vec<u8> {
    if rest.is_empty() { top.to_vec() } else { joined(top, rest) }
}

/// The directory and the last part of a path's bytes.
pub fn split_last(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

/// Whether `path` is `ancestor` or stands below it; everything stands below the root.
pub fn is_in(path: &[u8], ancestor: &[u8]) -> bool {
    ancestor.is_empty()
        || path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
}

/// The order in which a tree is walked: part by part, a directory before what it holds.
pub fn walk_order(a: &[u8], b: &[u8]) -> Ordering {
    // As string order, but with `/` before every other byte.
    let same = same_pieces(a, b) * SAME_PIECE_BYTES;
    match a[same..].iter().zip(&b[same..]).position(|(x, y)| x != y) {
        None => a.len().cmp(&b.len()),
        Some(at) => match (a[same + at], b[same + at]) {
            (b'/', _) => Ordering::Less,
            (_, b'/') => Ordering::Greater,
            (x, y) => x.cmp(&y),
        },
    }
}

/// So much of two paths is compared at once: those of one tree begin alike, and may be long.
const SAME_PIECE_BYTES: usize = 64;

/// How many whole pieces at the beginning are the same.
fn same_pieces(a: &[u8], b: &[u8]) -> usize {
    let pieces = a.chunks_exact(SAME_PIECE_BYTES).zip(b.chunks_exact(SAME_PIECE_BYTES));
    pieces.take_while(|(a, b)| a == b).count()
}

/// The order of `(directory, name)` in manifests and index files: by directory in the order of a walk, then by name.
pub fn row_order(a: (&[u8], &[u8]), b: (&[u8], &[u8])) -> Ordering {
    walk_order(a.0, b.0).then_with(|| a.1.cmp(b.1))
}

impl ToOwned for EntryPath {
    type Owned = EntryPathBuf;

    fn to_owned(&self) -> EntryPathBuf {
        EntryPathBuf(self.0.into())
    }
}

impl Deref for EntryPathBuf {
    type Target = EntryPath;

    fn deref(&self) -> &EntryPath {
        EntryPath::checked(&self.0)
    }
}

impl Borrow<EntryPath> for EntryPathBuf {
    fn borrow(&self) -> &EntryPath {
        self
    }
}

impl AsRef<EntryPath> for EntryPathBuf {
    fn as_ref(&self) -> &EntryPath {
        self
    }
}

impl From<&EntryPath> for EntryPathBuf {
    fn from(path: &EntryPath) -> EntryPathBuf {
        path.to_owned()
    }
}

impl PartialEq<EntryPath> for EntryPathBuf {
    fn eq(&self, other: &EntryPath) -> bool {
        **self == *other
    }
}

impl Ord for EntryPath {
    fn cmp(&self, other: &Self) -> Ordering {
        walk_order(&self.0, &other.0)
    }
}

impl PartialOrd for EntryPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EntryPathBuf {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(other)
    }
}

impl PartialOrd for EntryPathBuf {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As shown to a person; see [`escaped`].
impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escaped(&self.0))
    }
}

/// As shown to a person; see [`escaped`].
impl fmt::Display for EntryPathBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// As shown to a person; see [`escaped`].
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escaped(&self.0))
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Debug for EntryPathBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// A path as shown to a person, so that no two look alike: as [`printable`], with `\\` for a backslash.
pub fn escaped(bytes: &[u8]) -> Cow<'_, str> {
    if !bytes.contains(&b'\\') {
        return printable(bytes);
    }
    let parts: Vec<_> = bytes.split(|byte| *byte == b'\\').map(printable).collect();
    Cow::Owned(parts.join("\\\\"))
}

/// The bytes that [`escaped`] shows as `text`; `None` when it shows none so.
pub fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let length = match rest.first()? {
            b'\\' => 1,
            b'x' => 3,
            b'u' => rest.iter().position(|byte| *byte == b'}')? + 1,
            _ => return None,
        };
        let (escape, behind) = rest.split_at_checked(length)?;
        push_unescaped(&mut bytes, escape)?;
        rest = behind;
    }
    Some(bytes)
}

/// A glob of which a part is as [`escaped`] shows it: the bytes that `\xNN` and `\u{…}` stand for, without any meaning that a
/// glob gives them. All other backslashes stay: they mean the same in both.
pub fn unescaped_glob(glob: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(glob.len());
    let mut rest = glob;
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let length = match behind.first() {
            Some(b'x') => 3,
            Some(b'u') => behind.iter().position(|byte| *byte == b'}').map_or(0, |end| end + 1),
            _ => 0,
        };
        let mut meant = Vec::new();
        if let Some((escape, behind)) = behind.split_at_checked(length)
            && length > 0
            && push_unescaped(&mut meant, escape).is_some()
        {
            bytes.extend(meant.iter().flat_map(|byte| [b'\\', *byte]));
            rest = behind;
        } else {
            // What it takes the meaning from goes with it, even another backslash.
            bytes.push(first);
            bytes.extend(behind.first());
            rest = behind.get(1..).unwrap_or_default();
        }
    }
    bytes
}

/// What stands behind a backslash: another one, `xNN`, or `u{N…}`.
fn push_unescaped(bytes: &mut Vec<u8>, escape: &[u8]) -> Option<()> {
    let escape = std::str::from_utf8(escape).ok()?;
    let number = |digits: &str| {
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)
    };
    if let Some(digits) = escape.strip_prefix('x') {
        bytes.push(u8::try_from(number(digits)?).ok()?);
    } else if let Some(digits) = escape.strip_prefix("u{") {
        let c = char::from_u32(number(digits.strip_suffix('}')?)?)?;
        bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
    } else {
        bytes.push(b'\\');
    }
    Some(())
}

/// Bytes as shown to a person: control characters, invisible direction marks and bytes that are no UTF-8 are written
/// `\xNN` or `\u{…}`, a backslash stays. For messages only: it cannot be turned back.
pub fn printable(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && text.chars().all(is_harmless)
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                c if is_harmless(c) => text.push(c),
                c if c.is_ascii() => push_byte(&mut text, c as u8),
                c => text.extend(c.escape_unicode()),
            }
        }
        for byte in chunk.invalid() {
            push_byte(&mut text, *byte);
        }
    }
    Cow::Owned(text)
}

/// Whether a terminal shows a character and does nothing else.
pub fn is_harmless(c: char) -> bool {
    !c.is_control() && !is_direction_mark(c)
}

fn push_byte(text: &mut String, byte: u8) {
    // Writing into a string does not fail.
    let _ = write!(text, "\\x{byte:02x}");
}

/// Characters that reorder the text around them, with which a name can pretend to be another.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPathBuf {
        EntryPathBuf::from_bytes(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_shown_of_a_path_means_that_path_only() {
        for bytes in [&b"a"[..], b"a\\b", b"a\\x0ab", b"a\nb", b"\xff\\", "\u{202e}x".as_bytes()] {
            assert_eq!(unescaped(escaped(bytes).as_bytes()).as_deref(), Some(bytes));
        }
        for text in [&b"a\\"[..], b"\\q", b"\\x", b"\\xzz", b"\\u{", b"\\u{d800}", b"\\x+f"] {
            assert_eq!(unescaped(text), None);
        }
    }

    #[test]
    fn what_is_shown_of_a_name_means_it_in_a_glob() {
        use crate::base::pattern::Pattern;
        for name in [&b"a\xff"[..], b"a\nb", b"a\\b", "\u{202e}x".as_bytes(), b"\x0a\x1b", b"\\xff", b"\\u{41}"] {
            for glob in [format!("{}*", escaped(name)), format!("[{}]{}", name[0].escape_ascii(), escaped(&name[1..]))]
            {
                let is_class_of_letter = name[0].is_ascii_alphabetic();
                if glob.starts_with('[') && !is_class_of_letter {
                    continue;
                }
                let pattern = Pattern::parse(&unescaped_glob(glob.as_bytes())).unwrap();
                assert!(pattern.fits(name, false), "{glob}");
            }
        }
        for (glob, meant) in [
            (&b"\\x2a.x"[..], &b"\\*.x"[..]),
            (b"\\*.x", b"\\*.x"),
            (b"\\x2", b"\\x2"),
            (b"a\\", b"a\\"),
            (b"\\\\x2a", b"\\\\x2a"),
        ] {
            assert_eq!(unescaped_glob(glob), meant, "{}", glob.escape_ascii());
        }
    }

    #[test]
    fn paths_that_could_point_outside_are_refused() {
        for bad in ["/", "/a", "a/", "a//b", ".", "..", "a/..", "a/./b", "a\0b"] {
            assert!(EntryPathBuf::from_bytes(bad.as_bytes()).is_none(), "{bad:?}");
        }
        for good in ["", "a", "a/b", "...", "-", " ", "a\nb"] {
            assert!(EntryPathBuf::from_bytes(good.as_bytes()).is_some(), "{good:?}");
        }
    }

    #[test]
    fn the_order_is_that_of_a_walk() {
        let mut walked = ["b", "a-b", "a/z", "a", "a.b", "a/b/c", "a/b", ""].map(path);
        walked.sort();
        assert_eq!(walked, ["", "a", "a/b", "a/b/c", "a/z", "a-b", "a.b", "b"].map(path));
    }

    #[test]
    fn being_inside_counts_whole_parts() {
        assert!(path("a/b").is_in(&path("a")) && path("a").is_in(&path("a")) && path("a").is_in(&path("")));
        assert!(!path("ab").is_in(&path("a")) && !path("a").is_in(&path("a/b")));
    }

    #[test]
    fn paths_in_others_say_nothing_new() {
        assert_eq!(outermost(&["b", "a/b", "a-b", "a", "a"].map(path)), ["a", "a-b", "b"].map(path));
        assert_eq!(outermost(&[]), [EntryPathBuf::root()]);
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_escaped() {
        assert_eq!(printable(b"a\x1b[2Jb\n\xff"), "a\\x1b[2Jb\\x0a\\xff");
        assert_eq!(printable("é\u{202e}x".as_bytes()), "é\\u{202e}x");
    }

    #[test]
    fn a_path_comes_apart_and_together_again() {
        let p = path("home/a/b");
        let name = |text: &'static str| Name::new(text.as_bytes()).unwrap();
        assert_eq!((p.name(), p.parent()), (Some(name("b")), Some(&*path("home/a"))));
        assert_eq!(p.split_source(), Some((name("home"), &*path("a/b"))));
        assert_eq!(path("home").split_source(), Some((name("home"), EntryPath::root())));
        assert_eq!(p.below(&path("home")), Some(&*path("a/b")));
        assert_eq!((p.below(&p), p.below(&path("hom"))), (Some(EntryPath::root()), None));
        assert_eq!(path("home/a").join(name("b")), p);
        assert_eq!(EntryPath::root().join(name("home")).join_path(&path("a/b")), p);
        assert_eq!(p.parts().collect::<Vec<_>>(), ["home", "a", "b"].map(name));
        assert_eq!(path("home").parent(), Some(EntryPath::root()));
        let root = EntryPath::root();
        assert_eq!((root.parent(), root.name(), root.split_source()), (None, None, None));
        assert_eq!(Name::new(b"../x"), None);
    }
}
