//! The tenant that is drawn: the same from the same seed, and with everything in it that makes
//! life hard.

use std::collections::BTreeSet;

use graph_sim::world::{LetterKind, Sensitivity, UserKind};
use graph_sim::{IdForm, SimOptions, Simulator};

use crate::client::{Office, start};

#[test]
fn the_same_seed_draws_the_same_tenant() {
    let draw = |seed| {
        let mut options = SimOptions::new(start());
        options.seed = seed;
        let sim = Simulator::new(options);
        for _ in 0..20 {
            sim.tick();
        }
        format!("{:?}", (&sim.world().letters, &sim.world().meetings, &sim.world().people))
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes() {
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let office = Office::small().await;
        let user = office.sim.world().users[0].id.clone();
        let mut text = office.get("/users?$top=999").await.text;
        text += &office.get(&format!("/users/{user}/mailFolders/inbox/messages/delta")).await.text;
        text += &office
            .get(&format!("/users/{user}/calendarView/delta?startDateTime=2026-01-01&endDateTime=2026-04-01"))
            .await
            .text;
        seen.insert(text.replace(&office.host(), ""));
    }
    assert_eq!(seen.len(), 1);
}

#[test]
fn the_office_has_everyone_in_it() {
    let sim = Simulator::new(SimOptions::new(start()));
    let world = sim.world();
    assert_eq!(world.mailboxes().count(), 12);
    for kind in [UserKind::Member, UserKind::Guest, UserKind::Unlicensed, UserKind::Room, UserKind::Shared] {
        assert!(world.users_of(kind).count() > 0, "{kind:?}");
    }
    assert!(world.users.iter().any(|user| user.mail.is_none() && user.mailbox.is_some()));
    assert!(world.users.iter().any(|user| user.user_type.is_none()));
    for user in world.users_of(UserKind::Room) {
        assert!(!world.user(user).enabled);
    }
}

#[test]
fn about_a_third_concerns_the_two_customers() {
    let sim = Simulator::new(SimOptions::new(start()));
    let world = sim.world();
    let is_key = |person: &graph_sim::world::PersonNo| {
        world.person(*person).address.text().is_some_and(|a| a.ends_with("@acme.com") || a.ends_with("@globex.com"))
    };
    let mail = world
        .letters
        .iter()
        .filter(|l| l.kind == LetterKind::Mail)
        .filter(|l| l.from.iter().chain(&l.to).chain(&l.cc).any(is_key))
        .count();
    let meetings =
        world.meetings.iter().filter(|m| is_key(&m.organizer) || m.attendees.iter().any(|a| is_key(&a.person))).count();
    let share = |part: usize, all: usize| part * 100 / all;
    assert!((25..60).contains(&share(mail, world.letters.len())), "{mail}");
    assert!((25..60).contains(&share(meetings, world.meetings.len())), "{meetings}");
}

#[test]
fn calendars_hold_every_kind_of_meeting() {
    let sim = Simulator::new(SimOptions::new(start()));
    let world = sim.world();
    let some = |wanted: &dyn Fn(&graph_sim::world::Meeting) -> bool| world.meetings.iter().any(wanted);
    assert!(some(&|m| m.recurrence.is_some()));
    assert!(some(&|m| m.exceptions.values().any(|e| e.deleted)));
    assert!(some(&|m| m.exceptions.values().any(|e| e.cancelled)));
    assert!(some(&|m| m.exceptions.values().any(|e| e.subject.is_some())));
    assert!(some(&|m| m.exceptions.values().any(|e| e.attendees.is_some())));
    assert!(some(&|m| m.all_day));
    assert!(some(&|m| m.cancelled));
    assert!(some(&|m| m.sensitivity == Sensitivity::Private));
    assert!(some(&|m| m.sensitivity == Sensitivity::Confidential));
    assert!(some(&|m| m.start > world.now));
    assert!(some(&|m| m.copies.len() > 2));
}

#[test]
fn ids_of_neighbours_differ_in_letter_case_only() {
    let sim = Simulator::new(SimOptions::new(start()));
    let world = sim.world();
    let (_, mailbox) = world.mailboxes().next().expect("a mailbox");
    let ids: Vec<_> = mailbox.live_messages().map(|(n, _)| mailbox.message_id(n, IdForm::Immutable)).collect();
    let exact: BTreeSet<_> = ids.iter().collect();
    let folded: BTreeSet<_> = ids.iter().map(|id| id.to_lowercase()).collect();
    assert_eq!(exact.len(), ids.len());
    assert!(folded.len() < ids.len());
}

#[test]
fn ten_thousand_mailboxes_can_be_drawn() {
    let mut options = SimOptions::new(start());
    options.mailboxes = 10_000;
    options.messages_per_mailbox = 5;
    options.meetings_per_mailbox = 2;
    let sim = Simulator::new(options);
    assert_eq!(sim.world().mailboxes().count(), 10_000);
}

#[tokio::test]
async fn addresses_come_in_every_form() {
    let office = Office::small().await;
    let mut text = String::new();
    let users: Vec<_> = {
        let world = office.sim.world();
        world.mailboxes().map(|(user, _)| world.user(user).id.clone()).collect()
    };
    let mut shapes = BTreeSet::new();
    for user in users {
        let (items, _) = office.follow(&format!("/users/{user}/messages?$top=999")).await;
        for item in items {
            text += &item.to_string();
            let lists = ["toRecipients", "ccRecipients"].map(|name| item[name].as_array().cloned());
            for recipient in lists.into_iter().flatten().flatten() {
                shapes.insert(match recipient["emailAddress"].get("address") {
                    None => "absent",
                    Some(address) if address.is_null() => "null",
                    Some(address) if address == "" => "empty",
                    Some(_) => "text",
                });
            }
            shapes.insert(if item.get("from").is_some() { "from" } else { "no from" });
            if item["from"] != item["sender"] {
                shapes.insert("on behalf");
            }
        }
    }
    assert_eq!(shapes, BTreeSet::from(["absent", "empty", "from", "no from", "null", "on behalf", "text"]));
    for form in [
        "BUYER.ONE@ACME.COM",
        "buyer.two@acme.com.\"",
        "@bücher.example",
        "/o=ExchangeLabs/",
        "\"Jane Doe\"",
        "Jane Doe <jane@acme.com>",
        "jane@doe@acme.com",
        "@evilacme.com",
        "@acme.com.example.net",
        "@contoso-eu.com",
    ] {
        assert!(text.contains(form), "{form}");
    }
}
