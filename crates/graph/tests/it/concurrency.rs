//! How many requests are in flight.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use m365_graph::{Limits, WellKnownFolder};
use tokio::sync::{Semaphore, mpsc};

use crate::home::{House, Setup, at, folder, user};
use crate::server::{Server, json};

/// A server that holds every request until it is let go, and keeps count.
struct Hall {
    server: Server,
    arrivals: mpsc::UnboundedReceiver<()>,
    door: Arc<Semaphore>,
    most: Arc<Mutex<HashMap<String, (usize, usize)>>>,
}

impl Hall {
    async fn open() -> Self {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let (door, most) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(HashMap::new())));
        let (inside, counts) = (Arc::clone(&door), Arc::clone(&most));
        let server = Server::graph(move |seen| {
            let (arrived, door, counts) = (arrived.clone(), Arc::clone(&inside), Arc::clone(&counts));
            async move {
                let mailbox = seen.target.split('/').nth(3).unwrap_or_default().to_owned();
                let everyone = [mailbox, "all".to_owned()];
                for name in &everyone {
                    let mut counts = counts.lock().unwrap();
                    let (now, most): &mut (usize, usize) = counts.entry(name.clone()).or_default();
                    *now += 1;
                    *most = (*most).max(*now);
                }
                arrived.send(()).unwrap();
                door.acquire().await.unwrap().forget();
                for name in &everyone {
                    counts.lock().unwrap().get_mut(name).unwrap().0 -= 1;
                }
                json(200, r#"{"id":"F","value":[],"@odata.deltaLink":null}"#)
            }
        })
        .await;
        Self { server, arrivals, door, most }
    }

    async fn arrived(&mut self, count: usize) {
        for _ in 0..count {
            self.arrivals.recv().await.unwrap();
        }
    }

    fn most(&self, name: &str) -> usize {
        self.most.lock().unwrap()[name].1
    }
}

#[tokio::test]
async fn a_mailbox_gets_four_requests_at_once_mail_and_calendar_together() {
    let mut hall = Hall::open().await;
    let house = House::open().await;
    let gate = house.gate().await;
    let graph = Setup::default().graph(&hall.server);
    let (me, when) = (user("u1"), at("2026-01-01T00:00:00Z"));
    let mail = join_all((0..6).map(|_| graph.folder_by_alias(&gate, &me, WellKnownFolder::Inbox)));
    let inbox = folder("F");
    let lists = join_all((0..6).map(|_| graph.messages_list_start(&gate, &me, &inbox, when)));
    let calendar = join_all((0..6).map(|_| graph.calendar_list_start(&gate, &me, when, when)));
    let doorman = async {
        hall.arrived(4).await;
        hall.door.add_permits(18);
        hall.arrived(14).await;
    };
    let (mail, lists, calendar, ()) = tokio::join!(mail, lists, calendar, doorman);
    assert!(mail.iter().all(Result::is_ok) && lists.iter().all(Result::is_ok) && calendar.iter().all(Result::is_ok));
    assert_eq!(hall.most("u1"), 4);
}

#[tokio::test]
async fn all_mailboxes_together_get_as_many_as_are_allowed() {
    let mut hall = Hall::open().await;
    let house = House::open().await;
    let gate = house.gate().await;
    let setup = Setup { limits: Limits { overall: 6, ..Limits::default() }, ..Setup::default() };
    let graph = setup.graph(&hall.server);
    let users: Vec<_> = (0..20).map(|n| user(&format!("u{}", n % 10))).collect();
    let all = join_all(users.iter().map(|user| graph.folder_by_alias(&gate, user, WellKnownFolder::Inbox)));
    let doorman = async {
        hall.arrived(6).await;
        hall.door.add_permits(20);
        hall.arrived(14).await;
    };
    let (all, ()) = tokio::join!(all, doorman);
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(hall.most("all"), 6);
}
