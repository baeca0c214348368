//! Mailboxes and listings out of order, as the field has reported them.

use graph_sim::{Links, NewMeeting, NewUser, Policy, UserNo, Zone};
use serde_json::Value;

use crate::client::{Office, start};

async fn office() -> (Office, UserNo, String) {
    let office = Office::small().await;
    let (user, id) = {
        let world = office.sim.world();
        let (user, _) = world.mailboxes().next().expect("a mailbox");
        (user, world.user(user).id.clone())
    };
    (office, user, id)
}

fn calendar(user: &str) -> String {
    format!("/users/{user}/calendarView/delta?startDateTime=2026-01-01&endDateTime=2026-04-01")
}

fn inbox(user: &str) -> String {
    format!("/users/{user}/mailFolders/inbox/messages/delta")
}

fn next(page: &Value) -> String {
    page["@odata.nextLink"].as_str().expect("a next link").to_owned()
}

fn items(page: &Value) -> Vec<Value> {
    page["value"].as_array().expect("items").clone()
}

#[tokio::test]
async fn a_calendar_that_loops_may_spare_short_windows_and_views() {
    let (office, user, id) = office().await;
    office.sim.loop_calendar_over(user, 60);
    let first = office.get(&calendar(&id)).await.json();
    let again = office.get(&next(&first)).await.json();
    assert_eq!(items(&again), items(&first));
    assert_ne!(next(&again), next(&first));
    let month = format!("/users/{id}/calendarView/delta?startDateTime=2026-02-01&endDateTime=2026-03-01");
    assert!(office.follow(&month).await.1.is_some());
    office.sim.loop_calendar(user);
    assert!(office.get(&month).await.json()["@odata.deltaLink"].is_null());
    assert!(!office.follow(&month.replace("/delta", "")).await.0.is_empty());
}

#[tokio::test]
async fn a_folder_can_loop() {
    let (office, user, id) = office().await;
    let folder = office.sim.world().mailbox(user).and_then(|m| m.by_alias("inbox")).expect("an inbox");
    office.sim.loop_folder(user, folder);
    let first = office.get(&inbox(&id)).await.json();
    let again = office.get(&next(&first)).await.json();
    assert_eq!(items(&again), items(&first));
    assert_ne!(next(&again), next(&first));
    let sent = format!("/users/{id}/mailFolders/sentitems/messages/delta");
    assert!(office.follow(&sent).await.1.is_some(), "other folders go on");
    assert!(!office.follow(&format!("/users/{id}/mailFolders/inbox/messages")).await.0.is_empty());
    office.sim.unloop_folder(user, folder);
    assert!(office.follow(&inbox(&id)).await.1.is_some());
}

#[tokio::test]
async fn a_series_without_an_end_can_be_too_much_for_small_pages() {
    let mut office = Office::open(|o| o.meetings_per_mailbox = 0).await;
    let (user, id, upn) = {
        let world = office.sim.world();
        let (user, _) = world.mailboxes().next().expect("a mailbox");
        (user, world.user(user).id.clone(), world.user(user).upn.clone())
    };
    office.sim.time_out_endless_series(user, 20);
    office.prefer = "odata.maxpagesize=1".to_owned();
    assert_eq!(office.get(&calendar(&id)).await.status, 200, "no such series yet");
    let new = NewMeeting::new(&upn, &["buyer@acme.com"], "For ever", start());
    office.sim.create_series(&new, graph_sim::world::Pattern::Weekly(1), None);
    let answer = office.get(&calendar(&id)).await;
    assert_eq!((answer.status, answer.code().as_str()), (504, "UnknownError"));
    office.prefer = "odata.maxpagesize=20".to_owned();
    assert!(office.follow(&calendar(&id)).await.1.is_some());
}

#[tokio::test]
async fn a_mailbox_that_is_moved_comes_back() {
    let (office, user, id) = office().await;
    office.sim.move_mailbox(user, 2);
    for _ in 0..2 {
        let answer = office.get(&inbox(&id)).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "ErrorMailboxMoveInProgress"));
    }
    assert_eq!(office.get(&inbox(&id)).await.status, 200);
    office.sim.begin_mailbox_move(user);
    assert_eq!(office.get(&calendar(&id)).await.code(), "ErrorMailboxMoveInProgress");
    office.sim.clear_mailbox_error(user);
    assert_eq!(office.get(&calendar(&id)).await.status, 200);
}

