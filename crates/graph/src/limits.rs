//! How much the client asks for, and how much at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// Lets requests through: so many in all, so many a mailbox, and none to a mailbox that asked for a pause. Whoever is told
/// that it is too much gets half of its places, and one back after each stretch of answers without a complaint: what the
/// service takes [changes](https://learn.microsoft.com/en-us/graph/throttling), and nobody says when.
pub(crate) struct Gates {
    overall: Places,
    per_mailbox: usize,
    mailboxes: Mutex<HashMap<GraphUserId, Arc<MailboxGate>>>,
}

/// The gate of one mailbox, known as long as a request to it is under way or it has fewer places than others.
pub(crate) struct MailboxGate {
    places: Places,
    closed_until: Mutex<Option<Instant>>,
}

/// The right to have one request in flight. Dropped when its answer is read.
pub(crate) struct Passage<'a> {
    mailbox: Option<Place<'a>>,
    overall: Place<'a>,
}

/// A number of places that shrinks and grows.
struct Places {
    free: Semaphore,
    most: usize,
    state: Mutex<PlacesState>,
}

struct PlacesState {
    /// How many there are now.
    now: usize,
    /// How many of those that are taken go away when they are given back.
    owed: usize,
    /// Answers without a complaint since the number changed.
    quiet: usize,
    /// When it was halved last: a request that was under way by then says nothing new.
    halved_at: Option<Instant>,
}

/// One of the places, taken.
struct Place<'a> {
    places: &'a Places,
    taken_at: Instant,
    permit: Option<SemaphorePermit<'a>>,
}

/// So many answers for each place, without a complaint, bring one place more.
const QUIET_ANSWERS: usize = 8;

impl Places {
    fn new(most: usize) -> Self {
        let state = PlacesState { now: most, owed: 0, quiet: 0, halved_at: None };
        Self { free: Semaphore::new(most), most, state: Mutex::new(state) }
    }

    async fn take(&self) -> Place<'_> {
        let permit = self.free.acquire().await.expect("this semaphore is never closed");
        Place { places: self, taken_at: Instant::now(), permit: Some(permit) }
    }

    fn state(&self) -> MutexGuard<'_, PlacesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Half of the places go, unless they went since `taken_at`. `false`: there is only one left.
    fn halve(&self, taken_at: Instant) -> bool {
        let mut state = self.state();
        if state.halved_at.is_some_and(|at| taken_at <= at) {
            return true;
        }
        if state.now <= 1 {
            return false;
        }
        let gone = state.now / 2;
        state.now -= gone;
        state.owed += gone - self.free.forget_permits(gone);
        state.quiet = 0;
        state.halved_at = Some(Instant::now());
        true
    }

    fn was_quiet(&self) {
        let mut state = self.state();
        if state.now == self.most {
            return;
        }
        state.quiet += 1;
        if state.quiet >= QUIET_ANSWERS * state.now {
            state.quiet = 0;
            state.now += 1;
            if state.owed > 0 {
                state.owed -= 1;
            } else {
                self.free.add_permits(1);
            }
        }
    }

    fn are_reduced(&self) -> bool {
        self.state().now < self.most
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.places.state();
        if state.owed > 0 {
            state.owed -= 1;
            if let Some(permit) = self.permit.take() {
                permit.forget();
            }
        }
    }
}

impl Gates {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            overall: Places::new(limits.overall.max(1)),
            per_mailbox: limits.per_mailbox.max(1),
            mailboxes: Mutex::default(),
        }
    }

    /// The one gate of a mailbox. Those that nobody holds any more, and that are like new, are forgotten when another is made.
    pub(crate) fn of(&self, mailbox: &GraphUserId) -> Arc<MailboxGate> {
        let mut known = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = known.get(mailbox) {
            return Arc::clone(gate);
        }
        known.retain(|_, gate| Arc::strong_count(gate) > 1 || gate.places.are_reduced() || gate.closed().is_some());
        let gate = Arc::new(MailboxGate { places: Places::new(self.per_mailbox), closed_until: Mutex::default() });
        known.insert(mailbox.clone(), Arc::clone(&gate));
        gate
    }

    /// Waits for a place on the mailbox, then for one overall, so that a busy mailbox keeps no place from another.
    pub(crate) async fn pass<'a>(&'a self, mailbox: Option<&'a MailboxGate>) -> Passage<'a> {
        let place = match mailbox {
            Some(gate) => Some(gate.place().await),
            None => None,
        };
        Passage { mailbox: place, overall: self.overall.take().await }
    }
}

