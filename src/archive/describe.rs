//! The files that say, to a person without snap, what an archive is and how to get everything back.

/// The name of the description.
pub const README_NAME: &str = "README.txt";

/// The name of the script.
pub const RECOVER_NAME: &str = "recover.sh";

/// The script: POSIX sh, GNU tar and zstd.
pub const RECOVER: &str = include_str!("recover.sh");

/// The description, with line ends that every editor shows.
pub fn readme() -> String {
    include_str!("readme.txt").replace('\n', "\r\n")
}
