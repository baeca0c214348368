//! A kit whose syncs are done by a worker on Temporal. In all else it is the kit of the engine's suite.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use graph_sim::SimOptions;
use m365_sync::runner::Elsewhere as _;
use m365_sync::{Engine, Outcome, Progress, SyncError, Unwatched, Watcher};
use m365_worker::{Remote, Temporal, TemporalOptions, work};
use tokio::sync::oneshot;

/// Where the server for tests is (`scripts/with-temporal`).
#[expect(clippy::disallowed_methods, reason = "where a server for tests runs is told to tests alone")]
pub fn server() -> Option<String> {
    std::env::var("TEST_TEMPORAL_ADDRESS").ok()
}

/// A task queue that nobody else has.
pub fn options() -> TemporalOptions {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = server().expect("a Temporal server: scripts/with-temporal");
    TemporalOptions {
        address: format!("http://{server}").parse().expect("an address"),
        namespace: "default".to_owned(),
        task_queue: format!("test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)),
        api_key: None,
        tls: None,
    }
}

/// A worker in a thread of its own, until it is dropped.
pub struct Worker {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub fn start(options: TemporalOptions, engine: Engine, watcher: Arc<dyn Watcher>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let temporal = Temporal::connect(options, &engine.store).await.expect("a connection");
                let stopped = async {
                    stopped.await.ok();
                };
                work(temporal, engine, watcher, stopped).await.expect("a worker that ends well");
            });
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.take();
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the worker ended badly");
        }
    }
}

/// Hands moments of a run to whoever syncs, and waits until they are done with each, as a watcher in the process would.
struct Bridge(SyncSender<Moment>);

type Moment = (Progress, SyncSender<()>);

impl Watcher for Bridge {
    fn on(&self, progress: Progress) {
        let (done, wait) = sync_channel(0);
        if self.0.send((progress, done)).is_ok() {
            wait.recv().ok();
        }
    }
}

/// The kit.
pub struct Kit {
    kit: testkit::Kit,
    options: TemporalOptions,
}

impl Deref for Kit {
    type Target = testkit::Kit;
    fn deref(&self) -> &testkit::Kit {
        &self.kit
    }
}

impl DerefMut for Kit {
    fn deref_mut(&mut self) -> &mut testkit::Kit {
        &mut self.kit
    }
}

impl From<testkit::Kit> for Kit {
    fn from(kit: testkit::Kit) -> Self {
        Self { kit, options: options() }
    }
}

impl Kit {
    pub async fn new(change: impl FnOnce(&mut SimOptions)) -> Self {
        testkit::Kit::new(change).await.into()
    }

    pub async fn ready(domains: &[&str], change: impl FnOnce(&mut SimOptions)) -> Self {
        On::sqlite().ready(domains, change).await
    }

    pub async fn ready_behind_turnstile(domains: &[&str], change: impl FnOnce(&mut SimOptions)) -> Self {
        On::sqlite().ready_behind_turnstile(domains, change).await
    }

    pub async fn sync(&self) -> Outcome {
        self.sync_watched(&Unwatched).await
    }

    pub async fn sync_watched(&self, watcher: &dyn Watcher) -> Outcome {
        self.try_sync(watcher).await.expect("a run that ends with a summary")
    }

    /// Starts a run, has a worker do it, and gives what the database says of it.
    pub async fn try_sync(&self, watcher: &dyn Watcher) -> Result<Outcome, SyncError> {
        let (store, tenant) = (&self.kit.store, &self.kit.tenant);
        let before = store.last_run(tenant).await?;
        let (told, moments) = sync_channel(0);
        let moments = Mutex::new(moments);
        let temporal = Temporal::connect(self.options.clone(), store).await.expect("a connection");
        let remote = Remote::new(temporal, store.clone());
        remote.start(tenant).await.expect("a run that begins");
        // A process of its own would open the database for itself.
        let engine = Engine { store: self.kit.reopen().await, ..self.kit.engine.clone() };
        let _worker = Worker::start(self.options.clone(), engine, Arc::new(Bridge(told)));
        let finished = remote.finished(tenant);
        let mut finished = std::pin::pin!(finished);
        let mut looks = tokio::time::interval(std::time::Duration::from_millis(2));
        loop {
            tokio::select! {
                ended = &mut finished => {
                    ended.expect("Temporal");
                    break;
                }
                _ = looks.tick() => pass_on(&moments.lock().expect("no holder panics"), watcher),
            }
        }
        drop(moments);
        let run = store.last_run(tenant).await?.expect("a run");
        assert_ne!(before.map(|run| run.id), Some(run.id), "no run began");
        let (Some(ended), Some(summary)) = (run.ended, run.summary) else {
            return Err(m365_store::StoreError::Unreadable("sync_run.summary").into());
        };
        Ok(Outcome { ended, summary: serde_json::from_str(&summary).expect("a summary") })
    }
}

fn pass_on(moments: &Receiver<Moment>, watcher: &dyn Watcher) {
    while let Ok((progress, done)) = moments.try_recv() {
        watcher.on(progress);
        done.send(()).ok();
    }
}

/// The engine that a ground is on.
#[derive(Clone, Debug)]
pub struct On(testkit::On);

impl Deref for On {
    type Target = testkit::On;
    fn deref(&self) -> &testkit::On {
        &self.0
    }
}

impl On {
    pub fn sqlite() -> Self {
        Self(testkit::On::sqlite())
    }

    pub fn each() -> Vec<Self> {
        testkit::On::each().into_iter().map(Self).collect()
    }

    pub async fn kit(&self, change: impl FnOnce(&mut SimOptions)) -> Kit {
        self.0.kit(change).await.into()
    }

    pub async fn ready(&self, domains: &[&str], change: impl FnOnce(&mut SimOptions)) -> Kit {
        self.0.ready(domains, change).await.into()
    }

    pub async fn ready_behind_turnstile(&self, domains: &[&str], change: impl FnOnce(&mut SimOptions)) -> Kit {
        self.0.ready_behind_turnstile(domains, change).await.into()
    }
}
