//! The one law of delta rounds: what was handed out before, with every later round applied to it,
//! is what a first round hands out now.

use std::collections::BTreeMap;

use graph_sim::UserNo;
use serde_json::Value;

use crate::client::Office;

const SELECT: &str = "$select=subject,from,toRecipients,ccRecipients,receivedDateTime,isRead,parentFolderId";
const WINDOW: &str = "startDateTime=2025-12-01T00:00:00Z&endDateTime=2026-05-01T00:00:00Z";

/// What a caller knows of one folder or calendar.
struct Copy {
    start: String,
    link: String,
    items: BTreeMap<String, Value>,
}

impl Copy {
    async fn new(office: &Office, start: String) -> Self {
        let (items, link) = office.follow(&start).await;
        let mut copy = Self { start, link: link.expect("a delta link"), items: BTreeMap::new() };
        copy.apply(items);
        copy
    }

    async fn catch_up(&mut self, office: &Office) {
        let (items, link) = office.follow(&self.link).await;
        self.link = link.expect("a delta link");
        self.apply(items);
    }

    fn apply(&mut self, items: Vec<Value>) {
        // A series that is sent again replaces all that was known of its days.
        for master in items.iter().filter(|i| i["type"] == "seriesMaster") {
            self.items.retain(|_, known| known["seriesMasterId"] != master["id"]);
        }
        for item in items {
            let id = item["id"].as_str().expect("an id").to_owned();
            if item["@removed"].is_object() {
                self.items.remove(&id);
            } else if let (Some(known), None) = (self.items.get_mut(&id), item.get("@odata.etag")) {
                known["isRead"] = item["isRead"].clone();
            } else {
                self.items.insert(id, item);
            }
        }
    }

    async fn assert_up_to_date(&self, office: &Office) {
        let fresh = Self::new(office, self.start.clone()).await;
        let without_etags = |copy: &Self| -> Vec<Value> {
            let strip = |mut item: Value| {
                item["@odata.etag"].take();
                item
            };
            copy.items.values().cloned().map(strip).collect()
        };
        assert_eq!(without_etags(self), without_etags(&fresh), "{}", self.start);
    }
}

fn places(office: &Office) -> Vec<String> {
    let world = office.sim.world();
    let of = |user: UserNo| {
        let id = &world.user(user).id;
        let mailbox = world.mailbox(user).expect("a mailbox");
        let folders = (0..mailbox.folders.len()).map(graph_sim::world::FolderNo).map(move |folder| {
            let folder = mailbox.folder_id(folder);
            format!("/users/{id}/mailFolders/{folder}/messages/delta?{SELECT}")
        });
        folders.chain([format!("/users/{id}/calendarView/delta?{WINDOW}")]).collect::<Vec<_>>()
    };
    world.mailboxes().flat_map(|(user, _)| of(user)).collect()
}

#[tokio::test]
async fn later_rounds_add_up_to_a_first_round() {
    for (seed, ids) in [(1, "IdType=\"ImmutableId\", "), (2, "")] {
        let mut office = Office::open(|o| {
            o.seed = seed;
            o.mailboxes = 4;
            o.messages_per_mailbox = 30;
            o.meetings_per_mailbox = 15;
        })
        .await;
        office.prefer = format!("{ids}odata.maxpagesize=6");
        let mut copies = Vec::new();
        for place in places(&office) {
            copies.push(Copy::new(&office, place).await);
        }
        for _ in 0..6 {
            for _ in 0..15 {
                office.sim.tick();
            }
            office.sign_in().await;
            for copy in &mut copies {
                copy.catch_up(&office).await;
            }
        }
        for copy in &copies {
            copy.assert_up_to_date(&office).await;
        }
    }
}
