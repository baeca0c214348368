//! Rounds over a calendar's window, and single events.

use std::collections::BTreeSet;

use graph_sim::world::{Pattern, Response};
use graph_sim::{IdForm, NewMeeting, Quirks, UserNo, Zone};
use jiff::civil::date;
use serde_json::Value;

use crate::client::{Office, by_id, keys};

/// A tenant without any meetings, and two of its people.
struct Desk {
    office: Office,
    user: UserNo,
    id: String,
    me: String,
    colleague: UserNo,
    colleague_id: String,
    they: String,
}

impl Desk {
    async fn new() -> Self {
        let office = Office::open(|o| {
            o.meetings_per_mailbox = 0;
            o.messages_per_mailbox = 0;
        })
        .await;
        let of = |number: usize| {
            let world = office.sim.world();
            let (user, _) = world.mailboxes().nth(number).expect("a mailbox");
            let address = world.person(world.user(user).person).address.text().map(str::to_owned);
            (user, world.user(user).id.clone(), address.expect("an address"))
        };
        let ((user, id, me), (colleague, colleague_id, they)) = (of(0), of(1));
        Self { office, user, id, me, colleague, colleague_id, they }
    }

    fn meeting(&self, attendees: &[&str], day: &str) -> NewMeeting {
        let start = format!("{day}T15:00:00Z").parse().expect("a time");
        NewMeeting::new(&self.me, attendees, "Planning", start)
    }

    /// A weekly series in Berlin, at nine, from 5 January 2026.
    fn weekly(&self) -> NewMeeting {
        let mut new = self.meeting(&["buyer@acme.com", &self.they], "2026-01-05");
        new.zone = Zone::WesternEurope;
        new.start = "2026-01-05T08:00:00Z".parse().expect("a time");
        new
    }

    async fn round(&self, user: &str) -> (Vec<Value>, String) {
        let window = "startDateTime=2026-02-01T00:00:00Z&endDateTime=2026-05-01T00:00:00Z";
        let (items, link) = self.office.follow(&format!("/users/{user}/calendarView/delta?{window}")).await;
        (items, link.expect("a delta link"))
    }

    async fn next(&self, link: &str) -> Vec<Value> {
        self.office.follow(link).await.0
    }
}

fn of_type<'a>(items: &'a [Value], kind: &str) -> Vec<&'a Value> {
    items.iter().filter(|i| i["type"] == kind).collect()
}

