//! Any frames as a bundle whose checksums and seek table are right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snap_fuzz::bundles;

fuzz_target!(|input: &[u8]| bundles::check(&bundles::assemble(input)));
