//! Whoever was erased stays out, whatever happens to the installation.

use m365_store::Crypter;

use crate::ground::{Ground, Meeting, key, on_both, person};

const SPELLINGS: [&str; 5] = [
    "jane@b\u{fc}cher.example",
    "JANE@B\u{dc}CHER.EXAMPLE",
    "Jane@XN--BCHER-KVA.example.",
    " jane@b\u{fc}cher.example ",
    "jane@b\u{fc}cher\u{3002}example",
];

/// A full resync: everything comes again, in every spelling.
async fn assert_stays_out(ground: &Ground) {
    for spelling in SPELLINGS {
        assert!(!ground.mail("alone", "Renewal", &[spelling]).await, "{spelling}");
        assert!(!ground.meeting(Meeting { attendees: &[spelling], ..Meeting::default() }).await, "{spelling}");
        assert!(!ground.meeting(Meeting { organizer: spelling, ..Meeting::default() }).await, "{spelling}");
        let subject = format!("Fwd: from {spelling}: hello");
        assert!(ground.mail("two", &subject, &[spelling, "ann@acme.com"]).await, "{spelling}");
        let records = ground.records().await;
        assert_eq!(records.len(), 1);
        assert_eq!(records[0]["properties"]["participantEmails"], serde_json::json!(["ann@acme.com"]));
        assert_eq!(records[0]["properties"]["subject"], serde_json::Value::Null, "{spelling}");
    }
}

/// Fails when the filter does not ask the suppressions, or hashes what was typed instead of the one spelling.
#[test]
fn however_spelled_at_a_full_resync() {
    on_both(async |ground| {
        ground.allow(&["b\u{fc}cher.example"], false).await;
        ground.mail("alone", "Renewal", &[SPELLINGS[0]]).await;
        ground.erase(&person(SPELLINGS[1])).await;
        assert_stays_out(&ground).await;
    });
}

/// Fails when `tenant_secret` is not among the sealed columns that a rotation seals anew.
#[test]
fn after_the_key_was_changed_and_the_old_one_thrown_away() {
    on_both(async |ground| {
        ground.allow(&["b\u{fc}cher.example"], false).await;
        ground.erase(&person(SPELLINGS[2])).await;
        let both = ground.under(Crypter::new(key('b'), vec![key('a')]));
        both.store.rotate_keys(&ground.tenant).await.unwrap();
        let new = ground.under(Crypter::new(key('b'), Vec::new()));
        assert_stays_out(&new).await;
        assert!(new.store.reconcile_ledger(&ground.tenant).await.unwrap().is_none());
    });
}

#[test]
fn without_any_key_nothing_is_read_rather_than_everyone_let_in() {
    on_both(async |ground| {
        ground.erase(&person(SPELLINGS[0])).await;
        let lost = ground.under(Crypter::new(key('b'), Vec::new()));
        assert!(lost.store.suppressions(&ground.tenant).await.is_err());
        assert!(lost.store.reconcile_ledger(&ground.tenant).await.is_err());
    });
}
