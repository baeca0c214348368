//! Which text of the agreement is in force: the company's own may take the place of the built-in one.

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use m365_database::{Agreement, OwnText, SetTextError, agreement_in_force, set_agreement, use_built_in_agreement};

use crate::doors::{Admin, Button, Change, Fields, Form};
use crate::problem::Problem;
use crate::render::{Behind as _, Shell};

#[derive(Template)]
#[template(path = "agreement_text.html")]
struct TextPage {
    shell: Shell,
    agreement: Agreement,
    version: String,
    text: String,
    wrong: String,
}

/// The page.
pub async fn show(admin: Admin) -> Result<Response, Problem> {
    page(&admin, None).await
}

async fn page(admin: &Admin, wrong: Option<(Pasted, String)>) -> Result<Response, Problem> {
    let agreement = agreement_in_force(&admin.who.tenant, admin.app.store().database()).await?;
    let (version, text, wrong) = match wrong {
        Some((pasted, wrong)) => (pasted.version, pasted.text, wrong),
        None if agreement.is_own => (agreement.version.clone(), agreement.text.clone(), String::new()),
        None => (String::new(), String::new(), String::new()),
    };
    let shell = admin.shell("The agreement’s text", "connectors");
    Ok(admin.page(&TextPage { shell, agreement, version, text, wrong }))
}

/// A text that was pasted, and what it is called.
pub struct Pasted {
    version: String,
    text: String,
}

impl Form for Pasted {
    fn read(fields: &Fields) -> Self {
        Self { version: fields.text("version").to_owned(), text: fields.text("text").to_owned() }
    }
}

const AGREEMENT: &str = "/settings/connectors/microsoft-365/agreement";

/// Puts the company's own text in force.
pub async fn set(change: Change<Pasted>) -> Result<Response, Problem> {
    let Change { admin, form } = change;
    let own = match OwnText::new(&form.version, &form.text) {
        Ok(own) => own,
        Err(wrong) => return page(&admin, Some((form, in_a_sentence(wrong)))).await,
    };
    match set_agreement(&admin.who.tenant, &admin.who.user, &own, admin.app.store().database()).await {
        Ok(is_new) => Ok(done(&admin, is_new).await),
        Err(SetTextError::Text(wrong)) => page(&admin, Some((form, in_a_sentence(wrong)))).await,
        Err(SetTextError::Database(error)) => Err(error.into()),
    }
}

/// Puts the built-in text in force again.
pub async fn use_built_in(change: Change<Button>) -> Result<Response, Problem> {
    let admin = change.admin;
    let is_new = use_built_in_agreement(&admin.who.tenant, &admin.who.user, admin.app.store().database()).await?;
    Ok(done(&admin, is_new).await)
}

/// A sync that is at work could store nothing more, so it is stopped.
async fn done(admin: &Admin, is_new: bool) -> Response {
    if is_new && let Some(runner) = &admin.app.options.runner {
        runner.cancel(&admin.who.tenant).await.ok();
    }
    Redirect::to(AGREEMENT).into_response()
}

fn in_a_sentence(wrong: m365_database::OwnTextError) -> String {
    let text = wrong.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
