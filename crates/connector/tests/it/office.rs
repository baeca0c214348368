//! A simulated tenant, a database in a folder, and the program between them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Output, Stdio};

use graph_sim::{Certificate, Running, SimOptions, Simulator};
use m365_model::Surroundings;
use serde_json::Value;
use testkit::{Turnstile, truth};

pub const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
pub const ENTRA: &str = "11111111-2222-3333-4444-555555555555";
pub const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

pub struct Office {
    pub sim: Simulator,
    pub folder: tempfile::TempDir,
    pub turnstile: Option<Turnstile>,
    environment: BTreeMap<String, String>,
    _running: Option<Running>,
}

fn simulator(change: impl FnOnce(&mut SimOptions)) -> Simulator {
    let mut options = SimOptions::new(Surroundings::system().now());
    options.mailboxes = 4;
    options.messages_per_mailbox = 40;
    options.meetings_per_mailbox = 15;
    change(&mut options);
    Simulator::new(options)
}

impl Office {
    /// Nothing is set up but the environment.
    pub fn new(change: impl FnOnce(&mut SimOptions)) -> Self {
        let sim = simulator(change);
        let running = sim.clone().serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let url = running.url();
        Self::at(sim, &url, Some(running), None)
    }

    /// The same over TLS, by a certificate whose authority the program is told to trust.
    pub fn over_tls(change: impl FnOnce(&mut SimOptions)) -> Self {
        let sim = simulator(change);
        let certificate = Certificate::for_this_machine().expect("a certificate");
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let running = sim.clone().serve_tls(any, &certificate).expect("a free port");
        let url = running.url();
        let mut office = Self::at(sim, &url, Some(running), None);
        let file = office.authority();
        std::fs::write(&file, certificate.authority()).expect("a file");
        office.set("SSL_CERT_FILE", &file.display().to_string());
        office
    }

    /// The file that holds what is trusted, of an office over TLS.
    pub fn authority(&self) -> std::path::PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The root of Graph and of Entra.
    pub fn url(&self) -> &str {
        &self.environment["O365_GRAPH_URL"]
    }

    /// The same behind a turnstile.
    pub async fn new_behind_turnstile(change: impl FnOnce(&mut SimOptions)) -> Self {
        let sim = simulator(change);
        let turnstile = Turnstile::before(&sim).await;
        let url = turnstile.url();
        Self::at(sim, &url, None, Some(turnstile))
    }

    /// The same behind a turnstile, and set up.
    pub async fn ready_behind_turnstile(change: impl FnOnce(&mut SimOptions)) -> Self {
        let office = Self::new_behind_turnstile(change).await;
        office.set_up();
        office
    }

    /// Migrated, connected, accepted, and the domains on the list.
    pub fn ready(change: impl FnOnce(&mut SimOptions)) -> Self {
        let office = Self::new(change);
        office.set_up();
        office
    }

    /// Another installation that reads the same tenant, found at `url`. Set up.
    pub fn another(&self, url: &str) -> Self {
        let office = Self::at(self.sim.clone(), url, None, None);
        office.set_up();
        office
    }

    /// Where the tenant is found.
    pub fn tenant_url(&self) -> &str {
        &self.environment["O365_GRAPH_URL"]
    }

    fn at(sim: Simulator, url: &str, running: Option<Running>, turnstile: Option<Turnstile>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut office = Self { sim, folder, turnstile, environment: BTreeMap::new(), _running: running };
        let options = office.sim.options().clone();
        for (name, value) in [
            ("DATABASE_URL", format!("sqlite://{}", office.database().display()).as_str()),
            ("CONNECTOR_ENCRYPTION_KEY", KEY),
            ("O365_CLIENT_ID", &options.client_id),
            ("O365_CLIENT_SECRET", &options.client_secret),
            ("AZURE_AUTHORITY_HOST", url),
            ("O365_GRAPH_URL", url),
            ("RUST_LOG", "trace"),
        ] {
            office.set(name, value);
        }
        office
    }

    /// Migrates, connects, accepts, and puts the domains on the list.
    pub fn set_up(&self) {
        self.done(&["migrate"]);
        self.done(&["connect", "--entra-tenant-id", ENTRA, "--tenant-domain", "contoso.com"]);
        self.done(&["dpa", "accept", "--user", "admin"]);
        self.done(&["allowlist", "add", DOMAINS[0], DOMAINS[1]]);
    }

    /// Sets a variable of the program's environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    pub fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("connector.db")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(std::path::Path::new(env!("CARGO_BIN_EXE_m365-connector")), arguments)
    }

    pub fn command_of(&self, program: &std::path::Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(&self.environment).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().expect("the program"))
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("the program")
    }

    /// Runs what must end well, and gives what it printed.
    pub fn done(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.err);
        ended.out
    }

    /// The stored records.
    pub fn records(&self) -> Vec<Value> {
        let text = self.done(&["activities", "--include-upcoming"]);
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Asserts that what is stored is the truth of the office as it is.
    pub fn assert_true(&self) {
        let now = self.sim.now();
        let truth = truth::records(&self.sim.world(), &truth::Rules::first_sync(&DOMAINS, now));
        assert!(!truth.is_empty());
        assert_eq!(truth::difference(&truth::within_reach(&self.records(), now), &truth), None);
    }
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Asserts the code and that it says this on stderr; nothing on stdout.
    pub fn assert_refusal(&self, code: i32, says: &str) {
        assert_eq!(self.code, Some(code), "{}", self.err);
        assert!(self.err.contains(says), "{says:?} is not said: {}", self.err);
        assert_eq!(self.out, "", "data beside a refusal");
    }

    /// The run summary of `sync --json`.
    pub fn summary(&self) -> Value {
        let last = self.out.lines().last().unwrap_or_else(|| panic!("no summary: {}", self.err));
        serde_json::from_str(last).expect("JSON")
    }
}
