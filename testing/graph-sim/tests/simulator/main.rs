//! The simulator seen from outside.

mod batch;
mod calendar;
mod client;
mod consent;
mod directory;
mod faults;
mod mail;
mod moods;
mod pages;
mod rounds;
mod sign_in;
mod tenant;
