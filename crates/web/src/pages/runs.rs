//! Syncs: starting, stopping and watching them, and what each came to.

use std::convert::Infallible;

use askama::Template;
use axum::extract::Path;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Redirect, Response};
use futures_util::{Stream, StreamExt as _, stream};
use m365_model::{RunId, RunStatus};
use m365_store::runs::StoredRun;
use m365_sync::runner::Standing;
use serde_json::Value;

use crate::doors::{Admin, Button, Change};
use crate::problem::Problem;
use crate::render::{Behind as _, Pill, Shell, Time, number};

/// A run, in a line.
pub struct RunRow {
    /// Its id.
    pub id: String,
    /// How it stands.
    pub pill: Pill,
    /// When it began.
    pub started: Time,
    /// How long it took.
    pub took: String,
    /// Mailboxes read, skipped and failed.
    pub mailboxes: String,
    /// Records made, changed, taken back.
    pub records: String,
}

/// Something that a person should know or do, and how many mailboxes it concerns.
pub struct Trouble {
    /// `bad` or `warn`.
    pub tone: &'static str,
    /// What it is about.
    pub title: String,
    /// What to do.
    pub resolution: String,
    /// Graph's code, or a word of ours.
    pub code: String,
    /// The mailboxes' ids.
    pub mailboxes: Vec<String>,
}

