//! What goes wrong is told, and nothing is lost by it.

use std::collections::BTreeSet;

use graph_sim::world::UserKind;
use graph_sim::{Scope, UserNo};
use m365_sync::{Ended, Outcome};
use serde_json::Value;
use testkit::truth;

use crate::kit::Kit;

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

/// Two people with mail and meetings.
fn two_people(kit: &Kit) -> (UserNo, UserNo) {
    let world = kit.sim.world();
    let mut members = world.users_of(UserKind::Member);
    (members.next().expect("a member"), members.next().expect("another"))
}

fn id_of(kit: &Kit, user: UserNo) -> String {
    kit.sim.world().user(user).id.clone()
}

fn summary(outcome: &Outcome) -> Value {
    serde_json::to_value(&outcome.summary).expect("JSON")
}

/// The problems of those who should have been read.
fn problems(outcome: &Outcome) -> Vec<(Option<String>, String)> {
    let known = ["MailboxNotEnabledForRESTAPI"];
    let problems = outcome.summary.problems.iter().filter(|problem| !known.contains(&problem.code.as_str()));
    problems.map(|problem| (problem.mailbox.clone(), problem.code.clone())).collect()
}

fn remedies(outcome: &Outcome) -> String {
    let sentences: BTreeSet<&str> =
        outcome.summary.problems.iter().map(|problem| problem.resolution.as_str()).collect();
    sentences.into_iter().collect::<Vec<_>>().join("\n")
}

