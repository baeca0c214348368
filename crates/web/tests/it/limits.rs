//! Who knocks too often.

use std::net::IpAddr;

use axum::http::StatusCode;
use testkit::Kit;

use crate::common::Desk;

/// How often one client may try within a minute.
const OF_ONE: usize = 30;

const CONNECT: &str = "/settings/connectors/microsoft-365/connect";

/// Tries a link that is none.
async fn try_link(desk: &Desk) -> StatusCode {
    let proof = desk.get("/sign-in/none").await.proof();
    desk.send("/sign-in", &[("proof", proof), ("link", "none".to_owned())]).await.status
}

/// Fails when nobody is counted for himself, or a header is believed that anybody can write.
#[tokio::test]
async fn who_tries_links_too_often_waits_and_nobody_else() {
    let kit = Kit::new(|_| {}).await;
    let desk = Desk::closed(&kit.store, &kit.engine, &kit.tenant);
    for _ in 0..OF_ONE {
        desk.ask_from("203.0.113.1", "");
        assert_eq!(try_link(&desk).await, StatusCode::FORBIDDEN);
    }
    for forged in ["", "198.51.100.1", "127.0.0.1"] {
        desk.ask_from("203.0.113.1", forged);
        assert_eq!(try_link(&desk).await, StatusCode::TOO_MANY_REQUESTS, "{forged}");
    }
    desk.ask_from("203.0.113.2", "203.0.113.1");
    assert_eq!(try_link(&desk).await, StatusCode::FORBIDDEN);
    desk.ask_from("203.0.113.1", "");
    kit.advance(jiff::SignedDuration::from_mins(1));
    assert_eq!(try_link(&desk).await, StatusCode::FORBIDDEN, "the next minute");
}

#[tokio::test]
async fn behind_a_trusted_proxy_clients_are_told_apart() {
    let kit = Kit::new(|_| {}).await;
    let desk = Desk::behind_proxies(&kit, "10.0.0.0/8");
    for number in 0..OF_ONE {
        // What stands before the proxy's own word changes nothing.
        desk.ask_from("10.0.0.1", &format!("192.0.2.{number}, 203.0.113.1"));
        assert_eq!(try_link(&desk).await, StatusCode::FORBIDDEN);
    }
    desk.ask_from("10.0.0.2", "203.0.113.1");
    assert_eq!(try_link(&desk).await, StatusCode::TOO_MANY_REQUESTS);
    desk.ask_from("10.0.0.2", "203.0.113.2");
    assert_eq!(try_link(&desk).await, StatusCode::FORBIDDEN);
}

/// Fails when the way to Microsoft is not counted.
#[tokio::test]
async fn who_sets_out_for_microsoft_too_often_waits() {
    let kit = Kit::new(|_| {}).await;
    let desk = Desk::of(&kit).await;
    desk.ask_from("203.0.113.1", "");
    for _ in 0..OF_ONE {
        assert_eq!(desk.post(CONNECT, CONNECT, &[]).await.status, StatusCode::SEE_OTHER);
    }
    let callback = "/connectors/microsoft-365/callback?state=none.default&code=x";
    assert_eq!(desk.post(CONNECT, CONNECT, &[]).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(desk.get(callback).await.status, StatusCode::TOO_MANY_REQUESTS);
    desk.ask_from("203.0.113.2", "");
    assert_eq!(desk.post(CONNECT, CONNECT, &[]).await.status, StatusCode::SEE_OTHER);
}

/// Fails when the dashboard is served without the addresses of those who are connected.
#[tokio::test]
async fn connections_bring_their_address() {
    let kit = Kit::new(|_| {}).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/connectors/microsoft-365/callback", listener.local_addr().expect("an address"));
    tokio::spawn(m365_web::serve(listener, Desk::app(&kit)));
    let ask = async |from: &str| {
        let client = reqwest::Client::builder().no_proxy().local_address(from.parse::<IpAddr>().expect("an address"));
        client.build().expect("a client").get(&url).send().await.expect("an answer").status().as_u16()
    };
    for _ in 0..OF_ONE {
        assert_eq!(ask("127.0.0.1").await, 403);
    }
    assert_eq!(ask("127.0.0.1").await, 429);
    assert_eq!(ask("127.0.0.2").await, 403);
}
