//! Files that are taken out leave a line in the audit trail.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use axum::http::StatusCode;
use clerk_sim::Person;
use serde_json::{Value, json};
use testkit::Kit;

use crate::common::Desk;
use crate::doors::House;

/// What the trail holds of downloads, oldest first: who, and what.
async fn noted(kit: &Kit) -> Vec<(String, Value)> {
    let trail = kit.store.audit_trail(&kit.tenant, None, 100).await.unwrap();
    let lines = trail.into_iter().rev().filter(|entry| entry.action == "file.downloaded");
    lines.map(|entry| (entry.actor, serde_json::from_str(&entry.detail).unwrap())).collect()
}

/// Fails when a file is given out without a line, with another number of rows, or with an address in the line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_a_file_out_is_noted_with_its_rows() {
    let kit = Kit::ready(&["acme.com", "globex.com"], |_| {}).await;
    kit.sync().await;
    let desk = Desk::of(&kit).await;
    let rows = |text: &str| text.lines().count();
    let table = desk.get("/activities.csv?kind=mail").await;
    let lines = desk.get("/activities.ndjson?domain=acme.com").await;
    let page = desk.get("/activities").await;
    let person = page.links().into_iter().find(|link| link.starts_with("/people/")).unwrap();
    let of_person = desk.get(&format!("{person}/records.ndjson")).await;
    let record = desk.get("/settings/connectors/microsoft-365/agreement.txt").await;
    for answer in [&table, &lines, &of_person, &record] {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    assert!(rows(&lines.text) > 10 && rows(&of_person.text) > 0);
    let records = csv::Reader::from_reader(table.text.as_bytes()).into_records().count();
    let expected = [
        json!({ "kind": "csv", "rows": records }),
        json!({ "kind": "ndjson", "rows": rows(&lines.text) }),
        json!({ "kind": "person", "rows": rows(&of_person.text) }),
        json!({ "kind": "agreement_record" }),
    ];
    assert_eq!(noted(&kit).await, expected.map(|detail| ("local-admin".to_owned(), detail)));
    let shown = desk.get("/settings/audit").await.text;
    assert!(shown.contains("file.downloaded"), "{shown}");

    // What is refused is not taken out.
    desk.get("/activities.csv?from=yesterday").await;
    desk.get("/people/0123456789abcdef0123/records.ndjson").await;
    assert_eq!(noted(&kit).await.len(), 4);
}

/// Fails when the line does not tell a person from somebody who acts in his name.
#[tokio::test]
async fn whoever_acts_in_anothers_name_is_told_apart() {
    let house = House::open().await;
    let desk = house.desk_of(Person::Administrator, |claims| claims["act"] = json!({ "sub": "user_x" }));
    assert_eq!(desk.get("/activities.csv").await.status, StatusCode::OK);
    let tenant = clerk_sim::ORGANIZATION.parse().unwrap();
    let line = house.kit.store.last_done(&tenant, "file.downloaded").await.unwrap().unwrap();
    assert_eq!(line.detail, r#"{"impersonated":true,"kind":"csv","rows":0}"#);
}
