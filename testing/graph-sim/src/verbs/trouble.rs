//! Faults, quirks, and what was seen.

use crate::Simulator;
use crate::faults::{LinkTrouble, Links, PageTrouble, Quirks, Scope, TokenTrouble, Trouble};
use crate::watch::{Counters, LogEntry};
use crate::world::UserNo;

impl Simulator {
    /// The next so many requests are answered with 429 and this `Retry-After`, in seconds.
    pub fn throttle(&self, scope: impl Into<Scope>, requests: u32, retry_after: u64) {
        let trouble = Trouble::Throttle(Some(retry_after.to_string()));
        self.faults().add(scope.into(), requests, trouble);
    }

    /// The same with any text in `Retry-After`, a date for example, or without the header.
    pub fn throttle_with(&self, scope: impl Into<Scope>, requests: u32, retry_after: Option<&str>) {
        let trouble = Trouble::Throttle(retry_after.map(str::to_owned));
        self.faults().add(scope.into(), requests, trouble);
    }

    /// The next so many requests fail; with an empty code the body is empty. `u32::MAX` is for
    /// ever, or until [`Simulator::clear_faults`].
    pub fn fail(&self, scope: impl Into<Scope>, status: u16, code: &str, requests: u32) {
        self.faults().add(scope.into(), requests, Trouble::Fail(status, code.to_owned()));
    }

    /// The next so many answers break off in the middle.
    pub fn drop_response_halfway(&self, scope: impl Into<Scope>, requests: u32) {
        self.faults().add(scope.into(), requests, Trouble::Halfway);
    }

    /// The next so many connections are closed without an answer.
    pub fn hang_up(&self, scope: impl Into<Scope>, requests: u32) {
        self.faults().add(scope.into(), requests, Trouble::HangUp);
    }

    /// The next so many requests for a token are refused like this.
    pub fn fail_token(&self, status: u16, error: &str, description: &str, requests: u32) {
        let (error, description) = (error.to_owned(), description.to_owned());
        self.faults().add_token(requests, TokenTrouble { status, error, description });
    }

    /// Every link handed out so far answers 410: the service has forgotten its sync states.
    pub fn expire_links(&self, scope: impl Into<Scope>) {
        let scope = scope.into();
        let mut world = self.world_mut();
        for (number, user) in world.users.iter_mut().enumerate() {
            if let Some(mailbox) = &mut user.mailbox
                && (scope == Scope::All || scope == Scope::Mailbox(UserNo(number)))
            {
                mailbox.generation += 1;
            }
        }
    }

    /// The next so many pages of delta rounds have an item in their middle that is none.
    pub fn malformed_item(&self, scope: impl Into<Scope>, pages: u32) {
        self.faults().add_page(scope.into(), pages, PageTrouble::MalformedItem);
    }

    /// The next so many pages of delta rounds have neither a next link nor a delta link.
    pub fn page_without_links(&self, scope: impl Into<Scope>, pages: u32) {
        self.faults().add_page(scope.into(), pages, PageTrouble::NoLinks);
    }

    /// The next so many pages of delta rounds are empty and lead on: what would have been on them
    /// comes later.
    pub fn empty_pages(&self, scope: impl Into<Scope>, pages: u32) {
        self.faults().add_page(scope.into(), pages, PageTrouble::Empty);
    }

    /// On the next so many pages of delta rounds every item stands twice.
    pub fn double_rows(&self, scope: impl Into<Scope>, pages: u32) {
        self.faults().add_page(scope.into(), pages, PageTrouble::Twice);
    }

    /// The next so many pages of delta rounds come once more, behind a link of their own.
    pub fn repeat_pages(&self, scope: impl Into<Scope>, pages: u32) {
        self.faults().add_page(scope.into(), pages, PageTrouble::Again);
    }

    /// The next so many requests that follow such a link are refused: 410 where the service has forgotten its sync state, 400
    /// where it takes the link for malformed. With an empty code the body is empty.
    pub fn refuse_links(&self, scope: impl Into<Scope>, links: Links, status: u16, code: &str, requests: u32) {
        let trouble = LinkTrouble { links, status, code: code.to_owned() };
        self.faults().add_link(scope.into(), requests, trouble);
    }

    /// The list of users breaks off behind so many accounts, until [`Simulator::mend_user_list`]: what comes then cannot be had.
    pub fn cut_user_list(&self, accounts: usize) {
        self.faults().users_cut = Some(accounts);
    }

    /// The list of users is whole again.
    pub fn mend_user_list(&self) {
        self.faults().users_cut = None;
    }

    /// The next so many links lead to another host, `http://elsewhere.example` say.
    pub fn foreign_links(&self, scope: impl Into<Scope>, pages: u32, root: &str) {
        self.faults().add_page(scope.into(), pages, PageTrouble::Foreign(root.to_owned()));
    }

    /// The next so many pages of delta rounds lead to themselves.
    pub fn repeat_next_links(&self, scope: impl Into<Scope>, pages: u32) {
        self.faults().add_page(scope.into(), pages, PageTrouble::Repeat);
    }

    /// Listings of this kind lead back to themselves: their link is to the page that it stands on.
    pub fn circle_listing(&self, kind: &'static str) {
        self.faults().circular.insert(kind);
    }

    /// The next so many links have lost the user's key: `users//…`.
    pub fn keyless_links(&self, scope: impl Into<Scope>, pages: u32) {
        self.faults().add_page(scope.into(), pages, PageTrouble::Keyless);
    }

    /// The mailbox answers 503 to whoever names it by anything but its object id.
    pub fn stale_by_name(&self, user: UserNo) {
        self.faults().nameless.insert(user);
    }

    /// Every token issued so far is refused from now on.
    pub fn expire_tokens(&self) {
        let mut entra = self.entra();
        entra.revoked = entra.issued;
    }

    /// What tokens carry from now on. Older tokens keep what they carry; call
    /// [`Simulator::expire_tokens`] too where it should bite at once.
    pub fn set_roles(&self, roles: &[&str]) {
        self.entra().roles = roles.iter().map(|role| (*role).to_owned()).collect();
    }

    /// Another client secret: the old one no longer works.
    pub fn set_client_secret(&self, secret: &str) {
        secret.clone_into(&mut self.entra().client_secret);
    }

    /// Whether `/organization` answers.
    pub fn set_organization_readable(&self, readable: bool) {
        self.entra().organization_readable = readable;
    }

    /// Puts everything right; what has happened already stays.
    pub fn clear_faults(&self) {
        self.faults().clear();
    }

    /// How the service behaves where reports disagree.
    pub fn quirks(&self) -> Quirks {
        self.faults().quirks
    }

    /// Changes how the service behaves.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.faults().quirks = quirks;
    }

    /// What has been asked so far, in numbers.
    pub fn counters(&self) -> Counters {
        self.watch().counters.clone()
    }

    /// The requests so far, oldest first; of very many, the last 100,000.
    pub fn request_log(&self) -> Vec<LogEntry> {
        self.watch().log.iter().cloned().collect()
    }

    /// Forgets the requests so far, and starts counting anew.
    pub fn clear_watch(&self) {
        let mut watch = self.watch();
        watch.log.clear();
        watch.counters = Counters::default();
    }
}
