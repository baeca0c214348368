//! How much the client asks for, and how much at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use m365_model::GraphUserId;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// The client's bounds. The defaults suit Microsoft's published
/// [limits](https://learn.microsoft.com/en-us/graph/throttling-limits#outlook-service-limits).
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests in flight on one mailbox, mail and calendar together.
    pub per_mailbox: usize,
    /// Requests in flight in all.
    pub overall: usize,
    /// Messages a page.
    pub mail_page: u32,
    /// Events a page. Small pages make Graph expand a long series
    /// [over and over](https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/3082).
    pub calendar_page: u32,
    /// Messages or events a page, where large pages are asked for.
    pub large_page: u32,
    /// The longest answer that is read, in bytes, after decompression.
    pub longest_answer: usize,
    /// How often one request is sent in all before its failure is believed.
    pub attempts: u32,
    /// The bound of the wait before the second attempt; it doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait, also where Microsoft asks for a longer one.
    pub longest_wait: Duration,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long the other side may be silent.
    pub read_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_mailbox: 4,
            overall: 16,
            mail_page: 200,
            calendar_page: 100,
            large_page: 500,
            longest_answer: 64 << 20,
            attempts: 6,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_mins(5),
            connect_timeout: Duration::from_secs(15),
            read_timeout: Duration::from_secs(90),
        }
    }
}

impl Limits {
    pub(crate) fn with_large_pages(&self) -> Self {
        let larger = |page: u32| page.max(self.large_page);
        Self { mail_page: larger(self.mail_page), calendar_page: larger(self.calendar_page), ..self.clone() }
    }
}

/// Lets requests through: so many in all, so many a mailbox, and none to a mailbox that asked for a pause.
pub(crate) struct Gates {
    overall: Semaphore,
    per_mailbox: usize,
    mailboxes: Mutex<HashMap<GraphUserId, Weak<MailboxGate>>>,
}

/// The gate of one mailbox, alive as long as a request to it is.
pub(crate) struct MailboxGate {
    places: Semaphore,
    closed_until: Mutex<Option<Instant>>,
}

/// The right to have one request in flight. Dropped when its answer is read.
pub(crate) struct Passage<'a> {
    _mailbox: Option<SemaphorePermit<'a>>,
    _overall: SemaphorePermit<'a>,
}

impl Gates {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            overall: Semaphore::new(limits.overall.max(1)),
            per_mailbox: limits.per_mailbox.max(1),
            mailboxes: Mutex::default(),
        }
    }

    /// The one gate of a mailbox. Those that nobody holds any more are forgotten when a new one is made.
    pub(crate) fn of(&self, mailbox: &GraphUserId) -> Arc<MailboxGate> {
        let mut known = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = known.get(mailbox).and_then(Weak::upgrade) {
            return gate;
        }
        known.retain(|_, gate| gate.strong_count() > 0);
        let gate = Arc::new(MailboxGate { places: Semaphore::new(self.per_mailbox), closed_until: Mutex::default() });
        known.insert(mailbox.clone(), Arc::downgrade(&gate));
        gate
    }

    /// Waits for a place on the mailbox, then for one overall, so that a busy mailbox keeps no place from another.
    pub(crate) async fn pass<'a>(&'a self, mailbox: Option<&'a MailboxGate>) -> Passage<'a> {
        let place = match mailbox {
            Some(gate) => Some(gate.place().await),
            None => None,
        };
        let overall = self.overall.acquire().await.expect("this semaphore is never closed");
        Passage { _mailbox: place, _overall: overall }
    }
}

impl MailboxGate {
    /// Nobody else asks this mailbox anything before `until`: it said that it has enough.
    pub(crate) fn close_until(&self, until: Instant) {
        let mut closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *closed = Some(closed.map_or(until, |before| before.max(until)));
    }

    async fn place(&self) -> SemaphorePermit<'_> {
        loop {
            let place = self.places.acquire().await.expect("this semaphore is never closed");
            let Some(until) = self.closed() else { return place };
            drop(place);
            tokio::time::sleep_until(until).await;
        }
    }

    fn closed(&self) -> Option<Instant> {
        self.closed_until.lock().unwrap_or_else(PoisonError::into_inner).filter(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_that_nobody_reads_are_forgotten() {
        let gates = Gates::new(&Limits::default());
        let kept = gates.of(&"kept".parse().unwrap());
        for n in 0..100 {
            gates.of(&format!("user-{n}").parse().unwrap());
        }
        assert!(gates.mailboxes.lock().unwrap().len() <= 2);
        assert!(Arc::ptr_eq(&kept, &gates.of(&"kept".parse().unwrap())), "two gates for one mailbox");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_for_everyone_on_the_mailbox() {
        let gates = Gates::new(&Limits::default());
        let gate = gates.of(&"u1".parse().unwrap());
        let start = Instant::now();
        gate.close_until(start + Duration::from_secs(7));
        gate.close_until(start + Duration::from_secs(3));
        drop(gates.pass(None).await);
        assert_eq!(start.elapsed(), Duration::ZERO, "another's pause was waited for");
        drop(gates.pass(Some(&gate)).await);
        assert!(start.elapsed() >= Duration::from_secs(7));
    }
}
