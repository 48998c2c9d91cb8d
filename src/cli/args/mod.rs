//! Arguments that several commands share, as they are typed. Knows no command.

pub(crate) mod global;
pub(crate) mod keep;
pub(crate) mod size;
pub(crate) mod snapshot;
pub(crate) mod sources;
pub(crate) mod suggestions;
