//! What the feed promises, one by one.

use std::time::Duration;

use m365_store::StoreError;
use m365_store::feed::Change;
use m365_store::streams::Advance;
use serde_json::{Value, json};

use crate::ground::{Ground, NOON, Stop, Told, connection, cursor, on_both, place, printed};

const MORNING: &str = "2026-03-02T09:00:00Z";
const EVENING: &str = "2026-03-02T18:00:00Z";

fn told(lines: &[Value]) -> Vec<(&str, &str)> {
    lines.iter().map(|line| (text(line, "op"), text(line, "externalId"))).collect()
}

fn text<'a>(line: &'a Value, member: &str) -> &'a str {
    line[member].as_str().unwrap_or("null")
}

fn last_cursor(lines: &[Value]) -> Option<&str> {
    lines.last().map(|line| text(line, "cursor"))
}

async fn behind(ground: &Ground, lines: &[Value]) -> Vec<Value> {
    ground.feed(last_cursor(lines)).await
}

async fn tombstones(ground: &Ground) -> i64 {
    ground.number("SELECT COUNT(*) FROM feed_tombstone").await
}

#[test]
fn a_record_comes_once_with_its_key_its_name_and_where_to_go_on() {
    on_both(&async |ground| {
        ground.put(&[Told::at("a", MORNING)]).await;
        let lines = ground.feed(None).await;
        assert_eq!(lines.len(), 1);
        let key = text(&lines[0], "key");
        assert!(key.len() == 20 && key.bytes().all(|b| b.is_ascii_hexdigit()), "{key}");
        let expected = json!({
            "op": "upsert", "key": key, "externalId": "o365_cal_a_buyer@acme.com", "record": ground.visible().await[0],
            "cursor": lines[0]["cursor"],
        });
        assert_eq!(lines[0], expected);
        assert!(behind(ground, &lines).await.is_empty());
        // Again from the beginning: the same line.
        assert_eq!(ground.feed(None).await, lines);
        let members = serde_json::to_string(&lines[0]).expect("JSON");
        assert!(members.contains("\"op\""), "{members}");
    });
}

/// Fails when `update_activity` leaves `feed_position` as it was.
#[test]
fn a_change_brings_the_record_anew_under_its_key_and_saying_the_same_brings_nothing() {
    on_both(&async |ground| {
        let first = Told::at("a", MORNING);
        ground.put(&[first, Told::at("b", MORNING)]).await;
        let lines = ground.feed(None).await;
        ground.put(&[first]).await;
        assert!(behind(ground, &lines).await.is_empty());
        ground.put(&[Told { subject: "Renewal", ..first }]).await;
        let news = behind(ground, &lines).await;
        assert_eq!(told(&news), [("upsert", "o365_cal_a_buyer@acme.com")]);
        assert_eq!(
            (&news[0]["key"], text(&news[0]["record"]["properties"], "meetingSubject")),
            (&lines[0]["key"], "Renewal")
        );
        assert_eq!(ground.feed(None).await.len(), 2, "the older version has no place any more");
        assert_eq!(tombstones(ground).await, 0);
    });
}

/// Fails when `subjects` `omit` leaves `feed_position` as it was.
#[test]
fn what_a_setting_takes_out_of_records_is_told_too() {
    on_both(&async |ground| {
        ground.put(&[Told::at("a", MORNING)]).await;
        let lines = ground.feed(None).await;
        let operator = "operator".parse().expect("a user id");
        ground.store.change_setting(&ground.tenant, &operator, "subjects", "omit").await.expect("a setting");
        let news = behind(ground, &lines).await;
        assert_eq!(news[0]["record"]["properties"]["meetingSubject"], Value::Null);
    });
}

/// Fails when `hold_pending` asks for no `occurred_at`.
#[test]
fn a_meeting_enters_the_feed_when_it_begins() {
    on_both(&async |ground| {
        ground.put(&[Told::at("later", EVENING), Told::at("past", MORNING)]).await;
        let lines = ground.feed(None).await;
        assert_eq!(told(&lines), [("upsert", "o365_cal_past_buyer@acme.com")]);
        ground.clock.advance(Duration::from_secs(6 * 3600 - 1));
        assert!(behind(ground, &lines).await.is_empty());
        ground.clock.advance(Duration::from_secs(1));
        assert_eq!(told(&behind(ground, &lines).await), [("upsert", "o365_cal_later_buyer@acme.com")]);
    });
}

/// Fails when `put_activities` renames without burying, or keeps the key.
#[test]
fn another_name_is_a_delete_and_an_upsert_under_another_key() {
    on_both(&async |ground| {
        ground.put(&[Told::at("a", MORNING)]).await;
        let lines = ground.feed(None).await;
        let row = ground.rows(&["a"]).await[0].id;
        ground.put(&[Told { event: "b", renames: Some(row), ..Told::at("a", MORNING) }]).await;
        let news = behind(ground, &lines).await;
        assert_eq!(told(&news), [("delete", "o365_cal_a_buyer@acme.com"), ("upsert", "o365_cal_b_buyer@acme.com")]);
        assert_eq!((&news[0]["key"], &news[0]["record"]), (&lines[0]["key"], &Value::Null));
        assert_ne!(news[1]["key"], lines[0]["key"]);
        assert_eq!(ground.rows(&["a"]).await[0].id, row, "the row is the same");
    });
}

