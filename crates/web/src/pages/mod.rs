//! The pages: one file, one struct, one template each.

pub mod agreement;
pub mod audit;
pub mod connector;
pub mod connectors;
pub mod domains;
pub mod health;
pub mod home;
pub mod mailboxes;
pub mod register;
pub mod runs;
pub mod settings;
pub mod setup;
pub mod sign_in;