#[tokio::test]
async fn a_full_mailbox_lists_and_keeps_no_state() {
    let (office, user, id) = office().await;
    office.sim.fill_quota(user);
    for path in [inbox(&id), calendar(&id)] {
        assert_eq!(office.get(&path).await.code(), "ErrorQuotaExceeded");
        assert_eq!(office.get(&path.replace("/delta", "")).await.status, 200);
    }
}

#[tokio::test]
async fn mailboxes_that_cannot_be_used_say_why() {
    let (office, user, id) = office().await;
    let outcomes: [(&dyn Fn(), u16, &str, &str); 4] = [
        (&|| office.sim.soft_delete(user), 404, "MailboxNotEnabledForRESTAPI", "soft-deleted"),
        (&|| office.sim.host_on_premises(user), 404, "MailboxNotHostedInExchangeOnline", "Exchange Online"),
        (&|| office.sim.close_by_policy(user, Policy::AccessPolicy), 403, "ErrorAccessDenied", "Access to OData"),
        (&|| office.sim.close_by_policy(user, Policy::RoleScope), 403, "ErrorAccessDenied", "Access is denied."),
    ];
    for (break_it, status, code, text) in outcomes {
        break_it();
        let answer = office.get(&inbox(&id)).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        assert!(answer.text.contains(text), "{}", answer.text);
    }
    office.sim.clear_mailbox_error(user);
    office.sim.remove_licence(user);
    assert_eq!(office.get(&inbox(&id)).await.code(), "MailboxNotEnabledForRESTAPI");
}

#[tokio::test]
async fn a_mailbox_answers_so_often_in_ten_minutes() {
    let office = Office::open(|o| o.mailbox_rate = Some(3)).await;
    let ids: Vec<String> = office.sim.world().users.iter().take(2).map(|user| user.id.clone()).collect();
    let minutes = jiff::SignedDuration::from_mins;
    assert_eq!(office.get(&inbox(&ids[0])).await.status, 200);
    office.sim.advance(minutes(4));
    for _ in 0..2 {
        assert_eq!(office.get(&inbox(&ids[0])).await.status, 200);
    }
    let answer = office.get(&inbox(&ids[0])).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "TooManyRequests"));
    assert!(answer.headers.contains("retry-after: 360"), "{}", answer.headers);
    assert_eq!(office.get(&inbox(&ids[1])).await.status, 200, "others are counted by themselves");
    office.sim.advance(minutes(6));
    assert_eq!(office.get(&inbox(&ids[0])).await.status, 200);
    assert_eq!(office.get(&inbox(&ids[0])).await.status, 429, "the later two still count");
}

#[tokio::test]
async fn the_most_requests_at_once_are_counted() {
    let office = Office::open(|o| o.latency = std::time::Duration::from_millis(50)).await;
    let id = office.sim.world().users[0].id.clone();
    let path = inbox(&id);
    office.sim.clear_watch();
    tokio::join!(office.get(&path), office.get("/users"), office.get(&path));
    let counters = office.sim.counters();
    let mailbox = counters.max_in_flight.values().copied().max().unwrap_or_default();
    // How many met is the machine's affair; a mailbox's requests are some of all.
    assert!((1..=2).contains(&mailbox) && (mailbox..=3).contains(&counters.most_at_once), "{counters:?}");
}

#[tokio::test]
async fn rows_and_pages_can_come_twice() {
    let (office, user, id) = office().await;
    let (sound, _) = office.follow(&inbox(&id)).await;
    office.sim.double_rows(user, 1);
    let page = items(&office.get(&inbox(&id)).await.json());
    let (first, second) = page.split_at(page.len() / 2);
    assert!(!first.is_empty() && first == second);
    office.sim.repeat_pages(user, 1);
    let (all, link) = office.follow(&inbox(&id)).await;
    assert!(link.is_some());
    let once = first.len();
    assert!(all[..once] == all[once..2 * once] && all[once..] == sound, "the first page came twice, the others once");
}

