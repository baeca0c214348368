//! Messages: delta rounds a folder, and plain lists
//! (<https://learn.microsoft.com/graph/api/message-delta>).

use std::collections::BTreeMap;
use std::ops::Bound;

use jiff::Timestamp;
use serde_json::json;

use super::Ask;
use super::answer::{Answer, Refusal};
use super::folders::{find, mail_of, skipping};
use crate::ids::{IdForm, Item};
use crate::token::{Phase, Stream, Token};
use crate::wire::message::{self, DeltaRow, MessageRow, ReadRow};
use crate::wire::{Select, View};
use crate::world::{Folder, FolderKind, FolderNo, MailChange, MailWhat, Mailbox, MessageNo, UserNo, World};

/// The largest page that a round gives, whatever is preferred.
const LARGEST_PAGE: usize = 1_000;

/// `GET …/messages/delta` at the root of a mailbox, which there is not
/// (<https://github.com/microsoftgraph/msgraph-metadata/issues/607>).
pub(crate) fn root_delta(ask: &Ask<'_>, key: &str) -> Result<Answer, Refusal> {
    mail_of(ask, key)?;
    let text = "Unsupported request: Change tracking is not supported against 'microsoft.graph.message'.";
    Err(Refusal::new(400, "BadRequest", text))
}

/// `GET …/mailFolders/{id or well-known name}/messages/delta`.
pub(crate) fn delta(ask: &Ask<'_>, key: &str, folder_key: &str) -> Result<Answer, Refusal> {
    let user = mail_of(ask, key)?;
    let world = ask.sim.world();
    let mailbox = world.mailbox(user).ok_or_else(Refusal::no_mailbox)?;
    let held = super::delta::held_token(ask)?;
    let folder = find(mailbox, folder_key).map_err(|refusal| match &held {
        // A link outlives its folder.
        Some(_) => Refusal::new(404, "ErrorSyncFolderNotFound", "The folder has been deleted."),
        None => refusal,
    })?;
    let stream = Stream::Messages(folder.0);
    let token = match held {
        Some(token) => {
            super::delta::check(ask, &token, user, stream, mailbox.generation)?;
            token
        }
        None => first_token(ask, user, stream, mailbox)?,
    };
    let select = Select::new(token.select.as_deref());
    check_select(ask, &select)?;
    let round = Round {
        world: &world,
        mailbox,
        folder: mailbox.folder(folder),
        number: folder,
        select: &select,
        view: view(ask),
        returns_are_removals: ask.sim.faults().quirks.round_trip_is_removal && token.immutable,
    };
    let size = ask.request.prefer.page_size.unwrap_or(10).min(LARGEST_PAGE);
    let mut token = token;
    let looping = ask.sim.faults().folder_loops.contains(&(user, folder));
    let (rows, phase) = match token.phase {
        here @ Phase::First { since, sent, after } => {
            let (rows, phase) = round.first(&token, size, (since, sent, after));
            token.nonce += u64::from(looping);
            (rows, if looping { here } else { phase })
        }
        Phase::Changes { since, upto, done } => round.changes(size, since, upto.unwrap_or(mailbox.seq), done),
    };
    let context = format!("{}/v1.0/$metadata#Collection(message)", ask.request.root);
    Ok(super::delta::page(ask, context, rows, token, phase))
}

/// What a first request asks for is fixed for the whole round and all that follow it.
fn first_token(ask: &Ask<'_>, user: UserNo, stream: Stream, mailbox: &Mailbox) -> Result<Token, Refusal> {
    let query = &ask.request.query;
    let filter = match query.get("$filter") {
        Some(text) => Some(Span::parse(text).ok_or_else(Refusal::bad_filter)?),
        None => None,
    };
    if filter.is_some_and(|span| span.to.is_some() || span.from.is_none()) {
        return Err(Refusal::bad_filter());
    }
    let cap = filter.map(|_| ask.sim.options().filter_cap);
    // `$top` ends a round early rather than a page.
    let cap = match (cap, query.number("$top")) {
        (Some(cap), Some(top)) => Some(cap.min(top)),
        (cap, top) => cap.or(top),
    };
    Ok(Token {
        user: user.0,
        stream,
        phase: Phase::First { since: mailbox.seq, sent: 0, after: None },
        generation: mailbox.generation,
        immutable: ask.request.prefer.immutable,
        select: query.get("$select").map(str::to_owned),
        floor: filter.and_then(|span| span.from),
        cap,
        nonce: 0,
    })
}

