//! Moving an installation from one database to another, row by row, and checking each.
//!
//! Rows keep their ids, so sealed cells still open. Everything goes into the target in one transaction for each tenant; a
//! copy that is broken off leaves nothing of the tenant that it was at. The target's own checks on who may be let in are off
//! for that transaction: what is copied was let in once, perhaps by an entry that is closed by now.

use m365_model::TenantId;
use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{AnyConnection, AssertSqlSafe, Column as _, Row as _, ValueRef as _};
use thiserror::Error;

use crate::{Database, DatabaseError, Dialect};

/// A table, and the columns that order its rows.
struct Table {
    name: &'static str,
    key: &'static [&'static str],
}

/// Every table, each after those that it refers to. A test holds the list against the schema.
const TABLES: &[Table] = &[
    Table { name: "o365_config", key: &["tenant_id"] },
    Table { name: "setting", key: &["name"] },
    Table { name: "tenant_secret", key: &["name"] },
    Table { name: "suppression", key: &["kind", "hash"] },
    Table { name: "allowed_external_domain", key: &["id"] },
    Table { name: "exclusion", key: &["exclusion_key"] },
    Table { name: "internal_domain", key: &["domain", "source"] },
    Table { name: "mailbox", key: &["id"] },
    Table { name: "mail_folder", key: &["id"] },
    Table { name: "delta_state", key: &["id"] },
    Table { name: "token_cache", key: &["name"] },
    Table { name: "event_copy", key: &["id"] },
    Table { name: "event_participant", key: &["copy_id", "position"] },
    Table { name: "activity", key: &["id"] },
    Table { name: "activity_participant", key: &["activity_id", "position"] },
    Table { name: "feed_state", key: &["tenant_id"] },
    Table { name: "feed_tombstone", key: &["id"] },
    Table { name: "sync_run", key: &["number"] },
    Table { name: "run_mailbox", key: &["run_id", "place"] },
    Table { name: "audit_event", key: &["id"] },
    Table { name: "sign_in_link", key: &["link_hash"] },
    Table { name: "local_session", key: &["session_key"] },
    Table { name: "invitation", key: &["secret_hash"] },
    Table { name: "consent_state", key: &["state_key"] },
    Table { name: "entra_confirmation", key: &["entra_tenant_id"] },
    Table { name: "entra_owner", key: &["entra_tenant_id"] },
    Table { name: "customer_agreement", key: &["tenant_id"] },
    Table { name: "application_secret", key: &["tenant_id"] },
];

/// The names of the tables that are copied, for the test that holds them against the schema; `tenant` and `installation`, which
/// belong to no tenant, are written by the copy itself.
pub fn copied_tables() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name)
}

/// How many rows are read at a time.
const BATCH: usize = 500;

