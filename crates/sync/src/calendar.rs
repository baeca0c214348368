//! A page of a calendar: what each event comes to, written down copy by copy.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use m365_database::DpaAccepted;
use m365_graph::{Event, EventKind, Sensitivity, ShowAs};
use m365_model::MailboxId;
use m365_privacy::{FilteredAttendees, RawText, Subject, filter_calendar_attendees};
use m365_store::keys::ShortKey;
use m365_store::meetings::{CopyDetails, CopyKind, CopyState, CopyWrite, StoredCopy};
use m365_store::settings::{Choice, Detail, Switch};
use m365_store::streams::Round;
use m365_store::{PageError, PageTx};

use crate::join::materialize;
use crate::meeting_key::{instance, series_key, single};
use crate::rules::Rules;
use crate::summary::{Counts, Dropped};

/// Series masters of which nothing is stored, for as long as a round lasts: their occurrences need not ask for them.
pub(crate) type DroppedMasters = HashMap<ShortKey, DroppedMaster>;

/// Why nothing of a master is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DroppedMaster {
    pub reason: Dropped,
    pub series: ShortKey,
}

/// What a page of a calendar is read with.
pub(crate) struct CalendarPage<'p> {
    pub gate: &'p DpaAccepted<'p>,
    pub rules: &'p Rules,
    pub mailbox: MailboxId,
    /// Graph's id of the mailbox's user.
    pub user: &'p str,
    pub round: &'p Round,
    pub dropped_masters: &'p mut DroppedMasters,
    pub counts: Counts,
    /// Occurrences that were put aside for their master; they are counted when it is known.
    pub put_aside: u64,
    /// What is stored of the events on this page and of their masters.
    pub stored: HashMap<ShortKey, StoredCopy>,
    /// The meetings whose records may be other ones now.
    pub touched: BTreeSet<ShortKey>,
}

impl<'p> CalendarPage<'p> {
    pub fn new(
        gate: &'p DpaAccepted<'p>,
        rules: &'p Rules,
        mailbox: (MailboxId, &'p str),
        round: &'p Round,
        dropped_masters: &'p mut DroppedMasters,
    ) -> Self {
        let (counts, stored, touched) = (Counts::default(), HashMap::new(), BTreeSet::new());
        let (mailbox, user) = mailbox;
        Self { gate, rules, mailbox, user, round, dropped_masters, counts, put_aside: 0, stored, touched }
    }

    /// Writes down what `events` say. Masters first: an occurrence may stand before its master on a page.
    pub async fn apply(&mut self, tx: &mut PageTx, events: Vec<Event>) -> Result<(), PageError> {
        self.load(tx, &events).await?;
        let (masters, others): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|event| event.kind == EventKind::SeriesMaster && !event.removed);
        for master in masters {
            self.counts.events.drop(Dropped::SeriesMaster);
            self.master(tx, master).await?;
        }
        for event in others {
            self.counts.unknown_zones += u64::from(event.zone_unknown());
            if event.removed {
                self.removed(tx, &event).await?;
            } else {
                self.meeting(tx, event).await?;
            }
        }
        Ok(())
    }

    /// A master that was asked for because its occurrences came without it. It is not an item of the round.
    pub async fn fetched_master(&mut self, tx: &mut PageTx, master: Event) -> Result<(), PageError> {
        self.load(tx, std::slice::from_ref(&master)).await?;
        self.master(tx, master).await
    }

    /// A round that read the whole window has ended: what it did not see is not in the calendar any more.
    pub async fn take_back_unseen(&mut self, tx: &mut PageTx, until: Timestamp) -> Result<(), PageError> {
        let gone = tx.unseen(self.mailbox, self.round.number, (self.round.window_start, until)).await?;
        self.take_back(tx, gone).await
    }

    /// A round that brought what changed has ended: so are days that a changed series does not have any more.
    pub async fn take_back_vanished(&mut self, tx: &mut PageTx, until: Timestamp) -> Result<(), PageError> {
        let gone = tx.vanished_days(self.mailbox, self.round.number, (self.round.window_start, until)).await?;
        self.take_back(tx, gone).await
    }

