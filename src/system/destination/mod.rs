//! A directory into which entries are written, safely: through no symlink, nowhere outside, each complete before it gets its
//! name. Knows nothing of archives.

mod attributes;
mod comparing;
mod failure;
mod kept;
mod links;
mod names;
mod not_kept;
mod open_directories;
mod owner_numbers;
mod pending;
mod places;
mod placing;
mod reading;
mod renamed;
mod target;
#[cfg(all(test, unix))]
mod tests;
mod writing;
mod written_names;

pub use failure::Failure;
pub use failure::full_folder;
pub use failure::link_in_the_way;
pub use kept::is_kept_name;
pub use not_kept::NotKept;
pub use not_kept::NotKeptKind;
pub use pending::PendingFile;
pub use target::Destination;
pub use target::DestinationOptions;
pub use target::SourcePlace;
pub use target::TEMPORARY_PREFIX;
pub use writing::Made;
pub use written_names::NAMES_LISTED_MAX;
pub use written_names::Renamed;
