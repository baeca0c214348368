//! After a first sync, what is stored is what a careful person would have written down, to the letter.

use testkit::{Kit, On, truth};

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

async fn assert_true(on: &On, seed: u64, mailboxes: usize, domains: &[&str]) {
    let kit = on
        .ready(domains, |options| {
            options.seed = seed;
            options.mailboxes = mailboxes;
        })
        .await;
    kit.sync().await;
    let truth = truth::records(&kit.sim.world(), &kit.rules(domains));
    assert!(!truth.is_empty());
    assert_eq!(kit.falsehood(domains).await, None, "seed {seed}, {mailboxes} mailboxes");
    let stored = truth::within_reach(&kit.records(false).await, kit.now());
    assert_eq!(stored, truth::happened(&truth, kit.now()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_sync_stores_the_truth() {
    for on in On::each() {
        for seed in 1..=5 {
            assert_true(&on, seed, 8, &DOMAINS).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_one_mailbox_and_of_many() {
    for on in On::each() {
        assert_true(&on, 6, 1, &DOMAINS).await;
        assert_true(&on, 7, 25, &DOMAINS).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_a_name_that_is_not_ascii_and_a_look_alike() {
    assert_true(&On::sqlite(), 8, 8, &["xn--bcher-kva.example", "acme.co"]).await;
}

/// Reports disagree: bare days of a series come in the series' own zone, or in the zone that was asked for. The simulator does
/// the former unless it is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_days_come_in_the_zone_that_was_asked_for() {
    let kit = Kit::ready(&DOMAINS, |options| options.mailboxes = 12).await;
    kit.sim.set_quirks(graph_sim::Quirks { occurrences_in_series_zone: false, ..kit.sim.quirks() });
    kit.sync().await;
    assert_eq!(kit.falsehood(&DOMAINS).await, None);
}