    /// What has not begun is gone. What has begun stays, as one that its calendar does not have.
    async fn take_back(&mut self, tx: &mut PageTx, gone: Vec<StoredCopy>) -> Result<(), PageError> {
        let now = tx.now();
        for copy in gone {
            if is_upcoming(&copy, now) {
                self.forget(tx, &copy).await?;
            } else {
                self.taken_out(tx, &copy).await?;
            }
        }
        Ok(())
    }

    async fn forget(&mut self, tx: &mut PageTx, copy: &StoredCopy) -> Result<(), PageError> {
        self.touched.extend(copy.meeting_key);
        tx.forget_copy(copy.id).await
    }

    /// Makes the records of every meeting that was touched say what its copies say now.
    pub async fn settle(mut self, tx: &mut PageTx) -> Result<(Counts, u64), PageError> {
        let touched: Vec<ShortKey> = self.touched.iter().copied().collect();
        self.counts.activities += materialize(tx, self.gate, self.rules, &touched).await?;
        Ok((self.counts, self.put_aside))
    }

    async fn load(&mut self, tx: &mut PageTx, events: &[Event]) -> Result<(), PageError> {
        let mut keys = BTreeSet::new();
        for event in events {
            keys.insert(self.key(&event.id));
            keys.extend(event.series_master_id.as_deref().map(|id| self.key(id)));
        }
        let keys: Vec<ShortKey> = keys.into_iter().collect();
        self.stored = tx.copies(&keys).await?.into_iter().map(|copy| (copy.key, copy)).collect();
        Ok(())
    }

    /// A meeting by itself, or one of a series.
    async fn meeting(&mut self, tx: &mut PageTx, event: Event) -> Result<(), PageError> {
        let key = self.key(&event.id);
        let Some(start) = event.starts_at() else {
            self.counts.events.drop(Dropped::PartialRow);
            return Ok(());
        };
        let end = event.ends_at().unwrap_or(start);
        let too_late = self.round.window_end.is_some_and(|until| start > until);
        if end < self.round.window_start || too_late || self.rules.is_too_old(start) {
            self.counts.events.drop(Dropped::OutsideWindow);
            return Ok(());
        }
        // Without its own people, a meeting of a series takes its master's.
        if event.attendees.is_none() && event.series_master_id.is_some() {
            return self.bare_occurrence(tx, key, event, start, end).await;
        }
        self.whole_meeting(tx, key, event, start, end).await
    }

