//! What a sync would keep and drop, by reason and by rule, without keeping anything.
//!
//! It reads plain lists, which leave no cursor behind, and counts in memory. Nothing is said of one mailbox.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use m365_activity::Properties;
use m365_database::{DpaAccepted, GateError, assert_dpa_accepted};
use m365_graph::{Event, Graph, GraphError, Next, Sensitivity};
use m365_model::{GraphUserId, StreamKind, TenantId};
use m365_privacy::{AddressCounts, DomainName, filter_calendar_attendees};
use m365_store::StoreError;
use m365_store::keys::ShortKey;
use m365_store::mailboxes::MailboxChoice;
use m365_store::settings::{Choice, Detail, MailDedupe};
use m365_store::streams::Round;
use serde::Serialize;
use thiserror::Error;

use crate::calendar::cancelled_before;
use crate::engine::MAILBOXES_AT_ONCE;
use crate::mail::plan_page;
use crate::meeting_key::{ONLY, instance, series_key};
use crate::plan::{Terms, new_round};
use crate::rules::Rules;
use crate::summary::{Counts, Dropped, MailboxCounts};
use crate::{Engine, Progress, SyncError, Watcher, directory, folders};

/// What a sync would keep of the look-back window and of what is to come.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// How many mailboxes were looked at, passed over, and could not be read.
    pub mailboxes: MailboxCounts,
    /// By domain, in the order of the alphabet; one without anything stands here too.
    pub domains: Vec<DomainPreview>,
    /// How many messages would be kept.
    pub messages: u64,
    /// How many meetings would be kept, those to come included; one seen in several mailboxes is one.
    pub meetings: u64,
    /// What would not be kept, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Why addresses would not pass.
    pub addresses: AddressCounts,
}

/// What one domain of the list would bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DomainPreview {
    /// The domain.
    pub domain: String,
    /// Whether it is proposed only.
    pub is_proposed: bool,
    /// Messages with somebody whom it lets in.
    pub mails: u64,
    /// Those of them that a machine sent.
    pub automated: u64,
    /// Meetings with somebody whom it lets in.
    pub meetings: u64,
}

