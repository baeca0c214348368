//! `allowlist list | add | remove`

use m365_model::TenantId;
use m365_privacy::{DomainName, judge_entry};
use m365_store::Store;
use m365_store::config::{Added, Disallowed, Leftovers};

use super::{failed, operator, store_failed};
use crate::cli::AllowList;
use crate::exit::{Exit, explain};
use crate::output::line;

pub async fn run(store: &Store, tenant: &TenantId, command: &AllowList) -> Exit {
    match command {
        AllowList::List => list(store, tenant).await,
        AllowList::Add { domains, subdomains, yes } => add(store, tenant, domains, *subdomains, *yes).await,
        AllowList::Remove { domain, purge, keep: _ } => {
            let leftovers = if *purge { Leftovers::Purge } else { Leftovers::Keep };
            remove(store, tenant, domain, leftovers).await
        }
    }
}

async fn list(store: &Store, tenant: &TenantId) -> Exit {
    let list = match store.allow_list(tenant).await {
        Ok(list) => list,
        Err(error) => return failed(&error),
    };
    if list.entries.is_empty() {
        eprintln!("The list is empty: nobody is let through, and nothing is read.");
    }
    for entry in list.entries {
        let below = if entry.include_subdomains { " and its subdomains" } else { "" };
        if let Err(stopped) = line(&format!("{}{below}", entry.domain)) {
            return stopped.exit();
        }
    }
    Exit::Done
}

async fn add(store: &Store, tenant: &TenantId, texts: &[String], subdomains: bool, yes: bool) -> Exit {
    let internal = match store.internal_domains(tenant).await {
        Ok(internal) => internal,
        Err(error) => return failed(&error),
    };
    let mut domains = Vec::new();
    let mut refused = false;
    for (position, text) in texts.iter().enumerate() {
        match judge_entry(text, &internal, subdomains) {
            Ok(judged) if judged.free_mail && !yes => {
                refused = true;
                explain(&format_args!(
                    "{}: anyone can have an address there, so private people would be recorded; add --yes if you mean it",
                    judged.domain
                ));
            }
            Ok(judged) => domains.push(judged.domain),
            Err(refusal) => {
                refused = true;
                explain(&format_args!("entry {} of {}: {refusal}", position + 1, texts.len()));
            }
        }
    }
    if refused {
        eprintln!("Nothing was added.");
        return Exit::Usage;
    }
    match store.allow(tenant, &operator(), &domains, subdomains).await {
        Ok(outcome) => {
            for (domain, added) in domains.iter().zip(outcome) {
                say(domain, added, subdomains);
            }
            Exit::Done
        }
        Err(error) => failed(&error),
    }
}

fn say(domain: &DomainName, added: Added, subdomains: bool) {
    let below = if subdomains { " and its subdomains" } else { "" };
    match added {
        Added::New => eprintln!("{domain}{below}: added; the next sync reads the look-back window for it."),
        Added::Widened => {
            eprintln!("{domain}: now with its subdomains; the next sync reads the look-back window for them.");
        }
        Added::Already => eprintln!("{domain}: on the list already."),
    }
}

async fn remove(store: &Store, tenant: &TenantId, text: &str, leftovers: Leftovers) -> Exit {
    let domain: DomainName = match text.parse() {
        Ok(domain) => domain,
        Err(error) => {
            explain(&error);
            return Exit::Usage;
        }
    };
    // Closing an entry counts at once, also for a sync that is at work; a purge waits for it.
    let _turn = match leftovers {
        Leftovers::Keep => None,
        Leftovers::Purge => match super::take_turn(store, tenant).await {
            Ok(turn) => Some(turn),
            Err(exit) => return exit,
        },
    };
    match store.disallow(tenant, &operator(), &domain, leftovers).await {
        Ok(Some(Disallowed::Kept(records))) => {
            eprintln!("{domain}: closed; {records} records that it let in are kept.");
            Exit::Done
        }
        Ok(Some(Disallowed::Purged(counts))) => {
            eprintln!("{domain}: closed; whoever it let in was taken out:");
            for line in super::purge_lines(&counts) {
                eprintln!("{line}");
            }
            Exit::Done
        }
        Ok(None) => {
            explain(&format_args!("{domain} is not on the list"));
            Exit::Usage
        }
        Err(error) => store_failed(&error),
    }
}
