//! The pages: one file, one struct, one template each.

pub mod activities;
pub mod agreement;
pub mod agreement_text;
pub mod audit;
pub mod connect;
pub mod connector;
pub mod connectors;
pub mod disconnect;
pub mod domains;
pub mod exclusions;
pub mod health;
pub mod home;
pub mod kept;
pub mod mailboxes;
pub mod people;
pub mod register;
pub mod runs;
pub mod schedule;
pub mod settings;
pub mod setup;
pub mod sign_in;
