//! Any rules and paths: the rules of the command line and those of a file at the top of the source agree.
//! The input: rules, a NUL, rules of a second file below `a`, a NUL, paths, one a line.

use snap_archive::base::exclude::Exclude;
use snap_archive::base::exclude;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::pattern::Case;

pub fn check(input: &[u8]) {
    let mut parts = input.splitn(3, |byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (text, below, paths) = (part(), part(), part());
    let (file, complaints) = Exclude::default().with_ignore_file(b"", text);
    let (both, _) = file.with_ignore_file(b"a", below);
    let rules = exclude::patterns_of(text).and_then(|patterns| Exclude::new(&patterns, Case::Matters));
    assert!(!file.excludes(b"", true) && !both.excludes(b"", true));
    for path in paths.split(|byte| *byte == b'\n').filter_map(EntryPathBuf::from_bytes) {
        for is_directory in [false, true] {
            let is_out = file.excludes(path.as_bytes(), is_directory);
            let is_out_of_both = both.excludes(path.as_bytes(), is_directory);
            let is_below = path.as_bytes().starts_with(b"a/");
            assert!(is_below || is_out == is_out_of_both, "{path}");
            if let (Ok(rules), []) = (&rules, complaints.as_slice()) {
                assert_eq!(rules.excludes(path.as_bytes(), is_directory), is_out, "{path}");
            }
        }
    }
}
