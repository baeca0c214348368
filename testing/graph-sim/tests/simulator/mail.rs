//! Folders, and rounds over what is in them.

use std::collections::BTreeSet;

use graph_sim::world::{FolderNo, MessageNo};
use graph_sim::{IdForm, NewMessage, Quirks, UserNo};

use crate::client::{Office, by_id, keys};

const SELECT: &str = "$select=subject,from,sender,toRecipients,ccRecipients,receivedDateTime,\
conversationId,internetMessageId,isDraft,parentFolderId";

/// The first user: the object id, and the user's number.
fn first(office: &Office) -> (UserNo, String) {
    let world = office.sim.world();
    let (user, _) = world.mailboxes().next().expect("a mailbox");
    (user, world.user(user).id.clone())
}

fn folder(office: &Office, user: UserNo, alias: &str) -> FolderNo {
    office.sim.world().mailbox(user).and_then(|m| m.by_alias(alias)).expect("a folder")
}

fn id_of(office: &Office, user: UserNo, message: MessageNo) -> String {
    let world = office.sim.world();
    world.mailbox(user).expect("a mailbox").message_id(message, IdForm::Immutable)
}

/// One new message in the inbox of a user.
fn new_message(office: &Office, user: UserNo) -> MessageNo {
    let address = {
        let world = office.sim.world();
        world.person(world.user(user).person).address.text().expect("an address").to_owned()
    };
    let new = NewMessage::new("buyer@acme.com", &address, "A question");
    office.sim.send_message(&new).first().expect("it was filed").1
}

#[tokio::test]
async fn folders_have_local_names_and_common_aliases() {
    let office = Office::small().await;
    let users: Vec<_> = office.sim.world().mailboxes().map(|(u, _)| office.sim.world().user(u).id.clone()).collect();
    let mut names = BTreeSet::new();
    for user in &users {
        let by_alias = office.get(&format!("/users/{user}/mailFolders/inbox?$select=id,displayName")).await;
        let inbox = by_alias.json();
        names.insert(inbox["displayName"].as_str().expect("a name").to_owned());
        let (listed, _) = office.follow(&format!("/users/{user}/mailFolders")).await;
        assert!(by_id(&listed, inbox["id"].as_str().expect("an id")).is_some());
    }
    assert!(names.contains("Posteingang") && names.contains("Postvak IN") && names.len() >= 4);
}

#[tokio::test]
async fn folders_are_listed_one_level_ten_at_a_time() {
    let office = Office::open(|_| {}).await;
    let (_, user) = first(&office);
    let mut plain = office;
    plain.prefer = String::new();
    let page = plain.get(&format!("/users/{user}/mailFolders")).await.json();
    assert_eq!(page["value"].as_array().map(Vec::len), Some(10));
    assert!(page["@odata.nextLink"].is_string());
    let (visible, _) = plain.follow(&format!("/users/{user}/mailFolders")).await;
    let (all, _) = plain.follow(&format!("/users/{user}/mailFolders?includeHiddenFolders=true&$top=4")).await;
    assert!(all.len() > visible.len());
    assert!(visible.iter().any(|f| f["@odata.type"] == "#microsoft.graph.mailSearchFolder"));
    let children = format!("/users/{user}/mailFolders/inbox/childFolders");
    let (children, _) = plain.follow(&children).await;
    assert_eq!(children.len(), 1);
    assert_eq!(children[0]["childFolderCount"], 1);
    let refused = plain.get(&format!("/users/{user}/mailFolders?$select=id,wellKnownName")).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "BadRequest"));
}

