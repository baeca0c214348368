//! The client against a server that a test writes, line by line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod compile_fail;
mod concurrency;
mod home;
mod links;
mod pages;
mod requests;
mod retries;
mod secrecy;
mod server;
mod tokens;
mod types;
