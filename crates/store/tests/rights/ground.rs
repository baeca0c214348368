//! A connected tenant on either engine, and mail and meetings stored by the way that a sync takes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::{SignedDuration, Timestamp};
use m365_activity::{FieldMappings, FilteredEvent, FilteredMessage, email_activity, meeting_activities};
use m365_database::{Database, DpaAccepted, accept_dpa, assert_dpa_accepted};
use m365_model::{ManualClock, SeededEntropy, Surroundings, TenantId, UserId};
use m365_privacy::{
    AddressFilter, AttendeeKind, Exclusions, OrganizerRules, RawAddress, RawAttendee, RawText, ResponseStatus,
    Suppressions, filter_calendar_attendees, filter_email_participants,
};
use m365_store::erase::{ErasureReceipt, Target};
use m365_store::export::RecordQuery;
use m365_store::feed::Change;
use m365_store::keys::ShortKey;
use m365_store::meetings::{CopyKind, CopyState, CopyWrite};
use m365_store::records::ToStore;
use m365_store::streams::Advance;
use m365_store::{Crypter, MasterKey, PageTx, Store, StoreError};
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};

pub const NOON: &str = "2026-03-02T12:00:00Z";

pub struct Ground {
    pub store: Store,
    pub tenant: TenantId,
    pub clock: Arc<ManualClock>,
    pub folder: Arc<tempfile::TempDir>,
}

/// A meeting as a calendar tells it.
#[derive(Clone, Copy)]
pub struct Meeting<'a> {
    pub event: &'a str,
    pub subject: &'a str,
    pub organizer: &'a str,
    pub attendees: &'a [&'a str],
    pub start: &'a str,
}

impl Default for Meeting<'_> {
    fn default() -> Self {
        Self { event: "e1", subject: "Planning", organizer: "org@contoso.com", attendees: &[], start: NOON }
    }
}

/// Runs `test` on a new database of each engine that there is.
pub fn on_both(test: impl AsyncFn(Ground)) {
    block_on(async {
        test(Ground::on_sqlite().await).await;
        if let Some(server) = postgres_server() {
            let name = fresh_database(&server).await;
            let folder = Arc::new(tempfile::tempdir().expect("a folder"));
            let ground = Ground::new(&format!("{server}/{name}"), folder).await;
            let store = ground.store.clone();
            test(ground).await;
            store.database().close().await;
            let mut admin = connection(&format!("{server}/postgres")).await;
            let sql = format!("DROP DATABASE {name} WITH (FORCE)");
            admin.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.expect("no database");
        }
    });
}

pub fn block_on(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    runtime.block_on(work);
}

#[expect(clippy::disallowed_methods, reason = "where a server for tests runs is told to tests alone")]
fn postgres_server() -> Option<String> {
    std::env::var("TEST_POSTGRES_URL").ok()
}

async fn fresh_database(server: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("rights_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut admin = connection(&format!("{server}/postgres")).await;
    admin.execute(sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))).await.expect("a database");
    name
}

async fn connection(url: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(url).await.expect("a connection")
}

pub fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub fn operator() -> UserId {
    "operator".parse().expect("a user id")
}

pub fn key(digit: char) -> MasterKey {
    MasterKey::from_hex(&String::from_iter([digit; 64]).into()).expect("a key")
}

pub fn person(address: &str) -> Target {
    Target::Person(address.parse().expect("an address"))
}

pub fn domain(name: &str) -> Target {
    Target::Domain(name.parse().expect("a domain"))
}

