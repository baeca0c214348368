//! `allowlist list | add | apply | remove`

use m365_model::TenantId;
use m365_privacy::{DomainName, judge_entry};
use m365_store::Store;
use m365_store::allow_list::{Added, Change, Disallowed, Leftovers, changes};

use super::{failed, operator, store_failed};
use crate::cli::AllowList;
use crate::exit::{Exit, explain};
use crate::output::line;

pub async fn run(store: &Store, tenant: &TenantId, command: &AllowList) -> Exit {
    match command {
        AllowList::List => list(store, tenant).await,
        AllowList::Add { domains, subdomains, yes } => add(store, tenant, domains, *subdomains, *yes).await,
        AllowList::Apply { file, dry_run, yes } => apply(store, tenant, file, *dry_run, *yes).await,
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
    for domain in &list.paused {
        eprintln!(
            "{domain}: paused, because it was found to be one of your own domains. Nobody new is let in by it; decide with \
             allowlist remove {domain} --purge or --keep."
        );
    }
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

/// A line of a file with the list: the domain, and whether its subdomains count too.
struct Wanted<'t> {
    line: usize,
    domain: &'t str,
    subdomains: bool,
}

/// Reads the file. An error names the line, not its text.
fn wanted(text: &str) -> Result<Vec<Wanted<'_>>, String> {
    let mut all = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line_number = number + 1;
        let line = line.split('#').next().unwrap_or_default();
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [] => {}
            [domain] => all.push(Wanted { line: line_number, domain, subdomains: false }),
            [domain, "--subdomains"] => all.push(Wanted { line: line_number, domain, subdomains: true }),
            _ => {
                return Err(format!(
                    "line {line_number}: a domain is expected, with --subdomains behind it or nothing"
                ));
            }
        }
    }
    Ok(all)
}

async fn apply(store: &Store, tenant: &TenantId, file: &std::path::Path, dry_run: bool, yes: bool) -> Exit {
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin().lock())
    } else {
        std::fs::read_to_string(file)
    };
    let Ok(text) = text else {
        explain(&"the file cannot be read");
        return Exit::Usage;
    };
    let lines = match wanted(&text) {
        Ok(lines) => lines,
        Err(error) => {
            explain(&error);
            return Exit::Usage;
        }
    };
    let (internal, list) = match (store.internal_domains(tenant).await, store.allow_list(tenant).await) {
        (Ok(internal), Ok(list)) => (internal, list),
        (Err(error), _) | (_, Err(error)) => return failed(&error),
    };
    let mut domains: Vec<(DomainName, bool)> = Vec::new();
    let mut refused = false;
    for Wanted { line, domain, subdomains } in lines {
        let is_listed = |name: &DomainName| list.entries.iter().any(|entry| entry.domain == *name);
        match judge_entry(domain, &internal, subdomains) {
            Ok(judged) if judged.free_mail && !yes && !is_listed(&judged.domain) => {
                refused = true;
                explain(&format_args!("line {line}: {}", FreeMail(&judged.domain)));
            }
            Ok(judged) if domains.iter().any(|(name, _)| *name == judged.domain) => {
                refused = true;
                explain(&format_args!("line {line}: {} stands in the file already", judged.domain));
            }
            Ok(judged) => domains.push((judged.domain, subdomains)),
            Err(refusal) => {
                refused = true;
                explain(&format_args!("line {line}: {refusal}"));
            }
        }
    }
    if refused {
        eprintln!("Nothing was changed.");
        return Exit::Usage;
    }
    let changes = changes(&list.entries, &domains);
    for change in &changes {
        let text = match change {
            Change::Add { domain, subdomains: true } => format!("+ {domain} --subdomains"),
            Change::Add { domain, subdomains: false } => format!("+ {domain}"),
            Change::Widen(domain) => format!("~ {domain} --subdomains"),
            Change::Narrow(domain) => format!("~ {domain}"),
            Change::Close(domain) => format!("- {domain}"),
        };
        if let Err(stopped) = line(&text) {
            return stopped.exit();
        }
    }
    if changes.is_empty() {
        eprintln!("The list says that already.");
        return Exit::Done;
    }
    if dry_run {
        eprintln!("{} changes; nothing was changed.", changes.len());
        return Exit::Done;
    }
    match store.change_allow_list(tenant, &operator(), &changes).await {
        Ok(()) => {
            eprintln!("{} changes made; records that closed entries let in are kept.", changes.len());
            Exit::Done
        }
        Err(error) => failed(&error),
    }
}

/// What is said of a domain where anyone can have an address.
struct FreeMail<'d>(&'d DomainName);

impl std::fmt::Display for FreeMail<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: anyone can have an address there, so private people would be recorded; add --yes if you mean it",
            self.0
        )
    }
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
                explain(&FreeMail(&judged.domain));
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
