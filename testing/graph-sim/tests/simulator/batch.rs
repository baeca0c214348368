//! Several requests in one.

use graph_sim::{Scope, UserNo};
use serde_json::{Value, json};

use crate::client::Office;

fn get(id: usize, url: &str) -> Value {
    json!({"id": id.to_string(), "method": "GET", "url": url})
}

async fn answers(office: &Office, requests: &[Value]) -> Vec<Value> {
    let answer = office.post("/$batch", &json!({ "requests": requests })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["responses"].as_array().expect("responses").clone()
}

fn find<'a>(answers: &'a [Value], id: &str) -> &'a Value {
    answers.iter().find(|answer| answer["id"] == id).unwrap_or_else(|| panic!("no answer to {id}"))
}

fn inbox(office: &Office, user: usize) -> String {
    format!("/users/{}/mailFolders/inbox/messages/delta", office.sim.world().users[user].id)
}

#[tokio::test]
async fn each_request_has_an_answer_of_its_own() {
    let office = Office::small().await;
    office.sim.clear_watch();
    let mut mail = get(2, &inbox(&office, 0));
    mail["headers"] = json!({"Prefer": "odata.maxpagesize=2"});
    let requests = [get(1, "/users?$top=3&$select=id"), mail, get(3, "/users/nobody"), get(4, "/me")];
    let answers = answers(&office, &requests).await;
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].as_str().unwrap_or_default()).collect();
    assert_ne!(ids, ["1", "2", "3", "4"], "no order is promised");
    let statuses = ["1", "2", "3", "4"].map(|id| find(&answers, id)["status"].as_u64());
    assert_eq!(statuses, [Some(200), Some(200), Some(404), Some(400)]);
    assert_eq!(find(&answers, "1")["body"]["value"].as_array().map(Vec::len), Some(3));
    let page = &find(&answers, "2")["body"];
    assert_eq!(page["value"].as_array().map(Vec::len), Some(2));
    assert!(page["@odata.nextLink"].as_str().is_some_and(|link| link.starts_with(&office.url())));
    let counters = office.sim.counters();
    assert_eq!((counters.requests, counters.by_kind["$batch"], counters.by_kind["users"]), (5, 1, 1));
}

#[tokio::test]
async fn they_are_throttled_one_by_one() {
    let office = Office::open(|o| o.enforce_concurrency = true).await;
    let requests: Vec<_> = (0..6).map(|n| get(n, &inbox(&office, 0))).chain([get(6, &inbox(&office, 1))]).collect();
    let answers = answers(&office, &requests).await;
    let throttled: Vec<_> = answers.iter().filter(|answer| answer["status"] == 429).collect();
    assert_eq!(throttled.len(), 2, "four at once on a mailbox");
    assert_eq!(throttled[0]["headers"]["Retry-After"], "1");
    assert_eq!(throttled[0]["body"]["error"]["code"], "ApplicationThrottled");
    assert_eq!(find(&answers, "6")["status"], 200);
    office.sim.throttle(Scope::Kind("$batch"), 1, 3);
    let whole = office.post("/$batch", &json!({ "requests": requests })).await;
    assert_eq!(whole.status, 429);
}

#[tokio::test]
async fn what_depends_on_a_failure_fails() {
    let office = Office::small().await;
    office.sim.mailbox_error(UserNo(0), 503, "ErrorMailboxMoveInProgress");
    let after = |id: usize, on: &str, url: &str| {
        let mut request = get(id, url);
        request["dependsOn"] = json!([on]);
        request
    };
    let requests = [
        after(3, "2", "/users?$top=1"),
        after(2, "1", "/users?$top=1"),
        get(1, &inbox(&office, 0)),
        after(5, "4", &inbox(&office, 1)),
        get(4, "/users?$top=1"),
    ];
    let answers = answers(&office, &requests).await;
    let statuses = ["1", "2", "3", "4", "5"].map(|id| find(&answers, id)["status"].as_u64());
    assert_eq!(statuses, [Some(503), Some(424), Some(424), Some(200), Some(200)]);
}

#[tokio::test]
async fn a_batch_that_is_none_is_refused() {
    let office = Office::small().await;
    let many: Vec<_> = (0..21).map(|n| get(n, "/users")).collect();
    let circle = json!([{"id": "1", "method": "GET", "url": "/users", "dependsOn": ["2"]},
                        {"id": "2", "method": "GET", "url": "/users", "dependsOn": ["1"]}]);
    let twins = json!([get(1, "/users"), get(1, "/users")]);
    let abroad = json!([get(1, "https://graph.microsoft.com/v1.0/users")]);
    for requests in [json!(many), json!([]), circle, twins, abroad, json!("none")] {
        let answer = office.post("/$batch", &json!({ "requests": requests })).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BadRequest"), "{requests}");
    }
    assert_eq!(office.get("/$batch").await.status, 405);
    let nested = answers(&office, &[get(1, "/$batch")]).await;
    assert_eq!(nested[0]["status"], 400);
}
