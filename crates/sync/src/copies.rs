//! One record for all copies of a message, where an administrator wants it so.
//!
//! The record is named by the copy with the lowest (mailbox's user, message id), so that the order in which copies arrive does
//! not matter: `internetMessageId` is the same for the sender's and the recipients' copies, and may stand several times in one
//! mailbox (<https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/6203>).

use std::collections::HashMap;

use m365_store::keys::ShortKey;
use m365_store::records::ToStore;
use m365_store::{PageError, PageTx};

use crate::summary::{Counts, Dropped};

/// The copy that stands for a message so far.
struct Best {
    user: String,
    external_id: String,
    /// The row of its record, or of the record that it takes over.
    row: Option<i64>,
    /// Its place among those to be stored, if it is new on this page.
    place: Option<usize>,
}

/// Leaves one copy of each message in `wanted`, and takes back the records of copies that another stands for.
pub(crate) async fn join_copies(
    tx: &mut PageTx,
    wanted: &mut Vec<ToStore>,
    counts: &mut Counts,
) -> Result<(), PageError> {
    let keys: Vec<ShortKey> = wanted.iter().filter_map(|one| one.copy.as_ref()).map(|copy| copy.key).collect();
    if keys.is_empty() {
        return Ok(());
    }
    // Two mailboxes that bring copies of one message at once must see each other.
    tx.take_turn_at_meetings().await?;
    let mut best: HashMap<ShortKey, Best> = HashMap::new();
    for head in tx.records_of_messages(&keys).await? {
        let (user, external_id) = (head.copy.user, head.external_id);
        best.insert(head.copy.key, Best { user, external_id, row: Some(head.id), place: None });
    }
    let names: Vec<&str> = wanted.iter().map(|one| one.activity.external_id()).collect();
    let rows = tx.rows_named(&names).await?;

    let (mut stays, mut gone) = (vec![true; wanted.len()], Vec::new());
    for (place, one) in wanted.iter_mut().enumerate() {
        let Some(copy) = &one.copy else { continue };
        let name = one.activity.external_id();
        let own = rows.get(name).copied();
        let this = Best { user: copy.user.clone(), external_id: name.to_owned(), row: own, place: Some(place) };
        let Some(other) = best.get_mut(&copy.key) else {
            best.insert(copy.key, this);
            continue;
        };
        if other.external_id == name {
            continue;
        }
        if (&this.user, &this.external_id) > (&other.user, &other.external_id) {
            stays[place] = false;
            gone.extend(own);
            continue;
        }
        if let Some(replaced) = other.place {
            stays[replaced] = false;
        }
        match (own, other.row) {
            // It has a record of its own, from before copies were joined.
            (Some(_), Some(row)) => gone.push(row),
            (None, row) => one.renames = row,
            (Some(_), None) => {}
        }
        *other = Best { row: own.or(other.row), ..this };
    }
    counts.activities += tx.retract(&gone).await?;
    let mut stays = stays.into_iter();
    wanted.retain(|_| {
        let stays = stays.next().unwrap_or(true);
        if !stays {
            counts.messages.take_back(Dropped::Duplicate);
        }
        stays
    });
    Ok(())
}
