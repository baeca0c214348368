//! The engine's promises, refusals first, against the simulated tenant.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod allow_list;
mod canary;
mod choices;
mod clock;
mod database;
mod disk;
mod gate;
mod kit;
mod meetings;
mod moments;
mod series;
mod stop;
mod summary;
mod together;
mod trouble;
mod unneeded;
mod ways;
mod windows;
