//! Nothing that Microsoft wrote comes out in an error or a log.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use m365_graph::{Event, GraphError, Message};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

use crate::home::{House, Setup, ask, at, folder, graph, user};
use crate::server::{Server, cut_body, empty_page, error, in_turn, json, jwt, with_header};

fn shown(error: &GraphError) -> String {
    let mut all = format!("{error} {error:?} {} {}", error.code(), error.resolution());
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        write!(all, " {inner} {inner:?}").unwrap();
        cause = inner.source();
    }
    all
}

fn assert_clean(text: &str) {
    for planted in ["CANARY", "person", "acme", "u-secret-id", "http://", "v1.0", "e30."] {
        assert!(!text.contains(planted), "{planted} in: {text}");
    }
}

/// Answers with a canary in every place that a service, or whoever stands in for it, can write to.
const HOSTILE: &[fn() -> axum::response::Response] = &[
    || error(400, "CANARY person@acme.com"),
    || error(403, "CANARY/../x"),
    || json(400, r#"{"error":{"code":{"CANARY":1},"message":"CANARY","innerError":{"code":"CANARY person"}}}"#),
    || json(418, "CANARY"),
    || with_header(json(302, "CANARY"), "location", "http://CANARY.test/"),
    || with_header(error(503, "CANARY person"), "retry-after", "CANARY"),
    || json(200, "CANARY"),
    || json(200, r#"{"value":"CANARY"}"#),
    || json(200, r#"{"value":[],"@odata.nextLink":"http://CANARY.test/v1.0/users/u-secret-id/x"}"#),
    || cut_body(r#"{"value":[{"id":"CANARY"#),
    || with_header(json(401, "CANARY"), "www-authenticate", "CANARY"),
];

#[tokio::test]
async fn no_error_repeats_what_was_answered() {
    let house = House::open().await;
    let gate = house.gate().await;
    for answer in HOSTILE {
        let server = in_turn(vec![*answer]).await;
        let failed = ask(&graph(&server), &gate, "u-secret-id").await.unwrap_err();
        assert_clean(&shown(&failed));
    }
    for answer in HOSTILE {
        let server = Server::with(move |_| async move { answer() }).await;
        let failed = graph(&server).granted().await.unwrap_err();
        assert_clean(&shown(&GraphError::Token(failed)));
    }
    let server = Server::with(|_| async {
        json(400, r#"{"error":"CANARY person","error_description":"AADSTS50011: CANARY","error_uri":"http://CANARY"}"#)
    })
    .await;
    assert_clean(&shown(&GraphError::Token(graph(&server).granted().await.unwrap_err())));
}

#[tokio::test]
async fn no_debug_form_shows_a_person() {
    let item = r#"{"id":"CANARY","subject":"CANARY","sender":{"emailAddress":{"address":"person@acme.com"}},
        "attendees":[{"emailAddress":{"address":"person@acme.com"}}],"parentFolderId":"CANARY",
        "userPrincipalName":"person@acme.com"}"#;
    let server = Server::graph(move |_| async move { json(200, &format!(r#"{{"value":[{item}]}}"#)) }).await;
    let house = House::open().await;
    let (gate, graph, me) = (house.gate().await, graph(&server), user("u-secret-id"));
    let when = at("2026-01-01T00:00:00Z");
    let mail = graph.messages_list_start(&gate, &me, &folder("F"), when).await.unwrap();
    let events = graph.calendar_list_start(&gate, &me, when, when).await.unwrap();
    let folders = ask(&graph, &gate, "u-secret-id").await.unwrap();
    let users = graph.users_page(&gate, None).await.unwrap();
    assert_eq!((mail.items.len(), events.items.len(), folders.items.len(), users.items.len()), (1, 1, 1, 1));
    let link = m365_graph::Link::restore(
        &graph.mailbox_scope(&me),
        &format!("{}/v1.0/users/u-secret-id/messages?CANARY", server.url),
    );
    assert_clean(&format!(
        "{mail:?} {events:?} {folders:?} {users:?} {link:?} {graph:?} {:?}",
        graph.mailbox_scope(&me)
    ));
}

/// Writes down every event at every level.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<String>>);

impl Visit for Ear {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0.lock().unwrap(), " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Ear {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        of.target().starts_with("m365_graph")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn no_log_line_shows_a_url_a_person_or_a_token() {
    let ear = Ear::default();
    let _listening = tracing::subscriber::set_default(ear.clone());
    let house = House::open().await;
    let gate = house.gate().await;
    for answer in HOSTILE {
        let server = in_turn(vec![*answer, *answer, empty_page]).await;
        let graph = Setup::default().graph(&server);
        let (me, when) = (user("u-secret-id"), at("2026-01-01T00:00:00Z"));
        let link = format!("{}/v1.0/users/u-secret-id/messages?CANARY", server.url);
        let link = m365_graph::Link::restore(&graph.mailbox_scope(&me), &link).unwrap();
        let _ = graph.follow::<Message>(&gate, &me, &link).await;
        let _ = graph.follow::<Event>(&gate, &me, &link).await;
        let _ = graph.messages_list_start(&gate, &me, &folder("CANARY"), when).await;
    }
    let heard = ear.0.lock().unwrap().clone();
    assert!(heard.contains("asked again later"), "nothing was heard: {heard}");
    assert_clean(&heard);
    assert!(!heard.contains(&jwt(1)) && !heard.contains("SECRET"));
}
