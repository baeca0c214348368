//! What is read of an answer.

use m365_graph::{Event, GraphError, Limits, MailboxVerdict, Message, Next, RootDelta, SkipReason, WellKnownFolder};

use crate::home::{House, Setup, ask, at, folder, graph, user};
use crate::server::{Server, error, in_turn, json};

/// A page of a delta round of `u1`, whose delta link names this server.
async fn delta_of(items: &str) -> Server {
    let items = items.to_owned();
    Server::graph(move |seen| {
        let host = seen.header("host").to_owned();
        let page =
            format!(r#"{{"value":[{items}],"@odata.deltaLink":"http://{host}/v1.0/users/u1/delta?$deltatoken=x"}}"#);
        async move { json(200, &page) }
    })
    .await
}

#[tokio::test]
async fn an_odd_item_is_counted_and_the_page_goes_on() {
    let items = r#"{"id":"m1"},{"id":7},null,[],"CANARY",{"id":"m2","subject":{"x":1}},{"id":"m3"},{"noid":1}"#;
    let server = delta_of(items).await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    let since = at("2026-01-01T00:00:00Z");
    let page = graph.message_delta_start(&gate, &user("u1"), &folder("F"), since).await.unwrap();
    let ids: Vec<_> = page.items.iter().map(|message| message.id.as_str()).collect();
    assert_eq!((ids, page.malformed), (vec!["m1", "m3"], 6));
    assert!(matches!(page.next, Next::Done(_)));
}

#[tokio::test]
async fn a_body_of_five_megabytes_is_stepped_over() {
    let body = "CANARY \\u0041\\\" ".repeat(350_000);
    let item = format!(r#"{{"id":"e1","body":{{"content":"{body}"}},"bodyPreview":"{body}","isAllDay":true}}"#);
    let server = delta_of(&item).await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    let when = at("2026-01-01T00:00:00Z");
    let page = graph.calendar_delta_start(&gate, &user("u1"), when, when).await.unwrap();
    assert_eq!((page.items.len(), page.malformed), (1, 0));
    assert_eq!(page.items[0].is_all_day, Some(true));
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_the_end() {
    let server = delta_of(&format!(r#"{{"id":"m1","body":"{}"}}"#, "x".repeat(20_000))).await;
    let house = House::open().await;
    let setup = Setup { limits: Limits { longest_answer: 10_000, ..Limits::default() }, ..Setup::default() };
    assert_eq!(ask(&setup.graph(&server), &house.gate().await, "u1").await.unwrap_err(), GraphError::TooLong);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_delta_page_without_a_link_is_an_error_and_a_plain_list_ends() {
    let server = in_turn(vec![|| json(200, r#"{"value":[{"id":"x"}]}"#)]).await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    let (me, inbox, when) = (user("u1"), folder("F"), at("2026-01-01T00:00:00Z"));
    let lost = GraphError::PageWithoutLink;
    assert_eq!(graph.message_delta_start(&gate, &me, &inbox, when).await.unwrap_err(), lost);
    assert_eq!(graph.calendar_delta_start(&gate, &me, when, when).await.unwrap_err(), lost);
    let restore = |path: &str| {
        let link = format!("{}/v1.0/users/u1/{path}", server.url);
        m365_graph::Link::restore(&graph.mailbox_scope(&me), &link).unwrap()
    };
    for delta in ["calendarView/delta?$skiptoken=x", "calendarView/microsoft.graph.delta()?x", "calendarView/Delta()"] {
        assert_eq!(graph.follow::<Event>(&gate, &me, &restore(delta)).await.unwrap_err(), lost, "{delta}");
    }
    let listed = graph.follow::<Message>(&gate, &me, &restore("messages?$skip=10")).await.unwrap();
    assert_eq!(listed.next, Next::End);
    assert_eq!(graph.messages_list_start(&gate, &me, &inbox, when).await.unwrap().next, Next::End);
    assert_eq!(ask(&graph, &gate, "u1").await.unwrap().next, Next::End);
}

#[tokio::test]
async fn pages_lead_on_until_the_delta_link() {
    let server = Server::graph(|seen| async move {
        let home = format!("http://{}/v1.0/users('U1')/mailFolders('F')/messages/delta", seen.header("host"));
        json(
            200,
            &match seen.target.split_once("token=") {
                None => format!(r#"{{"value":[{{"id":"m1"}}],"@odata.nextLink":"{home}?$skiptoken=2"}}"#),
                Some((_, "2")) => format!(r#"{{"value":[],"@odata.nextLink":"{home}?$skiptoken=3"}}"#),
                Some(_) => format!(r#"{{"value":[{{"id":"m2"}}],"@odata.deltaLink":"{home}?$deltatoken=4"}}"#),
            },
        )
    })
    .await;
    let house = House::open().await;
    let (gate, graph, me) = (house.gate().await, graph(&server), user("u1"));
    let mut page = graph.message_delta_start(&gate, &me, &folder("F"), at("2026-01-01T00:00:00Z")).await.unwrap();
    let mut ids: Vec<String> = Vec::new();
    loop {
        ids.extend(page.items.iter().map(|message| message.id.clone()));
        match &page.next {
            Next::More(link) => page = graph.follow(&gate, &me, link).await.unwrap(),
            Next::Done(link) => {
                assert!(link.expose().ends_with("$deltatoken=4"));
                break;
            }
            Next::End => panic!("a round that ends"),
        }
    }
    assert_eq!(ids, ["m1", "m2"]);
    assert_eq!(graph.usage().requests, 3);
}

#[tokio::test]
async fn users_and_folders_come_page_by_page() {
    let server = Server::graph(|seen| async move {
        let host = seen.header("host").to_owned();
        let next = |path: &str| format!(r#""@odata.nextLink":"http://{host}/v1.0/{path}$skiptoken=2""#);
        json(
            200,
            &match seen.target.as_str() {
                more if more.contains("skiptoken") => r#"{"value":[{"id":"second"}]}"#.to_owned(),
                users if users.starts_with("/v1.0/users?") => format!(
                    r#"{{"value":[{{"id":"first","userType":"Guest","displayName":"CANARY"}}],{}}}"#,
                    next("users?")
                ),
                _ => {
                    format!(r#"{{"value":[{{"id":"first","childFolderCount":2}}],{}}}"#, next("users/u1/mailFolders?"))
                }
            },
        )
    })
    .await;
    let house = House::open().await;
    let (gate, graph, me) = (house.gate().await, graph(&server), user("u1"));
    let first = graph.users_page(&gate, None).await.unwrap();
    assert!(first.items[0].is_guest);
    let Next::More(link) = first.next else { panic!("one page alone") };
    let second = graph.users_page(&gate, Some(&link)).await.unwrap();
    assert_eq!((second.items[0].id.as_str(), second.next), ("second", Next::End));

    let first = graph.mail_folders_page(&gate, &me, Some(&folder("P")), None).await.unwrap();
    assert_eq!(first.items[0].child_count, 2);
    let Next::More(link) = first.next else { panic!("one page alone") };
    let second = graph.mail_folders_page(&gate, &me, Some(&folder("P")), Some(&link)).await.unwrap();
    assert_eq!(second.items[0].id.as_str(), "second");
}

#[tokio::test]
async fn what_is_gone_is_none_and_a_mailbox_that_is_gone_is_an_error() {
    let house = House::open().await;
    let gate = house.gate().await;
    let server = in_turn(vec![|| error(404, "ErrorItemNotFound")]).await;
    let graph = graph(&server);
    assert!(graph.event(&gate, &user("u1"), "master").await.unwrap().is_none());
    assert!(graph.folder_by_alias(&gate, &user("u1"), WellKnownFolder::Clutter).await.unwrap().is_none());
    let asked = server.asked().len();
    for nowhere in ["", ".", ".."] {
        assert!(graph.event(&gate, &user("u1"), nowhere).await.unwrap().is_none());
    }
    assert_eq!(server.asked().len(), asked, "a request for no event");

    let server = in_turn(vec![|| error(404, "MailboxNotEnabledForRESTAPI")]).await;
    let graph = crate::home::graph(&server);
    let gone = graph.folder_by_alias(&gate, &user("u1"), WellKnownFolder::Inbox).await.unwrap_err();
    assert_eq!(gone.mailbox_verdict(), MailboxVerdict::Skip(SkipReason::NoMailbox));
    graph.event(&gate, &user("u1"), "master").await.unwrap_err();
}

#[tokio::test]
async fn only_a_400_is_a_refusal_of_mailbox_wide_changes() {
    let house = House::open().await;
    let gate = house.gate().await;
    let since = at("2026-01-01T00:00:00Z");
    let server = in_turn(vec![|| error(400, "BadRequest")]).await;
    let answer = graph(&server).message_delta_at_mailbox_root(&gate, &user("u1"), since).await.unwrap();
    assert!(matches!(answer, RootDelta::Refused));
    let server = in_turn(vec![|| error(403, "ErrorAccessDenied")]).await;
    graph(&server).message_delta_at_mailbox_root(&gate, &user("u1"), since).await.unwrap_err();
    let server = delta_of(r#"{"id":"m1"}"#).await;
    let answer = graph(&server).message_delta_at_mailbox_root(&gate, &user("u1"), since).await.unwrap();
    assert!(matches!(answer, RootDelta::Answered(page) if page.items.len() == 1));
}

#[tokio::test]
async fn the_organization_gives_its_id_and_its_domains() {
    let server = in_turn(vec![|| {
        json(
            200,
            r#"{"value":[{"id":"84841066-274D-4ec0-a5c1-276be684bdd3","displayName":"CANARY",
                "verifiedDomains":[{"name":"Contoso.onmicrosoft.com","isInitial":true},{"name":"contoso.com"},{"name":null}]}]}"#,
        )
    }])
    .await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    let id = graph.organization_probe().await.unwrap().unwrap();
    assert_eq!(id.as_str(), "84841066-274d-4ec0-a5c1-276be684bdd3");
    assert_eq!(graph.verified_domains(&gate).await.unwrap(), ["Contoso.onmicrosoft.com", "contoso.com"]);

    let server = in_turn(vec![|| error(403, "Authorization_RequestDenied")]).await;
    assert!(crate::home::graph(&server).organization_probe().await.unwrap_err().is_directory_denied());
}
