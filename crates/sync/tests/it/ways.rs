//! Rounds that do not end: each way that is left is tried once, in its order, and nothing is missing in the end.

use graph_sim::NewMeeting;
use graph_sim::UserNo;
use graph_sim::world::{Pattern, UserKind};
use jiff::SignedDuration;
use m365_graph::{Cloud, Endpoints};
use m365_sync::{Ended, Outcome};
use testkit::truth;

use crate::kit::Kit;

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

fn someone(kit: &Kit) -> UserNo {
    kit.sim.world().users_of(UserKind::Member).next().expect("a member")
}

/// What the run says of rounds that do not end, without the mailboxes that are none.
fn said(outcome: &Outcome) -> Vec<(String, String)> {
    let notes = outcome.summary.problems.iter().filter(|problem| problem.code != "MailboxNotEnabledForRESTAPI");
    notes.map(|problem| (problem.code.clone(), problem.resolution.split(". ").next().unwrap().to_owned())).collect()
}

/// How the calendar of `user` is read now.
async fn way(kit: &Kit, user: UserNo) -> String {
    let id = kit.sim.world().user(user).id.clone();
    let all = kit.store.mailbox_overview(&kit.tenant).await.unwrap();
    let calendar = all.into_iter().find(|mailbox| mailbox.mailbox == id).unwrap().calendar.unwrap();
    calendar.way.word().to_owned()
}

async fn assert_true_and_quiet(kit: &Kit) {
    assert_eq!(kit.falsehood(&DOMAINS).await, None);
    let again = serde_json::to_value(kit.sync().await.summary).unwrap();
    assert_eq!(again["activities"], serde_json::json!({"created": 0, "updated": 0, "retracted": 0}));
    assert_eq!(kit.falsehood(&DOMAINS).await, None);
}

/// The office goes on for three days, with syncs in between.
async fn assert_ledger_is_kept(kit: &Kit) {
    let mut ledger = truth::Ledger::new(kit.rules(&DOMAINS));
    ledger.read(&kit.sim.world());
    for _ in 0..3 {
        kit.ticks(12);
        kit.advance(SignedDuration::from_hours(24));
        kit.sync().await;
        ledger.read(&kit.sim.world());
        assert_eq!(ledger.difference(&kit.records(true).await, kit.now()), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn larger_pages_come_first() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    let user = someone(&kit);
    kit.sim.loop_calendar_below(user, 300);
    let outcome = kit.sync().await;
    assert_eq!((outcome.ended, said(&outcome).len()), (Ended::Done, 1), "{:?}", said(&outcome));
    assert_eq!(outcome.summary.resyncs, 1);
    assert_eq!(way(&kit, user).await, "large_pages");
    assert_true_and_quiet(&kit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn then_a_shorter_window_which_moves_on() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    let user = someone(&kit);
    kit.sim.loop_calendar_over(user, 150);
    let outcome = kit.sync().await;
    assert_eq!((outcome.ended, outcome.summary.resyncs), (Ended::Done, 2), "{:?}", said(&outcome));
    assert_eq!(way(&kit, user).await, "short_window");
    // What lies further ahead comes in before it begins.
    let upn = kit.sim.world().user(user).upn.clone();
    let later = kit.now() + SignedDuration::from_hours(24 * 45);
    kit.sim.create_meeting(&NewMeeting::new(&upn, &["buyer@acme.com"], "further ahead", later));
    for _ in 0..5 {
        kit.advance(SignedDuration::from_hours(24 * 10));
        kit.sync().await;
    }
    let held = kit.records(false).await.into_iter().filter(|r| r["properties"]["meetingSubject"] == "further ahead");
    assert_eq!(held.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn then_the_plain_view_which_goes_on_telling_what_changes() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    let user = someone(&kit);
    let upn = kit.sim.world().user(user).upn.clone();
    let at = kit.now() + SignedDuration::from_hours(24 * 5);
    let meeting = kit.sim.create_meeting(&NewMeeting::new(&upn, &["buyer@acme.com"], "called off", at));
    let daily = NewMeeting::new(&upn, &["buyer@acme.com"], "daily", at - SignedDuration::from_hours(24 * 9));
    kit.sim.create_series(&daily, Pattern::Daily(1), Some("2026-03-20".parse().unwrap()));
    kit.sim.loop_calendar(user);
    let outcome = kit.sync().await;
    assert_eq!((outcome.ended, outcome.summary.resyncs), (Ended::Done, 3), "{:?}", said(&outcome));
    assert_eq!(said(&outcome).len(), 3, "each way is told");
    assert_eq!(way(&kit, user).await, "list");
    assert_true_and_quiet(&kit).await;
    kit.sim.delete_meeting(meeting);
    kit.sync().await;
    let called_off = kit.records(true).await.into_iter().filter(|r| r["properties"]["meetingSubject"] == "called off");
    assert_eq!(called_off.count(), 0, "what vanished from the view and had not begun is taken back");
    assert_true_and_quiet(&kit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_goes_in_circles_is_listed() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    let user = someone(&kit);
    let inbox = {
        let world = kit.sim.world();
        let (_, mailbox) = world.mailboxes().find(|(owner, _)| *owner == user).unwrap();
        mailbox.by_alias("inbox").unwrap()
    };
    kit.sim.loop_folder(user, inbox);
    let outcome = kit.sync().await;
    assert_eq!((outcome.ended, outcome.summary.resyncs), (Ended::Done, 2), "{:?}", said(&outcome));
    assert_true_and_quiet(&kit).await;
    assert_ledger_is_kept(&kit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_times_out_is_asked_for_in_other_ways() {
    let mut kit = Kit::ready(&DOMAINS, |_| {}).await;
    kit.engine.limits.attempts = 2;
    let user = someone(&kit);
    let upn = kit.sim.world().user(user).upn.clone();
    let endless = NewMeeting::new(&upn, &["buyer@acme.com"], "endless", kit.now());
    kit.sim.create_series(&endless, Pattern::Weekly(1), None);
    kit.sim.time_out_endless_series(user, 400);
    let outcome = kit.sync().await;
    assert_eq!(outcome.ended, Ended::Done, "{:?}", said(&outcome));
    assert_eq!(way(&kit, user).await, "large_pages");
    assert_true_and_quiet(&kit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_mailbox_is_listed() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    let user = someone(&kit);
    kit.sim.fill_quota(user);
    let outcome = kit.sync().await;
    assert_eq!(outcome.ended, Ended::Done, "{:?}", said(&outcome));
    assert!(said(&outcome).iter().all(|(code, _)| code == "ErrorQuotaExceeded"), "{:?}", said(&outcome));
    assert_eq!(kit.falsehood(&DOMAINS).await, None);
}

/// China's Graph has no message delta (<https://learn.microsoft.com/graph/api/message-delta>).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_are_no_rounds_of_mail_it_is_listed_from_the_start() {
    let mut kit = Kit::ready(&DOMAINS, |_| {}).await;
    let roots = kit.engine.endpoints.clone();
    kit.engine.endpoints =
        Endpoints::in_cloud(Cloud::China, roots.authority().as_str(), roots.graph_root().as_str()).unwrap();
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert_true_and_quiet(&kit).await;
    assert_ledger_is_kept(&kit).await;
    let log = kit.sim.request_log();
    assert!(log.iter().all(|entry| !entry.path.contains("messages/delta")), "a round of mail was asked for");
    assert!(log.iter().any(|entry| entry.path.contains("calendarView/delta")));
}
