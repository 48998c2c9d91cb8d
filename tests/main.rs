//! The tests of the program, as one binary. They know its command line and its documented format, nothing of its insides.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

mod commands;
mod damage_index;
mod fidelity;
mod round_trip;
mod stock;
