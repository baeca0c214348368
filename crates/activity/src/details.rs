//! The further properties that an administrator can ask for: made from what is read anyway.

use serde::{Deserialize, Serialize};

use crate::words::words;

words! {
    /// Which way a message went, as the company sees it.
    Direction, "a direction is inbound, outbound or third_party", {
        /// From somebody whom the filter let in.
        Inbound => "inbound",
        /// From one of the company's own people.
        Outbound => "outbound",
        /// From somebody else, with people whom the filter let in among the recipients.
        ThirdParty => "third_party",
    }
}

/// Of a meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeetingDetails {
    /// The same for one meeting across people: opaque hex.
    pub meeting_key: String,
    /// Whether it is one of a series.
    pub is_recurring: bool,
    /// Whether it fills whole days, if that was said.
    pub is_all_day: Option<bool>,
    /// How it stands in the calendar that the record is taken from, in Graph's word, if it is one that Graph documents.
    pub show_as: Option<String>,
}

/// Of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EmailDetails {
    /// Which way it went.
    pub direction: Direction,
    /// The domains of the entries that let its people in, each once, in the order of the people.
    pub account_domains: Vec<String>,
    /// Whether its sender is known for mail that nobody writes.
    pub automated: bool,
}