/// Fails when `bury` leaves a tombstone for every row.
#[test]
fn what_was_never_shown_leaves_nothing_behind() {
    on_both(&async |ground| {
        ground.put(&[Told::at("a", MORNING), Told::at("b", MORNING), Told::at("c", EVENING)]).await;
        ground.retract(&["a", "c"]).await;
        let row = ground.rows(&["b"]).await[0].id;
        ground.put(&[Told { event: "x", renames: Some(row), ..Told::at("b", MORNING) }]).await;
        assert_eq!(tombstones(ground).await, 0);
        assert_eq!(told(&ground.feed(None).await), [("upsert", "o365_cal_x_buyer@acme.com")]);
    });
}

/// Fails when `put_activities` buries only what is renamed.
#[test]
fn a_meeting_put_off_is_gone_until_it_begins() {
    on_both(&async |ground| {
        ground.put(&[Told::at("a", MORNING)]).await;
        let lines = ground.feed(None).await;
        ground.put(&[Told::at("a", EVENING)]).await;
        let news = behind(ground, &lines).await;
        assert_eq!(told(&news), [("delete", "o365_cal_a_buyer@acme.com")]);
        // Put off once more while nobody can see it.
        ground.put(&[Told { subject: "Later still", ..Told::at("a", EVENING) }]).await;
        assert!(behind(ground, &news).await.is_empty());
        ground.clock.advance(Duration::from_hours(7));
        let news = behind(ground, &news).await;
        assert_eq!(told(&news), [("upsert", "o365_cal_a_buyer@acme.com")]);
        assert_ne!(news[0]["key"], lines[0]["key"]);
    });
}

/// Fails when a batch gives its records places before its tombstones.
#[test]
fn a_name_that_went_away_and_came_back_ends_as_there() {
    on_both(&async |ground| {
        ground.put(&[Told::at("a", MORNING)]).await;
        let lines = ground.feed(None).await;
        ground.retract(&["a"]).await;
        ground.put(&[Told::at("a", MORNING)]).await;
        let name = "o365_cal_a_buyer@acme.com";
        assert_eq!(told(&behind(ground, &lines).await), [("delete", name), ("upsert", name)]);
    });
}

/// Fails when a batch that is full of tombstones gives places to records too.
#[test]
fn records_wait_until_every_older_tombstone_has_its_place() {
    on_both(&async |ground| {
        ground.put(&[Told::at("a", MORNING)]).await;
        let lines = ground.feed(None).await;
        // More tombstones than a batch holds, and the one of the name that comes back is the last of them.
        let many = "INSERT INTO feed_tombstone (tenant_id, public_key, reason, made_at) \
                    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) \
                    SELECT 'default', 'key' || i, 'erased', '2026-03-02T12:00:00Z' FROM n";
        ground.execute(many).await;
        ground.retract(&["a"]).await;
        ground.put(&[Told::at("a", MORNING)]).await;
        let news = behind(ground, &lines).await;
        assert_eq!(news.len(), 12_002);
        let name = "o365_cal_a_buyer@acme.com";
        assert_eq!(told(&news[12_000..]), [("delete", name), ("upsert", name)]);
        assert!(news.iter().map(|line| place(&line["cursor"])).eq(2..=12_003), "no place is left out or given twice");
    });
}

#[test]
fn pages_and_batches_leave_no_seam() {
    on_both(&async |ground| {
        let gate = ground.gate().await;
        let wanted: Vec<_> = (0..6100)
            .map(|i| {
                let people = ["a@acme.com", "b@acme.com", "c@acme.com"];
                ground.message(&gate, &format!("m{i:04}"), "Hello", MORNING, &people[..=i % 3])
            })
            .collect();
        let mut page = ground.page().await;
        page.put_activities(&wanted).await.expect("stored");
        page.save(Advance::Nowhere).await.expect("saved");
        assert_eq!(ground.store.sequence_feed(&ground.tenant).await.expect("places"), 6100);
        assert_eq!(ground.store.sequence_feed(&ground.tenant).await.expect("places"), 0);
        let lines = ground.feed(None).await;
        let records: Vec<Value> = lines.iter().map(|line| line["record"].clone()).collect();
        assert_eq!(records, ground.visible().await, "by time and then by name, as they are printed");
        assert!(lines.iter().map(|line| place(&line["cursor"])).eq(1..=6100));
        assert_eq!(ground.feed(Some(text(&lines[999], "cursor"))).await, lines[1000..]);
    });
}

