//! What the metrics tell, and that it is what the guide says: real numbers, closed words, nobody's name.

#![expect(clippy::float_cmp, reason = "Prometheus counts in floats; whole numbers are exact in them")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};

use graph_sim::Scope;
use serde_json::Value;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::office::{DOMAINS, ENTRA, KEY, Office};

const GUIDE: &str = include_str!("../../../../docs/operating.md");

/// By metric and label: the label's words.
type Words = BTreeMap<(String, String), BTreeSet<String>>;

struct Serving {
    child: Child,
    said: BufReader<ChildStderr>,
    address: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Serving {
    fn of(office: &mut Office) -> Self {
        for (name, value) in [("LISTEN_ADDR", "127.0.0.1:0"), ("METRICS_ADDR", "0"), ("RUST_LOG", "info")] {
            office.set(name, value);
        }
        let mut child = office.start(&["serve"]);
        let said = BufReader::new(child.stderr.take().expect("its words"));
        let mut serving = Self { child, said, address: String::new() };
        let line = serving.hear("Metrics are at http://");
        serving.address = line.trim().trim_start_matches("Metrics are at http://").replace("/metrics", "");
        serving
    }

    /// Waits until it says this.
    fn hear(&mut self, what: &str) -> String {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert!(self.said.read_line(&mut line).expect("text") > 0, "it ended without saying {what:?}");
        }
        line
    }

    fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("the listener");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        (head.to_owned(), body.to_owned())
    }

    fn scrape(&self) -> (String, Scrape) {
        let (head, body) = self.get("/metrics");
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
        let scrape = Scrape::read(&body);
        (body, scrape)
    }
}

/// A scrape, read strictly: each family has its help and its type before its samples, and each sample stands once.
/// <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>
#[derive(Default)]
struct Scrape {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

impl Scrape {
    fn read(text: &str) -> Self {
        let (mut scrape, mut helped) = (Self::default(), BTreeSet::new());
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help text");
                assert!(help.ends_with('.') && helped.insert(name.to_owned()), "{line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert!(helped.contains(name), "{name} has no help");
                assert!(scrape.kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{line} comes twice");
            } else {
                scrape.read_sample(line);
            }
        }
        scrape
    }

    fn read_sample(&mut self, line: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect("a closed brace")),
            None => (series, ""),
        };
        let labels = labels.split(',').filter(|pair| !pair.is_empty()).map(|pair| {
            let (label, value) = pair.split_once('=').expect("a label");
            (label.to_owned(), value.trim_matches('"').to_owned())
        });
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
            name.strip_suffix(end).filter(|family| self.kinds.get(*family).is_some_and(|kind| kind == "histogram"))
        });
        let family = family.unwrap_or(name);
        let kind = self.kinds.get(family).unwrap_or_else(|| panic!("{family} has no type"));
        assert!(name.starts_with("m365_") && (kind == "counter") == name.ends_with("_total"), "{line}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(value >= 0.0, "{line}");
        let key = (name.to_owned(), labels.collect());
        assert!(self.samples.insert(key, value).is_none(), "{line} comes twice");
    }

    /// The sum of a series over its labels.
    fn sum(&self, name: &str) -> f64 {
        self.samples.iter().filter(|((known, _), _)| known == name).map(|(_, value)| value).sum()
    }

    fn one(&self, name: &str, label: &str, word: &str) -> f64 {
        let labels = BTreeMap::from([(label.to_owned(), word.to_owned())]);
        *self.samples.get(&(name.to_owned(), labels)).unwrap_or_else(|| panic!("no {name} of {word}"))
    }

    fn has(&self, name: &str) -> bool {
        self.samples.keys().any(|(known, _)| known == name)
    }

    /// The words of each label of each metric; those of versions and of histograms' bounds are numbers.
    fn words(&self) -> Words {
        let mut words = Words::new();
        for (name, labels) in self.samples.keys() {
            for (label, word) in
                labels.iter().filter(|(label, _)| !["le", "version", "schema"].contains(&label.as_str()))
            {
                words.entry((name.clone(), label.clone())).or_default().insert(word.clone());
            }
        }
        words
    }
}

/// The guide's table: metric, kind, label and its words.
fn documented() -> (BTreeMap<String, String>, Words) {
    let (mut kinds, mut words) = (BTreeMap::new(), Words::new());
    for row in GUIDE.lines().filter(|line| line.starts_with("| `m365_")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let name = cells[0].trim_matches('`').to_owned();
        kinds.insert(name.clone(), cells[1].to_owned());
        if let Some((label, told)) = cells[2].split_once(": ") {
            let told = told.split(", ").map(|word| word.trim_matches('`').to_owned()).collect();
            words.insert((name, label.trim_matches('`').to_owned()), told);
        }
    }
    (kinds, words)
}

async fn connect(office: &Office) -> SqliteConnection {
    SqliteConnectOptions::new().filename(office.database()).connect().await.expect("a connection")
}

/// A sync that `serve` ran itself, as the database tells of it: when it ended, and its summary.
async fn a_run_that_serve_made(office: &mut Office) -> (Serving, String, Value) {
    office.done(&["sync"]);
    office.sim.tick();
    office.sim.throttle(Scope::All, 2, 1);
    // The one that was made long ago makes another one due at once.
    let mut db = connect(office).await;
    sqlx::query("UPDATE sync_run SET started_at = '2020-01-01T00:00:00Z'").execute(&mut db).await.expect("a change");
    let mut serving = Serving::of(office);
    serving.hear("sync ended");
    let last = "SELECT ended_at, summary FROM sync_run ORDER BY number DESC LIMIT 1";
    let (ended, summary): (String, String) = sqlx::query_as(last).fetch_one(&mut db).await.expect("a run");
    (serving, ended, serde_json::from_str(&summary).expect("JSON"))
}