fn summary(run: &StoredRun) -> Value {
    run.summary.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn count(summary: &Value, group: &str, name: &str) -> u64 {
    summary[group][name].as_u64().unwrap_or_default()
}

impl RunRow {
    /// The line of `run`.
    pub fn of(run: &StoredRun) -> Self {
        let pill = match run.status {
            RunStatus::Running => Pill { word: "Running", tone: "" },
            RunStatus::Succeeded => Pill { word: "Complete", tone: "good" },
            RunStatus::Partial => Pill { word: "Partly", tone: "warn" },
            RunStatus::Failed => Pill { word: "Failed", tone: "bad" },
            RunStatus::Blocked => Pill { word: "Blocked", tone: "bad" },
        };
        let summary = summary(run);
        let n = |group: &str, name: &str| number(count(&summary, group, name));
        let took = run.ended_at.map_or_else(String::new, |end| {
            let seconds = end.duration_since(run.started_at).as_secs();
            if seconds < 60 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
        });
        Self {
            id: run.id.to_string(),
            pill,
            started: run.started_at.into(),
            took,
            mailboxes: format!(
                "{} read, {} skipped, {} failed",
                n("mailboxes", "synced"),
                n("mailboxes", "skipped"),
                n("mailboxes", "failed")
            ),
            records: format!(
                "{} new, {} changed, {} taken back",
                n("activities", "created"),
                n("activities", "updated"),
                n("activities", "retracted")
            ),
        }
    }
}

impl Trouble {
    /// The problems of a run, one for each kind.
    pub fn all_of(run: &StoredRun) -> Vec<Self> {
        let summary = summary(run);
        let mut all: Vec<Self> = Vec::new();
        for problem in summary["problems"].as_array().into_iter().flatten() {
            let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
            let (code, resolution) = (text("code"), text("resolution"));
            let mailbox = problem["mailbox"].as_str().map(str::to_owned);
            match all.iter_mut().find(|known| known.code == code && known.resolution == resolution) {
                Some(known) => known.mailboxes.extend(mailbox),
                None => all.push(Self {
                    tone: if matches!(run.status, RunStatus::Failed | RunStatus::Blocked) { "bad" } else { "warn" },
                    title: String::new(),
                    resolution,
                    code,
                    mailboxes: mailbox.into_iter().collect(),
                }),
            }
        }
        for trouble in &mut all {
            trouble.title = match trouble.mailboxes.len() {
                0 => "About this sync:".to_owned(),
                1 => "One mailbox:".to_owned(),
                n => format!("{n} mailboxes:"),
            };
        }
        all
    }
}

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage {
    shell: Shell,
    runs: Vec<RunRow>,
}

/// The latest runs.
pub async fn list(admin: Admin) -> Result<Response, Problem> {
    let runs = admin.app.store().recent_runs(&admin.who.tenant, 100).await?;
    let page = RunsPage { shell: admin.shell("Syncs", "connectors"), runs: runs.iter().map(RunRow::of).collect() };
    Ok(admin.page(&page))
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    shell: Shell,
    run: RunRow,
    events: (String, String),
    messages: (String, String),
    dropped: Vec<(&'static str, String)>,
    addresses: Vec<(&'static str, String)>,
    requests: String,
    throttled: String,
    waited: String,
    troubles: Vec<Trouble>,
}

/// One run, with everything that it says of itself.
pub async fn show(admin: Admin, Path(id): Path<String>) -> Result<Response, Problem> {
    let id: RunId = id.parse().map_err(|_| Problem::NotFound)?;
    let run = admin.app.store().run(&admin.who.tenant, &id).await?.ok_or(Problem::NotFound)?;
    let summary = summary(&run);
    let n = |group: &str, name: &str| number(count(&summary, group, name));
    let single = |name: &str| number(summary[name].as_u64().unwrap_or_default());
    let page = RunPage {
        shell: admin.shell("A sync", "connectors"),
        run: RunRow::of(&run),
        events: (n("events", "seen"), n("events", "kept")),
        messages: (n("messages", "seen"), n("messages", "kept")),
        dropped: reasons(&summary["dropped"]),
        addresses: reasons(&summary["addresses"]),
        requests: single("requests"),
        throttled: single("throttled"),
        waited: single("waitedSeconds"),
        troubles: Trouble::all_of(&run),
    };
    Ok(admin.page(&page))
}

fn reasons(counts: &Value) -> Vec<(&'static str, String)> {
    let counts = counts.as_object().into_iter().flatten();
    let counts = counts.filter_map(|(word, n)| Some((in_words(word), n.as_u64().filter(|n| *n > 0)?)));
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    counts.into_iter().map(|(words, n)| (words, number(n))).collect()
}

/// The words of a summary, as people say them.
pub fn in_words(reason: &str) -> &'static str {
    match reason {
        "no_external_participant" => "only colleagues took part",
        "domain_not_allowed" => "nobody of a domain on your list",
        "private_event" => "marked private",
        "cancelled" => "cancelled before it began",
        "meeting_mail" => "invitation or answer; the meeting itself counts",
        "series_master" => "a series; its meetings count one by one",
        "master_gone" => "of a series that is gone",
        "master_unavailable" => "of a series that could not be read yet",
        "removed" => "deleted or moved",
        "partial_row" => "a change that says too little",
        "duplicate" => "another mailbox’s copy stands for it",
        "outside_window" => "before or after the time that is read",
        "malformed" => "not as Microsoft documents it",
        "internal" => "a colleague’s address",
        "unparseable" => "no mail address",
        "resource" => "a room or another thing",
        "erased" => "erased, and stays out",
        "excluded" => "excluded by an administrator",
        _ => "for another reason",
    }
}

const HOME: &str = "/settings/connectors/microsoft-365";

/// Starts a sync, or joins the one that is at work.
pub async fn start(change: Change<Button>) -> Result<Response, Problem> {
    let (app, tenant) = (&change.admin.app, &change.admin.who.tenant);
    app.store().connector(tenant).await?;
    app.runner()?.start(tenant).await?;
    Ok(Redirect::to(HOME).into_response())
}

/// Asks the sync that is at work to stop.
pub async fn cancel(change: Change<Button>) -> Result<Response, Problem> {
    change.admin.app.runner()?.cancel(&change.admin.who.tenant).await?;
    Ok(Redirect::to(HOME).into_response())
}

/// How far the sync is, as it goes on: counts alone. Ends with the sync, and with the session of whoever watches.
pub async fn progress(admin: Admin) -> Result<Response, Problem> {
    let watched = admin.app.runner()?.watch(&admin.who.tenant).await?;
    let events = stream::unfold((watched, admin, true), async |(watched, admin, is_first)| {
        let Some(mut watched) = watched else {
            return is_first.then(|| (Ok::<_, Infallible>(over()), (None, admin, false)));
        };
        if !is_first && (watched.changed().await.is_err() || !admin.is_still_in().await) {
            return None;
        }
        let standing = *watched.borrow_and_update();
        let watched = (!standing.is_over).then_some(watched);
        if watched.is_none() {
            Some((Ok(over()), (None, admin, false)))
        } else {
            Some((Ok(said(&standing)), (watched, admin, false)))
        }
    });
    Ok(Sse::new(calm(events)).keep_alive(KeepAlive::default()).into_response())
}

fn said(standing: &Standing) -> Event {
    Event::default().event("standing").data(serde_json::to_string(standing).unwrap_or_default())
}

/// Without data browsers would pass it over.
fn over() -> Event {
    Event::default().event("over").data("over")
}

/// A few times a second is often enough for people.
fn calm(events: impl Stream<Item = Result<Event, Infallible>>) -> impl Stream<Item = Result<Event, Infallible>> {
    events.then(async |event| {
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        event
    })
}
