//! A simulator of Microsoft Graph and Entra ID for one invented tenant.
//!
//! It holds an office drawn from a seed, with its people, mail and meetings, and shows it the way
//! Microsoft Graph v1.0 would show it to an application that reads with its own credentials. It
//! shares no type with any client: what it writes, it writes with structs of its own.
//!
//! ```
//! use graph_sim::{NewMessage, Scope, SimOptions, Simulator};
//!
//! let sim = Simulator::new(SimOptions::new("2026-03-02T15:00:00Z".parse()?));
//! assert_eq!(sim.world().mailboxes().count(), 12);
//!
//! // Something happens, and something goes wrong.
//! let to = sim.world().users[0].upn.clone();
//! let filed = sim.send_message(&NewMessage::new("buyer@acme.com", &to, "A question"));
//! assert_eq!(filed.len(), 1);
//! sim.throttle(Scope::All, 3, 1);
//!
//! // Within a Tokio runtime: `sim.serve("127.0.0.1:0".parse()?)?.url()`.
//! # Ok::<(), jiff::Error>(())
//! ```
//!
//! # Words
//!
//! - The **world** ([`World`]) is the office as it really is. A **letter** is written once and
//!   lies as a **message** in several mailboxes; a **meeting** is called once and stands as an
//!   **entry** in several calendars. Tests read it to work out what should have been recorded.
//! - The **wire** (`wire`) is how the world looks as JSON, and **http** how it is asked for.
//! - A **verb** (`verbs`) is something that people do: [`Simulator::send_message`],
//!   [`Simulator::cancel_meeting`], [`Simulator::advance`]. Time stands still between verbs.
//! - A **fault** (`faults`) is something that goes wrong: [`Simulator::throttle`],
//!   [`Simulator::expire_links`]. A **quirk** ([`Quirks`]) is a choice where reports of the
//!   service's behaviour disagree.
//! - A **canary** is a planted text, `CANARY-BODY-…` and the like, in every place that a careful
//!   reader must not keep.
//!
//! # Signing in
//!
//! Entra's pages are for people: `/{tenant}/oauth2/v2.0/authorize` asks who signs in, and
//! `/{tenant}/v2.0/adminconsent` whether the application may read. `{tenant}` is the tenant's id,
//! one of its domains, [`OTHER_TENANT`], or `organizations`. Nobody types a password: every choice
//! is a link, with an `id` and a `data-persona` or `data-choice` that stay the same. A program
//! that has no browser goes where the link goes and reads `Location` in the answer:
//!
//! ```text
//! GET /organizations/oauth2/v2.0/authorize?client_id=…&response_type=code&…       200, the page
//! GET /organizations/oauth2/v2.0/authorize/as/administrator?client_id=…           302, code and state
//! GET /organizations/v2.0/adminconsent/accept?client_id=…&redirect_uri=…&…        302, tenant and state
//! ```
//!
//! The query is the same before and after `/as/…`. Behind `as` stands [`Persona::slug`], or
//! `decline` or `needs-approval`; behind `adminconsent` stands `accept`, `decline`, or
//! `accept-as-another-organization`, whose callback is forged: it names [`OTHER_TENANT`], where
//! nobody has agreed to anything.
//!
//! It is stricter than the service where an application had better be careful: `state`, `nonce`
//! and a `code_challenge` by S256 must be there. It is laxer in one thing: any `http` address of
//! this machine is a registered redirect URI ([`SimOptions::loopback_redirects`]).
//!
//! What goes wrong while signing in: [`Simulator::spoil_id_tokens`], [`Simulator::skew_id_tokens`],
//! [`Simulator::fail_keys`], [`Simulator::expire_codes`], [`Simulator::set_redirect_uris`]; and
//! with consent: [`Simulator::set_consented`], [`Simulator::delay_grant`],
//! [`Simulator::delay_roles`].
//!
//! # Adding a verb
//!
//! 1. Write what it does to the world as a method of [`Simulator`] in `verbs`, by way of the
//!    methods of [`World`] and [`world::Mailbox`] that note changes: delta rounds are made of
//!    those notes, so a verb needs no code for the wire.
//! 2. If it needs chance, take it from the desk's seeded source, never from a global one.
//! 3. Say in `tests/` what the next delta round reports.
//!
//! # Adding a fault
//!
//! Add a variant to one of the troubles in `faults`, a method of [`Simulator`] beside the others,
//! and the line in `http` that acts on it.

mod certificate;
mod entra;
mod faults;
mod generate;
mod http;
mod id_token;
mod ids;
mod names;
mod options;
mod personas;
mod serve;
mod simulator;
mod token;
mod verbs;
mod watch;
mod wire;
pub mod world;
mod zones;

pub use certificate::Certificate;
pub use faults::{Links, Quirks, Scope};
pub use id_token::Spoiled;
pub use ids::IdForm;
pub use options::SimOptions;
pub use personas::{OTHER_TENANT, Persona};
pub use serve::Running;
pub use simulator::Simulator;
pub use verbs::{NewMeeting, NewMessage, NewUser, Policy, Tick};
pub use watch::{Counters, LogEntry};
pub use world::{UserNo, World};
pub use zones::Zone;
