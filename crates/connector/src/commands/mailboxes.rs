//! `mailboxes [list | include | exclude]`

use m365_model::{GraphUserId, TenantId};
use m365_store::Store;
use m365_store::mailboxes::{MailboxChoice, MailboxOverview, StreamOverview};
use m365_store::streams::Coverage;

use super::{failed, operator};
use crate::cli::Mailboxes;
use crate::exit::Exit;
use crate::output::{Lines, line};

pub async fn run(store: &Store, tenant: &TenantId, command: Option<&Mailboxes>, json: bool) -> Exit {
    match command {
        None | Some(Mailboxes::List) => list(store, tenant, json).await,
        Some(Mailboxes::Include { ids }) => choose(store, tenant, ids, MailboxChoice::Include).await,
        Some(Mailboxes::Exclude { ids }) => choose(store, tenant, ids, MailboxChoice::Exclude).await,
    }
}

async fn choose(store: &Store, tenant: &TenantId, ids: &[GraphUserId], choice: MailboxChoice) -> Exit {
    if let Err(error) = store.choose_mailboxes(tenant, &operator(), ids, choice).await {
        return failed(&error);
    }
    match choice {
        MailboxChoice::Include => eprintln!("{} mailboxes are read from the next sync on.", ids.len()),
        MailboxChoice::Exclude => {
            eprintln!("{} mailboxes are not read from the next sync on; what was read of them stays.", ids.len());
        }
    }
    Exit::Done
}

async fn list(store: &Store, tenant: &TenantId, json: bool) -> Exit {
    let mailboxes = match store.mailbox_overview(tenant).await {
        Ok(mailboxes) => mailboxes,
        Err(error) => return failed(&error),
    };
    if mailboxes.is_empty() {
        eprintln!("No mailbox is known yet: the first sync lists them.");
    }
    if json {
        let mut lines = Lines::new();
        for mailbox in &mailboxes {
            if let Err(stopped) = lines.print(mailbox) {
                return stopped.exit();
            }
        }
        return lines.finish().map_or_else(|stopped| stopped.exit(), |()| Exit::Done);
    }
    for mailbox in &mailboxes {
        if let Err(stopped) = line(&shown(mailbox)) {
            return stopped.exit();
        }
    }
    Exit::Done
}

/// A mailbox in lines for people.
fn shown(mailbox: &MailboxOverview) -> String {
    let mut state = if mailbox.choice == Some(MailboxChoice::Exclude) {
        "excluded".to_owned()
    } else if mailbox.left_at.is_some() {
        "left the directory".to_owned()
    } else {
        mailbox.state.clone()
    };
    if let Some(code) = &mailbox.code {
        state = format!("{state} ({code})");
    }
    let since = mailbox.last_synced_at.as_deref().map(|at| format!(", last read {at}")).unwrap_or_default();
    let mut lines = vec![format!("{}  {state}{since}", mailbox.mailbox)];
    if let Some(calendar) = &mailbox.calendar {
        lines.push(format!("  calendar  {}", counted(&calendar.coverage, std::slice::from_ref(calendar))));
    }
    let read: Vec<&StreamOverview> = mailbox.folders.iter().filter_map(|folder| folder.stream.as_ref()).collect();
    if !read.is_empty() {
        let mut all = Coverage::default();
        for stream in &read {
            all += &stream.coverage;
        }
        let skipped = mailbox.folders.iter().filter(|folder| folder.skipped_as.is_some()).count();
        let streams: Vec<StreamOverview> = read.into_iter().cloned().collect();
        let counted = counted(&all, &streams);
        lines.push(format!("  mail      {counted}; {} folders read, {skipped} never read", streams.len()));
    }
    lines.join("\n")
}

/// What became of the items of some streams.
fn counted(coverage: &Coverage, streams: &[StreamOverview]) -> String {
    let dropped: Vec<String> = coverage.dropped.iter().map(|(reason, n)| format!("{reason} {n}")).collect();
    let dropped = if dropped.is_empty() { String::new() } else { format!(" ({})", dropped.join(", ")) };
    let moved = streams.iter().map(|stream| stream.last_progress_at.as_str()).max().unwrap_or_default();
    format!("{} seen, {} kept{dropped}, last progress {moved}", coverage.seen, coverage.kept)
}
