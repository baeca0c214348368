//! The filter for mail.

use std::collections::HashSet;

use crate::filter::Finding;
use crate::{
    AddressCounts, AddressFilter, AddressReason, NoOne, Participant, RawAddress, RawText, Subject, Suppressions,
};

/// Who sent a message, as far as it may be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderKind {
    /// One of the company's own people.
    Internal,
    /// Somebody who passed.
    LetIn,
    /// Somebody else, or nobody who can be told.
    Other,
}

/// What may be kept of a message's people.
#[derive(Debug, Clone)]
pub struct FilteredParticipants {
    participants: Vec<Participant>,
    sender: SenderKind,
    is_automated: bool,
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

    /// Who sent it.
    pub const fn sender(&self) -> SenderKind {
        self.sender
    }

    /// Whether the sender's address is of the kind that machines write from. Some machines use others.
    pub const fn is_automated(&self) -> bool {
        self.is_automated
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
    let (mut sent_by, mut is_automated) = (SenderKind::Other, false);
    let has_sender = sender.is_some();
    for (place, raw) in sender.into_iter().chain(to).chain(cc).enumerate() {
        let judged = filter.judge(raw);
        if has_sender && place == 0 {
            sent_by = match &judged.finding {
                Finding::Admitted(_) => SenderKind::LetIn,
                Finding::Internal(_) | Finding::Refused(AddressReason::Internal) => SenderKind::Internal,
                Finding::Refused(_) => SenderKind::Other,
            };
            is_automated = judged.key.as_deref().is_some_and(is_machines);
        }
        if judged.key.is_some_and(|key| !seen.insert(key)) {
            continue;
        }
        match judged.finding {
            Finding::Admitted(person) => participants.push(person),
            Finding::Internal(_) => counts.add(AddressReason::Internal, 1),
            Finding::Refused(reason) => counts.add(reason, 1),
        }
    }
    FilteredParticipants { participants, sender: sent_by, is_automated, counts, erased: filter.erased().clone() }
}

/// How the local parts begin that nobody answers to, written without what separates their words. `postmaster` is
/// [a role](https://www.rfc-editor.org/rfc/rfc2142), and `mailer-daemon` the sender of
/// [delivery reports](https://www.rfc-editor.org/rfc/rfc3464).
const MACHINES: &[&str] = &["noreply", "donotreply", "dontreply", "mailerdaemon", "postmaster"];
/// Words that stand alone, or before a `+`, `-`, `_`, `.` or `=` and what the machine needs to know of its mail.
const MACHINE_WORDS: &[&str] = &["bounce", "bounces"];

fn is_machines(address: &str) -> bool {
    let Some((local, _)) = address.rsplit_once('@') else { return false };
    let is_separator = |c: char| matches!(c, '+' | '-' | '_' | '.' | '=');
    let joined: String = local.chars().filter(|c| !is_separator(*c)).collect();
    let first = local.split(is_separator).next().unwrap_or_default();
    MACHINES.iter().any(|start| joined.starts_with(start)) || MACHINE_WORDS.contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_known_by_their_names() {
        for local in [
            "noreply",
            "no-reply",
            "No_Reply",
            "no.reply+17",
            "do-not-reply",
            "donotreply",
            "noreply-billing",
            "mailer-daemon",
            "postmaster",
            "bounce",
            "bounces+7-abc=x",
            "bounce-123",
        ] {
            assert!(is_machines(&format!("{}@acme.com", local.to_lowercase())), "{local}");
        }
        for local in ["jane", "reply", "bouncer", "norah", "nora.eply", "jane.noreply", "info"] {
            assert!(!is_machines(&format!("{local}@acme.com")), "{local}");
        }
        assert!(!is_machines("noreply"), "no address");
    }
}
