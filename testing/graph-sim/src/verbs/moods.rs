//! Mailboxes out of order: for a while, for good, or for some requests only.

use crate::Simulator;
use crate::faults::{Loop, Scope, Trouble};
use crate::world::{FolderNo, UserNo};

/// Which policy of the tenant keeps the application out of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// An application access policy
    /// (<https://learn.microsoft.com/graph/auth-limit-mailbox-access>).
    AccessPolicy,
    /// A scope of role-based access control, or the same policy as some paths tell it.
    RoleScope,
}

impl Simulator {
    /// The mailbox answers nothing but this until [`Simulator::clear_mailbox_error`]; with an empty code the body is empty.
    pub fn mailbox_error(&self, user: UserNo, status: u16, code: &str) {
        self.break_mailbox(user, status, code, "The mailbox cannot be used.");
    }

    fn break_mailbox(&self, user: UserNo, status: u16, code: &str, text: &str) {
        self.faults().mailbox_errors.insert(user, (status, code.to_owned(), text.to_owned()));
    }

    /// The mailbox answers again.
    pub fn clear_mailbox_error(&self, user: UserNo) {
        self.faults().mailbox_errors.remove(&user);
    }

    /// The mailbox is on its way to another server and answers again after [`Simulator::clear_mailbox_error`].
    pub fn begin_mailbox_move(&self, user: UserNo) {
        self.break_mailbox(user, 503, "ErrorMailboxMoveInProgress", "Mailbox move in progress. Try again later.");
    }

    /// The next so many requests find the mailbox on its way to another server.
    pub fn move_mailbox(&self, user: UserNo, requests: u32) {
        self.faults().add(user.into(), requests, Trouble::Fail(503, "ErrorMailboxMoveInProgress".to_owned()));
    }

    /// The mailbox is full, until [`Simulator::clear_faults`]: the service has no room for the state of delta rounds, while
    /// plain lists work.
    pub fn fill_quota(&self, user: UserNo) {
        let full = || Trouble::Fail(403, "ErrorQuotaExceeded".to_owned());
        for kind in ["messages/delta", "calendarView/delta"] {
            self.faults().add(Scope::MailboxKind(user, kind), u32::MAX, full());
        }
    }

    /// The mailbox was deleted and can still be brought back, by [`Simulator::clear_mailbox_error`].
    pub fn soft_delete(&self, user: UserNo) {
        let text = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
        self.break_mailbox(user, 404, "MailboxNotEnabledForRESTAPI", text);
    }

    /// The mailbox lies on a server of the tenant's own.
    pub fn host_on_premises(&self, user: UserNo) {
        let text = "The mailbox is not hosted in Exchange Online.";
        self.break_mailbox(user, 404, "MailboxNotHostedInExchangeOnline", text);
    }

    /// The tenant's policy keeps the application out of the mailbox.
    pub fn close_by_policy(&self, user: UserNo, policy: Policy) {
        let text = match policy {
            Policy::AccessPolicy => "Access to OData is disabled.",
            Policy::RoleScope => "Access is denied. Check credentials and try again.",
        };
        self.break_mailbox(user, 403, "ErrorAccessDenied", text);
    }

    /// First rounds over this calendar never end: the same page for ever behind links that differ
    /// (<https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/3082>). Plain views work.
    pub fn loop_calendar(&self, user: UserNo) {
        self.loop_calendar_below(user, usize::MAX);
    }

    /// The same, but pages of at least this size are spared.
    pub fn loop_calendar_below(&self, user: UserNo, page_size: usize) {
        self.faults().loops.insert(user, Loop::BelowPageSize(page_size));
    }

    /// The same, but windows of at most so many days are spared.
    pub fn loop_calendar_over(&self, user: UserNo, days: i64) {
        self.faults().loops.insert(user, Loop::OverDays(days));
    }

    /// The calendar's rounds end again.
    pub fn unloop_calendar(&self, user: UserNo) {
        self.faults().loops.remove(&user);
    }

    /// First rounds over this folder never end, in the same way
    /// (<https://github.com/microsoftgraph/microsoft-graph-docs/issues/4897>). Plain lists work.
    pub fn loop_folder(&self, user: UserNo, folder: FolderNo) {
        self.faults().folder_loops.insert((user, folder));
    }

    /// The folder's rounds end again.
    pub fn unloop_folder(&self, user: UserNo, folder: FolderNo) {
        self.faults().folder_loops.remove(&(user, folder));
    }

    /// Rounds over this calendar time out on pages smaller than this, if it holds a series without an end: 504, until
    /// [`Simulator::clear_faults`] (<https://github.com/microsoftgraph/microsoft-graph-docs/issues/3657>).
    pub fn time_out_endless_series(&self, user: UserNo, below_page_size: usize) {
        self.faults().slow_series.insert(user, below_page_size);
    }
}
