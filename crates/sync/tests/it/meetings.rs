//! Which copies are of one meeting, and which of them count.

use graph_sim::world::{MeetingNo, Pattern, Sensitivity, UserNo};
use graph_sim::{NewMeeting, Simulator};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::kit::Kit;

/// What the uids of Exchange begin and end with; between the two stands the day of an instance.
const HEAD: &str = "040000008200E00074C5B7101A82E008";
const TAIL: &str = "00000000AAAA0000000000000000000010000000EF92B5A896B7BB44B4F204EA69833FAF";

/// An office of two without anything in their calendars: who calls meetings, and a colleague.
pub async fn office() -> (Kit, String, String) {
    let kit = Kit::ready(&["acme.com"], |options| {
        options.mailboxes = 2;
        options.messages_per_mailbox = 0;
        options.meetings_per_mailbox = 0;
    })
    .await;
    let (organizer, colleague) = {
        let world = kit.sim.world();
        (world.users[0].upn.clone(), world.users[1].upn.clone())
    };
    (kit, organizer, colleague)
}

fn days(kit: &Kit, days: i64) -> Timestamp {
    kit.now() + SignedDuration::from_hours(24 * days)
}

/// What is recorded of meetings: their subjects and when they begin.
async fn recorded(kit: &Kit) -> Vec<(String, Timestamp)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = kit.records(true).await;
    let mut told: Vec<_> = told
        .iter()
        .map(|record| (text(&record["properties"]["meetingSubject"]), text(&record["occurredAt"]).parse().unwrap()))
        .collect();
    told.sort();
    told
}

/// Fails when any cancelled copy takes a meeting back: whoever is taken off one is left with such a copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_taken_off_a_meeting_does_not_call_it_off() {
    let (kit, organizer, colleague) = office().await;
    let meeting = |subject: &str, at| {
        kit.sim.create_meeting(&NewMeeting::new(&organizer, &["buyer@acme.com", &colleague], subject, at))
    };
    let (soon, cancelled) = (meeting("soon", days(&kit, 3)), meeting("cancelled", days(&kit, 4)));
    kit.sync().await;
    assert_eq!(recorded(&kit).await.len(), 2);
    kit.sim.uninvite(soon, &colleague);
    kit.sim.cancel_meeting(cancelled);
    kit.sync().await;
    let stands = [("soon".to_owned(), days(&kit, 3))];
    assert_eq!(recorded(&kit).await, stands);
    kit.advance(SignedDuration::from_hours(24 * 5));
    kit.sync().await;
    assert_eq!(recorded(&kit).await, stands);
}

/// Fails when the organizer's copy, taken out after the beginning, counts as one that stands: the meeting was cancelled before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_that_is_heard_of_late_counts_nevertheless() {
    let (kit, organizer, colleague) = office().await;
    let soon = days(&kit, 0) + SignedDuration::from_hours(1);
    let new = NewMeeting::new(&organizer, &["buyer@acme.com", &colleague], "soon", soon);
    let (meeting, series) = (kit.sim.create_meeting(&new), kit.sim.create_series(&new, Pattern::Daily(1), None));
    kit.sync().await;
    assert!(recorded(&kit).await.len() > 5);
    kit.sim.cancel_meeting(meeting);
    kit.sim.cancel_meeting(series);
    kit.advance(SignedDuration::from_hours(2));
    kit.sync().await;
    assert_eq!(recorded(&kit).await, []);
}

fn called(sim: &Simulator, organizer: &str, guest: &str, (at, uid): (Timestamp, &str)) -> MeetingNo {
    let meeting = sim.create_meeting(&NewMeeting::new(organizer, &["buyer@acme.com", guest], "a day", at));
    sim.set_uid(meeting, uid);
    meeting
}

/// Whoever is asked to some days of a series has single meetings with one uid: Exchange writes the day into `iCalUId`, others
/// do not. Fails when such meetings are told apart by neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn single_days_of_somebodys_series_are_as_many_meetings() {
    for uids in [
        [format!("{HEAD}07EA0214{TAIL}"), format!("{HEAD}07EA0218{TAIL}")],
        ["one@example.net", "one@example.net"].map(str::to_owned),
    ] {
        let (kit, organizer, colleague) = office().await;
        let (first, second) = (days(&kit, -10), days(&kit, -6));
        let meetings = [first, second]
            .into_iter()
            .zip(&uids)
            .map(|(at, uid)| called(&kit.sim, &organizer, &colleague, (at, uid)))
            .collect::<Vec<_>>();
        kit.sync().await;
        let both = [("a day".to_owned(), first), ("a day".to_owned(), second)];
        assert_eq!(recorded(&kit).await, both, "{uids:?}");
        // One of them goes out of the colleague's calendar: the organizer's is enough.
        kit.sim.delete_copy(meetings[0], UserNo(1));
        kit.sync().await;
        assert_eq!(recorded(&kit).await, both, "{uids:?}");
    }
}

/// A day of a series whose row leaves its people out has a subject and privacy of its own. Fails when only the master is asked for
/// them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_day_of_a_series_is_left_out_though_its_people_are_the_series() {
    let (kit, organizer, colleague) = office().await;
    let new = NewMeeting::new(&organizer, &["buyer@acme.com", &colleague], "weekly", days(&kit, -6));
    let series = kit.sim.create_series(&new, Pattern::Daily(1), Some("2026-02-27".parse().unwrap()));
    kit.sim.change_day(series, "2026-02-25".parse().unwrap(), |day| {
        (day.is_thin, day.sensitivity) = (true, Some(Sensitivity::Confidential));
    });
    kit.sim.change_day(series, "2026-02-26".parse().unwrap(), |day| {
        (day.is_thin, day.subject) = (true, Some("moved".to_owned()));
    });
    kit.sync().await;
    let recorded = recorded(&kit).await;
    let moved: Vec<_> = recorded.iter().filter(|(subject, _)| subject == "moved").collect();
    assert!(matches!(*moved, [(_, at)] if at.to_string().starts_with("2026-02-26")), "{recorded:?}");
    assert!(
        recorded.len() > 2 && recorded.iter().all(|(_, at)| !at.to_string().starts_with("2026-02-25")),
        "{recorded:?}"
    );
}
