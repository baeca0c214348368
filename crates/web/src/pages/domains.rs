//! The allow-list: which external domains' people are let in.

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use m365_privacy::{DomainName, judge_entry};
use m365_store::allow_list::{Disallowed, Leftovers};
use m365_sync::runner::Looked;

use super::connector::{DomainRow, domain_rows};
use super::setup::{RailStep, Setup, Step};
use crate::doors::{Admin, Change, Fields, Form};
use crate::problem::Problem;
use crate::render::{Behind as _, Shell, number};

const HOME: &str = "/settings/connectors/microsoft-365/domains";

/// How a text that was typed is judged.
struct Judged {
    text: String,
    said: String,
    tone: &'static str,
}

/// What was typed, and what of it may be added.
#[derive(Default)]
struct Typed {
    text: String,
    subdomains: bool,
    free_mail: bool,
    judged: Vec<Judged>,
    /// Those that pass, one a line.
    passing: String,
    passes: usize,
    asks_for_free_mail: bool,
}

#[derive(Template)]
#[template(path = "domains.html")]
struct DomainsPage {
    shell: Shell,
    rail: Vec<RailStep>,
    is_set_up: bool,
    domains: Vec<DomainRow>,
    paused: Vec<String>,
    own: Vec<String>,
    typed: Typed,
    notice: String,
}

/// The page.
pub async fn show(admin: Admin) -> Result<Response, Problem> {
    page(&admin, Typed::default(), String::new()).await
}

async fn page(admin: &Admin, typed: Typed, notice: String) -> Result<Response, Problem> {
    let (store, tenant) = (admin.app.store(), &admin.who.tenant);
    let setup = Setup::of(&admin.app, tenant).await?;
    let Some(list) = &setup.list else { return Err(Problem::NotConnected) };
    let page = DomainsPage {
        shell: admin.shell("External domains", "connectors"),
        rail: setup.rail(),
        is_set_up: setup.step >= Step::Start,
        domains: domain_rows(store.domain_totals(tenant).await?, list),
        paused: list.paused.iter().map(|domain| domain.as_str().to_owned()).collect(),
        own: store.internal_domains(tenant).await?.iter().map(|domain| domain.as_str().to_owned()).collect(),
        typed,
        notice,
    };
    Ok(admin.page(&page))
}

/// Domains that are proposed.
pub struct Proposed {
    text: String,
    subdomains: bool,
    free_mail: bool,
    /// `add`, `passing` or `preview`.
    wish: String,
}

impl Form for Proposed {
    fn read(fields: &Fields) -> Self {
        Self {
            text: fields.text("domains").to_owned(),
            subdomains: fields.flag("subdomains"),
            free_mail: fields.flag("free_mail"),
            wish: fields.text("wish").to_owned(),
        }
    }
}

/// Judges what was typed; adds it, or begins to look at what it would bring.
pub async fn propose(change: Change<Proposed>) -> Result<Response, Problem> {
    let Change { admin, form } = change;
    let (store, tenant) = (admin.app.store(), &admin.who.tenant);
    let internal = store.internal_domains(tenant).await?;
    let (typed, domains) = judge(&form, &internal);
    if typed.judged.iter().any(|judged| judged.tone == "bad") || domains.is_empty() {
        let notice = if domains.is_empty() {
            "Nothing was added: no domain passes."
        } else {
            "Nothing was added yet: not all of them pass."
        };
        return page(&admin, typed, notice.to_owned()).await;
    }
    if form.wish == "preview" {
        let proposals = domains.into_iter().map(|domain| (domain, form.subdomains)).collect();
        admin.app.runner()?.look(tenant, proposals);
        return Ok(Redirect::to(PREVIEW).into_response());
    }
    store.allow(tenant, &admin.who.user, &domains, form.subdomains).await?;
    Ok(Redirect::to(HOME).into_response())
}

fn judge(form: &Proposed, internal: &[DomainName]) -> (Typed, Vec<DomainName>) {
    let mut typed =
        Typed { text: form.text.clone(), subdomains: form.subdomains, free_mail: form.free_mail, ..Typed::default() };
    let mut domains: Vec<DomainName> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for text in form.text.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|text| !text.is_empty()) {
        let (said, tone) = match judge_entry(text, internal, form.subdomains) {
            Ok(judged) if judged.free_mail && !form.free_mail => {
                typed.asks_for_free_mail = true;
                ("gives addresses to anyone: tick the box below if you mean it".to_owned(), "bad")
            }
            Ok(judged) if !seen.insert(judged.domain.clone()) => ("typed twice".to_owned(), ""),
            Ok(judged) => {
                let said = if judged.domain.as_str() == text {
                    "passes".to_owned()
                } else {
                    format!("passes, as {}", judged.domain)
                };
                domains.push(judged.domain);
                (said, "good")
            }
            Err(refusal) => (refusal.to_string(), "bad"),
        };
        typed.judged.push(Judged { text: text.chars().take(80).collect(), said, tone });
    }
    // What does not pass is what a person has to look at.
    typed.judged.sort_by_key(|judged| judged.tone != "bad");
    typed.judged.truncate(200);
    typed.passes = domains.len();
    typed.passing = domains.iter().map(DomainName::as_str).collect::<Vec<_>>().join("\n");
    (typed, domains)
}

