//! Killed at any moment, and run again: the records are those of an undisturbed run.

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
