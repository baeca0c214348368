//! PostgreSQL: a server that many processes share.

use std::time::Duration;

use m365_model::TenantId;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, Connection as _, Executor as _, Row as _};

use crate::DatabaseError;

/// The role that the program works under where its login could pass over row-level security. It cannot log in by itself.
const ROLE: &str = "m365_connector";

pub(crate) fn is_url(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

pub(crate) async fn open(pool: AnyPoolOptions, url: &str, timeout: Duration) -> Result<AnyPool, DatabaseError> {
    let is_above_policies = lay_down(url).await?;
    let pool = pool
        .after_connect(move |connection, _| {
            Box::pin(async move { prepare(connection, timeout, is_above_policies).await })
        })
        .connect(url)
        .await?;
    Ok(pool)
}

/// Row-level security does not bind superusers (<https://www.postgresql.org/docs/current/ddl-rowsecurity.html>): with such a
/// login the program makes a role that is bound, and says that it works under it.
async fn lay_down(url: &str) -> Result<bool, DatabaseError> {
    let mut connection = AnyConnection::connect(url).await?;
    let row =
        connection.fetch_one("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user").await?;
    let is_above_policies: bool = row.try_get(0)?;
    if is_above_policies {
        // Several processes may start together: that another made the role first is as good.
        let make = format!(
            "DO $$ BEGIN CREATE ROLE {ROLE} NOLOGIN; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        );
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(make))).await?;
        let grant = format!("GRANT USAGE, CREATE ON SCHEMA public TO {ROLE}");
        // Two grants at once may find the row being changed; the other one's is the same.
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(grant))).await.ok();
    }
    connection.close().await?;
    Ok(is_above_policies)
}

async fn prepare(connection: &mut AnyConnection, timeout: Duration, is_above_policies: bool) -> sqlx::Result<()> {
    let wait = timeout.as_millis();
    let first = format!("SET lock_timeout = {wait}; SET statement_timeout = {}", wait * 4);
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(first))).await?;
    if is_above_policies {
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(format!("SET ROLE {ROLE}")))).await?;
    }
    Ok(())
}

/// Names the tenant of a transaction to row-level security, until the transaction ends.
pub(crate) async fn enter_tenant(connection: &mut AnyConnection, tenant: &TenantId) -> sqlx::Result<()> {
    sqlx::query("SELECT set_config('m365.tenant', $1, true)").bind(tenant.as_str()).execute(connection).await?;
    Ok(())
}
