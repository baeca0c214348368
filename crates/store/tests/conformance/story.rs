//! The story: everything that the store does, told line by line.

use std::fmt::Debug;

use jiff::Timestamp;
use m365_activity::{ActivityType, FieldMappings, FilteredEvent, FilteredMessage, email_activity, meeting_activities};
use m365_database::{
    DpaAccepted, OwnText, accept_dpa, agreement_in_force, agreement_state, assert_dpa_accepted, set_agreement,
    withdraw_dpa,
};
use m365_model::{Ended, GraphUserId, MailboxId, RunId, StreamKind, UserId};
use m365_privacy::{
    AddressFilter, AttendeeKind, DomainName, Exclusion, Exclusions, FilteredAttendees, OrganizerRules, RawAddress,
    RawAttendee, RawText, ResponseStatus, TypedAddress, filter_calendar_attendees, filter_email_participants,
};
use m365_store::allow_list::{Leftovers, changes};
use m365_store::config::InternalSource;
use m365_store::consent::{Errand, Origin, Reason, Traveller};
use m365_store::downloads::Download;
use m365_store::erase::Target;
use m365_store::export::RecordQuery;
use m365_store::filter::{Days, Filter, Offset};
use m365_store::keys::ShortKey;
use m365_store::mailboxes::{MailboxChoice, MailboxState};
use m365_store::meetings::{CopyKind, CopyState, CopyWrite};
use m365_store::notes::SecretEnd;
use m365_store::overview::Listed;
use m365_store::reading::{Order, PageOf};
use m365_store::records::{MessageCopy, ToStore};
use m365_store::shared_runs::{Part, PartCounts};
use m365_store::sign_in::SignInWay;
use m365_store::streams::{Advance, Coverage, Position, QuietEnd, Round, Stream};
use m365_store::{Store, StoreError};
use secrecy::{ExposeSecret as _, SecretString};

use crate::engines::{Engine, tenant};

/// Both engines give the same answers, to the letter.
///
/// A statement that one engine reads otherwise (a literal, an order, a type) shows here; seen with `X''` for an empty value,
/// which PostgreSQL takes for a bit string.
#[tokio::test(flavor = "multi_thread")]
async fn both_engines_tell_the_same_story() {
    let mut told = Vec::new();
    for engine in Engine::all().await {
        told.push((engine.name, tell(&engine).await));
    }
    let (_, first) = &told[0];
    assert!(first.len() > 45, "the story is short: {}", first.len());
    for (name, lines) in &told[1..] {
        for (here, there) in first.iter().zip(lines) {
            assert_eq!(here, there, "SQLite and {name} differ");
        }
        assert_eq!(first.len(), lines.len());
    }
}

struct Teller(Vec<String>);

