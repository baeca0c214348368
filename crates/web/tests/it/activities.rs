//! The pages of activities and of people, on what a sync has stored.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use axum::http::{StatusCode, header};
use graph_sim::{NewMeeting, NewMessage};
use jiff::SignedDuration;
use m365_model::UserId;
use serde_json::Value;
use testkit::Kit;

use crate::common::{Answer, Desk};

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

/// What a stranger could write into a subject: a formula, a script, and a mark that turns the text around.
const HOSTILE: &str = "=HYPERLINK(\"http://evil.test\") <script>alert(1)</script> \u{202e}gnp.exe";

async fn synced() -> (Kit, Desk) {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    kit.sync().await;
    let desk = Desk::of(&kit).await;
    (kit, desk)
}

/// An office of two people without anything, and their addresses.
async fn quiet() -> (Kit, [String; 2]) {
    let kit = Kit::ready(&DOMAINS, |options| {
        options.mailboxes = 2;
        options.messages_per_mailbox = 0;
        options.meetings_per_mailbox = 0;
    })
    .await;
    let people = {
        let world = kit.sim.world();
        [world.users[0].upn.clone(), world.users[1].upn.clone()]
    };
    (kit, people)
}

async fn set(kit: &Kit, name: &str, value: &str) {
    let admin: UserId = "user_admin".parse().unwrap();
    kit.store.change_setting(&kit.tenant, &admin, name, value).await.unwrap();
}

fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The people's pages that a list links to, one for each record, in its order.
fn records_on(page: &Answer) -> Vec<String> {
    let keys = page.links().into_iter().filter_map(|link| link.strip_prefix("/people/").map(str::to_owned));
    keys.filter(|key| !key.contains('-') && !key.contains('/')).collect()
}

/// The link called `name`.
fn link(page: &Answer, name: &str) -> Option<String> {
    let (before, _) = page.text.split_once(&format!("\">{name}</a>"))?;
    let link = before.rsplit("href=\"").next()?;
    Some(link.replace("&#38;", "&").replace("&amp;", "&"))
}

/// What `record` is: its day, kind and domains, as a filter sees them.
fn matches(record: &Value, kind: &str, domain: &str, from: &str, until: &str) -> bool {
    let is_meeting = record["type"] == "meeting_attend";
    let people = match record["properties"]["participantEmails"].as_array() {
        Some(people) => people.clone(),
        None => vec![record["personExternalId"].clone()],
    };
    let ends = |person: &Value| person.as_str().unwrap().ends_with(&format!("@{domain}"));
    let day = &record["occurredAt"].as_str().unwrap()[..10];
    (kind.is_empty() || is_meeting == (kind == "meeting"))
        && (domain.is_empty() || people.iter().any(ends))
        && (from.is_empty() || day >= from)
        && (until.is_empty() || day <= until)
}

/// Fails when a filter is left out of the statement of the download or of the page; seen without the domain's condition on later
/// participants.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_and_download_agree_with_what_is_stored_under_every_filter() {
    let (kit, desk) = synced().await;
    let all = kit.records(false).await;
    assert!(all.len() > 60);
    for (kind, domain, from, until) in [
        ("", "", "", ""),
        ("meeting", "", "", ""),
        ("mail", "", "", ""),
        ("", "acme.com", "", ""),
        ("", "globex.com", "2026-02-01", ""),
        ("", "", "2026-02-10", "2026-02-20"),
        ("", "", "", "2026-01-31"),
        ("mail", "acme.com", "2026-01-15", "2026-02-25"),
        ("meeting", "globex.com", "2026-03-02", "2026-03-02"),
    ] {
        let query = format!("?kind={kind}&domain={domain}&from={from}&until={until}");
        let expected: Vec<_> =
            all.iter().filter(|record| matches(record, kind, domain, from, until)).cloned().collect();
        assert!(lines(&desk.get(&format!("/activities.ndjson{query}")).await) == expected, "{query}");
        let mut page = desk.get(&format!("/activities{query}")).await;
        let mut shown = records_on(&page);
        while let Some(older) = link(&page, "Older") {
            page = desk.get(&older).await;
            shown.extend(records_on(&page));
        }
        assert_eq!(shown.len(), expected.len(), "{query}");
        assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), shown.len(), "a record came twice");
    }
}

