//! Microsoft's own clients read the same tenant and find the same things, one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;

use graph_sim::world::{FolderKind, FolderNo, Mailbox, UserNo};
use graph_sim::{Certificate, IdForm, World};
use serde_json::Value;
use testkit::{Kit, truth};
use tokio::process::Command;

/// What a client that nobody here wrote has found.
async fn found_by_the_referee(kit: &Kit) -> Value {
    let certificate = Certificate::for_this_machine().expect("a certificate");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let running = kit.sim.clone().serve_tls(any, &certificate).expect("a free port");
    let trusted = kit.folder().join("authority.pem");
    std::fs::write(&trusted, certificate.authority()).expect("a file");
    let referees = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../referees");
    assert!(referees.join("node_modules").exists(), "the clients are not installed: scripts/setup tests");
    let rules = kit.rules(&[]);
    let options = kit.sim.options();
    let output = Command::new("node")
        .arg("referee.mjs")
        .current_dir(referees)
        .env("NODE_EXTRA_CA_CERTS", trusted)
        .env("ROOT", running.url())
        .envs([("TENANT", &options.tenant_id), ("CLIENT_ID", &options.client_id)])
        .env("CLIENT_SECRET", &options.client_secret)
        .envs([("SINCE", rules.since.to_string()), ("UNTIL", rules.until.to_string())])
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("Node: scripts/setup tests installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the referee gave up: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(|id| id.as_str().expect("an id").to_owned()).collect()
}

/// Each id once.
fn set(ids: Vec<String>) -> BTreeSet<String> {
    let (count, set) = (ids.len(), BTreeSet::from_iter(ids));
    assert_eq!(count, set.len(), "an id came twice");
    set
}

/// The ids of the messages in folders that are read, as the world has them.
fn messages(mailbox: &Mailbox, rules: &truth::Rules) -> BTreeSet<String> {
    let is_read = |folder: FolderNo| truth::mail::is_read(mailbox, folder);
    assert!(mailbox.folders.iter().any(|folder| folder.kind == FolderKind::Search), "nothing to be left out");
    mailbox
        .live_messages()
        .filter(|(_, message)| message.received >= rules.since && is_read(message.folder))
        .map(|(number, _)| mailbox.message_id(number, IdForm::Immutable))
        .collect()
}

/// The ids of the rows that a first round over the window has: single meetings, masters, and the days of series.
fn events(world: &World, user: UserNo, rules: &truth::Rules) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for instance in world.instances(rules.since, rules.until) {
        let Some(entry) = world.copy_of(instance.number, user) else { continue };
        out.extend(world.event_id(user, entry, IdForm::Immutable));
        out.extend(instance.date.and_then(|date| world.occurrence_id(user, entry, date, IdForm::Immutable)));
    }
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsofts_own_clients_find_what_the_connector_sees() {
    let kit = Kit::ready(&["acme.com"], |options| {
        options.seed = 91;
        options.mailboxes = 8;
    })
    .await;
    // Things have moved, so that ids are not all as they were made.
    kit.ticks(20);
    let summary = serde_json::to_value(kit.sync().await.summary).expect("JSON");
    let found = found_by_the_referee(&kit).await;

    let rules = kit.rules(&[]);
    let world = kit.sim.world();
    let users: BTreeSet<String> = world.users.iter().filter(|user| !user.removed).map(|user| user.id.clone()).collect();
    assert_eq!(set(texts(&found["users"])), users);
    let mut seen = BTreeMap::from([("messages", 0), ("events", 0)]);
    let mut read = 0;
    for (number, user) in world.users.iter().enumerate() {
        let (number, theirs) = (UserNo(number), &found["mailboxes"][&user.id]);
        let Some(mailbox) = world.mailbox(number) else {
            assert!(theirs.is_null(), "a mailbox that is none was read");
            continue;
        };
        read += 1;
        for (kind, ours) in [("messages", messages(mailbox, &rules)), ("events", events(&world, number, &rules))] {
            let theirs = set(texts(&theirs[kind]));
            let (extra, missing) = (theirs.difference(&ours).count(), ours.difference(&theirs).count());
            assert_eq!((extra, missing), (0, 0), "(extra, missing) {kind} of mailbox {number:?}");
            *seen.get_mut(kind).expect("either") += ours.len();
        }
        assert_eq!(theirs["later"], 0, "a round that began where the last one ended has something to say");
    }
    assert_eq!(summary["mailboxes"]["synced"], read);
    for (kind, count) in seen {
        assert!(count > 100, "{count} {kind}");
        assert_eq!(summary[kind]["seen"], count, "{kind}: the connector has seen more or fewer than there are");
    }
}
