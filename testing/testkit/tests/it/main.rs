//! The kit itself: what the connector stores is the truth.

mod over_time;
mod referees;
mod truth;
