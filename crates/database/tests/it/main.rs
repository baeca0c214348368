//! The gate, from outside: refusals first.

mod compile_fail;
mod files;
mod gate;
mod ground;
mod migrations;
