//! What a person may ask of an archive, one folder each. A verb knows nothing of terminals, and nothing of other verbs.

pub mod create;
pub mod export;
pub mod history;
pub mod restore;
pub mod verify;

pub mod repair;
