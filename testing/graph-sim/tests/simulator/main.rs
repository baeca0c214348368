//! The simulator seen from outside.

mod batch;
mod calendar;
mod client;
mod directory;
mod faults;
mod mail;
mod moods;
mod rounds;
mod tenant;