/// One folder in one state of a round.
struct Round<'a> {
    world: &'a World,
    mailbox: &'a Mailbox,
    folder: &'a Folder,
    number: FolderNo,
    select: &'a Select,
    view: View,
    returns_are_removals: bool,
}

impl<'a> Round<'a> {
    /// Everything in the folder, newest first.
    fn first(
        &self,
        token: &Token,
        size: usize,
        (since, sent, after): (u64, usize, Option<(i64, usize)>),
    ) -> (Vec<DeltaRow<'a>>, Phase)
    where
        Self: 'a,
    {
        let upper = after.map_or(Bound::Unbounded, Bound::Excluded);
        let floor = token.floor.unwrap_or(i64::MIN);
        let room = token.cap.map_or(usize::MAX, |cap| cap.saturating_sub(sent));
        let mut rest = self
            .folder
            .items
            .range((Bound::Unbounded, upper))
            .rev()
            .take_while(|(received, _)| *received >= floor)
            .take(room);
        let here: Vec<_> = rest.by_ref().take(size).copied().collect();
        let phase = match here.last() {
            Some(last) if rest.next().is_some() => Phase::First { since, sent: sent + here.len(), after: Some(*last) },
            _ => Phase::Changes { since, upto: None, done: 0 },
        };
        (here.iter().map(|(_, number)| self.whole(MessageNo(*number))).collect(), phase)
    }

    /// What has happened in the folder since a round ended.
    fn changes(&self, size: usize, since: u64, upto: u64, done: usize) -> (Vec<DeltaRow<'a>>, Phase) {
        let touched = self.touched(since, upto);
        let rows: Vec<_> = touched.iter().skip(done).take(size).map(|(_, changes)| self.changed(changes)).collect();
        let sent = done + rows.len();
        let phase = if sent < touched.len() {
            Phase::Changes { since, upto: Some(upto), done: sent }
        } else {
            Phase::Changes { since: upto, upto: None, done: 0 }
        };
        (rows, phase)
    }

    /// Every message that something happened to, in the order of its first change, with all of
    /// them.
    fn touched(&self, since: u64, upto: u64) -> Vec<(MessageNo, Vec<MailChange>)> {
        let log = &self.folder.log;
        let begin = log.partition_point(|change| change.seq <= since);
        let mut places = BTreeMap::new();
        let mut touched: Vec<(MessageNo, Vec<MailChange>)> = Vec::new();
        for change in log[begin..].iter().take_while(|change| change.seq <= upto) {
            let place = *places.entry(change.message).or_insert_with(|| {
                touched.push((change.message, Vec::new()));
                touched.len() - 1
            });
            touched[place].1.push(*change);
        }
        touched
    }

    fn changed(&self, changes: &[MailChange]) -> DeltaRow<'a> {
        let last = changes[changes.len() - 1];
        let message = self.mailbox.message(last.message);
        let here = !message.removed && message.folder == self.number;
        let came_back = here && changes.iter().any(|c| c.what == MailWhat::Left);
        let left = changes.iter().rev().find(|c| c.what == MailWhat::Left);
        if let Some(left) = left.filter(|_| came_back && self.returns_are_removals) {
            return self.removed(left);
        }
        if !here {
            return self.removed(left.unwrap_or(&last));
        }
        if changes.iter().all(|change| change.what == MailWhat::ReadState) {
            let row = ReadRow::new(self.world, self.mailbox, last.message, self.view.form);
            return DeltaRow::Read(row);
        }
        self.whole(last.message)
    }

