//! What must not be kept is not in the database's files, whatever goes wrong on the way.

use std::collections::BTreeSet;

use graph_sim::Scope;
use testkit::truth;
use testkit::truth::people::{Gatekeeper, Said, Standing};

use crate::kit::Kit;

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

/// How an access token of the simulator begins.
const TOKEN: &str = "eyJ0eXAiOiJKV1Qi";

fn count(haystack: &[u8], needle: &str) -> usize {
    haystack.windows(needle.len()).filter(|window| window.eq_ignore_ascii_case(needle.as_bytes())).count()
}

/// Fails when the token cache keeps what it is given instead of sealing it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_canary_no_secret_and_no_stranger_is_in_the_files() {
    let kit = Kit::ready(&DOMAINS, |options| options.seed = 61).await;
    for round in 0..3 {
        kit.sim.malformed_item(Scope::All, 2);
        kit.sim.drop_response_halfway(Scope::Kind("messages/delta"), 2);
        kit.sim.fail(Scope::Kind("calendarView/delta"), 503, "UnknownError", 2);
        if round == 1 {
            kit.sim.expire_links(Scope::All);
        }
        kit.sync().await;
        kit.ticks(8);
    }
    let files = kit.database_files();
    let records: String = kit.records(true).await.iter().map(ToString::to_string).collect();
    assert!(count(&files, "@acme.com") > 0, "nothing was stored, so nothing is shown");
    for text in [&files[..], records.as_bytes()] {
        for needle in ["CANARY-", TOKEN, "simulated-secret", "Bearer ", "deltatoken", "/v1.0/users"] {
            assert_eq!(count(text, needle), 0, "{needle}");
        }
    }
    let rules = kit.rules(&DOMAINS);
    let world = kit.sim.world();
    let gatekeeper = Gatekeeper::new(&world, &rules);
    let organizers: BTreeSet<_> = world.meetings.iter().map(|meeting| meeting.organizer).collect();
    let mut strangers = 0;
    for person in (0..world.people.len()).map(graph_sim::world::PersonNo) {
        let kept = match gatekeeper.standing(person) {
            Standing::LetIn(..) => true,
            Standing::Internal(_) => organizers.contains(&person),
            Standing::Unnamed => false,
        };
        let address = match gatekeeper.said(person) {
            Said::Address(address, _) => address,
            Said::Something(text) if text.contains('@') && !text.contains("acme.com") => text,
            Said::Something(_) | Said::Nobody => continue,
        };
        // An address that is the end of another one, which is kept, is not told apart by its text.
        let let_in = DOMAINS.iter().any(|domain| address.ends_with(&format!("@{domain}")));
        if !kept && !let_in {
            strangers += 1;
            assert_eq!(count(&files, &address), 0, "{address}");
        }
    }
    assert!(strangers > 40, "{strangers}");
    assert!(!truth::records(&world, &rules).is_empty());
}
