//! The organization itself.

use m365_model::EntraTenantId;
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct OrganizationEntry {
    pub(crate) id: EntraTenantId,
}

super::asked_for! {
    WireDomains {
        "id" => _id: Option<String>,
        "verifiedDomains" => domains: Option<Vec<WireDomain>>,
    }
    unasked {}
}

#[derive(Deserialize)]
struct WireDomain {
    name: Option<String>,
}

/// The domains that the tenant has proved to be its own.
#[derive(Deserialize)]
#[serde(from = "WireDomains")]
pub(crate) struct DomainsEntry(pub(crate) Vec<String>);

impl DomainsEntry {
    pub(crate) const SELECT: &'static [&'static str] = WireDomains::SELECT;
}

impl From<WireDomains> for DomainsEntry {
    fn from(wire: WireDomains) -> Self {
        Self(
            wire.domains
                .into_iter()
                .flatten()
                .filter_map(|domain| domain.name)
                .filter(|name| !name.is_empty())
                .collect(),
        )
    }
}
