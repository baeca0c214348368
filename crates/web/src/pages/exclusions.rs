//! Who is kept out though the list would let them in: single people, and domains below listed ones. Reversible, unlike an erasure.

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use m365_privacy::{Exclusion, ExclusionError};
use m365_store::exclusions::Excluded;
use m365_store::reading::PersonKey;

use crate::doors::{Admin, Change, Fields, Form};
use crate::problem::Problem;
use crate::render::{Behind as _, Shell, number};

/// How many entries the page shows; of more, those that were added first.
const SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "exclusions.html")]
struct ExclusionsPage {
    shell: Shell,
    entries: Vec<String>,
    further: usize,
    typed: String,
    refused: Vec<(String, String)>,
    notice: String,
}

/// What was typed, as it goes back into the form, and what of it is refused and why.
#[derive(Default)]
struct Typed {
    text: String,
    refused: Vec<(String, String)>,
}

/// The page.
pub async fn show(admin: Admin) -> Result<Response, Problem> {
    page(&admin, Typed::default(), String::new()).await
}

async fn page(admin: &Admin, typed: Typed, notice: String) -> Result<Response, Problem> {
    let exclusions = admin.app.store().exclusions(&admin.who.tenant).await?;
    let page = ExclusionsPage {
        shell: admin.shell("Who is kept out", "connectors"),
        further: exclusions.len().saturating_sub(SHOWN),
        entries: exclusions.iter().take(SHOWN).map(|exclusion| exclusion.as_str().to_owned()).collect(),
        typed: typed.text,
        refused: typed.refused,
        notice,
    };
    Ok(admin.page(&page))
}

/// People and domains, and what is to become of them.
pub struct Wish {
    who: String,
    /// `add` or `remove`.
    what: String,
    /// The person's page from which it was sent, if it was one.
    key: String,
}

impl Form for Wish {
    fn read(fields: &Fields) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        Self { who: text("who"), what: text("wish"), key: text("key") }
    }
}

/// Adds or removes entries, all or none.
pub async fn change(change: Change<Wish>) -> Result<Response, Problem> {
    let Change { admin, form } = change;
    let (exclusions, typed) = read(&form.who);
    if exclusions.is_empty() || !typed.refused.is_empty() {
        return page(&admin, typed, "Nothing was changed.".to_owned()).await;
    }
    let said = carry_out(&admin, &form.what, &exclusions).await?;
    page(&admin, Typed::default(), said).await
}

/// The same from a person's page, which is shown again.
pub async fn exclude_person(change: Change<Wish>) -> Result<Response, Problem> {
    let Change { admin, form } = change;
    let (exclusions, typed) = read(&form.who);
    if exclusions.len() != 1 || !typed.refused.is_empty() {
        return Err(Problem::NotFound);
    }
    let said = carry_out(&admin, &form.what, &exclusions).await?;
    match form.key.parse::<PersonKey>() {
        Ok(key) => Ok(Redirect::to(&format!("/people/{key}")).into_response()),
        Err(_) => page(&admin, Typed::default(), said).await,
    }
}

async fn carry_out(admin: &Admin, wish: &str, exclusions: &[Exclusion]) -> Result<String, Problem> {
    let (store, tenant, user) = (admin.app.store(), &admin.who.tenant, &admin.who.user);
    match wish {
        "add" => Ok(added(&store.exclude(tenant, user, exclusions).await?)),
        "remove" => Ok(removed(&store.readmit(tenant, user, exclusions).await?)),
        _ => Err(Problem::NotFound),
    }
}

fn added(outcome: &[Excluded]) -> String {
    let mut records = 0;
    let mut new = 0;
    for excluded in outcome {
        if let Excluded::New { records: stored } = excluded {
            records += stored;
            new += 1;
        }
    }
    let mut said = format!("{new} added; they are kept out from the next page that a sync reads.");
    if outcome.len() > new {
        said = format!("{said} {} were kept out already.", outcome.len() - new);
    }
    if records > 0 {
        let records = number(records.unsigned_abs());
        said =
            format!("{said} {records} records that name them are stored and stay: erase the people to remove those.");
    }
    said
}

fn removed(outcome: &[bool]) -> String {
    match outcome.iter().filter(|was_excluded| **was_excluded).count() {
        0 => "None of them was kept out.".to_owned(),
        n => format!(
            "{n} removed; the list of domains decides about them again, and the next sync reads the look-back window."
        ),
    }
}

/// Reads one text after the other. Texts are parted by blanks, commas or lines; no address and no domain holds one.
fn read(text: &str) -> (Vec<Exclusion>, Typed) {
    let mut typed = Typed { text: text.to_owned(), refused: Vec::new() };
    let mut exclusions: Vec<Exclusion> = Vec::new();
    for text in text.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|text| !text.is_empty()) {
        match text.parse::<Exclusion>() {
            Ok(exclusion) => exclusions.push(exclusion),
            Err(error) => {
                let error: ExclusionError = error;
                typed.refused.push((text.chars().take(80).collect(), error.to_string()));
            }
        }
    }
    exclusions.sort();
    exclusions.dedup();
    typed.refused.truncate(200);
    (exclusions, typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_people_write_it() {
        let (exclusions, typed) = read("Jane@Acme.com, legal.acme.com\njane@acme.com;  jane@");
        assert_eq!(exclusions.iter().map(Exclusion::as_str).collect::<Vec<_>>(), ["jane@acme.com", "legal.acme.com"]);
        assert_eq!(typed.refused.len(), 1);
        assert_eq!(typed.refused[0].0, "jane@");
    }
}
