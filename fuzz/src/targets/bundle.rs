//! Any bytes as a bundle.

use crate::bundles;

pub fn check(bytes: &[u8]) {
    bundles::check(bytes);
}
