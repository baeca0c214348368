//! The engine's promises, refusals first, against the simulated tenant.

mod allow_list;
mod canary;
mod clock;
mod disk;
mod gate;
mod moments;
mod summary;
mod together;
mod trouble;
mod windows;
