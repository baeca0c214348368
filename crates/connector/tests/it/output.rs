//! Data on stdout, people's words on stderr.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::office::{Ended, Office};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_printed_is_the_truth() {
    let office = Office::ready(|_| {});
    let ended = office.run(&["sync", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.out.lines().count(), 1);
    assert_eq!(ended.summary()["status"], "succeeded");
    office.assert_true();
    let again = office.run(&["sync", "--json"]).summary();
    assert_eq!(again["activities"], serde_json::json!({"created": 0, "updated": 0, "retracted": 0}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_says_what_the_lines_say() {
    let office = Office::ready(|_| {});
    assert_eq!(office.run(&["sync"]).out, "", "data that nobody asked for");
    let lines: Vec<Value> =
        office.done(&["activities"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let table = office.done(&["activities", "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    assert!(lines.len() > 50 && rows.len() == lines.len());
    for (row, line) in rows.iter().zip(&lines) {
        for name in ["externalId", "type", "channel", "occurredAt", "personExternalId"] {
            assert_eq!(line[name], row[name].as_str());
        }
        let properties = line["properties"].as_object().unwrap();
        for (name, value) in properties {
            let text = match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                Value::Array(many) => many.iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join(";"),
                other => other.to_string(),
            };
            assert_eq!(row[name], text, "{name}");
        }
        let others = row.iter().filter(|(name, _)| !properties.contains_key(*name) && line.get(*name).is_none());
        assert!(others.into_iter().all(|(_, cell)| cell.is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn since_and_order() {
    let office = Office::ready(|_| {});
    office.done(&["sync"]);
    let all = office.done(&["activities"]);
    let key = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        (record["occurredAt"].as_str().unwrap().to_owned(), record["externalId"].as_str().unwrap().to_owned())
    };
    let keys: Vec<_> = all.lines().map(key).collect();
    assert!(keys.is_sorted());
    let middle = keys[keys.len() / 2].0.clone();
    let later: Vec<_> = office.done(&["activities", "--since", &middle]).lines().map(key).collect();
    let expected: Vec<_> = keys.iter().filter(|(time, _)| *time >= middle).cloned().collect();
    assert_eq!(later, expected);
    assert!(keys.last().unwrap().0 <= office.sim.now().to_string(), "a meeting to come was printed");
    assert!(office.done(&["activities", "--include-upcoming"]).lines().count() > keys.len());
}

/// `head` has seen enough: no error, no panic.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_who_leaves_is_no_failure() {
    let office = Office::ready(|_| {});
    office.done(&["sync"]);
    let mut child = office.start(&["activities"]);
    drop(child.stdout.take());
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_mailboxes_failed_is_five() {
    let office = Office::ready(|_| {});
    let someone = office.sim.world().mailboxes().next().unwrap().0;
    office.sim.mailbox_error(someone, 400, "ErrorSomethingElse");
    let ended = office.run(&["sync", "--json"]);
    assert_eq!(ended.code, Some(5), "{}", ended.err);
    assert_eq!(ended.summary()["status"], "partial");
    office.sim.set_roles(&["User.Read.All"]);
    office.sim.expire_tokens();
    assert_eq!(office.run(&["sync"]).code, Some(4));
}
