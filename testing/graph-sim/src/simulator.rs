//! The handle that everything hangs on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::SimOptions;
use crate::entra::Entra;
use crate::faults::Faults;
use crate::generate::{self, Cast, Draw};
use crate::watch::Watch;
use crate::world::World;

/// A running tenant. Clones are handles on the same one.
#[derive(Debug, Clone)]
pub struct Simulator(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: SimOptions,
    world: RwLock<World>,
    desk: Mutex<Desk>,
    faults: Mutex<Faults>,
    entra: Mutex<Entra>,
    watch: Mutex<Watch>,
    /// How many requests have come.
    asked: tokio::sync::watch::Sender<u64>,
}

/// What verbs need beside the world. Whoever takes both takes the desk first.
#[derive(Debug)]
pub(crate) struct Desk {
    pub cast: Cast,
    pub draw: Draw,
}

impl Simulator {
    /// Draws the tenant that these options describe.
    pub fn new(options: SimOptions) -> Self {
        let (world, cast) = generate::tenant(&options);
        let desk = Desk { cast, draw: Draw::new(!options.seed) };
        let entra = Entra::new(&options);
        Self(Arc::new(Shared {
            options,
            world: RwLock::new(world),
            desk: Mutex::new(desk),
            faults: Mutex::default(),
            entra: Mutex::new(entra),
            watch: Mutex::default(),
            asked: tokio::sync::watch::Sender::default(),
        }))
    }

    /// What it was made from.
    pub fn options(&self) -> &SimOptions {
        &self.0.options
    }

    /// The office as it is. Verbs wait for as long as this is held.
    pub fn world(&self) -> RwLockReadGuard<'_, World> {
        self.0.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.0.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn entra(&self) -> MutexGuard<'_, Entra> {
        self.0.entra.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn watch(&self) -> MutexGuard<'_, Watch> {
        self.0.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests have come, those that are not answered yet included.
    pub fn requests_begun(&self) -> u64 {
        *self.0.asked.borrow()
    }

    /// Waits until so many requests have come, counted from the beginning.
    pub async fn asked(&self, requests: u64) {
        let mut asked = self.0.asked.subscribe();
        // The sender lives as long as this handle.
        let _ = asked.wait_for(|n| *n >= requests).await;
    }

    pub(crate) fn note_request(&self) {
        self.0.asked.send_modify(|n| *n += 1);
    }

    /// A router that answers for Graph and Entra both. Without [`Simulator::serve`] around it,
    /// connections cannot be cut: those faults then end in an ordinary answer.
    pub fn router(&self) -> axum::Router {
        crate::http::router(self.clone())
    }
}
