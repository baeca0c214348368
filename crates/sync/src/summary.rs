//! What a run says of itself: counts, codes and our own sentences. No address, name, subject or text of Microsoft's.

use std::collections::BTreeMap;

use m365_graph::Usage;
use m365_model::RunStatus;
use m365_privacy::AddressCounts;
use m365_store::Tally;
use m365_store::streams::Coverage;
use serde::{Deserialize, Serialize};

/// Why an item was not kept. Every item that was seen is kept or has one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// Nobody outside the company takes part.
    NoExternalParticipant,
    /// People outside take part, none of a listed domain.
    DomainNotAllowed,
    /// Marked private, personal, confidential, or with a word that is not known.
    PrivateEvent,
    /// Cancelled before it began.
    Cancelled,
    /// An invitation or a response; the meeting itself counts.
    MeetingMail,
    /// A series. Its occurrences count.
    SeriesMaster,
    /// An occurrence whose series is gone.
    MasterGone,
    /// An occurrence whose series could not be read; the next sync asks again.
    MasterUnavailable,
    /// Deleted or moved.
    Removed,
    /// A row that tells of a change without saying what the item is.
    PartialRow,
    /// A copy of a message that another mailbox's copy stands for.
    Duplicate,
    /// Before or after the window.
    OutsideWindow,
    /// Not of the shape that Graph documents.
    Malformed,
}

impl Dropped {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::NoExternalParticipant,
        Self::DomainNotAllowed,
        Self::PrivateEvent,
        Self::Cancelled,
        Self::MeetingMail,
        Self::SeriesMaster,
        Self::MasterGone,
        Self::MasterUnavailable,
        Self::Removed,
        Self::PartialRow,
        Self::Duplicate,
        Self::OutsideWindow,
        Self::Malformed,
    ];

    /// The word in the summary.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoExternalParticipant => "no_external_participant",
            Self::DomainNotAllowed => "domain_not_allowed",
            Self::PrivateEvent => "private_event",
            Self::Cancelled => "cancelled",
            Self::MeetingMail => "meeting_mail",
            Self::SeriesMaster => "series_master",
            Self::MasterGone => "master_gone",
            Self::MasterUnavailable => "master_unavailable",
            Self::Removed => "removed",
            Self::PartialRow => "partial_row",
            Self::Duplicate => "duplicate",
            Self::OutsideWindow => "outside_window",
            Self::Malformed => "malformed",
        }
    }
}

impl From<m365_privacy::NoOne> for Dropped {
    fn from(verdict: m365_privacy::NoOne) -> Self {
        match verdict {
            m365_privacy::NoOne::NoExternalParticipant => Self::NoExternalParticipant,
            m365_privacy::NoOne::DomainNotAllowed => Self::DomainNotAllowed,
        }
    }
}

/// Items that were seen and what became of them: seen = kept + dropped, always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemCounts {
    /// Kept.
    pub kept: u64,
    /// Dropped, by reason.
    pub dropped: BTreeMap<Dropped, u64>,
}

impl ItemCounts {
    pub(crate) fn keep(&mut self) {
        self.kept += 1;
    }

    /// One that was counted as kept is not, after all.
    pub(crate) fn take_back(&mut self, reason: Dropped) {
        self.kept -= 1;
        self.drop(reason);
    }

    pub(crate) fn drop(&mut self, reason: Dropped) {
        self.drop_many(reason, 1);
    }

    pub(crate) fn drop_many(&mut self, reason: Dropped, n: u64) {
        if n > 0 {
            *self.dropped.entry(reason).or_default() += n;
        }
    }

    /// How many were seen.
    pub fn seen(&self) -> u64 {
        self.kept + self.dropped.values().sum::<u64>()
    }

    /// The same for the store, which counts by stream.
    pub(crate) fn coverage(&self) -> Coverage {
        let dropped = self.dropped.iter().map(|(reason, n)| (reason.word().to_owned(), *n)).collect();
        Coverage { seen: self.seen(), kept: self.kept, dropped }
    }

    fn merge(&mut self, other: &Self) {
        self.kept += other.kept;
        for (reason, n) in &other.dropped {
            self.drop_many(*reason, *n);
        }
    }
}

/// What one page, or many, came to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Calendar events.
    pub events: ItemCounts,
    /// Messages.
    pub messages: ItemCounts,
    /// Why single addresses did not pass.
    pub addresses: AddressCounts,
    /// Records.
    pub activities: Tally,
    /// Streams that had to start anew because Microsoft had forgotten their place.
    pub resyncs: u64,
    /// Events whose time stood in a zone that nobody knows, and was read as UTC.
    pub unknown_zones: u64,
}

