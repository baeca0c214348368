//! What the database knows of all connectors, read when somebody asks for metrics.
//!
//! The cost has a bound: so many connectors a look, by a few rows each, and so much time in all. Where there are more connectors,
//! each look goes on where the one before ended; of the others it tells what was seen last.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use m365_model::{Ended, TenantId};
use m365_store::glance::{ConnectorState, EndedRun, Glance};
use m365_store::{Store, StoreError};
use m365_sync::summary::Dropped;
use prometheus::core::Collector;
use prometheus::{GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::Tells;

/// Connectors a look.
const AT_ONCE: usize = 100;
/// Runs of one connector a look.
const RUNS: u16 = 50;
/// A look that takes longer tells what it has seen by then.
const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// The word for a run whose process was killed, or of a reason that a newer version wrote.
const KILLED: &str = "killed";
const OTHER: &str = "other";

/// The outcomes of runs: each way to end, and `killed`.
const ENDS: [Ended; 5] = [Ended::Done, Ended::Partly, Ended::Blocked, Ended::Refused, Ended::Failed];

/// The metrics that the database fills.
pub struct Fleet {
    store: Store,
    tells: Tells,
    up: IntGauge,
    schema: IntGaugeVec,
    connectors: IntGaugeVec,
    last_good: GaugeVec,
    token_expiry: GaugeVec,
    secret_expiry: GaugeVec,
    runs: IntCounterVec,
    seen: IntCounterVec,
    kept: IntCounterVec,
    dropped: IntCounterVec,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    connectors: BTreeMap<TenantId, Connector>,
    /// Who was looked at last.
    last: Option<TenantId>,
}

/// A connector, when it was looked at last.
struct Connector {
    glance: Glance,
    /// The place of the run that was counted last.
    counted: i64,
    last_good: Option<Timestamp>,
}

/// What is counted of a run summary.
#[derive(Deserialize)]
struct Summary {
    events: SeenKept,
    messages: SeenKept,
    dropped: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct SeenKept {
    seen: u64,
    kept: u64,
}

impl Fleet {
    pub fn new(store: Store, tells: Tells, registry: &Registry) -> prometheus::Result<Self> {
        let fleet = Self {
            store,
            tells,
            up: IntGauge::new("m365_database_up", "Whether the database answered this scrape: 1 or 0.")?,
            schema: gauges("m365_database_schema_version", "The version of the database's schema.", &[])?,
            connectors: gauges("m365_connectors", "Connectors by state.", &["state"])?,
            last_good: instants("m365_last_good_sync_timestamp_seconds", LAST_GOOD)?,
            token_expiry: instants("m365_access_token_expiry_timestamp_seconds", "When the first access token ends.")?,
            secret_expiry: instants("m365_client_secret_expiry_timestamp_seconds", SECRET)?,
            runs: counters("m365_runs_total", "Syncs that ended, by outcome.", "outcome")?,
            seen: counters("m365_items_seen_total", "Items that syncs saw, by kind.", "kind")?,
            kept: counters("m365_items_kept_total", "Items that syncs kept, by kind.", "kind")?,
            dropped: counters("m365_items_dropped_total", "Items that syncs did not keep, by reason.", "reason")?,
            known: Mutex::default(),
        };
        registry.register(Box::new(fleet.up.clone()))?;
        registry.register(Box::new(fleet.schema.clone()))?;
        if tells == Tells::Everything {
            fleet.begin_at_zero();
            for collector in fleet.of_all_connectors() {
                registry.register(collector)?;
            }
        }
        Ok(fleet)
    }

    fn of_all_connectors(&self) -> [Box<dyn Collector>; 8] {
        [
            Box::new(self.connectors.clone()),
            Box::new(self.last_good.clone()),
            Box::new(self.token_expiry.clone()),
            Box::new(self.secret_expiry.clone()),
            Box::new(self.runs.clone()),
            Box::new(self.seen.clone()),
            Box::new(self.kept.clone()),
            Box::new(self.dropped.clone()),
        ]
    }

    /// A counter that is not there before its first event cannot be seen to rise.
    fn begin_at_zero(&self) {
        for outcome in ENDS.map(Ended::word).into_iter().chain([KILLED]) {
            self.runs.with_label_values(&[outcome]);
        }
        for kind in ["event", "message"] {
            self.seen.with_label_values(&[kind]);
            self.kept.with_label_values(&[kind]);
        }
        for reason in Dropped::ALL.map(Dropped::word).into_iter().chain([OTHER]) {
            self.dropped.with_label_values(&[reason]);
        }
    }

    /// Brings the metrics up to now, as far as the bounds allow. One look at a time.
    pub async fn look(&self) {
        let mut known = self.known.lock().await;
        // What is not answered in time is as good as not answered.
        let looked = tokio::time::timeout(LONGEST_LOOK, self.look_into(&mut known)).await;
        if !matches!(looked, Ok(Ok(()))) {
            tracing::warn!("the database did not tell everything that the metrics ask for");
        }
        self.tell(&known);
    }

    async fn look_into(&self, known: &mut Known) -> Result<(), StoreError> {
        self.up.set(0);
        self.schema.reset();
        let schema = self.store.database().schema_version().await?;
        self.up.set(1);
        self.schema.with_label_values::<&str>(&[]).set(schema);
        if self.tells == Tells::Itself {
            return Ok(());
        }
        let tenants = self.store.database().tenants().await?;
        known.connectors.retain(|tenant, _| tenants.contains(tenant));
        for tenant in in_turn(tenants, known.last.as_ref(), AT_ONCE) {
            self.look_at(known, &tenant).await?;
            known.last = Some(tenant);
        }
        Ok(())
    }

    async fn look_at(&self, known: &mut Known, tenant: &TenantId) -> Result<(), StoreError> {
        let Some(glance) = self.store.glance(tenant).await? else {
            known.connectors.remove(tenant);
            return Ok(());
        };
        if let Some(connector) = known.connectors.get_mut(tenant) {
            connector.glance = glance;
            for run in self.store.runs_ended_after(tenant, connector.counted, RUNS).await? {
                self.count(&run);
                connector.counted = run.number;
                if run.ended == Some(Ended::Done) {
                    connector.last_good = Some(run.at);
                }
            }
            return Ok(());
        }
        // What ended before anybody looked is history, not an event.
        let counted = self.store.newest_ended_run(tenant).await?;
        let last_good = self.store.last_good_run(tenant).await?.and_then(|run| run.ended_at);
        known.connectors.insert(tenant.clone(), Connector { glance, counted, last_good });
        Ok(())
    }

    fn count(&self, run: &EndedRun) {
        self.runs.with_label_values(&[run.ended.map_or(KILLED, Ended::word)]).inc();
        let Some(Ok(summary)) = run.summary.as_deref().map(serde_json::from_str::<Summary>) else { return };
        for (kind, items) in [("event", summary.events), ("message", summary.messages)] {
            self.seen.with_label_values(&[kind]).inc_by(items.seen);
            self.kept.with_label_values(&[kind]).inc_by(items.kept);
        }
        for (word, n) in summary.dropped {
            // The label's words are the code's, not the database's.
            let reason = Dropped::ALL.map(Dropped::word).into_iter().find(|reason| *reason == word).unwrap_or(OTHER);
            self.dropped.with_label_values(&[reason]).inc_by(n);
        }
    }

    fn tell(&self, known: &Known) {
        if self.tells == Tells::Itself {
            return;
        }
        let all = || known.connectors.values();
        for state in ConnectorState::ALL {
            let count = all().filter(|connector| connector.glance.state == state).count();
            self.connectors.with_label_values(&[state.word()]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let active = || all().filter(|connector| connector.glance.state == ConnectorState::Active);
        set(&self.last_good, active().map(|c| c.last_good.unwrap_or(c.glance.connected_at)).min());
        set(&self.token_expiry, active().filter_map(|c| c.glance.token_expires_at).min());
        let in_use = all().filter(|c| c.glance.state != ConnectorState::Disconnected);
        set(&self.secret_expiry, in_use.filter_map(|c| c.glance.secret_expires_on).min().and_then(beginning));
    }
}

const LAST_GOOD: &str = "When the last sync ended that read everything, of the active connector where that is longest ago; its \
                         connection where there was none.";
const SECRET: &str = "When the first client secret ends, of those whose end an administrator noted.";

/// At most `most` of `all`, behind `last`, and from the beginning again.
fn in_turn(all: Vec<TenantId>, last: Option<&TenantId>, most: usize) -> Vec<TenantId> {
    let all: std::collections::BTreeSet<TenantId> = all.into_iter().collect();
    let behind = last.map_or(Bound::Unbounded, Bound::Excluded);
    let later = all.range::<TenantId, _>((behind, Bound::Unbounded));
    let earlier = last.into_iter().flat_map(|last| all.range::<TenantId, _>(..=last));
    later.chain(earlier).take(most).cloned().collect()
}

/// The first instant of a day in UTC: the day itself is too late.
fn beginning(day: Date) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
}

/// A metric that nobody can tell is absent, not zero.
fn set(gauge: &GaugeVec, at: Option<Timestamp>) {
    gauge.reset();
    if let Some(at) = at {
        gauge.with_label_values::<&str>(&[]).set(at.as_duration().as_secs_f64());
    }
}

fn gauges(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
    IntGaugeVec::new(Opts::new(name, help), labels)
}

fn instants(name: &str, help: &str) -> prometheus::Result<GaugeVec> {
    GaugeVec::new(Opts::new(name, help), &[])
}

fn counters(name: &str, help: &str, label: &str) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(name, help), &[label])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenants(names: &[&str]) -> Vec<TenantId> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn each_look_goes_on_where_the_one_before_ended() {
        let all = || tenants(&["c", "a", "d", "b"]);
        assert_eq!(in_turn(all(), None, 3), tenants(&["a", "b", "c"]));
        assert_eq!(in_turn(all(), Some(&"c".parse().unwrap()), 3), tenants(&["d", "a", "b"]));
        assert_eq!(in_turn(all(), Some(&"b".parse().unwrap()), 9), tenants(&["c", "d", "a", "b"]));
        // Who was last may be gone.
        assert_eq!(in_turn(all(), Some(&"bb".parse().unwrap()), 2), tenants(&["c", "d"]));
    }
}
