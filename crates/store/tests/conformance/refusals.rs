//! The database says no: straight SQL, past every type, is refused by keys and triggers.

use m365_database::{Database, accept_dpa, withdraw_dpa};
use m365_model::{TenantId, UserId};
use m365_store::Store;
use m365_store::allow_list::Leftovers;
use sqlx::AssertSqlSafe;

use crate::engines::{Engine, tenant};

fn operator() -> UserId {
    "operator".parse().unwrap()
}

async fn ready(store: &Store, tenant: &TenantId, domain: &str) -> i64 {
    let entra = if tenant.as_str() == "default" {
        "11111111-2222-3333-4444-555555555555"
    } else {
        "99999999-2222-3333-4444-555555555555"
    };
    let entra = entra.parse().unwrap();
    let connector = store.connect(tenant, &entra, &"contoso.com".parse().unwrap(), &operator()).await.unwrap();
    accept_dpa(tenant, &operator(), &connector, store.database()).await.unwrap();
    store.allow(tenant, &operator(), &[domain.parse().unwrap()], false).await.unwrap();
    store.allow_list(tenant).await.unwrap().entries[0].id.0
}

fn activity(tenant: &str, person: &str, entry: i64) -> String {
    format!(
        "INSERT INTO activity (tenant_id, activity_key, external_id, type, occurred_at, person_external_id, entry_id, \
         account_domain, digest, created_at, updated_at, public_key) SELECT '{tenant}', digest, '{person}', \
         'meeting_attend', '2026-03-01T00:00:00Z', '{person}', {entry}, (SELECT domain FROM allowed_external_domain \
         WHERE id = {entry}), digest, '2026-03-01T00:00:00Z', '2026-03-01T00:00:00Z', '{person}' FROM \
         (SELECT {} AS digest) AS made",
        "CAST('0123456789abcdef' AS BYTES)"
    )
}

async fn run(database: &Database, as_tenant: &TenantId, sql: &str) -> Result<(), String> {
    let bytes = match database.dialect() {
        m365_database::Dialect::Sqlite => "BLOB",
        m365_database::Dialect::Postgres => "BYTEA",
    };
    let mut tx = database.begin(as_tenant).await.unwrap();
    let sql = AssertSqlSafe(sql.replace("BYTES", bytes));
    let done = sqlx::query(sql).execute(tx.connection()).await.map_err(|error| error.to_string())?;
    tx.save().await.unwrap();
    if done.rows_affected() == 0 { Err("nothing was found".to_owned()) } else { Ok(()) }
}

/// Each line fails when its trigger is dropped, or the condition that it names is taken out of it.
#[tokio::test(flavor = "multi_thread")]
async fn straight_sql_gets_nobody_into_a_record() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        let (ours, theirs) = (tenant(), "another".parse::<TenantId>().unwrap());
        let entry = ready(&store, &ours, "acme.com").await;
        let their_entry = ready(&store, &theirs, "globex.com").await;
        let database = store.database();
        let refused = async |as_tenant: &TenantId, sql: String, why: &str| {
            let error = run(database, as_tenant, &sql).await.expect_err(why);
            assert!(!error.contains("syntax") && !error.contains("no such"), "{}: {why}: {error}", engine.name);
        };
        refused(&ours, activity("default", "a@elsewhere.net", entry), "a domain that is not the entry's").await;
        refused(&ours, activity("default", "a@evilacme.com", entry), "a name that only ends like the entry").await;
        refused(&ours, activity("default", "a@sub.acme.com", entry), "a subdomain of an exact entry").await;
        refused(&ours, activity("default", "a@globex.com", their_entry), "another tenant's entry").await;
        refused(&ours, activity("default", "a@acme.com", 999), "an entry that is none").await;
        assert_eq!(run(database, &ours, &activity("default", "a@acme.com", entry)).await, Ok(()), "{}", engine.name);
        let turn = "UPDATE activity SET person_external_id = 'b@elsewhere.net' WHERE tenant_id = 'default'";
        refused(&ours, turn.to_owned(), "a person put in another's place").await;
        let move_over = "UPDATE activity SET tenant_id = 'another' WHERE tenant_id = 'default'";
        refused(&ours, move_over.to_owned(), "a record given to another tenant").await;
        let later = |person: &str| {
            format!(
                "INSERT INTO activity_participant (activity_id, position, tenant_id, address, entry_id, occurred_at, \
                 external_id) SELECT id, 1, 'default', '{person}', {entry}, occurred_at, external_id FROM activity \
                 WHERE tenant_id = 'default'"
            )
        };
        refused(&ours, later("b@elsewhere.net"), "a later participant of another domain").await;
        assert_eq!(run(database, &ours, &later("b@acme.com")).await, Ok(()), "{}", engine.name);

        store.disallow(&ours, &operator(), &"acme.com".parse().unwrap(), Leftovers::Keep).await.unwrap();
        refused(&ours, activity("default", "c@acme.com", entry), "an entry that is closed").await;
        store.allow(&ours, &operator(), &["acme.com".parse().unwrap()], true).await.unwrap();
        let open = store.allow_list(&ours).await.unwrap().entries[0].id.0;
        withdraw_dpa(&ours, &operator(), database).await.unwrap();
        refused(&ours, activity("default", "c@acme.com", open), "an agreement that was withdrawn").await;
    }
}

