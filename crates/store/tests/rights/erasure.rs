//! One person is erased.

use m365_database::withdraw_dpa;
use m365_store::erase::Target;
use m365_store::{PageError, StoreError};
use serde_json::{Value, json};

use crate::ground::{Ground, Meeting, block_on, on_both, operator, person, text};

const JANE: &str = "jane@acme.com";

#[test]
fn where_nothing_is_connected_nothing_is_erased() {
    on_both(async |ground| {
        let nobody = "nobody".parse().unwrap();
        let refused = ground.store.erase(&nobody, &operator(), &person(JANE)).await;
        assert!(matches!(refused, Err(StoreError::NotConnected)), "{refused:?}");
        assert!(!ground.ledger().exists());
    });
}

/// Fails when `write_marks` does not move `allow_list_version`.
#[test]
fn a_page_that_was_filtered_before_the_erasure_is_not_stored() {
    on_both(async |ground| {
        let gate = ground.gate().await;
        let (before, version) = ground.rules().await;
        ground.erase(&person(JANE)).await;
        assert!(matches!(ground.store.open_join(&gate, version).await, Err(PageError::RulesChanged)));
        drop(before);
        // Filtered anew, it holds nobody.
        assert!(!ground.mail("m1", "Renewal", &[JANE]).await);
        assert!(ground.records().await.is_empty());
    });
}

/// Someone who takes part in everything that there is.
async fn stored_everywhere(ground: &Ground) {
    ground.mail("alone", "Renewal", &[JANE]).await;
    ground.mail("first", "Renewal", &[JANE, "ann@acme.com", "bob@globex.com"]).await;
    ground.mail("later", "Renewal", &["ann@acme.com", JANE]).await;
    ground.mail("named", "Ask Jane@ACME.com. Now", &["ann@acme.com"]).await;
    ground.mail("other", "Ask mary.jane@acme.com", &["ann@acme.com"]).await;
    ground.meeting(Meeting { event: "both", attendees: &[JANE, "ann@acme.com"], ..Meeting::default() }).await;
    ground.meeting(Meeting { event: "hers", attendees: &[JANE], ..Meeting::default() }).await;
    let led = Meeting { event: "led", organizer: JANE, attendees: &["ann@acme.com"], ..Meeting::default() };
    ground.meeting(led).await;
    let named =
        Meeting { event: "about", subject: "<jane@acme.com>", attendees: &["bob@globex.com"], ..Meeting::default() };
    ground.meeting(named).await;
    ground.series(Meeting { event: "weekly", attendees: &[JANE], ..Meeting::default() }, "weekly-1").await;
}

