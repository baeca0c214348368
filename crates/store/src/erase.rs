//! Erasure: who must not be known any more, and what is done about it in every table.
//!
//! The order is what it stands on. The ledger outside the database is written first, so that a backup that is put back is
//! noticed. Then one transaction writes the suppression, so that no page brings anyone back; then another purges what is
//! stored. Whatever breaks off in between is finished by [`Store::reconcile_ledger`], which runs before anything is read or
//! printed. No agreement is asked for: people have these rights without one.
//!
//! A new table is named in [`ERASURE_TABLES`], with what is done about it or why it holds nobody; a test holds the list against
//! the schema.

use jiff::Timestamp;
use m365_database::Dialect;
use m365_model::{TenantId, UserId, to_text};
use m365_privacy::{DomainName, SuppressionKey, Suppressions, TypedAddress};
use serde::{Serialize, Serializer};
use sqlx::Row as _;

use crate::ledger::{Entry, LedgerError};
use crate::purge::{Purge, PurgeCounts};
use crate::suppression::{Kind, Mark, known, settle_marks, write_marks};
use crate::{Store, StoreError};

/// What an erasure does about a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableRule {
    /// Rows are deleted or changed, and counted.
    Purged,
    /// Only an erasure of everything empties it: it holds no person outside the company.
    EmptiedWithAll,
    /// Nothing, for this reason.
    Kept(&'static str),
}

/// Every table of the schema, with what an erasure does about it.
pub const ERASURE_TABLES: &[(&str, TableRule)] = &[
    ("activity", TableRule::Purged),
    ("activity_participant", TableRule::Purged),
    ("event_copy", TableRule::Purged),
    ("event_participant", TableRule::Purged),
    ("feed_tombstone", TableRule::Purged),
    ("exclusion", TableRule::Purged),
    ("delta_state", TableRule::EmptiedWithAll),
    ("mail_folder", TableRule::EmptiedWithAll),
    ("mailbox", TableRule::EmptiedWithAll),
    ("run_mailbox", TableRule::EmptiedWithAll),
    ("token_cache", TableRule::EmptiedWithAll),
    ("sync_run", TableRule::EmptiedWithAll),
    ("o365_config", TableRule::Kept("the connection, and who of the company accepted the agreement")),
    ("setting", TableRule::Kept("names and values of settings")),
    ("allowed_external_domain", TableRule::Kept("domains; an erased domain's entries are closed")),
    ("internal_domain", TableRule::Kept("the company's own domains")),
    ("feed_state", TableRule::Kept("a number")),
    ("tenant_secret", TableRule::Kept("a random key, sealed: without it erased people could not be kept out")),
    ("suppression", TableRule::Kept("keyed hashes, which keep erased people out")),
    ("audit_event", TableRule::Kept("what administrators did: domains, versions and counts")),
    ("tenant", TableRule::Kept("ids of tenants")),
    ("installation", TableRule::Kept("how people sign in")),
    ("sign_in_link", TableRule::Kept("hashes of an administrator's links")),
    ("local_session", TableRule::Kept("hashes of an administrator's sessions")),
    ("invitation", TableRule::Kept("hashes of secrets, and which administrator invited")),
    ("consent_state", TableRule::Kept("hashes of secrets, and ids, of those who connect")),
    ("entra_confirmation", TableRule::Kept("ids of Microsoft tenants, and who confirmed them")),
    ("entra_owner", TableRule::Kept("ids of tenants")),
    ("customer_agreement", TableRule::Kept("the text of an agreement")),
    ("application_secret", TableRule::Kept("the day on which a secret ends, and which administrator noted it")),
    ("_sqlx_migrations", TableRule::Kept("the versions of the schema")),
];

/// The tables that receipts count.
pub(crate) fn purged_tables() -> impl Iterator<Item = &'static str> {
    ERASURE_TABLES.iter().filter(|(_, rule)| !matches!(rule, TableRule::Kept(_))).map(|(table, _)| *table)
}

/// Whom an erasure is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One person.
    Person(TypedAddress),
    /// Everyone of a domain and below it.
    Domain(DomainName),
    /// Everything that was read. The connection stays, and nobody is kept out.
    All,
}