async fn assert_true(kit: &Kit) {
    assert_eq!(kit.falsehood(&DOMAINS).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_mailbox_that_fails_stops_no_other() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    let (broken, _) = two_people(&kit);
    kit.sim.mailbox_error(broken, 500, "ErrorInternalServerError");
    let outcome = kit.sync().await;
    assert_eq!(outcome.ended, Ended::Partly);
    assert_eq!(outcome.summary.mailboxes.failed, 1);
    assert_eq!(outcome.summary.mailboxes.synced, 5);
    assert_eq!(problems(&outcome), [(Some(id_of(&kit, broken)), "ErrorInternalServerError".to_owned())]);
    let stored = kit.records(true).await;
    let mail = |id: &str| stored.iter().any(|record| record["externalId"] == id);
    let world_mail = truth::mail::records(&kit.sim.world(), &kit.rules(&DOMAINS));
    let read = world_mail.keys().filter(|id| mail(id)).count();
    assert!(read > 0 && read < world_mail.len(), "{read} of {}", world_mail.len());
    kit.sim.clear_mailbox_error(broken);
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert_true(&kit).await;
}

/// Fails when a list that broke off is taken for the whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_users_that_breaks_off_stops_the_run() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    for trouble in 0..4 {
        match trouble {
            0 => kit.sim.drop_response_halfway(Scope::Kind("users"), u32::MAX),
            1 => kit.sim.hang_up(Scope::Kind("users"), u32::MAX),
            2 => kit.sim.fail(Scope::Kind("users"), 503, "", u32::MAX),
            _ => kit.sim.fail(Scope::Kind("users"), 504, "UnknownError", u32::MAX),
        }
        let outcome = kit.sync().await;
        assert_eq!(outcome.ended, Ended::Failed, "trouble {trouble}");
        let asked: BTreeSet<_> = kit.sim.request_log().iter().map(|entry| entry.kind).collect();
        assert_eq!(asked, BTreeSet::from(["token", "users"]), "mailboxes were read though nobody knew who is internal");
        assert!(kit.records(true).await.is_empty());
        kit.sim.clear_faults();
    }
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert_true(&kit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_permission_is_told_with_its_remedy() {
    for (roles, remedy, kind) in [
        (["Calendars.Read", "User.Read.All"], "Mail.ReadBasic.All", "meeting_attend"),
        (["Mail.ReadBasic.All", "User.Read.All"], "Calendars.Read", "email_thread"),
    ] {
        let kit = Kit::ready(&DOMAINS, |_| {}).await;
        kit.sim.set_roles(&roles);
        let outcome = kit.sync().await;
        assert_eq!(outcome.ended, Ended::Partly, "{roles:?}");
        assert!(remedies(&outcome).contains(remedy), "{}", remedies(&outcome));
        let truth = truth::records(&kit.sim.world(), &kit.rules(&DOMAINS));
        let half: Vec<Value> = truth.into_iter().filter(|record| record["type"] == kind).collect();
        let stored = truth::within_reach(&kit.records(true).await, kit.now());
        assert_eq!(truth::difference(&stored, &half), None, "{roles:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_granted_is_a_refusal() {
    for (roles, remedy) in
        [(&["User.Read.All"][..], "Calendars.Read and Mail.ReadBasic.All"), (&["Calendars.Read"][..], "User.Read.All")]
    {
        let kit = Kit::ready(&DOMAINS, |_| {}).await;
        kit.sim.set_roles(roles);
        let outcome = kit.sync().await;
        assert_eq!(outcome.ended, Ended::Refused, "{roles:?}");
        assert!(remedies(&outcome).contains(remedy), "{}", remedies(&outcome));
        assert!(kit.records(true).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_is_a_refusal_with_a_hint() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    kit.sim.set_client_secret("another-secret");
    let outcome = kit.sync().await;
    assert_eq!(outcome.ended, Ended::Refused);
    assert!(remedies(&outcome).contains("secret"), "{}", remedies(&outcome));
    let text = summary(&outcome).to_string();
    assert!(!text.contains("simulated-secret") && !text.contains("another-secret"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_cursor_restarts_its_stream_alone() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    kit.sync().await;
    for (status, code) in [(410, "SyncStateNotFound"), (410, ""), (400, "BadRequest")] {
        for kind in ["calendarView/delta", "messages/delta"] {
            let (user, _) = two_people(&kit);
            kit.sim.clear_watch();
            kit.sim.fail(Scope::MailboxKind(user, kind), status, code, 1);
            let outcome = kit.sync().await;
            assert_eq!(outcome.ended, Ended::Done, "{kind} {status} {code}");
            let summary = summary(&outcome);
            assert_eq!(summary["resyncs"], 1, "{kind} {status} {code}");
            assert_eq!(summary["activities"]["created"], 0, "{kind}: something doubled");
            assert_eq!(summary["activities"]["retracted"], 0, "{kind}: something was lost");
            let begun = kit.sim.request_log().into_iter().filter(|entry| {
                entry.kind == kind && entry.query_keys.iter().any(|key| key == "$filter" || key == "startDateTime")
            });
            assert_eq!(begun.count(), 1, "{kind}: other streams started anew");
        }
    }
    assert_true(&kit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_mailbox_forgets_all_its_links_the_others_go_on() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    kit.sync().await;
    let (user, _) = two_people(&kit);
    kit.sim.expire_links(user);
    kit.sim.clear_watch();
    let outcome = kit.sync().await;
    assert_eq!(outcome.ended, Ended::Done);
    let gone: BTreeSet<_> =
        kit.sim.request_log().iter().filter(|entry| entry.status == 410).map(|entry| entry.mailbox).collect();
    assert_eq!(gone, BTreeSet::from([Some(user)]));
    let lost = kit.sim.counters().by_status[&410];
    assert_eq!(summary(&outcome)["resyncs"], lost);
    assert_true(&kit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_break_off_are_asked_for_again() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    let (user, other) = two_people(&kit);
    kit.sim.drop_response_halfway(Scope::MailboxKind(user, "messages/delta"), 2);
    kit.sim.drop_response_halfway(Scope::MailboxKind(user, "calendarView/delta"), 2);
    kit.sim.hang_up(Scope::MailboxKind(other, "mailFolders"), 2);
    kit.sim.throttle(other, 2, 1);
    kit.sim.fail(other, 503, "", 1);
    let outcome = kit.sync().await;
    assert_eq!((outcome.ended, problems(&outcome)), (Ended::Done, vec![]));
    assert_eq!(outcome.summary.throttled, 2);
    assert_true(&kit).await;
}

/// Fails when what cannot be read is passed over without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_item_that_is_none_is_counted_and_the_page_goes_on() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    kit.sim.malformed_item(Scope::Kind("messages/delta"), 2);
    kit.sim.malformed_item(Scope::Kind("calendarView/delta"), 3);
    let outcome = kit.sync().await;
    assert_eq!(outcome.ended, Ended::Done);
    assert_eq!(outcome.summary.dropped["malformed"], 5);
    assert_true(&kit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_leads_nowhere_fails_its_mailbox_and_loses_nothing() {
    for kind in ["messages/delta", "calendarView/delta"] {
        let kit = Kit::ready(&DOMAINS, |_| {}).await;
        let (user, _) = two_people(&kit);
        kit.sim.page_without_links(Scope::MailboxKind(user, kind), 1);
        let outcome = kit.sync().await;
        assert_eq!(outcome.ended, Ended::Partly, "{kind}");
        assert_eq!((outcome.summary.mailboxes.failed, outcome.summary.mailboxes.synced), (1, 5));
        assert_eq!(problems(&outcome).len(), 1);
        assert_eq!(kit.sync().await.ended, Ended::Done);
        assert_true(&kit).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_another_place_is_not_followed() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    // A place that would answer, and would learn the token.
    let elsewhere = testkit::Turnstile::before(&kit.sim).await;
    let (user, other) = two_people(&kit);
    kit.sim.foreign_links(Scope::MailboxKind(user, "calendarView/delta"), 1, &elsewhere.url());
    kit.sim.keyless_links(Scope::MailboxKind(other, "messages/delta"), 1);
    let outcome = kit.sync().await;
    assert_eq!(outcome.ended, Ended::Partly);
    assert_eq!(outcome.summary.mailboxes.failed, 2);
    assert_eq!(elsewhere.count(), 0, "the token went to another place");
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert_true(&kit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_pages_and_pages_twice_change_nothing() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    kit.sim.empty_pages(Scope::Kind("messages/delta"), 4);
    kit.sim.empty_pages(Scope::Kind("calendarView/delta"), 4);
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert_true(&kit).await;
}

/// A round that leads to itself for ever is a service's fault; the mailbox fails, and the run ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_next_link_to_the_same_page_ends() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    let (user, _) = two_people(&kit);
    kit.sim.repeat_next_links(Scope::MailboxKind(user, "messages/delta"), 1);
    kit.sync().await;
    kit.sim.clear_faults();
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert_true(&kit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_five_megabytes_is_passed_over() {
    let kit = Kit::ready(&DOMAINS, |options| options.big_body_bytes = 5 << 20).await;
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert_true(&kit).await;
    let canary = b"CANARY-";
    assert!(!kit.database_files().windows(canary.len()).any(|window| window == canary));
}

/// Kinds that Graph may come to send are read as what they look like.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kinds_that_nobody_knows_yet_are_ordinary() {
    let kit = Kit::ready_behind_turnstile(&DOMAINS, |_| {}).await;
    kit.turnstile().amend(|text| {
        text.replace("\"#microsoft.graph.message\"", "\"#microsoft.graph.messageOfTomorrow\"")
            .replace("\"#microsoft.graph.event\"", "\"#microsoft.graph.eventOfTomorrow\"")
            .replace("\"singleInstance\"", "\"instanceOfTomorrow\"")
            .replace("\"showAs\":\"busy\"", "\"showAs\":\"dreaming\"")
    });
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert_true(&kit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_revoked_in_the_middle_is_replaced() {
    let kit = Kit::ready_behind_turnstile(&DOMAINS, |_| {}).await;
    let first_page = crate::moments::FirstPage::of(kit.turnstile());
    let interruption = async {
        first_page.reached().await;
        kit.sim.expire_tokens();
        kit.turnstile().open();
    };
    let (outcome, ()) = tokio::join!(kit.sync_watched(&first_page), interruption);
    assert_eq!(outcome.ended, Ended::Done);
    let tokens = kit.sim.counters().by_kind["token"];
    assert_eq!(tokens, 2, "one exchange for everyone who was refused");
    assert_true(&kit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_that_policy_closes_is_passed_over() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    let (user, _) = two_people(&kit);
    kit.sim.mailbox_error(user, 403, "ErrorAccessDenied");
    let outcome = kit.sync().await;
    // Kept out of one mailbox by the tenant's policy: a known reason, so the run is done.
    assert_eq!(outcome.ended, Ended::Done);
    assert_eq!(outcome.summary.mailboxes.failed, 0);
    assert_eq!(problems(&outcome), [(Some(id_of(&kit, user)), "ErrorAccessDenied".to_owned())]);
}

/// Fails when a listing is followed for ever: this test would not end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_that_leads_back_to_itself_is_cut_off() {
    let kit = Kit::ready(&["acme.com"], |options| options.mailboxes = 2).await;
    kit.sim.circle_listing("mailFolders");
    let folders = kit.sync().await;
    assert_eq!(folders.ended, Ended::Failed, "nothing was read");
    assert_eq!(folders.summary.mailboxes.failed, 2);
    kit.sim.circle_listing("users");
    let users = kit.sync().await;
    assert_eq!(users.ended, Ended::Failed, "an incomplete list of users is none");
    assert_eq!(users.summary.problems[0].code, "answer_unreadable");
    kit.sim.clear_faults();
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert_eq!(kit.falsehood(&["acme.com"]).await, None);
}