/// A run that `serve` made, and one that another process made beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_say_what_the_run_says_of_itself() {
    let mut office = Office::ready(|options| options.seed = 82);
    let (serving, ended, summary) = a_run_that_serve_made(&mut office).await;
    serving.scrape();
    let (_, scrape) = serving.scrape();

    let number = |value: &Value| value.as_f64().expect("a number");
    assert_eq!(scrape.one("m365_runs_total", "outcome", "done"), 1.0, "one run ended since the program began");
    assert_eq!(scrape.sum("m365_runs_total"), 1.0);
    assert_eq!(scrape.sum("m365_graph_requests_total"), number(&summary["requests"]));
    assert_eq!(scrape.one("m365_graph_requests_total", "answer", "throttled"), number(&summary["throttled"]));
    assert!(scrape.one("m365_graph_requests_total", "answer", "throttled") >= 2.0);
    assert!(scrape.sum("m365_graph_waited_seconds_total") >= number(&summary["waitedSeconds"]));
    assert_eq!(scrape.sum("m365_graph_request_duration_seconds_count"), number(&summary["requests"]));
    for (kind, name) in [("event", "events"), ("message", "messages")] {
        assert_eq!(scrape.one("m365_items_seen_total", "kind", kind), number(&summary[name]["seen"]));
        assert_eq!(scrape.one("m365_items_kept_total", "kind", kind), number(&summary[name]["kept"]));
    }
    for (reason, n) in summary["dropped"].as_object().expect("an object") {
        assert_eq!(scrape.one("m365_items_dropped_total", "reason", reason), number(n), "{reason}");
    }
    let seen = scrape.sum("m365_items_seen_total");
    assert!(seen > 0.0, "nothing was seen");
    assert_eq!(seen, scrape.sum("m365_items_kept_total") + scrape.sum("m365_items_dropped_total"));

    assert_eq!((scrape.sum("m365_database_up"), scrape.sum("m365_connectors")), (1.0, 1.0));
    assert_eq!(scrape.one("m365_connectors", "state", "active"), 1.0);
    let at: jiff::Timestamp = ended.parse().expect("an instant");
    assert_eq!(scrape.sum("m365_last_good_sync_timestamp_seconds"), at.as_duration().as_secs_f64());
    assert!(scrape.sum("m365_access_token_expiry_timestamp_seconds") > at.as_duration().as_secs_f64());
    assert!(!scrape.has("m365_client_secret_expiry_timestamp_seconds"), "nobody noted it");

    office.done(&["config", "set", "secretExpiresOn", "2027-05-01"]);
    let (_, scrape) = serving.scrape();
    assert_eq!(scrape.sum("m365_client_secret_expiry_timestamp_seconds"), 1_809_129_600.0);
    office.done(&["dpa", "withdraw", "--user", "admin"]);
    assert_eq!(office.run(&["sync"]).code, Some(3));
    let (_, scrape) = serving.scrape();
    assert_eq!(scrape.one("m365_runs_total", "outcome", "blocked"), 1.0, "another process's run counts too");
    assert_eq!(scrape.one("m365_connectors", "state", "blocked"), 1.0);
    assert!(!scrape.has("m365_last_good_sync_timestamp_seconds"), "nobody waits for a sync that may not be");
}

/// The guide is held in both directions: a metric that it does not have, and one that it alone has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_are_those_of_the_guide_and_name_nobody() {
    let mut office = Office::ready(|options| options.seed = 83);
    office.done(&["config", "set", "secretExpiresOn", "2027-05-01"]);
    let (serving, ..) = a_run_that_serve_made(&mut office).await;
    let (text, scrape) = serving.scrape();

    let (kinds, words) = documented();
    assert_eq!(scrape.kinds, kinds, "the guide's table has other metrics or kinds");
    assert_eq!(scrape.words(), words, "the guide's table has other labels or words");

    let options = office.sim.options().clone();
    let world = office.sim.world();
    let mut names: Vec<String> = vec!["default".into(), "@".into(), "contoso".into(), ENTRA.into(), KEY.into()];
    names.extend(DOMAINS.map(str::to_owned));
    names.extend([options.client_id, options.client_secret, office.folder.path().display().to_string()]);
    names.extend(world.users.iter().map(|user| user.id.clone()));
    names.extend(world.people.iter().filter_map(|person| person.address.text().map(str::to_owned)));
    let has = |name: &str| text.to_ascii_lowercase().contains(&name.trim().to_ascii_lowercase());
    for name in names.iter().filter(|name| !name.trim().is_empty()) {
        assert!(!has(name), "{name} is told");
    }
    assert!(serving.get("/").0.starts_with("HTTP/1.1 404"), "the listener tells more than metrics");

    // Prometheus's own judge, where it is installed.
    let judge =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    if let Ok(mut judge) = judge {
        judge.stdin.take().expect("its input").write_all(text.as_bytes()).expect("a scrape");
        let verdict = judge.wait_with_output().expect("a verdict");
        assert!(verdict.status.success(), "{}", String::from_utf8_lossy(&verdict.stderr));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_none_or_not_free_is_said() {
    let mut office = Office::new(|_| {});
    office.set("METRICS_ADDR", "metrics.example");
    office.run(&["serve"]).assert_refusal(2, "METRICS_ADDR: expected a port");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    office.set("METRICS_ADDR", &taken.local_addr().expect("its address").to_string());
    office.set("LISTEN_ADDR", "127.0.0.1:0");
    office.run(&["serve"]).assert_refusal(1, "choose another METRICS_ADDR");
}
