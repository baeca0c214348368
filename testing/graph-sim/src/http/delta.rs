//! What all delta rounds have in common: tokens, links, and what can go wrong with a page.

use serde::Serialize;
use serde_json::{Value, json};

use super::Ask;
use super::answer::{Answer, Refusal};
use crate::faults::{Links, PageTrouble};
use crate::token::{Phase, Stream, Token};
use crate::wire::{Page, Row};
use crate::world::UserNo;

/// The token that a request brings along, if it does.
pub(crate) fn held_token(ask: &Ask<'_>) -> Result<Option<Token>, Refusal> {
    let query = &ask.request.query;
    let Some(text) = query.get("$skiptoken").or_else(|| query.get("$deltatoken")) else {
        return Ok(None);
    };
    let link = if query.get("$skiptoken").is_some() { Links::Next } else { Links::Delta };
    if let Some(trouble) = ask.sim.faults().take_link(ask.user, ask.kind, link) {
        return Err(Refusal::new(trouble.status, &trouble.code, "The link is not good any more."));
    }
    if text.eq_ignore_ascii_case("latest") {
        let text = "The deltatoken 'latest' is not supported for this resource.";
        return Err(Refusal::new(400, "BadRequest", text));
    }
    Token::open(text).map(Some).ok_or_else(Refusal::malformed_token)
}

/// Whether a token is good for what the path names.
pub(crate) fn check(
    ask: &Ask<'_>,
    token: &Token,
    user: UserNo,
    stream: Stream,
    generation: u64,
) -> Result<(), Refusal> {
    if token.user != user.0 || token.stream != stream {
        return Err(Refusal::malformed_token());
    }
    if token.generation != generation {
        return Err(Refusal::forgotten(token.generation, generation));
    }
    let strict = ask.sim.faults().quirks.strict_id_form;
    if strict && token.immutable != ask.request.prefer.immutable {
        let text = "The sync state is not valid for the requested id type.";
        return Err(Refusal::new(410, "SyncStateInvalid", text));
    }
    Ok(())
}

/// A page of a round, with the link to where it goes on.
pub(crate) fn page<T: Serialize>(ask: &Ask<'_>, context: String, rows: Vec<T>, token: Token, phase: Phase) -> Answer {
    let (trouble, quirks) = {
        let mut faults = ask.sim.faults();
        (faults.take_page(ask.user, ask.kind), faults.quirks)
    };
    let here = token.phase;
    let mut token = Token { phase, ..token };
    let mut value: Vec<Row<T>> = rows.into_iter().map(Row::Sound).collect();
    let mut root = ask.request.root.clone();
    match &trouble {
        Some(PageTrouble::MalformedItem) => spoil(&mut value),
        Some(PageTrouble::Empty) => {
            value.clear();
            token.phase = here;
            token.nonce += 1;
        }
        Some(PageTrouble::Repeat) => token.phase = here,
        Some(PageTrouble::Again) => {
            token.phase = here;
            token.nonce += 1;
        }
        Some(PageTrouble::Twice) => double(&mut value),
        Some(PageTrouble::Foreign(elsewhere)) => root.clone_from(elsewhere),
        Some(PageTrouble::NoLinks | PageTrouble::Keyless) | None => {}
    }
    let ended = matches!(token.phase, Phase::Changes { upto: None, .. })
        && !matches!(trouble, Some(PageTrouble::Empty | PageTrouble::Repeat | PageTrouble::Again));
    token.nonce += u64::from(ended && quirks.fresh_links);
    let name = if ended { "$deltatoken" } else { "$skiptoken" };
    let path = match (&trouble, ask.request.segments.get(2)) {
        (Some(PageTrouble::Keyless), Some(key)) => ask.request.raw_path.replacen(key.as_str(), "", 1),
        _ if quirks.key_form_links => in_key_form(&ask.request.raw_path),
        _ => ask.request.raw_path.clone(),
    };
    let link = format!("{root}{path}?{name}={}", token.seal());
    let link = (trouble != Some(PageTrouble::NoLinks)).then_some(link);
    let (next, delta) = if ended { (None, link) } else { (link, None) };
    Answer::ok(&Page { context, count: None, next, delta, value })
}

/// Puts something in the middle of a page that is no item: members of the wrong type, and no time.
fn spoil<T>(rows: &mut Vec<Row<T>>) {
    let spoilt: Value = json!({
        "@odata.type": 7,
        "id": {"unexpected": "CANARY-BODY-MALFORMED"},
        "start": "yesterday",
        "receivedDateTime": false,
        "toRecipients": "everyone",
        "attendees": 12,
    });
    let middle = rows.len() / 2;
    rows.insert(middle, Row::Odd(spoilt));
}

/// Puts every item on the page once more.
fn double<T: Serialize>(rows: &mut Vec<Row<T>>) {
    let again: Vec<_> = rows.iter().filter_map(|row| serde_json::to_value(row).ok()).map(Row::Odd).collect();
    rows.extend(again);
}

/// `/users/x/mailFolders/y/…` as `/users('x')/mailFolders('y')/…`.
fn in_key_form(path: &str) -> String {
    let mut out = String::with_capacity(path.len() + 8);
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        out.push('/');
        out.push_str(segment);
        let keyed = ["users", "mailfolders", "calendars"].contains(&segment.to_lowercase().as_str());
        if let Some(key) = segments.peek().filter(|_| keyed) {
            out.extend(["('", key, "')"]);
            segments.next();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_form() {
        assert_eq!(
            in_key_form("/v1.0/users/a/mailFolders/b/messages/delta"),
            "/v1.0/users('a')/mailFolders('b')/messages/delta"
        );
    }
}
