//! The ledger outside the database, and backups that are put back.

use std::os::unix::fs::PermissionsExt as _;

use m365_privacy::Suppressions;
use m365_store::erase::Target;
use m365_store::{LedgerError, StoreError};

use crate::ground::{Ground, Meeting, NOON, block_on, domain, on_both, operator, person};

const JANE: &str = "jane@acme.com";

/// Stores a message as if nobody had ever been erased.
async fn mail_from_before(ground: &Ground, id: &str, people: &[&str]) {
    let (filter, version) = ground.rules_without(Suppressions::none()).await;
    ground.mail_at(NOON, id, "From jane@acme.com", people, &filter, version).await;
}

#[test]
fn without_a_writable_ledger_nothing_is_erased() {
    on_both(async |ground| {
        ground.mail("m1", "Renewal", &[JANE]).await;
        let store = ground.store.clone().with_ledger(ground.folder.path().join("no such folder/ledger"));
        let refused = store.erase(&ground.tenant, &operator(), &person(JANE)).await;
        assert!(matches!(refused, Err(StoreError::Ledger(LedgerError::ReadOnly))), "{refused:?}");
        assert_eq!(ground.records().await.len(), 1);
        assert_eq!(ground.number("SELECT COUNT(*) FROM suppression").await, 0);
    });
}

#[test]
fn a_damaged_ledger_or_one_of_another_key_stops_everything() {
    on_both(async |ground| {
        ground.erase(&person(JANE)).await;
        let whole = std::fs::read_to_string(ground.ledger()).unwrap();
        std::fs::write(ground.ledger(), format!("{{}}\n{whole}")).unwrap();
        let refused = ground.store.reconcile_ledger(&ground.tenant).await;
        assert!(matches!(refused, Err(StoreError::Ledger(LedgerError::Damaged(1)))), "{refused:?}");
        // A backup from before the key was made: its hashes would know nobody.
        std::fs::write(ground.ledger(), &whole).unwrap();
        ground.execute("DELETE FROM suppression").await;
        ground.execute("DELETE FROM tenant_secret").await;
        for _ in 0..2 {
            let refused = ground.store.reconcile_ledger(&ground.tenant).await;
            assert!(matches!(refused, Err(StoreError::Ledger(LedgerError::ForeignKey))), "{refused:?}");
            ground.store.suppressions(&ground.tenant).await.unwrap();
        }
    });
}

#[test]
fn the_ledger_names_nobody_and_is_its_owners_alone() {
    on_both(async |ground| {
        let other = ground.another_tenant().await;
        ground.erase(&person(JANE)).await;
        ground.erase(&domain("globex.com")).await;
        other.erase(&person(JANE)).await;
        let text = std::fs::read_to_string(ground.ledger()).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert!(!text.contains('@') && !text.contains("acme") && !text.contains("globex"), "{text}");
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["kind"], &lines[1]["kind"]), (&"person".into(), &"domain".into()));
        // The same person is another hash for another tenant.
        assert_ne!(lines[0]["hash"], lines[2]["hash"]);
        let mode = std::fs::metadata(ground.ledger()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    });
}

#[test]
fn a_line_that_was_cut_off_is_no_erasure_and_harms_no_later_one() {
    on_both(async |ground| {
        ground.erase(&person("ann@acme.com")).await;
        let whole = std::fs::read_to_string(ground.ledger()).unwrap();
        std::fs::write(ground.ledger(), format!("{whole}{}", &whole[..40])).unwrap();
        assert!(ground.store.reconcile_ledger(&ground.tenant).await.unwrap().is_none());
        ground.erase(&person(JANE)).await;
        assert!(ground.store.reconcile_ledger(&ground.tenant).await.unwrap().is_none());
        assert_eq!(std::fs::read_to_string(ground.ledger()).unwrap().lines().count(), 2);
    });
}

