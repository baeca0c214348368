//! A page: its items one by one, and where to go on.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::GraphError;
use crate::link::{Link, LinkScope};

/// One page of a collection or of a delta round.
#[derive(Debug)]
pub struct Page<T> {
    /// What could be read, in the order in which it came.
    pub items: Vec<T>,
    /// How many items could not be read. They are passed over: one odd item must not hide the rest.
    pub malformed: u32,
    /// Where to go on.
    pub next: Next,
}

/// What comes after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// More of the same round. An empty page with more behind it
    /// [is no error](https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/1316).
    More(Link),
    /// The round is done; this delta link opens the next round.
    Done(Link),
    /// A plain list has ended.
    End,
}

/// What a page is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    Delta,
    List,
}

#[derive(Deserialize)]
struct WirePage<'a> {
    #[serde(borrow)]
    value: Vec<&'a RawValue>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    delta: Option<String>,
}

/// Why a body is no page.
pub(crate) enum Unparsed {
    /// The JSON is cut short or is none: something between Graph and us broke it, and another attempt may bring it whole.
    Cut,
    /// Final.
    Wrong(GraphError),
}

impl From<GraphError> for Unparsed {
    fn from(error: GraphError) -> Self {
        Self::Wrong(error)
    }
}

impl From<serde_json::Error> for Unparsed {
    fn from(error: serde_json::Error) -> Self {
        if error.is_data() { Self::Wrong(GraphError::Unreadable) } else { Self::Cut }
    }
}

/// Reads a page straight into structs that have no member for what is not kept; everything else is skipped unread.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8], scope: &LinkScope, walk: Walk) -> Result<Page<T>, Unparsed> {
    let page: WirePage<'_> = serde_json::from_slice(body)?;
    let next = match (page.next, page.delta) {
        (Some(more), _) => Next::More(scope.parse(&more).map_err(GraphError::from)?),
        (None, Some(done)) => Next::Done(scope.parse(&done).map_err(GraphError::from)?),
        (None, None) if walk == Walk::Delta => return Err(GraphError::PageWithoutLink.into()),
        (None, None) => Next::End,
    };
    let mut items = Vec::with_capacity(page.value.len());
    let mut malformed = 0;
    for raw in page.value {
        match serde_json::from_str(raw.get()) {
            Ok(item) => items.push(item),
            Err(_) => malformed += 1,
        }
    }
    Ok(Page { items, malformed, next })
}

/// Reads a single object.
pub(crate) fn parse_one<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unparsed> {
    Ok(serde_json::from_slice(body)?)
}
