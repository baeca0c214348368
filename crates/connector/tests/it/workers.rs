//! Workers, Temporal's server and the database, killed in turn while two connectors sync.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use graph_sim::OTHER_TENANT;
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};

use crate::office::{DOMAINS, Ended, Office};
use crate::stopped::send;

#[expect(clippy::disallowed_methods, reason = "what servers there are is told to tests alone")]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A Temporal server that a test may kill: what it keeps is in a file.
struct Server {
    program: PathBuf,
    folder: tempfile::TempDir,
    address: SocketAddr,
    child: Option<Child>,
}

impl Server {
    fn start() -> Option<Self> {
        let program = told("TEST_TEMPORAL_PROGRAM")?.into();
        // Free at this moment: the server takes no port by itself.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let mut server = Self { program, folder: tempfile::tempdir().unwrap(), address, child: None };
        server.start_again();
        Some(server)
    }

    fn start_again(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--log-level", "error"]);
        command.args(["--dynamic-config-value", "history.timerProcessorMaxTimeShift=\"10ms\""]);
        command.arg("--port").arg(self.address.port().to_string());
        command.arg("--db-filename").arg(self.folder.path().join("db"));
        self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let health = ["operator", "cluster", "health", "--address", &self.address.to_string()];
        let is_up = || {
            let asked = Command::new(&self.program).args(health).stdout(Stdio::null()).stderr(Stdio::null()).status();
            asked.unwrap().success()
        };
        while !is_up() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program of ours that is killed when it is dropped.
struct Killed(Child);

impl Killed {
    fn worker(office: &Office) -> Self {
        let mut command = office.command(&["worker"]);
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A database of its own on the server for tests.
async fn database(server: &str, name: &str) -> String {
    sqlx::any::install_default_drivers();
    let mut admin = AnyConnection::connect(&format!("{server}/postgres")).await.unwrap();
    admin.execute(sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))).await.unwrap();
    format!("{server}/{name}")
}

/// Nobody reaches the database, and whoever was in it is thrown out in the middle of what it did: to its users a server that was
/// killed. `is_up` lets them in again.
async fn set_database(server: &str, name: &str, is_up: bool) {
    let mut admin = AnyConnection::connect(&format!("{server}/postgres")).await.unwrap();
    let allow = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {is_up}");
    admin.execute(sqlx::raw_sql(AssertSqlSafe(allow))).await.unwrap();
    if !is_up {
        let out = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        admin.execute(sqlx::raw_sql(AssertSqlSafe(out))).await.unwrap();
    }
}

fn records(office: &Office, tenant: &str) -> Vec<Value> {
    let text = office.done(&["--tenant", tenant, "activities", "--include-upcoming"]);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Fails when the first request ends a worker as it ends any other command: what it has in hand would be broken off.
#[test]
fn a_worker_that_is_asked_to_end_leaves_in_good_order() {
    let Some(address) = told("TEST_TEMPORAL_ADDRESS") else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _within = runtime.enter();
    let mut office = Office::ready(|_| {});
    office.set("TEMPORAL_ADDRESS", &address);
    office.set("TEMPORAL_TASK_QUEUE", &format!("leaves-{}", std::process::id()));
    office.set("RUST_LOG", "warn");
    let mut worker = office.start(&["worker"]);
    let mut said = BufReader::new(worker.stderr.take().unwrap());
    let mut first = String::new();
    said.read_line(&mut first).unwrap();
    assert!(first.starts_with("Working on the task queue"), "{first}");
    send("TERM", &worker);
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("the pages in hand are being stored"), "{rest}");
    assert_eq!(worker.wait().unwrap().code(), Some(0), "{rest}");
}

/// Two workers and two connectors; every few requests something else is killed, and started again. What is stored in the end is
/// what a run in one process stores that nobody disturbed, and each connector had one run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_turn_in_mid_sync_the_rows_are_those_of_an_undisturbed_run() {
    let (Some(postgres), Some(mut temporal)) = (told("TEST_POSTGRES_URL"), Server::start()) else { return };
    let mut office = Office::new_behind_turnstile(|options| {
        options.seed = 81;
        options.mailboxes = 12;
    })
    .await;
    office.sim.share_office_with_other_tenant();
    let turnstile = office.turnstile.clone().unwrap();
    let name = format!("workers_{}", std::process::id());
    office.set("DATABASE_URL", &database(&postgres, &name).await);
    office.set("DATABASE_TIMEOUT_SECONDS", "5");
    office.set("ERASURE_LEDGER", &office.folder.path().join("erasures").display().to_string());
    office.set("RUST_LOG", "warn");
    office.set_up();
    office.done(&["tenants", "add", "other"]);
    let other = |rest: &[&str]| office.done(&[&["--tenant", "other"], rest].concat());
    other(&["connect", "--entra-tenant-id", OTHER_TENANT, "--tenant-domain", "contoso.com"]);
    other(&["dpa", "accept", "--user", "admin"]);
    other(&["allowlist", "add", DOMAINS[0], DOMAINS[1]]);

    let undisturbed = office.another(office.tenant_url());
    undisturbed.done(&["sync"]);
    let expected = undisturbed.records();

    office.set("TEMPORAL_ADDRESS", &temporal.address.to_string());
    let mut workers = [Killed::worker(&office), Killed::worker(&office)];
    let mut limit = turnstile.count() + 12;
    turnstile.shut_after(limit);
    let first = office.start(&["sync", "--json"]);
    let second = office.start(&["--tenant", "other", "sync", "--json"]);
    for moment in 0..6 {
        // In the middle: requests wait at the turnstile, and some pages are stored.
        turnstile.arrived(limit + 1).await;
        match moment % 3 {
            0 => workers[moment % 2] = Killed::worker(&office),
            1 => {
                temporal.kill();
                temporal.start_again();
            }
            _ => {
                set_database(&postgres, &name, false).await;
                set_database(&postgres, &name, true).await;
            }
        }
        limit = turnstile.count() + 20;
        turnstile.shut_after(limit);
    }
    turnstile.open();
    let ended =
        tokio::task::spawn_blocking(|| [first, second].map(|child| Ended::of(child.wait_with_output().unwrap())));
    ended.await.unwrap();
    // The starters may have been thrown out with the database; whoever asks again joins the run, or has one that finds nothing new.
    for tenant in ["default", "other"] {
        let ended = office.run(&["--tenant", tenant, "sync", "--json"]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(records(&office, tenant), expected, "{tenant}");
    }
    office.assert_true();
}
