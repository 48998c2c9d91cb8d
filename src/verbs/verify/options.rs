//! What a person may choose of a verification.

/// How to verify.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct VerifyOptions {
    /// Whether every frame is decompressed and every content's hash checked. Default: no.
    pub data: bool,
    /// How many threads decompress; 0, the default: as many as there are cores.
    pub threads: usize,
}
