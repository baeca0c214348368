//! Erasing a person: asked once more with the number of what is touched, then done, with a receipt that names nobody.

use askama::Template;
use axum::response::Response;
use m365_privacy::TypedAddress;
use m365_store::erase::{ErasureReceipt, Target};
use m365_store::kept::KEPT;
use m365_store::reading::{PersonKey, PersonTotals};

use crate::doors::{Admin, Change, Fields, Form};
use crate::problem::Problem;
use crate::render::{Behind as _, Shell, Time, number};

/// Whom to erase, and whether that was asked already.
pub struct Erasure {
    person: String,
    /// The page from which it was sent, for whoever thinks better of it.
    key: String,
    is_sure: bool,
}

impl Form for Erasure {
    fn read(fields: &Fields) -> Self {
        Self {
            person: fields.text("person").to_owned(),
            key: fields.text("key").to_owned(),
            is_sure: fields.text("sure") == "yes",
        }
    }
}

#[derive(Template)]
#[template(path = "erase_person.html")]
struct AskPage {
    shell: Shell,
    person: String,
    key: String,
    back: String,
    totals: PersonTotals,
}

struct Line {
    called: &'static str,
    table: &'static str,
    deleted: String,
    changed: String,
}

#[derive(Template)]
#[template(path = "erased.html")]
struct ReceiptPage {
    shell: Shell,
    at: Time,
    in_ledger: bool,
    lines: Vec<Line>,
}

/// Names what an erasure touches; told so, does it.
pub async fn erase(change: Change<Erasure>) -> Result<Response, Problem> {
    let Change { admin, form } = change;
    let person: TypedAddress = form.person.parse().map_err(|_| Problem::NotFound)?;
    if form.is_sure { done(&admin, person).await } else { ask(&admin, &person, &form.key).await }
}

async fn ask(admin: &Admin, person: &TypedAddress, key: &str) -> Result<Response, Problem> {
    let key = key.parse::<PersonKey>().map(|key| key.to_string()).unwrap_or_default();
    let page = AskPage {
        shell: admin.shell("Erase a person", "activities"),
        totals: admin.app.store().person_totals(&admin.who.tenant, person).await?,
        person: person.as_str().to_owned(),
        back: if key.is_empty() { "/activities/person".to_owned() } else { format!("/people/{key}") },
        key,
    };
    Ok(admin.page(&page))
}

/// Erases. It takes no turn: a sync that is at work stores nothing that it filtered before, because the erasure moves the
/// allow-list's version. And it goes on when whoever asked closes the page.
async fn done(admin: &Admin, person: TypedAddress) -> Result<Response, Problem> {
    let (store, tenant, user) = (admin.app.store().clone(), admin.who.tenant.clone(), admin.who.user.clone());
    let erasing = tokio::spawn(async move {
        store.reconcile_ledger(&tenant).await?;
        store.erase(&tenant, &user, &Target::Person(person)).await
    });
    let receipt = erasing.await.map_err(|_| Problem::Store("an erasure broke off".to_owned()))??;
    Ok(admin.page(&receipt_page(admin, &receipt)))
}

fn receipt_page(admin: &Admin, receipt: &ErasureReceipt) -> ReceiptPage {
    let line = |(table, counts): (&'static str, m365_store::TableCounts)| Line {
        called: KEPT.iter().find(|kept| kept.table == table).map_or(table, |kept| kept.called),
        table,
        deleted: number(counts.deleted),
        changed: number(counts.changed),
    };
    ReceiptPage {
        shell: admin.shell("Erased", "activities"),
        at: receipt.at.into(),
        in_ledger: receipt.in_ledger,
        lines: receipt.tables.iter().map(line).collect(),
    }
}