#[tokio::test]
async fn a_list_of_users_can_break_off_in_the_middle() {
    let office = Office::small().await;
    office.sim.cut_user_list(5);
    let page = office.get("/users?$top=999").await.json();
    assert_eq!(items(&page).len(), 5);
    for _ in 0..3 {
        assert_eq!(office.get(&next(&page)).await.status, 503);
    }
    office.sim.mend_user_list();
    let (rest, _) = office.follow(&next(&page)).await;
    assert_eq!(5 + rest.len(), office.sim.world().users.len());
}

#[tokio::test]
async fn people_come_and_leave_and_change_their_address() {
    let (office, user, id) = office().await;
    let old = office.sim.world().user(user).upn.clone();
    let came = office.sim.add_user(NewUser::member("New One", "new.one@contoso.com"));
    office.sim.change_address(user, "married.name@contoso.com");
    office.sim.remove_user(UserNo(1));
    let (users, _) = office.follow("/users?$select=id,mail,userPrincipalName,proxyAddresses").await;
    let find = |id: &str| users.iter().find(|user| user["id"] == id);
    let (came, left) = {
        let world = office.sim.world();
        (world.user(came).id.clone(), world.user(UserNo(1)).id.clone())
    };
    assert!(find(&came).is_some() && find(&left).is_none());
    let changed = find(&id).expect("the same account");
    assert_eq!(changed["mail"], "married.name@contoso.com");
    let proxies = changed["proxyAddresses"].to_string();
    assert!(proxies.contains("SMTP:married.name@") && proxies.contains(&format!("smtp:{old}")), "{proxies}");
    let filed = office.sim.send_message(&graph_sim::NewMessage::new("buyer@acme.com", &old, "To the old address"));
    assert_eq!(filed.len(), 1, "the old address still reaches the mailbox");
    assert_eq!(office.get(&format!("/users/{old}/mailFolders/inbox")).await.status, 404);
    assert_eq!(office.get("/users/married.name@contoso.com/mailFolders/inbox").await.status, 200);
}

#[tokio::test]
async fn links_can_be_refused_in_a_round_and_between_rounds() {
    let (office, user, id) = office().await;
    let middle = next(&office.get(&calendar(&id)).await.json());
    let (_, link) = office.follow(&calendar(&id)).await;
    let link = link.expect("a delta link");
    for (links, hit, missed) in [(Links::Next, &middle, &link), (Links::Delta, &link, &middle)] {
        for (status, code) in [(410, "syncStateNotFound"), (410, "ResyncRequired"), (400, "BadRequest")] {
            office.sim.refuse_links(user, links, status, code, 1);
            assert_eq!(office.get(&calendar(&id)).await.status, 200, "nothing is followed");
            assert_eq!(office.get(missed).await.status, 200);
            let answer = office.get(hit).await;
            assert_eq!((answer.status, answer.code().as_str()), (status, code));
        }
    }
    office.sim.refuse_links(user, Links::Any, 410, "", 1);
    let answer = office.get(&middle).await;
    assert_eq!((answer.status, answer.text.as_str()), (410, ""));
}

#[tokio::test]
async fn whole_days_stay_whole_days() {
    let (office, _, id) = office().await;
    let upn = office.sim.world().users[0].upn.clone();
    let day = "2026-03-05T00:00:00Z".parse().expect("an instant");
    let length = jiff::SignedDuration::from_hours(24);
    let new = NewMeeting {
        all_day: true,
        length,
        zone: Zone::Tokyo,
        ..NewMeeting::new(&upn, &["buyer@acme.com"], "A day off site", day)
    };
    let single = office.sim.create_meeting(&new);
    let series = office.sim.create_series(&new, graph_sim::world::Pattern::Weekly(1), None);
    // Ten at night in London is the next day in Tokyo.
    for meeting in [single, series] {
        office.sim.reschedule(meeting, "2026-03-09T22:00:00Z".parse().expect("an instant"));
    }
    let (events, _) = office.follow(&calendar(&id)).await;
    let days: Vec<_> = events.iter().filter(|event| event["subject"] == "A day off site").collect();
    assert_eq!(days.len(), 2);
    for day in &days {
        assert!(day["start"]["dateTime"].as_str().is_some_and(|at| at.ends_with("T00:00:00.0000000")), "{day}");
    }
    assert!(days.iter().any(|day| day["start"]["dateTime"] == "2026-03-10T00:00:00.0000000"));
    assert_eq!(office.sim.world().meeting(single).length(), length);
}
