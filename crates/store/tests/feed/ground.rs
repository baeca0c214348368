//! A database with a connector, an agreement and one domain, on either engine, and records by the way that a sync takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use m365_activity::{FieldMappings, FilteredEvent, FilteredMessage, email_activity, meeting_activities};
use m365_database::{Database, DpaAccepted, accept_dpa, assert_dpa_accepted};
use m365_model::{ManualClock, SeededEntropy, Surroundings, TenantId, UserId};
use m365_privacy::{
    AddressFilter, AttendeeKind, Exclusions, OrganizerRules, RawAddress, RawAttendee, RawText, ResponseStatus,
    filter_calendar_attendees, filter_email_participants,
};
use m365_store::export::RecordQuery;
use m365_store::feed::{Change, Cursor};
use m365_store::keys::ShortKey;
use m365_store::records::{RecordHead, ToStore};
use m365_store::streams::Advance;
use m365_store::{Crypter, MasterKey, PageTx, Store, StoreError};
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};

/// The present of every test, until it moves its clock.
pub const NOON: &str = "2026-03-02T12:00:00Z";

pub struct Ground {
    pub store: Store,
    pub tenant: TenantId,
    pub clock: Arc<ManualClock>,
    /// SQLite's folder; none on PostgreSQL.
    pub folder: Option<tempfile::TempDir>,
    filter: AddressFilter,
    version: i64,
}

/// Why a loader stopped reading.
#[derive(Debug)]
pub enum Stop {
    Enough,
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Runs `test` on a new database of each engine that there is.
pub fn on_both(test: &impl AsyncFn(&Arc<Ground>)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("threads");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("feed.db").display());
        let ground = Arc::new(Ground::new(&url, Some(folder)).await);
        test(&ground).await;
        ground.store.database().close().await;
        if let Some(server) = postgres_server() {
            let name = fresh_database(&server).await;
            let ground = Arc::new(Ground::new(&format!("{server}/{name}"), None).await);
            test(&ground).await;
            ground.store.database().close().await;
            drop_database(&server, &name).await;
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "where a server for tests runs is told to tests alone")]
pub fn postgres_server() -> Option<String> {
    std::env::var("TEST_POSTGRES_URL").ok()
}

/// A new database on `server`.
pub async fn fresh_database(server: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("feed_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut admin = connection(&format!("{server}/postgres")).await;
    admin.execute(sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))).await.expect("a database");
    name
}

pub async fn drop_database(server: &str, name: &str) {
    let mut admin = connection(&format!("{server}/postgres")).await;
    let sql = format!("DROP DATABASE {name} WITH (FORCE)");
    admin.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.expect("no database");
}

/// A connection past the product.
pub async fn connection(url: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(url).await.expect("a connection")
}

pub fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn operator() -> UserId {
    "operator".parse().expect("a user id")
}

