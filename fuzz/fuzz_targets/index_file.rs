//! Any bytes as an index file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snap_fuzz::indexes;

fuzz_target!(|bytes: &[u8]| indexes::check(bytes));
