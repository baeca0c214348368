//! How long records are kept.

use m365_store::PurgeCounts;
use m365_store::settings::{ChangeError, SettingError};

use crate::ground::{Ground, Meeting, on_both, operator};

async fn limit(ground: &Ground, value: &str) -> Result<(), ChangeError> {
    ground.store.change_setting(&ground.tenant, &operator(), "retentionDays", value).await
}

async fn apply(ground: &Ground) -> Option<PurgeCounts> {
    ground.store.apply_retention(&ground.tenant, &operator()).await.unwrap()
}

async fn mail(ground: &Ground, at: &str, id: &str) {
    let (filter, version) = ground.rules().await;
    ground.mail_at(at, id, "Renewal", &["ann@acme.com", "bob@globex.com"], &filter, version).await;
}

#[test]
fn a_limit_is_a_number_of_days() {
    on_both(async |ground| {
        for bad in ["0", "3651", "-1", "ten", ""] {
            let refused = limit(&ground, bad).await;
            assert!(matches!(refused, Err(ChangeError::Setting(SettingError::Value { .. }))), "{bad}: {refused:?}");
        }
    });
}

/// Fails when the limit has a default.
#[test]
fn without_a_limit_nothing_is_deleted() {
    on_both(async |ground| {
        mail(&ground, "2010-01-01T00:00:00Z", "old").await;
        assert!(apply(&ground).await.is_none());
        limit(&ground, "10").await.unwrap();
        limit(&ground, "off").await.unwrap();
        assert!(apply(&ground).await.is_none());
        assert_eq!(ground.records().await.len(), 1);
    });
}

#[test]
fn what_is_older_than_the_limit_goes_and_is_counted_and_noted() {
    on_both(async |ground| {
        mail(&ground, "2026-02-20T11:59:59Z", "old").await;
        mail(&ground, "2026-02-20T12:00:00Z", "kept").await;
        let old =
            Meeting { event: "old", attendees: &["ann@acme.com"], start: "2026-02-01T09:00:00Z", ..Meeting::default() };
        ground.meeting(old).await;
        ground.series(Meeting { event: "weekly", ..old }, "weekly-1").await;
        ground.meeting(Meeting { event: "new", start: "2026-02-28T09:00:00Z", ..old }).await;
        assert_eq!(ground.feed().await.len(), 4);
        limit(&ground, "10").await.unwrap();

        let counts = apply(&ground).await.expect("something is older");

        assert_eq!(ground.names().await, ["o365_email_kept", "o365_cal_new_ann@acme.com"]);
        assert_eq!((counts.of("activity").deleted, counts.of("activity_participant").deleted), (2, 1));
        assert_eq!((counts.of("event_copy").deleted, counts.of("event_participant").deleted), (3, 2));
        let trail = ground.texts("SELECT detail FROM audit_event WHERE action = 'retention.applied'").await;
        assert_eq!(trail.len(), 1);
        assert!(trail[0].contains(r#""retentionDays":10"#) && !trail[0].contains('@'), "{}", trail[0]);
        let feed = ground.feed().await;
        assert_eq!(feed.iter().filter(|(op, _)| op == "delete").count(), 2);
        // Nothing is left to be done, and nothing is noted again.
        assert!(apply(&ground).await.is_none());
    });
}

/// A series that goes on keeps its people until its last meeting is too old.
#[test]
fn a_series_goes_with_the_last_of_its_meetings() {
    on_both(async |ground| {
        let told = Meeting {
            event: "weekly",
            attendees: &["ann@acme.com"],
            start: "2026-02-01T09:00:00Z",
            ..Meeting::default()
        };
        ground.series(told, "weekly-1").await;
        ground.execute("UPDATE event_copy SET starts_at = '2026-03-01T09:00:00Z' WHERE kind = 'occurrence'").await;
        limit(&ground, "10").await.unwrap();
        assert!(apply(&ground).await.is_none());
        ground.clock.advance(std::time::Duration::from_hours(480));
        assert_eq!(apply(&ground).await.expect("all of it is old").of("event_copy").deleted, 2);
    });
}

/// Names hold addresses. Fails when `forget_old_names` asks for a limit, or for a reader of the feed.
#[test]
fn names_of_records_that_went_away_are_forgotten_after_thirty_days() {
    on_both(async |ground| {
        let told = Meeting { attendees: &["ann@acme.com"], start: "2026-02-01T09:00:00Z", ..Meeting::default() };
        ground.meeting(told).await;
        ground.feed().await;
        limit(&ground, "10").await.unwrap();
        apply(&ground).await;
        assert_eq!(ground.feed().await, [("delete".to_owned(), "o365_cal_e1_ann@acme.com".to_owned())]);
        limit(&ground, "off").await.unwrap();
        ground.clock.advance(std::time::Duration::from_hours(30 * 24));
        assert_eq!(ground.store.forget_old_names(&ground.tenant).await.unwrap(), 0);
        ground.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(ground.store.forget_old_names(&ground.tenant).await.unwrap(), 1);
        let left = ground.texts("SELECT public_key FROM feed_tombstone WHERE sealed_external_id IS NOT NULL").await;
        assert!(left.is_empty(), "a name is left");
        assert_eq!(ground.feed().await, [("delete".to_owned(), String::new())]);
    });
}