impl Target {
    const fn kind(&self) -> Kind {
        match self {
            Self::Person(_) => Kind::Person,
            Self::Domain(_) => Kind::Domain,
            Self::All => Kind::All,
        }
    }

    fn mark(&self, key: &SuppressionKey, now: Timestamp) -> Mark {
        let hash = match self {
            Self::Person(address) => key.person(address),
            Self::Domain(domain) => key.domain(domain),
            Self::All => key.hash(Kind::All.word(), &to_text(now)),
        };
        (self.kind(), hash)
    }
}

/// What an erasure did: kinds and counts, no address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasureReceipt {
    /// `person`, `domain` or `all`; `ledger` when earlier erasures were done again.
    pub target: &'static str,
    /// When.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// How many entries of the allow-list were closed.
    pub entries_closed: u64,
    /// Whether the ledger outside the database knows, so that a backup that is put back does not bring it back.
    pub in_ledger: bool,
    /// What was deleted and changed, table by table.
    pub tables: PurgeCounts,
}

fn as_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&to_text(*at))
}

impl Store {
    /// Erases `target` of `tenant`, and keeps it out from now on. Done again, it finds nothing and changes nothing.
    ///
    /// # Errors
    /// When nothing is connected, the ledger cannot be written (nothing is erased then), or the database fails. What was
    /// begun is finished by [`Store::reconcile_ledger`].
    pub async fn erase(
        &self,
        tenant: &TenantId,
        actor: &UserId,
        target: &Target,
    ) -> Result<ErasureReceipt, StoreError> {
        self.connector(tenant).await?;
        let now = self.surroundings().now();
        let key = self.suppression_key(tenant).await?;
        let mark = target.mark(&key, now);
        self.append_to_ledger(tenant, &key, &[(mark, now)]).await?;

        let mut tx = self.db.begin(tenant).await?;
        write_marks(tx.connection(), tenant, &[(mark, now)]).await?;
        let entries_closed = match target {
            Target::Domain(domain) => close_entries(tx.connection(), tenant, actor, domain, now).await?,
            Target::Person(_) | Target::All => 0,
        };
        tx.save().await?;

        let tables = self.purge_marks(tenant, actor, &key, &[mark], target.kind().word(), now).await?;
        let in_ledger = self.ledger().is_some();
        Ok(ErasureReceipt { target: target.kind().word(), at: now, entries_closed, in_ledger, tables })
    }

    /// Finishes erasures that the ledger knows and the database does not (a backup was put back), and such as were broken off.
    /// Called before anything is read or printed; `None` when there was nothing to do.
    ///
    /// # Errors
    /// When the ledger cannot be read, is of another key, or the database fails: nothing may be read or printed then.
    pub async fn reconcile_ledger(&self, tenant: &TenantId) -> Result<Option<ErasureReceipt>, StoreError> {
        let noted = self.read_ledger(tenant).await?;
        let made = self.marks(tenant).await?;
        if noted.is_empty() && made.is_empty() {
            return Ok(None);
        }
        let key = self.stored_key(tenant).await?.ok_or(LedgerError::ForeignKey)?;
        let noted = noted.of_key(&key)?;
        let missing: Vec<Entry> = noted.iter().filter(|(mark, _)| !made.contains_key(mark)).copied().collect();
        let unnoted: Vec<Entry> = made
            .iter()
            .filter(|(mark, _)| !noted.iter().any(|(noted, _)| noted == *mark))
            .filter_map(|(mark, made)| Some((*mark, m365_model::from_text(&made.at)?)))
            .collect();
        // A ledger that began later, or somewhere else.
        if !unnoted.is_empty() && self.append_to_ledger(tenant, &key, &unnoted).await.is_err() {
            tracing::warn!(
                "the ledger of erasures cannot be written: a backup that is put back would not know all of them"
            );
        }
        let mut due: Vec<Mark> = made.iter().filter(|(_, made)| !made.is_purged).map(|(mark, _)| *mark).collect();
        due.extend(missing.iter().map(|(mark, _)| *mark));
        due.sort_unstable();
        due.dedup();
        if due.is_empty() {
            return Ok(None);
        }
        let now = self.surroundings().now();
        if !missing.is_empty() {
            let mut tx = self.db.begin(tenant).await?;
            write_marks(tx.connection(), tenant, &missing).await?;
            tx.save().await?;
        }
        let actor: UserId = "ledger".parse().map_err(|_| StoreError::Unreadable("a user id"))?;
        let tables = self.purge_marks(tenant, &actor, &key, &due, "ledger", now).await?;
        tracing::warn!(erasures = due.len(), "erasures that this database did not know were done again");
        let in_ledger = self.ledger().is_some();
        Ok(Some(ErasureReceipt { target: "ledger", at: now, entries_closed: 0, in_ledger, tables }))
    }

