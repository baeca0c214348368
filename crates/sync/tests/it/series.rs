//! Series: over several pages, and seen by several people.

use crate::kit::Kit;
use crate::meetings::office;
use graph_sim::world::{Attendee, AttendeeKind, Pattern, Response};
use graph_sim::{NewMeeting, NewMessage};
use jiff::SignedDuration;

/// The simulator sends the master of every third entry after its days, so that here the first pages of the second round
/// hold days alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_day_of_a_series_learns_of_a_change_whatever_page_it_is_on() {
    let mut kit = Kit::ready(&["acme.com"], |options| {
        options.mailboxes = 1;
        options.messages_per_mailbox = 0;
        options.meetings_per_mailbox = 0;
    })
    .await;
    kit.engine.limits.calendar_page = 5;
    let me = kit.sim.world().users[0].upn.clone();
    let first = kit.now() - SignedDuration::from_hours(24 * 12);
    for subject in ["one", "two"] {
        kit.sim.create_meeting(&NewMeeting::new(&me, &["buyer@acme.com"], subject, first));
    }
    let daily = NewMeeting::new(&me, &["buyer@acme.com"], "daily", first);
    let last = "2026-03-03".parse().unwrap();
    let series = kit.sim.create_series(&daily, Pattern::Daily(1), Some(last));
    kit.sync().await;
    kit.sim.respond(series, "buyer@acme.com", Response::Accepted);
    kit.sync().await;
    let answers: Vec<_> = kit
        .records(true)
        .await
        .into_iter()
        .filter(|record| record["properties"]["meetingSubject"] == "daily")
        .map(|record| record["properties"]["responseStatus"].clone())
        .collect();
    assert_eq!(answers, vec![serde_json::json!("accepted"); 14]);
}

/// Fails when a begun record follows whichever copy still lists its person.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_what_has_happened_keeps_its_name_while_copies_learn_of_a_change_one_by_one() {
    let (kit, organizer, colleague) = office().await;
    kit.sim.send_message(&NewMessage::new("buyer@acme.com", &organizer, "hello"));
    let buyer = kit.sim.world().find_person("buyer@acme.com").unwrap();
    let first = kit.now() - SignedDuration::from_hours(24 * 5);
    let series =
        kit.sim.create_series(&NewMeeting::new(&organizer, &[&colleague], "daily", first), Pattern::Daily(1), None);
    let day = "2026-02-28".parse().unwrap();
    kit.sim.change_day(series, day, |day| {
        day.attendees =
            Some(vec![Attendee { person: buyer, kind: AttendeeKind::Required, response: Response::Accepted }]);
    });
    kit.sync().await;
    let meetings = || async {
        kit.records(true).await.into_iter().filter(|record| record["type"] == "meeting_attend").collect::<Vec<_>>()
    };
    let before = meetings().await;
    assert_eq!(before.len(), 1);
    // The series moves by an hour, which forgets its exceptions; the colleague's mailbox cannot be read just now.
    kit.sim.reschedule(series, first + SignedDuration::from_hours(1));
    kit.sim.mailbox_error(graph_sim::UserNo(1), 500, "");
    kit.sync().await;
    assert_eq!(meetings().await, before);
}

/// Fails when the record of the single meeting stays beside the one of the first day that it has become.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_meeting_that_becomes_a_series_is_its_first_day_and_not_one_more() {
    // Whichever calendar is read first.
    for user in [None, Some(graph_sim::UserNo(0)), Some(graph_sim::UserNo(1))] {
        assert_first_day(user).await;
    }
}

async fn assert_first_day(read_later: Option<graph_sim::UserNo>) {
    let (kit, me, colleague) = office().await;
    let begun = kit.now() - SignedDuration::from_hours(24 * 2 + 1);
    let to_come = kit.now() + SignedDuration::from_hours(24 * 3);
    let people = ["buyer@acme.com", colleague.as_str()];
    let meetings = [("begun", begun), ("to come", to_come)]
        .map(|(subject, start)| kit.sim.create_meeting(&NewMeeting::new(&me, &people, subject, start)));
    kit.sync().await;
    assert_eq!(kit.records(true).await.len(), 2);
    for (meeting, last) in meetings.into_iter().zip(["2026-03-01", "2026-03-07"]) {
        kit.sim.make_series(meeting, Pattern::Daily(1), Some(last.parse().unwrap()));
    }
    if let Some(user) = read_later {
        kit.sim.mailbox_error(user, 404, "MailboxNotEnabledForRESTAPI");
        kit.sync().await;
        kit.sim.clear_mailbox_error(user);
    }
    for _ in 0..2 {
        kit.sync().await;
        let mut days: Vec<(String, String)> = kit
            .records(true)
            .await
            .into_iter()
            .map(|record| {
                let told = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
                (told(&record["properties"]["meetingSubject"]), told(&record["occurredAt"])[..10].to_owned())
            })
            .collect();
        days.sort();
        let expected = ["2026-02-28", "2026-03-01"].map(|day| ("begun", day));
        let expected =
            expected.into_iter().chain(["2026-03-05", "2026-03-06", "2026-03-07"].map(|day| ("to come", day)));
        let expected: Vec<_> = expected.map(|(subject, day)| (subject.to_owned(), day.to_owned())).collect();
        assert_eq!(days, expected);
    }
}
