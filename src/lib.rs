//! Versioned archives on a drive: every bundle is an ordinary `.tar.zst`, and stock GNU tar replays the whole history.
//!
//! The modules stand on floors, lowest first, a blank line between floors; a module uses only floors below its own, and a
//! test holds them to it. `docs/architecture.md` is the map, `docs/format.md` the format.

pub mod path;
pub mod time;

pub mod error;
pub mod id;

pub mod entry;
pub mod exclude;
pub mod snapshot;
pub mod when;

pub mod platform;

pub mod buffers;
pub mod destination;
pub mod diff;
pub mod manifest;
pub mod monitor;
pub mod store;
pub mod tar;
pub mod workers;

pub mod frames;
pub mod scan;

pub mod bundle;
pub mod index;

pub mod state;
pub mod unpack;

pub mod archive;
pub mod pack;

pub mod create;
pub mod export;
pub mod history;
pub mod restore;
pub mod verify;

pub mod repair;
