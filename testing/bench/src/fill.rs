//! Many records, made by the engine itself.

use m365_database::{Database, DatabaseError, Dialect};
use m365_model::TenantId;
use sqlx::AssertSqlSafe;

/// How many people each tenant has records of.
pub const PEOPLE: u64 = 5000;

/// The tenant of that number.
pub fn tenant(number: i64) -> TenantId {
    format!("tenant_{number}").parse().expect("a word is a tenant id")
}

/// The address of that person.
pub fn person(number: u64) -> String {
    format!("person{number}@acme.com")
}

/// Fills the database, which must be new.
pub async fn fill(database: &Database, tenants: i64, records_each: i64) -> Result<(), DatabaseError> {
    for number in 0..tenants {
        fill_tenant(database, number, records_each).await?;
    }
    let tenant = tenant(0);
    let mut tx = database.begin(&tenant).await?;
    sqlx::query("ANALYZE").execute(tx.connection()).await?;
    tx.save().await
}

async fn fill_tenant(database: &Database, number: i64, records: i64) -> Result<(), DatabaseError> {
    let tenant = tenant(number);
    let mut tx = database.begin(&tenant).await?;
    if database.dialect() == Dialect::Postgres {
        // One statement writes all records of a tenant.
        sqlx::query("SET LOCAL statement_timeout = 0").execute(tx.connection()).await?;
    }
    for statement in CONNECTED {
        sqlx::query(AssertSqlSafe(statement.replace("{tenant}", tenant.as_str()))).execute(tx.connection()).await?;
    }
    let entry: i64 = sqlx::query_scalar("SELECT id FROM allowed_external_domain WHERE tenant_id = $1")
        .bind(tenant.as_str())
        .fetch_one(tx.connection())
        .await?;
    let made = match database.dialect() {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    let sql = made
        .replace("{tenant}", tenant.as_str())
        .replace("{entry}", &entry.to_string())
        .replace("{records}", &records.to_string())
        .replace("{people}", &PEOPLE.to_string());
    sqlx::query(AssertSqlSafe(sql)).execute(tx.connection()).await?;
    // A fifth of the messages have a second participant.
    let later = "INSERT INTO activity_participant (activity_id, position, tenant_id, address, entry_id, occurred_at, \
                 external_id) SELECT id, 1, tenant_id, 'person' || (id % {people}) || '@acme.com', entry_id, occurred_at, \
                 external_id FROM activity WHERE tenant_id = '{tenant}' AND participant_count = 2 AND id % 5 = 0";
    let later = later.replace("{tenant}", tenant.as_str()).replace("{people}", &PEOPLE.to_string());
    sqlx::query(AssertSqlSafe(later)).execute(tx.connection()).await?;
    let feed = format!(
        "INSERT INTO feed_state (tenant_id, epoch, next_position) VALUES ('{tenant}', 'bench', {})",
        records + 1
    );
    sqlx::query(AssertSqlSafe(feed)).execute(tx.connection()).await?;
    tx.save().await
}

const CONNECTED: &[&str] = &[
    "INSERT INTO tenant (tenant_id, admitted_at) VALUES ('{tenant}', '2026-01-01T00:00:00Z')",
    "INSERT INTO o365_config (tenant_id, connector_id, entra_tenant_id, tenant_domain, connected_at, dpa_acceptance_id, \
     dpa_accepted_at, dpa_accepted_by_user_id, dpa_version, dpa_text_sha256) VALUES ('{tenant}', 'con_{tenant}', \
     '11111111-2222-3333-4444-555555555555', 'contoso.com', '2026-01-01T00:00:00Z', 'acc_bench', '2026-01-01T00:00:00Z', \
     'bench', 'bench', '')",
    "INSERT INTO allowed_external_domain (tenant_id, domain, include_subdomains, added_at, added_by) \
     VALUES ('{tenant}', 'acme.com', 0, '2026-01-01T00:00:00Z', 'bench')",
];

const SQLITE: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {records}) \
     INSERT INTO activity (tenant_id, activity_key, external_id, type, occurred_at, person_external_id, entry_id, subject, \
     conversation_id, participant_count, digest, created_at, updated_at, feed_position, announced, public_key) \
     SELECT '{tenant}', randomblob(16), 'o365_email_' || hex(randomblob(70)), 'email_thread', \
     strftime('%Y-%m-%dT%H:%M:%SZ', 1767225600 - (i * 7919) % 63072000, 'unixepoch'), \
     'person' || ((i * 31) % {people}) || '@acme.com', {entry}, 'Renewal ' || i, 'conv_' || (i / 4), \
     1 + (i % 5 = 0), randomblob(16), '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', i, 1, lower(hex(randomblob(10))) FROM n";

const POSTGRES: &str = "INSERT INTO activity (tenant_id, activity_key, external_id, type, occurred_at, person_external_id, \
     entry_id, subject, conversation_id, participant_count, digest, created_at, updated_at, feed_position, announced, \
     public_key) SELECT '{tenant}', decode(md5('{tenant}' || i), 'hex'), \
     'o365_email_' || md5(i || 'a') || md5(i || 'b') || md5(i || 'c') || md5(i || 'd'), 'email_thread', \
     to_char(to_timestamp(1767225600 - (i * 7919) % 63072000) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
     'person' || ((i * 31) % {people}) || '@acme.com', {entry}, 'Renewal ' || i, 'conv_' || (i / 4), \
     1 + (i % 5 = 0)::int, decode(md5(i || 'e'), 'hex'), '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', i, 1, \
     substr(md5('{tenant}' || i || 'f'), 1, 20) FROM generate_series(1::bigint, {records}::bigint) AS n (i)";
