//! What administrators choose: mailboxes, exclusions, entries that turn out to be the company's own, further properties.

use crate::kit::Kit;
use graph_sim::world::{Pattern, UserKind};
use graph_sim::{NewMeeting, NewMessage, NewUser, UserNo};
use jiff::SignedDuration;
use m365_model::{GraphUserId, UserId};
use m365_privacy::Exclusion;
use m365_store::allow_list::Leftovers;
use m365_store::mailboxes::MailboxChoice;
use m365_sync::Ended;
use serde_json::{Value, json};

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

fn admin() -> UserId {
    "user_admin".parse().unwrap()
}

/// A tenant of two people without anything.
async fn empty(domains: &[&str]) -> (Kit, [String; 2]) {
    let kit = Kit::ready(domains, |options| {
        options.mailboxes = 2;
        options.messages_per_mailbox = 0;
        options.meetings_per_mailbox = 0;
    })
    .await;
    let people = {
        let world = kit.sim.world();
        [world.users[0].upn.clone(), world.users[1].upn.clone()]
    };
    (kit, people)
}

async fn set(kit: &Kit, name: &str, value: &str) {
    kit.store.change_setting(&kit.tenant, &admin(), name, value).await.unwrap();
}

fn of_type(records: Vec<Value>, kind: &str) -> Vec<Value> {
    records.into_iter().filter(|record| record["type"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_excluded_mailbox_is_not_asked_for_before_or_after_the_first_sync() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    let ids: Vec<GraphUserId> = {
        let world = kit.sim.world();
        let users: Vec<UserNo> = world.users_of(UserKind::Member).take(2).collect();
        users.iter().map(|user| world.user(*user).id.parse().unwrap()).collect()
    };
    let choose = async |ids: &[GraphUserId], choice| {
        kit.store.choose_mailboxes(&kit.tenant, &admin(), ids, choice).await.unwrap();
    };
    choose(&ids[..1], MailboxChoice::Exclude).await;
    let first = kit.sync().await;
    assert_eq!(first.ended, Ended::Done);
    let asked = |id: &GraphUserId| kit.sim.request_log().iter().filter(|e| e.path.contains(id.as_str())).count();
    assert_eq!(asked(&ids[0]), 0, "an excluded mailbox was asked for");
    let before = asked(&ids[1]);
    assert!(before > 0);
    choose(&ids[1..], MailboxChoice::Exclude).await;
    let stored = kit.records(true).await;
    let second = kit.sync().await;
    assert_eq!(second.summary.mailboxes.skipped, first.summary.mailboxes.skipped + 1);
    assert_eq!(asked(&ids[1]), before);
    assert_eq!(kit.records(true).await, stored, "what was read of it stays");
    choose(&ids, MailboxChoice::Include).await;
    kit.sync().await;
    assert_eq!(kit.falsehood(&DOMAINS).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_is_noted_and_nothing_is_deleted_for_it() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    kit.sync().await;
    let before = kit.records(false).await;
    let user = kit.sim.world().users_of(UserKind::Member).next().unwrap();
    let id = kit.sim.world().user(user).id.clone();
    kit.sim.remove_user(user);
    kit.sync().await;
    let left: Vec<String> = kit
        .store
        .mailbox_overview(&kit.tenant)
        .await
        .unwrap()
        .into_iter()
        .filter(|mailbox| mailbox.left_at.is_some())
        .map(|mailbox| mailbox.mailbox)
        .collect();
    assert_eq!(left, [id]);
    assert_eq!(kit.records(false).await, before);
}

/// Fails when the filter of a run is made without the exclusions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_excluded_stays_out_of_every_field_and_comes_back_when_readmitted() {
    let (kit, [me, _]) = empty(&["acme.com"]).await;
    let exclusions: Vec<Exclusion> = ["Blocked@ACME.com"].map(|text| text.parse().unwrap()).to_vec();
    kit.store.exclude(&kit.tenant, &admin(), &exclusions).await.unwrap();
    let mut mail = NewMessage::new("buyer@acme.com", &me, "hello");
    mail.cc.push("blocked@acme.com".to_owned());
    kit.sim.send_message(&mail);
    kit.sim.send_message(&NewMessage::new("blocked@acme.com", &me, "alone"));
    let at = kit.now() - SignedDuration::from_hours(30);
    kit.sim.create_meeting(&NewMeeting::new(&me, &["blocked@acme.com", "buyer@acme.com"], "meeting", at));
    kit.sync().await;
    let text = serde_json::to_string(&kit.records(true).await).unwrap();
    assert!(text.contains("buyer@acme.com") && !text.contains("blocked@acme.com"), "{text}");
    assert_eq!(kit.records(true).await.len(), 2);
    kit.store.readmit(&kit.tenant, &admin(), &exclusions).await.unwrap();
    kit.sync().await;
    assert_eq!(kit.falsehood(&["acme.com"]).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listed_domain_that_turns_out_to_be_internal_is_paused_and_nothing_is_purged() {
    let (kit, [me, _]) = empty(&["acme.com", "globex.com"]).await;
    kit.sim.send_message(&NewMessage::new("buyer@acme.com", &me, "before"));
    kit.sync().await;
    let before = kit.records(true).await;
    assert_eq!(before.len(), 1);
    // The company buys Acme.
    kit.sim.add_user(NewUser::member("New Colleague", "new@acme.com"));
    kit.sim.send_message(&NewMessage::new("other@acme.com", &me, "after"));
    kit.sim.send_message(&NewMessage::new("partner@globex.com", &me, "others go on"));
    let outcome = kit.sync().await;
    let paused = outcome.summary.problems.iter().filter(|problem| problem.code == "entry_paused").count();
    assert_eq!((outcome.ended, paused), (Ended::Done, 1));
    let now = kit.records(true).await;
    assert_eq!(now.len(), 2, "{now:?}");
    assert!(before.iter().all(|record| now.contains(record)), "something was purged unasked");
    let list = kit.store.allow_list(&kit.tenant).await.unwrap();
    assert_eq!(list.paused, ["acme.com".parse().unwrap()]);
    let acme = "acme.com".parse().unwrap();
    kit.store.disallow(&kit.tenant, &admin(), &acme, Leftovers::Purge).await.unwrap().unwrap();
    assert_eq!(kit.records(true).await.len(), 1);
    let outcome = kit.sync().await;
    assert!(outcome.summary.problems.iter().all(|problem| problem.code != "entry_paused"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn further_properties_come_when_asked_for_and_go_when_not() {
    let (kit, [me, colleague]) = empty(&["acme.com"]).await;
    kit.sim.send_message(&NewMessage::new("noreply@acme.com", &me, "in"));
    kit.sim.send_message(&NewMessage::new(&me, "buyer@acme.com", "out"));
    let mut third = NewMessage::new("agency@elsewhere.example", &me, "third");
    third.cc.push("buyer@acme.com".to_owned());
    kit.sim.send_message(&third);
    let at = kit.now() - SignedDuration::from_hours(24 * 3);
    let people = ["buyer@acme.com", "cto@acme.com", colleague.as_str()];
    let daily = NewMeeting::new(&me, &people, "daily", at);
    kit.sim.create_series(&daily, Pattern::Daily(1), Some("2026-02-28".parse().unwrap()));
    kit.sync().await;
    let basic = kit.records(true).await;
    assert!(basic.iter().all(|record| record["properties"].get("direction").is_none()));
    set(&kit, "detail", "extended").await;
    kit.sync().await;
    let extended = kit.records(true).await;
    assert_eq!(extended.len(), basic.len());
    let told = |subject: &str, name: &str| {
        let found = extended.iter().find(|record| record["properties"]["subject"] == subject).unwrap();
        found["properties"][name].clone()
    };
    assert_eq!((told("in", "direction"), told("in", "automated")), (json!("inbound"), json!(true)));
    assert_eq!((told("out", "direction"), told("out", "automated")), (json!("outbound"), json!(false)));
    assert_eq!(told("third", "direction"), json!("third_party"));
    assert_eq!(told("third", "accountDomains"), json!(["acme.com"]));
    let meetings = of_type(extended.clone(), "meeting_attend");
    let keys: std::collections::BTreeSet<String> =
        meetings.iter().map(|record| record["properties"]["meetingKey"].as_str().unwrap().to_owned()).collect();
    assert_eq!(meetings.len(), 2 * keys.len(), "one key a meeting, the same for both people");
    for meeting in &meetings {
        let properties = &meeting["properties"];
        assert_eq!((&properties["isRecurring"], &properties["isAllDay"]), (&json!(true), &json!(false)));
        assert_eq!(properties["showAs"], "busy");
    }
    set(&kit, "detail", "basic").await;
    assert_eq!(kit.records(true).await, basic, "they go at once");
    kit.sync().await;
    assert_eq!(kit.records(true).await, basic);
}

/// Whichever mailbox is read first, one record is left, and its name is the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_of_one_message_are_joined_when_asked_for() {
    let (kit, [me, colleague]) = empty(&["acme.com"]).await;
    let mut mail = NewMessage::new("buyer@acme.com", &me, "to both");
    mail.cc.push(colleague.clone());
    kit.sim.send_message(&mail);
    kit.sim.send_message(&NewMessage::new("buyer@acme.com", &colleague, "to one"));
    kit.sync().await;
    let apart = kit.records(true).await;
    assert_eq!(apart.len(), 3);
    set(&kit, "mailDedupe", "internetMessageId").await;
    let outcome = kit.sync().await;
    let joined = kit.records(true).await;
    assert_eq!(joined.len(), 2);
    assert_eq!(serde_json::to_value(&outcome.summary).unwrap()["activities"]["retracted"], 1);
    // The same from the start.
    kit.sim.send_message(&mail);
    kit.sync().await;
    assert_eq!(kit.records(true).await.len(), 3);
    let asked = kit.sim.request_log();
    assert!(
        asked.iter().any(|entry| entry.select.as_deref().is_some_and(|select| select.contains("internetMessageId")))
    );
    set(&kit, "mailDedupe", "off").await;
    kit.sync().await;
    assert_eq!(kit.records(true).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_days_of_a_series_begin_at_midnight_whatever_zone_they_are_told_in() {
    let (kit, [me, _]) = empty(&["acme.com"]).await;
    kit.sim.set_quirks(graph_sim::Quirks { occurrences_in_series_zone: true, ..kit.sim.quirks() });
    let mut days = NewMeeting::new(&me, &["buyer@acme.com"], "fair", "2026-02-23T00:00:00Z".parse().unwrap());
    days.all_day = true;
    days.length = SignedDuration::from_hours(24);
    days.zone = graph_sim::Zone::WesternEurope;
    kit.sim.create_series(&days, Pattern::Daily(1), Some("2026-02-25".parse().unwrap()));
    kit.sync().await;
    let times: Vec<Value> = kit.records(true).await.iter().map(|record| record["occurredAt"].clone()).collect();
    assert_eq!(times, ["2026-02-23T00:00:00Z", "2026-02-24T00:00:00Z", "2026-02-25T00:00:00Z"]);
    assert_eq!(kit.falsehood(&["acme.com"]).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_item_is_covered_by_a_count() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    let summary = kit.sync().await.summary;
    let (mut seen, mut kept) = (0, 0);
    for mailbox in kit.store.mailbox_overview(&kit.tenant).await.unwrap() {
        let folders = mailbox.folders.into_iter().filter_map(|folder| folder.stream);
        for stream in mailbox.calendar.into_iter().chain(folders) {
            let coverage = stream.coverage;
            assert_eq!(coverage.seen, coverage.kept + coverage.dropped.values().sum::<u64>());
            seen += coverage.seen;
            kept += coverage.kept;
        }
    }
    let summary = serde_json::to_value(summary).unwrap();
    let told = |what: &str| summary["events"][what].as_u64().unwrap() + summary["messages"][what].as_u64().unwrap();
    assert_eq!((seen, kept), (told("seen"), told("kept")));
    assert!(seen > 100);
}
