//! Files: whose they are, and what is said of those that cannot be used.

use std::os::unix::fs::PermissionsExt as _;

use m365_database::{Database, DatabaseError};
use m365_model::Surroundings;

use crate::ground::Ground;

async fn open(url: &str) -> Result<Database, DatabaseError> {
    Database::open(url, Surroundings::system()).await
}

#[tokio::test]
async fn every_file_is_its_owners_alone() {
    let ground = Ground::new().await;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(ground.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?} is {mode:o}", entry.file_name());
        names.push(entry.file_name());
    }
    assert!(names.len() >= 2, "the database and its journal: {names:?}");
}

#[tokio::test]
async fn what_is_no_database_is_refused_without_repeating_it() {
    for url in ["mysql://user:hunter2@host/db", "sqlite:", "sqlite://", "sqlite://hunter2?mode=memory", "hunter2"] {
        let error = open(url).await.expect_err("a refusal").to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let missing = format!("sqlite://{}", folder.path().join("missing/hunter2.db").display());
    let error = open(&missing).await.expect_err("a refusal").to_string();
    assert!(error.contains("folder") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is a letter, not a database, however long it may be. ".repeat(100)).unwrap();
    let error = match open(&format!("sqlite://{}", text.display())).await {
        Ok(database) => database.migrate().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, m365_database::DatabaseError::Damaged), "{error}");
}