#[tokio::test]
async fn a_first_round_hands_out_the_whole_folder() {
    let mut office = Office::small().await;
    let (number, user) = first(&office);
    let expected: BTreeSet<_> = {
        let world = office.sim.world();
        let mailbox = world.mailbox(number).expect("a mailbox");
        let inbox = mailbox.by_alias("inbox").expect("an inbox");
        mailbox
            .live_messages()
            .filter(|(_, m)| m.folder == inbox)
            .map(|(n, _)| mailbox.message_id(n, IdForm::Immutable))
            .collect()
    };
    for spelling in ["delta", "delta()"] {
        for size in [1, 7, 500] {
            office.prefer = format!("IdType=\"ImmutableId\", odata.maxpagesize={size}");
            let link = format!("/users/{user}/mailFolders/inbox/messages/{spelling}?{SELECT}");
            let first = office.get(&link).await.json();
            assert_eq!(first["value"].as_array().map(Vec::len), Some(size.min(expected.len())));
            let (items, delta) = office.follow(&link).await;
            assert!(delta.is_some());
            assert_eq!(items.len(), expected.len());
            let seen: BTreeSet<_> = items.iter().map(|i| i["id"].as_str().expect("an id").to_owned()).collect();
            assert_eq!(seen, expected);
        }
    }
    office.prefer = String::new();
    let link = format!("/users/{user}/mailFolders/inbox/messages/delta");
    assert_eq!(office.get(&link).await.json()["value"].as_array().map(Vec::len), Some(10));
}

#[tokio::test]
async fn select_is_honoured_and_types_are_shown() {
    let office = Office::small().await;
    let (_, user) = first(&office);
    let link = format!("/users/{user}/mailFolders/inbox/messages/delta?{SELECT}");
    let (items, _) = office.follow(&link).await;
    assert!(items.iter().any(|i| i["@odata.type"] == "#microsoft.graph.eventMessageRequest"));
    let plain = items.iter().find(|i| i["@odata.type"] == "#microsoft.graph.message");
    assert_eq!(
        keys(plain.expect("a message")),
        [
            "@odata.etag",
            "@odata.type",
            "ccRecipients",
            "conversationId",
            "from",
            "id",
            "internetMessageId",
            "isDraft",
            "parentFolderId",
            "receivedDateTime",
            "sender",
            "subject",
            "toRecipients",
        ]
    );
    let refused = office.get(&format!("{link},meetingMessageType")).await;
    assert_eq!(refused.status, 400);
    let body = office.get(&format!("{link},body")).await;
    assert_eq!((body.status, body.code().as_str()), (403, "ErrorAccessDenied"));
}

#[tokio::test]
async fn a_later_round_tells_what_is_new_read_flagged_moved_and_gone() {
    let office = Office::small().await;
    let (number, user) = first(&office);
    let archive = folder(&office, number, "archive");
    let old: Vec<_> = (0..4).map(|_| new_message(&office, number)).collect();
    let ids: Vec<_> = old.iter().map(|m| id_of(&office, number, *m)).collect();
    let inbox_link = format!("/users/{user}/mailFolders/inbox/messages/delta?{SELECT}");
    let archive_link = format!("/users/{user}/mailFolders/archive/messages/delta?{SELECT}");
    let (_, inbox) = office.follow(&inbox_link).await;
    let (_, archived) = office.follow(&archive_link).await;
    let (inbox, archived) = (inbox.expect("a link"), archived.expect("a link"));
    let (nothing, _) = office.follow(&inbox).await;
    assert!(nothing.is_empty());

    let new = new_message(&office, number);
    office.sim.mark_read(number, old[0], true);
    office.sim.flag_message(number, old[1]);
    office.sim.move_message(number, old[2], archive);
    office.sim.delete_message(number, old[3]);
    let (items, again) = office.follow(&inbox).await;
    assert_eq!(items.len(), 5);
    let item = |id: &str| by_id(&items, id).expect("it is reported");
    assert_eq!(item(&id_of(&office, number, new))["subject"], "A question");
    assert_eq!(keys(item(&ids[0])), ["@odata.type", "id", "isRead", "parentFolderId"]);
    assert_eq!(item(&ids[0])["isRead"], true);
    assert_eq!(item(&ids[1])["subject"], "A question");
    for gone in &ids[2..] {
        assert_eq!(keys(item(gone)), ["@odata.type", "@removed", "id"]);
        assert_eq!(item(gone)["@removed"]["reason"], "deleted");
    }
    let (arrived, _) = office.follow(&archived).await;
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0]["id"], ids[2].as_str());
    let (nothing, _) = office.follow(&again.expect("a link")).await;
    assert!(nothing.is_empty());
    let (the_same, _) = office.follow(&inbox).await;
    assert_eq!(the_same, items, "a link can be followed twice");
}