/// How many rows of each table were copied.
pub type Copied = Vec<(&'static str, u64)>;

/// Why an installation was not copied.
#[derive(Debug, Error)]
pub enum CopyError {
    /// The target is in use.
    #[error("the target database already holds a tenant: copy into a new one, so that nothing is mixed")]
    TargetInUse,
    /// The target does not say what the source says.
    #[error(
        "the copy of the table {0} differs from the source: nothing of this tenant was kept; copy again while no sync runs"
    )]
    Differs(&'static str),
    /// A database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for CopyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Database {
    /// The tenants of this installation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, DatabaseError> {
        self.assert_in_place()?;
        let names: Vec<String> =
            sqlx::query_scalar("SELECT tenant_id FROM tenant ORDER BY tenant_id").fetch_all(&self.pool).await?;
        let unreadable = |_| DatabaseError::Other { class: "a tenant's id is of another kind", code: None };
        names.iter().map(|name| name.parse().map_err(unreadable)).collect()
    }

    /// Copies every tenant into `target`, which must be migrated and empty, and compares each row.
    ///
    /// # Errors
    /// When the target holds a tenant, a row differs, or a database fails.
    pub async fn copy_to(&self, target: &Self) -> Result<Copied, CopyError> {
        if !target.tenants().await?.is_empty() {
            return Err(CopyError::TargetInUse);
        }
        self.copy_installation(target).await?;
        let mut copied: Copied = TABLES.iter().map(|table| (table.name, 0)).collect();
        for tenant in self.tenants().await? {
            self.copy_tenant(target, &tenant, &mut copied).await?;
        }
        Ok(copied)
    }

    /// How people sign in. A target for which it was decided otherwise is not a new one.
    async fn copy_installation(&self, target: &Self) -> Result<(), CopyError> {
        let read = "SELECT sign_in, settled_at FROM installation WHERE id = 1";
        let Some(row) = sqlx::query(read).fetch_optional(&self.pool).await? else { return Ok(()) };
        let (sign_in, settled_at): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        sqlx::query(
            "INSERT INTO installation (id, sign_in, settled_at) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING",
        )
        .bind(sign_in.as_str())
        .bind(settled_at)
        .execute(&target.writers)
        .await?;
        let there: String = sqlx::query(read).fetch_one(&target.pool).await?.try_get(0)?;
        if there == sign_in { Ok(()) } else { Err(CopyError::Differs("installation")) }
    }

    async fn copy_tenant(&self, target: &Self, tenant: &TenantId, copied: &mut Copied) -> Result<(), CopyError> {
        let mut reader = self.reader(tenant).await?;
        let mut tx = target.begin(tenant).await?;
        let admitted: String = sqlx::query_scalar("SELECT admitted_at FROM tenant WHERE tenant_id = $1")
            .bind(tenant.as_str())
            .fetch_one(reader.connection())
            .await?;
        sqlx::query("INSERT INTO tenant (tenant_id, admitted_at) VALUES ($1, $2)")
            .bind(tenant.as_str())
            .bind(admitted)
            .execute(tx.connection())
            .await?;
        let lifted = lift_checks(target.dialect, tx.connection()).await?;
        for (table, (_, count)) in TABLES.iter().zip(copied.iter_mut()) {
            *count += copy_table(table, tenant, reader.connection(), tx.connection()).await?;
            if let (Dialect::Postgres, ["id" | "number"]) = (target.dialect, table.key) {
                continue_numbers(table, tx.connection()).await?;
            }
        }
        restore_checks(target.dialect, tx.connection(), &lifted).await?;
        Ok(tx.save().await?)
    }
}

/// Copies a table's rows of `tenant` and compares what came of each batch.
async fn copy_table(
    table: &Table,
    tenant: &TenantId,
    source: &mut AnyConnection,
    target: &mut AnyConnection,
) -> Result<u64, CopyError> {
    let mut after: Option<Vec<Cell>> = None;
    let mut count = 0;
    loop {
        let rows = read_batch(table, tenant, after.as_deref(), source).await?;
        for row in &rows {
            insert(table, row, target).await?;
        }
        let copies = read_batch(table, tenant, after.as_deref(), target).await?;
        if copies != rows {
            return Err(CopyError::Differs(table.name));
        }
        count += rows.len() as u64;
        let Some(last) = rows.last().filter(|_| rows.len() == BATCH) else { return Ok(count) };
        after = Some(key_of(table, last));
    }
}

/// A value of a row, of one of the kinds that both engines have.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row: its values by their columns' names.
type Values = Vec<(String, Cell)>;

