//! The operator's guide, done as it is written: it cannot tell of a command, an option or a variable that is not there.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::truth;

use crate::office::{DOMAINS, Office};

const GUIDE: &str = include_str!("../../../../docs/operating.md");
const ENVIRONMENT: &str = include_str!("../../../../deploy/debian/environment");
const ADMIN: &str = include_str!("../../../../deploy/debian/m365-connector-admin");
const COMPOSE: &str = include_str!("../../../../deploy/compose.yaml");

/// The guide's blocks of one kind, in their order.
fn blocks(kind: &str) -> Vec<&'static str> {
    let fence = format!("```{kind}\n");
    GUIDE.split(&fence).skip(1).map(|rest| rest.split("```").next().expect("a block")).collect()
}

/// A machine for the guide: its own `/etc` and `/var/lib`, and stand-ins for what would change the real one.
struct Machine {
    office: Office,
    /// Somebody of whom the first sync makes records.
    someone: String,
}

impl Machine {
    fn new() -> Self {
        let office = Office::new(|options| options.seed = 84);
        let now = office.sim.now();
        let records = truth::records(&office.sim.world(), &truth::Rules::first_sync(&DOMAINS, now));
        let text = serde_json::to_string(&records).expect("JSON");
        let someone = text.split('"').find(|word| word.ends_with("@acme.com") && !word.contains('_'));
        let machine = Self { someone: someone.expect("somebody of acme.com").to_owned(), office };
        for folder in ["bin", "etc/secrets", "var", "home"] {
            fs::create_dir_all(machine.place(folder)).expect("a folder");
        }
        let options = machine.office.sim.options().clone();
        machine.write("etc/environment", &machine.here(ENVIRONMENT));
        machine.write("home/secret.txt", &options.client_secret);
        machine.program("m365-connector-admin", &machine.here(ADMIN));
        // Whoever edits the settings names the application, and where Microsoft is here.
        let mut settings = String::new();
        for (name, value) in [
            ("O365_CLIENT_ID", options.client_id.as_str()),
            ("O365_CLIENT_SECRET_FILE", &machine.here("/etc/m365-connector/secrets/client-secret")),
            ("AZURE_AUTHORITY_HOST", machine.office.url()),
            ("O365_GRAPH_URL", machine.office.url()),
        ] {
            writeln!(settings, "{name}={value}").expect("a text");
        }
        machine.write("home/edited", &settings);
        machine.program("sudoedit", "#!/bin/sh\ncat \"$HOME/edited\" >>\"$1\"\n");
        machine.program("sudo", "#!/bin/sh\n[ \"$1\" != -u ] || shift 2\nexec \"$@\"\n");
        machine.program("runuser", "#!/bin/sh\nshift 3\nexec \"$@\"\n");
        for nothing in ["systemctl", "systemd-tmpfiles", "apt-get"] {
            machine.program(nothing, "#!/bin/sh\n");
        }
        machine
    }

    fn place(&self, path: &str) -> std::path::PathBuf {
        self.office.folder.path().join(path)
    }

    /// The text, with the paths of this machine.
    fn here(&self, text: &str) -> String {
        let at = |path| self.place(path).display().to_string();
        text.replace("/etc/m365-connector", &at("etc"))
            .replace("/var/lib/m365-connector", &at("var"))
            .replace("/usr/bin/m365-connector", env!("CARGO_BIN_EXE_m365-connector"))
            .replace("buyer@acme.com", &self.someone)
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.place(path), text).expect("a file");
    }

    fn program(&self, name: &str, text: &str) {
        let path = Path::new("bin").join(name).display().to_string();
        self.write(&path, text);
        fs::set_permissions(self.place(&path), fs::Permissions::from_mode(0o755)).expect("a program");
    }

    /// Does what the blocks say, and gives all that was said.
    fn follow(&self, blocks: &[&str]) -> String {
        let script = self.here(&blocks.concat());
        let path = format!("{}:/usr/bin:/bin:/usr/local/bin", self.place("bin").display());
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &format!("exec 2>&1\nset -x\n{script}")]).env_clear().env("PATH", path);
        bash.env("HOME", self.place("home")).current_dir(self.place("home")).stdin(Stdio::null());
        if let Some(port) = postgres_port() {
            bash.envs([("PGHOST", "127.0.0.1"), ("PGUSER", "postgres"), ("PGPORT", port.as_str())]);
        }
        let done = bash.output().expect("bash");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "the guide does not work:\n{said}");
        said
    }

    fn records(&self) -> String {
        self.follow(&["m365-connector-admin activities --include-upcoming\n"])
    }
}