#[tokio::test]
async fn a_window_must_be_given_and_is_limited() {
    let desk = Desk::new().await;
    let id = &desk.id;
    for spelling in ["delta", "delta()"] {
        let answer = desk.office.get(&format!("/users/{id}/calendarView/{spelling}")).await;
        assert_eq!(answer.status, 400);
        let window = "startDateTime=2020-01-01T00:00:00Z&endDateTime=2028-01-01T00:00:00Z";
        let answer = desk.office.get(&format!("/users/{id}/calendarView/{spelling}?{window}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "ErrorInvalidRequest"));
        assert!(answer.text.contains("1825"));
    }
}

#[tokio::test]
async fn every_copy_has_its_own_id_and_the_same_identifier() {
    let desk = Desk::new().await;
    desk.office.sim.create_meeting(&desk.meeting(&["buyer@acme.com", &desk.they], "2026-03-10"));
    let (mine, _) = desk.round(&desk.id).await;
    let (theirs, _) = desk.round(&desk.colleague_id).await;
    let (mine, theirs) = (&mine[0], &theirs[0]);
    assert_ne!(mine["id"], theirs["id"]);
    assert_eq!((&mine["iCalUId"], &mine["uid"]), (&theirs["iCalUId"], &theirs["uid"]));
    assert_eq!((&mine["isOrganizer"], &theirs["isOrganizer"]), (&true.into(), &false.into()));
    assert_eq!(mine["responseStatus"]["response"], "organizer");
    assert_eq!(mine["attendees"].as_array().map(Vec::len), Some(2), "the organizer is left out");
    assert_eq!(theirs["attendees"].as_array().map(Vec::len), Some(3), "the organizer is listed");
    for canary in ["CANARY-BODY", "CANARY-PREVIEW", "CANARY-LOCATION", "CANARY-JOIN", "CANARY-NAME"] {
        assert!(mine.to_string().contains(canary), "{canary}");
    }
    assert_eq!(mine["start"]["dateTime"], "2026-03-10T15:00:00.0000000");
}

#[tokio::test]
async fn occurrences_are_bare_and_the_master_and_exceptions_full() {
    let desk = Desk::new().await;
    let series = desk.office.sim.create_series(&desk.weekly(), Pattern::Weekly(1), None);
    desk.office.sim.change_day(series, date(2026, 2, 9), |day| {
        day.start = "2026-02-09T10:00:00Z".parse().expect("a time");
        day.end = "2026-02-09T11:00:00Z".parse().expect("a time");
    });
    desk.office.sim.delete_day(series, date(2026, 2, 16));
    let (items, _) = desk.round(&desk.id).await;
    let masters = of_type(&items, "seriesMaster");
    assert_eq!(masters.len(), 1);
    let master = masters[0];
    assert_eq!(master["start"]["dateTime"], "2026-01-05T08:00:00.0000000", "its first day");
    let occurrences = of_type(&items, "occurrence");
    assert_eq!(occurrences.len(), 11);
    for occurrence in &occurrences {
        assert_eq!(keys(occurrence), ["@odata.etag", "@odata.type", "end", "id", "seriesMasterId", "start", "type"]);
        assert_eq!(occurrence["seriesMasterId"], master["id"]);
        assert_eq!(occurrence["start"]["timeZone"], "W. Europe Standard Time");
        let clock = occurrence["start"]["dateTime"].as_str().expect("a time");
        assert!(clock.ends_with("T09:00:00.0000000"), "{clock}");
    }
    assert!(!items.iter().any(|i| i["start"]["dateTime"].as_str().is_some_and(|t| t.starts_with("2026-02-16"))));
    let exceptions = of_type(&items, "exception");
    assert_eq!(exceptions.len(), 1);
    let exception = exceptions[0];
    let master_id = master["id"].as_str().expect("an id");
    assert_eq!(exception["occurrenceId"], format!("OID.{master_id}.2026-02-09"));
    assert!(exception["originalStart"].is_null());
    assert_eq!(exception["uid"], master["uid"]);
    let uid = master["uid"].as_str().expect("a uid");
    let cut = exception["iCalUId"].as_str().expect("an identifier");
    assert_eq!((&cut[32..40], &cut[40..]), ("07EA0209", &uid[40..]));
    assert_eq!(exception["start"]["dateTime"], "2026-02-09T10:00:00.0000000");
    let asked = desk
        .office
        .get(&format!("/users/{}/events/{master_id}?$select=subject,cancelledOccurrences", desk.id))
        .await
        .json();
    assert_eq!(asked["cancelledOccurrences"][0], format!("OID.{master_id}.2026-02-16"));
    let occurrence = occurrences[0]["id"].as_str().expect("an id");
    let full = desk.office.get(&format!("/users/{}/events('{occurrence}')", desk.id)).await.json();
    assert_eq!((&full["type"], &full["subject"]), (&"occurrence".into(), &"Planning".into()));
}

#[tokio::test]
async fn the_zone_that_is_asked_for_is_given() {
    let mut desk = Desk::new().await;
    desk.office.sim.set_quirks(Quirks { occurrences_in_series_zone: false, ..Quirks::default() });
    desk.office.sim.create_series(&desk.weekly(), Pattern::Weekly(2), Some(date(2026, 3, 20)));
    desk.office.prefer = r#"outlook.timezone="Tokyo Standard Time""#.to_owned();
    let (items, _) = desk.round(&desk.id).await;
    for item in of_type(&items, "occurrence") {
        assert_eq!(item["start"]["timeZone"], "Tokyo Standard Time");
        assert!(item["start"]["dateTime"].as_str().is_some_and(|t| t.ends_with("T17:00:00.0000000")));
    }
    assert_eq!(of_type(&items, "occurrence").len(), 4);
}

#[tokio::test]
async fn whole_days_keep_their_midnights() {
    let mut desk = Desk::new().await;
    let mut offsite = desk.meeting(&["buyer@acme.com"], "2026-03-10");
    offsite.start = "2026-03-10T00:00:00Z".parse().expect("a time");
    offsite.length = jiff::SignedDuration::from_hours(24);
    offsite.all_day = true;
    desk.office.sim.create_meeting(&offsite);
    desk.office.prefer = r#"outlook.timezone="Eastern Standard Time""#.to_owned();
    let (items, _) = desk.round(&desk.id).await;
    assert_eq!(items[0]["isAllDay"], true);
    assert_eq!(items[0]["start"]["dateTime"], "2026-03-10T00:00:00.0000000");
    assert_eq!(items[0]["end"]["dateTime"], "2026-03-11T00:00:00.0000000");
}

#[tokio::test]
async fn a_later_round_tells_of_changes_and_removals() {
    let desk = Desk::new().await;
    let sim = &desk.office.sim;
    let others = ["buyer@acme.com", desk.they.as_str()];
    let [moved, private, deleted, left] = ["2026-03-10", "2026-03-11", "2026-03-12", "2026-03-13"]
        .map(|day| sim.create_meeting(&desk.meeting(&others, day)));
    let (first, link) = desk.round(&desk.id).await;
    assert_eq!(first.len(), 4);
    assert!(desk.next(&link).await.is_empty());
    sim.reschedule(moved, "2026-03-20T09:00:00Z".parse().expect("a time"));
    sim.make_private(private);
    sim.delete_meeting(deleted);
    sim.reschedule(left, "2026-07-01T09:00:00Z".parse().expect("a time"));
    sim.create_meeting(&desk.meeting(&others, "2026-04-01"));
    let items = desk.next(&link).await;
    assert_eq!(items.len(), 5);
    let id = |meeting| {
        let world = sim.world();
        let entry = world.meeting(meeting).copies.iter().find(|c| c.0 == desk.user).expect("a copy").1;
        world.event_id(desk.user, entry, IdForm::Immutable).expect("an id")
    };
    let item = |meeting| by_id(&items, &id(meeting)).expect("it is reported");
    assert_eq!(item(moved)["start"]["dateTime"], "2026-03-20T09:00:00.0000000");
    assert_eq!(item(private)["sensitivity"], "private");
    assert_eq!(item(deleted)["@removed"]["reason"], "deleted");
    assert_eq!(item(left)["@removed"]["reason"], "deleted", "it has left the window");
    assert_eq!(desk.office.get(&format!("/users/{}/events/{}", desk.id, id(deleted))).await.status, 404);
}

#[tokio::test]
async fn a_changed_series_is_sent_again_and_a_deleted_day_just_misses() {
    let desk = Desk::new().await;
    let sim = &desk.office.sim;
    let series = sim.create_series(&desk.weekly(), Pattern::Weekly(1), None);
    let (first, link) = desk.round(&desk.id).await;
    sim.delete_day(series, date(2026, 2, 16));
    let again = desk.next(&link).await;
    assert_eq!(again.len(), first.len() - 1);
    assert!(again.iter().all(|i| i.get("@removed").is_none()));
    sim.set_quirks(Quirks { removed_days_reported: true, ..Quirks::default() });
    sim.delete_day(series, date(2026, 2, 23));
    let again = desk.next(&link).await;
    assert_eq!(again.iter().filter(|i| i["@removed"].is_object()).count(), 1);
    sim.set_quirks(Quirks { later_rounds_without_masters: true, ..Quirks::default() });
    let days = desk.next(&link).await;
    assert!(of_type(&days, "seriesMaster").is_empty() && !of_type(&days, "occurrence").is_empty());
    sim.delete_meeting(series);
    let gone = desk.next(&link).await;
    assert!(gone.iter().all(|i| i["@removed"].is_object()));
    assert!(gone.len() > 1);
    sim.set_quirks(Quirks { series_removed_by_master_only: true, ..Quirks::default() });
    assert_eq!(desk.next(&link).await.len(), 1);
}

#[tokio::test]
async fn who_declines_loses_the_copy() {
    let desk = Desk::new().await;
    let sim = &desk.office.sim;
    let meeting = sim.create_meeting(&desk.meeting(&["buyer@acme.com", &desk.they], "2026-03-10"));
    let (_, mine) = desk.round(&desk.id).await;
    let (_, theirs) = desk.round(&desk.colleague_id).await;
    sim.respond(meeting, "buyer@acme.com", Response::Accepted);
    sim.respond(meeting, &desk.they, Response::Declined);
    let changed = desk.next(&mine).await;
    let answers: BTreeSet<_> = changed[0]["attendees"]
        .as_array()
        .expect("attendees")
        .iter()
        .map(|a| a["status"]["response"].as_str().expect("an answer"))
        .collect();
    assert_eq!(answers, BTreeSet::from(["accepted", "declined"]));
    assert!(desk.next(&theirs).await[0]["@removed"].is_object());
    assert!(sim.world().copy_of(meeting, desk.colleague).is_none());
    sim.respond(meeting, &desk.they, Response::Tentative);
    assert_eq!(desk.next(&theirs).await.last().expect("a copy")["responseStatus"]["response"], "tentativelyAccepted");
}

#[tokio::test]
async fn a_cancelled_meeting_lingers_with_attendees() {
    let desk = Desk::new().await;
    let sim = &desk.office.sim;
    let meeting = sim.create_meeting(&desk.meeting(&["buyer@acme.com", &desk.they], "2026-03-10"));
    let (_, mine) = desk.round(&desk.id).await;
    let (_, theirs) = desk.round(&desk.colleague_id).await;
    sim.cancel_meeting(meeting);
    assert!(desk.next(&mine).await[0]["@removed"].is_object());
    let lingering = desk.next(&theirs).await;
    assert_eq!(lingering[0]["isCancelled"], true);
    assert_eq!(lingering[0]["subject"], "Canceled: Planning");
}

#[tokio::test]
async fn pages_may_split_a_series_and_lose_nothing() {
    let mut office = Office::small().await;
    let ids: Vec<_> = {
        let world = office.sim.world();
        world.mailboxes().map(|(user, _)| world.user(user).id.clone()).collect()
    };
    let window = "startDateTime=2025-12-01T00:00:00Z&endDateTime=2026-05-01T00:00:00Z";
    for id in ids {
        let link = format!("/users/{id}/calendarView/delta?{window}");
        let mut rounds = Vec::new();
        for size in [3, 1_000] {
            office.prefer = format!("odata.maxpagesize={size}");
            let (items, _) = office.follow(&link).await;
            let ids: BTreeSet<_> = items.iter().map(|i| i["id"].to_string()).collect();
            assert_eq!(ids.len(), items.len(), "nothing comes twice");
            rounds.push(items);
        }
        assert_eq!(rounds[0], rounds[1]);
    }
}

#[tokio::test]
async fn a_plain_view_shows_every_occurrence_in_full_and_no_master() {
    let desk = Desk::new().await;
    desk.office.sim.create_series(&desk.weekly(), Pattern::Weekly(1), None);
    let window =
        "startDateTime=2026-02-01T00:00:00Z&endDateTime=2026-05-01T00:00:00Z&$top=5&$select=subject,type,start";
    let (items, _) = desk.office.follow(&format!("/users/{}/calendarView?{window}", desk.id)).await;
    assert_eq!(items.len(), 13);
    assert!(items.iter().all(|i| i["type"] == "occurrence" && i["subject"] == "Planning"));
    assert!(items[0].get("body").is_none());
}
