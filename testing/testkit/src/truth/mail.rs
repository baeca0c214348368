//! What letters come to: one record for each copy that lies where people keep what they sent and received.

use std::collections::BTreeMap;

use graph_sim::world::{FolderKind, FolderNo, LetterKind, Mailbox, MessageNo, UserKind};
use graph_sim::{IdForm, World};
use serde_json::{Value, json};

use super::people::{Gatekeeper, Said, Standing};
use super::{Rules, written};

/// Folders whose contents nobody sent or received, or that were thrown away, with all below them.
const NOT_READ: [&str; 12] = [
    "drafts",
    "outbox",
    "deleteditems",
    "junkemail",
    "conversationhistory",
    "scheduled",
    "syncissues",
    "conflicts",
    "localfailures",
    "serverfailures",
    "searchfolders",
    "recoverableitemsdeletions",
];

/// The records of every mailbox, by id.
pub fn records(world: &World, rules: &Rules) -> BTreeMap<String, Value> {
    let gatekeeper = Gatekeeper::new(world, rules);
    let mut out = BTreeMap::new();
    for (user, mailbox) in world.mailboxes().filter(|(user, _)| world.user(*user).kind != UserKind::Guest) {
        let _ = user;
        for (number, message) in mailbox.live_messages() {
            if message.received >= rules.since
                && is_read(mailbox, message.folder)
                && let Some(record) = record(world, &gatekeeper, mailbox, number)
            {
                out.insert(record["externalId"].as_str().expect("an id").to_owned(), record);
            }
        }
    }
    out
}

/// Whether what lies in a folder is mail that was sent or received.
pub fn is_read(mailbox: &Mailbox, folder: FolderNo) -> bool {
    let mut at = Some(folder);
    while let Some(here) = at {
        let folder = mailbox.folder(here);
        let skipped = folder.alias.is_some_and(|alias| NOT_READ.contains(&alias));
        if skipped || folder.removed || folder.hidden || folder.kind == FolderKind::Search {
            return false;
        }
        at = folder.parent;
    }
    // What lies in the root itself is in no folder that is listed.
    mailbox.folder(folder).parent.is_some()
}

fn record(world: &World, gatekeeper: &Gatekeeper<'_>, mailbox: &Mailbox, number: MessageNo) -> Option<Value> {
    let message = mailbox.message(number);
    let letter = &world.letters[message.letter.0];
    if matches!(letter.kind, LetterKind::MeetingRequest | LetterKind::MeetingResponse) {
        return None;
    }
    let mut people: Vec<String> = Vec::new();
    for person in letter.sender.iter().chain(&letter.to).chain(&letter.cc) {
        if let Standing::LetIn(address, _) = gatekeeper.standing(*person)
            && !people.contains(&address)
        {
            debug_assert!(matches!(gatekeeper.said(*person), Said::Address(..)));
            people.push(address);
        }
    }
    Some(json!({
        "externalId": format!("o365_email_{}", mailbox.message_id(number, IdForm::Immutable)),
        "type": "email_thread",
        "channel": "email",
        "occurredAt": written(message.received),
        "personExternalId": people.first()?,
        "properties": {
            "conversationId": mailbox.conversation_id(letter),
            "participantCount": people.len(),
            "participantEmails": people,
            "subject": letter.subject,
        },
    }))
}
