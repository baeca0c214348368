//! Activities: what is recorded, newest first, with a picture of how much it is.

mod chart;
mod chosen;
pub mod download;
mod empty;
pub mod rows;

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use m365_activity::ActivityType;
use m365_store::StoreError;
use m365_store::filter::Filter;
use m365_store::reading::{Order, PageOf};

use self::chart::Picture;
use self::chosen::kind_word;
pub use self::chosen::{Chosen, Wanted};
use self::empty::Empty;
use self::rows::Row;
use crate::doors::Viewer;
use crate::offset::{ViewerOffset, in_words};
use crate::problem::Problem;
use crate::render::{Behind as _, Shell, number};

/// How many records a page has.
pub const PAGE: u16 = 50;

/// How many domains can be chosen from; of more, those that come first by name.
const DOMAINS: u16 = 500;

/// How many domains are counted on the page; of more, those with the most records.
const COUNTED: usize = 20;

/// A domain, with what there is of it.
struct DomainLine {
    name: String,
    link: String,
    meetings: String,
    mails: String,
}

#[derive(Template)]
#[template(path = "activities.html")]
struct ActivitiesPage {
    shell: Shell,
    chosen: Chosen,
    domains: Vec<String>,
    picture: Option<Picture>,
    by_domain: Vec<DomainLine>,
    further_domains: usize,
    zone: String,
    rows: Vec<Row>,
    older: Option<String>,
    is_first: bool,
    is_lost: bool,
    empty: Option<Empty>,
    csv: String,
    ndjson: String,
}

impl ActivitiesPage {
    fn is_kind(&self, word: &str) -> bool {
        self.chosen.kind.is_some_and(|kind| kind_word(kind) == word)
    }

    fn is_domain(&self, name: &str) -> bool {
        self.chosen.domain.as_ref().is_some_and(|domain| domain.as_str() == name)
    }
}

/// The page.
pub async fn show(viewer: Viewer, wanted: Query<Wanted>, offset: ViewerOffset) -> Result<Response, Problem> {
    let (app, tenant) = (&viewer.app, &viewer.who.tenant);
    let store = app.store();
    store.reconcile_ledger(tenant).await?;
    let chosen = Chosen::of(&wanted);
    let filter = chosen.filter(offset.0);
    let behind = match &wanted.after {
        Some(key) => store.place(tenant, key).await?,
        None => None,
    };
    let is_lost = wanted.after.is_some() && behind.is_none();
    let mut rows = Vec::new();
    let page = PageOf { filter: filter.clone(), behind: behind.as_ref(), limit: PAGE, order: Order::NewestFirst };
    let next = store
        .records_page(tenant, &page, |listed| {
            rows.push(Row::of(listed));
            Ok::<_, StoreError>(())
        })
        .await?;
    let is_first = behind.is_none();
    let empty = if rows.is_empty() { Some(Empty::of(&viewer, &chosen).await?) } else { None };
    let (mut picture, mut by_domain, mut further_domains) = (None, Vec::new(), 0);
    if is_first && empty.is_none() {
        let chart = store.chart(tenant, &filter).await?;
        (by_domain, further_domains) = domain_lines(&viewer, &chosen, &filter, chart.days).await?;
        picture = Some(Picture::of(&chart, &chosen));
    }
    let mut domains = store.listed_domains(tenant, DOMAINS).await?;
    if let Some(domain) = chosen.domain.as_ref().filter(|domain| !domains.iter().any(|name| name == domain.as_str())) {
        domains.insert(0, domain.as_str().to_owned());
    }
    let page = ActivitiesPage {
        shell: viewer.shell("Activities", "activities"),
        older: next.map(|place| chosen.link("/activities", Some(place.key()))),
        csv: chosen.link("/activities.csv", None),
        ndjson: chosen.link("/activities.ndjson", None),
        zone: in_words(offset.0),
        chosen,
        domains,
        picture,
        by_domain,
        further_domains,
        rows,
        is_first,
        is_lost,
        empty,
    };
    Ok(viewer.page(&page))
}

async fn domain_lines(
    viewer: &Viewer,
    chosen: &Chosen,
    filter: &Filter,
    days: m365_store::filter::Days,
) -> Result<(Vec<DomainLine>, usize), Problem> {
    let counted = viewer.app.store().counts_by_domain(&viewer.who.tenant, filter).await?;
    let further = counted.len().saturating_sub(COUNTED);
    let line = |(name, counts): (String, m365_store::counts::Counts)| {
        let link = Chosen { domain: name.parse().ok(), from: days.from, until: days.until, ..chosen.clone() };
        DomainLine {
            link: link.link("/activities", None),
            name,
            meetings: number(counts.meetings),
            mails: number(counts.messages),
        }
    };
    Ok((counted.into_iter().take(COUNTED).map(line).collect(), further))
}

/// The kinds that can be chosen, as people call them.
const KINDS: [(&str, &str); 2] =
    [(kind_word(ActivityType::MeetingAttend), "Meetings"), (kind_word(ActivityType::EmailThread), "Mails")];