/// Fails when the next page begins at its place instead of behind it; seen with `<=` in `reading::NEWEST`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paging_visits_every_record_once_newest_first() {
    let (kit, desk) = synced().await;
    let all = kit.records(false).await;
    let mut people = Vec::new();
    let mut page = desk.get("/activities").await;
    loop {
        for key in records_on(&page) {
            let of_person = lines(&desk.get(&format!("/people/{key}/records.ndjson")).await);
            people.push((key, of_person));
        }
        match link(&page, "Older") {
            Some(older) => page = desk.get(&older).await,
            None => break,
        }
    }
    assert_eq!(people.len(), all.len());
    // Each line is of the record that stands at its place from the end.
    for ((key, of_person), record) in people.iter().zip(all.iter().rev()) {
        assert!(of_person.contains(record), "{key} names another record's person");
    }
}

/// The command line and the dashboard share one table, so the columns need no second test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_says_what_the_lines_say() {
    let (kit, desk) = synced().await;
    set(&kit, "detail", "extended").await;
    kit.sync().await;
    let answer = desk.get("/activities.csv?kind=mail").await;
    assert_eq!(answer.header(header::CONTENT_DISPOSITION), "attachment; filename=\"activities-2026-03-02.csv\"");
    assert!(answer.header(header::CONTENT_TYPE).starts_with("text/csv"));
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    let lines = lines(&desk.get("/activities.ndjson?kind=mail").await);
    let mut reader = csv::Reader::from_reader(answer.text.as_bytes());
    assert!(reader.headers().unwrap().iter().any(|name| name == "automated"));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert!(!rows.is_empty());
    let ids: Vec<_> = rows.iter().map(|row| row[0].to_owned()).collect();
    assert_eq!(ids, lines.iter().map(|line| line["externalId"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
}

/// Fails when a template shows a subject with `|safe`, or the table does not guard its cells; seen with each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_subject_is_text_on_pages_and_no_formula_in_tables() {
    let (kit, [me, _]) = quiet().await;
    kit.sim.send_message(&NewMessage::new("buyer@acme.com", &me, HOSTILE));
    let at = kit.now() - SignedDuration::from_hours(30);
    kit.sim.create_meeting(&NewMeeting::new(&me, &["buyer@acme.com"], HOSTILE, at));
    kit.sync().await;
    let desk = Desk::of(&kit).await;
    let page = desk.get("/activities").await;
    let person = desk.get(&format!("/people/{}", records_on(&page)[0])).await;
    for page in [&page, &person] {
        assert_eq!(
            page.text.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count()
                + page.text.matches("&#60;script&#62;alert(1)&#60;/script&#62;").count(),
            2,
            "{}",
            page.text
        );
        assert!(!page.text.contains("<script>alert"));
        // A mark that turns text around ends with its element.
        for (place, _) in page.text.match_indices('\u{202e}') {
            let before = &page.text[..place];
            assert!(before.rfind("<bdi>") > before.rfind("</bdi>"));
        }
    }
    let table = desk.get("/activities.csv").await;
    for row in csv::Reader::from_reader(table.text.as_bytes()).records() {
        let row = row.unwrap();
        assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{row:?}");
        assert!(row.iter().any(|cell| cell.starts_with("'=HYPERLINK")));
    }
}

/// Fails when a person is named by the address; seen with `/people/{address}`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_address_stands_in_any_link_form_or_redirect() {
    let (kit, desk) = synced().await;
    let record = &kit.records(false).await[0];
    let address = record["personExternalId"].as_str().unwrap();
    let found = desk.post("/activities/person", "/activities/person", &[("person", address)]).await;
    assert_eq!(found.status, StatusCode::SEE_OTHER);
    let person = found.location().to_owned();
    let mut pages = vec![
        desk.get("/activities").await,
        desk.get("/activities?kind=mail&domain=acme.com").await,
        desk.get("/activities?domain=jane%40acme.com").await,
        desk.get("/activities/person").await,
        desk.get(&person).await,
        desk.get("/settings/kept").await,
        desk.post(&person, "/people/erase", &[("person", address)]).await,
        desk.post("/activities/person", "/activities/person", &[("person", "nobody@acme.com")]).await,
        desk.post("/activities/person", "/activities/person", &[("person", "no address")]).await,
        found,
    ];
    let mut older = link(&pages[0], "Older");
    while let Some(next) = older {
        let page = desk.get(&next).await;
        older = link(&page, "Older");
        pages.push(page);
    }
    let excluded =
        desk.post(&person, "/people/exclude", &[("who", address), ("wish", "add"), ("key", &person[8..])]).await;
    assert_eq!(excluded.location(), person);
    pages.push(excluded);
    pages.push(desk.get("/settings/connectors/microsoft-365/exclusions").await);
    assert!(pages.len() > 13);
    assert!(pages[4].text.contains(address), "the page is of somebody else");
    for page in &pages {
        assert!(page.status.is_success() || page.status.is_redirection(), "{}", page.status);
        for link in page.links().iter().map(String::as_str).chain([page.location()]) {
            assert!(!link.contains('@') && !link.to_ascii_lowercase().contains("%40"), "{link}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_in_a_mail_is_found_by_his_own_key() {
    let (kit, [me, _]) = quiet().await;
    let mut mail = NewMessage::new("first@acme.com", &me, "hello");
    mail.cc = ["second@acme.com", "third@globex.com"].map(str::to_owned).to_vec();
    kit.sim.send_message(&mail);
    kit.sync().await;
    let desk = Desk::of(&kit).await;
    for (address, suffix) in [("first@acme.com", ""), ("second@acme.com", "-1"), (" Third@GLOBEX.com ", "-2")] {
        let found = desk.post("/activities/person", "/activities/person", &[("person", address)]).await;
        let key = found.location().strip_prefix("/people/").unwrap();
        assert_eq!(&key[20..], suffix);
        let page = desk.get(found.location()).await;
        assert!(page.text.contains(&format!("<h1><bdi>{}</bdi></h1>", address.trim().to_lowercase())));
        assert_eq!(lines(&desk.get(&format!("/people/{key}/records.ndjson")).await), kit.records(true).await);
    }
    let nobody = desk.post("/activities/person", "/activities/person", &[("person", "fourth@acme.com")]).await;
    assert_eq!(nobody.status, StatusCode::OK);
    assert!(nobody.text.contains("Nothing is stored about this person"));
    // The organizer of the company stands in a record, and no record is of him.
    let at = kit.now() - SignedDuration::from_hours(30);
    kit.sim.create_meeting(&NewMeeting::new(&me, &["first@acme.com"], "meeting", at));
    kit.sync().await;
    let organizer = desk.post("/activities/person", "/activities/person", &[("person", &me)]).await;
    assert!(organizer.text.contains("No record is of this person"), "{}", organizer.text);
}

/// Fails when `place` or `person` does not name the tenant; seen with both conditions taken out of their statements.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenants_keys_lead_nowhere() {
    let (kit, ours) = synced().await;
    let page = ours.get("/activities").await;
    let key = records_on(&page)[0].clone();
    assert_eq!(ours.get(&format!("/people/{key}")).await.status, StatusCode::OK);
    let (other, _) = kit.another_tenant("other").await;
    let theirs = Desk::for_tenant(&kit.store, &kit.engine, &other).await;
    for path in [format!("/people/{key}"), format!("/people/{key}/records.ndjson"), format!("/people/{key}-1")] {
        assert_eq!(theirs.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(theirs.get(&format!("/activities?after={key}")).await.text.contains("is gone"));
    assert_eq!(theirs.get("/activities.ndjson").await.text, "");
    for path in ["/people/0123456789abcdef0123", "/people/jane", "/people/0123456789ABCDEF0123"] {
        assert_eq!(ours.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

/// Nobody sees a record, and nobody's form is taken, without a session and a proof; seen to fail without the proof's check in the
/// gate `Asked`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_session_there_is_nothing() {
    let (kit, desk) = synced().await;
    let key = records_on(&desk.get("/activities").await)[0].clone();
    let closed = Desk::closed(&kit.store, &kit.engine, &kit.tenant);
    let paths = ["/activities", "/activities.csv", "/activities.ndjson", "/activities/person", "/settings/kept"];
    let of_person = [format!("/people/{key}"), format!("/people/{key}/records.ndjson")];
    for path in paths.iter().copied().chain(of_person.iter().map(String::as_str)) {
        let answer = closed.get(path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert!(answer.location().starts_with("/sign-in?"), "{path}");
    }
    // Nor is a form taken whose proof is missing.
    for path in ["/people/erase", "/people/exclude", "/activities/person"] {
        let fields =
            [("person", "buyer@acme.com".to_owned()), ("who", "buyer@acme.com".to_owned()), ("sure", "yes".to_owned())];
        assert_eq!(desk.send(path, &fields).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(closed.send(path, &fields).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(kit.store.exclusions(&kit.tenant).await.unwrap().is_empty());
}

/// Fails when the first step, which asks, erases already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_asks_with_the_number_and_takes_the_person_off_every_page() {
    let (kit, [me, _]) = quiet().await;
    let mut mail = NewMessage::new("first@acme.com", &me, "hello");
    mail.cc.push("gone@acme.com".to_owned());
    kit.sim.send_message(&mail);
    kit.sim.send_message(&NewMessage::new("gone@acme.com", &me, "alone"));
    let soon = kit.now() + SignedDuration::from_hours(30);
    kit.sim.create_meeting(&NewMeeting::new(&me, &["gone@acme.com"], "to come", soon));
    kit.sync().await;
    let desk = Desk::of(&kit).await;
    let found = desk.post("/activities/person", "/activities/person", &[("person", "gone@acme.com")]).await;
    let person = found.location().to_owned();
    let key = &person[8..];
    let page = desk.get(&person).await;
    assert!(page.text.contains("taken out of 3 records"), "{}", page.text);
    let fields = [("person", "gone@acme.com"), ("key", key)];
    let asked = desk.post(&person, "/people/erase", &fields).await;
    assert!(asked.text.contains("Erase from 3 records") && asked.text.contains("1 calendars"), "{}", asked.text);
    assert_eq!(kit.records(true).await.len(), 3, "the question erased");
    let done = desk.post(&person, "/people/erase", &[fields[0], fields[1], ("sure", "yes")]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert!(done.text.contains("One person was erased") && !done.text.contains("gone@"), "{}", done.text);
    assert_eq!(desk.get(&person).await.status, StatusCode::NOT_FOUND);
    kit.sync().await;
    let everything = [
        desk.get("/activities").await.text,
        desk.get("/activities.csv").await.text,
        desk.get("/activities.ndjson").await.text,
        desk.get("/settings/kept").await.text,
        desk.get("/settings/audit").await.text,
    ];
    assert!(everything.iter().all(|text| !text.contains("gone@")));
    assert!(everything[2].contains("first@acme.com"));
    let again = desk.post("/activities/person", "/activities/person", &[("person", "gone@acme.com")]).await;
    assert!(again.text.contains("Nothing is stored about this person"));
    assert!(everything[3].contains("2 records deleted, 1 changed"), "{}", everything[3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_excluded_stays_out_until_readmitted() {
    let (kit, [me, _]) = quiet().await;
    kit.sim.send_message(&NewMessage::new("buyer@acme.com", &me, "before"));
    kit.sync().await;
    let desk = Desk::of(&kit).await;
    let home = "/settings/connectors/microsoft-365/exclusions";
    assert!(desk.get(home).await.text.contains("Nobody is kept out"));
    let refused = desk.post(home, home, &[("who", "buyer@acme.com nonsense"), ("wish", "add")]).await;
    assert!(refused.text.contains("Nothing was changed") && refused.text.contains("nonsense"));
    assert!(kit.store.exclusions(&kit.tenant).await.unwrap().is_empty(), "some were added, not all");
    let added = desk.post(home, home, &[("who", "Buyer@acme.com, legal.acme.com"), ("wish", "add")]).await;
    assert!(
        added.text.contains("2 added") && added.text.contains("1 records that name them are stored"),
        "{}",
        added.text
    );
    let person = desk.post("/activities/person", "/activities/person", &[("person", "buyer@acme.com")]).await;
    assert!(desk.get(person.location()).await.text.contains("Kept out</span>"));
    kit.sim.send_message(&NewMessage::new("buyer@acme.com", &me, "meanwhile"));
    kit.sync().await;
    assert_eq!(kit.records(true).await.len(), 1);
    let removed = desk.post(home, home, &[("who", "buyer@acme.com"), ("wish", "remove")]).await;
    assert!(removed.text.contains("1 removed"), "{}", removed.text);
    kit.sync().await;
    assert_eq!(kit.records(true).await.len(), 2);
}

/// Fails when a meeting of whole days is looked for where the viewer's clock puts its midnight; seen without the `CASE` in
/// `Statement::days`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_are_the_viewers_and_whole_days_their_own() {
    let (kit, [me, _]) = quiet().await;
    set(&kit, "detail", "extended").await;
    kit.sim.create_meeting(&NewMeeting::new(&me, &["a@acme.com"], "late", "2026-02-20T23:30:00Z".parse().unwrap()));
    let mut whole = NewMeeting::new(&me, &["b@acme.com"], "whole", "2026-02-20T00:00:00Z".parse().unwrap());
    (whole.all_day, whole.length) = (true, SignedDuration::from_hours(24));
    kit.sim.create_meeting(&whole);
    kit.sync().await;
    let desk = Desk::of(&kit).await;
    let on = async |day: &str| {
        let answer = desk.get(&format!("/activities.ndjson?from={day}&until={day}")).await;
        lines(&answer).iter().map(|line| line["personExternalId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(on("2026-02-20").await, ["b@acme.com", "a@acme.com"]);
    desk.keep_cookie("m365_offset", "60");
    assert_eq!(on("2026-02-20").await, ["b@acme.com"]);
    assert_eq!(on("2026-02-21").await, ["a@acme.com"]);
    desk.keep_cookie("m365_offset", "-480");
    assert_eq!(on("2026-02-20").await, ["b@acme.com", "a@acme.com"]);
    assert!(on("2026-02-19").await.is_empty());
    let page = desk.get("/activities").await;
    assert!(page.text.contains("20 Feb 2026: 2 meetings, 0 mails"), "{}", page.text);
    assert!(page.text.contains("20 Feb 2026, all day") && page.text.contains("UTC−8"));
    assert!(page.text.contains("data-label=\"of them all day\">1</td>"));
    // Nonsense in the cookie is UTC.
    desk.keep_cookie("m365_offset", "99999");
    assert!(desk.get("/activities").await.text.contains("Days begin at midnight, UTC."));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_picture_counts_what_the_list_holds() {
    let (kit, desk) = synced().await;
    let all = kit.records(false).await;
    let page = desk.get("/activities?from=2026-02-01&until=2026-02-28").await;
    let of = |kind: &str| all.iter().filter(|record| matches(record, kind, "", "2026-02-01", "2026-02-28")).count();
    let title = format!("Records by day, 1 Feb 2026 to 28 Feb 2026: {} meetings, {} mails", of("meeting"), of("mail"));
    assert!(page.text.contains(&title), "{title}");
    // Each day of the table leads to as many records as it says.
    let day = page.links().into_iter().find(|link| link.contains("from=2026-02-1")).unwrap();
    let date = day.split("from=").nth(1).unwrap()[..10].to_owned();
    let there = all.iter().filter(|record| matches(record, "", "", &date, &date)).count();
    assert_eq!(records_on(&desk.get(&day).await).len(), there);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_list_says_why_and_what_fills_it() {
    let (kit, _) = quiet().await;
    let desk = Desk::of(&kit).await;
    assert!(desk.get("/activities").await.text.contains("Nothing has been read yet"));
    kit.sync().await;
    assert!(desk.get("/activities").await.text.contains("Nobody was met yet"));
    assert!(desk.get("/activities?kind=mail").await.text.contains("No record matches"));
    kit.withdraw().await;
    assert!(desk.get("/activities").await.text.contains("Nothing is being read"));
    let refused = desk.get("/activities.csv?kind=visit").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(desk.get("/activities?kind=visit").await.text.contains("A kind is"));
}

/// Every table is told of, with the number of this tenant's rows alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_is_told_table_by_table() {
    let (kit, desk) = synced().await;
    let page = desk.get("/settings/kept").await;
    for (table, _) in m365_store::erase::ERASURE_TABLES {
        assert!(page.text.contains(&format!("<code>{table}</code>")), "{table}");
    }
    assert!(page.text.contains("No limit is set"));
    let rows = told(kit.records(true).await.len());
    let (_, activity) = page.text.split_once("<code>activity</code>").unwrap();
    let count = activity.split("data-label=\"Rows\">").nth(1).unwrap().split('<').next().unwrap();
    assert_eq!(count, rows);
    set(&kit, "retentionDays", "7").await;
    kit.sync().await;
    let page = desk.get("/settings/kept").await;
    assert!(page.text.contains("older than 7 days") && page.text.contains("records deleted, 0 changed"));
}

/// A number below a million as pages write it.
fn told(n: usize) -> String {
    if n < 1000 { n.to_string() } else { format!("{},{:03}", n / 1000, n % 1000) }
}
