//! From the copies of a meeting to its records.
//!
//! One meeting seen in several mailboxes is one record a person, named by and taken from the organizer's copy, else from
//! the lowest (mailbox id, event id) that lists the person: the order in which copies arrive does not matter.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use m365_activity::{CanonicalActivity, FilteredEvent, MeetingDetails, meeting_activities, meeting_external_id};
use m365_database::DpaAccepted;
use m365_privacy::{
    AttendeeKind, FilteredAttendees, RawAddress, RawAttendee, RawText, ResponseStatus, filter_calendar_attendees,
};
use m365_store::keys::ShortKey;
use m365_store::meetings::{CopyKind, CopyState, StoredAttendance, StoredCopy};
use m365_store::records::{RecordHead, ToStore};
use m365_store::settings::Detail;
use m365_store::{PageError, PageTx, Tally};

use crate::meeting_key::ONLY;
use crate::rules::Rules;

/// What is stored of some meetings, and of the series that they belong to.
struct Loaded {
    copies: BTreeMap<ShortKey, Vec<StoredCopy>>,
    masters: HashMap<ShortKey, StoredCopy>,
    people: HashMap<i64, Vec<StoredAttendance>>,
    records: Vec<RecordHead>,
    /// The meeting that each meeting's series was before it was one: a single event that becomes a series stays in the
    /// calendar as its master, and its first day is another event.
    single: HashMap<ShortKey, ShortKey>,
}

/// Makes the stored records of `meetings` those that their copies call for.
pub(crate) async fn materialize(
    tx: &mut PageTx,
    gate: &DpaAccepted<'_>,
    rules: &Rules,
    meetings: &[ShortKey],
) -> Result<Tally, PageError> {
    if meetings.is_empty() {
        return Ok(Tally::default());
    }
    let loaded = load(tx, meetings).await?;
    let now = tx.now();
    let outcomes: BTreeMap<ShortKey, Outcome> =
        meetings.iter().map(|meeting| (*meeting, Outcome::of(gate, rules, &loaded, *meeting, now))).collect();
    let fate = Fate::of(&loaded, &outcomes, now);
    let mut wanted = Vec::new();
    for (meeting, outcome) in outcomes {
        for (_, activity) in outcome.activities {
            if fate.refused.contains(activity.external_id()) {
                continue;
            }
            let renames = fate.renamed.get(activity.external_id()).copied();
            wanted.push(ToStore { activity, meeting: Some(meeting), copy: None, renames });
        }
    }
    let mut tally = tx.retract(&fate.gone).await?;
    tally += tx.put_activities(&wanted).await?;
    Ok(tally)
}

/// What the copies of one meeting call for.
#[derive(Default)]
struct Outcome {
    /// It was cancelled, or a copy says that it is private: no record, for anyone.
    is_vetoed: bool,
    /// Whether it has begun; `None` when no copy stands.
    has_begun: Option<bool>,
    /// The ids of the copies that stand, the one that counts most first.
    standing: Vec<String>,
    /// A record for each person, with the place of its copy among those.
    activities: Vec<(usize, CanonicalActivity)>,
}

impl Outcome {
    fn of(gate: &DpaAccepted<'_>, rules: &Rules, loaded: &Loaded, meeting: ShortKey, now: Timestamp) -> Self {
        let copies = loaded.copies.get(&meeting).map(Vec::as_slice).unwrap_or_default();
        let mut standing: Vec<&StoredCopy> = copies.iter().filter(|copy| copy.state == CopyState::Standing).collect();
        let is_any = |state| copies.iter().any(|copy| copy.state == state);
        // Whoever is taken off a meeting is left with a cancelled copy. As long as the organizer has it, it takes place.
        let is_on = standing.iter().any(|copy| copy.is_organizer && copy.cancelled_at.is_none());
        if is_any(CopyState::Private) || (is_any(CopyState::Cancelled) && !is_on) {
            return Self { is_vetoed: true, ..Self::default() };
        }
        let is_several = are_several(&standing);
        standing.sort_by_key(|copy| (!copy.is_organizer, copy.user.as_str(), copy.event_id.as_deref()));
        let has_begun = standing.first().map(|first| first.starts_at.is_some_and(|start| start <= now));
        let ids = standing.iter().map(|copy| copy.event_id.clone().unwrap_or_default()).collect();
        let mut outcome = Self { has_begun, standing: ids, ..Self::default() };
        let mut seen = HashSet::new();
        for (place, copy) in standing.into_iter().enumerate() {
            let Some(event) = loaded.event(rules, copy) else { continue };
            for activity in meeting_activities(gate, &rules.mappings, &event) {
                if seen.insert((activity.participants()[0].as_str().to_owned(), copy.starts_at.filter(|_| is_several)))
                {
                    outcome.activities.push((place, activity));
                }
            }
        }
        outcome
    }