/// Why there is no preview.
#[derive(Debug, Error)]
pub enum PreviewError {
    /// The agreement does not stand.
    #[error("{}", crate::remedy::ACCEPT)]
    Blocked,
    /// The connector was disconnected.
    #[error("{}", crate::remedy::CONNECT_AGAIN)]
    Disconnected,
    /// Microsoft refused.
    #[error("{0}; {resolution}", resolution = .0.resolution())]
    Graph(#[from] GraphError),
    /// Something of ours failed.
    #[error(transparent)]
    Sync(#[from] SyncError),
}

impl From<StoreError> for PreviewError {
    fn from(error: StoreError) -> Self {
        Self::Sync(error.into())
    }
}

/// Looks at everything that a sync of `tenant` would look at, with `proposals` on the list besides; each with whether its
/// subdomains count too.
///
/// # Errors
/// When the agreement does not stand, the users cannot be listed, or the database fails.
pub async fn preview(
    tenant: &TenantId,
    engine: &Engine,
    proposals: &[(DomainName, bool)],
    watcher: &dyn Watcher,
) -> Result<Preview, PreviewError> {
    let gate = match assert_dpa_accepted(tenant, engine.store.database()).await {
        Ok(gate) => gate,
        Err(GateError::Database(error)) => return Err(StoreError::from(error).into()),
        Err(GateError::NotConnected) => return Err(StoreError::NotConnected.into()),
        Err(GateError::Disconnected) => return Err(PreviewError::Disconnected),
        Err(GateError::NotAccepted | GateError::Outdated) => return Err(PreviewError::Blocked),
    };
    let connector = engine.store.connector(tenant).await?;
    let graph = engine.client(tenant, connector.entra_tenant, MailDedupe::Off).map_err(SyncError::from)?;
    let found = directory::read(&graph, &gate).await?;
    let own: Vec<DomainName> = found.used.into_iter().chain(found.verified.into_iter().flatten()).collect();
    let mut rules = Rules::proposed(&engine.store, tenant, proposals, &own).await?;
    // Who wrote by machine is told in further properties alone, and nothing of this is kept.
    rules.settings.detail = Detail::Extended;
    let listed = engine.store.allow_list(tenant).await?.entries;
    let mut sums = Sums::new(listed.iter().map(|entry| &entry.domain), proposals);
    let left_out: BTreeSet<String> = engine
        .store
        .mailbox_overview(tenant)
        .await?
        .into_iter()
        .filter(|mailbox| mailbox.choice == Some(MailboxChoice::Exclude))
        .map(|mailbox| mailbox.mailbox)
        .collect();
    let (skipped, members): (Vec<_>, Vec<_>) =
        found.members.into_iter().partition(|user| left_out.contains(user.as_str()));
    sums.mailboxes.skipped += skipped.len() as u64;
    watcher.on(Progress::Mailboxes(members.len() as u64));
    let now = engine.store.surroundings().now();
    let look = Look { graph: &graph, gate: &gate, rules: &rules, now };
    let mut looks = std::pin::pin!(
        stream::iter(members)
            .map(|user| async { look.mailbox(user, watcher).await })
            .buffer_unordered(MAILBOXES_AT_ONCE)
    );
    while let Some(found) = looks.next().await {
        sums.add(found);
        watcher.on(Progress::MailboxDone);
    }
    Ok(sums.preview())
}

/// What the mailboxes are looked at with.
struct Look<'l> {
    graph: &'l Graph,
    gate: &'l DpaAccepted<'l>,
    rules: &'l Rules,
    now: Timestamp,
}

/// What was found in one mailbox.
#[derive(Default)]
struct Found {
    end: MailboxCounts,
    counts: Counts,
    mails: BTreeMap<String, (u64, u64)>,
    meetings: Vec<(ShortKey, Meeting)>,
}

/// A copy of a meeting.
enum Meeting {
    /// It takes place, with people of these domains.
    With(BTreeSet<String>),
    /// It is private or was cancelled, whatever other copies say.
    Vetoed,
}

impl Look<'_> {
    async fn mailbox(&self, user: GraphUserId, watcher: &dyn Watcher) -> Found {
        let mut found = Found::default();
        let end = self.read(&user, &mut found, watcher).await;
        match end.map_err(|error| error.mailbox_verdict()) {
            Ok(()) => found.end.synced += 1,
            Err(m365_graph::MailboxVerdict::Skip(_) | m365_graph::MailboxVerdict::AccessDenied) => {
                found.end.skipped += 1;
            }
            Err(_) => found.end.failed += 1,
        }
        found
    }

    async fn read(&self, user: &GraphUserId, found: &mut Found, watcher: &dyn Watcher) -> Result<(), GraphError> {
        let terms = Terms {
            window_version: 0,
            lookback_days: self.rules.settings.lookback_days,
            now: self.now,
            has_mail_rounds: true,
        };
        let window = new_round(StreamKind::Calendar, 0, &terms);
        for folder in folders::look(self.graph, self.gate, user).await? {
            let from = window.window_start;
            let mut page = self.graph.messages_list_start(self.gate, user, &folder, from).await?;
            loop {
                let seen = page.items.len() as u64;
                let (kept, mut counts) = plan_page(self.gate, self.rules, &window, user.as_str(), page.items);
                counts.messages.drop_many(Dropped::Malformed, page.malformed.into());
                for one in &kept {
                    found.mail(one.activity.properties());
                }
                found.counts.merge(&counts);
                watcher.on(Progress::Page { seen, kept: kept.len() as u64 });
                let Next::More(link) = page.next else { break };
                page = self.graph.follow(self.gate, user, &link).await?;
            }
        }
        let until = window.window_end.unwrap_or(self.now);
        let mut page = self.graph.calendar_list_start(self.gate, user, window.window_start, until).await?;
        loop {
            let (seen, before) = (page.items.len() as u64, found.counts.events.kept);
            found.counts.events.drop_many(Dropped::Malformed, page.malformed.into());
            for event in page.items {
                self.event(user, &window, event, found);
            }
            watcher.on(Progress::Page { seen, kept: found.counts.events.kept - before });
            let Next::More(link) = page.next else { return Ok(()) };
            page = self.graph.follow(self.gate, user, &link).await?;
        }
    }

