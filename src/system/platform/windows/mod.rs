//! Windows by directory handle, so that no name is ever looked up through a link that somebody put in the way, no path is too
//! long, and no name is reserved. What decides stands here, is pure, and is tested on every system; what calls the system is in
//! `calls`, and compiled there.

mod ea;
mod errors;
mod facts;
mod links;
mod listing;
mod names;
mod security;
mod shadow;
mod sparse;
mod streams;

#[cfg(windows)]
mod calls;
#[cfg(windows)]
pub use calls::*;
