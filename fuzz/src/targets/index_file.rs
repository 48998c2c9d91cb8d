//! Any bytes as an index file.

use crate::indexes;

pub fn check(bytes: &[u8]) {
    indexes::check(bytes);
}
