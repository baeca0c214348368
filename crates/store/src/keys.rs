//! Short keys for long names.

use sha2::{Digest as _, Sha256};

use m365_model::MailboxId;

/// The first 16 bytes of a SHA-256. Graph's ids are some 150 characters long and differ in case alone; as keys of a hot
/// table they would cost half of all CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortKey([u8; 16]);

impl ShortKey {
    fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // A length before each part, so that no two lists of parts look alike.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let mut key = [0_u8; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }

    /// The key of an event's copy in one mailbox.
    pub fn event(mailbox: MailboxId, event_id: &str) -> Self {
        Self::of(&[b"event", &mailbox.0.to_le_bytes(), event_id.as_bytes()])
    }

    /// A series master's share of the keys of its occurrences, from what its copies in every mailbox have in common.
    pub fn series(uid: &str) -> Self {
        Self::of(&[b"series", uid.as_bytes()])
    }

    /// The key of the meeting that `series` has at `instance`: the same for its copies in every mailbox.
    pub fn meeting(series: Self, instance: &str) -> Self {
        Self::of(&[b"meeting", &series.0, instance.as_bytes()])
    }

    /// The key of a meeting that is known from one mailbox alone.
    pub fn lone_meeting(event: Self) -> Self {
        Self::of(&[b"lone", &event.0])
    }

    /// The key of a message: the same for its copies in every mailbox.
    pub fn message(internet_message_id: &str) -> Self {
        Self::of(&[b"message", internet_message_id.trim().as_bytes()])
    }

    /// The key in hex, for those to whom it is only a name.
    pub fn hex(self) -> String {
        hex::encode(self.0)
    }

    /// The key of a record.
    pub fn record(external_id: &str) -> Self {
        Self::of(&[b"record", external_id.as_bytes()])
    }

    /// What a record says, so that an upsert that changes nothing writes nothing.
    pub fn digest(content: &[u8]) -> Self {
        Self::of(&[b"digest", content])
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0.to_vec()
    }

    pub(crate) fn from_row(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}