/// Fails when `each_change` does not look at the epoch, or at how far the feed has come.
#[test]
fn a_cursor_of_another_feed_is_refused() {
    on_both(&async |ground| {
        let read = async |after: &str| {
            let read =
                ground.store.each_change(&ground.tenant, Some(cursor(after)), |_: &Change<'_>| Ok::<_, StoreError>(()));
            read.await
        };
        assert!(matches!(read("c1.a.1").await, Err(StoreError::ForeignCursor)), "there is no feed yet to be of");
        ground.put(&[Told::at("a", MORNING)]).await;
        let lines = ground.feed(None).await;
        let own = last_cursor(&lines).expect("a cursor");
        read(own).await.expect("its own");
        assert!(matches!(read("c1.other.1").await, Err(StoreError::ForeignCursor)));
        let ahead = own.replace(".1", ".2");
        assert!(matches!(read(&ahead).await, Err(StoreError::ForeignCursor)), "{ahead}");
    });
}

/// Fails when `bury` stores the name as it is.
#[test]
fn the_name_of_what_is_gone_cannot_be_read_in_the_database() {
    on_both(&async |ground| {
        ground.put(&[Told { person: "zebedee@acme.com", ..Told::at("a", MORNING) }]).await;
        ground.feed(None).await;
        ground.retract(&["a"]).await;
        let mut reader = ground.store.database().reader(&ground.tenant).await.expect("a reader");
        let sql = "SELECT sealed_external_id FROM feed_tombstone";
        let sealed: Vec<u8> = sqlx::query_scalar(sql).fetch_one(reader.connection()).await.expect("a tombstone");
        drop(reader);
        assert!(sealed.len() > 30 && !String::from_utf8_lossy(&sealed).contains("zebedee"));
        if let Some(folder) = &ground.folder {
            let path = folder.path().join("feed.db");
            let mut past = connection(&format!("sqlite://{}", path.display())).await;
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut past).await.expect("a checkpoint");
            let bytes = std::fs::read(path).expect("the file");
            assert!(!bytes.windows(7).any(|window| window == b"zebedee"));
        }
        assert_eq!(told(&ground.feed(None).await), [("delete", "o365_cal_a_zebedee@acme.com")]);
        // Moved to another row, the name does not open.
        ground.execute("UPDATE feed_tombstone SET public_key = 'another'").await;
        let read = ground.store.each_change(&ground.tenant, None, |_: &Change<'_>| Ok::<_, StoreError>(()));
        assert!(matches!(read.await, Err(StoreError::Sealed(_))));
    });
}

/// Fails when `forget_names` is not called by readers, or asks for a reason.
#[test]
fn the_name_of_a_record_that_is_gone_is_told_for_thirty_days_and_then_forgotten() {
    on_both(&async |ground| {
        ground.put(&[Told::at("a", MORNING), Told::at("b", MORNING)]).await;
        let lines = ground.feed(None).await;
        ground.retract(&["a", "b"]).await;
        let key = text(&lines[0], "key");
        ground.execute(&format!("UPDATE feed_tombstone SET reason = 'erased' WHERE public_key = '{key}'")).await;
        let names = [("delete", "o365_cal_a_buyer@acme.com"), ("delete", "o365_cal_b_buyer@acme.com")];
        ground.clock.advance(Duration::from_hours(30 * 24));
        assert_eq!(told(&behind(ground, &lines).await), names);
        ground.clock.advance(Duration::from_secs(1));
        let news = behind(ground, &lines).await;
        assert_eq!(told(&news), [("delete", "null"), ("delete", "null")]);
        assert_eq!((text(&news[0], "key"), &news[0]["externalId"]), (key, &Value::Null));
        assert_eq!(ground.number("SELECT COUNT(*) FROM feed_tombstone WHERE sealed_external_id IS NULL").await, 2);
    });
}

#[test]
fn a_feed_tells_of_its_tenant_alone() {
    on_both(&async |ground| {
        let other = ground.another_tenant().await;
        ground.put(&[Told::at("a", MORNING)]).await;
        other.put(&[Told::at("b", MORNING), Told::at("c", MORNING)]).await;
        other.feed(None).await;
        other.retract(&["c"]).await;
        assert_eq!(told(&ground.feed(None).await), [("upsert", "o365_cal_a_buyer@acme.com")]);
        assert_eq!(other.feed(None).await.len(), 2);
        let theirs = other.feed(None).await;
        let read = ground
            .store
            .each_change(&ground.tenant, last_cursor(&theirs).map(cursor), |_: &Change<'_>| Ok::<_, StoreError>(()));
        assert!(matches!(read.await, Err(StoreError::ForeignCursor)));
    });
}

#[test]
fn a_reader_who_has_seen_enough_goes_on_where_it_stopped() {
    on_both(&async |ground| {
        let names: Vec<String> = (0..5).map(|i| format!("m{i}")).collect();
        ground.put(&names.iter().map(|name| Told::at(name, NOON)).collect::<Vec<_>>()).await;
        let whole = ground.feed(None).await;
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let mut one = None;
            let read = ground.store.each_change(&ground.tenant, after.clone(), |change: &Change<'_>| {
                one = Some((change.cursor.clone(), printed(change)));
                Err(Stop::Enough)
            });
            match read.await {
                Ok(()) => break,
                Err(Stop::Enough) => {
                    let (cursor, line) = one.expect("a line");
                    after = Some(cursor);
                    seen.push(line);
                }
                Err(Stop::Store(error)) => panic!("{error}"),
            }
        }
        assert_eq!(seen, whole);
    });
}
