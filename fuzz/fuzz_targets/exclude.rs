#![cfg_attr(fuzzing, no_main)]
snap_fuzz::run!(exclude);
