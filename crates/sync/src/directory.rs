//! The tenant's members, and with them the company's own domains.

use std::collections::BTreeSet;

use m365_database::DpaAccepted;
use m365_graph::{Graph, GraphError, Next};
use m365_model::GraphUserId;
use m365_privacy::DomainName;

use crate::repeats::Repeats;

/// What the directory says.
pub(crate) struct Directory {
    /// The members, each once, by id. Guests are none.
    pub members: Vec<GraphUserId>,
    /// The domains that members have addresses on.
    pub used: Vec<DomainName>,
    /// The domains that the tenant has proved to be its own, where they can be read.
    pub verified: Option<Vec<DomainName>>,
}

/// Reads the directory page by page. An incomplete list is no list: it would let colleagues pass for outsiders.
pub(crate) async fn read(graph: &Graph, gate: &DpaAccepted<'_>) -> Result<Directory, GraphError> {
    let (mut members, mut used, mut repeats) = (Vec::new(), BTreeSet::new(), Repeats::default());
    let mut page = graph.users_page(gate, None).await?;
    loop {
        if page.malformed > 0 {
            return Err(GraphError::Unreadable);
        }
        if repeats.leads_on_in_circles(&page.next, page.items.iter().map(|user| &user.id)) {
            return Err(GraphError::Unreadable);
        }
        for user in page.items.into_iter().filter(m365_graph::User::is_member) {
            used.extend(user.domains.iter().filter_map(|domain| domain.parse::<DomainName>().ok()));
            members.push(user.id);
        }
        match page.next {
            Next::More(link) => page = graph.users_page(gate, Some(&link)).await?,
            Next::Done(_) | Next::End => break,
        }
    }
    members.sort();
    members.dedup();
    // Usually refused with the connector's three permissions (https://learn.microsoft.com/graph/api/organization-list).
    let verified = graph.verified_domains(gate).await.ok();
    let verified = verified.map(|domains| domains.iter().filter_map(|domain| domain.parse().ok()).collect());
    Ok(Directory { members, used: used.into_iter().collect(), verified })
}
