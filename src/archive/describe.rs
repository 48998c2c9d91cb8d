//! The files that say, to a person without snap, what an archive is and how to get everything back.

/// The files for people, each with what is in it.
const TEXTS: [(&str, fn() -> String); 4] = [
    ("README.txt", || with_both_line_ends(include_str!("readme.txt"))),
    // POSIX sh, GNU tar and zstd.
    ("recover.sh", || include_str!("recover.sh").to_owned()),
    // A double click on Windows: the program beside the archive, else the next.
    ("RECOVER.cmd", || with_both_line_ends(include_str!("RECOVER.cmd"))),
    // PowerShell, and the tar of Windows 11.
    ("recover.ps1", || with_both_line_ends(include_str!("recover.ps1"))),
];

/// The names of the files for people.
pub const NAMES: [&str; 4] = [TEXTS[0].0, TEXTS[1].0, TEXTS[2].0, TEXTS[3].0];

/// What is in one of them; `None` when there is none of this name.
pub fn text(name: &str) -> Option<String> {
    TEXTS.iter().find(|(known, _)| *known == name).map(|(_, text)| text())
}

/// With line ends that every editor shows, and that Windows' command interpreter needs.
fn with_both_line_ends(text: &str) -> String {
    text.replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn scripts_for_windows_are_ascii_with_its_line_ends() {
        for name in ["RECOVER.cmd", "recover.ps1"] {
            let text = text(name).unwrap();
            // PowerShell 5 takes others for letters of the system's code page.
            assert!(text.is_ascii() && text.lines().count() == text.matches("\r\n").count(), "{name}");
        }
        assert_eq!(text("archive.toml"), None);
    }
}
