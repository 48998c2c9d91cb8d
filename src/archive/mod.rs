//! An archive as a whole: its bundles, its state at a time, contents out of it. Knows nothing of sources and targets.

mod rows;

pub mod state;

pub mod fitting;
pub mod moved;
pub mod tree;

pub mod move_plan;

pub mod run_moves;

mod describe;
pub mod exchange;

pub mod joined;

pub mod open;

pub mod programs;

pub mod listing;
pub mod replay;
pub mod reserve;

pub mod catalog;

mod gone;
pub mod noted;
pub mod search;

pub mod content;
pub mod timeline;

pub mod spare;

pub mod liveness;
pub mod look_ahead;
mod recount;

pub mod hollow;
pub mod rebundle;

pub mod rebase;

pub mod stored;

pub mod join;
pub mod strip;

pub mod thinning;
