//! The engine's promises, refusals first, against the simulated tenant.

mod allow_list;
mod canary;
mod clock;
mod database;
mod disk;
mod gate;
mod moments;
mod stop;
mod summary;
mod together;
mod trouble;
mod windows;
