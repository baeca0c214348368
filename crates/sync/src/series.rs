//! Series: a master, its occurrences, and what each is without the other.
//!
//! An occurrence comes bare (<https://github.com/microsoftgraph/microsoft-graph-docs/issues/7632>), before or after its master,
//! on another page or in another round. It waits until the master is known; the master keeps what its occurrences lack.

use jiff::Timestamp;
use m365_graph::Event;
use m365_store::keys::ShortKey;
use m365_store::meetings::{CopyDetails, CopyKind, CopyState, CopyWrite, StoredCopy};
use m365_store::{PageError, PageTx};

use crate::calendar::{CalendarPage, DroppedMaster, cancelled_at, cancelled_before, cancels};
use crate::join::filtered_again;
use crate::meeting_key::{ONLY, instance, series_key};
use crate::summary::Dropped;

/// An occurrence that waited, now that its master says whether it fills whole days: those begin at midnight UTC of their
/// date, in whatever zone they were told.
fn in_whole_days(copy: StoredCopy, master: &StoredCopy) -> StoredCopy {
    match copy.details.midnights {
        Some((start, end)) if master.details.is_all_day == Some(true) => {
            StoredCopy { starts_at: Some(start), ends_at: Some(end), ..copy }
        }
        _ => copy,
    }
}

/// What stands of `copy` for itself: its names and its time, no people and no text.
fn standing(copy: &StoredCopy, round: i64) -> CopyWrite<'_> {
    CopyWrite {
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
        details: CopyDetails::default(),
        round,
    }
}

impl CalendarPage<'_> {
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

    /// A series. It is no meeting; what its occurrences lack is kept of it, if someone is let in.
    pub(crate) async fn master(&mut self, tx: &mut PageTx, mut event: Event) -> Result<(), PageError> {
        let key = self.key(&event.id);
        let series = self.series_of(&event, key);
        let (is_private, cancelled_at) = (self.is_private(&event, key), cancelled_at(&event));
        let (starts_at, ends_at) = (event.starts_at(), event.ends_at());
        let (is_organizer, is_online) = (event.is_organizer == Some(true), event.is_online_meeting);
        let details = self.details(&event);
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
            details,
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
                    let copy = in_whole_days(copy, &found);
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
    pub(crate) async fn let_go(&mut self, tx: &mut PageTx, copy: StoredCopy) -> Result<(), PageError> {
        let has_begun = copy.starts_at.is_some_and(|start| start <= tx.now());
        if copy.state != CopyState::Standing || !has_begun {
            self.stored.remove(&copy.key);
            return tx.forget_copy(copy.id).await;
        }
        let write = standing(&copy, self.round.number);
        self.put_over(tx, &write, Some(copy.id)).await
    }

    async fn promote(
        &mut self,
        tx: &mut PageTx,
        copy: &StoredCopy,
        master: &StoredCopy,
        meeting: ShortKey,
    ) -> Result<(), PageError> {
        let write = CopyWrite {
            master_key: Some(master.key),
            meeting_key: Some(meeting),
            is_organizer: master.is_organizer,
            is_online: copy.is_online,
            people_from_master: true,
            details: CopyDetails { midnights: None, ..copy.details.clone() },
            ..standing(copy, self.round.number)
        };
        self.put_over(tx, &write, Some(copy.id)).await
    }

    /// A meeting of a series that says little but its time: the rest is its master's.
    pub(crate) async fn bare_occurrence(
        &mut self,
        tx: &mut PageTx,
        key: ShortKey,
        mut event: Event,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<(), PageError> {
        let master_id = event.series_master_id.clone().unwrap_or_default();
        let master_key = self.key(&master_id);
        let place = instance(&event, start, true);
        let old = self.stored.get(&key).cloned();
        self.touched.extend(old.as_ref().and_then(|copy| copy.meeting_key));
        if self.says_private(&event) {
            self.counts.events.drop(Dropped::PrivateEvent);
            let series = self.stored.get(&master_key).and_then(|master| master.series_key);
            let meeting = self.meeting_of(series.or_else(|| series_key(&event)), key, &place);
            let write = self.veto_write(key, CopyKind::Exception, CopyState::Private, meeting, start);
            return self.put(tx, &CopyWrite { master_key: Some(master_key), ..write }).await;
        }
        if let Some(master) = self.dropped_masters.get(&master_key).copied() {
            self.counts.events.drop(master.reason);
            let meeting = self.meeting_of(Some(master.series), key, &place);
            if master.reason == Dropped::PrivateEvent {
                let write = self.veto_write(key, CopyKind::Occurrence, CopyState::Private, meeting, start);
                self.put(tx, &CopyWrite { master_key: Some(master_key), ..write }).await?;
            } else if let Some(copy) = old {
                self.let_go(tx, copy).await?;
            }
            return Ok(());
        }
        let master = self.stored.get(&master_key).filter(|copy| copy.kind == CopyKind::Master).cloned();
        let whole_days = master.as_ref().is_some_and(|master| master.details.is_all_day == Some(true));
        let midnights = event.start.zip(event.end).map(|(start, end)| (start.midnight(), end.midnight()));
        let (start, end) = midnights.filter(|_| whole_days).unwrap_or((start, end));
        let cancelled = cancelled_before(&event, start, tx.now())
            || master.as_ref().is_some_and(|master| cancels(master.cancelled_at, start));
        let meeting = master.as_ref().map(|master| self.meeting_of(master.series_key, key, &place));
        if let (true, Some(meeting)) = (cancelled, meeting) {
            self.counts.events.drop(Dropped::Cancelled);
            let write = self.veto_write(key, CopyKind::Occurrence, CopyState::Cancelled, meeting, start);
            return self.put(tx, &CopyWrite { master_key: Some(master_key), ..write }).await;
        }
        let subject = match (&master, event.subject.take()) {
            (Some(master), Some(raw)) => {
                let people = tx.people_of(&[master.id]).await?;
                let people = people.get(&master.id).map(Vec::as_slice).unwrap_or_default();
                self.subject(&filtered_again(self.rules, master, people), Some(raw))
            }
            _ => None,
        };
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
            subject,
            is_online: event.is_online_meeting,
            people: None,
            people_from_master: true,
            details: CopyDetails { midnights: midnights.filter(|_| master.is_none()), ..self.details(&event) },
            round: self.round.number,
        };
        self.put(tx, &write).await?;
        match meeting {
            Some(_) => self.counts.events.keep(),
            None => self.put_aside += u64::from(old.is_none_or(|copy| copy.state != CopyState::Waiting)),
        }
        Ok(())
    }
}
