//! Everything together.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::time::Duration;

use graph_sim::{Running, SimOptions, Simulator, Tick};
use jiff::{SignedDuration, Timestamp};
use m365_graph::{Credentials, Endpoints, Limits};
use m365_sync::{Engine, Outcome, SyncError, Unwatched, Watcher, sync};

use crate::truth::{self, Rules};
use crate::{Ground, On, Turnstile};

/// The instant at which every kit begins.
///
/// # Panics
/// Never: it is one.
pub fn start() -> Timestamp {
    "2026-03-02T15:00:00Z".parse().expect("an instant")
}

/// The client's bounds, with waits that no test notices.
pub fn quick_limits() -> Limits {
    let wait = Duration::from_millis(1);
    Limits { first_wait: wait, longest_wait: wait, ..Limits::default() }
}

/// A ground, a simulated tenant, and the engine that reads the one into the other.
pub struct Kit {
    /// The simulated tenant.
    pub sim: Simulator,
    /// What syncs.
    pub engine: Engine,
    ground: Ground,
    /// What stands before the tenant, where one was asked for.
    turnstile: Option<Turnstile>,
    _running: Option<Running>,
}

impl Deref for Kit {
    type Target = Ground;
    fn deref(&self) -> &Ground {
        &self.ground
    }
}

impl Kit {
    /// On SQLite, connected, with nothing accepted and nothing allowed. A small office, unless `change` says otherwise.
    pub async fn new(change: impl FnOnce(&mut SimOptions)) -> Self {
        On::sqlite().kit(change).await
    }

    /// On SQLite, accepted, and ready for these domains.
    pub async fn ready(domains: &[&str], change: impl FnOnce(&mut SimOptions)) -> Self {
        On::sqlite().ready(domains, change).await
    }

    /// On SQLite, accepted, ready for these domains, and behind a turnstile.
    pub async fn ready_behind_turnstile(domains: &[&str], change: impl FnOnce(&mut SimOptions)) -> Self {
        On::sqlite().ready_behind_turnstile(domains, change).await
    }

    async fn put_together(
        on: &On,
        sim: Simulator,
        url: &str,
        running: Option<Running>,
        turnstile: Option<Turnstile>,
    ) -> Self {
        let options = sim.options();
        let ground = Ground::on(on, options.start, &options.tenant_id).await;
        let secret = options.client_secret.clone().into();
        let engine = Engine {
            store: ground.store.clone(),
            endpoints: Endpoints::custom(url, url).expect("a loopback address"),
            credentials: Credentials::new(&options.client_id, &secret).expect("credentials"),
            limits: quick_limits(),
        };
        Self { sim, engine, ground, turnstile, _running: running }
    }

    /// The same engine where nobody answers for Microsoft.
    ///
    /// # Panics
    /// Never: it is a loopback address.
    pub fn engine_alone(&self) -> Engine {
        let nobody = "http://127.0.0.1:9";
        Engine { endpoints: Endpoints::custom(nobody, nobody).expect("a loopback address"), ..self.engine.clone() }
    }

    /// The turnstile of a kit that was made with one.
    ///
    /// # Panics
    /// When it was made without.
    pub fn turnstile(&self) -> &Turnstile {
        self.turnstile.as_ref().expect("a kit with a turnstile")
    }

    /// Syncs once.
    ///
    /// # Panics
    /// When the store fails.
    pub async fn sync(&self) -> Outcome {
        self.sync_watched(&Unwatched).await
    }

    /// Syncs once, and tells `watcher` of it.
    ///
    /// # Panics
    /// When the store fails.
    pub async fn sync_watched(&self, watcher: &dyn Watcher) -> Outcome {
        self.try_sync(watcher).await.expect("a store that works")
    }

    /// Syncs once, where the store may fail.
    ///
    /// # Errors
    /// As the engine's.
    pub async fn try_sync(&self, watcher: &dyn Watcher) -> Result<Outcome, SyncError> {
        sync(&self.tenant, &self.engine, watcher).await
    }

    /// Syncs, and is killed at the so-many-th request of it, unless it ends before. A new process takes over the files.
    pub async fn crash_in_sync(&mut self, request: u64) {
        let fatal = self.sim.requests_begun() + request;
        let killed = async {
            let syncing = sync(&self.tenant, &self.engine, &Unwatched);
            tokio::select! {
                biased;
                () = self.sim.asked(fatal) => {}
                outcome = syncing => drop(outcome.expect("a store that works")),
            }
        };
        killed.await;
        let store = self.ground.reopen().await;
        self.engine.store = store.clone();
        self.ground.store = store;
    }

    /// What is wrong with what is stored, after a first sync of these domains that happened now; `None` when it is the truth.
    pub async fn falsehood(&self, domains: &[&str]) -> Option<String> {
        let truth = truth::records(&self.sim.world(), &self.rules(domains));
        let stored = truth::within_reach(&self.records(true).await, self.now());
        truth::difference(&stored, &truth)
    }

    /// The time, on both sides.
    pub fn now(&self) -> Timestamp {
        self.sim.now()
    }

    /// Lets time pass on both sides.
    pub fn advance(&self, by: SignedDuration) {
        self.sim.advance(by);
        self.clock.set(self.sim.now());
    }

    /// Lets a quarter of an hour of office life pass, on both sides.
    pub fn tick(&self) -> Tick {
        let tick = self.sim.tick();
        self.clock.set(self.sim.now());
        tick
    }

    /// Lets so many quarters of an hour pass.
    pub fn ticks(&self, quarters: usize) {
        for _ in 0..quarters {
            self.tick();
        }
    }

    /// What decides about the truth: these domains and the window of a first sync that happens now.
    pub fn rules(&self, domains: &[&str]) -> Rules {
        Rules::first_sync(domains, self.now())
    }
}

impl On {
    /// A kit on this engine: connected, with nothing accepted and nothing allowed.
    pub async fn kit(&self, change: impl FnOnce(&mut SimOptions)) -> Kit {
        let sim = office(change);
        let running = sim.clone().serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let url = running.url();
        Kit::put_together(self, sim, &url, Some(running), None).await
    }

    /// The same, with a turnstile before the tenant. Connections cannot be cut then.
    pub async fn kit_behind_turnstile(&self, change: impl FnOnce(&mut SimOptions)) -> Kit {
        let sim = office(change);
        let turnstile = Turnstile::before(&sim).await;
        let url = turnstile.url();
        Kit::put_together(self, sim, &url, None, Some(turnstile)).await
    }

    /// A kit on this engine, accepted, and ready for these domains.
    pub async fn ready(&self, domains: &[&str], change: impl FnOnce(&mut SimOptions)) -> Kit {
        let kit = self.kit(change).await;
        kit.accept().await;
        kit.allow(domains).await;
        kit
    }

    /// The same, behind a turnstile.
    pub async fn ready_behind_turnstile(&self, domains: &[&str], change: impl FnOnce(&mut SimOptions)) -> Kit {
        let kit = self.kit_behind_turnstile(change).await;
        kit.accept().await;
        kit.allow(domains).await;
        kit
    }
}

fn office(change: impl FnOnce(&mut SimOptions)) -> Simulator {
    let mut options = SimOptions::new(start());
    options.mailboxes = 6;
    options.messages_per_mailbox = 40;
    options.meetings_per_mailbox = 15;
    change(&mut options);
    Simulator::new(options)
}
