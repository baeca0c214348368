//! What a page script gets from the stand-in.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use clerk_sim::{ClerkSim, Person};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One request, line by line, and everything that is answered.
async fn get(clerk: &ClerkSim, path: &str, more: &str) -> String {
    let host = clerk.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&host).await.unwrap();
    let asked = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{more}\r\n");
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_button_gives_a_token_made_out_to_the_page() {
    let clerk = ClerkSim::start().await.unwrap();
    let answer = get(&clerk, "/stand-in/token?person=stranger", "origin: http://localhost:8365\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("access-control-allow-origin: http://localhost:8365\r\n"), "{answer}");
    let claims = claims(body(&answer));
    assert_eq!(claims["azp"], "http://localhost:8365");
    assert_eq!(claims["iss"], clerk.url());
    assert_eq!(claims["sub"], Person::Stranger.user());
    assert_eq!(claims["o"]["id"], clerk_sim::OTHER_ORGANIZATION);
    for (path, origin) in [("?person=nobody", "origin: http://localhost:8365\r\n"), ("?person=member", "")] {
        let answer = get(&clerk, &format!("/stand-in/token{path}"), origin).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn the_script_and_the_keys_are_where_clerks_are() {
    let clerk = ClerkSim::start().await.unwrap();
    let script = get(&clerk, "/npm/@clerk/clerk-js@5/dist/clerk.browser.js", "").await;
    assert!(script.contains("content-type: text/javascript"), "{script}");
    assert!(script.contains("window.Clerk = {"), "{script}");
    let before: Value = serde_json::from_str(body(&get(&clerk, "/.well-known/jwks.json", "").await)).unwrap();
    clerk.rotate_keys();
    let after: Value = serde_json::from_str(body(&get(&clerk, "/.well-known/jwks.json", "").await)).unwrap();
    assert_eq!(before["keys"][0]["kid"], "ins_test_key_1");
    assert_eq!(after["keys"][0]["kid"], "ins_test_key_2");
    assert_ne!(before["keys"][0]["n"], after["keys"][0]["n"]);
    assert_eq!(after["keys"][0]["e"], json!("AQAB"));
    assert_eq!(clerk.jwks_requests(), 2);
}
