//! Records as a file, in the columns and lines of the command line: page by page, never all of them in memory.

use std::io;

use axum::body::Body;
use axum::extract::Query;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use m365_activity::Table;
use m365_model::TenantId;
use m365_store::downloads::Download;
use m365_store::filter::Filter;
use m365_store::reading::{Order, PageOf, Place};
use m365_store::settings::Detail;
use m365_store::{Store, StoreError};

use super::chosen::{Chosen, Wanted};
use crate::doors::{Viewer, Who};
use crate::offset::ViewerOffset;
use crate::problem::{Problem, Said};

/// How many records are read and sent at a time.
const PAGE: u16 = 1000;

/// What a file is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table.
    Csv,
    /// JSON, one record a line.
    Ndjson,
}

impl Format {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}

/// As a table.
pub async fn csv(viewer: Viewer, wanted: Query<Wanted>, offset: ViewerOffset) -> Result<Response, Problem> {
    chosen(&viewer, &wanted, &offset, Format::Csv).await
}

/// As JSON, one record a line.
pub async fn ndjson(viewer: Viewer, wanted: Query<Wanted>, offset: ViewerOffset) -> Result<Response, Problem> {
    chosen(&viewer, &wanted, &offset, Format::Ndjson).await
}

async fn chosen(viewer: &Viewer, wanted: &Wanted, offset: &ViewerOffset, format: Format) -> Result<Response, Problem> {
    let chosen = Chosen::of(wanted);
    // A filter that is half understood would hand out more than was asked for.
    if !chosen.wrong.is_empty() {
        return Err(Problem::Said(Box::new(Said {
            status: StatusCode::BAD_REQUEST,
            title: "This cannot be downloaded".to_owned(),
            meaning: chosen.wrong.join(" "),
            remedy: "Choose on the page what you want, and download from there.".to_owned(),
            link: Some(("/activities", "Activities")),
        })));
    }
    let filter = chosen.filter(offset.0);
    let download = match format {
        Format::Csv => Download::Csv(&filter),
        Format::Ndjson => Download::Ndjson(&filter),
    };
    answer(viewer, download, filter.clone(), format, "activities").await
}

/// Every record that `filter` asks for, oldest first, as a file called `name` and today's date. That it was taken out is noted
/// before anything of it is given.
pub async fn answer(
    viewer: &Viewer,
    download: Download<'_>,
    filter: Filter,
    format: Format,
    name: &str,
) -> Result<Response, Problem> {
    let (store, Who { tenant, user, is_impersonated, .. }) = (viewer.app.store(), &viewer.who);
    // A backup that was put back may hold people who were erased.
    store.reconcile_ledger(tenant).await?;
    let with_details = store.settings(tenant).await?.detail == Detail::Extended;
    let today = filter.days.offset.day_of(store.surroundings().now());
    let mut export =
        Export { store: store.clone(), tenant: tenant.clone(), filter, format, with_details, at: At::Start };
    // The first page is read before anything is answered: a database that is away is a page that says so.
    let first = export.next().await?.unwrap_or_default();
    store.note_download(tenant, user, *is_impersonated, download).await?;
    let rest = stream::unfold(export, async |mut export| match export.next().await {
        Ok(chunk) => chunk.map(|chunk| (Ok(chunk), export)),
        Err(error) => {
            tracing::error!(%error, "a download broke off");
            export.at = At::End;
            // The connection ends without its last chunk, so that nobody takes the half for the whole.
            Some((Err(io::Error::other("a download broke off")), export))
        }
    });
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(rest));
    let file = format!("attachment; filename=\"{name}-{today}.{}\"", format.ending());
    let mut answer = ([(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()))], body).into_response();
    if let Ok(file) = HeaderValue::from_str(&file) {
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, file);
    }
    Ok(answer)
}

/// A file that is being written.
struct Export {
    store: Store,
    tenant: TenantId,
    filter: Filter,
    format: Format,
    with_details: bool,
    at: At,
}

/// How far it is.
enum At {
    Start,
    Behind(Place),
    End,
}

/// Why a page is not written.
enum Broken {
    Store(StoreError),
    Writing,
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Export {
    /// The next part of the file; nothing when it is complete.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let behind = match &self.at {
            At::Start => None,
            At::Behind(place) => Some(place),
            At::End => return Ok(None),
        };
        let page = PageOf { filter: self.filter.clone(), behind, limit: PAGE, order: Order::OldestFirst };
        let (next, part) = match self.format {
            Format::Csv => self.rows(&page).await,
            Format::Ndjson => self.lines(&page).await,
        }
        .map_err(|broken| match broken {
            Broken::Store(error) => error,
            Broken::Writing => StoreError::Unreadable("activity"),
        })?;
        self.at = next.map_or(At::End, At::Behind);
        Ok(Some(part))
    }

    async fn rows(&self, page: &PageOf<'_>) -> Result<(Option<Place>, Vec<u8>), Broken> {
        let mut table = Table::new(Vec::new(), self.with_details);
        if page.behind.is_none() {
            table.heading().map_err(|_| Broken::Writing)?;
        }
        let next = self
            .store
            .records_page(&self.tenant, page, |listed| table.row(&listed.record).map_err(|_| Broken::Writing))
            .await?;
        Ok((next, table.finish().map_err(|_| Broken::Writing)?))
    }

    async fn lines(&self, page: &PageOf<'_>) -> Result<(Option<Place>, Vec<u8>), Broken> {
        let mut lines = Vec::new();
        let next = self
            .store
            .records_page(&self.tenant, page, |listed| {
                serde_json::to_writer(&mut lines, &listed.record).map_err(|_| Broken::Writing)?;
                lines.push(b'\n');
                Ok::<_, Broken>(())
            })
            .await?;
        Ok((next, lines))
    }
}
