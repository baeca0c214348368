//! The dashboard, asked as a browser asks it.

mod activities;
mod agreement;
mod common;
mod connect;
mod disconnect;
mod doors;
mod downloads;
mod limits;
mod notes;
mod trouble;
