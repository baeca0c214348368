//! The rules of a run: settings, filter and mappings, with the version that a page must be stored under.

use jiff::Timestamp;
use m365_activity::FieldMappings;
use m365_model::{EntryId, TenantId};
use m365_privacy::{AddressFilter, AllowEntry, DomainName, Exclusions, OrganizerRules};
use m365_store::settings::{Choice, Keep, Settings};
use m365_store::{Store, StoreError};

/// What decides about an item. Loaded at the start of a run, and again when the store says that it changed.
#[derive(Debug)]
pub(crate) struct Rules {
    pub settings: Settings,
    pub filter: AddressFilter,
    pub mappings: FieldMappings,
    /// Whether entries of the list wait for a person's decision.
    pub has_paused_entries: bool,
    /// What happened before this is not stored anew: it would be deleted again.
    pub kept_since: Option<Timestamp>,
    /// A page filtered under another version is not stored.
    pub version: i64,
    /// A stream whose window was read under another version reads it again.
    pub window_version: i64,
}

impl Rules {
    pub async fn load(store: &Store, tenant: &TenantId) -> Result<Self, StoreError> {
        // The version first: what changes while the rest is read makes it an old one.
        let list = store.allow_list(tenant).await?;
        let mut settings = store.settings(tenant).await?;
        if let Some(days) = settings.retention_days {
            settings.lookback_days = settings.lookback_days.min(days);
        }
        let filter = filter(store, tenant, list.entries, &[]).await?;
        let mut mappings = FieldMappings::default();
        if settings.subjects == Keep::Omit {
            mappings = mappings.without_subjects();
        }
        Ok(Self {
            filter,
            has_paused_entries: !list.paused.is_empty(),
            mappings,
            kept_since: settings.kept_since(store.surroundings().now()),
            version: list.version,
            window_version: list.window_version,
            settings,
        })
    }

    /// The rules as they would be with these domains on the list, and these known as the company's own. Nothing that is made
    /// under them can be stored: their entries are of no database.
    pub async fn proposed(
        store: &Store,
        tenant: &TenantId,
        proposals: &[(DomainName, bool)],
        own: &[DomainName],
    ) -> Result<Self, StoreError> {
        let rules = Self::load(store, tenant).await?;
        let mut entries = store.allow_list(tenant).await?.entries;
        for (place, (domain, include_subdomains)) in (1..).zip(proposals) {
            let include_subdomains = *include_subdomains;
            entries.push(AllowEntry { id: EntryId(-place), domain: domain.clone(), include_subdomains });
        }
        Ok(Self { filter: filter(store, tenant, entries, own).await?, ..rules })
    }

    pub fn organizers(&self) -> OrganizerRules {
        OrganizerRules {
            external_counts: self.settings.external_organizer == Choice::Include,
            keep_address: self.settings.organizer_email == Keep::Store,
        }
    }

    /// Whether something of that time is kept no longer.
    pub fn is_too_old(&self, at: Timestamp) -> bool {
        self.kept_since.is_some_and(|since| at < since)
    }

    pub fn keeps_subjects(&self) -> bool {
        self.settings.subjects == Keep::Store
    }
}

/// The filter over these entries, with `own` known as the company's besides what the store knows.
async fn filter(
    store: &Store,
    tenant: &TenantId,
    entries: Vec<AllowEntry>,
    own: &[DomainName],
) -> Result<AddressFilter, StoreError> {
    let erased = store.suppressions(tenant).await?;
    let excluded: Exclusions = store.exclusions(tenant).await?.into_iter().collect();
    let mut internal = store.internal_domains(tenant).await?;
    internal.extend_from_slice(own);
    Ok(AddressFilter::new(entries, internal, excluded).without(erased))
}
