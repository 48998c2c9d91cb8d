//! Tests of the program as a whole that take long: a fault at every step, programs under strace, drives that are mounted for
//! it, gigabytes, long histories by stock tools. `cargo test` leaves them out, `scripts/test` runs them.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "the other target uses the rest, and a test of the house rules looks that each is used")]
mod support;

mod changing;
mod copies;
mod damage;
mod damage_headers;
mod damage_moves;
mod damage_repaired;
mod determinism;
mod drives;
mod erased;
mod faults;
mod faults_of_drives;
mod folder_times;
mod format_checks;
mod full_drive;
mod hostile;
mod hostile_sizes;
mod interruption;
mod keep_rules;
mod kill;
mod large;
mod moves;
mod patches;
mod pruning;
mod read_back;
mod reading;
mod round_trip;
mod salvage;
mod stock;
mod windows;
