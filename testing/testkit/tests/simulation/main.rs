//! Lists of things that happen, drawn from seeds: see `testkit::simulation`.
//!
//! A hundred seeds, or as many as `M365_SEEDS` says; two thousand with `M365_LONG`. `M365_SEED` plays one alone.

mod kept;

use std::fmt::Write as _;
use std::str::FromStr;

use testkit::simulation::{as_code, draw, play, shortest};
use tokio::task::JoinSet;

/// How many lists are played at once. Each waits for its disk more than it computes.
const AT_ONCE: usize = 3;

/// Of how many that fail the shortest lists are looked for.
const SHORTENED: usize = 3;

#[expect(clippy::disallowed_methods, reason = "how long a test run takes is its caller's choice")]
fn number<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_the_records_are_the_truth() {
    let count = number("M365_SEEDS").unwrap_or(if number::<u8>("M365_LONG").is_some() { 2_000 } else { 100 });
    let seeds = number("M365_SEED").map_or(1..=count, |seed: u64| seed..=seed);
    let played = seeds.clone().count();
    let (mut running, mut failed) = (JoinSet::new(), Vec::new());
    for seed in seeds {
        if running.len() == AT_ONCE {
            failed.extend(running.join_next().await.and_then(|ended: Result<Option<u64>, _>| ended.expect("no panic")));
        }
        running.spawn(async move { play(seed, &draw(seed)).await.is_err().then_some(seed) });
    }
    failed.extend(running.join_all().await.into_iter().flatten());
    failed.sort_unstable();
    let mut said = String::new();
    for seed in failed.iter().take(SHORTENED) {
        let (ops, wrong) = shortest(*seed, &draw(*seed)).await;
        let _ = writeln!(said, "\n{}\n{wrong}", as_code(*seed, &ops));
    }
    assert!(
        failed.is_empty(),
        "{} of {played} seeds fail: {failed:?}\nThe first of them, shortened:\n{said}",
        failed.len()
    );
}
