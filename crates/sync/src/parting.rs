//! A run whose connector was disconnected while it went on: it was stopped for that, no agreement is missing, and no next run goes
//! on from there.

use m365_model::TenantId;
use m365_store::{Store, StoreError};

use crate::ending::Ending;
use crate::engine::Outcome;
use crate::summary::Problem;

/// Looks at why a run was broken off.
///
/// # Errors
/// When the database fails.
pub(crate) async fn told(outcome: Outcome, tenant: &TenantId, store: &Store) -> Result<Outcome, StoreError> {
    let broken_off = |problem: &Problem| matches!(problem.code.as_str(), "stopped" | "dpa_not_accepted");
    if !outcome.summary.problems.iter().any(broken_off) {
        return Ok(outcome);
    }
    match store.connector(tenant).await {
        Ok(connector) if connector.disconnected_at.is_none() => Ok(outcome),
        Ok(_) | Err(StoreError::NotConnected) => {
            let mut summary = outcome.summary;
            let Ending { ended, problems } = Ending::disconnected();
            summary.status = ended.status();
            summary.problems = problems;
            Ok(Outcome { ended, summary })
        }
        Err(error) => Err(error),
    }
}
