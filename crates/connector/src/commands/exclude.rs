//! `exclude list | add | remove`

use std::io::Read as _;

use m365_model::TenantId;
use m365_privacy::Exclusion;
use m365_store::Store;
use m365_store::exclusions::Excluded;

use super::{failed, operator};
use crate::cli::Exclude;
use crate::exit::{Exit, explain};
use crate::output::line;

/// The longest list that is read from stdin, in bytes.
const LONGEST_INPUT: u64 = 4 << 20;

pub async fn run(store: &Store, tenant: &TenantId, command: &Exclude) -> Exit {
    match command {
        Exclude::List => list(store, tenant).await,
        Exclude::Add { who } => match read(who) {
            Ok(exclusions) => add(store, tenant, &exclusions).await,
            Err(exit) => exit,
        },
        Exclude::Remove { who } => match read(who) {
            Ok(exclusions) => remove(store, tenant, &exclusions).await,
            Err(exit) => exit,
        },
    }
}

async fn list(store: &Store, tenant: &TenantId) -> Exit {
    let exclusions = match store.exclusions(tenant).await {
        Ok(exclusions) => exclusions,
        Err(error) => return failed(&error),
    };
    if exclusions.is_empty() {
        eprintln!("Nobody is excluded.");
    }
    for exclusion in exclusions {
        if let Err(stopped) = line(exclusion.as_str()) {
            return stopped.exit();
        }
    }
    Exit::Done
}

async fn add(store: &Store, tenant: &TenantId, exclusions: &[Exclusion]) -> Exit {
    let outcome = match store.exclude(tenant, &operator(), exclusions).await {
        Ok(outcome) => outcome,
        Err(error) => return failed(&error),
    };
    let mut records = 0;
    let mut added = 0;
    for excluded in &outcome {
        if let Excluded::New { records: stored } = excluded {
            records += stored;
            added += 1;
        }
    }
    eprintln!("{added} added, {} excluded already; they are kept out from the next page on.", outcome.len() - added);
    if records > 0 {
        eprintln!(
            "{records} records that name them are stored and stay; m365-connector erase takes people out for good."
        );
    }
    Exit::Done
}

async fn remove(store: &Store, tenant: &TenantId, exclusions: &[Exclusion]) -> Exit {
    let outcome = match store.readmit(tenant, &operator(), exclusions).await {
        Ok(outcome) => outcome,
        Err(error) => return failed(&error),
    };
    let removed = outcome.iter().filter(|was_excluded| **was_excluded).count();
    if removed == 0 {
        explain(&"none of them was excluded");
        return Exit::Usage;
    }
    eprintln!(
        "{removed} removed; the allow-list decides about them again, and the next sync reads the look-back window."
    );
    Exit::Done
}

/// What was typed, or what stands on stdin. An error names the place, not the text.
fn read(who: &[String]) -> Result<Vec<Exclusion>, Exit> {
    let mut texts = Vec::new();
    for text in who {
        if text != "-" {
            texts.push(text.clone());
            continue;
        }
        let mut input = String::new();
        if std::io::stdin().lock().take(LONGEST_INPUT).read_to_string(&mut input).is_err() {
            explain(&"stdin: addresses or domains are expected, one a line");
            return Err(Exit::Usage);
        }
        texts.extend(input.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    let mut exclusions = Vec::with_capacity(texts.len());
    for (position, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(exclusion) => exclusions.push(exclusion),
            Err(error) => {
                let error: m365_privacy::ExclusionError = error;
                explain(&format_args!("entry {} of {}: {error}", position + 1, texts.len()));
                eprintln!("Nothing was changed.");
                return Err(Exit::Usage);
            }
        }
    }
    Ok(exclusions)
}
