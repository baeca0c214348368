//! What the types do not let happen.

use std::fmt::Display;

use m365_graph::{
    Credentials, Event, Folder, Graph, GraphError, Link, LinkScope, Message, Page, RootDelta, StoredToken, User,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};

use crate::home::{House, at, folder, graph, user};
use crate::server::{Server, empty_page};

// Links are made by the check alone, and shown to nobody.
assert_not_impl_any!(Link: From<String>, From<&'static str>, From<url::Url>, std::str::FromStr, Display, serde::Serialize);
assert_not_impl_any!(Link: serde::Deserialize<'static>);
assert_not_impl_any!(LinkScope: Display, serde::Serialize);
// What is not filtered yet can be neither written down nor copied.
assert_not_impl_any!(Message: serde::Serialize, Clone, Display);
assert_not_impl_any!(Event: serde::Serialize, Clone, Display);
assert_not_impl_any!(User: serde::Serialize, Clone, Display);
assert_not_impl_any!(Folder: serde::Serialize, Display);
assert_not_impl_any!(Page<Message>: serde::Serialize, Clone);
// Secrets.
assert_not_impl_any!(Credentials: serde::Serialize, Display);
assert_not_impl_any!(StoredToken: serde::Serialize, Display);
// The client goes from task to task.
assert_impl_all!(Graph: Clone, Send, Sync);
assert_impl_all!(GraphError: std::error::Error, Clone, Send, Sync);
assert_impl_all!(RootDelta: Send);

fn assert_send<T: Future + Send>(_: &T) {}

#[tokio::test]
async fn every_request_can_move_between_threads() {
    let server = Server::graph(|_| async { empty_page() }).await;
    let house = House::open().await;
    let (gate, graph, me) = (house.gate().await, graph(&server), user("u1"));
    let when = at("2026-01-01T00:00:00Z");
    assert_send(&graph.granted());
    assert_send(&graph.organization_probe());
    assert_send(&graph.users_page(&gate, None));
    assert_send(&graph.mail_folders_page(&gate, &me, None, None));
    assert_send(&graph.message_delta_start(&gate, &me, &folder("F"), when));
    assert_send(&graph.calendar_delta_start(&gate, &me, when, when));
    assert_send(&graph.event(&gate, &me, "e"));
    let scope = graph.mailbox_scope(&me);
    let link = Link::restore(&scope, &format!("{}/v1.0/users/u1/messages", server.url)).unwrap();
    assert_send(&graph.follow::<Message>(&gate, &me, &link));
    let answer = tokio::spawn({
        let graph = graph.clone();
        async move { graph.granted().await }
    });
    answer.await.unwrap().unwrap();
}
