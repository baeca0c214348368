//! A page and its cursor are one fact.

use jiff::Timestamp;
use m365_activity::{CanonicalActivity, FieldMappings, FilteredMessage, email_activity};
use m365_database::{DpaAccepted, accept_dpa, assert_dpa_accepted};
use m365_model::{MailboxId, StreamKind};
use m365_privacy::{AddressFilter, Exclusions, filter_email_participants};
use m365_store::records::ToStore;
use m365_store::streams::{Advance, Position, Round, Stream};
use m365_store::{PageError, Store, Tally};
use secrecy::ExposeSecret as _;
use testkit::{Ground, On, start};

const ENTRA: &str = "11111111-2222-3333-4444-555555555555";

/// Accepted, and acme.com allowed.
async fn ready() -> Ground {
    ready_on(&On::sqlite()).await
}

async fn ready_on(on: &On) -> Ground {
    let ground = Ground::on(on, start(), ENTRA).await;
    ground.accept().await;
    ground.allow(&["acme.com"]).await;
    ground
}

fn round(now: Timestamp) -> Round {
    Round::over(1, now, None, 1)
}

async fn mailbox(store: &Store, gate: &DpaAccepted<'_>) -> MailboxId {
    let users = ["user-1".parse().expect("an id")];
    store.mailboxes(gate, &users).await.expect("a mailbox")[0].1
}

async fn stream(store: &Store, gate: &DpaAccepted<'_>) -> Stream {
    let mailbox = mailbox(store, gate).await;
    store.create_stream(gate, mailbox, StreamKind::MailFolder, 1, &round(start())).await.expect("a stream")
}

/// A letter from buyer@acme.com, through the filter and the mappings.
async fn letter(store: &Store, gate: &DpaAccepted<'_>, id: &str, subject: &str) -> ToStore {
    let list = store.allow_list(gate.tenant()).await.expect("a list");
    let filter = AddressFilter::new(list.entries, Vec::new(), Exclusions::none());
    let people = filter_email_participants(&filter, Some("Buyer@acme.com".into()), Vec::new(), Vec::new());
    let subject = people.subject(subject.into());
    let message = FilteredMessage {
        id: id.to_owned(),
        received: start(),
        conversation_id: None,
        subject,
        people,
        with_details: false,
    };
    let activity: CanonicalActivity = email_activity(gate, &FieldMappings::default(), &message).expect("a record");
    ToStore { activity, meeting: None, copy: None, renames: None }
}

async fn version(ground: &Ground) -> i64 {
    ground.store.allow_list(&ground.tenant).await.expect("a list").version
}

async fn only_stream(store: &Store, gate: &DpaAccepted<'_>, mailbox: MailboxId) -> Stream {
    let mut streams = store.streams(gate, mailbox).await.expect("streams");
    assert_eq!(streams.len(), 1);
    streams.remove(0)
}

/// Fails when `PageTx::save` does not compare the stream's version.
#[tokio::test]
async fn who_was_overtaken_stores_nothing() {
    let ground = ready().await;
    let (store, other) = (&ground.store, ground.reopen().await);
    let gate = assert_dpa_accepted(&ground.tenant, store.database()).await.unwrap();
    let stream = stream(store, &gate).await;
    // Another process that read the same page for the same place.
    let other_gate = assert_dpa_accepted(&ground.tenant, other.database()).await.unwrap();
    let (mine, theirs) = (letter(store, &gate, "mine", "x").await, letter(&other, &other_gate, "theirs", "x").await);
    let rules = version(&ground).await;

    let mut page = store.open_page(&gate, &stream, rules).await.unwrap();
    page.put_activities(&[mine]).await.unwrap();
    page.save(Advance::Next("link one", &round(start()))).await.unwrap();

    let mut late = other.open_page(&other_gate, &stream, rules).await.unwrap();
    late.put_activities(&[theirs]).await.unwrap();
    let refused = late.save(Advance::Delta("link two", &round(start()))).await.unwrap_err();
    assert!(matches!(refused, PageError::Stale), "{refused}");

    let records = ground.records(true).await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["externalId"], "o365_email_mine");
    let now = only_stream(store, &gate, stream.mailbox).await;
    assert!(matches!(&now.position, Position::Next(link) if link.expose_secret() == "link one"));
    assert_eq!(now.version, stream.version + 1);
}

/// A message that is moved may stand on the pages of two folders that are read side by side. Fails on PostgreSQL when pages
/// of one mailbox do not take turns: the second insert is refused, and with it the run.
#[tokio::test]
async fn a_message_on_two_pages_at_once_is_one_record() {
    for on in On::each() {
        let ground = ready_on(&on).await;
        let store = &ground.store;
        let gate = assert_dpa_accepted(&ground.tenant, store.database()).await.unwrap();
        let inbox = stream(store, &gate).await;
        let archive = store.create_stream(&gate, inbox.mailbox, StreamKind::MailFolder, 2, &round(start())).await;
        let archive = archive.unwrap();
        let rules = version(&ground).await;
        let letters = [letter(store, &gate, "moved", "x").await, letter(store, &gate, "moved", "x").await];
        let [before, after] = letters;
        let mut first = store.open_page(&gate, &inbox, rules).await.unwrap();
        assert_eq!(first.put_activities(&[before]).await.unwrap().created, 1);
        let second = async {
            let mut page = store.open_page(&gate, &archive, rules).await?;
            let tally = page.put_activities(&[after]).await?;
            page.save(Advance::Next("archive", &round(start()))).await?;
            Ok::<_, PageError>(tally)
        };
        let first = async {
            if on.is_postgres() {
                ground.statements_wait(1).await;
            }
            first.save(Advance::Next("inbox", &round(start()))).await
        };
        let (second, first) = tokio::join!(second, first);
        first.unwrap();
        assert_eq!(second.unwrap(), Tally::default());
        assert_eq!(ground.records(true).await.len(), 1);
    }
}

