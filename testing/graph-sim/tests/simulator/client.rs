//! A caller that knows no more than the wire.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use graph_sim::{Running, SimOptions, Simulator};
use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub const CLIENT: &str = "22222222-0000-0000-0000-000000000000";

/// The instant at which every test begins.
pub fn start() -> Timestamp {
    "2026-03-02T15:00:00Z".parse().expect("a timestamp")
}

pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub location: Option<String>,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// What the query of the address holds to which the answer sends a browser.
    pub fn sent_back(&self) -> BTreeMap<String, String> {
        let location = self.location.as_deref().unwrap_or_else(|| panic!("sent nowhere: {}", self.text));
        url::Url::parse(location).expect("an address").query_pairs().into_owned().collect()
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A tenant that is being served, and a token for it.
pub struct Office {
    pub sim: Simulator,
    running: Running,
    pub token: String,
    pub prefer: String,
}

impl Office {
    pub async fn open(change: impl FnOnce(&mut SimOptions)) -> Self {
        let mut options = SimOptions::new(start());
        change(&mut options);
        let sim = Simulator::new(options);
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let running = sim.clone().serve(any).expect("a free port");
        let mut office = Self {
            sim,
            running,
            token: String::new(),
            prefer: r#"IdType="ImmutableId", odata.maxpagesize=50, outlook.timezone="UTC""#.to_owned(),
        };
        office.sign_in().await;
        office
    }

    pub async fn small() -> Self {
        Self::open(|_| {}).await
    }

    pub async fn ask_for_token(&self, tenant: &str, id: &str, secret: &str, scope: &str) -> Answer {
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}&scope={scope}");
        self.send_form(&format!("/{tenant}/oauth2/v2.0/token"), &form).await
    }

    /// Sends a form to Entra.
    pub async fn send_form(&self, path: &str, form: &str) -> Answer {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.host(),
            form.len()
        );
        self.exchange(&head).await.expect("an answer")
    }

    /// Asks Entra for a page, as a browser does that follows nothing by itself.
    pub async fn visit(&self, path: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.host());
        self.exchange(&head).await.expect("an answer")
    }

    pub async fn sign_in(&mut self) {
        let scope = "https%3A%2F%2Fgraph.microsoft.com%2F.default";
        let answer = self.ask_for_token(TENANT, CLIENT, "simulated-secret", scope).await;
        let token = answer.json()["access_token"].as_str().expect("a token").to_owned();
        self.token = token;
    }

    pub fn host(&self) -> String {
        self.running.url().trim_start_matches("http://").to_owned()
    }

    pub fn url(&self) -> String {
        self.running.url()
    }

    /// Asks for a path, or for a whole link.
    pub async fn get(&self, target: &str) -> Answer {
        self.try_get(target).await.expect("an answer")
    }

    /// The answer, or how far it came.
    pub async fn try_get(&self, target: &str) -> Result<Answer, String> {
        let target = target.strip_prefix(&self.url()).unwrap_or(target);
        let path = if target.starts_with("/v1.0") { target.to_owned() } else { format!("/v1.0{target}") };
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Prefer: {}\r\n\r\n",
            self.host(),
            self.token,
            self.prefer
        );
        self.exchange(&head).await
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let head = format!(
            "POST /v1.0{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.host(),
            self.token,
            body.len()
        );
        self.exchange(&head).await.expect("an answer")
    }

    async fn exchange(&self, request: &str) -> Result<Answer, String> {
        let mut stream = TcpStream::connect(self.host()).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("a request goes out");
        let mut bytes = Vec::new();
        // A connection that was cut ends in an error or early; both show in the length.
        let _ = stream.read_to_end(&mut bytes).await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (headers, body) = text.split_once("\r\n\r\n").ok_or_else(|| text.clone())?;
        let status = headers.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        let length: usize = headers
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())
            .expect("a length");
        if body.len() < length {
            return Err(body.to_owned());
        }
        let location = headers.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("location").then(|| value.to_owned())
        });
        Ok(Answer { status, headers: headers.to_lowercase(), location, text: body.to_owned() })
    }

    /// Follows a listing or a round to its end: all its items, and the delta link if it has one.
    pub async fn follow(&self, target: &str) -> (Vec<Value>, Option<String>) {
        let mut link = target.to_owned();
        let mut items = Vec::new();
        for _ in 0..2_000 {
            let answer = self.get(&link).await;
            assert_eq!(answer.status, 200, "{link}: {}", answer.text);
            let page = answer.json();
            items.extend(page["value"].as_array().expect("items").iter().cloned());
            match page["@odata.nextLink"].as_str() {
                Some(next) => next.clone_into(&mut link),
                None => return (items, page["@odata.deltaLink"].as_str().map(str::to_owned)),
            }
        }
        panic!("{target} does not end");
    }
}

/// The item with this id.
pub fn by_id<'a>(items: &'a [Value], id: &str) -> Option<&'a Value> {
    items.iter().find(|item| item["id"] == id)
}

/// The names of an object's members, sorted.
pub fn keys(item: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = item.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
