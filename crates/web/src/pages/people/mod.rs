//! One person: what is recorded, as a file too, and how it ends.
//!
//! An address never stands in an address bar, where histories, proxies and logs keep it. Whoever types one sends a form, and is
//! led on to the public key of a record.

pub mod erasing;

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use m365_privacy::{AddressError, Exclusion, TypedAddress};
use m365_store::StoreError;
use m365_store::downloads::Download;
use m365_store::filter::Filter;
use m365_store::reading::{Order, PageOf, PersonKey, PersonTotals};
use serde::Deserialize;

use super::activities::download::{self, Format};
use super::activities::rows::Row;
use crate::doors::{Asked, Fields, Form, Viewer};
use crate::problem::Problem;
use crate::render::{Behind as _, Shell, Time};

/// How many records a page has.
const PAGE: u16 = super::activities::PAGE;

#[derive(Template)]
#[template(path = "find_person.html")]
struct FindPage {
    shell: Shell,
    typed: String,
    wrong: String,
}

/// Asks whom to look for.
pub async fn ask(viewer: Viewer) -> Response {
    let shell = viewer.shell("Find a person", "activities");
    viewer.page(&FindPage { shell, typed: String::new(), wrong: String::new() })
}

/// An address that was typed.
pub struct Typed(String);

impl Form for Typed {
    fn read(fields: &Fields) -> Self {
        Self(fields.text("person").to_owned())
    }
}

#[derive(Template)]
#[template(path = "no_person.html")]
struct NoPersonPage {
    shell: Shell,
    person: String,
    totals: PersonTotals,
    is_admin: bool,
}

/// Leads on to a person's page; says so where no record is of the person.
pub async fn find(asked: Asked<Typed>) -> Result<Response, Problem> {
    let Asked { viewer, form: Typed(typed) } = asked;
    let (store, tenant) = (viewer.app.store(), &viewer.who.tenant);
    let person: TypedAddress = match typed.parse() {
        Ok(person) => person,
        Err(wrong) => {
            let wrong: AddressError = wrong;
            let shell = viewer.shell("Find a person", "activities");
            return Ok(viewer.page(&FindPage { shell, typed, wrong: wrong.to_string() }));
        }
    };
    store.reconcile_ledger(tenant).await?;
    if let Some(key) = store.person_key(tenant, &person).await? {
        return Ok(Redirect::to(&format!("/people/{key}")).into_response());
    }
    let page = NoPersonPage {
        shell: viewer.shell("Nobody found", "activities"),
        person: person.as_str().to_owned(),
        totals: store.person_totals(tenant, &person).await?,
        is_admin: viewer.who.is_admin,
    };
    Ok(viewer.page(&page))
}

/// Where the page begins.
#[derive(Deserialize)]
pub struct Begins {
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    shell: Shell,
    person: String,
    key: String,
    totals: PersonTotals,
    first: Option<Time>,
    last: Option<Time>,
    rows: Vec<Row>,
    older: Option<String>,
    is_first: bool,
    is_admin: bool,
    is_excluded: bool,
}

/// Whom the address bar names; where it names nobody of this tenant there is nothing.
async fn named(viewer: &Viewer, key: &str) -> Result<(PersonKey, TypedAddress), Problem> {
    let (store, tenant) = (viewer.app.store(), &viewer.who.tenant);
    store.reconcile_ledger(tenant).await?;
    let key: PersonKey = key.parse().map_err(|_| Problem::NotFound)?;
    let person = store.person(tenant, &key).await?.ok_or(Problem::NotFound)?;
    Ok((key, person))
}

/// A person's page.
pub async fn show(viewer: Viewer, Path(key): Path<String>, begins: Query<Begins>) -> Result<Response, Problem> {
    let (store, tenant) = (viewer.app.store(), &viewer.who.tenant);
    let (key, person) = named(&viewer, &key).await?;
    let behind = match &begins.after {
        Some(key) => store.place(tenant, key).await?,
        None => None,
    };
    let filter = Filter { person: Some(person.clone()), ..Filter::default() };
    let page = PageOf { filter, behind: behind.as_ref(), limit: PAGE, order: Order::NewestFirst };
    let mut rows = Vec::new();
    let next = store
        .records_page(tenant, &page, |listed| {
            rows.push(Row::of(listed));
            Ok::<_, StoreError>(())
        })
        .await?;
    let totals = store.person_totals(tenant, &person).await?;
    let is_admin = viewer.who.is_admin;
    // Whom administrators keep out is theirs to know.
    let is_excluded = is_admin && store.exclusions(tenant).await?.contains(&Exclusion::Address(person.clone()));
    let page = PersonPage {
        shell: viewer.shell("A person", "activities"),
        person: person.as_str().to_owned(),
        first: totals.first.map(Time::from),
        last: totals.last.map(Time::from),
        totals,
        rows,
        older: next.map(|place| format!("/people/{key}?after={}", place.key())),
        key: key.to_string(),
        is_first: behind.is_none(),
        is_admin,
        is_excluded,
    };
    Ok(viewer.page(&page))
}

/// Everything that is recorded about a person, meetings to come included, as JSON, one record a line.
pub async fn export(viewer: Viewer, Path(key): Path<String>) -> Result<Response, Problem> {
    let (_, person) = named(&viewer, &key).await?;
    let filter = Filter { person: Some(person), upcoming: true, ..Filter::default() };
    let download = Download::Person(&filter);
    download::answer(&viewer, download, filter.clone(), Format::Ndjson, "records-of-a-person").await
}
