//! Migrations: forward only, each applied once, and never changed after its release.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use crate::{Database, DatabaseError, Dialect};

/// Version, name, and the statements for SQLite and for PostgreSQL. In order; the next one goes to the end.
const MIGRATIONS: &[(i64, &str, &str, &str)] = &[
    (
        1,
        "ground floor",
        include_str!("../migrations/sqlite/0001_ground_floor.sql"),
        include_str!("../migrations/postgres/0001_ground_floor.sql"),
    ),
    (
        2,
        "the database says no",
        include_str!("../migrations/sqlite/0002_the_database_says_no.sql"),
        include_str!("../migrations/postgres/0002_the_database_says_no.sql"),
    ),
    (
        3,
        "feed",
        include_str!("../migrations/sqlite/0003_feed.sql"),
        include_str!("../migrations/postgres/0003_feed.sql"),
    ),
    (
        4,
        "rights",
        include_str!("../migrations/sqlite/0004_rights.sql"),
        include_str!("../migrations/postgres/0004_rights.sql"),
    ),
    (
        5,
        "tenants",
        include_str!("../migrations/sqlite/0005_tenants.sql"),
        include_str!("../migrations/postgres/0005_tenants.sql"),
    ),
    (
        6,
        "reading",
        include_str!("../migrations/sqlite/0006_reading.sql"),
        include_str!("../migrations/postgres/0006_reading.sql"),
    ),
    (
        7,
        "run end",
        include_str!("../migrations/sqlite/0007_run_end.sql"),
        include_str!("../migrations/postgres/0007_run_end.sql"),
    ),
    (
        8,
        "names",
        include_str!("../migrations/sqlite/0008_names.sql"),
        include_str!("../migrations/postgres/0008_names.sql"),
    ),
    (
        9,
        "the real service",
        include_str!("../migrations/sqlite/0009_the_real_service.sql"),
        include_str!("../migrations/postgres/0009_the_real_service.sql"),
    ),
    (
        10,
        "sign in",
        include_str!("../migrations/sqlite/0010_sign_in.sql"),
        include_str!("../migrations/postgres/0010_sign_in.sql"),
    ),
    (
        11,
        "shared runs",
        include_str!("../migrations/sqlite/0011_shared_runs.sql"),
        include_str!("../migrations/postgres/0011_shared_runs.sql"),
    ),
    (
        12,
        "notes",
        include_str!("../migrations/sqlite/0012_notes.sql"),
        include_str!("../migrations/postgres/0012_notes.sql"),
    ),
    (
        13,
        "a persons page",
        include_str!("../migrations/sqlite/0013_a_persons_page.sql"),
        include_str!("../migrations/postgres/0013_a_persons_page.sql"),
    ),
    (
        14,
        "no guess by tenant",
        include_str!("../migrations/sqlite/0014_no_guess_by_tenant.sql"),
        include_str!("../migrations/postgres/0014_no_guess_by_tenant.sql"),
    ),
];

/// The version of the schema that this program was written for.
pub fn newest_schema() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

fn migrator(dialect: Dialect) -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(version, name, sqlite, postgres)| {
        let sql = match dialect {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
        };
        let sql = AssertSqlSafe(*sql).into_sql_str();
        Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

impl Database {
    /// Brings the schema up to this version. Safe to repeat; it says how many steps were taken.
    ///
    /// # Errors
    /// When the database is of a newer version, was changed by hand, or cannot be written.
    pub async fn migrate(&self) -> Result<usize, DatabaseError> {
        let before = self.applied().await.unwrap_or_default();
        migrator(self.dialect).run(&self.writers).await.map_err(from_migration)?;
        Ok(MIGRATIONS.len().saturating_sub(before.len()))
    }

    /// Checks that the schema is that of this version.
    ///
    /// # Errors
    /// [`DatabaseError::NotMigrated`] or [`DatabaseError::Newer`], each with what to do.
    pub async fn assert_current(&self) -> Result<(), DatabaseError> {
        let applied = self.applied().await?;
        if applied.iter().any(|version| *version > newest_schema()) {
            Err(DatabaseError::Newer)
        } else if applied.len() < MIGRATIONS.len() {
            Err(DatabaseError::NotMigrated)
        } else {
            Ok(())
        }
    }

    /// The version that the schema has: 0 before the first migration.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn schema_version(&self) -> Result<i64, DatabaseError> {
        Ok(self.applied().await?.last().copied().unwrap_or_default())
    }

    async fn applied(&self) -> Result<Vec<i64>, DatabaseError> {
        let count = match self.dialect {
            Dialect::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
            Dialect::Postgres => "SELECT COUNT(*) FROM pg_tables WHERE tablename = '_sqlx_migrations'",
        };
        let table: i64 = sqlx::query_scalar(count).fetch_one(&self.pool).await?;
        if table == 0 {
            return Ok(Vec::new());
        }
        Ok(sqlx::query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version").fetch_all(&self.pool).await?)
    }
}

fn from_migration(error: MigrateError) -> DatabaseError {
    match error {
        MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) => e.into(),
        MigrateError::VersionMissing(_) => DatabaseError::Newer,
        MigrateError::VersionMismatch(_) => DatabaseError::MigrationChanged,
        _ => DatabaseError::Other { class: "a migration could not be applied", code: None },
    }
}
