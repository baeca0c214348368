//! Ids, the clock, chance, and the states of things: the words that every other room uses.
//!
//! Nothing here reads or writes anything. A new kind of id is one line in `ids.rs`; a new state is a variant with its
//! word in `state.rs`. Time and chance are arguments everywhere else: whoever needs them takes a [`Surroundings`].

mod clock;
mod entropy;
mod ids;
mod state;

pub use clock::{Clock, ManualClock, SystemClock, from_text, to_text};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use ids::{
    ConnectorId, EntraTenantId, EntryId, GraphUserId, InvalidId, MailboxId, RunId, StreamId, TenantId, UserId,
};
pub use state::{Ended, RunStatus, StreamKind, Way};

use std::sync::Arc;

/// What a piece of the product knows of the world outside: what time it is, and where chance comes from.
#[derive(Clone)]
pub struct Surroundings {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of random bytes.
    pub entropy: Arc<dyn Entropy>,
}

impl Surroundings {
    /// The machine's own clock and random source, as the program uses them.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
    }

    /// The present instant, cut to whole seconds: the only precision that is ever stored.
    pub fn now(&self) -> jiff::Timestamp {
        clock::whole_seconds(self.clock.now())
    }

    /// A random id of 16 hex digits behind `prefix`, for rows that people may see.
    pub fn fresh_id(&self, prefix: &str) -> String {
        let mut bytes = [0_u8; 8];
        self.entropy.fill(&mut bytes);
        let mut id = String::with_capacity(prefix.len() + 16);
        id.push_str(prefix);
        for byte in bytes {
            use std::fmt::Write as _;
            write!(id, "{byte:02x}").expect("writing to a String cannot fail");
        }
        id
    }
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Surroundings")
    }
}
