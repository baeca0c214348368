//! An office of many mailboxes behind a simulated Microsoft Graph, for measuring rounds: `scripts/measure-scale` drives it.
//!
//! The first line of stdout is its URL. Then every line of stdin is a command, answered by one line of JSON:
//!
//! ```text
//! asked           {"requests": n, "throttled": n, "atOnce": n, "kinds": {KIND: n, …}}, since the last time
//! change N        {"changed": n}: something happens in so many mailboxes
//! ```
//!
//! It ends with its stdin.

use std::io::BufRead as _;
use std::net::{Ipv4Addr, SocketAddr};

use clap::Parser;
use graph_sim::world::{FolderKind, FolderNo};
use graph_sim::{Counters, NewMeeting, NewMessage, Quirks, SimOptions, Simulator, UserNo};
use jiff::SignedDuration;
use m365_model::Surroundings;
use serde_json::{Value, json};

/// An office behind a simulated Microsoft Graph.
#[derive(Parser)]
struct Options {
    /// How many mailboxes
    #[arg(long, default_value_t = 10_000)]
    mailboxes: usize,
    /// How many letters concern each of them: the longer its folders, the fewer of them are empty
    #[arg(long, default_value_t = 12)]
    messages: usize,
    /// How many meetings
    #[arg(long, default_value_t = 4)]
    meetings: usize,
    /// A round that brings nothing ends with the link that it began with
    #[arg(long)]
    same_links: bool,
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let sim = Simulator::new(SimOptions {
        mailboxes: options.mailboxes,
        messages_per_mailbox: options.messages,
        meetings_per_mailbox: options.meetings,
        ..SimOptions::new(Surroundings::system().now())
    });
    sim.set_quirks(Quirks { fresh_links: !options.same_links, ..sim.quirks() });
    let running = sim.clone().serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    println!("{}", running.url());
    tokio::task::spawn_blocking(move || obey(&sim)).await??;
    running.shutdown();
    Ok(())
}

fn obey(sim: &Simulator) -> std::io::Result<()> {
    let mut before = Counters::default();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = match line.split_once(' ') {
            None if line == "asked" => asked(sim, &mut before),
            Some(("change", number)) => number.parse().map_or(Value::Null, |number| change(sim, number)),
            _ => Value::Null,
        };
        println!("{answer}");
    }
    Ok(())
}

/// What was asked since the last time.
fn asked(sim: &Simulator, before: &mut Counters) -> Value {
    let now = sim.counters();
    let kinds = now.by_kind.iter().map(|(kind, n)| (*kind, n - before.by_kind.get(kind).unwrap_or(&0)));
    let kinds: serde_json::Map<String, Value> =
        kinds.filter(|(_, n)| *n > 0).map(|(kind, n)| (kind.to_owned(), n.into())).collect();
    let answer = json!({
        "requests": now.requests - before.requests,
        "throttled": now.throttled - before.throttled,
        "atOnce": now.most_at_once,
        "kinds": kinds,
    });
    *before = now;
    answer
}

/// Something happens in so many mailboxes, spread over the office: a letter comes, a letter is filed in a folder that was empty,
/// a meeting is called.
fn change(sim: &Simulator, number: usize) -> Value {
    let all: Vec<UserNo> = sim.world().mailboxes().map(|(user, _)| user).collect();
    let step = (all.len() / number.max(1)).max(1);
    let mut changed = 0;
    for (place, user) in all.into_iter().step_by(step).take(number).enumerate() {
        let is_done = match place % 4 {
            0 | 1 => sim.deliver_to(user, &letter(sim, user)).is_some(),
            2 => file_away(sim, user),
            _ => call_meeting(sim, user),
        };
        changed += usize::from(is_done);
    }
    json!({ "changed": changed })
}

fn letter(sim: &Simulator, user: UserNo) -> NewMessage {
    NewMessage::new("buyer.one@acme.com", &address(sim, user), "A question")
}

fn address(sim: &Simulator, user: UserNo) -> String {
    let world = sim.world();
    world.address_of(world.user(user).person).unwrap_or_default().to_owned()
}

/// A letter comes and goes at once to a folder where nothing was.
fn file_away(sim: &Simulator, user: UserNo) -> bool {
    let Some(message) = sim.deliver_to(user, &letter(sim, user)) else { return false };
    let target = {
        let world = sim.world();
        let Some(mailbox) = world.mailbox(user) else { return false };
        let is_empty = |folder| !mailbox.live_messages().any(|(_, message)| message.folder == folder);
        let own = mailbox.by_alias("archive").filter(|archive| is_empty(*archive));
        own.or_else(|| {
            mailbox.children(FolderNo(0)).find(|folder| {
                let it = mailbox.folder(*folder);
                it.kind == FolderKind::Plain && it.alias.is_none() && is_empty(*folder)
            })
        })
    };
    if let Some(target) = target {
        sim.move_message(user, message, target);
    }
    true
}

fn call_meeting(sim: &Simulator, user: UserNo) -> bool {
    let tomorrow = sim.world().now + SignedDuration::from_hours(24);
    sim.create_meeting(&NewMeeting::new(&address(sim, user), &["buyer.one@acme.com"], "A call", tomorrow));
    true
}