/// Fails when `reconcile_ledger` does not look for missing entries.
#[test]
fn a_database_that_does_not_know_an_erasure_any_more_does_it_again() {
    on_both(async |ground| {
        ground.erase(&person(JANE)).await;
        ground.erase(&domain("globex.com")).await;
        ground.execute("DELETE FROM suppression").await;
        mail_from_before(&ground, "m1", &[JANE]).await;
        mail_from_before(&ground, "m2", &["ann@acme.com", "bob@eu.globex.com"]).await;
        let receipt = ground.store.reconcile_ledger(&ground.tenant).await.unwrap().expect("it had something to do");
        assert_eq!((receipt.target, receipt.tables.of("activity").deleted), ("ledger", 1));
        let left = ground.everything().await;
        assert!(!left.contains("jane") && !left.contains("globex.com\n") && !left.contains("bob"), "{left}");
        assert_eq!(ground.names().await, ["o365_email_m2"]);
        assert!(!ground.mail("m1", "Renewal", &[JANE]).await);
        assert!(ground.store.reconcile_ledger(&ground.tenant).await.unwrap().is_none());
    });
}

/// Fails when `purged_at` is set together with the suppression.
#[test]
fn an_erasure_that_was_broken_off_before_its_purge_is_finished() {
    on_both(async |ground| {
        ground.mail("m1", "Renewal", &[JANE]).await;
        // The purge finds a table out of reach, and changes nothing.
        ground.execute("ALTER TABLE event_participant RENAME TO out_of_reach").await;
        assert!(ground.store.erase(&ground.tenant, &operator(), &person(JANE)).await.is_err());
        ground.execute("ALTER TABLE out_of_reach RENAME TO event_participant").await;
        assert_eq!(ground.records().await.len(), 1);
        assert!(!ground.mail("m2", "Renewal", &[JANE]).await, "the suppression stands");
        assert!(ground.store.reconcile_ledger(&ground.tenant).await.unwrap().is_some());
        assert!(ground.records().await.is_empty());
        assert!(ground.store.reconcile_ledger(&ground.tenant).await.unwrap().is_none());
    });
}

#[test]
fn a_backup_of_the_file_that_is_put_back_forgets_again() {
    block_on(async {
        let ground = Ground::on_sqlite().await;
        ground.mail("m1", "Renewal", &[JANE]).await;
        ground.mail("m2", "Renewal", &[JANE, "ann@acme.com"]).await;
        ground.meeting(Meeting { attendees: &[JANE], ..Meeting::default() }).await;
        ground.store.database().close().await;
        let backup = ground.folder.path().join("backup");
        std::fs::copy(ground.file(), &backup).unwrap();
        for target in [person(JANE), Target::All] {
            let ground = ground.reopened().await;
            ground.erase(&target).await;
            ground.store.database().close().await;
            std::fs::copy(&backup, ground.file()).unwrap();
            let restored = ground.reopened().await;
            assert_eq!(restored.records().await.len(), 3);
            assert!(restored.store.reconcile_ledger(&restored.tenant).await.unwrap().is_some());
            let expected: &[&str] = if target == Target::All { &[] } else { &["o365_email_m2"] };
            assert_eq!(restored.names().await, expected);
            assert!(!restored.everything().await.contains(JANE));
            // What is read after it stays: everything was erased once, not for good.
            assert!(restored.mail("m3", "Renewal", &["ann@acme.com"]).await);
            assert!(restored.store.reconcile_ledger(&restored.tenant).await.unwrap().is_none());
            restored.store.database().close().await;
            std::fs::copy(&backup, ground.file()).unwrap();
        }
    });
}

#[test]
fn a_ledger_that_began_later_learns_what_the_database_knows() {
    on_both(async |ground| {
        ground.erase(&person(JANE)).await;
        std::fs::remove_file(ground.ledger()).unwrap();
        assert!(ground.store.reconcile_ledger(&ground.tenant).await.unwrap().is_none());
        assert_eq!(std::fs::read_to_string(ground.ledger()).unwrap().lines().count(), 1);
    });
}
