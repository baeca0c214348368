//! What skip tokens and delta tokens hold.
//!
//! A token holds the whole state of a round, so the simulator keeps none. It is opaque to callers,
//! and a changed letter makes it malformed.
//! See <https://learn.microsoft.com/graph/delta-query-overview>.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::entra::checksum;

/// Which listing a token belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stream {
    /// The messages of a folder.
    Messages(usize),
    /// A calendar between two instants, in seconds.
    Calendar(i64, i64),
    /// The accounts of the directory.
    Users,
}

/// Where in a round the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Everything that is there: what comes after this place, so much having been sent. The
    /// delta link at the end tells of changes since `since`.
    First { since: u64, sent: usize, after: Option<(i64, usize)> },
    /// What has changed since `since` and until `upto`, leaving out the first `done`.
    Changes { since: u64, upto: Option<u64>, done: usize },
}

/// The state of a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub user: usize,
    pub stream: Stream,
    pub phase: Phase,
    /// The mailbox's generation of sync states.
    pub generation: u64,
    /// Whether the round was begun with immutable ids.
    pub immutable: bool,
    /// The `$select` of the first request.
    pub select: Option<String>,
    /// The earliest second of arrival that the first request asked for.
    pub floor: Option<i64>,
    /// The most items that the first round hands out.
    pub cap: Option<usize>,
    /// Makes links differ that lead to the same place.
    pub nonce: u64,
}

impl Token {
    /// The token as it stands in a link.
    pub fn seal(&self) -> String {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        let sum = checksum(&bytes, 0);
        bytes.extend(sum.to_be_bytes());
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte ^= mask(place);
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The state in a token, if it is one.
    pub fn open(text: &str) -> Option<Self> {
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte ^= mask(place);
        }
        let (body, sum) = bytes.split_last_chunk::<8>()?;
        if checksum(body, 0) != u64::from_be_bytes(*sum) {
            return None;
        }
        serde_json::from_slice(body).ok()
    }
}

fn mask(place: usize) -> u8 {
    crate::ids::scramble(place as u64 / 8).to_le_bytes()[place % 8]
}
