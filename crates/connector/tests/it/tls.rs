//! Over TLS, as Microsoft is reached.

use std::io::{BufRead as _, BufReader};

use crate::office::Office;

/// Fails when certificates are not looked at, or when `SSL_CERT_FILE` is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_trusted_is_read_and_nobody_else() {
    let mut office = Office::over_tls(|_| {});
    office.set_up();
    assert!(office.url().starts_with("https://"));
    office.done(&["sync"]);
    office.assert_true();
    let other = graph_sim::Certificate::for_this_machine().unwrap();
    std::fs::write(office.authority(), other.authority()).unwrap();
    office.sim.expire_tokens();
    let before = office.sim.counters().requests;
    office.set("RUST_LOG", "off");
    let refused = office.run(&["sync", "--json"]);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert_eq!(office.sim.counters().requests, before, "something was asked of a stranger");
}

#[test]
fn the_simulator_writes_down_whom_to_trust() {
    let office = tokio::runtime::Runtime::new().unwrap();
    let _within = office.enter();
    let office = Office::new(|_| {});
    let file = office.authority();
    let mut child = office.start(&["simulate", "--mailboxes", "1", "--tls", file.to_str().unwrap()]);
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    assert!(std::fs::read_to_string(file).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    office.run(&["simulate", "--tls", "no/such/folder/here.pem"]).assert_refusal(1, "certificate");
}
