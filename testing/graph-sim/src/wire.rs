//! How the world looks as JSON.
//!
//! Every shape is written by a struct of this crate alone, in Graph's own spelling.

pub(crate) mod event;
pub(crate) mod folder;
pub(crate) mod message;
pub(crate) mod user;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::ids::IdForm;
use crate::world::{Address, PersonNo, World};
use crate::zones::Zone;

/// How a request wants things shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// Which ids.
    pub form: IdForm,
    /// In which zone calendars are shown.
    pub zone: Zone,
    /// Bodies as text instead of HTML.
    pub text: bool,
    /// Whether the caller may see bodies at all.
    pub bodies: bool,
    /// Bare occurrences keep the series' zone.
    pub series_zone: bool,
    /// The size of the large bodies.
    pub big: usize,
}

/// The properties that a request asked for; `None` is all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Select(Option<Arc<[String]>>);

impl Select {
    pub fn new(text: Option<&str>) -> Self {
        let names = text.unwrap_or_default().split(',').map(str::trim).filter(|n| !n.is_empty());
        let names: Arc<[String]> = names.map(str::to_owned).collect();
        Self((!names.is_empty()).then_some(names))
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.iter().any(|n| n.eq_ignore_ascii_case(name)))
    }

    pub fn asks_for(&self, name: &str) -> bool {
        self.0.is_some() && self.has(name)
    }

    pub fn is_everything(&self) -> bool {
        self.0.is_none()
    }

    /// The first name that is none of those known.
    pub fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.0
            .as_deref()
            .unwrap_or_default()
            .iter()
            .find(|name| !known.iter().any(|k| k.eq_ignore_ascii_case(name)))
            .map(String::as_str)
    }

    /// Leaves the properties that were asked for, the id, and annotations.
    pub fn apply<T: Serialize>(&self, item: &T) -> Value {
        let mut value = serde_json::to_value(item).unwrap_or_default();
        if let Value::Object(fields) = &mut value
            && self.0.is_some()
        {
            fields.retain(|name, _| name.starts_with('@') || name == "id" || self.has(name));
        }
        value
    }
}

/// One page of a listing or of a delta round.
#[derive(Debug, Serialize)]
pub(crate) struct Page<T> {
    #[serde(rename = "@odata.context")]
    pub context: String,
    #[serde(rename = "@odata.count", skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    #[serde(rename = "@odata.nextLink", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    #[serde(rename = "@odata.deltaLink", skip_serializing_if = "Option::is_none")]
    pub delta: Option<String>,
    pub value: Vec<T>,
}

/// An item of a page: as the world has it, or as a fault made it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Row<T> {
    Sound(T),
    Odd(Value),
}

/// What a delta round says of an item that is gone.
#[derive(Debug, Serialize)]
pub(crate) struct RemovedRow {
    #[serde(rename = "@odata.type")]
    pub kind: &'static str,
    pub id: String,
    #[serde(rename = "@removed")]
    pub removed: Removed,
}

#[derive(Debug, Serialize)]
pub(crate) struct Removed {
    reason: &'static str,
}

impl RemovedRow {
    pub fn new(kind: &'static str, id: String) -> Self {
        Self { kind, id, removed: Removed { reason: "deleted" } }
    }
}

/// `emailAddress` in the wrapping that Outlook puts around it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Recipient<'a> {
    pub email_address: EmailAddress<'a>,
}

#[derive(Debug, Serialize)]
pub(crate) struct EmailAddress<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Shown::is_absent")]
    address: Shown<'a>,
}

/// An `address`: a text, `null`, or not there at all.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Text(&'a str),
    Null(()),
    Absent,
}

impl Shown<'_> {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<'a> Recipient<'a> {
    pub fn new(world: &'a World, person: PersonNo) -> Self {
        let person = world.person(person);
        let address = match &person.address {
            Address::Text(text) => Shown::Text(text),
            Address::Null => Shown::Null(()),
            Address::Absent => Shown::Absent,
        };
        Self { email_address: EmailAddress { name: &person.name, address } }
    }

    pub fn list(world: &'a World, people: &[PersonNo]) -> Vec<Self> {
        people.iter().map(|person| Self::new(world, *person)).collect()
    }
}

/// The text of a message or event, which no careful reader keeps.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body {
    content_type: &'static str,
    content: String,
}

impl Body {
    pub fn new(canary: &str, text: bool, size: usize) -> Self {
        let mut content =
            if text { format!("{canary}\r\n") } else { format!("<html><body><p>{canary}</p>\r\n</body></html>\r\n") };
        while content.len() < size {
            content.push_str(canary);
            content.push(' ');
        }
        Self { content_type: if text { "text" } else { "html" }, content }
    }
}

/// An instant as mail shows it.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// An instant as calendars show it.
pub(crate) fn fine_instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.0000000Z").to_string()
}
