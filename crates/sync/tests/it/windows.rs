//! The look-back window, and the calendar's window that does not slide by itself.

use crate::kit::Kit;
use graph_sim::{NewMeeting, NewMessage};
use jiff::SignedDuration;
use m365_sync::Ended;
use serde_json::Value;

fn days(n: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * n)
}

fn subjects(records: &[Value]) -> Vec<String> {
    let of = |record: &Value| {
        let properties = &record["properties"];
        let subject = properties.get("meetingSubject").or_else(|| properties.get("subject"));
        subject.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    records.iter().map(of).collect()
}

async fn quiet() -> (Kit, String) {
    let kit = Kit::ready(&["acme.com"], |options| {
        options.mailboxes = 1;
        options.messages_per_mailbox = 0;
        options.meetings_per_mailbox = 0;
    })
    .await;
    let me = kit.sim.world().users[0].upn.clone();
    (kit, me)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ninety_days_back_and_not_a_day_more() {
    let (kit, me) = quiet().await;
    kit.sim.send_message(&NewMessage::new("buyer@acme.com", &me, "old letter"));
    kit.sim.create_meeting(&NewMeeting::new(&me, &["buyer@acme.com"], "old meeting", kit.now()));
    kit.advance(days(1));
    kit.sim.send_message(&NewMessage::new("buyer@acme.com", &me, "young letter"));
    kit.sim.create_meeting(&NewMeeting::new(&me, &["buyer@acme.com"], "young meeting", kit.now()));
    kit.advance(days(90));
    kit.sync().await;
    assert_eq!(subjects(&kit.records(true).await), ["young meeting", "young letter"]);
}

/// Fails when a calendar follows its link for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lay_beyond_the_window_is_found_when_a_new_one_begins() {
    let (kit, me) = quiet().await;
    let near = kit.now() + days(10);
    let far = kit.now() + days(200);
    kit.sim.create_meeting(&NewMeeting::new(&me, &["buyer@acme.com"], "near", near));
    kit.sim.create_meeting(&NewMeeting::new(&me, &["buyer@acme.com"], "far", far));
    kit.sync().await;
    assert_eq!(subjects(&kit.records(true).await), ["near"]);
    assert!(kit.records(false).await.is_empty(), "a meeting to come was printed");
    for _ in 0..3 {
        kit.advance(days(30));
        assert_eq!(kit.sync().await.ended, Ended::Done);
    }
    assert_eq!(subjects(&kit.records(true).await), ["near", "far"]);
    assert_eq!(subjects(&kit.records(false).await), ["near"]);
    // What was in the old window and is before the new one has happened.
    kit.advance(days(120));
    kit.sync().await;
    assert_eq!(subjects(&kit.records(false).await), ["near", "far"]);
}