impl Counts {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.events.merge(&other.events);
        self.messages.merge(&other.messages);
        self.addresses.merge(&other.addresses);
        self.activities += other.activities;
        self.resyncs += other.resyncs;
        self.unknown_zones += other.unknown_zones;
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Something that a person should know or do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// The mailbox's id in the Entra tenant; `null` when it concerns them all.
    pub mailbox: Option<String>,
    /// Graph's code, or a word of ours.
    pub code: String,
    /// What to do.
    pub resolution: String,
}

/// How the mailboxes ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxCounts {
    /// Read.
    pub synced: u64,
    /// Passed over for a known reason.
    pub skipped: u64,
    /// Not read, though they should have been.
    pub failed: u64,
}

/// Seen and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct SeenKept {
    seen: u64,
    kept: u64,
}

/// Records made, changed and taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct ActivityCounts {
    created: u64,
    updated: u64,
    retracted: u64,
}

/// The run summary, as `sync --json` prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunSummary {
    /// How the run ended.
    pub status: RunStatus,
    /// How the mailboxes ended.
    pub mailboxes: MailboxCounts,
    events: SeenKept,
    messages: SeenKept,
    activities: ActivityCounts,
    /// Items that were not kept, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Addresses that did not pass, by reason.
    pub addresses: AddressCounts,
    /// Requests to Microsoft Graph.
    pub requests: u64,
    /// How many of them were answered with "too many".
    pub throttled: u64,
    /// Streams that started anew.
    pub resyncs: u64,
    /// Events whose time zone is unknown and was read as UTC; left out when there is none.
    #[serde(rename = "unknownZones", default, skip_serializing_if = "is_zero")]
    pub unknown_zones: u64,
    /// Seconds that requests waited because Microsoft asked for less, summed over requests; left out when there is none.
    #[serde(rename = "waitedSeconds", default, skip_serializing_if = "is_zero")]
    pub waited_seconds: u64,
    /// What a person should know or do.
    pub problems: Vec<Problem>,
}

impl RunSummary {
    pub(crate) fn new(
        status: RunStatus,
        mailboxes: MailboxCounts,
        counts: &Counts,
        usage: &Usage,
        mut problems: Vec<Problem>,
    ) -> Self {
        let mut dropped = BTreeMap::new();
        for (reason, n) in counts.events.dropped.iter().chain(&counts.messages.dropped) {
            *dropped.entry(reason.word().to_owned()).or_default() += n;
        }
        problems.sort();
        Self {
            status,
            mailboxes,
            events: SeenKept { seen: counts.events.seen(), kept: counts.events.kept },
            messages: SeenKept { seen: counts.messages.seen(), kept: counts.messages.kept },
            activities: ActivityCounts {
                created: counts.activities.created,
                updated: counts.activities.updated,
                retracted: counts.activities.retracted,
            },
            dropped,
            addresses: counts.addresses,
            requests: usage.requests,
            throttled: usage.throttled,
            resyncs: counts.resyncs,
            unknown_zones: counts.unknown_zones,
            waited_seconds: usage.waited.as_secs(),
            problems,
        }
    }

    /// A run that read nothing, and why.
    pub(crate) fn nothing(status: RunStatus, problems: Vec<Problem>) -> Self {
        Self::new(status, MailboxCounts::default(), &Counts::default(), &Usage::default(), problems)
    }

    /// The summary in lines for people.
    pub fn lines(&self) -> Vec<String> {
        let m = &self.mailboxes;
        let mut lines = vec![
            format!("Mailboxes   {} synced, {} skipped, {} failed", m.synced, m.skipped, m.failed),
            format!("Meetings    {} seen, {} kept", self.events.seen, self.events.kept),
            format!("Messages    {} seen, {} kept", self.messages.seen, self.messages.kept),
            format!(
                "Records     {} new, {} changed, {} taken back",
                self.activities.created, self.activities.updated, self.activities.retracted
            ),
        ];
        if !self.dropped.is_empty() {
            let reasons: Vec<_> = self.dropped.iter().map(|(reason, n)| format!("{reason} {n}")).collect();
            lines.push(format!("Left out    {}", reasons.join(", ")));
        }
        let waited =
            if self.waited_seconds > 0 { format!(", {} s waited", self.waited_seconds) } else { String::new() };
        lines.push(format!("Microsoft   {} requests, {} throttled{waited}", self.requests, self.throttled));
        if self.unknown_zones > 0 {
            lines.push(format!("Time zones  {} events in an unknown zone were read as UTC", self.unknown_zones));
        }
        lines
    }
}
