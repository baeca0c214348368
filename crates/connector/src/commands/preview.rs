//! `preview`

use m365_model::TenantId;
use m365_privacy::judge_entry;
use m365_sync::{Engine, Preview, PreviewError, preview};

use super::failed;
use crate::exit::{Exit, explain};
use crate::output::line;
use crate::terminal::Bar;

pub async fn run(engine: &Engine, tenant: &TenantId, add: &[String], subdomains: bool, json: bool) -> Exit {
    let internal = match engine.store.internal_domains(tenant).await {
        Ok(internal) => internal,
        Err(error) => return failed(&error),
    };
    let mut proposals = Vec::new();
    for (position, text) in add.iter().enumerate() {
        match judge_entry(text, &internal, subdomains) {
            Ok(judged) => proposals.push((judged.domain, subdomains)),
            Err(refusal) => {
                explain(&format_args!("entry {} of {}: {refusal}", position + 1, add.len()));
                return Exit::Usage;
            }
        }
    }
    let bar = Bar::new();
    let found = preview(tenant, engine, &proposals, &bar).await;
    bar.finish();
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            explain(&error);
            return match error {
                PreviewError::Blocked | PreviewError::Disconnected => Exit::Blocked,
                PreviewError::Graph(m365_graph::GraphError::Token(m365_graph::TokenError::Refused(_))) => Exit::Refused,
                PreviewError::Graph(error) if error.status() == Some(403) => Exit::Refused,
                PreviewError::Graph(_) | PreviewError::Sync(_) => Exit::Failed,
            };
        }
    };
    let exit = if found.mailboxes.failed > 0 { Exit::Partly } else { Exit::Done };
    let text = if json { serde_json::to_string(&found).expect("a preview is JSON") } else { shown(&found) };
    line(&text).map_or_else(|stopped| stopped.exit(), |()| exit)
}

fn shown(found: &Preview) -> String {
    let mut lines: Vec<String> = found
        .domains
        .iter()
        .map(|row| {
            let proposed = if row.is_proposed { " (proposed)" } else { "" };
            let (domain, mails, automated, meetings) = (&row.domain, row.mails, row.automated, row.meetings);
            format!("{domain}{proposed}: {mails} mails ({automated} automated), {meetings} meetings")
        })
        .collect();
    if lines.is_empty() {
        lines.push("The allow-list is empty: a sync would keep nothing. Try domains with --add.".to_owned());
    }
    lines.push(format!("A sync would keep {} mails and {} meetings.", found.messages, found.meetings));
    if !found.dropped.is_empty() {
        let reasons: Vec<_> = found.dropped.iter().map(|(reason, n)| format!("{reason} {n}")).collect();
        lines.push(format!("Left out: {}.", reasons.join(", ")));
    }
    let m = &found.mailboxes;
    lines.push(format!(
        "{} mailboxes looked at, {} passed over, {} could not be read. Nothing was stored.",
        m.synced, m.skipped, m.failed
    ));
    lines.join("\n")
}
