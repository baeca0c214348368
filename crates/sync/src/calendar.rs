//! A page of a calendar: what each event comes to, written down copy by copy.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use m365_database::DpaAccepted;
use m365_graph::{Event, EventKind, Sensitivity};
use m365_model::MailboxId;
use m365_privacy::{FilteredAttendees, RawText, Subject, filter_calendar_attendees};
use m365_store::keys::ShortKey;
use m365_store::meetings::{CopyKind, CopyState, CopyWrite, StoredCopy};
use m365_store::settings::{Choice, Switch};
use m365_store::streams::Round;
use m365_store::{PageError, PageTx};

use crate::join::materialize;
use crate::meeting_key::{ONLY, instance, series_key};
use crate::rules::Rules;
use crate::summary::{Counts, Dropped};

/// Series masters of which nothing is stored, for as long as a round lasts: their occurrences need not ask for them.
pub(crate) type DroppedMasters = HashMap<ShortKey, DroppedMaster>;

/// Why nothing of a master is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DroppedMaster {
    reason: Dropped,
    series: ShortKey,
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
    stored: HashMap<ShortKey, StoredCopy>,
    /// The meetings whose records may be other ones now.
    touched: BTreeSet<ShortKey>,
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

    /// A round that read the whole window has ended: what it did not see and has not begun is gone.
    pub async fn take_back_unseen(&mut self, tx: &mut PageTx, until: Timestamp) -> Result<(), PageError> {
        for copy in tx.unseen_upcoming(self.mailbox, self.round.number, until).await? {
            self.touched.extend(copy.meeting_key);
            tx.forget_copy(copy.id).await?;
        }
        Ok(())
    }

    /// Occurrences whose master does not exist any more are passed over and counted.
    pub async fn master_is_gone(&mut self, tx: &mut PageTx, master: ShortKey) -> Result<(), PageError> {
        for copy in tx.copies_of_masters(&[master]).await? {
            if copy.state == CopyState::Waiting {
                tx.forget_copy(copy.id).await?;
                self.counts.events.drop(Dropped::MasterGone);
            }
        }
        Ok(())
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

    /// A series. It is no meeting; what its occurrences lack is kept of it, if someone is let in.
    async fn master(&mut self, tx: &mut PageTx, mut event: Event) -> Result<(), PageError> {
        let key = self.key(&event.id);
        let series = self.series_of(&event, key);
        let (is_private, cancelled_at) = (self.is_private(&event, key), cancelled_at(&event));
        let (starts_at, ends_at) = (event.starts_at(), event.ends_at());
        let (is_organizer, is_online) = (event.is_organizer == Some(true), event.is_online_meeting);
        let people = self.filter(&mut event);
        self.counts.addresses.merge(people.counts());
        // A single meeting that became a series is no meeting any more.
        self.touched.extend(self.stored.get(&key).and_then(|copy| copy.meeting_key));
        let reason = if is_private { Some(Dropped::PrivateEvent) } else { people.verdict().map(Dropped::from) };
        if let Some(reason) = reason {
            self.dropped_masters.insert(key, DroppedMaster { reason, series });
            if let Some(copy) = self.stored.remove(&key) {
                tx.forget_copy(copy.id).await?;
            }
            return self.drop_occurrences(tx, key, DroppedMaster { reason, series }).await;
        }
        self.dropped_masters.remove(&key);
        let write = CopyWrite {
            mailbox: self.mailbox,
            user: self.user,
            key,
            event_id: Some(&event.id),
            kind: CopyKind::Master,
            state: CopyState::Standing,
            master_key: None,
            master_id: None,
            meeting_key: None,
            place: None,
            series_key: Some(series),
            cancelled_at,
            is_organizer,
            starts_at,
            ends_at,
            subject: self.subject(&people, event.subject),
            is_online,
            people: Some(&people),
            people_from_master: false,
            round: self.round.number,
        };
        self.put(tx, &write).await?;
        self.join_occurrences(tx, key).await
    }

    /// Occurrences that waited for this master, and those whose people are its.
    async fn join_occurrences(&mut self, tx: &mut PageTx, master: ShortKey) -> Result<(), PageError> {
        let Some(found) = self.stored.get(&master).cloned() else { return Ok(()) };
        for copy in tx.copies_of_masters(&[master]).await? {
            match copy.state {
                CopyState::Waiting => {
                    let start = copy.starts_at.unwrap_or_else(|| tx.now());
                    let meeting = self.meeting_of(found.series_key, copy.key, copy.place.as_deref().unwrap_or(ONLY));
                    if cancels(found.cancelled_at, start) {
                        self.counts.events.drop(Dropped::Cancelled);
                        self.veto(tx, &copy, meeting, CopyState::Cancelled).await?;
                    } else {
                        self.counts.events.keep();
                        self.promote(tx, &copy, &found, meeting).await?;
                    }
                }
                CopyState::Standing if copy.people_from_master => {
                    let start = copy.starts_at.unwrap_or_else(|| tx.now());
                    if cancels(found.cancelled_at, start)
                        && let Some(meeting) = copy.meeting_key
                    {
                        self.veto(tx, &copy, meeting, CopyState::Cancelled).await?;
                    }
                    self.touched.extend(copy.meeting_key);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Nothing is kept of a series without anyone who is let in, nor of its occurrences that have not begun.
    async fn drop_occurrences(
        &mut self,
        tx: &mut PageTx,
        key: ShortKey,
        master: DroppedMaster,
    ) -> Result<(), PageError> {
        for copy in tx.copies_of_masters(&[key]).await? {
            let waited = copy.state == CopyState::Waiting;
            if !waited && !copy.people_from_master {
                continue;
            }
            if waited {
                self.counts.events.drop(master.reason);
            }
            let waiting = || self.meeting_of(Some(master.series), copy.key, copy.place.as_deref().unwrap_or(ONLY));
            let meeting = copy.meeting_key.unwrap_or_else(waiting);
            if master.reason == Dropped::PrivateEvent {
                self.veto(tx, &copy, meeting, CopyState::Private).await?;
            } else {
                self.touched.insert(meeting);
                self.let_go(tx, copy).await?;
            }
        }
        Ok(())
    }

    /// Nobody on this copy is let in any more. Of what has begun its name stays, without people: a record of it keeps that
    /// name, though a copy elsewhere has not heard of the change yet.
    async fn let_go(&mut self, tx: &mut PageTx, copy: StoredCopy) -> Result<(), PageError> {
        let has_begun = copy.starts_at.is_some_and(|start| start <= tx.now());
        if copy.state != CopyState::Standing || !has_begun {
            self.stored.remove(&copy.key);
            return tx.forget_copy(copy.id).await;
        }
        let write = CopyWrite {
            mailbox: copy.mailbox,
            user: &copy.user,
            key: copy.key,
            event_id: copy.event_id.as_deref(),
            kind: copy.kind,
            state: CopyState::Standing,
            master_key: copy.master_key,
            master_id: None,
            meeting_key: copy.meeting_key,
            place: copy.place.as_deref(),
            series_key: None,
            cancelled_at: None,
            is_organizer: copy.is_organizer,
            starts_at: copy.starts_at,
            ends_at: copy.ends_at,
            subject: None,
            is_online: None,
            people: None,
            people_from_master: false,
            round: self.round.number,
        };
        self.put_over(tx, &write, Some(copy.id)).await
    }

    async fn promote(
        &mut self,
        tx: &mut PageTx,
        copy: &StoredCopy,
        master: &StoredCopy,
        meeting: ShortKey,
    ) -> Result<(), PageError> {
        self.touched.insert(meeting);
        let write = CopyWrite {
            mailbox: copy.mailbox,
            user: &copy.user,
            key: copy.key,
            event_id: copy.event_id.as_deref(),
            kind: copy.kind,
            state: CopyState::Standing,
            master_key: Some(master.key),
            master_id: None,
            meeting_key: Some(meeting),
            place: copy.place.as_deref(),
            series_key: None,
            cancelled_at: None,
            is_organizer: master.is_organizer,
            starts_at: copy.starts_at,
            ends_at: copy.ends_at,
            subject: None,
            is_online: copy.is_online,
            people: None,
            people_from_master: true,
            round: self.round.number,
        };
        self.put_over(tx, &write, Some(copy.id)).await
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

    async fn bare_occurrence(
        &mut self,
        tx: &mut PageTx,
        key: ShortKey,
        event: Event,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<(), PageError> {
        let master_id = event.series_master_id.clone().unwrap_or_default();
        let master_key = self.key(&master_id);
        let place = instance(&event, start, true);
        let old = self.stored.get(&key).cloned();
        self.touched.extend(old.as_ref().and_then(|copy| copy.meeting_key));
        if let Some(master) = self.dropped_masters.get(&master_key).copied() {
            self.counts.events.drop(master.reason);
            let meeting = self.meeting_of(Some(master.series), key, &place);
            if master.reason == Dropped::PrivateEvent {
                let write = self.veto_write(key, CopyKind::Occurrence, CopyState::Private, meeting, start);
                self.put(tx, &CopyWrite { master_key: Some(master_key), ..write }).await?;
                self.touched.insert(meeting);
            } else if let Some(copy) = old {
                self.let_go(tx, copy).await?;
            }
            return Ok(());
        }
        let master = self.stored.get(&master_key).filter(|copy| copy.kind == CopyKind::Master).cloned();
        let cancelled = cancelled_before(&event, start, tx.now())
            || master.as_ref().is_some_and(|master| cancels(master.cancelled_at, start));
        let meeting = master.as_ref().map(|master| self.meeting_of(master.series_key, key, &place));
        if let (true, Some(meeting)) = (cancelled, meeting) {
            self.counts.events.drop(Dropped::Cancelled);
            let write = self.veto_write(key, CopyKind::Occurrence, CopyState::Cancelled, meeting, start);
            self.put(tx, &CopyWrite { master_key: Some(master_key), ..write }).await?;
            self.touched.insert(meeting);
            return Ok(());
        }
        let write = CopyWrite {
            mailbox: self.mailbox,
            user: self.user,
            key,
            event_id: Some(&event.id),
            kind: CopyKind::Occurrence,
            state: if master.is_some() { CopyState::Standing } else { CopyState::Waiting },
            master_key: Some(master_key),
            master_id: master.is_none().then_some(master_id.as_str()),
            meeting_key: meeting,
            place: Some(&place),
            series_key: None,
            cancelled_at: None,
            is_organizer: master.as_ref().is_some_and(|master| master.is_organizer),
            starts_at: Some(start),
            ends_at: Some(end),
            subject: None,
            is_online: event.is_online_meeting,
            people: None,
            people_from_master: true,
            round: self.round.number,
        };
        self.put(tx, &write).await?;
        match meeting {
            Some(meeting) => {
                self.counts.events.keep();
                self.touched.insert(meeting);
            }
            None => self.put_aside += u64::from(old.is_none_or(|copy| copy.state != CopyState::Waiting)),
        }
        Ok(())
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
        let place = if kind == CopyKind::Single { ONLY.to_owned() } else { instance(&event, start, false) };
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
            cancelled_at: None,
            is_organizer,
            starts_at: Some(start),
            ends_at: Some(end),
            subject: self.subject(&people, event.subject),
            is_online,
            people: Some(&people),
            people_from_master: false,
            round: self.round.number,
        };
        self.put(tx, &write).await
    }

    /// An event left the window: deleted, or moved or changed out of it. What has begun has happened.
    async fn removed(&mut self, tx: &mut PageTx, event: &Event) -> Result<(), PageError> {
        self.counts.events.drop(Dropped::Removed);
        let key = self.key(&event.id);
        let Some(copy) = self.stored.remove(&key) else { return Ok(()) };
        let now = tx.now();
        let upcoming = |copy: &StoredCopy| copy.starts_at.is_some_and(|start| start > now);
        let mut gone = Vec::new();
        if copy.kind == CopyKind::Master {
            let occurrences = tx.copies_of_masters(&[key]).await?;
            let history = occurrences.iter().any(|occurrence| !upcoming(occurrence));
            gone.extend(occurrences.into_iter().filter(upcoming));
            if !history {
                gone.push(copy);
            }
        } else if upcoming(&copy) || copy.state == CopyState::Waiting {
            gone.push(copy);
        }
        for copy in gone {
            self.touched.extend(copy.meeting_key);
            tx.forget_copy(copy.id).await?;
        }
        Ok(())
    }

    async fn veto(
        &mut self,
        tx: &mut PageTx,
        copy: &StoredCopy,
        meeting: ShortKey,
        state: CopyState,
    ) -> Result<(), PageError> {
        self.touched.insert(meeting);
        let start = copy.starts_at.unwrap_or_else(|| tx.now());
        let write = self.veto_write(copy.key, copy.kind, state, meeting, start);
        self.put_over(tx, &CopyWrite { master_key: copy.master_key, ..write }, Some(copy.id)).await
    }

    /// A copy that forbids its meeting's records: its keys and its time, no id, no text, no people.
    fn veto_write(
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
            round: self.round.number,
        }
    }

    async fn put(&mut self, tx: &mut PageTx, write: &CopyWrite<'_>) -> Result<(), PageError> {
        let replaces = self.stored.get(&write.key).map(|copy| copy.id);
        self.put_over(tx, write, replaces).await
    }

    async fn put_over(
        &mut self,
        tx: &mut PageTx,
        write: &CopyWrite<'_>,
        replaces: Option<i64>,
    ) -> Result<(), PageError> {
        let stored = tx.put_copy(write, replaces).await?;
        self.stored.insert(stored.key, stored);
        Ok(())
    }

    fn key(&self, event_id: &str) -> ShortKey {
        ShortKey::event(self.mailbox, event_id)
    }

    fn series_of(&self, event: &Event, key: ShortKey) -> ShortKey {
        if self.rules.settings.meeting_dedupe == Switch::On {
            series_key(event).unwrap_or_else(|| ShortKey::lone_meeting(key))
        } else {
            ShortKey::lone_meeting(key)
        }
    }

    fn meeting_of(&self, series: Option<ShortKey>, key: ShortKey, place: &str) -> ShortKey {
        match series {
            Some(series) if self.rules.settings.meeting_dedupe == Switch::On => ShortKey::meeting(series, place),
            _ => ShortKey::lone_meeting(key),
        }
    }

    /// A word of privacy counts, an unknown one too. Without any, what is stored says it, else the master, else it is none.
    fn is_private(&self, event: &Event, key: ShortKey) -> bool {
        if self.rules.settings.private_events == Choice::Include {
            return false;
        }
        match event.sensitivity {
            Some(Sensitivity::Normal) => false,
            Some(Sensitivity::Other) => true,
            None => {
                let master = event.series_master_id.as_deref().map(|id| self.key(id));
                let stored = self.stored.get(&key).map(|copy| copy.state == CopyState::Private);
                stored.unwrap_or_else(|| {
                    master
                        .and_then(|master| self.dropped_masters.get(&master))
                        .is_some_and(|master| master.reason == Dropped::PrivateEvent)
                })
            }
        }
    }

    fn filter(&self, event: &mut Event) -> FilteredAttendees {
        let attendees = event.attendees.take().unwrap_or_default();
        let organizer = event.organizer.take();
        filter_calendar_attendees(&self.rules.filter, self.rules.organizers(), organizer, attendees)
    }

    fn subject(&self, people: &FilteredAttendees, raw: Option<RawText>) -> Option<Subject> {
        raw.filter(|_| self.rules.keeps_subjects()).and_then(|raw| people.subject(raw))
    }
}

/// When a cancelled event was cancelled, as far as it can be told.
fn cancelled_at(event: &Event) -> Option<Timestamp> {
    if event.is_cancelled == Some(true) { event.last_modified } else { None }
}

/// Whether a cancellation at that time came before `start`.
fn cancels(cancelled_at: Option<Timestamp>, start: Timestamp) -> bool {
    cancelled_at.is_some_and(|at| at < start)
}

fn cancelled_before(event: &Event, start: Timestamp, now: Timestamp) -> bool {
    event.is_cancelled == Some(true) && event.last_modified.unwrap_or(now) < start
}

fn cancelled_at_an_unknown_time(event: &Event) -> bool {
    event.is_cancelled == Some(true) && event.last_modified.is_none()
}
