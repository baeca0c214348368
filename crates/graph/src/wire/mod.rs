//! What Graph sends, as far as it is read.
//!
//! Each kind of item has a private struct that mirrors the wire and a public one made from it. The wire's struct and the
//! `$select` that asks for it come out of one table, so that a field cannot be asked for without being kept, nor kept
//! without being seen in the table. There is no member for a body, a preview, a join link, a place or a display name:
//! where Graph sends one unasked, as the
//! [delta of a calendar does](https://learn.microsoft.com/en-us/graph/api/event-delta), the parser steps over it.

mod event;
mod folder;
mod message;
mod organization;
mod time;
mod user;
mod zone;

pub use event::{Event, EventKind, Sensitivity, ShowAs};
pub use folder::{Folder, FolderId, InvalidFolderId, WellKnownFolder};
pub use message::Message;
pub use time::EventTime;
pub use user::User;

pub(crate) use folder::FolderEntry;
pub(crate) use organization::{DomainsEntry, OrganizationEntry};

use m365_privacy::RawAddress;
use serde::{Deserialize, Deserializer};

/// What comes page by page from a mailbox: [`Message`] or [`Event`].
pub trait StreamItem: serde::de::DeserializeOwned + Send + sealed::Sealed {}

impl StreamItem for Message {}
impl StreamItem for Event {}

pub(crate) mod sealed {
    /// Says how a kind of item is asked for. Sealed: what a mailbox is asked for is decided in this crate alone.
    pub trait Sealed {
        /// Whether it is asked for in the manner of a calendar.
        const CALENDAR: bool;
    }

    impl Sealed for super::Message {
        const CALENDAR: bool = false;
    }

    impl Sealed for super::Event {
        const CALENDAR: bool = true;
    }
}

/// One table for what is asked for and what is read: the struct, and its `$select`. What stands under `unasked` comes
/// without being asked for, such as annotations of the protocol, or is asked for only now and then.
macro_rules! asked_for {
    (
        $(#[$doc:meta])* $name:ident {
            $($(#[$meta:meta])* $wire:literal => $field:ident: $type:ty,)*
        }
        unasked {
            $($(#[$more:meta])* $note:literal => $noted:ident: $kind:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(serde::Deserialize)]
        struct $name {
            $($(#[$meta])* #[serde(rename = $wire)] $field: $type,)*
            $($(#[$more])* #[serde(rename = $note)] $noted: $kind,)*
        }

        impl $name {
            /// The fields to ask for.
            const SELECT: &'static [&'static str] = &[$($wire),*];
        }
    };
}
use asked_for;

/// A value that stands in the JSON, if only as `null`, is `Some`; one that is not there is `None`. An incremental row
/// [leaves out](https://github.com/microsoftgraph/microsoft-graph-docs/issues/7776) what has not changed.
fn present<'de, D: Deserializer<'de>, T: FromNullable<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::<T::Wire>::deserialize(deserializer).map(|value| Some(T::from_nullable(value)))
}

/// Makes something of a value or of `null`.
trait FromNullable<'de>: Sized {
    type Wire: Deserialize<'de>;
    fn from_nullable(value: Option<Self::Wire>) -> Self;
}

/// `{"emailAddress": {"name": …, "address": …}}`; the name has no member.
#[derive(Deserialize)]
struct Recipient {
    #[serde(rename = "emailAddress")]
    email: Option<EmailAddress>,
}

#[derive(Deserialize)]
struct EmailAddress {
    address: Option<RawAddress>,
}

impl Recipient {
    /// A recipient without an address is one whose address cannot be read: it is counted as such, later.
    fn address(self) -> RawAddress {
        self.email.and_then(|email| email.address).unwrap_or_else(RawAddress::absent)
    }
}

fn address_of(recipient: Option<Recipient>) -> RawAddress {
    recipient.map_or_else(RawAddress::absent, Recipient::address)
}

impl FromNullable<'_> for RawAddress {
    type Wire = Recipient;
    fn from_nullable(value: Option<Recipient>) -> Self {
        address_of(value)
    }
}

impl FromNullable<'_> for Vec<RawAddress> {
    type Wire = Vec<Option<Recipient>>;
    fn from_nullable(value: Option<Self::Wire>) -> Self {
        value.into_iter().flatten().map(address_of).collect()
    }
}

/// An item without an id cannot be named, and so not be kept.
fn nonempty_id(id: String) -> Result<String, &'static str> {
    if id.is_empty() { Err("an item without an id") } else { Ok(id) }
}

/// `Debug` that shows the type and nothing of a person.
macro_rules! silent_debug {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
use silent_debug;
