//! Any bytes as a bundle.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snap_fuzz::bundles;

fuzz_target!(|bytes: &[u8]| bundles::check(bytes));
