//! The canonical record, the field mappings and the pure transforms.
//!
//! Nothing here reads or writes anything, but for a [`Table`], which writes where its caller says. A [`FilteredEvent`] or a [`FilteredMessage`] goes in, with a proof that the
//! tenant's agreement stands; [`CanonicalActivity`] values come out, made of nothing but people whom the filter let in.
//! What leaves the product is a [`Record`].
//!
//! The words: a **source** is a field of Microsoft's that a mapping can name, a **target** a field of the record; a
//! **mapping** is one line between them, with a **transform**. The lists of all three are closed, and no source is a
//! body.
//!
//! To map one more field, add it to [`CalendarSource`] or [`MailSource`], say where its value is in `transform.rs`, and
//! add the target. To tell of one more kind of item, add it to [`ActivityType`], with its properties in [`Properties`]
//! and [`RecordProperties`].

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod canonical;
mod details;
mod mapping;
mod record;
mod table;
mod transform;
mod words;

pub use canonical::{CanonicalActivity, Properties};
pub use details::{Direction, EmailDetails, MeetingDetails};
pub use mapping::{
    CalendarSource, FieldMapping, FieldMappings, Kind, MailSource, MappingError, Source, Target, Transform,
};
pub use record::{ActivityType, EmailProperties, MeetingProperties, Record, RecordProperties};
pub use table::Table;
pub use transform::{FilteredEvent, FilteredMessage, email_activity, meeting_activities, meeting_external_id};