const PREVIEW: &str = "/settings/connectors/microsoft-365/domains/preview";

struct PreviewRow {
    domain: String,
    is_proposed: bool,
    mails: String,
    automated: String,
    meetings: String,
}

#[derive(Template)]
#[template(path = "preview.html")]
struct PreviewPage {
    shell: Shell,
    looking: Option<(u64, u64)>,
    failed: String,
    rows: Vec<PreviewRow>,
    dropped: Vec<(&'static str, String)>,
    proposed: String,
    subdomains: bool,
}

/// What the proposed domains would bring. Nothing of it is stored.
pub async fn preview(admin: Admin) -> Result<Response, Problem> {
    let Some((proposals, looked)) = admin.app.runner()?.looked(&admin.who.tenant) else {
        return Ok(Redirect::to(HOME).into_response());
    };
    let mut page = PreviewPage {
        shell: admin.shell("Preview", "connectors"),
        looking: None,
        failed: String::new(),
        rows: Vec::new(),
        dropped: Vec::new(),
        proposed: proposals.iter().map(|(domain, _)| domain.as_str()).collect::<Vec<_>>().join("\n"),
        subdomains: proposals.iter().any(|(_, subdomains)| *subdomains),
    };
    match looked {
        Looked::Looking { done, of } => page.looking = Some((done, of)),
        Looked::Failed(said) => page.failed = said,
        Looked::Done(preview) => {
            let row = |domain: m365_sync::DomainPreview| PreviewRow {
                domain: domain.domain,
                is_proposed: domain.is_proposed,
                mails: number(domain.mails),
                automated: number(domain.automated),
                meetings: number(domain.meetings),
            };
            page.rows = preview.domains.into_iter().map(row).collect();
            let reasons = preview.dropped.into_iter().map(|(word, n)| (super::runs::in_words(word), number(n)));
            page.dropped = reasons.collect();
        }
    }
    Ok(admin.page(&page))
}

#[derive(Template)]
#[template(path = "domain_remove.html")]
struct RemovePage {
    shell: Shell,
    domain: String,
    meetings: String,
    messages: String,
    is_paused: bool,
}

/// One domain, and what becomes of what it has let in.
pub struct Removal {
    domain: String,
    /// `keep`, `purge`, or nothing yet.
    leftovers: String,
}

impl Form for Removal {
    fn read(fields: &Fields) -> Self {
        Self { domain: fields.text("domain").to_owned(), leftovers: fields.text("leftovers").to_owned() }
    }
}

/// Asks what is to become of a domain's records, with their number; told, does it.
pub async fn remove(change: Change<Removal>) -> Result<Response, Problem> {
    let Change { admin, form } = change;
    let (store, tenant) = (admin.app.store(), &admin.who.tenant);
    let domain: DomainName = form.domain.parse().map_err(|_| Problem::NotFound)?;
    let leftovers = match form.leftovers.as_str() {
        "keep" => Leftovers::Keep,
        "purge" => Leftovers::Purge,
        _ => {
            let list = store.allow_list(tenant).await?;
            let totals = store.domain_totals(tenant).await?;
            let totals = totals.into_iter().find(|totals| totals.domain == domain.as_str()).ok_or(Problem::NotFound)?;
            let page = RemovePage {
                shell: admin.shell("Remove a domain", "connectors"),
                is_paused: list.paused.contains(&domain),
                domain: domain.as_str().to_owned(),
                meetings: number(totals.meetings),
                messages: number(totals.messages),
            };
            return Ok(admin.page(&page));
        }
    };
    let said = match store.disallow(tenant, &admin.who.user, &domain, leftovers).await? {
        None => format!("{domain} is not on the list any more: somebody else removed it."),
        Some(Disallowed::Kept(1)) => format!("{domain} is removed. 1 record stays."),
        Some(Disallowed::Kept(n)) => format!("{domain} is removed. {} records stay.", number(n.unsigned_abs())),
        Some(Disallowed::Purged(counts)) => {
            let records = counts.of("activity");
            format!(
                "{domain} is removed. {} records were deleted, {} changed.",
                number(records.deleted),
                number(records.changed)
            )
        }
    };
    page(&admin, Typed::default(), said).await
}