#[tokio::test]
async fn ids_change_on_a_move_unless_immutable_ones_are_asked_for() {
    let mut office = Office::small().await;
    let (number, user) = first(&office);
    let archive = folder(&office, number, "archive");
    office.prefer = "odata.maxpagesize=500".to_owned();
    let message = new_message(&office, number);
    let (items, link) = office.follow(&format!("/users/{user}/mailFolders/inbox/messages/delta")).await;
    let before = office.sim.world().mailbox(number).map(|m| m.message_id(message, IdForm::Regular));
    let before = before.expect("an id");
    assert!(by_id(&items, &before).is_some());
    office.sim.move_message(number, message, archive);
    let (gone, _) = office.follow(&link.clone().expect("a link")).await;
    assert!(by_id(&gone, &before).is_some_and(|i| i["@removed"].is_object()));
    let (archived, _) = office.follow(&format!("/users/{user}/mailFolders/archive/messages/delta")).await;
    assert!(by_id(&archived, &before).is_none());
    assert_eq!(office.get(&format!("/users/{user}/messages/{before}")).await.status, 404);
    office.prefer = "IdType=\"ImmutableId\"".to_owned();
    let mixed = office.get(&link.expect("a link")).await;
    assert_eq!(mixed.code(), "SyncStateInvalid");
}

#[tokio::test]
async fn there_and_back_again_is_one_item_or_by_a_quirk_a_removal() {
    let office = Office::small().await;
    let (number, user) = first(&office);
    let (inbox, archive) = (folder(&office, number, "inbox"), folder(&office, number, "archive"));
    let message = new_message(&office, number);
    let (_, link) = office.follow(&format!("/users/{user}/mailFolders/inbox/messages/delta")).await;
    let link = link.expect("a link");
    office.sim.move_message(number, message, archive);
    office.sim.move_message(number, message, inbox);
    let (items, _) = office.follow(&link).await;
    assert_eq!(items.len(), 1);
    assert!(items[0]["subject"].is_string());
    office.sim.set_quirks(Quirks { round_trip_is_removal: true, ..Quirks::default() });
    let (items, _) = office.follow(&link).await;
    assert!(items[0]["@removed"].is_object());
}

#[tokio::test]
async fn a_filtered_round_stops_silently_at_the_cap() {
    let office = Office::open(|o| o.filter_cap = 60).await;
    let (number, user) = first(&office);
    let inbox = folder(&office, number, "inbox");
    office.sim.fill_folder(number, inbox, 100, "buyer@acme.com");
    let delta = format!("/users/{user}/mailFolders/inbox/messages/delta");
    let filter = "$filter=receivedDateTime%20ge%202026-03-01T00:00:00Z";
    let (items, link) = office.follow(&format!("{delta}?{filter}&{SELECT}")).await;
    assert_eq!(items.len(), 60);
    let (later, _) = office.follow(&link.expect("a delta link all the same")).await;
    assert!(later.is_empty(), "what was cut off never comes");
    let (all, _) = office.follow(&delta).await;
    assert!(all.len() >= 100);
    let list = format!("/users/{user}/mailFolders/inbox/messages?{filter}&$top=40");
    let (listed, _) = office.follow(&list).await;
    assert!(listed.len() >= 100, "a plain list has no cap");
    let plus = office.get(&format!("{delta}?$filter=receivedDateTime+ge+2026-03-01T00:00:00Z")).await;
    assert_eq!((plus.status, plus.code().as_str()), (400, "ErrorInvalidUrlQuery"));
    let (few, _) = office.follow(&format!("{delta}?$top=3")).await;
    assert_eq!(few.len(), 3);
}

