//! Mail folders.

use serde::Serialize;
use serde_json::{Value, json};

use super::Ask;
use super::answer::{Answer, Refusal};
use crate::wire::folder::{self, FolderRow};
use crate::wire::{Page, Select};
use crate::world::{FolderNo, Mailbox, UserNo};

/// The permissions that let an application see mail.
pub(crate) const MAIL: [&str; 4] = ["Mail.ReadBasic.All", "Mail.ReadBasic", "Mail.Read", "Mail.ReadWrite"];

/// The mailbox that a request for mail is about.
pub(crate) fn mail_of(ask: &Ask<'_>, key: &str) -> Result<UserNo, Refusal> {
    if !ask.may(&MAIL) {
        return Err(Refusal::access_denied());
    }
    ask.mailbox_of(key)
}

/// The folder that a path names.
pub(crate) fn find(mailbox: &Mailbox, key: &str) -> Result<FolderNo, Refusal> {
    mailbox.find_folder(key).ok_or_else(|| {
        let text = if key.len() < 30 {
            format!("The specified object was not found in the store., Default folder {key} not found.")
        } else {
            "The specified object was not found in the store.".to_owned()
        };
        Refusal::new(404, "ErrorItemNotFound", &text)
    })
}

/// `GET …/mailFolders/{id or well-known name}`.
pub(crate) fn folder(ask: &Ask<'_>, key: &str, folder: &str) -> Result<Answer, Refusal> {
    let user = mail_of(ask, key)?;
    let select = select_of(ask)?;
    let world = ask.sim.world();
    let mailbox = world.mailbox(user).ok_or_else(Refusal::no_mailbox)?;
    let number = find(mailbox, folder)?;
    let mut value = select.apply(&FolderRow::new(mailbox, number));
    value["@odata.context"] = json!(format!("{}/$entity", context(ask, &world.user(user).id)));
    Ok(Answer::ok(&value))
}

/// `GET …/mailFolders` and `GET …/mailFolders/{id}/childFolders`: one level, ten at a time, hidden
/// folders only on request (<https://learn.microsoft.com/graph/api/user-list-mailfolders>).
pub(crate) fn children(ask: &Ask<'_>, key: &str, folder: Option<&str>) -> Result<Answer, Refusal> {
    let user = mail_of(ask, key)?;
    let select = select_of(ask)?;
    let world = ask.sim.world();
    let mailbox = world.mailbox(user).ok_or_else(Refusal::no_mailbox)?;
    let parent = match folder {
        Some(folder) => find(mailbox, folder)?,
        None => FolderNo(0),
    };
    let counts_are_zero = ask.sim.faults().quirks.counts_are_zero;
    let hidden = ask.request.query.get("includeHiddenFolders").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let rows: Vec<_> = mailbox
        .children(parent)
        .filter(|child| hidden || !mailbox.folder(*child).hidden)
        .map(|child| FolderRow::new(mailbox, child))
        .map(|row| select.apply(&if counts_are_zero { row.said_to_be_empty() } else { row }))
        .collect();
    Ok(skipping(ask, context(ask, &world.user(user).id), rows.len(), |skip, top| {
        rows.into_iter().skip(skip).take(top).collect::<Vec<Value>>()
    }))
}

/// A plain listing that pages by `$skip`.
pub(crate) fn skipping<T: Serialize>(
    ask: &Ask<'_>,
    context: String,
    total: usize,
    page: impl FnOnce(usize, usize) -> Vec<T>,
) -> Answer {
    let query = &ask.request.query;
    let top = query.number("$top").or(ask.request.prefer.page_size).unwrap_or(10).clamp(1, 1_000);
    let skip = query.number("$skip").unwrap_or(0);
    let value = page(skip, top);
    let circles = ask.sim.faults().is_circular(ask.kind);
    let after = if circles { skip } else { skip.saturating_add(top) };
    let next = (circles || after < total).then(|| {
        let others = query.without("$skip");
        let others = if others.is_empty() { others } else { format!("{others}&") };
        format!("{}{}?{others}$skip={after}", ask.request.root, ask.request.raw_path)
    });
    let count = query.get("$count").is_some_and(|v| v.eq_ignore_ascii_case("true")).then_some(total);
    Answer::ok(&Page { context, count, next, delta: None, value })
}

fn context(ask: &Ask<'_>, user: &str) -> String {
    format!("{}/v1.0/$metadata#users('{user}')/mailFolders", ask.request.root)
}

fn select_of(ask: &Ask<'_>) -> Result<Select, Refusal> {
    let select = Select::new(ask.request.query.get("$select"));
    match select.unknown(&folder::KNOWN) {
        Some(name) => Err(Refusal::unknown_property(name, "mailFolder")),
        None => Ok(select),
    }
}
