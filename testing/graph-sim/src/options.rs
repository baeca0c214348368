//! What a simulated tenant is made of.

use std::time::Duration;

use jiff::Timestamp;

/// Everything that decides what a [`Simulator`](crate::Simulator) holds and how it behaves.
///
/// Two simulators with equal options hold the same tenant, byte for byte.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct SimOptions {
    /// The seed that everything invented is drawn from.
    pub seed: u64,
    /// How many readable mailboxes there are: people, and among them some rooms and shared
    /// mailboxes. Guests and unlicensed users come on top.
    pub mailboxes: usize,
    /// About how many messages each person's mailbox holds.
    pub messages_per_mailbox: usize,
    /// About how many calendar entries each person's calendar holds (a series is one).
    pub meetings_per_mailbox: usize,
    /// The instant at which the simulated clock begins.
    pub start: Timestamp,
    /// The Entra tenant's id.
    pub tenant_id: String,
    /// The only application that Entra knows.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The application permissions that the application asks for, and that consent grants.
    pub roles: Vec<String>,
    /// Whether an administrator has consented already. Until then the application is unknown in the
    /// tenant, and gets no token.
    pub consented: bool,
    /// The redirect URIs that are registered for the application, compared letter by letter.
    pub redirect_uris: Vec<String>,
    /// Whether `http://localhost` and `http://127.0.0.1` are registered too, with any port and path.
    pub loopback_redirects: bool,
    /// Whether `/organization` answers; most tenants' permissions do not reach that far.
    pub organization_readable: bool,
    /// Whether a fifth request beside four running ones on a mailbox is throttled.
    pub enforce_concurrency: bool,
    /// How many requests a mailbox answers within ten minutes of the simulated clock, if that is
    /// counted; the service's own number is 10,000.
    pub mailbox_rate: Option<usize>,
    /// How many messages a filtered message delta hands out before it silently stops.
    pub filter_cap: usize,
    /// How long an access token lives.
    pub token_seconds: u64,
    /// How long each answer takes.
    pub latency: Duration,
    /// The size of the one very large message body and the one very large event body.
    pub big_body_bytes: usize,
}

impl SimOptions {
    /// A small office, as the demo uses it.
    pub fn new(start: Timestamp) -> Self {
        Self {
            seed: 1,
            mailboxes: 12,
            messages_per_mailbox: 120,
            meetings_per_mailbox: 30,
            start,
            tenant_id: "11111111-2222-3333-4444-555555555555".to_owned(),
            client_id: "22222222-0000-0000-0000-000000000000".to_owned(),
            client_secret: "simulated-secret".to_owned(),
            roles: ["Calendars.Read", "Mail.ReadBasic.All", "User.Read.All"].map(str::to_owned).to_vec(),
            consented: true,
            redirect_uris: Vec::new(),
            loopback_redirects: true,
            organization_readable: false,
            enforce_concurrency: false,
            mailbox_rate: None,
            filter_cap: 5_000,
            token_seconds: 3_599,
            latency: Duration::ZERO,
            big_body_bytes: 256 * 1024,
        }
    }
}