async fn read_batch(
    table: &Table,
    tenant: &TenantId,
    after: Option<&[Cell]>,
    connection: &mut AnyConnection,
) -> Result<Vec<Values>, CopyError> {
    let key = table.key.join(", ");
    let beyond = after.map(|after| {
        let places: Vec<String> = (0..after.len()).map(|i| format!("${}", i + 2)).collect();
        format!("AND ({key}) > ({})", places.join(", "))
    });
    let sql = format!(
        "SELECT * FROM {} WHERE tenant_id = $1 {} ORDER BY {key} LIMIT {BATCH}",
        table.name,
        beyond.unwrap_or_default()
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(tenant.as_str());
    for cell in after.unwrap_or_default() {
        query = match cell {
            Cell::Number(number) => query.bind(*number),
            Cell::Text(text) => query.bind(text.clone()),
            Cell::Bytes(bytes) => query.bind(bytes.clone()),
            Cell::Null => return Err(CopyError::Differs(table.name)),
        };
    }
    query.fetch_all(connection).await?.iter().map(read_row).collect()
}

/// The values of a row, in the order of their names: the engines may hold columns in different orders.
fn read_row(row: &AnyRow) -> Result<Values, CopyError> {
    let mut values = Vec::with_capacity(row.columns().len());
    for column in row.columns() {
        let at = column.ordinal();
        let raw = row.try_get_raw(at)?;
        let cell = if raw.is_null() {
            Cell::Null
        } else {
            match raw.type_info().kind() {
                AnyTypeInfoKind::Text => Cell::Text(row.try_get(at)?),
                AnyTypeInfoKind::Blob => Cell::Bytes(row.try_get(at)?),
                AnyTypeInfoKind::Integer => Cell::Number(row.try_get::<i32, _>(at)?.into()),
                _ => Cell::Number(row.try_get(at)?),
            }
        };
        values.push((column.name().to_owned(), cell));
    }
    values.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(values)
}

fn key_of(table: &Table, row: &Values) -> Vec<Cell> {
    let value =
        |name: &&str| row.iter().find(|(column, _)| column == name).map_or(Cell::Null, |(_, cell)| cell.clone());
    table.key.iter().map(value).collect()
}

async fn insert(table: &Table, row: &Values, connection: &mut AnyConnection) -> Result<(), CopyError> {
    let columns: Vec<&str> = row.iter().map(|(name, _)| name.as_str()).collect();
    // A NULL stands in the statement itself: bound, it would need a type.
    let mut bound = 0;
    let places: Vec<String> = row
        .iter()
        .map(|(_, cell)| {
            if *cell == Cell::Null {
                return "NULL".to_owned();
            }
            bound += 1;
            format!("${bound}")
        })
        .collect();
    let sql = format!("INSERT INTO {} ({}) VALUES ({})", table.name, columns.join(", "), places.join(", "));
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (_, cell) in row {
        query = match cell {
            Cell::Null => query,
            Cell::Number(number) => query.bind(*number),
            Cell::Text(text) => query.bind(text.clone()),
            Cell::Bytes(bytes) => query.bind(bytes.clone()),
        };
    }
    query.execute(connection).await?;
    Ok(())
}

/// The next row that PostgreSQL numbers comes after those that were copied.
async fn continue_numbers(table: &Table, connection: &mut AnyConnection) -> Result<(), CopyError> {
    let (name, column) = (table.name, table.key[0]);
    let sequence = format!("pg_get_serial_sequence('{name}', '{column}')");
    let sql = format!(
        "SELECT setval({sequence}, GREATEST((SELECT COALESCE(MAX({column}), 0) FROM {name}), \
         (SELECT last_value FROM pg_sequences WHERE schemaname || '.' || sequencename = {sequence}), 1))"
    );
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// The tables with triggers on who may be let in.
const CHECKED: [&str; 3] = ["activity", "activity_participant", "event_participant"];

/// Lifts the checks until the transaction ends. On SQLite the triggers are taken away, and their text is given back.
async fn lift_checks(dialect: Dialect, connection: &mut AnyConnection) -> Result<Vec<String>, CopyError> {
    let mut lifted = Vec::new();
    for table in CHECKED {
        match dialect {
            Dialect::Postgres => {
                let sql = format!("ALTER TABLE {table} DISABLE TRIGGER USER");
                sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await?;
            }
            Dialect::Sqlite => {
                let triggers =
                    sqlx::query("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = $1")
                        .bind(table)
                        .fetch_all(&mut *connection)
                        .await?;
                for trigger in triggers {
                    let drop = format!("DROP TRIGGER {}", trigger.try_get::<String, _>(0)?);
                    sqlx::query(AssertSqlSafe(drop)).execute(&mut *connection).await?;
                    lifted.push(trigger.try_get(1)?);
                }
            }
        }
    }
    Ok(lifted)
}

async fn restore_checks(dialect: Dialect, connection: &mut AnyConnection, lifted: &[String]) -> Result<(), CopyError> {
    if dialect == Dialect::Postgres {
        for table in CHECKED {
            let sql = format!("ALTER TABLE {table} ENABLE TRIGGER USER");
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await?;
        }
    }
    for trigger in lifted {
        sqlx::raw_sql(AssertSqlSafe(trigger.clone())).execute(&mut *connection).await?;
    }
    Ok(())
}
