//! Moving between databases, and changing the key.

use m365_database::{Database, accept_dpa, copied_tables};
use m365_model::{TenantId, UserId};
use m365_store::allow_list::Leftovers;
use m365_store::export::RecordQuery;
use m365_store::sign_in::SignInWay;
use m365_store::{Crypter, Rotated, Store, StoreError, sealed_columns};
use secrecy::ExposeSecret as _;
use sqlx::AssertSqlSafe;

use crate::engines::{Engine, key, tenant};

fn operator() -> UserId {
    "operator".parse().unwrap()
}

/// A tenant with a record of a closed entry, a token and a cursor.
async fn furnish(store: &Store, tenant: &TenantId) {
    let microsoft = if tenant.as_str() == "default" {
        "11111111-2222-3333-4444-555555555555"
    } else {
        "99999999-2222-3333-4444-555555555555"
    };
    let microsoft = microsoft.parse().unwrap();
    let connector = store.connect(tenant, &microsoft, &"contoso.com".parse().unwrap(), &operator()).await.unwrap();
    accept_dpa(tenant, &operator(), &connector, store.database()).await.unwrap();
    store.allow(tenant, &operator(), &["acme.com".parse().unwrap()], false).await.unwrap();
    let entry = store.allow_list(tenant).await.unwrap().entries[0].id.0;
    let insert = format!(
        "INSERT INTO activity (tenant_id, activity_key, external_id, type, occurred_at, person_external_id, entry_id, \
         attendee_count, response_status, account_domain, digest, created_at, updated_at, public_key) VALUES ('{tenant}', $1, \
         'o365_cal_e_a@acme.com', 'meeting_attend', '2026-03-01T00:00:00Z', 'a@acme.com', {entry}, 1, 'accepted', 'acme.com', \
         $1, '2026-03-01T00:00:00Z', '2026-03-01T00:00:00Z', 'k')"
    );
    let mut tx = store.database().begin(tenant).await.unwrap();
    sqlx::query(AssertSqlSafe(insert)).bind(&b"0123456789abcdef"[..]).execute(tx.connection()).await.unwrap();
    tx.save().await.unwrap();
    store.disallow(tenant, &operator(), &"acme.com".parse().unwrap(), Leftovers::Keep).await.unwrap();
    let until = "2026-03-02T13:00:00Z".parse().unwrap();
    store.save_token(tenant, "graph", &"a token".into(), until).await.unwrap();
}

async fn records(store: &Store, tenant: &TenantId) -> Vec<String> {
    let mut out = Vec::new();
    let query = RecordQuery { since: None, include_upcoming: true };
    let read = store.each_record(tenant, query, |record| {
        out.push(serde_json::to_string(record).unwrap());
        Ok::<_, StoreError>(())
    });
    read.await.unwrap();
    out
}

/// There and back again: every row arrives, sealed cells open, and the target's own checks are on again afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_between_engines() {
    let source = Engine::sqlite();
    let store = source.store(7).await;
    let tenants = [tenant(), "another".parse().unwrap()];
    for tenant in &tenants {
        furnish(&store, tenant).await;
    }
    store.settle_sign_in(SignInWay::Clerk).await.unwrap();
    let mut targets = vec![Engine::sqlite()];
    targets.extend(Engine::postgres().await);
    for target in targets {
        let there = target.store(8).await;
        let copied = store.database().copy_to(there.database()).await.unwrap();
        assert!(copied.contains(&("activity", 2)) && copied.contains(&("token_cache", 2)), "{copied:?}");
        for tenant in &tenants {
            assert_eq!(records(&there, tenant).await, records(&store, tenant).await);
            let (token, _) = there.load_token(tenant, "graph").await.unwrap().unwrap();
            assert_eq!(token.expose_secret(), "a token");
        }
        assert_eq!(there.settle_sign_in(SignInWay::Local).await.unwrap(), SignInWay::Clerk);
        let again = store.database().copy_to(there.database()).await.unwrap_err();
        assert!(again.to_string().contains("already holds"), "{again}");
        let mut tx = there.database().begin(&tenants[0]).await.unwrap();
        let closed = "INSERT INTO activity_participant (activity_id, position, tenant_id, address, entry_id, occurred_at, \
                      external_id) SELECT id, 1, tenant_id, 'b@acme.com', entry_id, occurred_at, external_id FROM activity \
                      WHERE tenant_id = 'default'";
        assert!(sqlx::query(closed).execute(tx.connection()).await.is_err(), "{}: the checks are off", target.name);
        drop(tx);
        // The next row gets a number that no copied row has.
        there.allow(&tenants[0], &operator(), &["globex.com".parse().unwrap()], false).await.unwrap();
    }
}

/// Everything that the schema calls sealed is turned by a rotation, and every table is copied.
#[tokio::test(flavor = "multi_thread")]
async fn the_lists_of_tables_are_those_of_the_schema() {
    let engine = Engine::sqlite();
    let database = engine.database(7).await;
    let mut reader = database.reader(&tenant()).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlx%' \
         AND name NOT IN ('tenant', 'installation') ORDER BY name",
    )
    .fetch_all(reader.connection())
    .await
    .unwrap();
    let mut copied: Vec<&str> = copied_tables().collect();
    copied.sort_unstable();
    assert_eq!(tables, copied);
    let mut sealed = Vec::new();
    for table in &tables {
        let sql = format!("SELECT name FROM pragma_table_info('{table}') WHERE name LIKE 'sealed%'");
        let columns: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(reader.connection()).await.unwrap();
        sealed.extend(columns.into_iter().map(|column| (table.clone(), column)));
    }
    let mut listed: Vec<(String, String)> =
        sealed_columns().map(|(table, column)| (table.to_owned(), column.to_owned())).collect();
    listed.sort();
    assert_eq!(sealed, listed);
}

fn with_keys(database: &Database, current: &str, previous: &[&str]) -> Store {
    let previous = previous.iter().map(|digits| key(digits)).collect();
    Store::new(database.clone(), Crypter::new(key(current), previous))
}

/// A rotation can be broken off and repeated, and the old key is needed no more; a lost key is told apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_changed() {
    for engine in Engine::all().await {
        let old = engine.store(7).await;
        furnish(&old, &tenant()).await;
        let database = old.database();
        let lost = with_keys(database, "aa", &[]).rotate_keys(&tenant()).await.unwrap();
        assert_eq!((lost.rotated, lost.current), (0, 0), "{}", engine.name);
        assert!(lost.lost >= 1 && lost.damaged == 0, "{lost:?}");

        let turning = with_keys(database, "aa", &["5e"]);
        let turned = turning.rotate_keys(&tenant()).await.unwrap();
        assert_eq!(turned, Rotated { rotated: lost.lost, ..Rotated::default() });
        let again = turning.rotate_keys(&tenant()).await.unwrap();
        assert_eq!(again, Rotated { current: lost.lost, ..Rotated::default() });

        let new = with_keys(database, "aa", &[]);
        assert_eq!(new.load_token(&tenant(), "graph").await.unwrap().unwrap().0.expose_secret(), "a token");
        assert!(old.load_token(&tenant(), "graph").await.unwrap().is_none(), "the old key still opens it");
    }
}
