//! The commands, one in a file: its arguments, and what it does with the library. Results are told by `output`.

pub(crate) mod cat;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod create;
pub(crate) mod diff;
pub(crate) mod du;
pub(crate) mod erase;
pub(crate) mod export;
pub(crate) mod find;
pub(crate) mod forget;
pub(crate) mod init;
pub(crate) mod keep;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod ls;
pub(crate) mod prune;
pub(crate) mod repair;
pub(crate) mod restore;
pub(crate) mod schedule;
pub(crate) mod setup;
pub(crate) mod sources;
pub(crate) mod status;
pub(crate) mod verify;
