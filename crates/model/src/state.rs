//! States, with the word under which each is stored and shown.

use serde::{Deserialize, Serialize};

/// How a run ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// At work, or its process was killed.
    Running,
    /// Every mailbox was synced or skipped for a known reason.
    Succeeded,
    /// Done, but some mailboxes failed or a permission is missing.
    Partial,
    /// Nothing could be read.
    Failed,
    /// The agreement does not stand.
    Blocked,
}

impl RunStatus {
    /// The word that is stored and printed.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
        }
    }

    /// Reads [`RunStatus::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Running, Self::Succeeded, Self::Partial, Self::Failed, Self::Blocked]
            .into_iter()
            .find(|status| status.word() == word)
    }
}

/// How a run ended, for whoever decides about exit codes: finer than its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// Everything that can be read was read.
    Done,
    /// Some mailboxes failed, or a permission is missing.
    Partly,
    /// The agreement does not stand.
    Blocked,
    /// Microsoft refused the credentials, or granted nothing that can be read.
    Refused,
    /// Nothing was read for another reason, or the run was stopped.
    Failed,
}

impl Ended {
    /// The word that is stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partly => "partly",
            Self::Blocked => "blocked",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// Reads [`Ended::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Done, Self::Partly, Self::Blocked, Self::Refused, Self::Failed]
            .into_iter()
            .find(|ended| ended.word() == word)
    }

    /// What the run summary calls it.
    pub const fn status(self) -> RunStatus {
        match self {
            Self::Done => RunStatus::Succeeded,
            Self::Partly => RunStatus::Partial,
            Self::Blocked => RunStatus::Blocked,
            Self::Refused | Self::Failed => RunStatus::Failed,
        }
    }
}

/// What a delta cursor walks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// The primary calendar of a mailbox, within a window.
    Calendar,
    /// One mail folder.
    MailFolder,
    /// The plain list of a folder whose filtered delta round stopped at the service's cap; it ends, a delta does not.
    MailBackfill,
}

impl StreamKind {
    /// The word that is stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Calendar => "calendar",
            Self::MailFolder => "mail_folder",
            Self::MailBackfill => "mail_backfill",
        }
    }

    /// Reads [`StreamKind::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Calendar, Self::MailFolder, Self::MailBackfill].into_iter().find(|kind| kind.word() == word)
    }
}

/// How a stream is read. The first way is the one that the service documents; each of the others is for streams whose rounds
/// [do not end](https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/3082) in the way before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// By delta rounds.
    Delta,
    /// By delta rounds of larger pages.
    LargePages,
    /// By delta rounds of larger pages over a shorter window ahead.
    ShortWindow,
    /// By plain lists, each compared with what is stored.
    List,
}

impl Way {
    const ALL: [Self; 4] = [Self::Delta, Self::LargePages, Self::ShortWindow, Self::List];

    /// The word that is stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delta => "delta",
            Self::LargePages => "large_pages",
            Self::ShortWindow => "short_window",
            Self::List => "list",
        }
    }

    /// Reads [`Way::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.word() == word)
    }

    /// The way that is tried when this one does not end. A folder has no window to shorten.
    pub const fn next(self, kind: StreamKind) -> Option<Self> {
        match (self, kind) {
            (_, StreamKind::MailBackfill) | (Self::List, _) => None,
            (Self::Delta, _) => Some(Self::LargePages),
            (Self::LargePages, StreamKind::Calendar) => Some(Self::ShortWindow),
            (Self::LargePages | Self::ShortWindow, _) => Some(Self::List),
        }
    }
}
