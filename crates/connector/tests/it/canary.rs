//! What must not be kept is nowhere: not in files, logs at their most talkative, summaries, errors or exports.

use graph_sim::Scope;
use graph_sim::world::PersonNo;
use testkit::truth::Rules;
use testkit::truth::people::{Gatekeeper, Said, Standing};

use crate::office::{DOMAINS, Ended, KEY, Office};

fn has(text: &[u8], needle: &str) -> bool {
    text.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
}

/// The addresses of everyone whom the list does not let in.
fn strangers(office: &Office) -> Vec<String> {
    let world = office.sim.world();
    let rules = Rules::first_sync(&DOMAINS, world.now);
    let gatekeeper = Gatekeeper::new(&world, &rules);
    let people = (0..world.people.len()).map(PersonNo);
    let unnamed = people.filter(|person| gatekeeper.standing(*person) == Standing::Unnamed);
    unnamed
        .filter_map(|person| match gatekeeper.said(person) {
            Said::Address(address, _) => Some(address),
            _ => None,
        })
        .collect()
}

fn all_addresses(office: &Office) -> Vec<String> {
    let world = office.sim.world();
    let texts = world.people.iter().filter_map(|person| person.address.text());
    let principals = world.users.iter().map(|user| user.upn.as_str());
    texts.chain(principals).map(str::trim).filter(|text| text.contains('@')).map(str::to_owned).collect()
}

/// Fails when a participant is named in a log line at level DEBUG.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_canary_no_secret_and_no_stranger_anywhere() {
    let mut office = Office::ready(|options| options.seed = 81);
    let (mut said, mut printed) = (String::new(), String::new());
    let mut take = |ended: Ended| {
        said += &ended.err;
        printed += &ended.out;
    };
    let someone = office.sim.world().mailboxes().next().unwrap().0;
    take(office.run(&["health"]));
    for round in 0..3 {
        office.sim.malformed_item(Scope::All, 2);
        office.sim.drop_response_halfway(Scope::Kind("messages/delta"), 1);
        office.sim.fail(Scope::Kind("calendarView/delta"), 503, "UnknownError", 1);
        if round == 1 {
            office.sim.page_without_links(someone, 1);
        }
        take(office.run(&["sync", "--json"]));
        office.sim.tick();
    }
    office.sim.set_roles(&["Calendars.Read"]);
    office.sim.expire_tokens();
    take(office.run(&["sync", "--json"]));
    office.sim.set_client_secret("another-secret");
    office.sim.expire_tokens();
    take(office.run(&["sync"]));
    take(office.run(&["health", "--json"]));
    take(office.run(&["config", "show"]));
    take(office.run(&["dpa", "status"]));
    let exports = office.done(&["activities", "--include-upcoming"])
        + &office.done(&["activities", "--format", "csv", "--include-upcoming"]);
    office.set("CONNECTOR_ENCRYPTION_KEY", &"f".repeat(64));
    take(office.run(&["sync"]));

    let mut files = Vec::new();
    for entry in std::fs::read_dir(office.folder.path()).unwrap() {
        files.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    assert!(has(&files, "@acme.com") && exports.contains("@acme.com"), "nothing was kept, so nothing is shown");
    assert!(said.contains("DEBUG") || said.contains("TRACE"), "the logs say nothing: {said}");
    let (said, printed) = (said.as_bytes(), printed.as_bytes());
    let all = [("files", &files[..]), ("stderr", said), ("stdout", printed), ("exports", exports.as_bytes())];
    for (place, text) in all {
        for needle in ["CANARY-", "eyJ0eXAiOiJKV1Qi", "simulated-secret", "another-secret", "Bearer ", KEY] {
            assert!(!has(text, needle), "{needle} in {place}");
        }
        for stranger in strangers(&office) {
            assert!(!has(text, &stranger), "{stranger} in {place}");
        }
    }
    // In what is said and counted there is nobody at all.
    for address in all_addresses(&office) {
        assert!(!has(said, &address), "{address} in stderr");
        assert!(!has(printed, &address), "{address} in stdout");
    }
    let user = office.sim.world().user(someone).id.clone();
    assert!(has(printed, &user), "a mailbox that failed is named by its id");
}