    /// Purges what `marks` stand for, and notes that it is done.
    async fn purge_marks(
        &self,
        tenant: &TenantId,
        actor: &UserId,
        key: &SuppressionKey,
        marks: &[Mark],
        target: &'static str,
        now: Timestamp,
    ) -> Result<PurgeCounts, StoreError> {
        let erased: Suppressions = known(key.clone(), marks);
        let mut tx = self.db.begin(tenant).await?;
        let mut purge = Purge::begin(self, &mut tx, tenant, now).await?;
        if marks.iter().any(|(kind, _)| *kind == Kind::All) {
            purge.everything().await?;
        }
        purge.erased(&erased).await?;
        let counts = purge.end();
        settle_marks(tx.connection(), tenant, marks, now).await?;
        let detail = serde_json::json!({ "target": target, "erasures": marks.len(), "tables": counts }).to_string();
        tx.audit(tenant, actor, "erasure.done", &detail, now).await?;
        tx.save().await?;
        self.rewrite_file(tenant).await?;
        Ok(counts)
    }

    /// Writes SQLite's file anew and empties its journal, so that no byte of what was deleted is left. `secure_delete` alone does
    /// not reach that: when a page is split, the copy that stays behind lies in room that counts as free already. A server
    /// does it in its own time.
    pub(crate) async fn rewrite_file(&self, tenant: &TenantId) -> Result<(), StoreError> {
        if self.db.dialect() == Dialect::Postgres {
            return Ok(());
        }
        let mut reader = self.db.reader(tenant).await?;
        // A file of any size must not have to fit into memory.
        let rewritten = sqlx::raw_sql("PRAGMA temp_store = FILE; VACUUM").execute(reader.connection()).await;
        sqlx::raw_sql("PRAGMA temp_store = MEMORY").execute(reader.connection()).await?;
        drop(reader);
        if !self.empty_journal(tenant).await? || rewritten.is_err() {
            tracing::warn!(
                "what was deleted is out of reach, but the database's file could not be written anew: see that nothing else \
                 uses it and that its disk has room for a second one, and erase once more"
            );
        }
        Ok(())
    }

    /// SQLite's journal holds pages as they were. `false`: somebody is reading it.
    pub(crate) async fn empty_journal(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        if self.db.dialect() == Dialect::Postgres {
            return Ok(false);
        }
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(reader.connection()).await?;
        Ok(row.try_get::<i64, _>(0)? == 0)
    }
}

/// Closes the entries of `domain` and of what is below it.
async fn close_entries(
    connection: &mut sqlx::AnyConnection,
    tenant: &TenantId,
    actor: &UserId,
    domain: &DomainName,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let open = "SELECT id, domain FROM allowed_external_domain WHERE tenant_id = $1 AND closed_at IS NULL";
    let rows = sqlx::query(open).bind(tenant.as_str()).fetch_all(&mut *connection).await?;
    let mut closed = 0;
    for row in rows {
        let listed: DomainName =
            row.try_get::<&str, _>(1)?.parse().map_err(|_| StoreError::Unreadable("allowed_external_domain.domain"))?;
        if !listed.is_or_is_below(domain) {
            continue;
        }
        sqlx::query(
            "UPDATE allowed_external_domain SET closed_at = $1, closed_by = $2 WHERE id = $3 AND tenant_id = $4",
        )
        .bind(to_text(now))
        .bind(actor.as_str())
        .bind(row.try_get::<i64, _>(0)?)
        .bind(tenant.as_str())
        .execute(&mut *connection)
        .await?;
        closed += 1;
    }
    Ok(closed)
}
