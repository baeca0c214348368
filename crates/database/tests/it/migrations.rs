//! Migrations go forward, once.

use m365_database::DatabaseError;

use crate::ground::Ground;

#[tokio::test]
async fn migrating_again_does_nothing() {
    let ground = Ground::new().await;
    assert_eq!(ground.db.migrate().await.unwrap(), 0);
    assert!(ground.db.assert_current().await.is_ok());
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let ground = Ground::new().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'of tomorrow', 1, X'00', 0)";
    sqlx::query(newer).execute(&mut ground.sqlite().await).await.unwrap();
    assert!(matches!(ground.db.assert_current().await.unwrap_err(), DatabaseError::Newer));
    assert!(matches!(ground.db.migrate().await.unwrap_err(), DatabaseError::Newer));
}

#[tokio::test]
async fn a_migration_that_was_changed_is_noticed() {
    let ground = Ground::new().await;
    let changed = "UPDATE _sqlx_migrations SET checksum = X'00' WHERE version = 1";
    sqlx::query(changed).execute(&mut ground.sqlite().await).await.unwrap();
    assert!(matches!(ground.db.migrate().await.unwrap_err(), DatabaseError::MigrationChanged));
}

#[tokio::test]
async fn without_tables_it_says_what_to_run() {
    let ground = Ground::new().await;
    sqlx::query("DROP TABLE _sqlx_migrations").execute(&mut ground.sqlite().await).await.unwrap();
    let error = ground.db.assert_current().await.unwrap_err();
    assert!(matches!(error, DatabaseError::NotMigrated), "{error}");
    assert!(error.to_string().contains("m365-connector migrate"), "{error}");
}