    async fn whole_meeting(
        &mut self,
        tx: &mut PageTx,
        key: ShortKey,
        mut event: Event,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<(), PageError> {
        let master_key = event.series_master_id.as_deref().map(|id| self.key(id));
        let kind = match (event.kind, master_key) {
            (_, None) => CopyKind::Single,
            (EventKind::Occurrence, Some(_)) => CopyKind::Occurrence,
            (_, Some(_)) => CopyKind::Exception,
        };
        let place = if kind == CopyKind::Single { single(&event) } else { instance(&event, start, false) };
        let meeting = self.meeting_of(series_key(&event), key, &place);
        let old = self.stored.get(&key).cloned();
        let stood = old.as_ref().is_some_and(|copy| copy.state == CopyState::Standing);
        self.touched.extend(old.as_ref().and_then(|copy| copy.meeting_key));
        self.touched.insert(meeting);

        let veto = if self.is_private(&event, key) {
            Some((CopyState::Private, Dropped::PrivateEvent))
        } else if cancelled_before(&event, start, tx.now()) || (cancelled_at_an_unknown_time(&event) && !stood) {
            Some((CopyState::Cancelled, Dropped::Cancelled))
        } else {
            None
        };
        if let Some((state, reason)) = veto {
            self.counts.events.drop(reason);
            let write = self.veto_write(key, kind, state, meeting, start);
            return self.put(tx, &CopyWrite { master_key, ..write }).await;
        }

        let (is_organizer, is_online) = (event.is_organizer == Some(true), event.is_online_meeting);
        let (cancelled_at, details) = (cancelled_at(&event), self.details(&event));
        let people = self.filter(&mut event);
        self.counts.addresses.merge(people.counts());
        if let Some(verdict) = people.verdict() {
            self.counts.events.drop(verdict.into());
            return match old {
                Some(copy) => self.let_go(tx, copy).await,
                None => Ok(()),
            };
        }
        self.counts.events.keep();
        let write = CopyWrite {
            mailbox: self.mailbox,
            user: self.user,
            key,
            event_id: Some(&event.id),
            kind,
            state: CopyState::Standing,
            master_key,
            master_id: None,
            meeting_key: Some(meeting),
            place: Some(&place),
            series_key: None,
            cancelled_at,
            is_organizer,
            starts_at: Some(start),
            ends_at: Some(end),
            subject: self.subject(&people, event.subject),
            is_online,
            people: Some(&people),
            people_from_master: false,
            details,
            round: self.round.number,
        };
        self.put(tx, &write).await
    }

    /// An event left the window: deleted, or moved or changed out of it. What has begun has happened.
    async fn removed(&mut self, tx: &mut PageTx, event: &Event) -> Result<(), PageError> {
        self.counts.events.drop(Dropped::Removed);
        let key = self.key(&event.id);
        let Some(copy) = self.stored.remove(&key) else { return Ok(()) };
        match (copy.kind, copy.state) {
            (CopyKind::Master, _) => {
                let (now, occurrences) = (tx.now(), tx.copies_of_masters(&[key]).await?);
                let has_history = occurrences.iter().any(|occurrence| !is_upcoming(occurrence, now));
                self.take_back(tx, occurrences).await?;
                if has_history { Ok(()) } else { self.forget(tx, &copy).await }
            }
            (_, CopyState::Waiting) => self.forget(tx, &copy).await,
            _ => self.take_back(tx, vec![copy]).await,
        }
    }

    /// A meeting that has begun is no longer in the calendar of whoever called it. Whether it took place is for the others to say.
    async fn taken_out(&mut self, tx: &mut PageTx, copy: &StoredCopy) -> Result<(), PageError> {
        if copy.is_organizer && copy.state == CopyState::Standing && copy.cancelled_at.is_none() {
            self.touched.extend(copy.meeting_key);
            tx.copy_was_taken_out(copy.id).await?;
        }
        Ok(())
    }

    pub(crate) async fn veto(
        &mut self,
        tx: &mut PageTx,
        copy: &StoredCopy,
        meeting: ShortKey,
        state: CopyState,
    ) -> Result<(), PageError> {
        let start = copy.starts_at.unwrap_or_else(|| tx.now());
        let write = self.veto_write(copy.key, copy.kind, state, meeting, start);
        self.put_over(tx, &CopyWrite { master_key: copy.master_key, ..write }, Some(copy.id)).await
    }

    /// A copy that forbids its meeting's records: its keys and its time, no id, no text, no people.
    pub(crate) fn veto_write(
        &self,
        key: ShortKey,
        kind: CopyKind,
        state: CopyState,
        meeting: ShortKey,
        start: Timestamp,
    ) -> CopyWrite<'p> {
        CopyWrite {
            mailbox: self.mailbox,
            user: self.user,
            key,
            event_id: None,
            kind,
            state,
            master_key: None,
            master_id: None,
            meeting_key: Some(meeting),
            place: None,
            series_key: None,
            cancelled_at: None,
            is_organizer: false,
            starts_at: Some(start),
            ends_at: None,
            subject: None,
            is_online: None,
            people: None,
            people_from_master: false,
            details: CopyDetails::default(),
            round: self.round.number,
        }
    }

    pub(crate) async fn put(&mut self, tx: &mut PageTx, write: &CopyWrite<'_>) -> Result<(), PageError> {
        let replaces = self.stored.get(&write.key).map(|copy| copy.id);
        self.put_over(tx, write, replaces).await
    }

