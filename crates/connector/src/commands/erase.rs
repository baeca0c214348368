//! `erase`

use std::io::Read as _;

use m365_model::TenantId;
use m365_store::Store;
use m365_store::erase::{ErasureReceipt, Target};

use super::{operator, store_failed};
use crate::cli::Whom;
use crate::exit::{Exit, explain};
use crate::output::line;

/// The longest text that is read from stdin: no address is longer.
const LONGEST_INPUT: u64 = 4096;

pub async fn run(store: &Store, tenant: &TenantId, whom: &Whom, json: bool) -> Exit {
    let target = match target(whom) {
        Ok(target) => target,
        Err(exit) => return exit,
    };
    if store.ledger().is_none() {
        eprintln!(
            "warning: ERASURE_LEDGER names no file, so a backup of the database that is put back would not know of this \
             erasure. It is done all the same."
        );
    }
    let _turn = match super::take_turn(store, tenant).await {
        Ok(turn) => turn,
        Err(exit) => return exit,
    };
    if let Err(error) = store.reconcile_ledger(tenant).await {
        return store_failed(&error);
    }
    let receipt = match store.erase(tenant, &operator(), &target).await {
        Ok(receipt) => receipt,
        Err(error) => return store_failed(&error),
    };
    let text =
        if json { serde_json::to_string(&receipt).expect("a receipt is JSON") } else { lines(&receipt).join("\n") };
    line(&text).map_or_else(|stopped| stopped.exit(), |()| Exit::Done)
}

fn target(whom: &Whom) -> Result<Target, Exit> {
    let usage = |error: &dyn std::fmt::Display| {
        explain(error);
        Exit::Usage
    };
    match (whom.person.as_deref(), whom.domain.as_deref()) {
        (Some("-"), _) => {
            let mut text = String::new();
            let read = std::io::stdin().lock().take(LONGEST_INPUT).read_to_string(&mut text);
            read.map_err(|_| usage(&"--person -: one e-mail address is expected on stdin"))?;
            text.parse().map(Target::Person).map_err(|error| usage(&format_args!("--person: {error}")))
        }
        (Some(text), _) => text.parse().map(Target::Person).map_err(|error| usage(&format_args!("--person: {error}"))),
        (None, Some(text)) => {
            text.parse().map(Target::Domain).map_err(|error| usage(&format_args!("--domain: {error}")))
        }
        (None, None) => Ok(Target::All),
    }
}

fn lines(receipt: &ErasureReceipt) -> Vec<String> {
    let what = match receipt.target {
        "person" => "One person was erased and stays out",
        "domain" => "One domain was erased and stays out",
        _ => "Everything that was read was erased",
    };
    let mut lines = vec![format!("{what} ({}).", m365_model::to_text(receipt.at))];
    if receipt.entries_closed > 0 {
        lines.push(format!("{} entries of the allow-list were closed.", receipt.entries_closed));
    }
    lines.extend(super::purge_lines(&receipt.tables));
    lines
}
