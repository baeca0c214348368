//! The ledger of erasures, outside the database: a backup that is put back does not know whom it should have forgotten.
//!
//! One JSON object a line: tenant, kind, keyed hash, time, and a check of the key, so that hashes under a key that this
//! database does not have are noticed. It names nobody, is its owner's alone, and is written to disk before the database
//! changes. Lines are only ever added.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use m365_model::{TenantId, from_text, to_text};
use m365_privacy::SuppressionKey;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::suppression::{Kind, Mark};
use crate::{Store, StoreError};

/// What can go wrong with the ledger.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum LedgerError {
    /// Not readable as a file.
    #[error(
        "the ledger of erasures cannot be read: make the file (ERASURE_LEDGER, or DATABASE.erasures) readable for this user"
    )]
    Closed,
    /// Not writable.
    #[error(
        "the ledger of erasures cannot be written, so nothing was erased: make the file (ERASURE_LEDGER, or \
         DATABASE.erasures) and its folder writable for this user, and see that its disk has room"
    )]
    ReadOnly,
    /// A line that is not of its kind.
    #[error("line {0} of the ledger of erasures is damaged: restore that file from its copy")]
    Damaged(usize),
    /// Hashes under a key that is not in this database.
    #[error(
        "the ledger of erasures holds people of this tenant who were erased under a key that this database does not have, so \
         they cannot be kept out: restore a later backup; or erase them again and take the tenant's old lines out of the ledger"
    )]
    ForeignKey,
}

/// A line as it is written.
#[derive(Serialize, Deserialize)]
struct Line {
    tenant: String,
    kind: String,
    hash: String,
    at: String,
    key: String,
}

/// An erasure, and when it was asked for.
pub(crate) type Entry = (Mark, Timestamp);

/// What a ledger holds of a tenant, each with the check of its key.
pub(crate) struct Noted(Vec<(Entry, String)>);

impl Noted {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries, if their hashes are all under `key`: others would know nobody.
    pub(crate) fn of_key(self, key: &SuppressionKey) -> Result<Vec<Entry>, LedgerError> {
        let check = key_check(key);
        self.0
            .into_iter()
            .map(|(entry, made_under)| if made_under == check { Ok(entry) } else { Err(LedgerError::ForeignKey) })
            .collect()
    }
}

impl Store {
    /// Where erasures are noted outside the database, if that is anywhere.
    pub fn ledger(&self) -> Option<&Path> {
        self.ledger.as_deref().map(PathBuf::as_path)
    }

    /// What the ledger holds of `tenant`.
    pub(crate) async fn read_ledger(&self, tenant: &TenantId) -> Result<Noted, StoreError> {
        let Some(path) = self.ledger().map(Path::to_owned) else { return Ok(Noted(Vec::new())) };
        let tenant = tenant.clone();
        off_the_runtime(move || read(&path, &tenant)).await
    }

    /// Notes erasures in the ledger, and returns when they are on the disk.
    pub(crate) async fn append_to_ledger(
        &self,
        tenant: &TenantId,
        key: &SuppressionKey,
        entries: &[Entry],
    ) -> Result<(), StoreError> {
        let Some(path) = self.ledger().map(Path::to_owned) else { return Ok(()) };
        let mut text = String::new();
        for ((kind, hash), at) in entries {
            let line = Line {
                tenant: tenant.as_str().to_owned(),
                kind: kind.word().to_owned(),
                hash: hex::encode(hash),
                at: to_text(*at),
                key: key_check(key),
            };
            text.push_str(&serde_json::to_string(&line).expect("a line is JSON"));
            text.push('\n');
        }
        off_the_runtime(move || append(&path, &text).map_err(|_| LedgerError::ReadOnly)).await
    }
}

/// A few signs of a key that tell it from another and nothing else.
fn key_check(key: &SuppressionKey) -> String {
    hex::encode(&key.hash("key", "")[..8])
}

async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.unwrap_or(Err(LedgerError::Closed))?)
}

fn read(path: &Path, tenant: &TenantId) -> Result<Noted, LedgerError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Noted(Vec::new())),
        Err(_) => return Err(LedgerError::Closed),
    };
    let mut entries = Vec::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        // A last line that was cut off belongs to an erasure that never began.
        let Some(line) = line.strip_suffix('\n') else { break };
        let damaged = LedgerError::Damaged(number + 1);
        let line: Line = serde_json::from_str(line).map_err(|_| damaged)?;
        if line.tenant != tenant.as_str() {
            continue;
        }
        let mut hash = [0; 32];
        hex::decode_to_slice(&line.hash, &mut hash).map_err(|_| damaged)?;
        let kind = Kind::from_word(&line.kind).ok_or(damaged)?;
        entries.push((((kind, hash), from_text(&line.at).ok_or(damaged)?), line.key));
    }
    Ok(Noted(entries))
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.lock()?;
    let end = whole_lines(&mut file)?;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    if is_new && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// How long the file is without a last line that was cut off.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Ok(end as u64)
}
