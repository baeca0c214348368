//! Who took something out as a file: noted before the first line is given, so that one that is broken off is noted too.

use m365_model::{TenantId, UserId};

use crate::filter::{Filter, Statement};
use crate::{Store, StoreError};

/// What is taken out.
#[derive(Debug, Clone, Copy)]
pub enum Download<'f> {
    /// Records as a table.
    Csv(&'f Filter),
    /// Records as JSON.
    Ndjson(&'f Filter),
    /// Everything about one person, who is not named: the audit trail holds no address, and knows no other name of people.
    Person(&'f Filter),
    /// The record of the agreement's acceptance.
    AgreementRecord,
}

impl Download<'_> {
    const fn kind(self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Ndjson(_) => "ndjson",
            Self::Person(_) => "person",
            Self::AgreementRecord => "agreement_record",
        }
    }

    const fn filter(&self) -> Option<&Filter> {
        match self {
            Self::Csv(filter) | Self::Ndjson(filter) | Self::Person(filter) => Some(filter),
            Self::AgreementRecord => None,
        }
    }
}

impl Store {
    /// Notes in the audit trail that `actor`, or somebody in his name, takes something out, and how many records that is at this
    /// moment: a sync that goes on beside it may change the number.
    ///
    /// # Errors
    /// When the database fails: nothing may be given out then.
    pub async fn note_download(
        &self,
        tenant: &TenantId,
        actor: &UserId,
        is_impersonated: bool,
        download: Download<'_>,
    ) -> Result<(), StoreError> {
        let mut detail = serde_json::Map::new();
        detail.insert("kind".to_owned(), download.kind().into());
        if let Some(filter) = download.filter() {
            detail.insert("rows".to_owned(), self.matching(tenant, filter).await?.into());
        }
        if is_impersonated {
            detail.insert("impersonated".to_owned(), true.into());
        }
        let mut tx = self.db.begin(tenant).await?;
        let detail = serde_json::Value::from(detail).to_string();
        tx.audit(tenant, actor, "file.downloaded", &detail, self.surroundings().now()).await?;
        Ok(tx.save().await?)
    }

    /// How many records `filter` asks for.
    async fn matching(&self, tenant: &TenantId, filter: &Filter) -> Result<i64, StoreError> {
        let mut statement = Statement::about(tenant);
        let condition = statement.condition(filter, self.surroundings().now());
        statement.say(&format!("SELECT COUNT(*) FROM activity a WHERE {condition}"));
        let mut reader = self.db.reader(tenant).await?;
        let row = statement.query().fetch_one(reader.connection()).await?;
        Ok(sqlx::Row::try_get(&row, 0)?)
    }
}
