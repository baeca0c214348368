//! Moments of a run that tests wait for.

use std::sync::Once;

use m365_sync::{Progress, Watcher};
use testkit::Turnstile;
use tokio::sync::Notify;

/// Shuts the turnstile at the first page of which something was kept, so that the run stands still in its middle.
pub struct FirstPage {
    turnstile: Turnstile,
    once: Once,
    reached: Notify,
}

impl FirstPage {
    pub fn of(turnstile: &Turnstile) -> Self {
        Self { turnstile: turnstile.clone(), once: Once::new(), reached: Notify::new() }
    }

    /// Waits for it.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }
}

impl Watcher for FirstPage {
    fn on(&self, progress: Progress) {
        if matches!(progress, Progress::Page { kept, .. } if kept > 0) {
            self.once.call_once(|| {
                self.turnstile.shut();
                self.reached.notify_one();
            });
        }
    }
}
