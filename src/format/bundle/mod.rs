//! A bundle as a file: frames of tar, then the manifest in frames of its own, the end of the tar, and the seek table.
//! Knows nothing of sources, and of other bundles only their names.

mod file;
mod writer;

mod manifest_reader;

#[cfg(test)]
mod tests;

pub use file::Bundle;
pub use manifest_reader::ManifestReader;
pub use writer::BundleWriter;
pub use writer::Published;
