//! What every test starts from: a tenant whose agreement stands, and a client.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use m365_database::{Database, DpaAccepted, accept_dpa, assert_dpa_accepted};
use m365_graph::{Credentials, Endpoints, Folder, FolderId, Graph, GraphOptions, Limits, NoVault, Page, TokenVault};
use m365_model::{Entropy, GraphUserId, ManualClock, SeededEntropy, Surroundings};

use crate::server::{Server, TENANT};

/// A database with an agreement that stands.
pub struct House {
    db: Database,
    _folder: tempfile::TempDir,
}

impl House {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/test.db", folder.path().display());
        let db = Database::open(&url, Surroundings::system()).await.unwrap();
        db.migrate().await.unwrap();
        let tenant = "default".parse().unwrap();
        let mut tx = db.begin(&tenant).await.unwrap();
        sqlx::query(
            "INSERT INTO o365_config (tenant_id, connector_id, entra_tenant_id, tenant_domain, connected_at) \
             VALUES ('default', 'con_1', $1, 'contoso.com', '2026-01-01T00:00:00Z')",
        )
        .bind(TENANT)
        .execute(tx.connection())
        .await
        .unwrap();
        tx.save().await.unwrap();
        let (user, connector) = ("admin".parse().unwrap(), "con_1".parse().unwrap());
        accept_dpa(&tenant, &user, &connector, &db).await.unwrap();
        Self { db, _folder: folder }
    }

    pub async fn gate(&self) -> DpaAccepted<'_> {
        assert_dpa_accepted(&"default".parse().unwrap(), &self.db).await.unwrap()
    }
}

/// The clock's first instant in every test.
pub const NOW: &str = "2026-03-02T15:00:00Z";

/// How a test's client differs from any other.
pub struct Setup {
    pub vault: Arc<dyn TokenVault>,
    pub limits: Limits,
    pub clock: Arc<ManualClock>,
    pub entropy: Arc<dyn Entropy>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            vault: Arc::new(NoVault),
            limits: Limits { first_wait: Duration::from_millis(1), ..Limits::default() },
            clock: Arc::new(ManualClock::new(at(NOW))),
            entropy: Arc::new(SeededEntropy::new(7)),
        }
    }
}

impl Setup {
    pub fn graph(&self, server: &Server) -> Graph {
        self.graph_as(server, Credentials::new("client-1", &"CANARY-SECRET".into()).unwrap())
    }

    pub fn graph_as(&self, server: &Server, credentials: Credentials) -> Graph {
        Graph::new(GraphOptions {
            endpoints: Endpoints::custom(&server.url, &server.url).unwrap(),
            credentials,
            entra_tenant: TENANT.parse().unwrap(),
            vault: Arc::clone(&self.vault),
            with_message_ids: false,
            limits: self.limits.clone(),
            surroundings: Surroundings {
                clock: Arc::clone(&self.clock) as Arc<dyn m365_model::Clock>,
                entropy: Arc::clone(&self.entropy),
            },
        })
        .unwrap()
    }
}

/// A client as most tests need it: it hardly waits.
pub fn graph(server: &Server) -> Graph {
    Setup::default().graph(server)
}

pub fn user(id: &str) -> GraphUserId {
    id.parse().unwrap()
}

pub fn folder(id: &str) -> FolderId {
    id.parse().unwrap()
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A request that any test can make: the folders of a mailbox.
pub async fn ask(graph: &Graph, gate: &DpaAccepted<'_>, id: &str) -> Result<Page<Folder>, m365_graph::GraphError> {
    graph.mail_folders_page(gate, &user(id), None, None).await
}