/// The end of a stream is a move like any other.
#[tokio::test]
async fn who_was_overtaken_ends_nothing() {
    let ground = ready().await;
    let gate = assert_dpa_accepted(&ground.tenant, ground.store.database()).await.unwrap();
    let stream = stream(&ground.store, &gate).await;
    let rules = version(&ground).await;
    let page = ground.store.open_page(&gate, &stream, rules).await.unwrap();
    page.save(Advance::Next("link", &round(start()))).await.unwrap();
    let late = ground.store.open_page(&gate, &stream, rules).await.unwrap();
    assert!(matches!(late.save(Advance::Finished(&round(start()))).await.unwrap_err(), PageError::Stale));
    only_stream(&ground.store, &gate, stream.mailbox).await;
    let lost = ground.store.open_page(&gate, &stream, rules).await.unwrap();
    assert!(matches!(lost.save(Advance::Nowhere).await.unwrap_err(), PageError::Stale), "a page without its cursor");
}

#[tokio::test]
async fn a_page_that_is_read_twice_changes_nothing() {
    let ground = ready().await;
    let store = &ground.store;
    let gate = assert_dpa_accepted(&ground.tenant, store.database()).await.unwrap();
    let mut stream = stream(store, &gate).await;
    let rules = version(&ground).await;
    let mut tallies = Vec::new();
    for _ in 0..2 {
        let items = [letter(store, &gate, "one", "x").await, letter(store, &gate, "two", "y").await];
        let mut page = store.open_page(&gate, &stream, rules).await.unwrap();
        tallies.push(page.put_activities(&items).await.unwrap());
        page.save(Advance::Next("link", &round(start()))).await.unwrap();
        stream.version += 1;
    }
    assert_eq!(tallies, [Tally { created: 2, updated: 0, retracted: 0 }, Tally::default()]);
    let mut page = store.open_page(&gate, &stream, rules).await.unwrap();
    let renamed = [letter(store, &gate, "two", "z").await];
    assert_eq!(page.put_activities(&renamed).await.unwrap(), Tally { created: 0, updated: 1, retracted: 0 });
    page.save(Advance::Next("link", &round(start()))).await.unwrap();
    assert_eq!(ground.records(true).await.len(), 2);
}

#[tokio::test]
async fn a_page_that_is_dropped_leaves_nothing() {
    let ground = ready().await;
    let store = &ground.store;
    let gate = assert_dpa_accepted(&ground.tenant, store.database()).await.unwrap();
    let stream = stream(store, &gate).await;
    let rules = version(&ground).await;
    let mut page = store.open_page(&gate, &stream, rules).await.unwrap();
    let item = letter(store, &gate, "one", "a subject that was never stored").await;
    page.put_activities(&[item]).await.unwrap();
    drop(page);
    assert!(ground.records(true).await.is_empty());
    let now = only_stream(store, &gate, stream.mailbox).await;
    assert_eq!((now.version, matches!(now.position, Position::Start)), (stream.version, true));
}

/// Fails when `open_page` does not compare the version of the rules.
#[tokio::test]
async fn a_page_that_was_filtered_by_an_older_list_is_not_stored() {
    let ground = ready().await;
    let store = &ground.store;
    let gate = assert_dpa_accepted(&ground.tenant, store.database()).await.unwrap();
    let stream = stream(store, &gate).await;
    let rules = version(&ground).await;
    ground.disallow("acme.com").await;
    let refused = store.open_page(&gate, &stream, rules).await.err().expect("a refusal");
    assert!(matches!(refused, PageError::RulesChanged), "{refused}");
    ground.withdraw().await;
    let refused = store.open_page(&gate, &stream, version(&ground).await).await.err().expect("a refusal");
    assert!(matches!(refused, PageError::Withdrawn), "{refused}");
}

/// Fails when a statement about streams or mailboxes leaves its tenant out.
#[tokio::test]
async fn one_tenants_proof_opens_nothing_of_anothers() {
    let ground = ready().await;
    let store = &ground.store;
    let (other, connector) = ground.another_tenant("other").await;
    accept_dpa(&other, &"admin".parse().unwrap(), &connector, store.database()).await.unwrap();
    let (ours, theirs) = (
        assert_dpa_accepted(&ground.tenant, store.database()).await.unwrap(),
        assert_dpa_accepted(&other, store.database()).await.unwrap(),
    );
    let stream = stream(store, &ours).await;
    assert!(store.streams(&theirs, stream.mailbox).await.unwrap().is_empty());
    assert!(store.known_folders(&theirs, stream.mailbox).await.unwrap().is_empty());
    let rules = store.allow_list(&other).await.unwrap().version;
    let item = letter(store, &ours, "one", "x").await;
    let mut page = store.open_page(&theirs, &stream, rules).await.unwrap();
    // What was filtered for one tenant is refused, or falls with the page: the stream is not the other's to move.
    page.put_activities(&[item]).await.ok();
    assert!(page.save(Advance::Next("link", &round(start()))).await.is_err());
    assert!(ground.records(true).await.is_empty());
    let now = only_stream(store, &ours, stream.mailbox).await;
    assert_eq!(now.version, stream.version);
}
