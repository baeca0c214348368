//! The feed's tables come to a database that holds records already.

use sqlx::{AnyConnection, AssertSqlSafe, Executor as _};

use crate::ground::{connection, drop_database, fresh_database, postgres_server};

/// The steps before, and the feed's.
struct Steps {
    before: &'static [&'static str],
    feed: &'static str,
}

const SQLITE: Steps = Steps {
    before: &[include_str!("../../../database/migrations/sqlite/0001_ground_floor.sql")],
    feed: include_str!("../../../database/migrations/sqlite/0003_feed.sql"),
};
const POSTGRES: Steps = Steps {
    before: &[include_str!("../../../database/migrations/postgres/0001_ground_floor.sql")],
    feed: include_str!("../../../database/migrations/postgres/0003_feed.sql"),
};

/// Fails when PostgreSQL's file fills the keys with an UPDATE: row-level security, which binds the tables' owner too, shows
/// it no row.
#[test]
fn records_that_stand_already_get_keys_and_are_pending() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a thread");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("old.db");
        std::fs::write(&path, b"").expect("a file");
        upgrade(&mut connection(&format!("sqlite://{}", path.display())).await, &SQLITE).await;
        if let Some(server) = postgres_server() {
            let name = fresh_database(&server).await;
            let mut connection = connection(&format!("{server}/{name}")).await;
            // As the program does where its login stands above the policies.
            let role = format!(
                "CREATE ROLE {name} NOLOGIN; GRANT USAGE, CREATE ON SCHEMA public TO {name}; SET ROLE {name}; \
                 SELECT set_config('m365.tenant', 'default', false)"
            );
            run(&mut connection, &role).await;
            upgrade(&mut connection, &POSTGRES).await;
            drop_database(&server, &name).await;
        }
    });
}

async fn upgrade(connection: &mut AnyConnection, steps: &Steps) {
    for step in steps.before {
        run(connection, step).await;
    }
    run(
        connection,
        "INSERT INTO o365_config (tenant_id, connector_id, entra_tenant_id, tenant_domain, connected_at) \
         VALUES ('default', 'con_1', '11111111-2222-3333-4444-555555555555', 'contoso.com', '2026-01-01T00:00:00Z'); \
         INSERT INTO allowed_external_domain (id, tenant_id, domain, include_subdomains, added_at, added_by) \
         VALUES (1, 'default', 'acme.com', 0, '2026-01-01T00:00:00Z', 'operator')",
    )
    .await;
    for key in ["'a'", "'b'", "'c'"] {
        let bytes = if connection.backend_name() == "SQLite" {
            format!("x'0{}'", &key[1..2])
        } else {
            format!("'\\x0{}'", &key[1..2])
        };
        let record = format!(
            "INSERT INTO activity (tenant_id, activity_key, external_id, type, occurred_at, person_external_id, entry_id, \
             digest, created_at, updated_at) VALUES ('default', {bytes}, {key}, 'email_thread', '2026-03-02T09:00:00Z', \
             'buyer@acme.com', 1, {bytes}, '2026-03-02T09:00:00Z', '2026-03-02T09:00:00Z')"
        );
        run(connection, &record).await;
    }
    // The migration knows no tenant.
    if connection.backend_name() == "PostgreSQL" {
        run(connection, "SELECT set_config('m365.tenant', '', false)").await;
    }
    run(connection, steps.feed).await;
    if connection.backend_name() == "PostgreSQL" {
        run(connection, "SELECT set_config('m365.tenant', 'default', false)").await;
    }
    let filled = "SELECT COUNT(DISTINCT public_key) FROM activity \
                  WHERE length(public_key) = 20 AND announced = 0 AND feed_position IS NULL";
    let filled: i64 = sqlx::query_scalar(filled).fetch_one(connection).await.expect("a number");
    assert_eq!(filled, 3);
}

async fn run(connection: &mut AnyConnection, sql: &str) {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.expect("done");
}
