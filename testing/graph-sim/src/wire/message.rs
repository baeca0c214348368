//! Messages (<https://learn.microsoft.com/graph/api/resources/message>).

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;

use super::{Body, Recipient, RemovedRow, Select, View, instant};
use crate::ids::{IdForm, Item};
use crate::world::{Letter, LetterKind, Mailbox, Message, MessageNo, World};

pub(crate) const TYPE: &str = "#microsoft.graph.message";

/// What can be selected on a message.
pub(crate) const KNOWN: [&str; 29] = [
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "categories",
    "receivedDateTime",
    "sentDateTime",
    "hasAttachments",
    "internetMessageId",
    "internetMessageHeaders",
    "subject",
    "bodyPreview",
    "importance",
    "parentFolderId",
    "conversationId",
    "conversationIndex",
    "isDeliveryReceiptRequested",
    "isReadReceiptRequested",
    "isRead",
    "isDraft",
    "webLink",
    "inferenceClassification",
    "body",
    "sender",
    "from",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
    "flag",
];

/// What `Mail.ReadBasic.All` does not show.
pub(crate) const WITHHELD: [&str; 2] = ["body", "bodyPreview"];

/// A message with the properties that were asked for.
#[derive(Debug)]
pub(crate) struct MessageRow<'a> {
    pub world: &'a World,
    pub mailbox: &'a Mailbox,
    pub number: MessageNo,
    pub select: Select,
    pub view: View,
    /// Delta rounds name the type of every item; listings only where it is not the plain one.
    pub in_delta: bool,
}

/// A row of a message delta round.
#[derive(Debug, serde::Serialize)]
#[serde(untagged)]
pub(crate) enum DeltaRow<'a> {
    Whole(MessageRow<'a>),
    Read(ReadRow),
    Removed(RemovedRow),
}

/// What a delta round says of a message that was only marked read or unread: no etag, no people,
/// whatever was selected (<https://github.com/microsoftgraph/microsoft-graph-docs/issues/7776>).
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadRow {
    #[serde(rename = "@odata.type")]
    kind: &'static str,
    id: String,
    is_read: bool,
    parent_folder_id: String,
}

impl ReadRow {
    pub fn new(world: &World, mailbox: &Mailbox, number: MessageNo, form: IdForm) -> Self {
        let message = mailbox.message(number);
        Self {
            kind: type_of(&world.letters[message.letter.0]),
            id: mailbox.message_id(number, form),
            is_read: message.is_read,
            parent_folder_id: mailbox.folder_id(message.folder),
        }
    }
}

/// A message that has left a folder, by the id it had there.
pub(crate) fn removed(mailbox: &Mailbox, number: MessageNo, moves: usize, form: IdForm) -> RemovedRow {
    RemovedRow::new(TYPE, mailbox.stem().id(Item::Message { number: number.0, moves }, form))
}

/// The type that a letter has on the wire.
pub(crate) fn type_of(letter: &Letter) -> &'static str {
    match letter.kind {
        LetterKind::Mail | LetterKind::Draft => TYPE,
        LetterKind::MeetingRequest => "#microsoft.graph.eventMessageRequest",
        LetterKind::MeetingResponse => "#microsoft.graph.eventMessageResponse",
    }
}

impl MessageRow<'_> {
    fn message(&self) -> &Message {
        self.mailbox.message(self.number)
    }

    fn letter(&self) -> &Letter {
        &self.world.letters[self.message().letter.0]
    }
}

impl Serialize for MessageRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (message, letter) = (self.message(), self.letter());
        let kind = type_of(letter);
        let key = self.mailbox.stem().change_key(self.number.0, message.version);
        let mut row = Fields { map: serializer.serialize_map(None)?, select: &self.select };
        if self.in_delta || kind != TYPE {
            row.map.serialize_entry("@odata.type", kind)?;
        }
        row.map.serialize_entry("@odata.etag", &format!("W/\"{key}\""))?;
        row.map.serialize_entry("id", &self.mailbox.message_id(self.number, self.view.form))?;
        row.put("createdDateTime", || instant(message.received))?;
        row.put("lastModifiedDateTime", || instant(message.modified))?;
        row.put("changeKey", || key.clone())?;
        row.put("categories", || [""; 0])?;
        row.put("receivedDateTime", || instant(message.received))?;
        row.put("sentDateTime", || instant(letter.sent))?;
        row.put("hasAttachments", || letter.attachment)?;
        row.put("internetMessageId", || letter.internet_message_id.as_deref())?;
        row.put("subject", || letter.subject.as_str())?;
        row.put("importance", || "normal")?;
        row.put("parentFolderId", || self.mailbox.folder_id(message.folder))?;
        row.put("conversationId", || self.mailbox.conversation_id(letter))?;
        row.put("isDeliveryReceiptRequested", || false)?;
        row.put("isReadReceiptRequested", || false)?;
        row.put("isRead", || message.is_read)?;
        row.put("isDraft", || letter.kind == LetterKind::Draft)?;
        row.put("inferenceClassification", || "focused")?;
        // A draft that nobody has addressed yet has no sender at all.
        if let Some(sender) = letter.sender {
            row.put("sender", || Recipient::new(self.world, sender))?;
        }
        if let Some(from) = letter.from {
            row.put("from", || Recipient::new(self.world, from))?;
        }
        row.put("toRecipients", || Recipient::list(self.world, &letter.to))?;
        row.put("ccRecipients", || Recipient::list(self.world, &letter.cc))?;
        row.put("bccRecipients", || self.blind_copies())?;
        row.put("flag", || json!({"flagStatus": if message.flagged { "flagged" } else { "notFlagged" }}))?;
        if self.view.bodies {
            let number = message.letter.0;
            row.put("bodyPreview", || format!("CANARY-PREVIEW-M{number:07}"))?;
            let size = if letter.big { self.view.big } else { 0 };
            row.put("body", || Body::new(&format!("CANARY-BODY-M{number:07}"), self.view.text, size))?;
        }
        if kind != TYPE && self.select.is_everything() {
            let request = letter.kind == LetterKind::MeetingRequest;
            let word = if request { "meetingRequest" } else { "meetingAccepted" };
            row.map.serialize_entry("meetingMessageType", word)?;
            row.map.serialize_entry("type", "singleInstance")?;
            row.map.serialize_entry("isOutOfDate", &false)?;
            row.map.serialize_entry("isAllDay", &false)?;
            row.map.serialize_entry("isDelegated", &false)?;
            let place = format!("CANARY-LOCATION-M{:07}", message.letter.0);
            row.map.serialize_entry("location", &json!({"displayName": place, "locationType": "default"}))?;
        }
        row.map.end()
    }
}

impl MessageRow<'_> {
    /// Only the copy of whoever sent the letter shows its blind copies.
    fn blind_copies(&self) -> Vec<Recipient<'_>> {
        let folder = self.mailbox.folder(self.message().folder);
        let own = matches!(folder.alias, Some("sentitems" | "drafts"));
        if own { Recipient::list(self.world, &self.letter().bcc) } else { Vec::new() }
    }
}

struct Fields<'a, M> {
    map: M,
    select: &'a Select,
}

impl<M: SerializeMap> Fields<'_, M> {
    fn put<T: serde::Serialize>(&mut self, name: &'static str, value: impl FnOnce() -> T) -> Result<(), M::Error> {
        if self.select.has(name) { self.map.serialize_entry(name, &value()) } else { Ok(()) }
    }
}
