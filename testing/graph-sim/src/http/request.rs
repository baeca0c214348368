//! A request, taken apart.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};

use crate::ids::IdForm;
use crate::zones::Zone;

#[derive(Debug)]
pub(crate) struct Request {
    pub method: Method,
    /// Scheme and host, as the caller wrote them: links lead back there.
    pub root: String,
    /// The path as it came, for links.
    pub raw_path: String,
    /// The path, decoded.
    pub path: String,
    /// Its segments, decoded, with `users('x')` taken apart.
    pub segments: Vec<String>,
    pub query: Query,
    pub prefer: Prefer,
    pub bearer: Option<String>,
}

impl Request {
    pub fn read(parts: &Parts, scheme: &str) -> Self {
        let host = text(&parts.headers, header::HOST.as_str()).unwrap_or("127.0.0.1");
        let query = parts.uri.query().unwrap_or_default();
        Self::new(parts.method.clone(), format!("{scheme}://{host}"), parts.uri.path(), query, &parts.headers)
    }

    /// One request of a batch: its place is relative to the version, and it may do what the batch may.
    pub fn part_of(batch: &Self, method: Method, place: &str, headers: &HeaderMap) -> Self {
        let (path, query) = place.split_once('?').unwrap_or((place, ""));
        let path = format!("/v1.0/{}", path.trim_start_matches('/'));
        let mut part = Self::new(method, batch.root.clone(), &path, query, headers);
        part.bearer.clone_from(&batch.bearer);
        part
    }

    fn new(method: Method, root: String, raw_path: &str, query: &str, headers: &HeaderMap) -> Self {
        let segments: Vec<String> = raw_path.split('/').filter(|s| !s.is_empty()).flat_map(segment).collect();
        Self {
            method,
            root,
            path: decode(raw_path),
            raw_path: raw_path.to_owned(),
            segments,
            query: Query::read(query),
            prefer: Prefer::read(headers),
            bearer: text(headers, "authorization").and_then(|value| {
                let (scheme, token) = value.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
            }),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A segment, or two where a key stands in brackets behind the name.
fn segment(raw: &str) -> Vec<String> {
    let decoded = decode(raw);
    let keyed = decoded.strip_suffix("')").and_then(|rest| rest.split_once("('"));
    match keyed {
        Some((name, key)) => vec![name.to_owned(), key.replace("''", "'")],
        None => vec![decoded],
    }
}

fn decode(raw: &str) -> String {
    if !raw.contains('%') {
        return raw.to_owned();
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        if let (b'%', Some(byte)) = (first, hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            out.push(byte);
            rest = &tail[2..];
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The query, decoded, and as it came.
#[derive(Debug)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    raw: String,
}

impl Query {
    /// A query, or a form, which is written in the same way.
    pub fn read(raw: &str) -> Self {
        let pairs = url::form_urlencoded::parse(raw.as_bytes()).into_owned().collect();
        Self { pairs, raw: raw.to_owned() }
    }

    /// The value of the first parameter with this name, in any letter case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(key, _)| key.as_str())
    }

    /// A whole number.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok()
    }

    /// Whether the value was written with a `+` where a space was meant, which Exchange does not
    /// read (<https://github.com/microsoftgraph/microsoft-graph-docs/issues/18636>).
    pub fn has_raw_plus(&self, name: &str) -> bool {
        self.raw.split('&').any(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            decode(key).eq_ignore_ascii_case(name) && value.contains('+')
        })
    }

    /// The query written anew.
    pub fn rewritten(&self) -> String {
        self.written(|_| true)
    }

    /// The query written anew without one parameter.
    pub fn without(&self, name: &str) -> String {
        self.written(|key| !key.eq_ignore_ascii_case(name))
    }

    fn written(&self, keep: impl Fn(&str) -> bool) -> String {
        let mut out = String::new();
        for (key, value) in self.pairs.iter().filter(|(key, _)| keep(key)) {
            if !out.is_empty() {
                out.push('&');
            }
            out.push_str(&encode(key));
            out.push('=');
            out.push_str(&encode(value));
        }
        out
    }
}

/// A name or value of a query, with spaces as `%20`.
fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// What the `Prefer` headers ask for.
#[derive(Debug, Default)]
pub(crate) struct Prefer {
    pub page_size: Option<usize>,
    pub immutable: bool,
    pub zone: Option<Zone>,
    pub text_bodies: bool,
    /// All of them, as they came.
    pub text: String,
}

impl Prefer {
    fn read(headers: &HeaderMap) -> Self {
        let values: Vec<_> = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok()).collect();
        let mut prefer = Self { text: values.join(", "), ..Self::default() };
        for part in values.iter().flat_map(|value| value.split([',', ';'])) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "odata.maxpagesize" => prefer.page_size = value.parse().ok().filter(|n| *n > 0),
                "idtype" => prefer.immutable = value.eq_ignore_ascii_case("ImmutableId"),
                "outlook.timezone" => prefer.zone = Zone::named(value),
                "outlook.body-content-type" => {
                    prefer.text_bodies = value.eq_ignore_ascii_case("text");
                }
                _ => {}
            }
        }
        prefer
    }

    pub fn form(&self) -> IdForm {
        if self.immutable { IdForm::Immutable } else { IdForm::Regular }
    }
}
