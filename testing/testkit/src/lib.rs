//! The whole connector in one process, against the simulator, and the truth to hold it against.
//!
//! ```
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
//! use testkit::{Kit, truth};
//!
//! let kit = Kit::new(|options| options.mailboxes = 2).await;
//! kit.accept().await;
//! kit.allow(&["acme.com"]).await;
//! kit.sync().await;
//!
//! let rules = kit.rules(&["acme.com"]);
//! let truth = truth::records(&kit.sim.world(), &rules);
//! let stored = truth::within_reach(&kit.records(false).await, kit.now());
//! assert_eq!(stored, truth::happened(&truth, kit.now()));
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Words
//!
//! - A [`Ground`] is a database of its own, migrated and connected, with nothing accepted and nothing allowed.
//! - An [`On`] is the engine that a ground is on. SQLite unless a test says otherwise; PostgreSQL where there is a server.
//! - A [`Kit`] is a ground, a simulated tenant that is being served, and the engine that reads the one into the other. The
//!   clocks of both stand still and are moved together, by [`Kit::advance`] and [`Kit::tick`].
//! - The [`truth`] is what a careful person who saw the office itself, not its JSON, would have written down. It shares no
//!   code with the product. A [`truth::Ledger`] keeps it over time: what has happened stays.
//! - A [`Turnstile`] stands between the engine and the simulator and lets requests through one by one, so that a test can
//!   do something in the middle of a run without racing it.
//! - A [`Relay`] passes bytes on and counts them, for moments in the middle of an answer.
//!
//! - A [`simulation`] is a list of things that happen, drawn from a seed, with syncs among them; after each sync the ledger is
//!   compared with what is stored.
//!
//! There are no back doors: an acceptance is recorded by the function that the program calls, and a run asserts it.
//!
//! # Adding a test
//!
//! Start a [`Kit`], let something happen with the simulator's verbs, `sync`, and compare. What may come out differently on the
//! other engine starts one on each of [`On::each`]. To wait for a moment of a run, take [`Kit::ready_behind_turnstile`], or
//! give [`Kit::sync_watched`] a [`m365_sync::Watcher`]. A promise is tested by its refusal first, and the test says which change
//! of the product made it fail.

mod ground;
mod kit;
mod on;
mod relay;
pub mod simulation;
pub mod truth;
mod turnstile;

pub use ground::Ground;
pub use kit::{Kit, quick_limits, start};
pub use on::On;
pub use relay::Relay;
pub use turnstile::Turnstile;
