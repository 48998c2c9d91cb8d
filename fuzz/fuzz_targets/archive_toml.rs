#![cfg_attr(fuzzing, no_main)]
snap_fuzz::run!(archive_toml);
