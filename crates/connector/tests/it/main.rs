//! The program itself, as it is typed: what it prints, how it ends, what it leaves behind.

mod bad_input;
mod canary;
mod dashboard;
mod dpa;
mod guide;
mod killed;
mod metrics;
mod office;
mod output;
mod stopped;
mod tenants;
mod tls;
mod together;
mod workers;
