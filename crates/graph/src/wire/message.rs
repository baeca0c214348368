//! Mail, without bodies.

use jiff::Timestamp;
use m365_privacy::{RawAddress, RawText};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// A row of a message round, before the filter.
///
/// What is `None` was not in the row, or has no value. An address that was there and cannot be read is a [`RawAddress`]
/// all the same, to be counted.
#[derive(Deserialize)]
#[serde(try_from = "WireMessage")]
pub struct Message {
    /// The immutable id: a message that moves keeps it.
    pub id: String,
    /// The row says that the message left the folder: moved or deleted, nobody can tell which.
    pub removed: bool,
    /// A meeting's invitation, answer or cancellation. Other kinds that Graph may send are ordinary messages.
    pub is_meeting_message: bool,
    /// When it arrived.
    pub received: Option<Timestamp>,
    /// The conversation, as this mailbox names it.
    pub conversation_id: Option<String>,
    /// The subject.
    pub subject: Option<RawText>,
    /// Who sent it.
    pub sender: Option<RawAddress>,
    /// Whom it was sent to.
    pub to: Option<Vec<RawAddress>>,
    /// Whom it was copied to.
    pub cc: Option<Vec<RawAddress>>,
    /// What all copies of the message have in common, where it was asked for.
    pub internet_message_id: Option<String>,
}

super::silent_debug!(Message);

super::asked_for! {
    WireMessage {
        "id" => id: String,
        "subject" => subject: Option<RawText>,
        "receivedDateTime" => received: Option<Timestamp>,
        "conversationId" => conversation_id: Option<String>,
        #[serde(default, deserialize_with = "super::present")]
        "sender" => sender: Option<RawAddress>,
        #[serde(default, deserialize_with = "super::present")]
        "toRecipients" => to: Option<Vec<RawAddress>>,
        #[serde(default, deserialize_with = "super::present")]
        "ccRecipients" => cc: Option<Vec<RawAddress>>,
    }
    unasked {
        "@odata.type" => kind: Option<String>,
        "@removed" => removed: Option<IgnoredAny>,
        "internetMessageId" => internet_message_id: Option<String>,
    }
}

impl TryFrom<WireMessage> for Message {
    type Error = &'static str;

    fn try_from(wire: WireMessage) -> Result<Self, &'static str> {
        Ok(Self {
            id: super::nonempty_id(wire.id)?,
            removed: wire.removed.is_some(),
            is_meeting_message: wire.kind.is_some_and(|kind| is_meeting_kind(&kind)),
            received: wire.received,
            conversation_id: wire.conversation_id,
            subject: wire.subject,
            sender: wire.sender,
            to: wire.to,
            cc: wire.cc,
            internet_message_id: wire.internet_message_id.filter(|id| !id.trim().is_empty()),
        })
    }
}

/// `eventMessage`, `eventMessageRequest`, `eventMessageResponse`: the kind comes
/// [whatever is selected](https://github.com/microsoftgraph/microsoft-graph-docs/issues/2018).
fn is_meeting_kind(kind: &str) -> bool {
    const MEETING: &str = "#microsoft.graph.eventMessage";
    kind.get(..MEETING.len()).is_some_and(|start| start.eq_ignore_ascii_case(MEETING))
}

impl Message {
    /// The fields that every mail round asks for, and no other.
    pub const SELECT: &'static [&'static str] = WireMessage::SELECT;
    /// What is asked for besides where an administrator wants copies of a message joined.
    pub const INTERNET_ID: &'static str = "internetMessageId";

    /// A row without sender and recipients says that something else has changed, such as read to unread. Whoever took it for
    /// a whole message would see one without people: it changes nothing.
    pub fn is_partial(&self) -> bool {
        !self.removed && self.sender.is_none() && self.to.is_none() && self.cc.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Message {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_mail_round_asks_for_no_body() {
        assert_eq!(
            Message::SELECT.join(","),
            "id,subject,receivedDateTime,conversationId,sender,toRecipients,ccRecipients"
        );
    }

    #[test]
    fn a_whole_row_is_told_from_a_partial_one_and_a_removal() {
        let whole = read(
            r##"{"@odata.type":"#microsoft.graph.message","id":"m1","subject":"s","receivedDateTime":"2026-03-02T15:00:00Z",
                "conversationId":"c","sender":{"emailAddress":{"name":"CANARY","address":"a@b.c"}},
                "toRecipients":[{"emailAddress":{"address":"d@e.f"}},{"emailAddress":null},null],"ccRecipients":[],
                "body":{"content":"CANARY"},"bodyPreview":"CANARY"}"##,
        );
        assert!(!whole.is_partial() && !whole.removed && !whole.is_meeting_message);
        assert_eq!(whole.to.unwrap().len(), 3);
        assert_eq!(whole.cc.unwrap().len(), 0);
        assert!(read(r#"{"id":"m1","isRead":true,"parentFolderId":"f"}"#).is_partial());
        assert!(read(r#"{"id":"m1","receivedDateTime":"2026-03-02T15:00:00Z","subject":"s"}"#).is_partial());
        let gone = read(r#"{"id":"m1","@removed":{"reason":"deleted"}}"#);
        assert!(gone.removed && !gone.is_partial());
    }

    #[test]
    fn a_null_is_there_and_an_absent_field_is_not() {
        let nulls = read(r#"{"id":"m1","sender":null,"toRecipients":null,"subject":null,"receivedDateTime":null}"#);
        assert!(!nulls.is_partial() && nulls.sender.is_some() && nulls.to.unwrap().is_empty());
        assert!(nulls.cc.is_none() && nulls.received.is_none());
        let odd = read(r#"{"id":"m1","sender":{},"toRecipients":[{"emailAddress":{"address":17}}]}"#);
        assert!(odd.sender.is_some() && odd.to.unwrap().len() == 1);
    }

    #[test]
    fn meeting_mail_is_known_by_its_kind() {
        for (kind, meeting) in [
            ("#microsoft.graph.eventMessage", true),
            ("#microsoft.graph.eventMessageRequest", true),
            ("#Microsoft.Graph.EventMessageResponse", true),
            ("#microsoft.graph.message", false),
            ("#microsoft.graph.somethingNew", false),
        ] {
            assert_eq!(read(&format!(r#"{{"id":"m","@odata.type":"{kind}"}}"#)).is_meeting_message, meeting, "{kind}");
        }
    }

    #[test]
    fn what_is_no_message_is_not_read() {
        for bad in [
            "{}",
            "7",
            r#"{"id":""}"#,
            r#"{"id":null}"#,
            r#"{"id":"m","receivedDateTime":"soon"}"#,
            r#"{"id":"m","toRecipients":{"a":1}}"#,
            r#"{"id":"m","subject":[]}"#,
        ] {
            assert!(serde_json::from_str::<Message>(bad).is_err(), "{bad}");
        }
    }
}
