//! How the engines go about the questions that must not cost more with every record.

use m365_database::Dialect;
use m365_store::reading::OF_PERSON;
use sqlx::{AssertSqlSafe, Row as _};

use crate::engines::{Engine, tenant};

/// Both halves of a person's page come in the order of their index, and neither is sorted before it is cut.
///
/// Fails when a later participant is ordered by its record's own time, or the index leaves out the time or the name.
#[tokio::test(flavor = "multi_thread")]
async fn a_persons_page_is_read_in_the_order_of_two_indexes() {
    for engine in Engine::all().await {
        let database = engine.database(7).await;
        let mut tx = database.begin(&tenant()).await.unwrap();
        let (explain, column, wanted, sorted) = match database.dialect() {
            Dialect::Sqlite => (
                "EXPLAIN QUERY PLAN",
                3,
                [
                    "SEARCH a USING INDEX activity_by_person (tenant_id=? AND person_external_id=? AND \
                     (occurred_at,external_id)<(?,?))",
                    "SEARCH p USING COVERING INDEX activity_participant_by_address (tenant_id=? AND address=? AND \
                     (occurred_at,external_id)<(?,?))",
                ],
                // The two halves of a page are sorted once more when they are merged.
                ("USE TEMP B-TREE", 2),
            ),
            Dialect::Postgres => {
                // There is nothing to read, and less to choose from: what an index cannot do is seen all the same.
                for other in ["seqscan", "bitmapscan", "hashjoin", "mergejoin", "sort", "incremental_sort"] {
                    let sql = format!("SET LOCAL enable_{other} = off");
                    sqlx::query(AssertSqlSafe(sql)).execute(tx.connection()).await.unwrap();
                }
                (
                    "EXPLAIN",
                    0,
                    [
                        "Index Scan Backward using activity_by_person on activity a",
                        "Index Only Scan Backward using activity_participant_by_address on activity_participant p",
                    ],
                    ("Sort  (", 0),
                )
            }
        };
        let sql = ["'default'", "'2026-01-01T00:00:00Z'", "''", "50", "'cto@acme.com'"];
        let sql = (1..).zip(sql).fold(OF_PERSON.to_owned(), |sql, (n, value)| sql.replace(&format!("${n}"), value));
        let plan = sqlx::query(AssertSqlSafe(format!("{explain} {sql}"))).fetch_all(tx.connection()).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.try_get(column).unwrap()).collect();
        for wanted in wanted {
            assert!(plan.iter().any(|line| line.contains(wanted)), "{}: no {wanted} in {plan:#?}", engine.name);
        }
        let sorts = plan.iter().filter(|line| line.contains(sorted.0)).count();
        assert_eq!(sorts, sorted.1, "{}: {plan:#?}", engine.name);
    }
}

/// A tenant whose rows PostgreSQL has not counted yet is no tenant without rows: a row whose number is told is found by that.
///
/// Fails when a table's tenants have statistics. A first sync took the square of its time then.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_guessed_from_the_tenants_that_were_counted() {
    let Some(engine) = Engine::postgres().await else { return };
    let store = engine.store(7).await;
    let (entra, domain) = ("11111111-2222-3333-4444-555555555555".parse().unwrap(), "contoso.com".parse().unwrap());
    store.connect(&tenant(), &entra, &domain, &"user_admin".parse().unwrap()).await.unwrap();
    let mut tx = store.database().begin(&tenant()).await.unwrap();
    let fill = "INSERT INTO mailbox (tenant_id, graph_user_id, state, first_seen_at) \
                SELECT 'default', 'user ' || n, 'new', '2026-03-02T15:00:00Z' FROM generate_series(1, 20000) AS n";
    sqlx::query(fill).execute(tx.connection()).await.unwrap();
    sqlx::query("ANALYZE mailbox").execute(tx.connection()).await.unwrap();
    let guessed: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
         WHERE a.attname = 'tenant_id' AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attstattarget <> 0",
    )
    .fetch_all(tx.connection())
    .await
    .unwrap();
    assert_eq!(guessed, Vec::<String>::new());
    let plan: Vec<String> = sqlx::query_scalar("EXPLAIN SELECT 1 FROM mailbox WHERE id = 5 AND tenant_id = 'another'")
        .fetch_all(tx.connection())
        .await
        .unwrap();
    assert!(plan.iter().any(|line| line.contains("mailbox_pkey")), "{plan:#?}");
}