    pub(crate) async fn put_over(
        &mut self,
        tx: &mut PageTx,
        write: &CopyWrite<'_>,
        replaces: Option<i64>,
    ) -> Result<(), PageError> {
        self.touched.extend(write.meeting_key);
        let stored = tx.put_copy(write, replaces).await?;
        self.stored.insert(stored.key, stored);
        Ok(())
    }

    pub(crate) fn key(&self, event_id: &str) -> ShortKey {
        ShortKey::event(self.mailbox, event_id)
    }

    pub(crate) fn series_of(&self, event: &Event, key: ShortKey) -> ShortKey {
        if self.rules.settings.meeting_dedupe == Switch::On {
            series_key(event).unwrap_or_else(|| ShortKey::lone_meeting(key))
        } else {
            ShortKey::lone_meeting(key)
        }
    }

    pub(crate) fn meeting_of(&self, series: Option<ShortKey>, key: ShortKey, place: &str) -> ShortKey {
        match series {
            Some(series) if self.rules.settings.meeting_dedupe == Switch::On => ShortKey::meeting(series, place),
            _ => ShortKey::lone_meeting(key),
        }
    }

    /// A word of privacy counts, an unknown one too. Without any, what is stored says it, else the master, else it is none.
    pub(crate) fn is_private(&self, event: &Event, key: ShortKey) -> bool {
        if event.sensitivity.is_some() || self.rules.settings.private_events == Choice::Include {
            return self.says_private(event);
        }
        if let Some(stored) = self.stored.get(&key) {
            return stored.state == CopyState::Private;
        }
        let master = event.series_master_id.as_deref().and_then(|id| self.dropped_masters.get(&self.key(id)));
        master.is_some_and(|master| master.reason == Dropped::PrivateEvent)
    }

    /// Whether the event itself says so, and that counts.
    pub(crate) fn says_private(&self, event: &Event) -> bool {
        self.rules.settings.private_events != Choice::Include && event.sensitivity == Some(Sensitivity::Other)
    }

    /// What is kept of an event besides its time and people.
    pub(crate) fn details(&self, event: &Event) -> CopyDetails {
        let show_as = event.show_as.filter(|_| self.rules.settings.detail == Detail::Extended);
        let show_as = show_as.and_then(ShowAs::word).map(str::to_owned);
        CopyDetails { is_all_day: event.is_all_day.filter(|all_day| *all_day), show_as, midnights: None }
    }

    pub(crate) fn filter(&self, event: &mut Event) -> FilteredAttendees {
        let attendees = event.attendees.take().unwrap_or_default();
        let organizer = event.organizer.take();
        filter_calendar_attendees(&self.rules.filter, self.rules.organizers(), organizer, attendees)
    }

    pub(crate) fn subject(&self, people: &FilteredAttendees, raw: Option<RawText>) -> Option<Subject> {
        raw.filter(|_| self.rules.keeps_subjects()).and_then(|raw| people.subject(raw))
    }
}

fn is_upcoming(copy: &StoredCopy, now: Timestamp) -> bool {
    copy.starts_at.is_some_and(|start| start > now)
}

/// When a cancelled event was cancelled, as far as it can be told.
pub(crate) fn cancelled_at(event: &Event) -> Option<Timestamp> {
    if event.is_cancelled == Some(true) { event.last_modified } else { None }
}

/// Whether a cancellation at that time came before `start`.
pub(crate) fn cancels(cancelled_at: Option<Timestamp>, start: Timestamp) -> bool {
    cancelled_at.is_some_and(|at| at < start)
}

pub(crate) fn cancelled_before(event: &Event, start: Timestamp, now: Timestamp) -> bool {
    event.is_cancelled == Some(true) && event.last_modified.unwrap_or(now) < start
}

fn cancelled_at_an_unknown_time(event: &Event) -> bool {
    event.is_cancelled == Some(true) && event.last_modified.is_none()
}