    fn removed(&self, change: &MailChange) -> DeltaRow<'a> {
        let form = self.view.form;
        DeltaRow::Removed(message::removed(self.mailbox, change.message, change.moves, form))
    }

    fn whole(&self, number: MessageNo) -> DeltaRow<'a> {
        DeltaRow::Whole(MessageRow {
            world: self.world,
            mailbox: self.mailbox,
            number,
            select: self.select.clone(),
            view: self.view,
            in_delta: true,
        })
    }
}

/// `GET …/mailFolders/{id}/messages`, or `GET …/messages` for the whole mailbox.
pub(crate) fn list(ask: &Ask<'_>, key: &str, folder: Option<&str>) -> Result<Answer, Refusal> {
    let user = mail_of(ask, key)?;
    let query = &ask.request.query;
    let select = Select::new(query.get("$select"));
    check_select(ask, &select)?;
    let span = match query.get("$filter") {
        Some(text) => Span::parse(text).ok_or_else(Refusal::bad_filter)?,
        None => Span::default(),
    };
    let ascending = match query.get("$orderby").map(|o| o.trim().to_ascii_lowercase()) {
        None => false,
        Some(order) => match order.strip_prefix("receiveddatetime").map(str::trim) {
            Some("desc") => false,
            Some("" | "asc") => true,
            _ => {
                let text = "The restriction or sort order is too complex for this operation.";
                return Err(Refusal::new(400, "InefficientFilter", text));
            }
        },
    };
    let world = ask.sim.world();
    let mailbox = world.mailbox(user).ok_or_else(Refusal::no_mailbox)?;
    let keys: Vec<(i64, usize)> = match folder {
        Some(folder) => {
            let folder = find(mailbox, folder)?;
            let items = &mailbox.folder(folder).items;
            if mailbox.folder(folder).kind == FolderKind::Search {
                // A saved search shows what is elsewhere; this one shows what is unread.
                everything(mailbox, |m| !m.is_read)
            } else {
                items.iter().copied().collect()
            }
        }
        None => everything(mailbox, |_| true),
    };
    let keys: Vec<_> = keys.into_iter().filter(|(received, _)| span.holds(*received)).collect();
    let row = |key: &(i64, usize)| MessageRow {
        world: &world,
        mailbox,
        number: MessageNo(key.1),
        select: select.clone(),
        view: view(ask),
        in_delta: false,
    };
    let context = format!("{}/v1.0/$metadata#users('{}')/messages", ask.request.root, world.user(user).id);
    Ok(skipping(ask, context, keys.len(), |skip, top| {
        if ascending {
            keys.iter().skip(skip).take(top).map(row).collect()
        } else {
            keys.iter().rev().skip(skip).take(top).map(row).collect::<Vec<_>>()
        }
    }))
}

/// `GET …/messages/{id}`.
pub(crate) fn one(ask: &Ask<'_>, key: &str, id: &str) -> Result<Answer, Refusal> {
    let user = mail_of(ask, key)?;
    let select = Select::new(ask.request.query.get("$select"));
    check_select(ask, &select)?;
    let world = ask.sim.world();
    let mailbox = world.mailbox(user).ok_or_else(Refusal::no_mailbox)?;
    let number = mailbox.find_message(id).ok_or_else(Refusal::item_not_found)?;
    let view = view(ask);
    Ok(Answer::ok(&MessageRow { world: &world, mailbox, number, select, view, in_delta: false }))
}

