//! What each fuzz target does with its bytes. `scripts/fuzz` has them chosen by libFuzzer; `cargo test` takes the inputs that are
//! kept, and some that are made of them.

/// All targets, each a module with a function `check`.
macro_rules! targets {
    ($($name:ident: $tries:literal),+ $(,)?) => {
        $(pub mod $name;)+

        #[cfg(test)]
        mod tests {
            $(#[test]
            fn $name() {
                crate::tries::try_target(stringify!($name), $tries, super::$name::check);
            })+
        }
    };
}

// With how many inputs `cargo test` makes for each: some tenths of a second.
targets! {
    archive_toml: 2000,
    bundle: 2000,
    bundle_frames: 1000,
    entry: 1000,
    exclude: 1000,
    hostile_restore: 60,
    index_blocks: 2000,
    index_file: 2000,
    manifest_line: 5000,
    seek_table: 2000,
    tar_header: 5000,
    tree_faults: 20,
    tree_history: 20,
    when: 1000,
}
