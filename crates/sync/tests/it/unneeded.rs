//! What a round does not ask for, because it could bring nothing; and that nothing is missed by it.

use std::collections::BTreeSet;

use graph_sim::world::{FolderNo, UserKind};
use graph_sim::{LogEntry, NewMessage, Quirks, UserNo};
use jiff::SignedDuration;
use m365_sync::Ended;
use testkit::truth;

use crate::kit::Kit;

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

/// An office in whose mailboxes hardly anything lies, read once.
async fn read_once() -> (Kit, UserNo) {
    let kit = Kit::ready(&DOMAINS, |options| options.messages_per_mailbox = 4).await;
    assert_eq!(kit.sync().await.ended, Ended::Done);
    let user = kit.sim.world().users_of(UserKind::Member).next().expect("a member");
    kit.sim.clear_watch();
    (kit, user)
}

fn folder(kit: &Kit, user: UserNo, alias: &str) -> FolderNo {
    kit.sim.world().mailbox(user).unwrap().by_alias(alias).unwrap()
}

/// A folder of `user`'s that is new, empty and read.
async fn empty_folder(kit: &Kit, user: UserNo, parent: &str) -> FolderNo {
    let made = kit.sim.create_folder(user, folder(kit, user, parent), "new").unwrap();
    kit.sync().await;
    kit.sim.clear_watch();
    made
}

fn letter(kit: &Kit, user: UserNo, subject: &str) -> NewMessage {
    NewMessage::new("buyer@acme.com", &kit.sim.world().user(user).upn, subject)
}

/// How many records bear this subject.
async fn recorded(kit: &Kit, subject: &str) -> usize {
    kit.records(true).await.iter().filter(|record| record["properties"]["subject"] == subject).count()
}

