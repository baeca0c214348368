//! The pages: one file, one struct, one template each.

pub mod connector;
pub mod connectors;
pub mod home;
pub mod runs;
pub mod setup;
pub mod sign_in;
