//! The manifest: what a bundle changes, in plain text, a JSON object a line. The truth from which all else can be made
//! again. Knows nothing of frames and stores.

mod json_text;
mod limited;
mod place;

mod patch;
mod problems;

mod change;
mod head;
mod tail;

mod moves;

#[cfg(test)]
mod tests;

pub use change::Action;
pub use change::Change;
pub use change::DraftLine;
pub use head::FORMAT;
pub use head::HEAD_BYTES_MAX;
pub use head::Head;
pub use head::Parent;
pub use head::too_new;
pub use moves::MoveStage;
pub use moves::moved_from_line;
pub use place::moved_to;
pub use problems::PROBLEMS_BYTES_MAX;
pub use problems::PROBLEMS_MAX;
pub use tail::LINE_BYTES_MAX;
pub use tail::Tail;
