//! A gate that is open because an agreement was accepted, in a database of its own.

use m365_database::{Database, DpaAccepted, accept_dpa, assert_dpa_accepted};
use m365_model::{Surroundings, TenantId};

/// Accepts the agreement for `tenant` in a new database, asserts it, and runs `test` with the proof.
pub fn with_gate(tenant: &str, test: impl FnOnce(&DpaAccepted<'_>)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("gate.db").display());
        let db = Database::open(&url, Surroundings::system()).await.expect("a database");
        db.migrate().await.expect("tables");
        let tenant = tenant.parse().expect("a tenant id");
        connect(&db, &tenant).await;
        let user = "user_1".parse().expect("a user id");
        let connector = "con_1".parse().expect("a connector id");
        accept_dpa(&tenant, &user, &connector, &db).await.expect("an acceptance");
        test(&assert_dpa_accepted(&tenant, &db).await.expect("a proof"));
        db.close().await;
    });
}

async fn connect(db: &Database, tenant: &TenantId) {
    let mut tx = db.begin(tenant).await.expect("a transaction");
    sqlx::query(
        "INSERT INTO o365_config (tenant_id, connector_id, entra_tenant_id, tenant_domain, connected_at) \
         VALUES ($1, 'con_1', '11111111-2222-3333-4444-555555555555', 'tenant.com', '2026-01-01T00:00:00Z')",
    )
    .bind(tenant.as_str())
    .execute(tx.connection())
    .await
    .expect("a connector");
    tx.save().await.expect("saved");
}