impl Ground {
    async fn new(url: &str, folder: Option<tempfile::TempDir>) -> Self {
        let clock = Arc::new(ManualClock::new(instant(NOON)));
        let surroundings = Surroundings { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(7)) };
        let database = Database::open(url, surroundings).await.expect("a database");
        database.migrate().await.expect("tables");
        let key = MasterKey::from_hex(&"5e".repeat(32).into()).expect("a key");
        let store = Store::new(database, Crypter::new(key, Vec::new()));
        let tenant: TenantId = "default".parse().expect("a tenant id");
        let (filter, version) = connect(&store, &tenant).await;
        Self { store, tenant, clock, folder, filter, version }
    }

    /// The same database, seen as another tenant.
    pub async fn another_tenant(&self) -> Self {
        let tenant: TenantId = "another".parse().expect("a tenant id");
        let (filter, version) = connect(&self.store, &tenant).await;
        Self { store: self.store.clone(), tenant, clock: self.clock.clone(), folder: None, filter, version }
    }

    pub fn now(&self) -> Timestamp {
        self.store.surroundings().now()
    }

    pub async fn gate(&self) -> DpaAccepted<'_> {
        assert_dpa_accepted(&self.tenant, self.store.database()).await.expect("a standing agreement")
    }

    /// A transaction for records that moves no stream.
    pub async fn page(&self) -> PageTx {
        self.store.open_join(&self.gate().await, self.version).await.expect("a page")
    }

    /// The record of `person` in `meeting`, told by its copy `event`.
    pub fn meeting(&self, gate: &DpaAccepted<'_>, told: &Told<'_>) -> ToStore {
        let attendee = RawAttendee {
            address: RawAddress::from(told.person),
            kind: AttendeeKind::Required,
            response: ResponseStatus::Accepted,
        };
        let rules = OrganizerRules { external_counts: true, keep_address: true };
        let people = filter_calendar_attendees(&self.filter, rules, Some("org@contoso.com".into()), vec![attendee]);
        let start = instant(told.start);
        let event = FilteredEvent {
            details: None,
            id: told.event.to_owned(),
            subject: people.subject(RawText::from(told.subject)),
            start,
            end: start + jiff::SignedDuration::from_mins(30),
            is_online: Some(true),
            people,
        };
        let activity = meeting_activities(gate, &FieldMappings::default(), &event).remove(0);
        ToStore { activity, meeting: Some(meeting_key(told.meeting)), copy: None, renames: told.renames }
    }

    /// The record of a message to `people`.
    pub fn message(&self, gate: &DpaAccepted<'_>, id: &str, subject: &str, at: &str, people: &[&str]) -> ToStore {
        let to = people.iter().map(|person| RawAddress::from(*person)).collect();
        let people = filter_email_participants(&self.filter, Some("joe@contoso.com".into()), to, Vec::new());
        let message = FilteredMessage {
            with_details: false,
            id: id.to_owned(),
            received: instant(at),
            conversation_id: Some("conv".into()),
            subject: people.subject(RawText::from(subject)),
            people,
        };
        let activity = email_activity(gate, &FieldMappings::default(), &message).expect("somebody passes");
        ToStore { activity, meeting: None, copy: None, renames: None }
    }

    /// Stores records of meetings in a page of their own.
    pub async fn put(&self, told: &[Told<'_>]) {
        let gate = self.gate().await;
        let wanted: Vec<ToStore> = told.iter().map(|told| self.meeting(&gate, told)).collect();
        let mut page = self.page().await;
        page.put_activities(&wanted).await.expect("stored");
        page.save(Advance::Nowhere).await.expect("saved");
    }

    /// The rows of these meetings.
    pub async fn rows(&self, meetings: &[&str]) -> Vec<RecordHead> {
        heads(&mut self.page().await, meetings).await
    }

    /// Takes back the records of these meetings.
    pub async fn retract(&self, meetings: &[&str]) {
        let mut page = self.page().await;
        let ids: Vec<i64> = heads(&mut page, meetings).await.iter().map(|head| head.id).collect();
        page.retract(&ids).await.expect("taken back");
        page.save(Advance::Nowhere).await.expect("saved");
    }

    /// The feed behind `after`, as it is printed.
    pub async fn feed(&self, after: Option<&str>) -> Vec<Value> {
        let mut out = Vec::new();
        let read = self.store.each_change(&self.tenant, after.map(cursor), |change| {
            out.push(printed(change));
            Ok::<_, StoreError>(())
        });
        read.await.expect("a feed");
        out
    }

    /// What `activities` prints.
    pub async fn visible(&self) -> Vec<Value> {
        let mut out = Vec::new();
        let query = RecordQuery { since: None, include_upcoming: false };
        let read = self.store.each_record(&self.tenant, query, |record| {
            out.push(serde_json::to_value(record).expect("JSON"));
            Ok::<_, StoreError>(())
        });
        read.await.expect("records");
        out
    }

    /// Runs a statement past the product's rules, as this tenant.
    pub async fn execute(&self, sql: &str) {
        let mut tx = self.store.database().begin(&self.tenant).await.expect("a transaction");
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(tx.connection()).await.expect("done");
        tx.save().await.expect("saved");
    }

    /// The number that `sql` selects.
    pub async fn number(&self, sql: &str) -> i64 {
        let mut reader = self.store.database().reader(&self.tenant).await.expect("a reader");
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(reader.connection()).await.expect("a number")
    }
}

/// A record of a meeting, before it is one.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub meeting: &'a str,
    pub event: &'a str,
    pub person: &'a str,
    pub subject: &'a str,
    pub start: &'a str,
    pub renames: Option<i64>,
}

impl<'a> Told<'a> {
    /// Its name is its meeting's, and it begins at `start`.
    pub fn at(meeting: &'a str, start: &'a str) -> Self {
        Self { meeting, event: meeting, person: "buyer@acme.com", subject: "Planning", start, renames: None }
    }
}

pub fn meeting_key(name: &str) -> ShortKey {
    ShortKey::series(name)
}

pub async fn heads(page: &mut PageTx, meetings: &[&str]) -> Vec<RecordHead> {
    let keys: Vec<ShortKey> = meetings.iter().map(|name| meeting_key(name)).collect();
    page.records_of_meetings(&keys).await.expect("rows")
}

pub fn cursor(text: &str) -> Cursor {
    text.parse().expect("a cursor")
}

pub fn printed(change: &Change<'_>) -> Value {
    serde_json::to_value(change).expect("JSON")
}

/// The place that a printed cursor stands for.
pub fn place(cursor: &Value) -> u64 {
    let digits = cursor.as_str().and_then(|text| text.rsplit('.').next()).expect("a cursor");
    u64::from_str_radix(digits, 36).expect("a number")
}

async fn connect(store: &Store, tenant: &TenantId) -> (AddressFilter, i64) {
    let entra = if tenant.as_str() == "default" {
        "11111111-2222-3333-4444-555555555555"
    } else {
        "99999999-2222-3333-4444-555555555555"
    };
    let entra = entra.parse().expect("a GUID");
    let domain = "contoso.com".parse().expect("a domain");
    let connector = store.connect(tenant, &entra, &domain, &operator()).await.expect("a connection");
    accept_dpa(tenant, &operator(), &connector, store.database()).await.expect("an acceptance");
    store.allow(tenant, &operator(), &["acme.com".parse().expect("a domain")], false).await.expect("a list");
    let list = store.allow_list(tenant).await.expect("a list");
    (AddressFilter::new(list.entries, [domain], Exclusions::none()), list.version)
}
