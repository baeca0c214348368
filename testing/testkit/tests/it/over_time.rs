//! While the office goes on, what is stored stays the truth: see `truth::Ledger` for what is compared.

use graph_sim::Quirks;
use jiff::SignedDuration;
use testkit::{On, truth};

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

async fn assert_ledger_is_kept(on: &On, seed: u64, rounds: usize, change: impl FnOnce(Quirks) -> Quirks) {
    let kit = on
        .ready(&DOMAINS, |options| {
            options.seed = seed;
            options.mailboxes = 8;
        })
        .await;
    kit.sim.set_quirks(change(kit.sim.quirks()));
    let mut ledger = truth::Ledger::new(kit.rules(&DOMAINS));
    for round in 0..rounds {
        kit.sync().await;
        ledger.read(&kit.sim.world());
        let wrong = ledger.difference(&kit.records(true).await, kit.now());
        assert!(wrong.is_none(), "seed {seed}, round {round}: {}", wrong.unwrap_or_default());
        kit.ticks(12);
        // Meetings begin, tokens run out.
        kit.advance(SignedDuration::from_hours(24 * i64::from(round % 3 == 2)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn syncs_in_between_keep_the_ledger() {
    for seed in 11..=15 {
        assert_ledger_is_kept(&On::sqlite(), seed, 8, |quirks| quirks).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_as_on_sqlite() {
    let Some(on) = On::postgres() else { return };
    for seed in [11, 16] {
        assert_ledger_is_kept(&on, seed, 8, |quirks| quirks).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn also_where_reports_of_the_service_disagree() {
    assert_ledger_is_kept(&On::sqlite(), 21, 6, |quirks| Quirks { round_trip_is_removal: true, ..quirks }).await;
    assert_ledger_is_kept(&On::sqlite(), 22, 6, |quirks| Quirks { series_removed_by_master_only: true, ..quirks })
        .await;
    assert_ledger_is_kept(&On::sqlite(), 23, 6, |quirks| Quirks { key_form_links: true, ..quirks }).await;
    assert_ledger_is_kept(&On::sqlite(), 24, 6, |quirks| Quirks { strict_id_form: false, ..quirks }).await;
}
