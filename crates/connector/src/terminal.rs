//! Progress on a terminal.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use m365_sync::{Progress, Watcher};

/// A bar over the mailboxes, with items seen and kept beside it. Silent where stderr is no terminal.
pub struct Bar {
    inner: ProgressBar,
    seen: AtomicU64,
    kept: AtomicU64,
}

impl Bar {
    /// A bar, not shown before the number of mailboxes is known.
    pub fn new() -> Self {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::no_length() } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("  {bar:30} {pos}/{len} mailboxes  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { inner: bar, seen: AtomicU64::new(0), kept: AtomicU64::new(0) }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.inner.finish();
    }
}

impl Watcher for Bar {
    fn on(&self, progress: Progress) {
        match progress {
            Progress::Mailboxes(n) => self.inner.set_length(n),
            Progress::MailboxDone => self.inner.inc(1),
            Progress::Traffic { .. } => {}
            Progress::Page { seen, kept } => {
                let seen = self.seen.fetch_add(seen, Ordering::Relaxed) + seen;
                let kept = self.kept.fetch_add(kept, Ordering::Relaxed) + kept;
                self.inner.set_message(format!("{seen} items seen, {kept} kept"));
            }
        }
    }
}