    /// A plain view gives whole events: none waits for its master.
    fn event(&self, user: &GraphUserId, window: &Round, mut event: Event, found: &mut Found) {
        let Some(start) = event.starts_at() else { return found.counts.events.drop(Dropped::PartialRow) };
        if start < window.window_start || self.rules.is_too_old(start) {
            return found.counts.events.drop(Dropped::OutsideWindow);
        }
        let place = match &event.series_master_id {
            None => ONLY.to_owned(),
            Some(_) => instance(&event, start, false),
        };
        let lone = || ShortKey::series(&format!("{} {}", user.as_str(), event.id));
        let key = ShortKey::meeting(series_key(&event).unwrap_or_else(lone), &place);
        let is_private =
            self.rules.settings.private_events == Choice::Exclude && event.sensitivity == Some(Sensitivity::Other);
        let veto = if is_private {
            Some(Dropped::PrivateEvent)
        } else {
            cancelled_before(&event, start, self.now).then_some(Dropped::Cancelled)
        };
        if let Some(reason) = veto {
            found.counts.events.drop(reason);
            found.meetings.push((key, Meeting::Vetoed));
            return;
        }
        let (organizer, attendees) = (event.organizer.take(), event.attendees.take().unwrap_or_default());
        let people = filter_calendar_attendees(&self.rules.filter, self.rules.organizers(), organizer, attendees);
        found.counts.addresses.merge(people.counts());
        if let Some(verdict) = people.verdict() {
            return found.counts.events.drop(verdict.into());
        }
        found.counts.events.keep();
        let domains = people.attendances().iter().map(|one| one.person.account_domain().to_string()).collect();
        found.meetings.push((key, Meeting::With(domains)));
    }
}

impl Found {
    fn mail(&mut self, properties: &Properties) {
        let Properties::Email { details: Some(details), .. } = properties else { return };
        for domain in &details.account_domains {
            let sum = self.mails.entry(domain.clone()).or_default();
            sum.0 += 1;
            sum.1 += u64::from(details.automated);
        }
    }
}

/// What all mailboxes come to.
struct Sums {
    mailboxes: MailboxCounts,
    counts: Counts,
    domains: BTreeMap<String, DomainPreview>,
    meetings: HashMap<ShortKey, Meeting>,
}

impl Sums {
    fn new<'d>(listed: impl Iterator<Item = &'d DomainName>, proposals: &'d [(DomainName, bool)]) -> Self {
        let row = |domain: &DomainName, is_proposed| {
            let domain = domain.to_string();
            (domain.clone(), DomainPreview { domain, is_proposed, mails: 0, automated: 0, meetings: 0 })
        };
        let mut domains: BTreeMap<_, _> = proposals.iter().map(|(domain, _)| row(domain, true)).collect();
        domains.extend(listed.map(|domain| row(domain, false)));
        Self { mailboxes: MailboxCounts::default(), counts: Counts::default(), domains, meetings: HashMap::new() }
    }

    fn add(&mut self, found: Found) {
        self.mailboxes.synced += found.end.synced;
        self.mailboxes.skipped += found.end.skipped;
        self.mailboxes.failed += found.end.failed;
        self.counts.merge(&found.counts);
        for (domain, (mails, automated)) in found.mails {
            if let Some(row) = self.domains.get_mut(&domain) {
                row.mails += mails;
                row.automated += automated;
            }
        }
        for (key, meeting) in found.meetings {
            match (self.meetings.get_mut(&key), meeting) {
                (Some(Meeting::Vetoed), _) => {}
                (Some(Meeting::With(known)), Meeting::With(more)) => known.extend(more),
                (_, meeting) => {
                    self.meetings.insert(key, meeting);
                }
            }
        }
    }

    fn preview(mut self) -> Preview {
        let mut meetings = 0;
        for meeting in self.meetings.into_values() {
            let Meeting::With(domains) = meeting else { continue };
            meetings += 1;
            for domain in domains {
                if let Some(row) = self.domains.get_mut(&domain) {
                    row.meetings += 1;
                }
            }
        }
        let mut dropped = BTreeMap::new();
        for (reason, n) in self.counts.events.dropped.iter().chain(&self.counts.messages.dropped) {
            *dropped.entry(reason.word()).or_default() += n;
        }
        Preview {
            mailboxes: self.mailboxes,
            domains: self.domains.into_values().collect(),
            messages: self.counts.messages.kept,
            meetings,
            dropped,
            addresses: self.counts.addresses,
        }
    }
}