    /// The place of the copy that names `record`, if that copy still stands.
    fn place_of(&self, record: &RecordHead) -> Option<usize> {
        self.standing.iter().position(|id| meeting_external_id(id, &record.person) == record.external_id)
    }
}

/// Whether these are several meetings with one name. Calendars other than Exchange's name all days of a series alike, and whoever was
/// asked to some of them alone has each as a single meeting
/// (<https://github.com/microsoftgraph/microsoft-graph-docs/issues/17479>). One that was moved is not seen twice in one mailbox.
fn are_several(standing: &[&StoredCopy]) -> bool {
    let mut starts = HashMap::new();
    let mut singles = standing.iter().filter(|copy| copy.kind == CopyKind::Single);
    singles.any(|copy| *starts.entry(copy.mailbox).or_insert(copy.starts_at) != copy.starts_at)
}

/// The people of a stored copy, filtered anew under the rules of this run.
pub(crate) fn filtered_again(rules: &Rules, copy: &StoredCopy, attendees: &[StoredAttendance]) -> FilteredAttendees {
    let attendees = attendees.iter().map(|person| RawAttendee {
        address: RawAddress::from(person.address.as_str()),
        kind: AttendeeKind::Required,
        response: ResponseStatus::from_word(&person.response).unwrap_or(ResponseStatus::None),
    });
    let organizer = copy.organizer.as_deref().map(RawAddress::from);
    let people = filter_calendar_attendees(&rules.filter, rules.organizers(), organizer, attendees.collect());
    people.with_attendee_count(copy.attendee_count.unwrap_or_default())
}

impl Loaded {
    /// The event that a copy stands for.
    fn event(&self, rules: &Rules, copy: &StoredCopy) -> Option<FilteredEvent> {
        let start = copy.starts_at?;
        let master = copy.master_key.and_then(|key| self.masters.get(&key));
        let source = if copy.people_from_master { master? } else { copy };
        let people = filtered_again(rules, source, self.people.get(&source.id).map(Vec::as_slice).unwrap_or_default());
        let details = (rules.settings.detail == Detail::Extended).then(|| MeetingDetails {
            meeting_key: copy.meeting_key.map(ShortKey::hex).unwrap_or_default(),
            is_recurring: copy.kind != CopyKind::Single,
            is_all_day: Some(copy.details.is_all_day.or(master.and_then(|m| m.details.is_all_day)).unwrap_or_default()),
            show_as: copy.details.show_as.clone().or_else(|| master.and_then(|m| m.details.show_as.clone())),
        });
        let subject = copy.subject.as_deref().or(master.and_then(|master| master.subject.as_deref()));
        Some(FilteredEvent {
            id: copy.event_id.clone()?,
            subject: subject.and_then(|text| people.subject(RawText::from(text))),
            start,
            end: copy.ends_at.unwrap_or(start),
            is_online: copy.is_online.or(master.and_then(|master| master.is_online)),
            people,
            details,
        })
    }
}

/// What becomes of stored records that no copy calls for by their name.
#[derive(Default)]
struct Fate {
    /// Taken back.
    gone: Vec<i64>,
    /// The same record under another name: rows by the name that they get.
    renamed: HashMap<String, i64>,
    /// Names that are not given: a record of what has happened keeps the one of a copy that counts more.
    refused: HashSet<String>,
}

