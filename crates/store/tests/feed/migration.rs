//! Migrations come to a database that holds records already.

use sqlx::{AnyConnection, AssertSqlSafe, Executor as _};

use crate::ground::{connection, drop_database, fresh_database, postgres_server};

/// A migration, for SQLite and for PostgreSQL.
macro_rules! migration {
    ($name:literal) => {
        [
            include_str!(concat!("../../../database/migrations/sqlite/", $name, ".sql")),
            include_str!(concat!("../../../database/migrations/postgres/", $name, ".sql")),
        ]
    };
}

const GROUND_FLOOR: [&str; 2] = migration!("0001_ground_floor");
const FEED: [&str; 2] = migration!("0003_feed");
const READING: [&str; 2] = migration!("0006_reading");
const A_PERSONS_PAGE: [&str; 2] = migration!("0013_a_persons_page");

/// Fails when PostgreSQL's file fills the keys with an UPDATE: row-level security, which binds the tables' owner too, shows
/// it no row.
#[test]
fn records_that_stand_already_get_keys_and_are_pending() {
    on_old_databases(&async |connection| {
        migrate(connection, &FEED).await;
        let filled = "SELECT COUNT(DISTINCT public_key) FROM activity \
                      WHERE length(public_key) = 20 AND announced = 0 AND feed_position IS NULL";
        assert_eq!(number(connection, filled).await, 3);
    });
}

/// Fails when PostgreSQL's file leaves the policies of either table in force while it fills the columns, or off afterwards.
#[test]
fn participants_that_stand_already_tell_of_their_records() {
    on_old_databases(&async |connection| {
        migrate(connection, &READING).await;
        let later = "INSERT INTO activity_participant (activity_id, position, tenant_id, address, entry_id) \
                     SELECT id, 1, tenant_id, 'cto@acme.com', entry_id FROM activity WHERE external_id <> 'a'";
        run(connection, later).await;
        run(connection, "UPDATE activity SET occurred_at = '2026-03-02T10:00:00Z' WHERE external_id = 'c'").await;
        migrate(connection, &A_PERSONS_PAGE).await;
        let filled = "SELECT COUNT(*) FROM activity_participant WHERE tenant_id = 'default' AND external_id || occurred_at \
                      IN ('b2026-03-02T09:00:00Z', 'c2026-03-02T10:00:00Z')";
        assert_eq!(number(connection, filled).await, 2);
        if is_postgres(connection) {
            run(connection, "SELECT set_config('m365.tenant', '', false)").await;
            let seen = "SELECT (SELECT COUNT(*) FROM activity) + (SELECT COUNT(*) FROM activity_participant)";
            assert_eq!(number(connection, seen).await, 0);
        }
    });
}

/// Runs `test` on a database of the first version of each engine that there is, with three records.
fn on_old_databases(test: &impl AsyncFn(&mut AnyConnection)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a thread");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("old.db");
        std::fs::write(&path, b"").expect("a file");
        let mut sqlite = connection(&format!("sqlite://{}", path.display())).await;
        furnish(&mut sqlite).await;
        test(&mut sqlite).await;
        if let Some(server) = postgres_server() {
            let name = fresh_database(&server).await;
            let mut connection = connection(&format!("{server}/{name}")).await;
            // As the program does where its login stands above the policies.
            let role = format!(
                "CREATE ROLE {name} NOLOGIN; GRANT USAGE, CREATE ON SCHEMA public TO {name}; SET ROLE {name}; \
                 SELECT set_config('m365.tenant', 'default', false)"
            );
            run(&mut connection, &role).await;
            furnish(&mut connection).await;
            test(&mut connection).await;
            drop_database(&server, &name).await;
        }
    });
}

async fn furnish(connection: &mut AnyConnection) {
    migrate(connection, &GROUND_FLOOR).await;
    run(
        connection,
        "INSERT INTO o365_config (tenant_id, connector_id, entra_tenant_id, tenant_domain, connected_at) \
         VALUES ('default', 'con_1', '11111111-2222-3333-4444-555555555555', 'contoso.com', '2026-01-01T00:00:00Z'); \
         INSERT INTO allowed_external_domain (id, tenant_id, domain, include_subdomains, added_at, added_by) \
         VALUES (1, 'default', 'acme.com', 0, '2026-01-01T00:00:00Z', 'operator')",
    )
    .await;
    for key in ["'a'", "'b'", "'c'"] {
        let bytes =
            if is_postgres(connection) { format!("'\\x0{}'", &key[1..2]) } else { format!("x'0{}'", &key[1..2]) };
        let record = format!(
            "INSERT INTO activity (tenant_id, activity_key, external_id, type, occurred_at, person_external_id, entry_id, \
             digest, created_at, updated_at) VALUES ('default', {bytes}, {key}, 'email_thread', '2026-03-02T09:00:00Z', \
             'buyer@acme.com', 1, {bytes}, '2026-03-02T09:00:00Z', '2026-03-02T09:00:00Z')"
        );
        run(connection, &record).await;
    }
}

/// Takes a step. It knows no tenant.
async fn migrate(connection: &mut AnyConnection, [sqlite, postgres]: &[&str; 2]) {
    if is_postgres(connection) {
        run(connection, "SELECT set_config('m365.tenant', '', false)").await;
        run(connection, postgres).await;
        run(connection, "SELECT set_config('m365.tenant', 'default', false)").await;
    } else {
        run(connection, sqlite).await;
    }
}

fn is_postgres(connection: &AnyConnection) -> bool {
    connection.backend_name() == "PostgreSQL"
}

async fn number(connection: &mut AnyConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.expect("a number")
}

async fn run(connection: &mut AnyConnection, sql: &str) {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.expect("done");
}
