//! How a run ends: what its mailboxes say together, or what broke it off.

use m365_graph::{GraphError, TokenError};
use m365_model::Ended;
use m365_store::StoreError;
use m365_store::mailboxes::MailboxState;
use serde::{Deserialize, Serialize};

use crate::mailbox::{Access, Failure, MailboxEnd};
use crate::remedy;
use crate::summary::{MailboxCounts, Problem};

/// How a run ended, and what a person should know or do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub ended: Ended,
    pub problems: Vec<Problem>,
}

impl Ending {
    fn of_all(ended: Ended, code: impl Into<String>, resolution: &str) -> Self {
        let problem = Problem { mailbox: None, code: code.into(), resolution: resolution.to_owned() };
        Self { ended, problems: vec![problem] }
    }

    pub fn done_with(problem: Problem) -> Self {
        Self { ended: Ended::Done, problems: vec![problem] }
    }

    /// The agreement does not stand.
    pub fn blocked() -> Self {
        Self::of_all(Ended::Blocked, "dpa_not_accepted", remedy::ACCEPT)
    }

    /// Nothing is connected any more.
    pub fn disconnected() -> Self {
        Self::of_all(Ended::Blocked, "disconnected", remedy::CONNECT_AGAIN)
    }

    /// A step failed: the log says why.
    pub fn failed() -> Self {
        Self { ended: Ended::Failed, problems: vec![] }
    }

    /// Somebody asked for it.
    pub fn stopped() -> Self {
        Self::of_all(Ended::Failed, "stopped", remedy::STOPPED)
    }
}

/// What broke a run off before its mailboxes ended. What stands is stored; the rest is as it was before.
pub(crate) fn broken_off(failure: Failure) -> Result<Ending, StoreError> {
    let error = match failure {
        Failure::Store(error) => return Err(error),
        Failure::Withdrawn => return Ok(Ending::blocked()),
        Failure::Stopped => return Ok(Ending::stopped()),
        Failure::Graph(error) => error,
    };
    let (ended, resolution) = match &error {
        GraphError::Token(TokenError::Refused(_)) => (Ended::Refused, error.resolution()),
        GraphError::Token(_) | GraphError::Unreachable => (Ended::Failed, error.resolution()),
        error if error.status() == Some(403) => (Ended::Refused, remedy::USERS),
        _ => (Ended::Failed, remedy::USER_LIST_CUT),
    };
    Ok(Ending::of_all(ended, error.code(), resolution))
}

/// What the mailboxes say together. Those that an administrator left out count as skipped.
pub(crate) fn conclude(ends: Vec<MailboxEnd>, left_out: u64, has_paused_entries: bool) -> (MailboxCounts, Ending) {
    let mut counts = MailboxCounts { skipped: left_out, ..MailboxCounts::default() };
    for end in &ends {
        match end.state {
            MailboxState::Synced => counts.synced += 1,
            MailboxState::Skipped => counts.skipped += 1,
            MailboxState::Failed => counts.failed += 1,
        }
    }
    let half_denied = |end: &MailboxEnd| end.state == MailboxState::Synced && end.problem.is_some();
    let all_denied =
        !ends.is_empty() && ends.iter().all(|end| end.calendar == Access::Denied && end.mail == Access::Denied);
    let permission_is_missing = ends.iter().any(half_denied);
    let told = ends.into_iter().flat_map(|end| end.problem.into_iter().chain(end.notes));
    let mut problems: Vec<Problem> = told.collect();
    let mut tell = |code: &str, resolution: &str| {
        problems.push(Problem { mailbox: None, code: code.to_owned(), resolution: resolution.to_owned() });
    };
    if has_paused_entries {
        tell("entry_paused", remedy::PAUSED);
    }
    if all_denied {
        tell("nothing_granted", remedy::NOTHING_GRANTED);
    }
    let ended = if all_denied {
        Ended::Refused
    } else if counts.failed > 0 && counts.synced == 0 {
        Ended::Failed
    } else if counts.failed > 0 || permission_is_missing {
        Ended::Partly
    } else {
        Ended::Done
    };
    (counts, Ending { ended, problems })
}
