//! All tests of the program as a whole, in one binary. They know its command line and its documented format only.

#![allow(clippy::unwrap_used)]

mod support;

mod commands;
mod damage_index;
mod fidelity;
mod round_trip;
mod stock;
mod tidy;