impl Fate {
    /// What has happened stays, unless its meeting is vetoed or its record has another name now.
    fn of(loaded: &Loaded, outcomes: &BTreeMap<ShortKey, Outcome>, now: Timestamp) -> Self {
        let records = &loaded.records;
        let everything = outcomes.values().flat_map(|outcome| &outcome.activities);
        let named: HashSet<&str> = everything.map(|(_, activity)| activity.external_id()).collect();
        let stored: HashSet<&str> = records.iter().map(|record| record.external_id.as_str()).collect();
        let mut fate = Self::default();
        let mut settled = HashSet::new();
        for (meeting, activity) in outcomes.iter().flat_map(|(m, o)| o.activities.iter().map(move |(_, a)| (m, a))) {
            let Some(single) = loaded.single.get(meeting) else { continue };
            let of_both = |person: &str, at: Timestamp| {
                person == activity.participants()[0].as_str() && at == activity.occurred_at()
            };
            let is_same = |r: &&RecordHead| r.meeting_key == *single && of_both(&r.person, r.occurred_at);
            let Some(record) = records.iter().find(is_same) else { continue };
            settled.insert(record.id);
            let name = activity.external_id();
            let is_known = stored.contains(name);
            // A calendar that was not read yet since still shows the single meeting.
            let stands = outcomes.get(single).is_some_and(|outcome| {
                outcome.activities.iter().any(|(_, a)| of_both(a.participants()[0].as_str(), a.occurred_at()))
            });
            match (is_known, stands) {
                (false, true) => {
                    fate.refused.insert(name.to_owned());
                    settled.remove(&record.id);
                }
                (false, false) => {
                    fate.renamed.insert(name.to_owned(), record.id);
                }
                (true, _) => {
                    let of_single = outcomes.get(single).into_iter().flat_map(|outcome| &outcome.activities);
                    let same = of_single.filter(|(_, a)| of_both(a.participants()[0].as_str(), a.occurred_at()));
                    fate.refused.extend(same.map(|(_, a)| a.external_id().to_owned()));
                    fate.gone.push(record.id);
                }
            }
        }
        for record in records {
            if settled.contains(&record.id) || named.contains(record.external_id.as_str()) {
                continue;
            }
            let Some(outcome) = outcomes.get(&record.meeting_key) else { continue };
            let same_person = |(_, a): &&(usize, CanonicalActivity)| a.participants()[0].as_str() == record.person;
            let found = outcome.activities.iter().find(same_person);
            // The copy that names the record stands and does not list the person any more. A copy that counts less and still
            // does has not heard of it yet.
            if let Some((place, activity)) = found
                && record.occurred_at <= now
                && outcome.place_of(record).is_some_and(|own| own < *place)
            {
                fate.refused.insert(activity.external_id().to_owned());
                continue;
            }
            match found.map(|(_, activity)| activity.external_id()) {
                Some(name) if !stored.contains(name) && !fate.renamed.contains_key(name) => {
                    fate.renamed.insert(name.to_owned(), record.id);
                }
                Some(_) => fate.gone.push(record.id),
                None if outcome.is_vetoed || !outcome.has_begun.unwrap_or(record.occurred_at <= now) => {
                    fate.gone.push(record.id);
                }
                None => {}
            }
        }
        fate
    }
}

async fn load(tx: &mut PageTx, meetings: &[ShortKey]) -> Result<Loaded, PageError> {
    let copies = tx.copies_of_meetings(meetings).await?;
    let masters: BTreeSet<ShortKey> = copies.iter().filter_map(|copy| copy.master_key).collect();
    let masters = tx.copies(&masters.into_iter().collect::<Vec<_>>()).await?;
    let ids: Vec<i64> = copies.iter().chain(&masters).map(|copy| copy.id).collect();
    let people = tx.people_of(&ids).await?;
    let series: HashMap<ShortKey, ShortKey> =
        masters.iter().filter_map(|master| Some((master.key, ShortKey::meeting(master.series_key?, ONLY)))).collect();
    let single: HashMap<ShortKey, ShortKey> =
        copies.iter().filter_map(|copy| Some((copy.meeting_key?, *series.get(&copy.master_key?)?))).collect();
    let wanted: BTreeSet<ShortKey> = meetings.iter().chain(single.values()).copied().collect();
    let records = tx.records_of_meetings(&wanted.into_iter().collect::<Vec<_>>()).await?;
    let mut by_meeting: BTreeMap<ShortKey, Vec<StoredCopy>> = BTreeMap::new();
    for copy in copies {
        if let Some(meeting) = copy.meeting_key {
            by_meeting.entry(meeting).or_default().push(copy);
        }
    }
    let masters = masters.into_iter().map(|copy| (copy.key, copy)).collect();
    Ok(Loaded { copies: by_meeting, masters, people, records, single })
}
