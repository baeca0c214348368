//! Killed at any moment, and run again: the records are those of an undisturbed run.

use std::io::Read as _;

use graph_sim::{Scope, Simulator};
use m365_model::{Entropy as _, SeededEntropy};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use testkit::Relay;

use crate::office::{Ended, Office};

/// The moments are requests that are held back: what came before them is stored in part. That a page and its cursor are one
/// fact at any other instant too is shown where pages are saved, in the store's tests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_moment_the_next_sync_makes_it_whole() {
    let office = Office::ready_behind_turnstile(|options| options.seed = 71).await;
    let turnstile = office.turnstile.clone().unwrap();
    for requests in [1, 3, 9, 17, 26, 38] {
        let before = turnstile.count();
        turnstile.shut_after(before + requests);
        let mut child = office.start(&["sync", "--json"]);
        turnstile.arrived(before + requests + 1).await;
        // SIGKILL.
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "it ended by itself");
        turnstile.open();
    }
    let ended = Ended::of(office.command(&["sync", "--json"]).output().unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    office.assert_true();
    let again = office.run(&["sync", "--json"]).summary();
    assert_eq!(again["activities"], serde_json::json!({"created": 0, "updated": 0, "retracted": 0}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn also_in_the_middle_of_a_later_sync() {
    let office = Office::ready_behind_turnstile(|options| options.seed = 72).await;
    let turnstile = office.turnstile.clone().unwrap();
    office.done(&["sync"]);
    office.sim.expire_links(graph_sim::Scope::All);
    for requests in [5, 15, 30] {
        let before = turnstile.count();
        turnstile.shut_after(before + requests);
        let mut child = office.start(&["sync"]);
        turnstile.arrived(before + requests + 1).await;
        child.kill().unwrap();
        child.wait().unwrap();
        turnstile.open();
    }
    let ended = office.run(&["sync", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    office.assert_true();
}

/// What may go wrong with a service that is asked too often. The list of users is spared: without it nothing is read at all.
fn trouble(sim: &Simulator) {
    sim.clear_faults();
    sim.hang_up(Scope::Kind("mailFolders"), 3);
    for kind in ["calendarView/delta", "messages/delta"] {
        sim.throttle(Scope::Kind(kind), 3, 0);
        sim.drop_response_halfway(Scope::Kind(kind), 3);
        sim.fail(Scope::Kind(kind), 503, "", 2);
    }
}

/// What is stored of meetings, beside the records made of it.
async fn copies(office: &Office) -> Vec<(String, String, String)> {
    let mut connection = SqliteConnectOptions::new().filename(office.database()).connect().await.expect("a connection");
    let copies = "SELECT event_id, kind, state FROM event_copy ORDER BY mailbox_id, event_id";
    sqlx::query_as(copies).fetch_all(&mut connection).await.expect("copies")
}

/// `M365_LONG` asks for ten times as many.
#[expect(clippy::disallowed_methods, reason = "how long tests may take is told to tests alone")]
fn kills() -> u64 {
    if std::env::var("M365_LONG").is_ok() { 200 } else { 20 }
}

/// How often one installation is killed before it may finish.
const KILLS_EACH: u64 = 5;

/// At any byte of any answer, and before the first, while the service throttles, breaks off and forgets. Fails when a page's
/// cursor is saved in a transaction before that of its records: 200 kills find it, 20 need luck. Links expire after the first
/// kill alone: what is read anew heals what was lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_in_every_trouble_the_rows_are_those_of_an_undisturbed_run() {
    let tenant = Office::new(|options| {
        options.seed = 73;
        options.mailboxes = 50;
    });
    let relay = Relay::before(tenant.tenant_url()).await;
    let undisturbed = tenant.another(&relay.url());
    undisturbed.done(&["sync"]);
    let (whole, records, copied) = (relay.passed(), undisturbed.records(), copies(&undisturbed).await);

    let (chance, mut killed) = (SeededEntropy::new(73), 0);
    for installation in 0..kills() / KILLS_EACH {
        let mut office = tenant.another(&relay.url());
        // Nobody reads what it says before it is dead.
        office.set("RUST_LOG", "off");
        for number in 0..KILLS_EACH {
            trouble(&office.sim);
            let at = relay.passed() + 1 + chance.below(whole / 6);
            let mut child = office.start(&["sync"]);
            let mut out = child.stdout.take().unwrap();
            let ended = tokio::task::spawn_blocking(move || out.read_to_end(&mut Vec::new()).unwrap());
            if number != 3 {
                tokio::select! {
                    () = relay.has_passed(at) => {}
                    _ = ended => {}
                }
            }
            child.kill().unwrap();
            killed += u64::from(child.wait().unwrap().code().is_none());
            if number == 0 && installation % 2 == 1 {
                office.sim.expire_links(Scope::All);
            }
        }
        office.sim.clear_faults();
        office.done(&["sync"]);
        office.assert_true();
        assert_eq!(office.records(), records);
        assert_eq!(copies(&office).await, copied);
        let again = office.run(&["sync", "--json"]).summary();
        assert_eq!(again["activities"], serde_json::json!({"created": 0, "updated": 0, "retracted": 0}));
    }
    assert!(killed * 4 > kills() * 3, "{killed} of {} were killed, the others had ended", kills());
}