impl Ground {
    pub async fn on_sqlite() -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let url = format!("sqlite://{}", folder.path().join("rights.db").display());
        Self::new(&url, folder).await
    }

    async fn new(url: &str, folder: Arc<tempfile::TempDir>) -> Self {
        let clock = Arc::new(ManualClock::new(instant(NOON)));
        let store = open(url, &clock, &folder).await;
        let tenant: TenantId = "default".parse().expect("a tenant id");
        let ground = Self { store, tenant, clock, folder };
        ground.connect().await;
        ground
    }

    /// The same file, opened anew, after whatever was done to it.
    pub async fn reopened(&self) -> Self {
        let url = format!("sqlite://{}", self.file().display());
        let store = open(&url, &self.clock, &self.folder).await;
        Self { store, tenant: self.tenant.clone(), clock: self.clock.clone(), folder: self.folder.clone() }
    }

    /// The same database, seen as another tenant.
    pub async fn another_tenant(&self) -> Self {
        let tenant: TenantId = "another".parse().expect("a tenant id");
        let ground = Self { store: self.store.clone(), tenant, clock: self.clock.clone(), folder: self.folder.clone() };
        ground.connect().await;
        ground
    }

    /// The same database under other keys.
    pub fn under(&self, crypter: Crypter) -> Self {
        let store = Store::new(self.store.database().clone(), crypter).with_ledger(self.ledger());
        Self { store, tenant: self.tenant.clone(), clock: self.clock.clone(), folder: self.folder.clone() }
    }

    async fn connect(&self) {
        let entra = if self.tenant.as_str() == "default" {
            "11111111-2222-3333-4444-555555555555"
        } else {
            "99999999-2222-3333-4444-555555555555"
        };
        let entra = entra.parse().expect("a GUID");
        let own = "contoso.com".parse().expect("a domain");
        let connector = self.store.connect(&self.tenant, &entra, &own, &operator()).await.expect("a connection");
        accept_dpa(&self.tenant, &operator(), &connector, self.store.database()).await.expect("an acceptance");
        self.allow(&["acme.com", "globex.com"], true).await;
    }

    pub async fn allow(&self, domains: &[&str], subdomains: bool) {
        let domains: Vec<_> = domains.iter().map(|name| name.parse().expect("a domain")).collect();
        self.store.allow(&self.tenant, &operator(), &domains, subdomains).await.expect("a list");
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("rights.db")
    }

    pub fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    pub async fn gate(&self) -> DpaAccepted<'_> {
        assert_dpa_accepted(&self.tenant, self.store.database()).await.expect("a standing agreement")
    }

    /// The filter of the present rules, and their version.
    pub async fn rules(&self) -> (AddressFilter, i64) {
        let erased = self.store.suppressions(&self.tenant).await.expect("suppressions");
        self.rules_without(erased).await
    }

    pub async fn rules_without(&self, erased: Suppressions) -> (AddressFilter, i64) {
        let list = self.store.allow_list(&self.tenant).await.expect("a list");
        let internal = self.store.internal_domains(&self.tenant).await.expect("domains");
        (AddressFilter::new(list.entries, internal, Exclusions::none()).without(erased), list.version)
    }

    /// Stores a message as a sync does now. `false`: nobody passed.
    pub async fn mail(&self, id: &str, subject: &str, people: &[&str]) -> bool {
        let (filter, version) = self.rules().await;
        self.mail_at(NOON, id, subject, people, &filter, version).await
    }

    pub async fn mail_at(
        &self,
        at: &str,
        id: &str,
        subject: &str,
        people: &[&str],
        filter: &AddressFilter,
        version: i64,
    ) -> bool {
        let gate = self.gate().await;
        let to = people.iter().map(|person| RawAddress::from(*person)).collect();
        let people = filter_email_participants(filter, Some("joe@contoso.com".into()), to, Vec::new());
        let message = FilteredMessage {
            with_details: false,
            id: id.to_owned(),
            received: instant(at),
            conversation_id: Some("conv".into()),
            subject: people.subject(RawText::from(subject)),
            people,
        };
        let Some(activity) = email_activity(&gate, &FieldMappings::default(), &message) else { return false };
        let mut page = self.store.open_join(&gate, version).await.expect("a page");
        page.put_activities(&[ToStore { activity, meeting: None, copy: None, renames: None }]).await.expect("stored");
        page.save(Advance::Nowhere).await.expect("saved");
        true
    }

    /// Stores a meeting, its copy and its records, as a sync does now. `false`: nobody passed.
    pub async fn meeting(&self, told: Meeting<'_>) -> bool {
        let gate = self.gate().await;
        let (_, version) = self.rules().await;
        let Some((people, write)) = self.copy(&gate, told, CopyKind::Single).await else { return false };
        let meeting = ShortKey::series(told.event);
        let mut page = self.store.open_join(&gate, version).await.expect("a page");
        put(&mut page, &CopyWrite { meeting_key: Some(meeting), people: Some(&people), ..write }).await;
        let subject = people.subject(RawText::from(told.subject));
        let start = instant(told.start);
        let end = start + SignedDuration::from_mins(30);
        let event = FilteredEvent {
            id: told.event.to_owned(),
            subject,
            start,
            end,
            is_online: Some(true),
            people,
            details: None,
        };
        let wanted: Vec<ToStore> = meeting_activities(&gate, &FieldMappings::default(), &event)
            .into_iter()
            .map(|activity| ToStore { activity, meeting: Some(meeting), copy: None, renames: None })
            .collect();
        page.put_activities(&wanted).await.expect("stored");
        page.save(Advance::Nowhere).await.expect("saved");
        true
    }

    /// Stores a series master, and an occurrence that has its people from it.
    pub async fn series(&self, told: Meeting<'_>, occurrence: &str) {
        let gate = self.gate().await;
        let (_, version) = self.rules().await;
        let (people, write) = self.copy(&gate, told, CopyKind::Master).await.expect("somebody");
        let (_, one) = self.copy(&gate, told, CopyKind::Occurrence).await.expect("somebody");
        let mut page = self.store.open_join(&gate, version).await.expect("a page");
        put(&mut page, &CopyWrite { people: Some(&people), ..write }).await;
        let key = ShortKey::event(one.mailbox, occurrence);
        let master = ShortKey::event(one.mailbox, told.event);
        let one = CopyWrite { key, master_key: Some(master), people_from_master: true, subject: None, ..one };
        put(&mut page, &one).await;
        page.save(Advance::Nowhere).await.expect("saved");
    }

    async fn copy<'a>(
        &self,
        gate: &DpaAccepted<'_>,
        told: Meeting<'a>,
        kind: CopyKind,
    ) -> Option<(m365_privacy::FilteredAttendees, CopyWrite<'a>)> {
        let (filter, _) = self.rules().await;
        let attendees = told.attendees.iter().map(|address| RawAttendee {
            address: RawAddress::from(*address),
            kind: AttendeeKind::Required,
            response: ResponseStatus::Accepted,
        });
        let rules = OrganizerRules { external_counts: true, keep_address: true };
        let people = filter_calendar_attendees(&filter, rules, Some(told.organizer.into()), attendees.collect());
        let user = "user-1".parse().expect("a user");
        let mailbox = self.store.mailboxes(gate, &[user]).await.expect("a mailbox")[0].1;
        let subject = people.subject(RawText::from(told.subject));
        let write = CopyWrite {
            details: m365_store::meetings::CopyDetails::default(),
            mailbox,
            user: "user-1",
            key: ShortKey::event(mailbox, told.event),
            event_id: Some(told.event),
            kind,
            state: CopyState::Standing,
            master_key: None,
            master_id: None,
            meeting_key: None,
            place: None,
            series_key: None,
            cancelled_at: None,
            is_organizer: false,
            starts_at: Some(instant(told.start)),
            ends_at: Some(instant(told.start)),
            subject,
            is_online: None,
            people: None,
            people_from_master: false,
            round: 1,
        };
        (!people.is_empty()).then_some((people, write))
    }

    pub async fn erase(&self, target: &Target) -> ErasureReceipt {
        self.store.erase(&self.tenant, &operator(), target).await.expect("an erasure")
    }

    /// The stored records, those to come too.
    pub async fn records(&self) -> Vec<Value> {
        let mut out = Vec::new();
        let query = RecordQuery { since: None, include_upcoming: true };
        let read = self.store.each_record(&self.tenant, query, |record| {
            out.push(serde_json::to_value(record).expect("JSON"));
            Ok::<_, StoreError>(())
        });
        read.await.expect("records");
        out
    }

    /// The names of the stored records.
    pub async fn names(&self) -> Vec<String> {
        self.records().await.iter().map(|record| text(record, "/externalId").to_owned()).collect()
    }

    /// The feed from the beginning, as (op, name).
    pub async fn feed(&self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        let read = self.store.each_change(&self.tenant, None, |change: &Change<'_>| {
            let line = serde_json::to_value(change).expect("JSON");
            out.push((text(&line, "/op").to_owned(), text(&line, "/externalId").to_owned()));
            Ok::<_, StoreError>(())
        });
        read.await.expect("a feed");
        out
    }

    /// Runs a statement past the product's rules.
    pub async fn execute(&self, sql: &str) {
        let mut tx = self.store.database().begin(&self.tenant).await.expect("a transaction");
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(tx.connection()).await.expect("done");
        tx.save().await.expect("saved");
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let mut reader = self.store.database().reader(&self.tenant).await.expect("a reader");
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(reader.connection()).await.expect("a number")
    }

    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let mut reader = self.store.database().reader(&self.tenant).await.expect("a reader");
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(reader.connection()).await.expect("texts")
    }

    /// Every column of every table that could hold an address or a subject, in one text.
    pub async fn everything(&self) -> String {
        let mut out = String::new();
        for (table, columns) in [
            ("activity", "external_id || person_external_id || COALESCE(subject, '') || COALESCE(organizer_email, '')"),
            ("activity_participant", "address"),
            ("event_participant", "address"),
            ("event_copy", "COALESCE(subject, '') || COALESCE(organizer_email, '')"),
            ("audit_event", "action || detail"),
        ] {
            out += &self
                .texts(&format!("SELECT {columns} FROM {table} WHERE tenant_id = '{}'", self.tenant))
                .await
                .join("\n");
        }
        out
    }
}

async fn put(page: &mut PageTx, copy: &CopyWrite<'_>) {
    let stored = page.copies(&[copy.key]).await.expect("copies").first().map(|copy| copy.id);
    page.put_copy(copy, stored).await.expect("a copy");
}

async fn open(url: &str, clock: &Arc<ManualClock>, folder: &tempfile::TempDir) -> Store {
    static SEED: AtomicU32 = AtomicU32::new(7);
    let seed = SEED.fetch_add(1, Ordering::Relaxed).into();
    let surroundings = Surroundings { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(seed)) };
    let database = Database::open(url, surroundings).await.expect("a database");
    database.migrate().await.expect("tables");
    Store::new(database, Crypter::new(key('a'), Vec::new())).with_ledger(folder.path().join("ledger"))
}

pub fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
