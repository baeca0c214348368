//! `POST /v1.0/$batch`: up to twenty requests in one (<https://learn.microsoft.com/graph/json-batching>).
//!
//! Each is counted, throttled and broken by itself; those for one mailbox arrive at once, so that more than four of them are too
//! many where that is enforced. The answers come in no promised order.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Visit;
use super::answer::{Answer, Refusal};
use super::request::Request;
use crate::Simulator;

/// How many requests a batch may hold.
const MOST: usize = 20;

#[derive(Debug, Deserialize)]
struct Batch {
    requests: Vec<Part>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    depends_on: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Answered {
    id: String,
    status: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
}

/// The batch is answered with 200 whatever becomes of its requests.
pub(crate) fn answer(sim: &Simulator, batch: &Request, body: &Bytes) -> Result<Answer, Refusal> {
    if batch.method != Method::POST {
        return Err(Refusal::new(405, "Request_BadRequest", "Specified HTTP method is not allowed."));
    }
    let mut waiting = read(body)?;
    let mut answered: Vec<Answered> = Vec::new();
    while !waiting.is_empty() {
        let is_over = |id: &String| answered.iter().any(|answer| answer.id == *id);
        let (due, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|part| part.depends_on.iter().all(is_over));
        if due.is_empty() {
            return Err(malformed("The requests wait for each other."));
        }
        waiting = rest;
        let failed = |id: &String| answered.iter().any(|answer| answer.id == *id && answer.status >= 400);
        let (due, left_out): (Vec<_>, Vec<_>) = due.into_iter().partition(|part| !part.depends_on.iter().any(failed));
        answered.extend(left_out.into_iter().map(|part| failed_dependency(sim, part)));
        answered.extend(together(sim, batch, due));
    }
    // Nothing promises an order, so nobody may rely on one.
    answered.reverse();
    Ok(Answer::ok(&serde_json::json!({ "responses": answered })))
}

fn read(body: &Bytes) -> Result<Vec<Part>, Refusal> {
    let Ok(Batch { requests }) = serde_json::from_slice(body) else {
        return Err(malformed("The batch could not be read."));
    };
    if requests.is_empty() || requests.len() > MOST {
        return Err(malformed("A batch holds between one and twenty requests."));
    }
    let known = |id: &String| requests.iter().filter(|part| part.id == *id).count() == 1;
    let sound = requests.iter().all(|part| {
        let is_relative = part.url.starts_with('/') && !part.url.starts_with("//");
        known(&part.id) && part.depends_on.iter().all(known) && is_relative
    });
    if sound { Ok(requests) } else { Err(malformed("A request of the batch has no place or no name of its own.")) }
}

fn malformed(text: &str) -> Refusal {
    Refusal::new(400, "BadRequest", text)
}

/// Answers requests that wait for no other: all of them are under way before the first is answered.
fn together(sim: &Simulator, batch: &Request, due: Vec<Part>) -> Vec<Answered> {
    let begun: Vec<_> = due
        .into_iter()
        .map(|part| {
            let method = Method::from_bytes(part.method.as_bytes()).unwrap_or_default();
            let request = Request::part_of(batch, method, &part.url, &headers_of(&part));
            (part.id, Visit::begin(sim, request))
        })
        .collect();
    begun
        .iter()
        .map(|(id, visit)| {
            // A batch within a batch is a route that does not exist.
            let answer = match visit.route {
                super::Route::Batch => visit.refuse(&malformed("A batch cannot hold another.")),
                _ => visit.answer(&Bytes::new(), None),
            };
            visit.note(&answer);
            written(id.clone(), &answer)
        })
        .collect()
}

fn headers_of(part: &Part) -> HeaderMap {
    let readable = |(name, value): (&String, &String)| {
        Some((HeaderName::try_from(name.as_str()).ok()?, HeaderValue::try_from(value.as_str()).ok()?))
    };
    part.headers.iter().filter_map(readable).collect()
}

fn failed_dependency(sim: &Simulator, part: Part) -> Answered {
    let refusal = Refusal::new(424, "FailedDependency", "A request that this one depends on has failed.");
    written(part.id, &refusal.answer(sim.now()))
}

fn written(id: String, answer: &Answer) -> Answered {
    let mut headers: BTreeMap<String, String> = answer.headers.iter().map(|(n, v)| (canonical(n), v.clone())).collect();
    headers.insert("Content-Type".to_owned(), "application/json".to_owned());
    Answered { id, status: answer.status, headers, body: serde_json::from_slice(&answer.body).ok() }
}

/// `retry-after` as `Retry-After`: within a batch, names are text in whatever case the service wrote them.
fn canonical(name: &HeaderName) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.as_str().split('-').map(capital).collect::<Vec<_>>().join("-")
}
