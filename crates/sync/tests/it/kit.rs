//! What runs the syncs of this suite: the engine, in the process. The suite of the workers includes these tests with another.

pub use testkit::{Kit, On};