/// `GET …/messages/{id}/attachments`, which basic permissions do not reach.
pub(crate) fn attachments(ask: &Ask<'_>, key: &str, id: &str) -> Result<Answer, Refusal> {
    let user = mail_of(ask, key)?;
    if !ask.may(&["Mail.Read", "Mail.ReadWrite"]) {
        return Err(Refusal::access_denied());
    }
    let world = ask.sim.world();
    let mailbox = world.mailbox(user).ok_or_else(Refusal::no_mailbox)?;
    let number = mailbox.find_message(id).ok_or_else(Refusal::item_not_found)?;
    let letter = mailbox.message(number).letter;
    let value = if world.letters[letter.0].attachment {
        vec![json!({
            "@odata.type": "#microsoft.graph.fileAttachment",
            "id": mailbox.stem().id(Item::Message { number: number.0, moves: 0 }, IdForm::Immutable),
            "name": format!("CANARY-NAME-A{:07}.pdf", letter.0),
            "contentType": "application/pdf",
            "size": 48_213,
            "isInline": false,
        })]
    } else {
        Vec::new()
    };
    Ok(Answer::ok(&json!({ "value": value })))
}

fn everything(mailbox: &Mailbox, wanted: impl Fn(&crate::world::Message) -> bool) -> Vec<(i64, usize)> {
    let mut keys: Vec<_> = mailbox
        .live_messages()
        .filter(|(_, message)| wanted(message))
        .map(|(number, message)| (message.received.as_second(), number.0))
        .collect();
    keys.sort_unstable();
    keys
}

fn view(ask: &Ask<'_>) -> View {
    super::view(ask, ask.may(&["Mail.Read", "Mail.ReadWrite"]))
}

fn check_select(ask: &Ask<'_>, select: &Select) -> Result<(), Refusal> {
    if let Some(name) = select.unknown(&message::KNOWN) {
        return Err(Refusal::unknown_property(name, "message"));
    }
    let withheld = message::WITHHELD.iter().any(|name| select.asks_for(name));
    if withheld && !ask.may(&["Mail.Read", "Mail.ReadWrite"]) {
        return Err(Refusal::access_denied());
    }
    Ok(())
}

/// A span of seconds, as `$filter` on `receivedDateTime` gives it; both ends belong to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Span {
    from: Option<i64>,
    to: Option<i64>,
}

impl Span {
    /// Reads `receivedDateTime ge X`, with other comparisons and with `and`.
    fn parse(text: &str) -> Option<Self> {
        let mut span = Self::default();
        for clause in text.split(" and ") {
            let mut words = clause.split_whitespace();
            let (name, operator, value) = (words.next()?, words.next()?, words.next()?);
            if !name.eq_ignore_ascii_case("receivedDateTime") || words.next().is_some() {
                return None;
            }
            let at: Timestamp = value.parse().ok()?;
            let second = at.as_second();
            let whole = at.subsec_nanosecond() == 0;
            match operator {
                "ge" => span.from = span.from.max(Some(second + i64::from(!whole))),
                "gt" => span.from = span.from.max(Some(second + 1)),
                "le" => span.to = Some(span.to.map_or(second, |to| to.min(second))),
                "lt" => {
                    let last = second - i64::from(whole);
                    span.to = Some(span.to.map_or(last, |to| to.min(last)));
                }
                _ => return None,
            }
        }
        Some(span)
    }

    fn holds(self, second: i64) -> bool {
        self.from.is_none_or(|from| second >= from) && self.to.is_none_or(|to| second <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read() {
        let begin = 1_767_225_600;
        assert_eq!(
            Span::parse("receivedDateTime ge 2026-01-01T00:00:00Z and receivedDateTime lt 2026-01-01T01:00:00Z"),
            Some(Span { from: Some(begin), to: Some(begin + 3_599) })
        );
        assert_eq!(
            Span::parse("receivedDateTime gt 2026-01-01T00:00:00Z"),
            Some(Span { from: Some(begin + 1), to: None })
        );
        assert_eq!(Span::parse("isRead eq false"), None);
        assert_eq!(Span::parse("receivedDateTime ge yesterday"), None);
    }
}
