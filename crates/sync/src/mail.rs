//! A page of a mail folder: which messages become records.

use m365_activity::{FilteredMessage, email_activity};
use m365_database::DpaAccepted;
use m365_graph::Message;
use m365_privacy::filter_email_participants;
use m365_store::keys::ShortKey;
use m365_store::records::{MessageCopy, ToStore};
use m365_store::settings::{Choice, Detail, MailDedupe};
use m365_store::streams::Round;

use crate::rules::Rules;
use crate::summary::{Counts, Dropped};

/// What the messages of a page of `user`'s come to. Pure: nothing is stored here.
pub(crate) fn plan_page(
    gate: &DpaAccepted<'_>,
    rules: &Rules,
    round: &Round,
    user: &str,
    messages: Vec<Message>,
) -> (Vec<ToStore>, Counts) {
    let mut counts = Counts::default();
    let mut wanted = Vec::new();
    for mut message in messages {
        let id = message.internet_message_id.take().filter(|_| rules.settings.mail_dedupe != MailDedupe::Off);
        match plan_message(gate, rules, round, message, &mut counts) {
            Ok(activity) => {
                counts.messages.keep();
                let copy = id.map(|id| MessageCopy { key: ShortKey::message(&id), user: user.to_owned() });
                wanted.push(ToStore { activity, meeting: None, copy, renames: None });
            }
            Err(reason) => counts.messages.drop(reason),
        }
    }
    (wanted, counts)
}

fn plan_message(
    gate: &DpaAccepted<'_>,
    rules: &Rules,
    round: &Round,
    message: Message,
    counts: &mut Counts,
) -> Result<m365_activity::CanonicalActivity, Dropped> {
    if message.removed {
        return Err(Dropped::Removed);
    }
    if message.is_meeting_message && rules.settings.meeting_mail == Choice::Exclude {
        return Err(Dropped::MeetingMail);
    }
    // A change of a flag comes without people and says nothing of them: what is stored stays.
    let nobody = message.sender.is_none() && message.to.is_none() && message.cc.is_none();
    let Some(received) = message.received.filter(|_| !nobody) else { return Err(Dropped::PartialRow) };
    // The service's own filter is not the last word: an old message that is moved into the folder is reported too.
    if received < round.window_start || rules.is_too_old(received) {
        return Err(Dropped::OutsideWindow);
    }
    let (to, cc) = (message.to.unwrap_or_default(), message.cc.unwrap_or_default());
    let people = filter_email_participants(&rules.filter, message.sender, to, cc);
    counts.addresses.merge(people.counts());
    if let Some(verdict) = people.verdict() {
        return Err(verdict.into());
    }
    let subject = message.subject.filter(|_| rules.keeps_subjects()).and_then(|raw| people.subject(raw));
    let filtered = FilteredMessage {
        id: message.id,
        received,
        conversation_id: message.conversation_id,
        subject,
        people,
        with_details: rules.settings.detail == Detail::Extended,
    };
    email_activity(gate, &rules.mappings, &filtered).ok_or(Dropped::Malformed)
}