impl Teller {
    fn say(&mut self, what: &str, answer: impl Debug) {
        self.0.push(format!("{what}: {answer:?}"));
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn operator() -> UserId {
    "operator".parse().unwrap()
}

async fn tell(engine: &Engine) -> Vec<String> {
    let mut teller = Teller(Vec::new());
    let store = engine.store(7).await;
    sign_in(&store, &mut teller).await;
    set_up(&store, &mut teller).await;
    let gate = assert_dpa_accepted(&tenant(), store.database()).await.unwrap();
    let mailbox = mailboxes(&store, &gate, &mut teller).await;
    mail(&store, &gate, mailbox, &mut teller).await;
    meetings(&store, &gate, mailbox, &mut teller).await;
    reading(&store, &mut teller).await;
    runs_and_tokens(&store, &mut teller).await;
    shared_run(&store, &gate, mailbox, &mut teller).await;
    choices(&store, &gate, mailbox, &mut teller).await;
    rights(&store, &mut teller).await;
    consent(&store, &mut teller).await;
    let again = store.allow_list(&tenant()).await.unwrap().version;
    teller.say("list version at the end", again);
    teller.0
}

async fn sign_in(store: &Store, teller: &mut Teller) {
    let (ours, theirs) = (tenant(), "another".parse().unwrap());
    teller.say("admitted", store.admitted(&ours).await.unwrap());
    teller.say("settled", store.settle_sign_in(SignInWay::Local).await.unwrap());
    teller.say("settled again", store.settle_sign_in(SignInWay::Clerk).await.unwrap());
    teller.say("admitted", store.admitted(&ours).await.unwrap());
    teller.say(
        "admit",
        (store.admit(&theirs, &operator()).await.unwrap(), store.admit(&theirs, &operator()).await.unwrap()),
    );
    let link = store.create_sign_in_link(&ours).await.unwrap();
    let token = store.open_session(&ours, link.expose_secret()).await.unwrap().unwrap();
    teller.say("used", store.open_session(&ours, link.expose_secret()).await.unwrap().is_none());
    let session = store.session(&ours, token.expose_secret()).await.unwrap().unwrap();
    teller.say("session", (session.user(), session.expires_at()));
    teller.say("open", store.session_is_open(&ours, session.key()).await.unwrap());
    teller.say("the way in", store.sign_in_way().await.unwrap());
    teller.say("somebody is in", store.has_open_session(&ours).await.unwrap());
    store.end_session(&ours, session.key()).await.unwrap();
    teller.say("ended", store.session(&ours, token.expose_secret()).await.unwrap());
}

async fn set_up(store: &Store, teller: &mut Teller) {
    let tenant = tenant();
    let domain = "contoso.com".parse().unwrap();
    teller.say("nothing connected", store.connector(&tenant).await.unwrap_err().to_string());
    let entra = "11111111-2222-3333-4444-555555555555".parse().unwrap();
    let connector = store.connect(&tenant, &entra, &domain, &operator()).await.unwrap();
    teller.say("connected", store.connector(&tenant).await.unwrap());
    let other = "99999999-2222-3333-4444-555555555555".parse().unwrap();
    teller.say("another", store.connect(&tenant, &other, &domain, &operator()).await.unwrap_err().to_string());
    accept_dpa(&tenant, &operator(), &connector, store.database()).await.unwrap();
    teller.say("agreement", agreement_state(&tenant, store.database()).await.unwrap());
    let domains = ["acme.com", "globex.com"].map(|name| name.parse().unwrap());
    teller.say("allowed", store.allow(&tenant, &operator(), &domains, false).await.unwrap());
    teller.say("again", store.allow(&tenant, &operator(), &domains[..1], true).await.unwrap());
    teller.say("list", store.allow_list(&tenant).await.unwrap());
    let own = ["contoso.co.uk".parse().unwrap()];
    store.set_internal_domains(&tenant, InternalSource::Member, &own).await.unwrap();
    teller.say("internal", store.internal_domains(&tenant).await.unwrap());
    store.change_setting(&tenant, &operator(), "lookbackDays", "30").await.unwrap();
    teller.say("settings", store.settings(&tenant).await.unwrap());
    teller
        .say("no setting", store.change_setting(&tenant, &operator(), "colour", "red").await.unwrap_err().to_string());
    store.settle_mailbox_wide_delta(&tenant).await.unwrap();
    teller.say("settled", store.connector(&tenant).await.unwrap().mailbox_wide_delta_refused);
    teller.say("suppressed", store.suppressions(&tenant).await.is_ok());
}

async fn mailboxes(store: &Store, gate: &DpaAccepted<'_>, teller: &mut Teller) -> MailboxId {
    let users: Vec<GraphUserId> = ["u2", "u1"].map(|id| id.parse().unwrap()).to_vec();
    let rows = store.mailboxes(gate, &users).await.unwrap();
    teller.say("mailboxes", &rows);
    teller.say("mailboxes again", store.mailboxes(gate, &users).await.unwrap());
    let mailbox = rows[0].1;
    store.mailbox_ended(gate, mailbox, MailboxState::Synced, None, &[]).await.unwrap();
    store.mailbox_ended(gate, rows[1].1, MailboxState::Skipped, Some("Code"), &[]).await.unwrap();
    let folders = [("F1".to_owned(), None), ("F2".to_owned(), Some("drafts".to_owned()))];
    store.remember_folders(gate, mailbox, &folders).await.unwrap();
    store.remember_folders(gate, mailbox, &folders).await.unwrap();
    teller.say("folders", store.known_folders(gate, mailbox).await.unwrap());
    let known = store.known_of(gate, mailbox).await.unwrap();
    teller.say("known", (known.streams.len(), known.folders, known.has_waiting));
    mailbox
}

fn round(number: i64) -> Round {
    let (from, until) = (at("2026-01-01T00:00:00Z"), at("2026-06-01T00:00:00Z"));
    Round { items: 5000, ..Round::over(number, from, Some(until), 1) }
}

async fn filter(store: &Store) -> (AddressFilter, i64) {
    let list = store.allow_list(&tenant()).await.unwrap();
    let internal = store.internal_domains(&tenant()).await.unwrap();
    (AddressFilter::new(list.entries, internal, Exclusions::none()), list.version)
}

fn message(gate: &DpaAccepted<'_>, filter: &AddressFilter, id: &str, received: &str, to: &[&str]) -> ToStore {
    let to = to.iter().map(|person| RawAddress::from(*person)).collect();
    let people = filter_email_participants(filter, Some("joe@contoso.com".into()), to, Vec::new());
    let filtered = FilteredMessage {
        with_details: false,
        id: id.to_owned(),
        received: at(received),
        conversation_id: Some("conv".to_owned()),
        subject: people.subject(RawText::from(" Renewal ")),
        people,
    };
    ToStore {
        activity: email_activity(gate, &FieldMappings::default(), &filtered).unwrap(),
        meeting: None,
        copy: None,
        renames: None,
    }
}

async fn mail(store: &Store, gate: &DpaAccepted<'_>, mailbox: MailboxId, teller: &mut Teller) {
    let (filter, version) = filter(store).await;
    let stream = store.create_stream(gate, mailbox, StreamKind::MailFolder, 1, &round(1)).await.unwrap();
    let wanted: Vec<ToStore> = (0..40)
        .map(|n| {
            // Each of the two stands first in some and later in others, some of which are of the same second.
            let to: &[&str] = match n % 6 {
                0 => &["cto@acme.com", "Buyer@ACME.com"],
                2 | 4 => &["Buyer@ACME.com", "cto@acme.com"],
                _ => &["x@globex.com"],
            };
            message(gate, &filter, &format!("m{n}"), &format!("2026-02-{:02}T09:00:00Z", 1 + n % 20), to)
        })
        .collect();
    let mut page = store.open_page(gate, &stream, version).await.unwrap();
    teller.say("stored", page.put_activities(&wanted).await.unwrap());
    teller.say("stored again", page.put_activities(&wanted).await.unwrap());
    page.begin_backfill(mailbox, 1, &round(1)).await.unwrap();
    page.save(Advance::Delta("https://graph/delta", &round(1))).await.unwrap();
    let stale = store.open_page(gate, &stream, version).await.unwrap();
    teller.say("stale", stale.save(Advance::Next("https://graph/next", &round(1))).await.unwrap_err().to_string());
    teller.say("other rules", store.open_page(gate, &stream, version - 1).await.err().map(|error| error.to_string()));
    quiet_end(store, gate, &stream).await;
    let streams = store.streams(gate, mailbox).await.unwrap();
    let shown: Vec<_> = streams.iter().map(|s| (s.id, s.kind, s.folder_row, s.version, s.round.clone())).collect();
    teller.say("streams", shown);
    let backfill = streams.iter().find(|stream| stream.kind == StreamKind::MailBackfill).unwrap();
    let page = store.open_page(gate, backfill, version).await.unwrap();
    page.save(Advance::Finished(&round(1))).await.unwrap();
    teller.say("streams left", store.streams(gate, mailbox).await.unwrap().len());
    teller.say("records", store.count_records(&tenant()).await.unwrap());
}

/// A round that brought nothing moves its stream to another link and changes nothing else; whoever read it for an older version
/// moves nothing.
async fn quiet_end(store: &Store, gate: &DpaAccepted<'_>, began: &Stream) {
    let now = || async {
        let all = store.streams(gate, began.mailbox).await.unwrap();
        all.into_iter().find(|stream| stream.id == began.id).unwrap()
    };
    let link_of = |stream: &Stream| match &stream.position {
        Position::Delta(link) => link.expose_secret().to_owned(),
        other => panic!("the stream stands at {other:?}"),
    };
    let before = now().await;
    let end = |version, link: &str| QuietEnd { stream: began.id, version, link: link.into() };
    let stale = [end(began.version, "https://graph/stale")];
    store.mailbox_ended(gate, began.mailbox, MailboxState::Synced, None, &stale).await.unwrap();
    assert_eq!((link_of(&now().await).as_str(), now().await.version), ("https://graph/delta", before.version));
    let quiet = [end(before.version, "https://graph/quiet")];
    store.mailbox_ended(gate, began.mailbox, MailboxState::Synced, None, &quiet).await.unwrap();
    let after = now().await;
    assert_eq!((link_of(&after).as_str(), after.version), ("https://graph/quiet", before.version + 1));
    assert_eq!(after.round, before.round);
}

fn people(filter: &AddressFilter) -> FilteredAttendees {
    let attendees = ["buyer@acme.com", "x@globex.com", "nobody@elsewhere.net"].map(|address| RawAttendee {
        address: address.into(),
        kind: AttendeeKind::Required,
        response: ResponseStatus::Accepted,
    });
    let rules = OrganizerRules { external_counts: true, keep_address: true };
    filter_calendar_attendees(filter, rules, Some("org@contoso.com".into()), attendees.into())
}

fn copy<'a>(mailbox: MailboxId, event: &'a str, people: Option<&'a FilteredAttendees>, starts: &str) -> CopyWrite<'a> {
    CopyWrite {
        mailbox,
        user: "u2",
        key: ShortKey::event(mailbox, event),
        event_id: Some(event),
        kind: CopyKind::Single,
        state: CopyState::Standing,
        master_key: None,
        master_id: None,
        meeting_key: Some(ShortKey::meeting(ShortKey::series("uid"), "only")),
        place: Some("only"),
        series_key: None,
        cancelled_at: None,
        is_organizer: true,
        starts_at: Some(at(starts)),
        ends_at: Some(at(starts)),
        subject: None,
        is_online: Some(true),
        people,
        people_from_master: false,
        details: m365_store::meetings::CopyDetails::default(),
        round: 1,
    }
}

async fn meetings(store: &Store, gate: &DpaAccepted<'_>, mailbox: MailboxId, teller: &mut Teller) {
    let (filter, version) = filter(store).await;
    let people = people(&filter);
    let meeting = ShortKey::meeting(ShortKey::series("uid"), "only");
    let master = ShortKey::event(mailbox, "M");
    let mut page = store.open_join(gate, version).await.unwrap();
    page.take_turn_at_meetings().await.unwrap();
    let stored = page.put_copy(&copy(mailbox, "e1", Some(&people), "2026-04-01T10:00:00Z"), None).await.unwrap();
    teller.say("copy", &stored);
    let again =
        page.put_copy(&copy(mailbox, "e1", Some(&people), "2026-04-01T11:00:00Z"), Some(stored.id)).await.unwrap();
    teller.say("copy again", again.id == stored.id);
    let waiting = CopyWrite {
        state: CopyState::Waiting,
        meeting_key: None,
        master_key: Some(master),
        master_id: Some("M"),
        people_from_master: true,
        ..copy(mailbox, "o1", None, "2026-04-02T10:00:00Z")
    };
    page.put_copy(&waiting, None).await.unwrap();
    teller.say("by key", page.copies(&[stored.key]).await.unwrap());
    teller.say("by meeting", page.copies_of_meetings(&[meeting]).await.unwrap().len());
    teller.say("by master", page.copies_of_masters(&[master]).await.unwrap().len());
    teller.say("people", page.people_of(&[stored.id]).await.unwrap());
    let between = (at("2026-03-02T15:00:00Z"), at("2026-06-01T00:00:00Z"));
    let unseen = page.unseen(mailbox, 2, between).await.unwrap();
    let vanished = page.vanished_days(mailbox, 2, between).await.unwrap();
    teller.say("unseen", (unseen.len(), vanished.len()));
    let event = FilteredEvent {
        details: None,
        id: "e1".to_owned(),
        subject: people.subject(RawText::from("Planning")),
        start: at("2026-03-01T10:00:00Z"),
        end: at("2026-03-01T11:00:00Z"),
        is_online: Some(true),
        people: people.clone(),
    };
    let wanted: Vec<ToStore> = meeting_activities(gate, &FieldMappings::default(), &event)
        .into_iter()
        .map(|activity| ToStore { activity, meeting: Some(meeting), copy: None, renames: None })
        .collect();
    teller.say("meeting stored", page.put_activities(&wanted).await.unwrap());
    let heads = page.records_of_meetings(&[meeting]).await.unwrap();
    teller.say("heads", &heads);
    teller.say("taken back", page.retract(&[heads[1].id]).await.unwrap());
    page.save(Advance::Nowhere).await.unwrap();
    let waiting = store.waiting(gate, mailbox).await.unwrap();
    assert!(store.known_of(gate, mailbox).await.unwrap().has_waiting);
    // Row numbers are the engine's own business: PostgreSQL uses one up for an upsert that finds a row.
    let shown: Vec<_> = waiting.iter().map(|c| (&c.event_id, c.state, &c.master_id, &c.place, c.starts_at)).collect();
    teller.say("waiting", shown);
    let mut page = store.open_join(gate, version).await.unwrap();
    page.copy_was_taken_out(waiting[0].id).await.unwrap();
    let taken_out = page.copies(&[waiting[0].key]).await.unwrap();
    teller.say("taken out", taken_out[0].cancelled_at);
    page.forget_copy(waiting[0].id).await.unwrap();
    page.save(Advance::Nowhere).await.unwrap();
    teller.say("waiting no more", store.waiting(gate, mailbox).await.unwrap().len());
    drop(store.open_join(gate, version).await.unwrap());
}

async fn reading(store: &Store, teller: &mut Teller) {
    let tenant = tenant();
    let mut all = Vec::new();
    let query = RecordQuery { since: Some(at("2026-02-10T00:00:00Z")), include_upcoming: true };
    store
        .each_record(&tenant, query, |record| {
            let _: () = all.push(serde_json::to_string(record).unwrap());
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
    teller.say("records", all);
    let person: TypedAddress = "cto@acme.com".parse().unwrap();
    let mut behind = None;
    let mut of_person = Vec::new();
    loop {
        let filter = Filter { person: Some(person.clone()), ..Filter::default() };
        let page = PageOf { filter, behind: behind.as_ref(), limit: 7, order: Order::NewestFirst };
        let next = store
            .records_page(&tenant, &page, |listed| {
                let _: () = of_person.push(listed.record.external_id.to_string());
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        match next {
            Some(place) => behind = Some(place),
            None => break,
        }
    }
    let mut his = Vec::new();
    let query = RecordQuery { since: None, include_upcoming: true };
    let everything = store.each_record(&tenant, query, |record| {
        if serde_json::to_string(record).unwrap().contains("\"cto@acme.com\"") {
            his.insert(0, record.external_id.to_string());
        }
        Ok::<_, StoreError>(())
    });
    everything.await.unwrap();
    assert_eq!((&of_person, of_person.len()), (&his, 20));
    assert_eq!(store.person_totals(&tenant, &person).await.unwrap().records(), 20);
    teller.say("of a person", of_person);
    let filter = Filter { person: Some(person.clone()), ..Filter::default() };
    store.note_download(&tenant, &operator(), false, Download::Person(&filter)).await.unwrap();
    teller.say("taken out", store.last_done(&tenant, "file.downloaded").await.unwrap());
    filtered(store, &person, teller).await;
    teller.say("given places", store.sequence_feed(&tenant).await.unwrap());
    let mut feed = Vec::new();
    store
        .each_change(&tenant, None, |change| {
            let _: () = feed.push(serde_json::to_value(change).unwrap()["externalId"].clone());
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
    teller.say("feed", feed);
}

/// Every filter alone and all of them together, in both orders, with the counts beside them.
async fn filtered(store: &Store, person: &TypedAddress, teller: &mut Teller) {
    let tenant = tenant();
    let days = Days {
        from: Some("2026-02-10".parse().unwrap()),
        until: Some("2026-03-02".parse().unwrap()),
        offset: Offset::of_minutes(-330).unwrap(),
    };
    let all = Filter {
        kind: Some(ActivityType::EmailThread),
        domain: Some("acme.com".parse().unwrap()),
        person: Some(person.clone()),
        days,
        upcoming: true,
    };
    let none = Filter::default;
    let filters = [
        none(),
        Filter { kind: all.kind, ..none() },
        Filter { domain: all.domain.clone(), ..none() },
        Filter { person: all.person.clone(), ..none() },
        Filter { person: all.person.clone(), upcoming: true, ..none() },
        Filter { days, ..none() },
        Filter { upcoming: true, ..none() },
        all,
    ];
    for filter in filters {
        let mut found = Vec::new();
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let mut behind = None;
            loop {
                let page = PageOf { filter: filter.clone(), behind: behind.as_ref(), limit: 3, order };
                let next = store
                    .records_page(&tenant, &page, |listed| {
                        let _: () = found.push((listed.record.external_id.to_string(), listed.domain.to_owned()));
                        Ok::<_, StoreError>(())
                    })
                    .await
                    .unwrap();
                let Some(place) = next else { break };
                assert_eq!(store.place(&tenant, place.key()).await.unwrap().as_ref(), Some(&place));
                behind = Some(place);
            }
        }
        // The second half is the first one backwards.
        let (newest, oldest) = found.split_at(found.len() / 2);
        assert!(newest.iter().rev().eq(oldest), "{filter:?}");
        teller.say("found", newest);
        teller.say("chart", store.chart(&tenant, &filter).await.unwrap());
        teller.say("by domain", store.counts_by_domain(&tenant, &filter).await.unwrap());
    }
    let key = store.person_key(&tenant, person).await.unwrap().unwrap();
    teller.say("himself", store.person(&tenant, &key).await.unwrap().is_some_and(|found| found == *person));
    teller.say("his totals", store.person_totals(&tenant, person).await.unwrap());
    let nobody: TypedAddress = "nobody@acme.com".parse().unwrap();
    teller.say("nobody", store.person_key(&tenant, &nobody).await.unwrap());
    teller.say("nothing", store.person_totals(&tenant, &nobody).await.unwrap());
    teller.say("listed", store.listed_domains(&tenant, 10).await.unwrap());
    let kept = store.kept(&tenant).await.unwrap();
    teller.say("kept", kept.iter().map(|(kept, rows)| (kept.table, rows)).collect::<Vec<_>>());
    teller.say("last listed", store.last_done(&tenant, "allowlist.added").await.unwrap().map(|entry| entry.detail));
    teller.say("never", store.last_done(&tenant, "never").await.unwrap());
}

async fn runs_and_tokens(store: &Store, teller: &mut Teller) {
    let tenant = tenant();
    teller.say("no run", store.last_run(&tenant).await.unwrap().is_none());
    let first = store.run_began(&tenant, at("2026-03-02T12:00:00Z")).await.unwrap();
    let second = store.run_began(&tenant, at("2026-03-02T12:00:00Z")).await.unwrap();
    teller.say("the first was broken off", store.run(&tenant, &first).await.unwrap());
    store.run_ended(&tenant, &second, Ended::Done, "{}").await.unwrap();
    teller.say("last run", store.last_run(&tenant).await.unwrap());
    teller.say("last good run", store.last_good_run(&tenant).await.unwrap());
    teller.say("recent runs", store.recent_runs(&tenant, 2).await.unwrap());
    teller.say("newest ended run", store.newest_ended_run(&tenant).await.unwrap());
    teller.say("ended runs", store.runs_ended_after(&tenant, 0, 5).await.unwrap());
    teller.say("glance", store.glance(&tenant).await.unwrap());
    teller.say("mailbox totals", store.mailbox_totals(&tenant).await.unwrap());
    for listed in [Listed::All, Listed::NotRead] {
        teller.say("mailbox lines", store.mailbox_lines(&tenant, listed, "", 100).await.unwrap());
    }
    teller.say("domain totals", store.domain_totals(&tenant).await.unwrap());
    teller.say("trail", store.audit_trail(&tenant, None, 100).await.unwrap());
    let token = SecretString::from("token");
    store.save_token(&tenant, "graph", &token, at("2026-03-02T13:00:00Z")).await.unwrap();
    store.save_token(&tenant, "old", &token, at("2026-03-02T11:00:00Z")).await.unwrap();
    teller.say("token", store.load_token(&tenant, "graph").await.unwrap().map(|(_, until)| until));
    teller.say("expired", store.load_token(&tenant, "old").await.unwrap().is_none());
    teller.say("rotated", store.rotate_keys(&tenant).await.unwrap());
}

/// A run that several processes read together, from its beginning to another's.
async fn shared_run(store: &Store, gate: &DpaAccepted<'_>, mailbox: MailboxId, teller: &mut Teller) {
    let (tenant, id): (_, RunId) = (tenant(), "run_shared".parse().unwrap());
    let connector = store.connector(&tenant).await.unwrap().id;
    teller.say("whose", store.tenant_of(&connector).await.unwrap());
    teller.say("nobody's", store.tenant_of(&"con_other".parse().unwrap()).await.unwrap());
    teller.say("nothing stops", store.ask_run_to_stop(&tenant).await.unwrap());
    for _ in 0..2 {
        teller.say("begins once", store.run_began_as(&tenant, &id, at("2026-03-02T13:00:00Z")).await.unwrap());
    }
    store.share_run(gate, &id, &[mailbox]).await.unwrap();
    store.note_opening(&tenant, &id, "{}").await.unwrap();
    teller.say("opening", store.opening(&tenant, &id).await.unwrap());
    let part = |part: Option<Part>| part.map(|part| (part.mailbox == mailbox, part.user, part.report, part.is_done));
    teller.say("first", part(store.part(&tenant, &id, 1).await.unwrap()));
    teller.say("no second", part(store.part(&tenant, &id, 2).await.unwrap()));
    teller.say("no reports", store.part_reports(&tenant, &id).await.unwrap());
    let counts = PartCounts { pages: 1, seen: 5, kept: 3, requests: 7, waiting: 2 };
    store.note_part(&tenant, (&id, 1), counts, "so far", true).await.unwrap();
    teller.say("noted", part(store.part(&tenant, &id, 1).await.unwrap()));
    teller.say("reports", store.part_reports(&tenant, &id).await.unwrap());
    teller.say("progress", store.run_progress(&tenant, &id).await.unwrap());
    teller.say("on", store.run_standing(&tenant, &id).await.unwrap());
    teller.say("stopped", store.ask_run_to_stop(&tenant).await.unwrap());
    teller.say("stopping", store.run_standing(&tenant, &id).await.unwrap());
    store.run_ended(&tenant, &id, Ended::Done, "{}").await.unwrap();
    teller.say("over", store.run_standing(&tenant, &id).await.unwrap());
    teller.say("no progress", store.run_progress(&tenant, &id).await.unwrap());
    teller.say("forgotten", part(store.part(&tenant, &id, 1).await.unwrap()));
}

async fn choices(store: &Store, gate: &DpaAccepted<'_>, mailbox: MailboxId, teller: &mut Teller) {
    let (tenant, actor) = (tenant(), operator());
    let out: Vec<Exclusion> = ["Cto@acme.com", "legal.globex.com"].map(|text| text.parse().unwrap()).to_vec();
    teller.say("excluded", store.exclude(&tenant, &actor, &out).await.unwrap());
    teller.say("excluded again", store.exclude(&tenant, &actor, &out[..1]).await.unwrap());
    teller.say("readmitted", store.readmit(&tenant, &actor, &out[1..]).await.unwrap());
    let left: Vec<String> = store.exclusions(&tenant).await.unwrap().iter().map(|e| e.as_str().to_owned()).collect();
    teller.say("exclusions", left);

    let users: Vec<GraphUserId> = ["u1", "u9"].map(|id| id.parse().unwrap()).to_vec();
    store.choose_mailboxes(&tenant, &actor, &users, MailboxChoice::Exclude).await.unwrap();
    store.choose_mailboxes(&tenant, &actor, &users[..1], MailboxChoice::Include).await.unwrap();
    let listed: Vec<GraphUserId> = ["u1", "u9"].map(|id| id.parse().unwrap()).to_vec();
    teller.say("without the excluded", store.mailboxes(gate, &listed).await.unwrap());

    let version = store.allow_list(&tenant).await.unwrap().version;
    let mut page = store.open_join(gate, version).await.unwrap();
    let more = Coverage { seen: 3, kept: 1, dropped: [("removed".to_owned(), 2)].into() };
    page.add_coverage(mailbox, StreamKind::Calendar, 0, &more).await.unwrap();
    page.add_coverage(mailbox, StreamKind::Calendar, 0, &more).await.unwrap();
    let (list, _) = filter(store).await;
    let mut copied = message(gate, &list, "copied", "2026-02-20T10:00:00Z", &["buyer@globex.com"]);
    copied.copy = Some(MessageCopy { key: ShortKey::message("<1@acme.com>"), user: "u2".to_owned() });
    teller.say("copied", page.put_activities(&[copied]).await.unwrap());
    // Rows are numbered by the engine.
    let heads = page.records_of_messages(&[ShortKey::message(" <1@acme.com>")]).await.unwrap();
    teller.say("copies", heads.iter().map(|head| (&head.external_id, &head.copy)).collect::<Vec<_>>());
    let rows = page.rows_named(&["o365_email_copied", "o365_email_none"]).await.unwrap();
    teller.say("named", rows.get("o365_email_copied") == Some(&heads[0].id) && rows.len() == 1);
    page.save(Advance::Nowhere).await.unwrap();
    teller.say("overview", store.mailbox_overview(&tenant).await.unwrap());

    let wanted = [("acme.com", false), ("globex.com", true), ("initech.com", true)];
    let wanted: Vec<(DomainName, bool)> = wanted.map(|(name, sub)| (name.parse().unwrap(), sub)).to_vec();
    let planned = changes(&store.allow_list(&tenant).await.unwrap().entries, &wanted);
    teller.say("planned", &planned);
    store.change_allow_list(&tenant, &actor, &planned).await.unwrap();
    teller.say("nothing to do", changes(&store.allow_list(&tenant).await.unwrap().entries, &wanted));
    let own = ["contoso.co.uk".parse().unwrap(), "initech.com".parse().unwrap()];
    teller.say("paused", store.set_internal_domains(&tenant, InternalSource::Member, &own).await.unwrap());
    teller.say("list with a pause", store.allow_list(&tenant).await.unwrap());
    let initech = "initech.com".parse().unwrap();
    teller.say("decided", store.disallow(&tenant, &actor, &initech, Leftovers::Keep).await.unwrap());
    teller.say("no pause", store.allow_list(&tenant).await.unwrap().paused);
}

async fn rights(store: &Store, teller: &mut Teller) {
    let tenant = tenant();
    withdraw_dpa(&tenant, &operator(), store.database()).await.unwrap();
    let person: TypedAddress = "buyer@acme.com".parse().unwrap();
    teller.say("erased", store.erase(&tenant, &operator(), &Target::Person(person)).await.unwrap());
    teller.say("ledger", store.reconcile_ledger(&tenant).await.unwrap());
    let globex = "globex.com".parse().unwrap();
    teller.say("purged", store.disallow(&tenant, &operator(), &globex, Leftovers::Purge).await.unwrap());
    store.change_setting(&tenant, &operator(), "retentionDays", "20").await.unwrap();
    teller.say("names", store.forget_old_names(&tenant).await.unwrap());
    teller.say("key", store.assert_key(&tenant).await.is_ok());
    teller.say("retention", store.apply_retention(&tenant, &operator()).await.unwrap());
    let mut left = Vec::new();
    let query = RecordQuery { since: None, include_upcoming: true };
    store
        .each_record(&tenant, query, |record| {
            let _: () = left.push(serde_json::to_string(record).unwrap());
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
    teller.say("left", left);
}

async fn consent(store: &Store, teller: &mut Teller) {
    let (tenant, user) = (tenant(), operator());
    teller.say("disconnected", store.disconnect(&tenant, Leftovers::Purge, &user).await.unwrap());
    teller.say("owners", store.owners().await.unwrap());
    let made = store.invite(&tenant, &user).await.unwrap();
    let open = store.invitation(&tenant, made.secret.expose_secret()).await.unwrap();
    teller.say("invited", open.map(|invitation| (invitation.state, invitation.expires_at)));
    let origin = Origin::Invitation(made.id.clone());
    let traveller = Traveller { tenant: &tenant, user: &user, origin: &origin, browser: "cookie" };
    let domain = "contoso.com".parse().unwrap();
    let out = store.set_out_to_sign_in(traveller, Some(&domain)).await.unwrap();
    let back = store.take_state(&tenant, out.state.expose_secret(), None, "cookie").await.unwrap();
    teller.say("came back to", (back.user, matches!(back.errand, Errand::SignIn { .. })));
    let entra = "11111111-2222-3333-4444-555555555555".parse().unwrap();
    store.note_sign_in(&tenant, &user, &entra, Reason::RolesNotTold, Some(&domain)).await.unwrap();
    teller.say("waiting", store.claim(&tenant, None).await.unwrap());
    store.confirm_entra_tenant(&tenant, &entra, &user).await.unwrap();
    teller.say("confirmed", store.confirmations(&tenant).await.unwrap());
    let claim = store.claim(&tenant, Some(&entra)).await.unwrap().unwrap();
    let state = store.set_out_to_consent(traveller, &claim).await.unwrap();
    let back = store.take_state(&tenant, state.expose_secret(), None, "cookie").await.unwrap();
    teller.say("consented", matches!(back.errand, Errand::Consent { .. }));
    teller.say("used", store.use_invitation(&tenant, &made.id).await.unwrap());
    teller.say("revoked", store.revoke_invitation(&tenant, &user, &made.id).await.unwrap());
    teller.say("invitations", store.invitations(&tenant).await.unwrap().len());
    teller.say("bound", store.bind(&claim, &domain, &user).await.unwrap());
    teller.say("paused", store.pause_schedule(&tenant, &user, true).await.unwrap());
    for day in ["2027-05-01", "2028-05-01"] {
        store.note_secret_end(&tenant, &user, Some(SecretEnd(day.parse().unwrap()))).await.unwrap();
    }
    teller.say("secret", store.secret_end(&tenant).await.unwrap());
    teller.say("connector", store.connector(&tenant).await.unwrap());
    teller.say("glance", store.glance(&tenant).await.unwrap());
    let own = OwnText::new("1", "We agree.").unwrap();
    teller.say("text", set_agreement(&tenant, &user, &own, store.database()).await.unwrap());
    teller.say("text", agreement_in_force(&tenant, store.database()).await.unwrap());
    teller.say("stopped", store.stop_reading(&tenant, &user).await.unwrap());
    teller.say("kept", store.disconnect(&tenant, Leftovers::Keep, &user).await.unwrap());
    let other = "another".parse().unwrap();
    teller.say("owner", store.entra_owner(&entra, &other).await.unwrap());
    teller.say("moved", store.move_entra_tenant(&entra, &other, &user).await.unwrap());
}
