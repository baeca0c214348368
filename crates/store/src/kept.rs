//! What is kept about people, table by table, in sentences for people: what stands there, for how long, and how it is erased.
//!
//! A new table of the schema gets its sentences here; a test holds this list against [`ERASURE_TABLES`], and another holds that
//! one against the schema.
//!
//! [`ERASURE_TABLES`]: crate::erase::ERASURE_TABLES

use m365_model::{TenantId, from_text};
use sqlx::{AssertSqlSafe, Row as _};

use crate::overview::AuditEntry;
use crate::{Store, StoreError};

/// Whom a table tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// People outside the company whom the filter let in.
    Outsiders,
    /// People of the company: by ids, and what they decided.
    Own,
    /// Nobody.
    Nobody,
}

/// A table, in sentences.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Its name in the database.
    pub table: &'static str,
    /// What people call it.
    pub called: &'static str,
    /// Whom it tells of.
    pub about: About,
    /// What it holds about people.
    pub holds: &'static str,
    /// For how long.
    pub stays: &'static str,
    /// How that is erased.
    pub erased: &'static str,
}

const fn row(table: &'static str, called: &'static str, about: About, said: [&'static str; 3]) -> Kept {
    let [holds, stays, erased] = said;
    Kept { table, called, about, holds, stays, erased }
}

const AS_RECORDS: &str = "As long as records: see “How long” above.";
const WITH_ALL: &str =
    "By erasing everything. Erasing one person does not touch it: it names nobody outside the company.";
const NOT_PERSONAL: &str = "Stays: nobody is in it.";
const AS_DATABASE: &str = "As long as the database.";

/// Every table.
pub const KEPT: &[Kept] = &[
    row(
        "activity",
        "Records",
        About::Outsiders,
        [
            "A person’s address, that a meeting or a mail was, when, its subject, the answer to an invitation, and the organizer’s \
             address where you keep it.",
            AS_RECORDS,
            "Erasing a person deletes the records of that person alone, and takes the person out of those with others, subjects that \
             name the address included.",
        ],
    ),
    row(
        "activity_participant",
        "Further people in a mail",
        About::Outsiders,
        [
            "The addresses of those who took part in a mail besides the first.",
            AS_RECORDS,
            "Deleted when the person is erased.",
        ],
    ),
    row(
        "event_copy",
        "Copies of meetings in calendars",
        About::Outsiders,
        [
            "What one mailbox’s calendar says of a meeting: times, subject, the organizer’s address. Private ones keep their keys alone.",
            AS_RECORDS,
            "An erased person is taken out; a copy without anyone left is deleted.",
        ],
    ),
    row(
        "event_participant",
        "People in those copies",
        About::Outsiders,
        [
            "The addresses of those who passed the filter, and what each answered.",
            AS_RECORDS,
            "Deleted when the person is erased.",
        ],
    ),
    row(
        "feed_tombstone",
        "Names of records that went away",
        About::Outsiders,
        [
            "The name of a record that loaders were shown, encrypted: a meeting’s name ends with the address.",
            "30 days, then the name is forgotten.",
            "Forgotten after 30 days, so that loaders can delete their copies.",
        ],
    ),
    row(
        "exclusion",
        "People and domains that you keep out",
        About::Outsiders,
        [
            "The address or the domain, encrypted.",
            "Until somebody takes it off the list.",
            "Deleted when the person is erased: from then on a keyed hash keeps the person out.",
        ],
    ),
    row(
        "suppression",
        "Who was erased",
        About::Outsiders,
        [
            "A keyed hash of an erased address or domain. The address cannot be read from it.",
            "For good: this is what keeps erased people out.",
            "Stays, because without it the next sync would bring the person back.",
        ],
    ),
    row(
        "mailbox",
        "Mailboxes of the company",
        About::Own,
        ["Microsoft’s ids of your own users, and when each was read. No name and no address.", AS_DATABASE, WITH_ALL],
    ),
    row(
        "mail_folder",
        "Folders of those mailboxes",
        About::Own,
        ["Microsoft’s ids of folders. No folder’s name.", AS_DATABASE, WITH_ALL],
    ),
    row(
        "delta_state",
        "How far each mailbox is read",
        About::Own,
        ["An encrypted link of Microsoft’s for each calendar and folder.", AS_DATABASE, WITH_ALL],
    ),
    row(
        "run_mailbox",
        "How far a sync under way has come",
        About::Own,
        ["Counts and codes for each mailbox that is being read.", "Until that sync ends.", WITH_ALL],
    ),
    row("sync_run", "Syncs", About::Own, ["Counts, codes, and ids of mailboxes that failed.", AS_DATABASE, WITH_ALL]),
    row(
        "audit_event",
        "Audit trail",
        About::Own,
        [
            "Which administrator did what and when: domains, versions and counts. People outside are never named.",
            AS_DATABASE,
            "Stays: it shows that erasures were done.",
        ],
    ),
    row(
        "o365_config",
        "The connection",
        About::Own,
        [
            "Which administrator accepted the agreement, and when.",
            AS_DATABASE,
            "Stays: it is the proof of the agreement.",
        ],
    ),
    row(
        "allowed_external_domain",
        "External domains",
        About::Own,
        ["Domains, and which administrator listed each.", AS_DATABASE, "Stays; an erased domain’s entry is closed."],
    ),
    row(
        "local_session",
        "Sessions of the administrator",
        About::Own,
        [
            "Hashes, and a user id.",
            "Until the session is ended, or the first sign-in after its 12 hours.",
            "By signing out.",
        ],
    ),
    row(
        "invitation",
        "Invitations",
        About::Own,
        [
            "Hashes, and which administrator invited.",
            "Until everything is deleted with the connection; it is good for 7 days.",
            "By disconnecting, and deleting what was read.",
        ],
    ),
    row(
        "consent_state",
        "Visits to Microsoft’s sign-in",
        About::Own,
        [
            "Hashes and ids of administrators who connect.",
            "Until somebody connects a day or more later; it is good for ten minutes.",
            "Stays.",
        ],
    ),
    row(
        "entra_confirmation",
        "Confirmed Microsoft tenants",
        About::Own,
        [
            "Ids of Microsoft tenants, and who asked for and confirmed each.",
            "Until that tenant is connected; it is good for 7 days.",
            "Stays.",
        ],
    ),
    row(
        "customer_agreement",
        "Your own agreement",
        About::Own,
        ["Its text, and which administrator set it.", AS_DATABASE, "Stays."],
    ),
    row(
        "application_secret",
        "The end of the application’s secret",
        About::Own,
        ["A day, and which administrator noted it.", AS_DATABASE, "Stays."],
    ),
    row(
        "token_cache",
        "Access tokens",
        About::Nobody,
        ["Encrypted tokens of the application.", "About an hour.", WITH_ALL],
    ),
    row("setting", "Settings", About::Nobody, ["Names and values.", AS_DATABASE, NOT_PERSONAL]),
    row("internal_domain", "Your own domains", About::Nobody, ["Domains.", AS_DATABASE, NOT_PERSONAL]),
    row("feed_state", "Place in the feed", About::Nobody, ["A number.", AS_DATABASE, NOT_PERSONAL]),
    row("tenant_secret", "Keys", About::Nobody, ["A random key, encrypted.", AS_DATABASE, NOT_PERSONAL]),
    row("tenant", "Tenants", About::Nobody, ["Ids of tenants.", AS_DATABASE, NOT_PERSONAL]),
    row("installation", "Installation", About::Nobody, ["How people sign in.", AS_DATABASE, NOT_PERSONAL]),
    row(
        "sign_in_link",
        "Sign-in links",
        About::Nobody,
        ["Hashes.", "Until it is used, or the next one is made; it is good for an hour.", NOT_PERSONAL],
    ),
    row("entra_owner", "Owners of Microsoft tenants", About::Nobody, ["Ids of tenants.", AS_DATABASE, NOT_PERSONAL]),
    row("_sqlx_migrations", "Versions of the schema", About::Nobody, ["Numbers.", AS_DATABASE, NOT_PERSONAL]),
];

/// Tables without a column for the tenant: they are of the whole installation, and not counted for one.
const OF_EVERYBODY: [&str; 2] = ["installation", "_sqlx_migrations"];

impl Store {
    /// Every table with the number of `tenant`'s rows in it; none for tables of the whole installation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn kept(&self, tenant: &TenantId) -> Result<Vec<(Kept, Option<u64>)>, StoreError> {
        let mut reader = self.db.snapshot(tenant).await?;
        let mut counted = Vec::with_capacity(KEPT.len());
        for kept in KEPT {
            if OF_EVERYBODY.contains(&kept.table) {
                counted.push((*kept, None));
                continue;
            }
            let sql = format!("SELECT COUNT(*) FROM {} WHERE tenant_id = $1", kept.table);
            let count = sqlx::query_scalar(AssertSqlSafe(sql)).bind(tenant.as_str().to_owned());
            let count: i64 = count.fetch_one(reader.connection()).await?;
            counted.push((*kept, Some(count.unsigned_abs())));
        }
        Ok(counted)
    }

    /// The last entry of the audit trail for this action, such as `retention.applied`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_done(&self, tenant: &TenantId, action: &str) -> Result<Option<AuditEntry>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query(
            "SELECT id, at, actor, action, detail FROM audit_event WHERE tenant_id = $1 AND action = $2 \
             ORDER BY id DESC LIMIT 1",
        );
        let row = row.bind(tenant.as_str()).bind(action).fetch_optional(reader.connection()).await?;
        row.map(|row| {
            Ok(AuditEntry {
                number: row.try_get(0)?,
                at: from_text(row.try_get(1)?).ok_or(StoreError::Unreadable("audit_event.at"))?,
                actor: row.try_get(2)?,
                action: row.try_get(3)?,
                detail: row.try_get(4)?,
            })
        })
        .transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::erase::{ERASURE_TABLES, TableRule};

    /// Fails when a table is added to the schema without sentences.
    #[test]
    fn every_table_has_sentences_and_whoever_is_purged_is_told_of() {
        let told: BTreeSet<&str> = KEPT.iter().map(|kept| kept.table).collect();
        let listed: BTreeSet<&str> = ERASURE_TABLES.iter().map(|(table, _)| *table).collect();
        assert_eq!(told, listed);
        assert_eq!(told.len(), KEPT.len(), "a table is told of twice");
        for kept in KEPT {
            let (_, rule) = ERASURE_TABLES.iter().find(|(table, _)| *table == kept.table).unwrap();
            if *rule == TableRule::Purged {
                assert_eq!(kept.about, About::Outsiders, "{}", kept.table);
            }
            assert_eq!(*rule == TableRule::EmptiedWithAll, kept.erased == WITH_ALL, "{}", kept.table);
            assert!([kept.holds, kept.stays, kept.erased].iter().all(|said| said.ends_with('.')), "{}", kept.table);
        }
    }
}
