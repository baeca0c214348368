//! The rules of a run: settings, filter and mappings, with the version that a page must be stored under.

use m365_activity::FieldMappings;
use m365_model::TenantId;
use m365_privacy::{AddressFilter, DomainName, Exclusions, OrganizerRules};
use m365_store::settings::{Choice, Keep, Settings};
use m365_store::{Store, StoreError};

/// What decides about an item. Loaded at the start of a run, and again when the store says that it changed.
#[derive(Debug)]
pub(crate) struct Rules {
    pub settings: Settings,
    pub filter: AddressFilter,
    pub mappings: FieldMappings,
    /// A page filtered under another version is not stored.
    pub version: i64,
    /// A stream whose window was read under another version reads it again.
    pub window_version: i64,
}

impl Rules {
    pub async fn load(store: &Store, tenant: &TenantId) -> Result<Self, StoreError> {
        let settings = store.settings(tenant).await?;
        let list = store.allow_list(tenant).await?;
        let internal: Vec<DomainName> = store.internal_domains(tenant).await?;
        let mut mappings = FieldMappings::default();
        if settings.subjects == Keep::Omit {
            mappings = mappings.without_subjects();
        }
        Ok(Self {
            filter: AddressFilter::new(list.entries, internal, Exclusions::none()),
            mappings,
            version: list.version,
            window_version: list.window_version,
            settings,
        })
    }

    pub fn organizers(&self) -> OrganizerRules {
        OrganizerRules {
            external_counts: self.settings.external_organizer == Choice::Include,
            keep_address: self.settings.organizer_email == Keep::Store,
        }
    }

    pub fn keeps_subjects(&self) -> bool {
        self.settings.subjects == Keep::Store
    }
}
