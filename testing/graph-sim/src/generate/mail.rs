//! Letters, and where their copies come to lie.

use jiff::Timestamp;

use super::{Cast, Draw};
use crate::names;
use crate::world::{FolderKind, FolderNo, Letter, LetterKind, LetterNo, Mailbox, MessageNo, PersonNo, UserNo, World};

/// Writes one letter that concerns `owner` and delivers it to every mailbox that gets a copy.
pub(crate) fn letter(
    world: &mut World,
    cast: &Cast,
    draw: &mut Draw,
    owner: UserNo,
    when: Timestamp,
) -> Vec<(UserNo, MessageNo)> {
    let me = address_of(world, cast, draw, owner);
    let Some(outsider) = cast.outsider(draw) else {
        return Vec::new();
    };
    let colleague = cast.colleague(draw, owner);
    let mut letter = blank(world, draw, outsider, when);
    match draw.below(100) {
        // From outside, to the owner.
        0..40 => {
            letter.from = Some(outsider);
            letter.to.push(me);
            if draw.chance(25) {
                letter.to.extend(colleague.map(|c| world.user(c).person));
            }
            if draw.chance(30) {
                letter.cc.extend(cast.outsider(draw));
            }
        }
        // From the owner, to someone outside.
        40..60 => {
            letter.from = Some(world.user(owner).person);
            letter.to.push(outsider);
            if draw.chance(35) {
                letter.cc.extend(cast.outsider(draw));
            }
            if draw.chance(20) {
                letter.cc.extend(colleague.map(|c| world.user(c).person));
            }
            if draw.chance(5) {
                letter.bcc.extend(cast.outsider(draw));
            }
        }
        // Among colleagues.
        60..76 => {
            letter.from = Some(world.user(owner).person);
            letter.to.push(colleague.map_or(me, |c| world.user(c).person));
        }
        // Between outsiders; the owner was a blind copy or is on a list.
        76..82 => {
            letter.from = Some(outsider);
            letter.to.extend(cast.outsider(draw));
            letter.cc.extend(cast.outsider(draw));
        }
        // An invitation or an answer to one.
        82..91 => {
            letter.kind = if draw.chance(70) { LetterKind::MeetingRequest } else { LetterKind::MeetingResponse };
            letter.from = Some(outsider);
            letter.to.push(me);
        }
        // A machine.
        91..95 => {
            letter.from = draw.pick(&cast.machines);
            letter.to.push(me);
        }
        // Not sent yet.
        _ => {
            letter.kind = LetterKind::Draft;
            letter.from = draw.chance(50).then_some(me);
            letter.to.push(outsider);
            letter.internet_message_id = None;
        }
    }
    letter.sender = letter.from;
    if draw.chance(2) && letter.from == Some(world.user(owner).person) {
        // An assistant writes on behalf of the owner.
        letter.sender = colleague.map_or(letter.from, |c| Some(world.user(c).person));
    }
    deliver(world, draw, owner, letter)
}

/// Files a letter in the mailboxes of everyone in it, and in the owner's in any case.
pub(crate) fn deliver(world: &mut World, draw: &mut Draw, owner: UserNo, letter: Letter) -> Vec<(UserNo, MessageNo)> {
    let number = LetterNo(world.letters.len());
    let (from, sent, kind) = (letter.from, letter.sent, letter.kind);
    let mut readers: Vec<UserNo> = [&letter.to, &letter.cc, &letter.bcc]
        .into_iter()
        .flatten()
        .filter_map(|person| world.user_of(*person))
        .collect();
    if kind == LetterKind::Draft {
        readers.clear();
    }
    let sender = from.and_then(|person| world.user_of(person));
    if kind == LetterKind::Draft || sender != Some(owner) {
        readers.push(owner);
    }
    readers.sort_unstable();
    readers.dedup();
    world.letters.push(letter);
    let mut out = Vec::new();
    if let Some(sender) = sender.filter(|_| kind != LetterKind::Draft)
        && let Some(mailbox) = world.mailbox_mut(sender)
        && let Some(folder) = mailbox.by_alias("sentitems")
    {
        out.push((sender, mailbox.add_message(number, folder, sent, true)));
    }
    for reader in readers {
        let Some(mailbox) = world.mailbox_mut(reader) else { continue };
        let folder = shelf(mailbox, draw, kind);
        let is_read = draw.chance(70);
        out.push((reader, mailbox.add_message(number, folder, sent, is_read)));
    }
    out
}

/// A letter with everything but its people.
fn blank(world: &mut World, draw: &mut Draw, about: PersonNo, when: Timestamp) -> Letter {
    let number = world.letters.len();
    let conversation = if world.conversations == 0 || draw.chance(60) {
        world.conversations += 1;
        world.conversations - 1
    } else {
        draw.below(world.conversations)
    };
    Letter {
        kind: LetterKind::Mail,
        from: None,
        sender: None,
        to: Vec::new(),
        cc: Vec::new(),
        bcc: Vec::new(),
        subject: draw.word(&names::MAIL_SUBJECTS).replace("{}", company(world, about)),
        sent: when,
        conversation,
        internet_message_id: Some(internet_message_id(world.seed, number)),
        attachment: draw.chance(15),
        big: false,
    }
}

/// The id that a letter carries through the internet.
pub(crate) fn internet_message_id(seed: u64, letter: usize) -> String {
    format!("<SIM{:016X}{letter:08}@mail.contoso.com>", crate::ids::scramble(seed))
}

/// What to call someone's company in a subject.
pub(crate) fn company(world: &World, person: PersonNo) -> &'static str {
    let address = world.person(person).address.text().unwrap_or_default().to_lowercase();
    let known = [("acme", "Acme"), ("globex", "Globex"), ("initech", "Initech")];
    known.into_iter().find(|(word, _)| address.contains(word)).map_or("the customer", |k| k.1)
}

fn address_of(world: &World, cast: &Cast, draw: &mut Draw, user: UserNo) -> PersonNo {
    let alias = cast.aliases.iter().find(|(owner, _)| *owner == user).map(|a| a.1);
    match alias {
        Some(alias) if draw.chance(30) => alias,
        _ => world.user(user).person,
    }
}

/// Where a reader keeps a letter.
fn shelf(mailbox: &Mailbox, draw: &mut Draw, kind: LetterKind) -> FolderNo {
    if kind == LetterKind::Draft {
        return mailbox.by_alias("drafts").unwrap_or(FolderNo(0));
    }
    let alias = match draw.below(100) {
        0..62 => "inbox",
        62..68 => "archive",
        68..72 => "deleteditems",
        72..75 => "junkemail",
        75 => "clutter",
        _ => return own_folder(mailbox, draw),
    };
    mailbox.by_alias(alias).or_else(|| mailbox.by_alias("inbox")).unwrap_or(FolderNo(0))
}

/// One of the folders that the owner made; a few of them lie in the bin.
fn own_folder(mailbox: &Mailbox, draw: &mut Draw) -> FolderNo {
    let own: Vec<_> = mailbox
        .folders
        .iter()
        .enumerate()
        .filter(|(_, f)| f.alias.is_none() && f.kind == FolderKind::Plain && !f.removed)
        .map(|(number, _)| FolderNo(number))
        .collect();
    draw.pick(&own).unwrap_or(FolderNo(0))
}