#[test]
fn whoever_is_erased_is_in_no_table_any_more_and_everyone_else_stays() {
    on_both(async |ground| {
        stored_everywhere(&ground).await;
        let other = ground.another_tenant().await;
        other.mail("theirs", "Renewal", &[JANE]).await;
        assert!(ground.everything().await.contains("jane@acme.com"));
        // No agreement is needed for it.
        withdraw_dpa(&ground.tenant, &operator(), ground.store.database()).await.unwrap();

        let receipt = ground.erase(&person(" Jane@ACME.com. ")).await;

        let left = ground.everything().await.to_lowercase().replace("mary.jane@acme.com", "");
        assert!(!left.contains("jane@acme.com"), "{left}");
        let records = ground.records().await;
        let find =
            |name: &str| records.iter().find(|record| text(record, "/externalId") == name).unwrap_or(&Value::Null);
        let first = find("o365_email_first");
        assert_eq!(text(first, "/personExternalId"), "ann@acme.com");
        assert_eq!(first["properties"]["participantCount"], 2);
        assert_eq!(first["properties"]["participantEmails"], json!(["ann@acme.com", "bob@globex.com"]));
        let later = find("o365_email_later");
        assert_eq!(later["properties"]["participantEmails"], json!(["ann@acme.com"]));
        assert_eq!(find("o365_email_named")["properties"]["subject"], Value::Null);
        assert_eq!(text(find("o365_email_other"), "/properties/subject"), "Ask mary.jane@acme.com");
        assert_eq!(find("o365_cal_led_ann@acme.com")["properties"]["organizerEmail"], Value::Null);
        assert_eq!(find("o365_cal_about_bob@globex.com")["properties"]["meetingSubject"], Value::Null);
        assert_eq!(text(find("o365_cal_both_ann@acme.com"), "/properties/meetingSubject"), "Planning");
        assert_eq!(records.len(), 7);

        let counts = |table: &str| (receipt.tables.of(table).deleted, receipt.tables.of(table).changed);
        assert_eq!(counts("activity"), (4, 5), "alone, both, hers, led; first, later, named, led's other, about");
        assert_eq!(counts("activity_participant"), (1, 1));
        assert_eq!(counts("event_participant"), (4, 0));
        assert_eq!(counts("event_copy"), (3, 2), "hers, the series and its meeting; led and about");
        assert_eq!(counts("mailbox"), (0, 0));
        let shown = serde_json::to_string(&receipt).unwrap();
        assert!(!shown.contains('@') && shown.contains(r#""target":"person""#), "{shown}");
        assert_eq!(other.names().await, ["o365_email_theirs"]);

        // Once more, there is nothing to be found.
        assert!(ground.erase(&person(JANE)).await.tables.is_empty());
    });
}

/// Fails when `Purge::leave` keeps `feed_position`, or `delete_records` does not bury.
#[test]
fn loaders_are_told_of_what_went_away_and_of_what_changed() {
    on_both(async |ground| {
        ground.mail("alone", "Renewal", &[JANE]).await;
        ground.mail("two", "Renewal", &[JANE, "ann@acme.com"]).await;
        ground.mail("other", "Renewal", &["ann@acme.com"]).await;
        assert_eq!(ground.feed().await.len(), 3);
        ground.erase(&person(JANE)).await;
        let line = |op: &str, name: &str| (op.to_owned(), format!("o365_email_{name}"));
        let feed = ground.feed().await;
        assert_eq!(feed, [line("upsert", "other"), line("delete", "alone"), line("upsert", "two")]);
    });
}

/// Fails when `Purge::names` is left out.
#[test]
fn names_that_the_feed_kept_from_before_are_forgotten_in_time() {
    on_both(async |ground| {
        ground.meeting(Meeting { event: "a_b", attendees: &[JANE], ..Meeting::default() }).await;
        ground.meeting(Meeting { event: "c", attendees: &["ann@acme.com"], ..Meeting::default() }).await;
        ground.feed().await;
        let (gate, (_, version)) = (ground.gate().await, ground.rules().await);
        let mut page = ground.store.open_join(&gate, version).await.unwrap();
        let ids = ["a_b", "c"].map(m365_store::keys::ShortKey::series);
        let ids: Vec<i64> = page.records_of_meetings(&ids).await.unwrap().iter().map(|head| head.id).collect();
        page.retract(&ids).await.unwrap();
        page.save(m365_store::streams::Advance::Nowhere).await.unwrap();
        ground.feed().await;

        let receipt = ground.erase(&person(JANE)).await;
        assert_eq!(receipt.tables.of("feed_tombstone").changed, 1);
        ground.clock.advance(std::time::Duration::from_hours(744));
        let names: Vec<_> = ground.feed().await.into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["", ""]);
    });
}

#[test]
fn everything_goes_but_the_connection_the_suppressions_and_the_audit_trail() {
    on_both(async |ground| {
        ground.erase(&person("gone@acme.com")).await;
        stored_everywhere(&ground).await;
        let run = ground.store.run_began(&ground.tenant, ground.store.surroundings().now()).await.unwrap();
        ground.store.run_ended(&ground.tenant, &run, m365_model::Ended::Done, "{}").await.unwrap();
        let audit = ground.number("SELECT COUNT(*) FROM audit_event").await;

        let receipt = ground.erase(&Target::All).await;

        for table in [
            "activity",
            "activity_participant",
            "event_copy",
            "event_participant",
            "mailbox",
            "mail_folder",
            "delta_state",
        ] {
            assert_eq!(ground.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
        }
        assert_eq!(receipt.tables.of("activity").deleted, 11);
        assert_eq!(receipt.tables.of("sync_run").deleted, 1);
        assert_eq!(ground.number("SELECT COUNT(*) FROM audit_event").await, audit + 1);
        assert!(ground.store.connector(&ground.tenant).await.is_ok());
        // Nobody new is kept out by it; whoever was erased by name is.
        assert!(ground.mail("m1", "Renewal", &[JANE]).await);
        assert!(!ground.mail("m2", "Renewal", &["gone@acme.com"]).await);
    });
}

#[test]
fn one_of_our_own_who_is_erased_is_no_organizer_any_more() {
    on_both(async |ground| {
        let told = Meeting { attendees: &["ann@acme.com"], ..Meeting::default() };
        ground.meeting(told).await;
        assert_eq!(text(&ground.records().await[0], "/properties/organizerEmail"), "org@contoso.com");
        ground.erase(&person("org@contoso.com")).await;
        assert_eq!(ground.records().await[0]["properties"]["organizerEmail"], Value::Null);
        ground.meeting(told).await;
        assert_eq!(ground.records().await[0]["properties"]["organizerEmail"], Value::Null);
    });
}

/// Fails when the file is not written anew (`secure_delete` alone leaves a copy), or when the journal is not emptied.
#[test]
fn no_byte_of_the_address_is_left_in_the_files() {
    block_on(async {
        let ground = Ground::on_sqlite().await;
        let (filter, version) = ground.rules().await;
        for n in 0..400 {
            let people: &[&str] =
                if n % 3 == 0 { &["ann@acme.com", "zz.gone@acme.com"] } else { &["zz.gone@acme.com"] };
            let id = format!("m{}", (n * 7919) % 400);
            let subject = format!("about zz.gone@acme.com {n}");
            ground.mail_at("2026-03-01T09:00:00Z", &id, &subject, people, &filter, version).await;
            if n % 10 == 0 {
                let event = format!("e{}", (n * 7919) % 400);
                let told = Meeting { event: &event, organizer: "zz.gone@acme.com", ..Meeting::default() };
                ground.meeting(Meeting { attendees: &["ann@acme.com", "zz.gone@acme.com"], ..told }).await;
            }
        }
        assert!(occurrences(&ground, b"zz.gone@acme.com") > 0);
        ground.erase(&person("zz.gone@acme.com")).await;
        assert_eq!(occurrences(&ground, b"zz.gone@acme.com"), 0);
        ground.store.database().close().await;
        assert_eq!(occurrences(&ground, b"zz.gone@acme.com"), 0);
    });
}

fn occurrences(ground: &Ground, needle: &[u8]) -> usize {
    let files = std::fs::read_dir(ground.folder.path()).unwrap();
    let count = |bytes: Vec<u8>| bytes.windows(needle.len()).filter(|window| *window == needle).count();
    files.map(|file| count(std::fs::read(file.unwrap().path()).unwrap())).sum()
}
