//! Tests of the program as a whole that take little time: what `cargo test` runs. Most know its command line and its
//! documented format only; some use the library.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "the other target uses the rest, and a test of the house rules looks that each is used")]
mod support;

mod asking;
mod by_powershell;
mod by_script;
mod commands;
mod configuration;
mod creating;
mod damage_index;
mod dry_run;
mod fidelity;
mod forget;
mod help;
mod history;
mod json;
mod locks;
mod looking;
mod may_go;
mod meant;
mod messages;
mod missing;
mod old_archives;
mod overwriting;
mod part_limit;
mod private;
mod problems;
mod rebased;
mod recover;
mod recover_links;
mod refused;
mod restoring;
mod rules;
mod schedule;
mod screens;
mod setup;
mod shadow;
mod sources;
mod status;
mod stores;
mod stories;
mod through_links;
mod tidy;
mod typed;