impl Passage<'_> {
    /// The service said that it is too much: for this mailbox, which holds no other back; in all, where no mailbox was asked
    /// or this one has a single place left already.
    pub(crate) fn was_too_much(&self) {
        let is_the_mailboxs = self.mailbox.as_ref().is_some_and(|place| place.places.halve(place.taken_at));
        if !is_the_mailboxs {
            self.overall.places.halve(self.overall.taken_at);
        }
    }

    /// The service answered.
    pub(crate) fn was_quiet(&self) {
        if let Some(place) = &self.mailbox {
            place.places.was_quiet();
        }
        self.overall.places.was_quiet();
    }
}

impl MailboxGate {
    /// Nobody else asks this mailbox anything before `until`: it said that it has enough.
    pub(crate) fn close_until(&self, until: Instant) {
        let mut closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *closed = Some(closed.map_or(until, |before| before.max(until)));
    }

    async fn place(&self) -> Place<'_> {
        loop {
            let place = self.places.take().await;
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

    /// How many more requests a mailbox lets through at once, besides those that are held.
    fn more(places: &Places) -> usize {
        places.free.available_permits()
    }

    #[tokio::test(start_paused = true)]
    async fn a_complaint_halves_and_quiet_brings_back_one_by_one() {
        let gates = Gates::new(&Limits::default());
        let gate = gates.of(&"u1".parse().unwrap());
        let step = || tokio::time::advance(Duration::from_millis(1));
        step().await;
        let all = [gates.pass(Some(&gate)).await, gates.pass(Some(&gate)).await, gates.pass(Some(&gate)).await];
        step().await;
        // Three complain together: that is one piece of news.
        all.iter().for_each(Passage::was_too_much);
        assert_eq!((gate.places.state().now, more(&gate.places)), (2, 0), "one was free and went, one is owed");
        drop(all);
        assert_eq!(more(&gate.places), 2);
        assert_eq!(more(&gates.overall), 16, "another mailbox is held back");
        step().await;
        gates.pass(Some(&gate)).await.was_too_much();
        assert_eq!(gate.places.state().now, 1);
        for _ in 0..QUIET_ANSWERS {
            gates.pass(Some(&gate)).await.was_quiet();
        }
        assert_eq!((gate.places.state().now, more(&gate.places)), (2, 2));
        assert!(Arc::ptr_eq(&gate, &gates.of(&"u1".parse().unwrap())));
        for _ in 0..QUIET_ANSWERS * 5 {
            gates.pass(Some(&gate)).await.was_quiet();
        }
        assert_eq!((gate.places.state().now, more(&gate.places)), (4, 4), "never more than the limit");
    }

    #[tokio::test(start_paused = true)]
    async fn a_mailbox_that_complains_at_one_request_lowers_the_overall_number() {
        let gates = Gates::new(&Limits { per_mailbox: 1, overall: 8, ..Limits::default() });
        let gate = gates.of(&"u1".parse().unwrap());
        tokio::time::advance(Duration::from_millis(1)).await;
        gates.pass(Some(&gate)).await.was_too_much();
        assert_eq!(more(&gates.overall), 4);
        tokio::time::advance(Duration::from_millis(1)).await;
        for expected in [2, 1, 1] {
            gates.pass(None).await.was_too_much();
            tokio::time::advance(Duration::from_millis(1)).await;
            assert_eq!(more(&gates.overall), expected);
        }
    }
}
