//! The pages: one file, one struct, one template each.

pub mod connectors;
pub mod home;
pub mod sign_in;
