//! The data processing agreement: read, accepted, kept as a record, withdrawn.

use askama::Template;
use axum::http::header;
use axum::response::{IntoResponse as _, Redirect, Response};
use m365_database::{
    Acceptance, Agreement, AgreementState, GateError, accept_dpa_as_shown, agreement_in_force, agreement_state,
    withdraw_dpa,
};
use m365_model::to_text;
use m365_store::downloads::Download;
use m365_store::settings::ChangeError;

use super::setup::{RailStep, Setup, Step};
use crate::doors::{Admin, Button, Change, Fields, Form, Who};
use crate::problem::Problem;
use crate::render::{Behind as _, Shell, Time};

#[derive(Template)]
#[template(path = "agreement.html")]
struct AgreementPage {
    shell: Shell,
    rail: Vec<RailStep>,
    is_set_up: bool,
    agreement: Agreement,
    standing: Option<Accepted>,
    outdated: Option<Accepted>,
    withdrawn: Option<(Accepted, Time)>,
    retention: String,
    omits_subjects: bool,
    wrong: String,
}

/// An acceptance, for people.
struct Accepted {
    at: Time,
    by: String,
    version: String,
}

impl From<&Acceptance> for Accepted {
    fn from(acceptance: &Acceptance) -> Self {
        Self { at: acceptance.at.into(), by: acceptance.by.to_string(), version: acceptance.version.clone() }
    }
}

/// The page.
pub async fn show(admin: Admin) -> Result<Response, Problem> {
    page(&admin, None).await
}

async fn page(admin: &Admin, wrong: Option<(&Consent, String)>) -> Result<Response, Problem> {
    let setup = Setup::of(&admin.app, &admin.who.tenant).await?;
    if setup.connector.is_none() {
        return Err(Problem::NotConnected);
    }
    let settings = admin.app.store().settings(&admin.who.tenant).await?;
    let (mut standing, mut outdated, mut withdrawn) = (None, None, None);
    match &setup.agreement {
        AgreementState::Standing(acceptance) => standing = Some(acceptance.into()),
        AgreementState::Outdated(acceptance) => outdated = Some(acceptance.into()),
        AgreementState::Withdrawn(acceptance, at) => withdrawn = Some((acceptance.into(), Time::from(*at))),
        AgreementState::Never | AgreementState::NotConnected => {}
    }
    let typed = wrong.as_ref().map(|(form, _)| *form);
    let stored = settings.retention_days.map_or_else(String::new, |days| days.to_string());
    let page = AgreementPage {
        shell: admin.shell("Agreement", "connectors"),
        rail: setup.rail(),
        is_set_up: setup.step >= Step::People,
        agreement: agreement_in_force(&admin.who.tenant, admin.app.store().database()).await?,
        standing,
        outdated,
        withdrawn,
        retention: typed.map_or(stored, |form| form.retention.clone()),
        omits_subjects: typed.map_or(settings.subjects == m365_store::settings::Keep::Omit, |form| form.omits_subjects),
        wrong: wrong.map(|(_, text)| text).unwrap_or_default(),
    };
    Ok(admin.page(&page))
}

/// What is accepted, and what is chosen with it.
pub struct Consent {
    /// The hash of the text that was shown.
    sha256: String,
    has_read: bool,
    retention: String,
    omits_subjects: bool,
}

impl Form for Consent {
    fn read(fields: &Fields) -> Self {
        Self {
            sha256: fields.text("sha256").to_owned(),
            has_read: fields.flag("read"),
            retention: fields.text("retention").to_owned(),
            omits_subjects: fields.text("subjects") == "omit",
        }
    }
}

const CHANGED: &str = "The text has changed since you opened the page. Read the new one below.";

/// Accepts it for the company.
pub async fn accept(change: Change<Consent>) -> Result<Response, Problem> {
    let Change { admin, form } = change;
    let (store, tenant, user) = (admin.app.store(), &admin.who.tenant, &admin.who.user);
    if agreement_in_force(tenant, store.database()).await?.text_sha256 != form.sha256 {
        return page(&admin, Some((&form, CHANGED.to_owned()))).await;
    }
    if !form.has_read {
        let wrong = "Tick the box to say that you have read it and may accept it for your company.".to_owned();
        return page(&admin, Some((&form, wrong))).await;
    }
    let retention = if form.retention.is_empty() { "off" } else { &form.retention };
    let subjects = if form.omits_subjects { "omit" } else { "store" };
    for (name, value) in [("retentionDays", retention), ("subjects", subjects)] {
        match store.change_setting(tenant, user, name, value).await {
            Ok(()) => {}
            Err(ChangeError::Setting(error)) => return page(&admin, Some((&form, format!("{error}.")))).await,
            Err(ChangeError::Store(error)) => return Err(error.into()),
        }
    }
    let connector = store.connector(tenant).await?;
    match accept_dpa_as_shown(tenant, user, &connector.id, &form.sha256, store.database()).await {
        Ok(_) => {}
        Err(GateError::Outdated) => return page(&admin, Some((&form, CHANGED.to_owned()))).await,
        Err(error) => return Err(error.into()),
    }
    Ok(Redirect::to("/settings/connectors/microsoft-365").into_response())
}

/// Withdraws it: nothing more is read, and a sync that is at work stores no further page.
pub async fn withdraw(change: Change<Button>) -> Result<Response, Problem> {
    let admin = change.admin;
    withdraw_dpa(&admin.who.tenant, &admin.who.user, admin.app.store().database()).await?;
    if let Some(runner) = &admin.app.options.runner {
        // The gate is shut either way; this only makes the run end sooner.
        runner.cancel(&admin.who.tenant).await.ok();
    }
    Ok(Redirect::to("/settings/connectors/microsoft-365/agreement").into_response())
}

/// The record of the acceptance, with the text, as a file.
pub async fn record(admin: Admin) -> Result<Response, Problem> {
    let (tenant, database) = (&admin.who.tenant, admin.app.store().database());
    let state = agreement_state(tenant, database).await?;
    let (acceptance, end) = match &state {
        AgreementState::Standing(acceptance) | AgreementState::Outdated(acceptance) => (acceptance, String::new()),
        AgreementState::Withdrawn(acceptance, at) => (acceptance, format!("Withdrawn at: {}\n", to_text(*at))),
        AgreementState::Never | AgreementState::NotConnected => return Err(Problem::NotFound),
    };
    let known = [agreement_in_force(tenant, database).await?, Agreement::built_in()];
    let text = known.iter().find(|agreement| agreement.text_sha256 == acceptance.text_sha256);
    let text =
        text.map_or("(another text has taken its place; this record holds its hash)", |agreement| &agreement.text);
    let record = format!(
        "Record of acceptance\n\ndpaAcceptedAt: {}\ndpaAcceptedByUserId: {}\nVersion: {}\nSHA-256 of the text: {}\n{end}\n{text}",
        to_text(acceptance.at),
        acceptance.by,
        acceptance.version,
        acceptance.text_sha256
    );
    let Who { user, is_impersonated, .. } = &admin.who;
    admin.app.store().note_download(tenant, user, *is_impersonated, Download::AgreementRecord).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"data-processing-agreement.txt\""),
    ];
    Ok((headers, record).into_response())
}
