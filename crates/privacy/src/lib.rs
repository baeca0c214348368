//! Addresses, domains and the filter: who may be written down.
//!
//! Nothing here reads or writes anything. What Microsoft sends arrives as a [`RawAddress`], which can be neither shown
//! nor stored. The [`AddressFilter`] consumes it and alone makes what may be kept: a [`Participant`], a person outside
//! the tenant on a domain that an administrator named; an [`InternalOrganizer`]; and, of an item that somebody passed
//! in, its [`Subject`]. Everything else leaves as a number in [`AddressCounts`].
//!
//! The words: a **domain** is a [`DomainName`] in its one spelling; an **entry** is an [`AllowEntry`] of the
//! allow-list, judged by [`judge_entry`] before it comes there; **internal** are the tenant's own domains and all below
//! them; an **exclusion** keeps out someone whom the list would let in; a **suppression** keeps out someone who was erased,
//! known by a keyed hash alone.
//!
//! To filter one more kind of item, write a function beside [`filter_calendar_attendees`] and
//! [`filter_email_participants`] that hands every address to `AddressFilter::judge`. To add a reason for which an
//! address does not pass, add a variant to [`AddressReason`]; the compiler names the places that have to decide. To
//! keep one more text of Microsoft's, give it a type like [`Subject`] that is handed out by a filtered item alone.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod address;
mod counts;
mod domain;
mod entry;
mod filter;
mod mail;
mod meeting;
mod people;
mod raw;
mod subject;
mod suppression;

pub use address::{AddressError, TypedAddress};
pub use counts::{AddressCounts, AddressReason, NoOne};
pub use domain::{DomainError, DomainName};
pub use entry::{EntryRefusal, JudgedDomain, judge_entry};
pub use filter::{AddressFilter, AllowEntry, Exclusion, ExclusionError, Exclusions};
pub use mail::{FilteredParticipants, SenderKind, filter_email_participants};
pub use meeting::{
    Attendance, AttendeeKind, FilteredAttendees, OrganizerRules, RawAttendee, ResponseStatus, filter_calendar_attendees,
};
pub use people::{InternalOrganizer, Organizer, Participant};
pub use raw::{RawAddress, RawText};
pub use subject::Subject;
pub use suppression::{SuppressionHash, SuppressionKey, Suppressions};
