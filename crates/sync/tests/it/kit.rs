//! What runs the syncs of this suite: the engine, in the process. The suite of the workers includes these tests with another.

pub use testkit::{Kit, On};

/// Whether the steps of a run assert the agreement each for itself, and not once for all of them.
pub const EACH_STEP_ASSERTS: bool = false;
