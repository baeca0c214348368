//! The simulator seen from outside.

mod calendar;
mod client;
mod directory;
mod faults;
mod mail;
mod rounds;
mod tenant;