/// The folders of `user`'s that were asked for what is new in them, by their ids.
fn asked(log: &[LogEntry], kind: &str, user: UserNo) -> BTreeSet<String> {
    let of_kind = log.iter().filter(|entry| entry.kind == kind && entry.mailbox == Some(user));
    of_kind.filter_map(|entry| entry.path.split('/').nth(5).map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_round_asks_only_folders_in_which_something_lies() {
    let (kit, _) = read_once().await;
    kit.advance(SignedDuration::from_mins(15));
    kit.sync().await;
    let log = kit.sim.request_log();
    let world = kit.sim.world();
    let (mut read, mut passed) = (0, 0);
    for (user, mailbox) in world.mailboxes() {
        let asked = asked(&log, "messages/delta", user);
        for number in (0..mailbox.folders.len()).map(FolderNo) {
            let holds = mailbox.live_messages().any(|(_, message)| message.folder == number);
            let is_asked = asked.contains(&mailbox.folder_id(number));
            assert!(!is_asked || holds, "a folder was asked in which nothing lies");
            (read, passed) = (read + u32::from(is_asked), passed + u32::from(!holds));
        }
        let inbox = mailbox.by_alias("inbox").unwrap();
        let holds = mailbox.live_messages().any(|(_, message)| message.folder == inbox);
        assert_eq!(asked.contains(&mailbox.folder_id(inbox)), holds);
    }
    assert!(read > 5 && passed > 20, "{read} were read and {passed} had nothing in them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_below_a_folder_that_is_not_read_is_not_asked_for() {
    let (kit, user) = read_once().await;
    kit.sync().await;
    let asked = asked(&kit.sim.request_log(), "childFolders", user);
    let world = kit.sim.world();
    let mailbox = world.mailbox(user).unwrap();
    let id = |alias: &str| mailbox.folder_id(mailbox.by_alias(alias).unwrap());
    assert!(asked.contains(&id("inbox")));
    for alias in ["deleteditems", "syncissues", "conversationhistory"] {
        assert!(!asked.contains(&id(alias)), "{alias}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_taken_out_of_the_bin_is_read() {
    let (kit, user) = read_once().await;
    let binned = kit.sim.create_folder(user, folder(&kit, user, "deleteditems"), "thrown away").unwrap();
    let message = kit.sim.deliver_to(user, &letter(&kit, user, "thrown away")).unwrap();
    kit.sim.move_message(user, message, binned);
    kit.sync().await;
    assert_eq!(recorded(&kit, "thrown away").await, 0);
    kit.sim.move_folder(user, binned, folder(&kit, user, "inbox"));
    kit.sync().await;
    assert_eq!(recorded(&kit, "thrown away").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_into_a_folder_that_was_passed_over_is_found() {
    let (kit, user) = read_once().await;
    let empty = empty_folder(&kit, user, "inbox").await;
    for round in 0..3 {
        kit.sync().await;
        assert!(!asked(&kit.sim.request_log(), "messages/delta", user).contains(&id_of(&kit, user, empty)), "{round}");
    }
    let message = kit.sim.deliver_to(user, &letter(&kit, user, "filed")).unwrap();
    kit.sim.move_message(user, message, empty);
    kit.sync().await;
    assert_eq!(recorded(&kit, "filed").await, 1);
    // And out again, and another one in.
    kit.sim.move_message(user, message, folder(&kit, user, "inbox"));
    kit.sync().await;
    kit.sync().await;
    let second = kit.sim.deliver_to(user, &letter(&kit, user, "filed too")).unwrap();
    kit.sim.move_message(user, second, empty);
    kit.sync().await;
    assert_eq!((recorded(&kit, "filed").await, recorded(&kit, "filed too").await), (1, 1));
}

fn id_of(kit: &Kit, user: UserNo, folder: FolderNo) -> String {
    kit.sim.world().mailbox(user).unwrap().folder_id(folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_passes_through_an_empty_folder_between_two_rounds_is_found_where_it_went() {
    for round_trip_is_removal in [false, true] {
        let (kit, user) = read_once().await;
        kit.sim.set_quirks(Quirks { round_trip_is_removal, ..kit.sim.quirks() });
        let (inbox, archive) = (folder(&kit, user, "inbox"), folder(&kit, user, "archive"));
        let empty = empty_folder(&kit, user, "inbox").await;
        let through = kit.sim.deliver_to(user, &letter(&kit, user, "through")).unwrap();
        kit.sim.move_message(user, through, empty);
        kit.sim.move_message(user, through, archive);
        let known = kit.sim.deliver_to(user, &letter(&kit, user, "known")).unwrap();
        kit.sync().await;
        assert_eq!((recorded(&kit, "through").await, recorded(&kit, "known").await), (1, 1));
        // What is recorded stays recorded while it goes there and back.
        kit.sim.move_message(user, known, empty);
        kit.sim.move_message(user, known, inbox);
        kit.sync().await;
        assert!(!asked(&kit.sim.request_log(), "messages/delta", user).contains(&id_of(&kit, user, empty)));
        assert_eq!(recorded(&kit, "known").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_that_lies_is_believed_for_a_day_and_no_longer() {
    let (kit, user) = read_once().await;
    let made = empty_folder(&kit, user, "inbox").await;
    kit.sim.set_quirks(Quirks { counts_are_zero: true, ..kit.sim.quirks() });
    let message = kit.sim.deliver_to(user, &letter(&kit, user, "uncounted")).unwrap();
    kit.sim.move_message(user, message, made);
    kit.advance(SignedDuration::from_hours(23));
    kit.sync().await;
    assert_eq!(recorded(&kit, "uncounted").await, 0, "the folder was passed over");
    kit.advance(SignedDuration::from_hours(1));
    kit.sync().await;
    assert_eq!(recorded(&kit, "uncounted").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_the_service_forgot_meanwhile_costs_one_round_and_no_message() {
    let (kit, user) = read_once().await;
    let empty = empty_folder(&kit, user, "inbox").await;
    kit.sync().await;
    kit.sim.expire_links(user);
    let message = kit.sim.deliver_to(user, &letter(&kit, user, "after")).unwrap();
    kit.sim.move_message(user, message, empty);
    let outcome = kit.sync().await;
    assert!(outcome.summary.resyncs > 0);
    assert_eq!(recorded(&kit, "after").await, 1);
}

/// When each stream of `user`'s moved last.
async fn moved(kit: &Kit, user: UserNo) -> BTreeSet<String> {
    let id = kit.sim.world().user(user).id.clone();
    let all = kit.store.mailbox_overview(&kit.tenant).await.unwrap();
    let mailbox = all.into_iter().find(|mailbox| mailbox.mailbox == id).unwrap();
    let folders = mailbox.folders.into_iter().filter_map(|folder| folder.stream);
    folders.chain(mailbox.calendar).map(|stream| stream.last_progress_at).collect()
}

/// The link after a round without anything new is stored if it is another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_link_is_kept_though_nothing_was_new() {
    let (kit, user) = read_once().await;
    let begun = moved(&kit, user).await;
    kit.advance(SignedDuration::from_hours(1));
    kit.sync().await;
    assert_eq!(moved(&kit, user).await, begun, "the same link need not be written");
    kit.sim.set_quirks(Quirks { fresh_links: true, ..kit.sim.quirks() });
    kit.advance(SignedDuration::from_hours(1));
    kit.sync().await;
    assert!(moved(&kit, user).await.len() > begun.len());
    let mut ledger = truth::Ledger::new(kit.rules(&DOMAINS));
    ledger.read(&kit.sim.world());
    for _ in 0..3 {
        kit.ticks(8);
        kit.sync().await;
        ledger.read(&kit.sim.world());
        assert_eq!(ledger.difference(&kit.records(true).await, kit.now()), None);
    }
}
