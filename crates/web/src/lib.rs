//! The dashboard: who gets in, and the pages.
//!
//! A request meets `headers` (what a browser may do with the answer), then a **gate** of `doors` (who is asking), then its
//! page. A gate is the first thing that a handler asks for, so its signature is its access rule, and `routes` holds every
//! handler to having one: [`Anyone`](doors::Anyone), [`Viewer`](doors::Viewer), [`Admin`](doors::Admin) to look, and
//! [`Change`](doors::Change) to change something, which opens with a proof that the form came from one of our own pages.
//!
//! To add a page: a file under `pages` with one struct, its template under `templates`, a line in `routes`. A page never
//! asks Microsoft for anything itself, and never sees what has not passed the filter.

mod app;
pub mod doors;
mod form;
mod headers;
mod offset;
mod pages;
mod problem;
mod render;
mod routes;

pub use app::{App, AppOptions, Doors};
pub use doors::{InvalidProxies, TrustedProxies};
pub use routes::{Route, Rule, router, serve, table};
