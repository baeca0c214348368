//! `dpa show | accept | withdraw | status`

use m365_database::{Agreement, AgreementState, accept_dpa, agreement_in_force, agreement_state, withdraw_dpa};
use m365_model::{TenantId, UserId, to_text};
use m365_store::Store;
use m365_store::sign_in::SignInWay;

use super::{failed, operator};
use crate::cli::Dpa;
use crate::exit::{Exit, explain};
use crate::output::line;

/// Prints the text that is in force for a company, or the built-in one where no database is named.
pub fn show(agreement: &Agreement) -> Exit {
    let Agreement { version, text, text_sha256, .. } = agreement;
    line(&format!("{text}\nVersion {version}, SHA-256 {text_sha256}"))
        .map_or_else(|stopped| stopped.exit(), |()| Exit::Done)
}

pub async fn run(store: &Store, tenant: &TenantId, command: &Dpa) -> Exit {
    match command {
        Dpa::Show => match agreement_in_force(tenant, store.database()).await {
            Ok(agreement) => show(&agreement),
            Err(error) => failed(&error),
        },
        Dpa::Accept { user, attest } => accept(store, tenant, user, *attest).await,
        Dpa::Withdraw { user } => withdraw(store, tenant, user).await,
        Dpa::Status => status(store, tenant).await,
    }
}

async fn accept(store: &Store, tenant: &TenantId, user: &UserId, attest: bool) -> Exit {
    // Where people sign in, an administrator of theirs accepts; whoever types here can only vouch for it.
    let vouches = match store.sign_in_way().await {
        Ok(way) => way == Some(SignInWay::Clerk),
        Err(error) => return failed(&error),
    };
    if vouches && !attest {
        explain(
            &"people sign in with Clerk here, so an administrator accepts in Settings > Connectors; with --attest you vouch \
              that the company has accepted, and it is recorded as the operator's",
        );
        return Exit::Usage;
    }
    let user = &if vouches { operator() } else { user.clone() };
    let connector = match store.connector(tenant).await {
        Ok(connector) => connector,
        Err(error) => return failed(&error),
    };
    match accept_dpa(tenant, user, &connector.id, store.database()).await {
        Ok(acceptance) => {
            eprintln!(
                "Version {} of the agreement was accepted by {} at {}.",
                acceptance.version,
                acceptance.by,
                to_text(acceptance.at)
            );
            Exit::Done
        }
        Err(error) => failed(&error),
    }
}

async fn withdraw(store: &Store, tenant: &TenantId, user: &UserId) -> Exit {
    match withdraw_dpa(tenant, user, store.database()).await {
        Ok(true) => {
            eprintln!("The agreement is withdrawn: nothing more is read, and a running sync stores no further page.");
        }
        Ok(false) => eprintln!("No acceptance stood; nothing was changed."),
        Err(error) => return failed(&error),
    }
    Exit::Done
}

async fn status(store: &Store, tenant: &TenantId) -> Exit {
    let (text, exit) = match agreement_state(tenant, store.database()).await {
        Ok(AgreementState::Standing(acceptance)) => (
            format!("accepted by {} at {}, version {}", acceptance.by, to_text(acceptance.at), acceptance.version),
            Exit::Done,
        ),
        Ok(AgreementState::Outdated(acceptance)) => (
            match agreement_in_force(tenant, store.database()).await {
                Ok(now) => format!("version {} was accepted; version {} asks again", acceptance.version, now.version),
                Err(error) => return failed(&error),
            },
            Exit::Blocked,
        ),
        Ok(AgreementState::Withdrawn(_, at)) => (format!("withdrawn at {}", to_text(at)), Exit::Blocked),
        Ok(AgreementState::Never) => ("not accepted".to_owned(), Exit::Blocked),
        Ok(AgreementState::NotConnected) => ("nothing is connected".to_owned(), Exit::Blocked),
        Err(error) => return failed(&error),
    };
    line(&text).map_or_else(|stopped| stopped.exit(), |()| exit)
}
