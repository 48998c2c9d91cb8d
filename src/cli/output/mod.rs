//! How things are said: results as text and JSON, tables, progress, problems, advice. Knows no command line and does no work.

pub(crate) mod advice;
pub(crate) mod config;
pub(crate) mod console;
pub(crate) mod create;
pub(crate) mod diff;
pub(crate) mod du;
pub(crate) mod export;
pub(crate) mod find;
pub(crate) mod init;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod ls;
pub(crate) mod notices;
pub(crate) mod problems;
pub(crate) mod progress;
pub(crate) mod render;
pub(crate) mod repair;
pub(crate) mod restore;
pub(crate) mod sources;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod verify;
pub(crate) mod wrap;
