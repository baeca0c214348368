//! Lists of things that happen, drawn from seeds; after each sync among them, what is stored is compared with what a
//! [`Ledger`](crate::truth::Ledger) has written down from the office alone.
//!
//! A list that fails is shortened, one thing after the other, for as long as it still fails, and printed as code. Such a list
//! is kept as a test with a name, in `testing/testkit/tests/simulation/kept.rs`:
//!
//! ```
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
//! use testkit::simulation::{Op::*, play};
//!
//! let ops = [Mail { from: 3, to: 0 }, Sync, Delete { of: 0, message: 1 }, Sync];
//! assert_eq!(play(17, &ops).await, Ok(()));
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Adding a thing that happens
//!
//! Add it to [`Op`], let `op.rs` draw it, and do it in `scene.rs`, by a verb of the simulator or of the kit. If it changes
//! who may be told of, tell the ledger too, in the ledger's own words: the ledger never looks at the product. Numbers in an
//! [`Op`] pick from what is there, by remainder, so that a shortened list can still be played.
//!
//! # What is left open
//!
//! A crash is followed by a sync before anything else happens, because what an unfinished sync has seen is its own affair. People
//! do not come or leave, and settings do not change.

mod draw;
mod op;
mod scene;
mod shrink;

pub use op::{Day, Op, Rhythm, draw};
pub use scene::play;
pub use shrink::{as_code, shortest};
