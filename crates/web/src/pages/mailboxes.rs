//! Mailboxes: which are read, which are not and why, and which an administrator leaves out.

use std::collections::HashMap;

use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse as _, Redirect, Response};
use m365_model::GraphUserId;
use m365_store::mailboxes::MailboxChoice;
use m365_store::overview::{Listed, MailboxLine, MailboxTotals};
use serde::Deserialize;

use super::runs::Trouble;
use super::setup::Setup;
use crate::doors::{Admin, Change, Fields, Form};
use crate::problem::Problem;
use crate::render::{Behind as _, Pill, Shell, Time, number};

/// How many mailboxes a page has.
const PAGE: u16 = 100;

/// Which of them.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default)]
    after: String,
    #[serde(default)]
    show: String,
}

struct Row {
    id: String,
    pill: Pill,
    reason: String,
    code: String,
    synced: Option<Time>,
    seen: String,
    kept: String,
}

#[derive(Template)]
#[template(path = "mailboxes.html")]
struct MailboxesPage {
    shell: Shell,
    totals: MailboxTotals,
    rows: Vec<Row>,
    not_read: bool,
    older: Option<String>,
    wrong: String,
    typed: String,
}

/// The page.
pub async fn show(admin: Admin, Query(which): Query<Which>) -> Result<Response, Problem> {
    page(&admin, &which, String::new(), String::new()).await
}

async fn page(admin: &Admin, which: &Which, wrong: String, typed: String) -> Result<Response, Problem> {
    let (store, tenant) = (admin.app.store(), &admin.who.tenant);
    let setup = Setup::of(&admin.app, tenant).await?;
    if setup.connector.is_none() {
        return Err(Problem::NotConnected);
    }
    let not_read = which.show == "not-read";
    let listed = if not_read { Listed::NotRead } else { Listed::All };
    let lines = store.mailbox_lines(tenant, listed, &which.after, PAGE).await?;
    let mut reasons = HashMap::new();
    for trouble in setup.last_run.as_ref().map(Trouble::all_of).unwrap_or_default() {
        for mailbox in trouble.mailboxes {
            reasons.insert(mailbox, trouble.resolution.clone());
        }
    }
    let older = (lines.len() == usize::from(PAGE)).then(|| lines.last().map(|line| line.mailbox.clone())).flatten();
    let page = MailboxesPage {
        shell: admin.shell("Mailboxes", "connectors"),
        totals: store.mailbox_totals(tenant).await?,
        rows: lines.into_iter().map(|line| row(line, &reasons)).collect(),
        not_read,
        older,
        wrong,
        typed,
    };
    Ok(admin.page(&page))
}

fn row(line: MailboxLine, reasons: &HashMap<String, String>) -> Row {
    let pill = match line.state.as_str() {
        _ if line.has_left => Pill { word: "Left the company", tone: "" },
        _ if line.is_excluded => Pill { word: "Left out by you", tone: "" },
        "synced" => Pill { word: "Read", tone: "good" },
        "skipped" => Pill { word: "Skipped", tone: "warn" },
        "failed" => Pill { word: "Failed", tone: "bad" },
        _ => Pill { word: "Not read yet", tone: "" },
    };
    Row {
        reason: reasons.get(&line.mailbox).cloned().unwrap_or_default(),
        id: line.mailbox,
        pill,
        code: line.code.unwrap_or_default(),
        synced: line.last_synced_at.map(Time::from),
        seen: number(line.seen),
        kept: number(line.kept),
    }
}

/// Mailboxes to leave out, or to read again.
pub struct Chosen {
    ids: Vec<String>,
    typed: String,
    choice: String,
}

impl Form for Chosen {
    fn read(fields: &Fields) -> Self {
        Self {
            ids: fields.all("mailbox").map(str::to_owned).collect(),
            typed: fields.text("typed").to_owned(),
            choice: fields.text("choice").to_owned(),
        }
    }
}

/// Leaves them out, or reads them again.
pub async fn choose(change: Change<Chosen>) -> Result<Response, Problem> {
    let Change { admin, form } = change;
    let choice = if form.choice == "include" { MailboxChoice::Include } else { MailboxChoice::Exclude };
    let typed = form.typed.split(|c: char| c.is_whitespace() || c == ',').filter(|text| !text.is_empty());
    let ids = form.ids.iter().map(String::as_str).chain(typed).map(str::parse::<GraphUserId>);
    let Ok(ids) = ids.collect::<Result<Vec<_>, _>>() else {
        let wrong = "Nothing was changed: one of these is no object id. They look like \
                     11111111-2222-3333-4444-555555555555, and stand on a user’s page in the Entra admin center."
            .to_owned();
        let which = Which { after: String::new(), show: String::new() };
        return page(&admin, &which, wrong, form.typed).await;
    };
    admin.app.store().choose_mailboxes(&admin.who.tenant, &admin.who.user, &ids, choice).await?;
    Ok(Redirect::to("/settings/connectors/microsoft-365/mailboxes").into_response())
}
