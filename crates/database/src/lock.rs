//! Taking turns: one command at a time changes a connector.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use m365_model::TenantId;
use sha2::{Digest as _, Sha256};
use sqlx::AnyConnection;
use thiserror::Error;

use crate::{Database, DatabaseError};

/// Held while a command changes a connector. It is free again when its process ends, however that ends: the operating
/// system unlocks a file, PostgreSQL a session.
#[derive(Debug)]
pub struct ConnectorLock(Held);

#[derive(Debug)]
enum Held {
    File(#[expect(dead_code, reason = "held for its effect: dropping it frees the lock")] File),
    Session(AnyConnection),
}

impl ConnectorLock {
    /// Frees the lock before it returns. Of one that is dropped the server hears a moment later, and who comes next is refused.
    pub async fn release(self) {
        if let Held::Session(mut session) = self.0 {
            // The session ends either way, and the lock with it.
            sqlx::query("SELECT pg_advisory_unlock_all()").execute(&mut session).await.ok();
        }
    }
}

/// Why the lock cannot be had.
#[derive(Debug, Error)]
pub enum LockError {
    /// The file beside the database cannot be made or locked.
    #[error("the lock file beside the database cannot be used: check that its folder is writable for this user")]
    Unusable,
    /// The server did not answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Database {
    /// Takes the lock of `tenant`'s connector if it is free.
    ///
    /// # Errors
    /// When the lock file cannot be used or the server does not answer.
    pub async fn try_lock(&self, tenant: &TenantId) -> Result<Option<ConnectorLock>, LockError> {
        self.try_take(tenant, File::try_lock, "SELECT pg_try_advisory_lock($1)").await
    }

    /// Takes the lock of `tenant`'s connector together with others who take it so, if nobody has it alone.
    ///
    /// # Errors
    /// When the lock file cannot be used or the server does not answer.
    pub async fn try_share(&self, tenant: &TenantId) -> Result<Option<ConnectorLock>, LockError> {
        self.try_take(tenant, File::try_lock_shared, "SELECT pg_try_advisory_lock_shared($1)").await
    }

    /// Takes the lock in one of its ways: of the file beside the database, or of a session.
    async fn try_take(
        &self,
        tenant: &TenantId,
        of_file: fn(&File) -> Result<(), TryLockError>,
        of_session: &'static str,
    ) -> Result<Option<ConnectorLock>, LockError> {
        if self.file.is_some() {
            let file = self.lock_file(tenant)?;
            return match of_file(&file) {
                Ok(()) => Ok(Some(ConnectorLock(Held::File(file)))),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(_)) => Err(LockError::Unusable),
            };
        }
        let mut session = self.session().await?;
        let is_ours: bool = sqlx::query_scalar(of_session)
            .bind(lock_number(tenant))
            .fetch_one(&mut session)
            .await
            .map_err(DatabaseError::from)?;
        Ok(is_ours.then_some(ConnectorLock(Held::Session(session))))
    }

    /// Waits until the lock is free, and takes it.
    ///
    /// # Errors
    /// When the lock file cannot be used or the server does not answer.
    pub async fn lock(&self, tenant: &TenantId) -> Result<ConnectorLock, LockError> {
        if self.file.is_some() {
            let file = self.lock_file(tenant)?;
            let waiting = tokio::task::spawn_blocking(move || file.lock().map(|()| ConnectorLock(Held::File(file))));
            return waiting.await.map_err(|_| LockError::Unusable)?.map_err(|_| LockError::Unusable);
        }
        let mut session = self.session().await?;
        let wait = async {
            // However long the other's sync takes.
            sqlx::query("SELECT set_config('lock_timeout', '0', false), set_config('statement_timeout', '0', false)")
                .execute(&mut session)
                .await?;
            sqlx::query("SELECT pg_advisory_lock($1)").bind(lock_number(tenant)).execute(&mut session).await
        };
        wait.await.map_err(DatabaseError::from)?;
        Ok(ConnectorLock(Held::Session(session)))
    }

    /// A connection that is not given back to the pool: the session's lock must end with it.
    async fn session(&self) -> Result<AnyConnection, DatabaseError> {
        Ok(self.pool.acquire().await?.detach())
    }

    fn lock_file(&self, tenant: &TenantId) -> Result<File, LockError> {
        let mut path = self.file().map(PathBuf::from).unwrap_or_default().into_os_string();
        path.push(format!(".{tenant}.lock"));
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        options.map_err(|_| LockError::Unusable)
    }
}

/// Advisory locks have numbers (<https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS>).
fn lock_number(tenant: &TenantId) -> i64 {
    let digest = Sha256::digest(format!("m365-connector lock {tenant}"));
    i64::from_le_bytes(digest[..8].try_into().expect("a digest has more than eight bytes"))
}