/// A later participant repeats the time and the name of its record, by which a person's page is found: other ones are refused,
/// and a record that changes takes its participants along.
///
/// Fails when the trigger on inserts, the one on updates or the one on records is dropped, or one of them leaves out the name.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_participant_tells_the_time_and_the_name_of_its_record() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        let ours = tenant();
        let entry = ready(&store, &ours, "acme.com").await;
        let database = store.database();
        assert_eq!(run(database, &ours, &activity("default", "a@acme.com", entry)).await, Ok(()), "{}", engine.name);
        let later = |time: &str, name: &str| {
            format!(
                "INSERT INTO activity_participant (activity_id, position, tenant_id, address, entry_id, occurred_at, \
                 external_id) SELECT id, 1, 'default', 'b@acme.com', {entry}, {time}, {name} FROM activity \
                 WHERE tenant_id = 'default'"
            )
        };
        let refused = async |sql: &str| {
            let error = run(database, &ours, sql).await.expect_err(sql);
            assert!(error.contains("the time and the name of its record"), "{}: {sql}: {error}", engine.name);
        };
        refused(&later("'2026-03-01T00:00:01Z'", "external_id")).await;
        refused(&later("occurred_at", "'another'")).await;
        assert_eq!(run(database, &ours, &later("occurred_at", "external_id")).await, Ok(()), "{}", engine.name);
        refused("UPDATE activity_participant SET occurred_at = '2026-03-01T00:00:01Z' WHERE position = 1").await;
        refused("UPDATE activity_participant SET external_id = 'another' WHERE position = 1").await;
        for change in ["occurred_at = '2026-03-04T00:00:00Z'", "external_id = 'renamed'", "subject = 'Renewal'"] {
            let change = format!("UPDATE activity SET {change} WHERE tenant_id = 'default'");
            assert_eq!(run(database, &ours, &change).await, Ok(()), "{}", engine.name);
        }
        let mut reader = database.reader(&ours).await.unwrap();
        let told = sqlx::query_as("SELECT occurred_at, external_id FROM activity_participant");
        let told: (String, String) = told.fetch_one(reader.connection()).await.unwrap();
        assert_eq!((told.0.as_str(), told.1.as_str()), ("2026-03-04T00:00:00Z", "renamed"), "{}", engine.name);
    }
}

/// A query that forgets its tenant finds nothing on PostgreSQL, under a role that policies bind.
///
/// Fails when a table's policy is not forced, or the program keeps a superuser's role.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_without_a_tenant_finds_nothing() {
    let Some(engine) = Engine::postgres().await else { return };
    let store = engine.store(7).await;
    let (ours, theirs) = (tenant(), "another".parse::<TenantId>().unwrap());
    ready(&store, &ours, "acme.com").await;
    ready(&store, &theirs, "globex.com").await;
    let mut reader = store.database().reader(&ours).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenant_id' \
         AND table_name NOT IN ('tenant', 'entra_owner')",
    )
    .fetch_all(reader.connection())
    .await
    .unwrap();
    assert!(tables.len() >= 23, "{tables:?}");
    for table in tables {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE tenant_id <> 'default'");
        let others: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(reader.connection()).await.unwrap();
        assert_eq!(others, 0, "{table} shows another tenant's rows");
        let forced = "SELECT COUNT(*) FROM pg_class WHERE relname = $1 AND relrowsecurity AND relforcerowsecurity";
        let forced: i64 = sqlx::query_scalar(forced).bind(&table).fetch_one(reader.connection()).await.unwrap();
        assert_eq!(forced, 1, "{table} has no forced policy");
    }
    let seen: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM o365_config").fetch_one(reader.connection()).await.unwrap();
    assert_eq!(seen, 1);
    drop(reader);
    let nobody: TenantId = "nobody".parse().unwrap();
    let mut reader = store.database().reader(&nobody).await.unwrap();
    let seen: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM o365_config").fetch_one(reader.connection()).await.unwrap();
    assert_eq!(seen, 0, "rows without their tenant");
    let bound: bool =
        sqlx::query_scalar("SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user")
            .fetch_one(reader.connection())
            .await
            .unwrap();
    assert!(bound, "the role passes over policies");
}
