//! Taking turns: one command at a time changes a connector.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;

use m365_model::TenantId;
use thiserror::Error;

use crate::Store;

/// Held while a command changes a connector. The operating system frees it with the process, however that ends.
#[derive(Debug)]
pub struct ConnectorLock(#[expect(dead_code, reason = "held for its effect: closing the file frees the lock")] File);

/// Why the lock cannot be had.
#[derive(Debug, Error)]
pub enum LockError {
    /// The file beside the database cannot be made or locked.
    #[error("the lock file beside the database cannot be used: check that its folder is writable for this user")]
    Unusable,
}

impl Store {
    /// Takes the lock of `tenant`'s connector if it is free.
    ///
    /// # Errors
    /// When the lock file cannot be used.
    pub fn try_lock(&self, tenant: &TenantId) -> Result<Option<ConnectorLock>, LockError> {
        let file = self.lock_file(tenant)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(ConnectorLock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(_)) => Err(LockError::Unusable),
        }
    }

    /// Waits until the lock is free, and takes it.
    ///
    /// # Errors
    /// When the lock file cannot be used.
    pub async fn lock(&self, tenant: &TenantId) -> Result<ConnectorLock, LockError> {
        let file = self.lock_file(tenant)?;
        let waiting = tokio::task::spawn_blocking(move || file.lock().map(|()| ConnectorLock(file)));
        waiting.await.map_err(|_| LockError::Unusable)?.map_err(|_| LockError::Unusable)
    }

    fn lock_file(&self, tenant: &TenantId) -> Result<File, LockError> {
        let path = self.db.lock_path(tenant);
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        options.map_err(|_| LockError::Unusable)
    }
}
