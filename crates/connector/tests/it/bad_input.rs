//! What is wrong is refused with a sentence that helps, an exit code that says whose turn it is, and nothing done.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::office::{Ended, KEY, Office};

async fn sqlite(office: &Office) -> SqliteConnection {
    SqliteConnectOptions::new().filename(office.database()).connect().await.expect("a connection")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_none_is_named_and_not_shown() {
    for bad in ["hunter2", "0011", &"g".repeat(64), &"a".repeat(63), &"a".repeat(65)] {
        let mut office = Office::new(|_| {});
        office.set("CONNECTOR_ENCRYPTION_KEY", bad);
        let ended = office.run(&["migrate"]);
        ended.assert_refusal(2, "CONNECTOR_ENCRYPTION_KEY: expected 64 hexadecimal digits");
        assert!(!ended.err.contains(bad), "{}", ended.err);
        assert!(!office.database().exists(), "a database was made");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mistake_in_the_environment_is_named_at_once() {
    let mut office = Office::new(|_| {});
    office.set("CONNECTOR_ENCRYPTION_KEY", "");
    office.set("O365_CLIENT_ID", "");
    office.set("O365_CLIENT_SECRET", "");
    office.set("O365_GRAPH_URL", "http://graph.example/v1.0");
    let ended = office.run(&["sync"]);
    for name in ["CONNECTOR_ENCRYPTION_KEY", "O365_CLIENT_ID", "O365_CLIENT_SECRET", "O365_GRAPH_URL"] {
        ended.assert_refusal(2, name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_set_up_says_what_to_run() {
    let office = Office::new(|_| {});
    for arguments in [&["sync"][..], &["activities"], &["allowlist", "list"], &["dpa", "status"]] {
        office.run(arguments).assert_refusal(2, "m365-connector migrate");
    }
    office.done(&["migrate"]);
    assert!(office.run(&["migrate"]).err.contains("up to date"));
    office.run(&["sync"]).assert_refusal(1, "m365-connector connect");
    office.done(&["connect", "--entra-tenant-id", crate::office::ENTRA, "--tenant-domain", "contoso.com"]);
    let blocked = office.run(&["sync", "--json"]);
    assert_eq!(blocked.code, Some(3), "{}", blocked.err);
    assert_eq!(blocked.summary()["status"], "blocked");
    assert!(office.sim.request_log().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_a_newer_version_is_left_alone() {
    let office = Office::ready(|_| {});
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'of tomorrow', 1, X'00', 0)";
    sqlx::query(newer).execute(&mut sqlite(&office).await).await.unwrap();
    office.run(&["sync"]).assert_refusal(2, "newer version");
    assert_ne!(office.run(&["migrate"]).code, Some(0));
    assert!(office.sim.request_log().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_ends_as_refused_with_a_hint() {
    let mut office = Office::ready(|_| {});
    office.set("O365_CLIENT_SECRET", "hunter2");
    let ended = office.run(&["sync", "--json"]);
    assert_eq!(ended.code, Some(4), "{}", ended.err);
    assert_eq!(ended.summary()["status"], "failed");
    let text = ended.out.clone() + &ended.err;
    assert!(text.contains("secret") && !text.contains("hunter2"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_that_cannot_be_reached_is_a_failure_to_try_again() {
    let mut office = Office::ready(|_| {});
    // A port that was free a moment ago.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    office.set("AZURE_AUTHORITY_HOST", &format!("http://{nobody}"));
    let ended = office.run(&["sync", "--json"]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let problems = &ended.summary()["problems"];
    assert_eq!(problems.as_array().unwrap().len(), 1, "{problems}");
    assert!(problems[0]["resolution"].as_str().unwrap().len() > 20, "{problems}");
    assert!(office.records().is_empty());
}

/// Fails when a sync does not begin with `assert_key`, or when its error is told as any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_installations_key_is_named_and_nothing_is_done() {
    let mut office = Office::ready(|_| {});
    office.done(&["sync"]);
    let (stored, asked) = (office.records(), office.sim.request_log().len());
    office.set("CONNECTOR_ENCRYPTION_KEY", &"ab".repeat(32));
    for arguments in [&["sync"][..], &["sync", "--json"], &["allowlist", "remove", "acme.com", "--purge"]] {
        let ended = office.run(arguments);
        ended.assert_refusal(2, "CONNECTOR_ENCRYPTION_KEY does not open this database");
        ended.assert_refusal(2, "nothing was changed");
    }
    let health = office.run(&["health"]);
    assert!(health.code == Some(1) && health.out.contains("CONNECTOR_ENCRYPTION_KEY"), "{}", health.out);
    assert_eq!(office.sim.request_log().len(), asked, "something was asked");
    assert_eq!(office.records(), stored);
    office.set("CONNECTOR_ENCRYPTION_KEY_PREVIOUS", KEY);
    office.done(&["sync"]);
    office.set("CONNECTOR_ENCRYPTION_KEY_PREVIOUS", &"ab".repeat(32));
    office.set("CONNECTOR_ENCRYPTION_KEY", KEY);
    office.done(&["sync"]);
    office.assert_true();
    assert_eq!(office.records(), stored);
}

/// Everything that a domain can be mistaken for; the sentence says which.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_is_no_domain_of_others_is_refused_with_all_beside_it() {
    let office = Office::ready(|_| {});
    let before = office.done(&["allowlist", "list"]);
    for (entry, says) in [
        ("jane@initech.com", "name the domain alone"),
        ("https://initech.com/", "web address"),
        ("co.uk", "public suffix"),
        ("com", "public suffix"),
        ("contoso.com", "your own domains"),
        ("news.Contoso.com", "your own domains"),
        ("*.initech.com", "no *"),
        ("192.168.0.1", "IP address"),
        ("initech", "two parts"),
        ("", "nothing was given"),
        ("gmail.com", "--yes"),
    ] {
        let ended = office.run(&["allowlist", "add", "umbrella.example", entry]);
        ended.assert_refusal(2, says);
        ended.assert_refusal(2, "Nothing was added");
        assert!(!ended.err.contains("jane@"), "{}", ended.err);
        assert_eq!(office.done(&["allowlist", "list"]), before, "{entry} was added, or what stood beside it");
    }
    office.done(&["allowlist", "add", "gmail.com", "--yes"]);
    assert!(office.done(&["allowlist", "list"]).contains("gmail.com"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_no_user() {
    let office = Office::new(|_| {});
    let ended = office.run(&["dpa", "accept", "--user", "jane@contoso.com"]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    let ended = office.run(&["connect", "--entra-tenant-id", "contoso.com", "--tenant-domain", "contoso.com"]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("GUID"), "{}", ended.err);
}

/// Someone whom permissions bind: this user, or where that is root, who is above them, another one.
fn bound_user(office: &Office) -> Option<u32> {
    let owner = std::fs::metadata(office.folder.path()).expect("the folder").uid();
    (owner == 0).then_some(65_534)
}

/// Runs the program as someone who may read the database and its folder, and write to neither.
fn run_as_reader(office: &Office, arguments: &[&str]) -> Ended {
    let mode = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("rights");
    for entry in std::fs::read_dir(office.folder.path()).expect("the folder") {
        mode(&entry.expect("an entry").path(), 0o444);
    }
    // A copy that any user can reach.
    let program = office.folder.path().join("program");
    std::fs::copy(env!("CARGO_BIN_EXE_m365-connector"), &program).expect("a copy");
    mode(&program, 0o555);
    mode(office.folder.path(), 0o555);
    let mut command = office.command_of(&program, arguments);
    if let Some(user) = bound_user(office) {
        command.uid(user);
    }
    let ended = Ended::of(command.output().expect("the program"));
    mode(office.folder.path(), 0o700);
    ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_be_written_says_so_and_asks_nothing() {
    let office = Office::ready(|_| {});
    let ended = run_as_reader(&office, &["sync"]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("writable"), "{}", ended.err);
    // What SQLite says of it.
    assert!(!ended.err.contains("attempt to write"), "{}", ended.err);
    assert!(office.sim.request_log().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_file_is_its_owners_alone() {
    let office = Office::ready(|_| {});
    office.done(&["sync"]);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(office.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?} is {mode:o}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    assert!(names.iter().any(|name| name.contains(".lock")) && names.len() >= 2, "{names:?}");
}
