//! How the engines go about each question.

use m365_database::{Database, DatabaseError, Dialect};
use m365_model::TenantId;
use m365_store::reading::{NEWEST, OF_PERSON};
use sqlx::{AssertSqlSafe, Row as _};

const FEED: &str =
    "SELECT id FROM activity WHERE tenant_id = $1 AND feed_position > 1000 ORDER BY feed_position LIMIT $4";

/// The plans of the questions, as the engine tells them.
pub async fn explain(database: &Database, tenant: &TenantId) -> Result<Vec<String>, DatabaseError> {
    let mut lines = Vec::new();
    let mut reader = database.reader(tenant).await?;
    for (name, sql) in [("newest", NEWEST), ("person", OF_PERSON), ("feed", FEED)] {
        lines.push(format!("{name}:"));
        // The values stand in the text: what is explained is what is asked.
        let sql = sql
            .replace("$1", &format!("'{tenant}'"))
            .replace("$2", "'2026-01-01T00:00:00Z'")
            .replace("$3", "''")
            .replace("$4", "50")
            .replace("$5", "'person7@acme.com'");
        let (explain, column) = match database.dialect() {
            Dialect::Sqlite => ("EXPLAIN QUERY PLAN", 3),
            Dialect::Postgres => ("EXPLAIN", 0),
        };
        let rows = sqlx::query(AssertSqlSafe(format!("{explain} {sql}"))).fetch_all(reader.connection()).await?;
        for row in rows {
            lines.push(format!("  {}", row.try_get::<String, _>(column)?));
        }
    }
    Ok(lines)
}
