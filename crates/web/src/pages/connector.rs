//! One connector: in what state it is, what comes next, what is wrong and what to do about it.

use askama::Template;
use axum::response::Response;
use m365_database::AgreementState;
use m365_model::RunStatus;
use m365_store::overview::MailboxTotals;
use m365_sync::runner::Standing;

use super::register::Secret;
use super::runs::{RunRow, Trouble};
use super::setup::{RailStep, Setup, Step};
use crate::doors::Admin;
use crate::problem::Problem;
use crate::render::{Behind as _, Pill, Shell, Time, number};

#[derive(Template)]
#[template(path = "connector.html")]
struct ConnectorPage {
    shell: Shell,
    state: Pill,
    step: Step,
    rail: Vec<RailStep>,
    promise: String,
    live: Option<Standing>,
    domains: Vec<DomainRow>,
    open_domains: usize,
    paused: Vec<String>,
    mailboxes: MailboxTotals,
    last: Option<RunRow>,
    last_good: Option<Time>,
    next: Option<Time>,
    /// Since when no sync runs by itself.
    resting: Option<Time>,
    records: String,
    days: u16,
    agreement: String,
    secret: Option<Secret>,
    troubles: Vec<Trouble>,
}

/// A domain with what it has let in.
pub struct DomainRow {
    /// The domain.
    pub name: String,
    /// Whether its subdomains count too.
    pub subdomains: bool,
    /// Whether people are let in by it now.
    pub is_open: bool,
    /// Records of meetings.
    pub meetings: String,
    /// Records of messages.
    pub messages: String,
}

/// The state of a connector in a word.
pub fn state(setup: &Setup) -> Pill {
    let Some(run) = setup.last_run.as_ref().filter(|_| setup.step == Step::Done) else {
        return match (setup.step, &setup.agreement) {
            (Step::Agreement, AgreementState::Withdrawn(..)) => Pill { word: "Agreement withdrawn", tone: "bad" },
            (Step::Agreement, AgreementState::Outdated(_)) => Pill { word: "Agreement out of date", tone: "bad" },
            (Step::People, _) if setup.last_run.is_some() => Pill { word: "Empty list", tone: "warn" },
            _ => Pill { word: "Being set up", tone: "" },
        };
    };
    match run.status {
        RunStatus::Running => Pill { word: "Syncing", tone: "good" },
        RunStatus::Succeeded => Pill { word: "Healthy", tone: "good" },
        RunStatus::Partial => Pill { word: "Partly read", tone: "warn" },
        RunStatus::Failed => Pill { word: "Last sync failed", tone: "bad" },
        RunStatus::Blocked => Pill { word: "Blocked", tone: "bad" },
    }
}

/// The page.
pub async fn show(admin: Admin) -> Result<Response, Problem> {
    let (app, tenant) = (&admin.app, &admin.who.tenant);
    let setup = Setup::of(app, tenant).await?;
    let store = app.store();
    let watched = match &app.options.runner {
        Some(runner) => runner.watch(tenant).await?,
        None => None,
    };
    let live = watched.map(|watched| *watched.borrow());
    let (mut domains, mut paused, mut mailboxes, mut days) = (Vec::new(), Vec::new(), MailboxTotals::default(), 90);
    let (mut last_good, mut next, mut records) = (None, None, 0);
    if let Some(list) = &setup.list {
        domains = domain_rows(store.domain_totals(tenant).await?, list);
        paused = list.paused.iter().map(|domain| domain.as_str().to_owned()).collect();
        mailboxes = store.mailbox_totals(tenant).await?;
        days = store.settings(tenant).await?.lookback_days;
        last_good = store.last_good_run(tenant).await?.and_then(|run| run.ended_at).map(Time::from);
        records = store.count_records(tenant).await?;
        if let Some(runner) = &app.options.runner {
            // A server of runs that does not answer spoils no page.
            next = runner.next(tenant).await.unwrap_or_default().map(Time::from);
        }
    }
    let last = setup.last_run.as_ref().map(RunRow::of);
    let troubles = setup.last_run.as_ref().map(Trouble::all_of).unwrap_or_default();
    let agreement = match &setup.agreement {
        AgreementState::Standing(acceptance) => {
            format!("Version {}, accepted by {}", acceptance.version, acceptance.by)
        }
        AgreementState::Outdated(_) => "A new text waits for an administrator".to_owned(),
        AgreementState::Withdrawn(..) => "Withdrawn: nothing is read".to_owned(),
        AgreementState::Never | AgreementState::NotConnected => "Not accepted: nothing is read".to_owned(),
    };
    let open = setup.list.as_ref().map_or(0, |list| list.entries.len());
    let page = ConnectorPage {
        shell: admin.shell("Microsoft 365", "connectors"),
        state: state(&setup),
        step: setup.step,
        rail: setup.rail(),
        promise: promise(open),
        live,
        domains,
        open_domains: open,
        paused,
        mailboxes,
        last,
        last_good,
        next,
        resting: setup.connector.as_ref().and_then(|connector| connector.schedule_paused_at).map(Time::from),
        records: number(u64::try_from(records).unwrap_or_default()),
        days,
        agreement,
        secret: Secret::of(app, tenant).await?,
        troubles,
    };
    Ok(admin.page(&page))
}

fn promise(open: usize) -> String {
    let out = match open {
        0 => "The list of domains is empty, so nobody is let in and nothing is read.".to_owned(),
        1 => "Everyone outside your one domain stays out.".to_owned(),
        n => format!("Everyone outside your {n} domains stays out."),
    };
    format!("Mail bodies are never requested. Calendar bodies arrive unasked and are skipped unread. {out}")
}

/// Domains with what each has let in; closed ones as long as something is left.
pub fn domain_rows(
    totals: Vec<m365_store::overview::DomainTotals>,
    list: &m365_store::allow_list::AllowList,
) -> Vec<DomainRow> {
    let row = |totals: m365_store::overview::DomainTotals| {
        let entry = list.entries.iter().find(|entry| entry.domain.as_str() == totals.domain);
        let is_left = totals.meetings + totals.messages > 0;
        (entry.is_some() || is_left).then(|| DomainRow {
            name: totals.domain.clone(),
            subdomains: entry.is_some_and(|entry| entry.include_subdomains),
            is_open: entry.is_some(),
            meetings: number(totals.meetings),
            messages: number(totals.messages),
        })
    };
    totals.into_iter().filter_map(row).collect()
}
