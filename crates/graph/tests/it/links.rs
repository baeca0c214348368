//! The token goes to the Graph root, to the mailbox that was meant, and nowhere else.

use std::sync::Arc;

use m365_graph::{GraphError, Link, Message, Next};

use crate::home::{House, at, folder, graph, user};
use crate::server::{Server, empty_page, json, with_header};

/// A server that answers each request for mail with a page whose next link is `link`.
async fn linking(link: String) -> Server {
    Server::graph(move |_| {
        let page = json(200, &format!(r#"{{"value":[],"@odata.nextLink":"{link}"}}"#));
        async move { page }
    })
    .await
}

#[tokio::test]
async fn a_next_link_to_another_server_is_an_error_and_is_not_followed() {
    let other = Server::graph(|_| async { empty_page() }).await;
    let house = House::open().await;
    let gate = house.gate().await;
    let since = at("2026-01-01T00:00:00Z");
    let elsewhere = other.url.replace("127.0.0.1", "localhost");
    for link in [
        format!("{}/v1.0/users/u1/messages/delta?$skiptoken=x", other.url),
        format!("{elsewhere}/v1.0/users/u1/messages/delta?$skiptoken=x"),
        "https://graph.microsoft.com/v1.0/users/u1/messages/delta".to_owned(),
        "/v1.0/users/u1/messages/delta".to_owned(),
    ] {
        let server = linking(link.clone()).await;
        let error = graph(&server).message_delta_start(&gate, &user("u1"), &folder("F"), since).await.unwrap_err();
        assert_eq!(error, GraphError::ForeignLink, "{link}");
        assert_eq!(server.asked().len(), 1);
    }
    assert!(other.seen().is_empty(), "the token went to another server");
}

#[tokio::test]
async fn a_link_into_another_mailbox_or_into_none_is_an_error() {
    let house = House::open().await;
    let gate = house.gate().await;
    let since = at("2026-01-01T00:00:00Z");
    for path in
        ["users/u2/messages/delta", "users//messages/delta", "users('u2')/messages/delta", "me/messages/delta", "users"]
    {
        let at_home = Arc::new(std::sync::OnceLock::<String>::new());
        let base = Arc::clone(&at_home);
        let server = Server::graph(move |_| {
            let link = format!("{}/v1.0/{path}", base.get().unwrap());
            async move { json(200, &format!(r#"{{"value":[],"@odata.deltaLink":"{link}"}}"#)) }
        })
        .await;
        at_home.set(server.url.clone()).unwrap();
        let error = graph(&server).message_delta_start(&gate, &user("u1"), &folder("F"), since).await.unwrap_err();
        assert_eq!(error, GraphError::ForeignLink, "{path}");
    }
}

#[tokio::test]
async fn a_stored_link_is_checked_again_before_the_token_goes_out() {
    let server = Server::graph(|_| async { empty_page() }).await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    let scope = graph.mailbox_scope(&user("u1"));
    let stored = format!("{}/v1.0/users('U1')/mailFolders('F')/messages/delta?$deltatoken=a%2Bb", server.url);
    let link = Link::restore(&scope, &stored).unwrap();
    for changed in [
        stored.replace("U1", "U2"),
        stored.replace("http:", "https:"),
        stored.replace("/v1.0", "/beta"),
        stored.replace("127.0.0.1", "127.0.0.2"),
        format!("{stored}#x"),
        stored.replace("http://", "http://u:p@"),
    ] {
        assert!(Link::restore(&scope, &changed).is_err(), "{changed}");
    }
    // A link of one mailbox in the hands of another's stream.
    let error = graph.follow::<Message>(&gate, &user("u2"), &link).await.unwrap_err();
    assert_eq!(error, GraphError::ForeignLink);
    let error = graph.users_page(&gate, Some(&link)).await.unwrap_err();
    assert_eq!(error, GraphError::ForeignLink);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Server::graph(|_| async { empty_page() }).await;
    let target = format!("{}/v1.0/users/u1/mailFolders", other.url);
    let server = Server::graph(move |_| {
        let away = with_header(json(302, ""), "location", &target);
        async move { away }
    })
    .await;
    let house = House::open().await;
    let error = crate::home::ask(&graph(&server), &house.gate().await, "u1").await.unwrap_err();
    assert_eq!((error.status(), &*error.code()), (Some(302), "http_302"));

    let authority = other.url.clone();
    let server = Server::with(move |_| {
        let away = with_header(json(307, ""), "location", &authority);
        async move { away }
    })
    .await;
    graph(&server).granted().await.unwrap_err();
    assert!(other.seen().is_empty(), "a token or the secret went to another server");
}

#[tokio::test]
async fn a_link_is_followed_as_it_stands() {
    let server = Server::graph(|_| async { empty_page() }).await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    let tail = "/v1.0/users('u1')/mailFolders('F')/messages?$skiptoken=A%2Bb+c%20d-_=&$Select=x&x=%C3%A9";
    let link = Link::restore(&graph.mailbox_scope(&user("u1")), &format!("{}{tail}", server.url)).unwrap();
    let page = graph.follow::<Message>(&gate, &user("u1"), &link).await.unwrap();
    assert_eq!(page.next, Next::End);
    assert_eq!(server.asked()[0].target, tail);
}
