//! What a person may ask of an archive, a file or a folder each. A verb knows nothing of terminals, and uses only verbs
//! of earlier blocks of this list.

pub mod forget;
pub mod prune;

pub mod erase;
pub mod thin;

pub mod cat;
pub mod create;
pub mod diff;
pub mod du;
pub mod export;
pub mod find;
pub mod history;
pub mod log;
pub mod restore;
pub mod verify;

pub mod repair;
