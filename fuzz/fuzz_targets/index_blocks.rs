//! Any blocks as an index file whose digests are right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snap_fuzz::indexes;

fuzz_target!(|input: &[u8]| indexes::check(&indexes::assemble(input)));
