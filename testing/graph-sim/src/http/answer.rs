//! Answers, and refusals in the words of the service.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::ids;

#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    pub headers: Vec<(HeaderName, String)>,
}

impl Answer {
    /// Something as JSON.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        Self { status, body: serde_json::to_vec(value).unwrap_or_default(), headers: Vec::new() }
    }

    pub fn ok(value: &impl Serialize) -> Self {
        Self::json(200, value)
    }

    pub fn empty(status: u16) -> Self {
        Self { status, body: Vec::new(), headers: Vec::new() }
    }

    pub fn into_response(self, serial: u64) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        let id = (HeaderName::from_static("request-id"), ids::guid(serial));
        for (name, value) in self.headers.into_iter().chain([id]) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// An error as Graph writes it (<https://learn.microsoft.com/graph/errors>).
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    code: String,
    message: String,
    retry_after: Option<String>,
}

impl Refusal {
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        let (code, message) = (code.to_owned(), message.to_owned());
        Self { status, code, message, retry_after: None }
    }

    pub fn throttled(retry_after: Option<&str>) -> Self {
        let text = "Application is over its MailboxConcurrency limit.";
        let mut refusal = Self::new(429, "ApplicationThrottled", text);
        refusal.retry_after = retry_after.map(str::to_owned);
        refusal
    }

    pub fn too_many(seconds: i64) -> Self {
        let mut refusal = Self::new(429, "TooManyRequests", "Too many requests in the last ten minutes.");
        refusal.retry_after = Some(seconds.to_string());
        refusal
    }

    pub fn access_denied() -> Self {
        Self::new(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    }

    pub fn directory_denied() -> Self {
        let text = "Insufficient privileges to complete the operation.";
        Self::new(403, "Authorization_RequestDenied", text)
    }

    pub fn no_mailbox() -> Self {
        let text = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
        Self::new(404, "MailboxNotEnabledForRESTAPI", text)
    }

    pub fn item_not_found() -> Self {
        let text = "The specified object was not found in the store.";
        Self::new(404, "ErrorItemNotFound", text)
    }

    pub fn bad_filter() -> Self {
        let text = "The '$filter' parameter value is not supported for 'Messages' resource; only \
                    a value of 'receivedDateTime ge value' is supported.";
        Self::new(400, "ErrorInvalidUrlQuery", text)
    }

    pub fn unknown_property(name: &str, kind: &str) -> Self {
        let text = format!(
            "Parsing OData Select and Expand failed: Could not find a property named '{name}' on \
             type 'microsoft.graph.{kind}'."
        );
        Self::new(400, "BadRequest", &text)
    }

    pub fn malformed_token() -> Self {
        Self::new(400, "BadRequest", "Badly formed token.")
    }

    pub fn forgotten(token: u64, now: u64) -> Self {
        let text = format!("The sync state generation is not found; generation={token};[highest={now}][{now}].");
        Self::new(410, "SyncStateNotFound", &text)
    }

    pub fn answer(&self, now: Timestamp) -> Answer {
        let mut answer = if self.code.is_empty() {
            Answer::empty(self.status)
        } else {
            let id = ids::guid(now.as_second().unsigned_abs());
            Answer::json(
                self.status,
                &json!({"error": {
                    "code": self.code,
                    "message": self.message,
                    "innerError": {
                        "date": now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                        "request-id": id,
                        "client-request-id": id,
                    },
                }}),
            )
        };
        if let Some(retry_after) = &self.retry_after {
            answer.headers.push((header::RETRY_AFTER, retry_after.clone()));
        }
        answer
    }
}
