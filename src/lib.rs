//! Versioned archives on a drive: every bundle is an ordinary `.tar.zst`, and stock GNU tar replays the whole history.
//!
//! The modules stand on floors, lowest first, a blank line between floors; a module uses only floors below its own, and a
//! test holds them to it. `docs/architecture.md` is the map, `docs/format.md` the format.

pub mod base;

pub mod system;

pub mod format;

pub mod archive;

pub mod verbs;
