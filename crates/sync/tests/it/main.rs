//! The engine's promises, refusals first, against the simulated tenant.

mod allow_list;
mod canary;
mod choices;
mod gate;
mod moments;
mod series;
mod summary;
mod together;
mod trouble;
mod ways;
mod windows;
