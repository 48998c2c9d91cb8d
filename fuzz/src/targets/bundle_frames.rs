//! Any frames as a bundle whose checksums and seek table are right.

use crate::bundles;

pub fn check(input: &[u8]) {
    bundles::check(&bundles::assemble(input));
}
