//! The filter for mail.

use std::collections::HashSet;

use crate::filter::Finding;
use crate::{
    AddressCounts, AddressFilter, AddressReason, NoOne, Participant, RawAddress, RawText, Subject, Suppressions,
};

/// What may be kept of a message's people.
#[derive(Debug, Clone)]
pub struct FilteredParticipants {
    participants: Vec<Participant>,
    counts: AddressCounts,
    erased: Suppressions,
}

impl FilteredParticipants {
    /// Whether nobody passed, so that nothing of the message is kept.
    pub fn is_empty(&self) -> bool {
        self.participants.is_empty()
    }

    /// Those who passed, each once: sender, to, cc.
    pub fn participants(&self) -> &[Participant] {
        &self.participants
    }

    /// Why addresses did not pass.
    pub const fn counts(&self) -> &AddressCounts {
        &self.counts
    }

    /// Why nobody passed; `None` when somebody did.
    pub fn verdict(&self) -> Option<NoOne> {
        self.is_empty().then(|| NoOne::told_by(&self.counts))
    }

    /// The subject as it may be kept: nothing when nobody passed, when there is none, or when it names someone who was
    /// erased.
    pub fn subject(&self, raw: RawText) -> Option<Subject> {
        if self.is_empty() { None } else { Subject::of_item_with_someone(raw, &self.erased) }
    }
}

/// Filters the people of one message, in the order sender, to, cc; each address counts once.
pub fn filter_email_participants(
    filter: &AddressFilter,
    sender: Option<RawAddress>,
    to: Vec<RawAddress>,
    cc: Vec<RawAddress>,
) -> FilteredParticipants {
    let mut participants = Vec::new();
    let mut counts = AddressCounts::default();
    let mut seen = HashSet::new();
    // A sender without an address is a draft's, and no address that did not pass.
    let sender = sender.filter(|raw| !raw.is_absent());
    for raw in sender.into_iter().chain(to).chain(cc) {
        let judged = filter.judge(raw);
        if judged.key.is_some_and(|key| !seen.insert(key)) {
            continue;
        }
        match judged.finding {
            Finding::Admitted(person) => participants.push(person),
            Finding::Internal(_) => counts.add(AddressReason::Internal, 1),
            Finding::Refused(reason) => counts.add(reason, 1),
        }
    }
    FilteredParticipants { participants, counts, erased: filter.erased().clone() }
}
