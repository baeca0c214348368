//! Requests to end, from a person or a service manager: Ctrl-C and SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Hears requests to end, from its making on.
pub struct Listener {
    signals: Option<(Signal, Signal)>,
    heard: watch::Sender<u32>,
}

/// Whoever wants to end in good order. None is missed, however late somebody asks.
#[derive(Clone)]
pub struct Requests(watch::Receiver<u32>);

impl Listener {
    /// Begins to listen.
    pub fn new() -> Self {
        let both = signal(SignalKind::interrupt()).and_then(|int| Ok((int, signal(SignalKind::terminate())?)));
        Self { signals: both.ok(), heard: watch::Sender::new(0) }
    }

    /// What was heard, for a command.
    pub fn requests(&self) -> Requests {
        Requests(self.heard.subscribe())
    }

    /// Listens until so many were heard.
    pub async fn hear(&mut self, requests: u32) {
        // Without signals nobody asks.
        let Some((int, term)) = &mut self.signals else { return std::future::pending().await };
        while *self.heard.borrow() < requests {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
            self.heard.send_modify(|heard| *heard += 1);
        }
    }
}

impl Requests {
    /// Waits for the first one.
    pub async fn first(&mut self) {
        if self.0.wait_for(|heard| *heard > 0).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