#[tokio::test]
async fn plain_lists_filter_and_sort() {
    let office = Office::small().await;
    let (number, user) = first(&office);
    let all = office.sim.world().mailbox(number).expect("a mailbox").live_messages().count();
    let (items, _) = office.follow(&format!("/users/{user}/messages?{SELECT}&$top=30")).await;
    assert_eq!(items.len(), all);
    let times = |items: &[serde_json::Value]| -> Vec<String> {
        items.iter().map(|i| i["receivedDateTime"].as_str().expect("a time").to_owned()).collect()
    };
    assert!(times(&items).is_sorted_by(|a, b| a >= b));
    let span = "$filter=receivedDateTime%20ge%202026-02-01T00:00:00Z%20and%20receivedDateTime%20lt%202026-02-15T00:00:00Z&$orderby=receivedDateTime%20asc";
    let (some, _) = office.follow(&format!("/users/{user}/messages?{span}&$top=5")).await;
    assert!(times(&some).is_sorted());
    let within = |t: &String| t.as_str() >= "2026-02-01T00:00:00Z" && t.as_str() < "2026-02-15T00:00:00Z";
    assert!(times(&some).iter().all(within));
    assert_eq!(some.len(), times(&items).iter().filter(|t| within(t)).count());
    let counted = office.get(&format!("/users/{user}/messages?$count=true&$top=1&{SELECT}")).await;
    assert_eq!(counted.json()["@odata.count"], all);
}

#[tokio::test]
async fn there_is_no_delta_at_the_root_of_a_mailbox() {
    let office = Office::small().await;
    let (_, user) = first(&office);
    for spelling in ["delta", "delta()"] {
        let answer = office.get(&format!("/users/{user}/messages/{spelling}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BadRequest"));
        assert!(answer.text.contains("Change tracking is not supported against 'microsoft.graph.message'."));
    }
}

#[tokio::test]
async fn folders_come_and_go_with_their_messages() {
    let office = Office::small().await;
    let (number, user) = first(&office);
    let inbox = folder(&office, number, "inbox");
    let deals = office.sim.create_folder(number, inbox, "Deals").expect("a folder");
    let id = office.sim.world().mailbox(number).expect("a mailbox").folder_id(deals);
    let message = new_message(&office, number);
    office.sim.move_message(number, message, deals);
    let (items, link) = office.follow(&format!("/users/{user}/mailFolders('{id}')/messages/delta")).await;
    assert_eq!(items.len(), 1);
    office.sim.rename_folder(number, deals, "Closed");
    let shown = office.get(&format!("/users/{user}/mailFolders/{id}")).await.json();
    assert_eq!(shown["displayName"], "Closed");
    let bin = folder(&office, number, "deleteditems");
    office.sim.move_folder(number, deals, bin);
    let bin_id = office.sim.world().mailbox(number).expect("a mailbox").folder_id(bin);
    let shown = office.get(&format!("/users/{user}/mailFolders/{id}")).await.json();
    assert_eq!(shown["parentFolderId"], bin_id.as_str());
    office.sim.delete_folder(number, deals);
    let gone = office.get(&format!("/users/{user}/mailFolders/{id}")).await;
    assert_eq!((gone.status, gone.code().as_str()), (404, "ErrorItemNotFound"));
    let gone = office.get(&link.expect("a link")).await;
    assert_eq!((gone.status, gone.code().as_str()), (404, "ErrorSyncFolderNotFound"));
}

#[tokio::test]
async fn bodies_come_only_with_the_permission_for_them() {
    let mut office = Office::open(|o| o.big_body_bytes = 300_000).await;
    let (_, user) = first(&office);
    let link = format!("/users/{user}/mailFolders/inbox/messages/delta");
    assert!(!office.get(&link).await.text.contains("CANARY-BODY"));
    office.sim.set_roles(&["Mail.Read", "User.Read.All"]);
    office.sign_in().await;
    let text = office.get(&link).await.text;
    assert!(text.contains("CANARY-BODY") && text.contains("CANARY-PREVIEW"));
    let (all, _) = office.follow(&format!("/users/{user}/messages")).await;
    let longest = all.iter().filter_map(|m| m["body"]["content"].as_str()).map(str::len).max();
    assert!(longest.is_some_and(|l| l >= 300_000));
}
