//! All tests of the program as a whole, in one binary. Most know its command line and its documented format only; those of
//! faults, changing sources and determinism use the library.

#![allow(clippy::unwrap_used)]

mod support;

mod changing;
mod commands;
mod damage;
mod damage_headers;
mod damage_index;
mod determinism;
mod drives;
mod faults;
mod fidelity;
mod hostile;
mod interruption;
mod kill;
mod locks;
mod old_archives;
mod part_limit;
mod read_back;
mod reading;
mod recover;
mod round_trip;
mod stock;
mod tidy;
