//! The contents of files, read out of the bundles: from any place ([`Reader`]), many at once with each frame read once
//! ([`Unpacker`]), a bundle from front to back ([`Tape`]), and a damaged bundle's tar ([`BundleTar`]).
//!
//! A frame that is damaged is decoded as far as it goes: a content whose hash is right is sound, whatever its frame is.

mod frame;
mod pieces;
mod place;

mod bundle_tar;
mod runs;
mod tape;

mod contents;

mod reader;

mod unpack;

pub use bundle_tar::BundleTar;
pub use contents::Contents;
pub use frame::ContentCheck;
pub use reader::Reader;
pub use tape::FrameSeen;
pub use tape::Piece;
pub use tape::Tape;
pub use tape::TapeDamage;
pub use tape::read_through;
pub use unpack::Target;
pub use unpack::Unpacker;
pub use unpack::unpack;
