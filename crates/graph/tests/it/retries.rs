//! What is asked again, when, and how often.

use std::sync::Arc;
use std::time::{Duration, Instant};

use m365_graph::{GraphError, Limits, MailboxVerdict};
use m365_model::Entropy;

use crate::home::{House, Setup, ask, graph};
use crate::server::{cut_body, empty_page, error, in_turn, json, with_header};

#[tokio::test]
async fn retry_after_in_seconds_is_waited_out() {
    let server = in_turn(vec![
        || with_header(error(429, "ApplicationThrottled"), "retry-after", "1"),
        || with_header(error(503, "TooManyRequests"), "retry-after", "0"),
        empty_page,
    ])
    .await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    let start = Instant::now();
    ask(&graph, &gate, "u1").await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1), "asked again too early");
    let usage = graph.usage();
    assert_eq!((usage.requests, usage.throttled, usage.retried), (3, 2, 2));
    assert!(usage.waited >= Duration::from_secs(1));
}

#[tokio::test]
async fn retry_after_as_a_date_is_read_against_the_clock() {
    // One second after the instant at which the test's clock stands still.
    let server = in_turn(vec![
        || with_header(error(429, "TooManyRequests"), "retry-after", "Mon, 02 Mar 2026 15:00:01 GMT"),
        empty_page,
    ])
    .await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    ask(&graph, &gate, "u1").await.unwrap();
    let waited = graph.usage().waited;
    assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(2), "{waited:?}");
}

#[tokio::test]
async fn a_wait_beyond_all_reason_is_cut_short() {
    let server = in_turn(vec![|| with_header(error(429, "x"), "retry-after", "86400"), empty_page]).await;
    let house = House::open().await;
    let gate = house.gate().await;
    let limits = Limits { longest_wait: Duration::from_millis(20), ..Limits::default() };
    let graph = Setup { limits, ..Setup::default() }.graph(&server);
    ask(&graph, &gate, "u1").await.unwrap();
    assert_eq!(graph.usage().waited, Duration::from_millis(20));
}

#[tokio::test]
async fn passing_troubles_are_waited_out() {
    let server = in_turn(vec![
        || cut_body(r#"{"value":[{"id":"F"#),
        || json(504, ""),
        || json(502, "<html>CANARY</html>"),
        || json(200, r#"{"value":[{"id":"F"#),
        || error(500, "UnknownError"),
        || json(200, r#"{"value":[{"id":"F"}]}"#),
    ])
    .await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    assert_eq!(ask(&graph, &gate, "u1").await.unwrap().items.len(), 1);
    let usage = graph.usage();
    assert_eq!((usage.requests, usage.retried, usage.throttled, usage.tokens), (6, 5, 0, 1));
}

#[tokio::test]
async fn six_attempts_are_enough() {
    let house = House::open().await;
    let gate = house.gate().await;
    let server = in_turn(vec![|| error(503, "ErrorMailboxStoreUnavailable")]).await;
    let busy = ask(&graph(&server), &gate, "u1").await.unwrap_err();
    assert_eq!((&*busy.code(), server.asked().len()), ("ErrorMailboxStoreUnavailable", 6));
    assert_eq!(busy.mailbox_verdict(), MailboxVerdict::RetryLater);

    let server = in_turn(vec![|| cut_body("{")]).await;
    assert_eq!(ask(&graph(&server), &gate, "u1").await.unwrap_err(), GraphError::Unreachable);
    assert_eq!(server.asked().len(), 6);

    let server = in_turn(vec![|| json(200, "<html>CANARY</html>")]).await;
    assert_eq!(ask(&graph(&server), &gate, "u1").await.unwrap_err(), GraphError::Unreadable);
    assert_eq!(server.asked().len(), 6);
}

#[tokio::test]
async fn what_will_not_change_is_asked_once() {
    let house = House::open().await;
    let gate = house.gate().await;
    for status in [400, 403, 404, 410] {
        let server = in_turn(vec![match status {
            400 => || error(400, "BadRequest"),
            403 => || error(403, "ErrorAccessDenied"),
            404 => || error(404, "ErrorItemNotFound"),
            _ => || error(410, "SyncStateNotFound"),
        }])
        .await;
        let failed = ask(&graph(&server), &gate, "u1").await.unwrap_err();
        assert_eq!((failed.status(), server.asked().len()), (Some(status), 1));
        assert_eq!(failed.is_cursor_lost(), status == 410);
    }
    let server = in_turn(vec![|| json(200, r#"{"value":"CANARY"}"#)]).await;
    assert_eq!(ask(&graph(&server), &gate, "u1").await.unwrap_err(), GraphError::Unreadable);
    assert_eq!(server.asked().len(), 1);
}

/// Draws the longest wait there is.
struct Unlucky;

impl Entropy for Unlucky {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0xff);
    }

    fn below(&self, bound: u64) -> u64 {
        bound.saturating_sub(1)
    }
}

#[tokio::test]
async fn nobody_waits_for_a_place_behind_one_who_waits_to_ask_again() {
    let server = in_turn(vec![|| error(500, "UnknownError"), empty_page]).await;
    let house = House::open().await;
    let gate = house.gate().await;
    let limits = Limits { per_mailbox: 1, overall: 1, first_wait: Duration::from_hours(1), ..Limits::default() };
    let limits = Limits { longest_wait: Duration::from_hours(1), ..limits };
    let graph = Setup { limits, entropy: Arc::new(Unlucky), ..Setup::default() }.graph(&server);
    // The first request is told to come back in an hour, which the test does not wait for; the second takes its place.
    let waits = ask(&graph, &gate, "u1");
    let second = async {
        while graph.usage().retried == 0 {
            tokio::task::yield_now().await;
        }
        ask(&graph, &gate, "u1").await
    };
    tokio::select! {
        biased;
        _ = waits => panic!("an hour has passed"),
        answer = second => assert!(answer.is_ok()),
    }
}

#[tokio::test]
async fn a_mailbox_that_asked_for_a_pause_gets_one_from_everybody() {
    let server =
        in_turn(vec![|| with_header(error(429, "ApplicationThrottled"), "retry-after", "1"), empty_page]).await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    let start = Instant::now();
    let first = ask(&graph, &gate, "u1");
    let others = async {
        while graph.usage().throttled == 0 {
            tokio::task::yield_now().await;
        }
        ask(&graph, &gate, "u2").await.unwrap();
        let other_mailbox = start.elapsed();
        ask(&graph, &gate, "u1").await.unwrap();
        (other_mailbox, start.elapsed())
    };
    let (first, (other_mailbox, same_mailbox)) = tokio::join!(first, others);
    first.unwrap();
    assert!(other_mailbox < Duration::from_secs(1), "another mailbox had to wait");
    assert!(same_mailbox >= Duration::from_secs(1), "the pause was not kept");
}
