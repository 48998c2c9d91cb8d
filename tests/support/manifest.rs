//! Reads the manifest of a bundle with tar and JSON alone. Knows of the format what a reader of its documentation knows.

use crate::support::command::program;
use crate::support::command::run;
use serde_json::Value;
use std::path::Path;

/// The name of the manifest in every bundle.
pub const NAME: &str = ".snap-manifest.jsonl";

/// A file whose content is in the bundle.
#[derive(Debug, PartialEq, Eq)]
pub struct Stored {
    /// The path in the archive, the source's name first.
    pub path: Vec<u8>,
    /// Offset in bytes in the decompressed tar.
    pub offset: u64,
    /// Length in bytes.
    pub size: u64,
    /// BLAKE3 of the content, in hexadecimal digits.
    pub hash: String,
}

/// The lines of a bundle's manifest.
#[track_caller]
pub fn lines(bundle: &Path) -> Vec<Value> {
    let lines = run(program("tar").args(["--zstd", "-xOf"]).arg(bundle).arg(NAME)).expect_silent().json();
    assert!(lines.len() >= 2, "a manifest has a first and a last line");
    lines
}

/// The files whose content is in this bundle.
#[track_caller]
pub fn stored_files(bundle: &Path) -> Vec<Stored> {
    lines(bundle).iter().filter_map(stored_file).collect()
}

fn stored_file(line: &Value) -> Option<Stored> {
    // The hash leaves out what is in holes, so such a file's bytes do not show it.
    if line["type"] != "file" || line.get("holes").is_some() {
        return None;
    }
    let (offset, size) = (line["offset"].as_u64()?, line["size"].as_u64()?);
    Some(Stored { path: path(&line["path"]), offset, size, hash: line["hash"].as_str()?.to_owned() })
}

fn path(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        escaped => unescaped(escaped["escaped"].as_str().unwrap_or_else(|| panic!("not a path: {escaped}"))),
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

mod tests {
    use super::Stored;
    use super::stored_file;
    use super::unescaped;
    use serde_json::json;

    #[test]
    fn an_escaped_path_is_turned_back() {
        assert_eq!(unescaped("home/a%FFb%25%0a"), b"home/a\xffb%\n");
        assert_eq!(unescaped("plain"), b"plain");
    }

    #[test]
    fn only_lines_with_content_here_are_taken() {
        let here = json!({"path": "home/a", "type": "file", "size": 3, "hash": "ab", "offset": 512});
        let wanted = Stored { path: b"home/a".to_vec(), offset: 512, size: 3, hash: "ab".into() };
        assert_eq!(stored_file(&here), Some(wanted));
        for other in [
            json!({"path": "home", "type": "dir"}),
            json!({"path": "home/a", "type": "file", "size": 3, "hash": "ab", "kept_in": "x"}),
            json!({"format": 1}),
        ] {
            assert_eq!(stored_file(&other), None);
        }
    }
}
