//! What the tests share: trees, their listings, the program, the stock tools. Knows the program by its command line only.

pub mod bench;
pub mod book;
pub mod command;
pub mod drives;
pub mod forge;
pub mod inside;
pub mod listing;
pub mod manifest;
pub mod mounted;
pub mod oracles;
pub mod replay;
pub mod screen;
pub mod snap;
pub mod stores;
pub mod traced;
pub mod tree;
