//! A database with a connector, and nothing accepted.

use std::sync::Arc;

use m365_database::Database;
use m365_model::{ConnectorId, ManualClock, SeededEntropy, Surroundings, TenantId, UserId};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

pub struct Ground {
    pub db: Database,
    pub clock: Arc<ManualClock>,
    pub folder: tempfile::TempDir,
}

/// An audit line: who, what, and the detail.
pub type Line = (String, String, String);

impl Ground {
    /// Migrated, and without a connector.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::new("2026-03-02T15:00:00Z".parse().expect("an instant")));
        let surroundings = Surroundings { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(1)) };
        let url = format!("sqlite://{}", folder.path().join("gate.db").display());
        let db = Database::open(&url, surroundings).await.expect("a database");
        db.migrate().await.expect("tables");
        Self { db, clock, folder }
    }

    /// Gives `tenant` a connector, as the store does.
    pub async fn connect(&self, tenant: &TenantId) -> ConnectorId {
        let id = format!("con_of_{tenant}");
        let mut tx = self.db.begin(tenant).await.expect("a transaction");
        sqlx::query(
            "INSERT INTO o365_config (tenant_id, connector_id, entra_tenant_id, tenant_domain, connected_at) \
             VALUES ($1, $2, '11111111-2222-3333-4444-555555555555', 'contoso.com', '2026-01-01T00:00:00Z')",
        )
        .bind(tenant.as_str())
        .bind(id.as_str())
        .execute(tx.connection())
        .await
        .expect("a connector");
        tx.save().await.expect("saved");
        id.parse().expect("an id")
    }

    /// A connection past the product.
    pub async fn sqlite(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.folder.path().join("gate.db"));
        options.connect().await.expect("a connection")
    }

    pub async fn audit_lines(&self) -> Vec<Line> {
        sqlx::query_as("SELECT actor, action, detail FROM audit_event ORDER BY id")
            .fetch_all(&mut self.sqlite().await)
            .await
            .expect("lines")
    }
}

pub fn tenant(text: &str) -> TenantId {
    text.parse().expect("a tenant id")
}

pub fn user(text: &str) -> UserId {
    text.parse().expect("a user id")
}