#[expect(clippy::disallowed_methods, reason = "how scripts/with-postgres tells where its server is")]
fn postgres_port() -> Option<String> {
    let url = std::env::var("TEST_POSTGRES_URL").ok()?;
    url.rsplit_once(':').map(|(_, port)| port.to_owned())
}

/// The same blocks were seen to fail with a restore that took the ledger away, and with an option that was misspelt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guide_works_from_the_first_line_to_the_last() {
    let machine = Machine::new();
    let blocks = blocks("sh");
    assert!(blocks.len() >= 10, "where are the guide's blocks?");
    let said = machine.follow(&blocks);
    assert!(said.contains("/sign-in/"), "no link was printed: {said}");
    assert!(said.contains("\n0 values encrypted anew"), "the second rotation had something to do: {said}");
    let records = machine.records();
    assert!(records.contains("@acme.com"), "nothing was recorded");
    // The backup did not know of the erasure; what it is done on is named by `set -x` alone.
    assert!(!records.contains(&machine.someone), "an erased person came back with the backup");

    if postgres_port().is_some() {
        let before = records.lines().filter(|line| line.starts_with('{')).count();
        machine.follow(&self::blocks("sh postgres"));
        let moved = machine.records();
        assert!(fs::read_to_string(machine.place("etc/environment")).expect("settings").contains("DATABASE_URL_FILE="));
        assert_eq!(moved.lines().filter(|line| line.starts_with('{')).count(), before);
        assert!(!moved.contains(&machine.someone));
    }
}

/// The words in capitals with an underscore: variables of the environment.
fn variables(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c: char| !is_part(c)).filter(|word| word.contains('_') && !word.starts_with('_'));
    words.map(|word| word.trim_end_matches('_').to_owned()).filter(|word| word.len() > 6).collect()
}

/// Those of workers are named here until their command is in the program.
#[test]
fn every_variable_that_is_named_is_one_that_is_read() {
    let read = variables(include_str!("../../src/settings.rs"));
    let workers = ["ADDRESS", "NAMESPACE", "TASK_QUEUE", "API_KEY", "TLS_CERT", "TLS_KEY", "TLS_CA", "TLS_SERVER_NAME"];
    let workers: BTreeSet<String> = workers.iter().map(|name| format!("TEMPORAL_{name}")).collect();
    // What PostgreSQL's and Temporal's images read, and what the guide asks people to put in.
    let foreign = [
        "POSTGRES_PASSWORD",
        "CONNECTOR_PASSWORD",
        "TEMPORAL_PASSWORD",
        "POSTGRES_SEEDS",
        "POSTGRES_USER",
        "POSTGRES_PWD",
        "DB_PORT",
        "YOUR_ID",
        "NAME",
    ];
    for text in [GUIDE, ENVIRONMENT, COMPOSE] {
        for name in variables(text) {
            let bare = name.trim_end_matches("_FILE");
            let is_known =
                read.contains(bare) || read.contains(&name) || workers.contains(bare) || foreign.contains(&bare);
            assert!(is_known, "{name} is not read by the program");
        }
    }
}

/// Every option and command that is named in passing, `like this`, is one of the program's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_that_is_named_is_one_that_can_be_typed() {
    let office = Office::new(|_| {});
    let mut tried = 0;
    for span in GUIDE.split('`').skip(1).step_by(2).filter_map(|span| span.strip_prefix("m365-connector ")) {
        let words: Vec<&str> = span.split_whitespace().collect();
        let commands: Vec<&str> =
            words.iter().copied().take_while(|word| word.starts_with(char::is_lowercase)).collect();
        let help = office.done(&[&commands[..], &["--help"]].concat());
        for option in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "{span}: there is no {option}");
        }
        tried += 1;
    }
    assert!(tried >= 6, "where are the guide's commands?");
}
