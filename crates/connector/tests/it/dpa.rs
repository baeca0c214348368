//! The agreement on the command line, where a company has put its own text in force.

use m365_database::{AGREEMENT_TEXT, AGREEMENT_VERSION, Database, OwnText, set_agreement};
use m365_model::Surroundings;

use crate::office::Office;

/// As the dashboard does it.
async fn put_in_force(office: &Office, version: &str, text: &str) {
    let url = format!("sqlite://{}", office.database().display());
    let database = Database::open(&url, Surroundings::system()).await.expect("a database");
    let (tenant, admin) = ("default".parse().expect("a tenant"), "user_admin".parse().expect("a user"));
    let own = OwnText::new(version, text).expect("a text");
    assert!(set_agreement(&tenant, &admin, &own, &database).await.expect("a text in force"));
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agreement_that_is_shown_and_accepted_is_the_one_in_force() {
    let office = Office::ready(|_| {});
    assert!(office.done(&["dpa", "show"]).contains(AGREEMENT_TEXT));
    office.done(&["sync"]);

    put_in_force(&office, "Contoso 1", "We agree.").await;
    let shown = office.done(&["dpa", "show"]);
    assert!(shown.starts_with("We agree.\n") && shown.contains("Version Contoso 1, SHA-256"), "{shown}");
    let status = office.run(&["dpa", "status"]);
    assert_eq!(status.code, Some(3), "{}", status.err);
    let said = format!("version {AGREEMENT_VERSION} was accepted; version Contoso 1 asks again");
    assert!(status.out.contains(&said), "{}", status.out);
    assert_eq!(office.run(&["sync"]).code, Some(3));

    office.done(&["dpa", "accept", "--user", "admin"]);
    assert!(office.done(&["dpa", "status"]).contains("version Contoso 1"));
    office.done(&["sync"]);
}

/// Whoever has set up nothing can read what comes with the program.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_database_the_built_in_text_is_shown() {
    let mut office = Office::new(|_| {});
    office.set("CONNECTOR_ENCRYPTION_KEY", "");
    assert!(office.done(&["dpa", "show"]).contains(AGREEMENT_TEXT));
    assert!(!office.database().exists());
}
