//! Every request, letter for letter.

use m365_graph::{Event, Link, Message, WellKnownFolder};

use crate::home::{House, at, folder, graph, user};
use crate::server::{Server, json};

const MAIL: &str = r#"IdType="ImmutableId", odata.maxpagesize=200"#;
const FOLDERS: &str = r#"IdType="ImmutableId", odata.maxpagesize=100"#;
const CALENDAR: &str =
    r#"IdType="ImmutableId", odata.maxpagesize=100, outlook.timezone="UTC", outlook.body-content-type="text""#;
const MAIL_FIELDS: &str = "id,subject,receivedDateTime,conversationId,sender,toRecipients,ccRecipients";
const EVENT_FIELDS: &str = "id,type,seriesMasterId,uid,iCalUId,occurrenceId,originalStart,subject,start,end,isAllDay,\
                            isCancelled,isOrganizer,isOnlineMeeting,sensitivity,showAs,lastModifiedDateTime,organizer,attendees";

#[tokio::test]
async fn every_request_asks_for_what_is_kept_and_no_more() {
    let server = Server::graph(|_| async { json(200, r#"{"id":"F","value":[]}"#) }).await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    let (me, odd) = (user("u1"), folder("A/b+c=.d?e%"));
    let (from, to) = (at("2026-01-01T00:00:00.75Z"), at("2026-04-01T00:00:00Z"));
    let link =
        |path: &str| Link::restore(&graph.mailbox_scope(&me), &format!("{}/v1.0/users/u1/{path}", server.url)).unwrap();

    // What each gives does not matter here: only what it asks.
    let _ = graph.organization_probe().await;
    let _ = graph.verified_domains(&gate).await;
    let _ = graph.users_page(&gate, None).await;
    let _ = graph.users_probe(&gate).await;
    let _ = graph.mail_folders_page(&gate, &me, None, None).await;
    let _ = graph.mail_folders_page(&gate, &me, Some(&odd), None).await;
    let _ = graph.mail_folders_page(&gate, &me, None, Some(&link("mailFolders?$skiptoken=x"))).await;
    let _ = graph.folder_by_alias(&gate, &me, WellKnownFolder::SentItems).await;
    let _ = graph.message_delta_start(&gate, &me, &odd, from).await;
    let _ = graph.message_delta_at_mailbox_root(&gate, &me, from).await;
    let _ = graph.messages_list_start(&gate, &me, &odd, from).await;
    let _ = graph.follow::<Message>(&gate, &me, &link("mailFolders/F/messages/delta?$skiptoken=x")).await;
    let _ = graph.calendar_delta_start(&gate, &me, from, to).await;
    let _ = graph.calendar_list_start(&gate, &me, from, to).await;
    let _ = graph.follow::<Event>(&gate, &me, &link("calendarView/delta?$deltatoken=x")).await;
    let _ = graph.event(&gate, &me, "AA/+=").await;

    let expected: Vec<(String, &str)> = vec![
        ("organization?$select=id&$top=1".to_owned(), ""),
        ("organization?$select=id,verifiedDomains".to_owned(), ""),
        ("users?$select=id,mail,userPrincipalName,userType,accountEnabled,proxyAddresses&$top=999".to_owned(), ""),
        ("users?$select=id&$top=1".to_owned(), ""),
        ("users/u1/mailFolders?$top=100&$select=id,parentFolderId,childFolderCount,totalItemCount".to_owned(), FOLDERS),
        (
            "users/u1/mailFolders/A%2Fb%2Bc=.d%3Fe%25/childFolders?$top=100&$select=id,parentFolderId,childFolderCount,totalItemCount"
                .to_owned(),
            FOLDERS,
        ),
        ("users/u1/mailFolders?$skiptoken=x".to_owned(), FOLDERS),
        ("users/u1/mailFolders/sentitems?$select=id".to_owned(), MAIL),
        (
            format!(
                "users/u1/mailFolders/A%2Fb%2Bc=.d%3Fe%25/messages/delta?$select={MAIL_FIELDS}\
                 &$filter=receivedDateTime%20ge%202026-01-01T00:00:00Z"
            ),
            MAIL,
        ),
        (
            format!(
                "users/u1/messages/delta?$select={MAIL_FIELDS}&$filter=receivedDateTime%20ge%202026-01-01T00:00:00Z"
            ),
            MAIL,
        ),
        (
            format!(
                "users/u1/mailFolders/A%2Fb%2Bc=.d%3Fe%25/messages?$select={MAIL_FIELDS}\
                 &$filter=receivedDateTime%20ge%202026-01-01T00:00:00Z&$orderby=receivedDateTime%20desc&$top=200"
            ),
            MAIL,
        ),
        ("users/u1/mailFolders/F/messages/delta?$skiptoken=x".to_owned(), MAIL),
        (
            "users/u1/calendarView/delta?startDateTime=2026-01-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z"
                .to_owned(),
            CALENDAR,
        ),
        (
            format!(
                "users/u1/calendarView?startDateTime=2026-01-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z\
                 &$select={EVENT_FIELDS}&$top=100"
            ),
            CALENDAR,
        ),
        ("users/u1/calendarView/delta?$deltatoken=x".to_owned(), CALENDAR),
        (format!("users/u1/events/AA%2F%2B=?$select={EVENT_FIELDS}"), CALENDAR),
    ];
    let asked = server.asked();
    for (seen, (path, prefer)) in asked.iter().zip(&expected) {
        assert_eq!(seen.target, format!("/v1.0/{path}"));
        assert_eq!(seen.header("prefer"), *prefer, "{path}");
        assert_eq!((seen.method.as_str(), seen.header("accept")), ("GET", "application/json"));
        assert_eq!(seen.header("user-agent"), concat!("m365-connector/", env!("CARGO_PKG_VERSION")));
        assert!(seen.header("accept-encoding").contains("gzip"));
        assert!(seen.body.is_empty());
        for never in ["body", "preview", "displayname", "/v1.0/me"] {
            let target = seen.target.to_ascii_lowercase();
            assert!(!target.contains(never), "{never} in {target}");
        }
    }
    assert_eq!(asked.len(), expected.len());
}
