//! What goes wrong when it is told to.

use graph_sim::{Quirks, Scope};

use crate::client::{Answer, Office};

async fn office() -> (Office, graph_sim::UserNo, String) {
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

#[tokio::test]
async fn throttling_names_a_time_and_ends() {
    let (office, user, id) = office().await;
    let inbox = format!("/users/{id}/mailFolders/inbox");
    office.sim.throttle(user, 2, 7);
    assert_eq!(office.get("/users").await.status, 200, "others go on");
    for _ in 0..2 {
        let answer = office.get(&inbox).await;
        assert_eq!((answer.status, answer.code().as_str()), (429, "ApplicationThrottled"));
        assert!(answer.headers.contains("retry-after: 7"));
    }
    assert_eq!(office.get(&inbox).await.status, 200);
    assert_eq!(office.sim.counters().throttled, 2);
    office.sim.throttle_with(Scope::All, 1, None);
    assert!(!office.get("/users").await.headers.contains("retry-after"));
}

#[tokio::test]
async fn failures_may_have_no_body() {
    let (office, _, _) = office().await;
    office.sim.fail(Scope::All, 503, "", 1);
    office.sim.fail(Scope::All, 504, "UnknownError", 1);
    let first = office.get("/users").await;
    assert_eq!((first.status, first.text.as_str()), (503, ""));
    assert_eq!(office.get("/users").await.code(), "UnknownError");
    assert_eq!(office.get("/users").await.status, 200);
}

#[tokio::test]
async fn connections_can_be_cut() {
    let (office, _, _) = office().await;
    office.sim.drop_response_halfway(Scope::All, 1);
    let part = office.try_get("/users?$top=999").await.err().expect("half an answer");
    assert!(part.len() > 100 && serde_json::from_str::<serde_json::Value>(&part).is_err());
    office.sim.drop_response_halfway(Scope::All, 1);
    assert!(office.try_get("/users?$top=1&$select=id").await.is_err(), "a short answer breaks off too");
    office.sim.hang_up(Scope::All, 1);
    assert_eq!(office.try_get("/users").await.err().as_deref(), Some(""));
    assert_eq!(office.get("/users").await.status, 200);
}

#[tokio::test]
async fn links_expire_and_malformed_ones_are_refused() {
    let (office, user, id) = office().await;
    let (_, link) = office.follow(&calendar(&id)).await;
    let link = link.expect("a link");
    let (_, mail) = office.follow(&format!("/users/{id}/mailFolders/inbox/messages/delta")).await;
    assert_eq!(office.get(&link).await.status, 200);
    office.sim.expire_links(user);
    for link in [&link, &mail.expect("a link")] {
        let answer = office.get(link).await;
        assert_eq!((answer.status, answer.code().as_str()), (410, "SyncStateNotFound"));
    }
    let malformed = office.get(&format!("{link}x")).await;
    assert_eq!((malformed.status, malformed.code().as_str()), (400, "BadRequest"));
    let other = office.sim.world().users[1].id.clone();
    assert_eq!(office.get(&link.replace(&id, &other)).await.status, 400, "a stranger's link");
}

#[tokio::test]
async fn pages_can_be_spoilt() {
    let (office, user, id) = office().await;
    let link = calendar(&id);
    let sound = office.get(&link).await.json();
    let count = |page: &serde_json::Value| page["value"].as_array().map_or(0, Vec::len);
    office.sim.malformed_item(user, 1);
    let page = office.get(&link).await.json();
    assert_eq!(count(&page), count(&sound) + 1);
    assert!(page["value"].as_array().is_some_and(|v| v.iter().any(|i| !i["id"].is_string())));
    office.sim.page_without_links(user, 1);
    let page = office.get(&link).await.json();
    assert!(page.get("@odata.nextLink").is_none() && page.get("@odata.deltaLink").is_none());
    office.sim.foreign_links(user, 1, "http://elsewhere.example");
    assert!(office.get(&link).await.text.contains("http://elsewhere.example/v1.0/"));
    let (all, _) = office.follow(&link).await;
    office.sim.empty_pages(user, 2);
    let page = office.get(&link).await.json();
    assert_eq!(count(&page), 0);
    let next = page["@odata.nextLink"].as_str().expect("it leads on").to_owned();
    let (rest, _) = office.follow(&next).await;
    assert_eq!(rest, all, "nothing is lost");
}

#[tokio::test]
async fn a_calendar_can_loop() {
    let (mut office, user, id) = office().await;
    office.sim.loop_calendar_below(user, 200);
    let first = office.get(&calendar(&id)).await.json();
    let mut link = first["@odata.nextLink"].as_str().expect("a link").to_owned();
    for _ in 0..5 {
        let page = office.get(&link).await.json();
        assert_eq!(page["value"], first["value"]);
        let next = page["@odata.nextLink"].as_str().expect("a link").to_owned();
        assert_ne!(next, link);
        link = next;
    }
    office.prefer = "odata.maxpagesize=200".to_owned();
    assert!(office.follow(&calendar(&id)).await.1.is_some());
    office.sim.loop_calendar(user);
    assert!(office.get(&calendar(&id)).await.json()["@odata.deltaLink"].is_null());
    office.sim.unloop_calendar(user);
    assert!(office.follow(&calendar(&id)).await.1.is_some());
}

#[tokio::test]
async fn a_mailbox_can_be_out_of_order() {
    let (office, user, id) = office().await;
    office.sim.mailbox_error(user, 403, "ErrorAccessDenied");
    for _ in 0..2 {
        assert_eq!(office.get(&calendar(&id)).await.code(), "ErrorAccessDenied");
    }
    office.sim.clear_mailbox_error(user);
    assert_eq!(office.get(&calendar(&id)).await.status, 200);
}

#[tokio::test]
async fn a_fifth_request_at_once_is_throttled() {
    let office = Office::open(|o| {
        o.enforce_concurrency = true;
        o.latency = std::time::Duration::from_millis(50);
    })
    .await;
    let id = office.sim.world().users[0].id.clone();
    let link = format!("/users/{id}/mailFolders/inbox");
    let get = || office.get(&link);
    let answers: [Answer; 5] = tokio::join!(get(), get(), get(), get(), get()).into();
    let throttled = answers.iter().filter(|a| a.status == 429).count();
    let most = office.sim.counters().max_in_flight.values().copied().max().unwrap_or_default();
    assert_eq!(throttled, most.saturating_sub(4));
}

#[tokio::test]
async fn requests_are_counted_and_remembered() {
    let (office, user, id) = office().await;
    office.sim.clear_watch();
    office.get(&format!("/users/{id}/mailFolders/inbox/messages/delta?$select=id")).await;
    let log = office.sim.request_log();
    assert_eq!(log.len(), 1);
    assert_eq!((log[0].kind, log[0].mailbox, log[0].status), ("messages/delta", Some(user), 200));
    assert_eq!(log[0].query_keys, ["$select"]);
    assert!(log[0].prefer.contains("ImmutableId"));
    assert_eq!(office.sim.counters().by_kind["messages/delta"], 1);
}

#[tokio::test]
async fn links_can_be_written_with_keys() {
    let (office, _, id) = office().await;
    office.sim.set_quirks(Quirks { key_form_links: true, ..Quirks::default() });
    let (_, link) = office.follow(&format!("/users/{id}/mailFolders/inbox/messages/delta")).await;
    let link = link.expect("a link");
    assert!(link.contains(&format!("/users('{id}')/mailFolders('inbox')/messages/delta?")));
    assert_eq!(office.get(&link).await.status, 200);
}

#[tokio::test]
async fn one_kind_of_request_can_fail_for_ever() {
    let (office, user, id) = office().await;
    office.sim.fail(Scope::MailboxKind(user, "messages/delta"), 403, "ErrorQuotaExceeded", u32::MAX);
    for _ in 0..3 {
        let answer = office.get(&format!("/users/{id}/mailFolders/inbox/messages/delta")).await;
        assert_eq!(answer.code(), "ErrorQuotaExceeded");
    }
    assert_eq!(office.get(&format!("/users/{id}/mailFolders/inbox/messages")).await.status, 200);
    office.sim.clear_faults();
    assert_eq!(office.get(&format!("/users/{id}/mailFolders/inbox/messages/delta")).await.status, 200);
}

#[tokio::test]
async fn links_can_lead_nowhere() {
    let (mut office, user, id) = office().await;
    office.prefer = "odata.maxpagesize=2".to_owned();
    let next = |page: &serde_json::Value| page["@odata.nextLink"].as_str().expect("a next link").to_owned();
    let link = next(&office.get(&calendar(&id)).await.json());
    office.sim.repeat_next_links(user, 1);
    assert_eq!(next(&office.get(&link).await.json()), link);
    assert_ne!(next(&office.get(&link).await.json()), link);
    office.sim.keyless_links(user, 1);
    assert!(next(&office.get(&link).await.json()).contains("/users//calendarView/delta?"));
}

#[tokio::test]
async fn a_mailbox_can_be_deaf_to_its_name() {
    let (office, user, id) = office().await;
    let upn = office.sim.world().user(user).upn.clone();
    office.sim.stale_by_name(user);
    let answer = office.get(&format!("/users/{upn}/mailFolders/inbox")).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "MailboxInfoStale"));
    assert_eq!(office.get(&format!("/users/{id}/mailFolders/inbox")).await.status, 200);
}
