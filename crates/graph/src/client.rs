//! What can be read of a tenant.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use m365_database::DpaAccepted;
use m365_model::{EntraTenantId, GraphUserId, Surroundings};
use secrecy::ExposeSecret as _;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::ask::{Ask, Asks};
use crate::credentials::{Credentials, TokenVault};
use crate::error::{GraphError, SetupError, TokenError};
use crate::granted::Granted;
use crate::limits::{Gates, Limits};
use crate::link::{Link, LinkScope};
use crate::page::{self, Page};
use crate::send::Sender;
use crate::token::{Held, Parts, Tokens};
use crate::usage::{Counters, Usage};
use crate::wire::{
    DomainsEntry, Event, Folder, FolderEntry, FolderId, Message, OrganizationEntry, StreamItem, User, WellKnownFolder,
};
use crate::{Endpoints, transport};

/// What a client is made of.
pub struct GraphOptions {
    /// Where Microsoft is.
    pub endpoints: Endpoints,
    /// Who the connector is.
    pub credentials: Credentials,
    /// The tenant to read.
    pub entra_tenant: EntraTenantId,
    /// Where the token rests between runs.
    pub vault: Arc<dyn TokenVault>,
    /// How much is asked for at once.
    pub limits: Limits,
    /// Whether messages are asked for the id that all copies of one have in common, so that copies can be joined.
    pub with_message_ids: bool,
    /// Time and chance.
    pub surroundings: Surroundings,
}

/// The client of one Entra tenant. A clone is the same client: same token, same limits, same counts.
#[derive(Clone)]
pub struct Graph {
    inner: Arc<Inner>,
    has_large_pages: bool,
}

struct Inner {
    asks: Arc<Asks>,
    /// The same with large pages.
    large_asks: Arc<Asks>,
    sender: Sender,
    counters: Arc<Counters>,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Graph(..)")
    }
}

/// What a mailbox answered when it was asked for the changes of all its folders at once.
#[derive(Debug)]
pub enum RootDelta {
    /// Changes are kept per folder alone, as
    /// [documented](https://learn.microsoft.com/en-us/graph/delta-query-messages) and as it has been so far.
    Refused,
    /// It answered.
    Answered(Page<Message>),
}

impl Graph {
    /// Makes a client. Nothing is asked yet.
    pub fn new(options: GraphOptions) -> Result<Self, SetupError> {
        let GraphOptions { endpoints, credentials, entra_tenant, vault, limits, with_message_ids, surroundings } =
            options;
        let http = transport::client(&endpoints, &limits)?;
        let counters = Arc::new(Counters::default());
        let tokens = Arc::new(Tokens::new(Parts {
            http: http.clone(),
            endpoints: &endpoints,
            credentials,
            entra_tenant,
            vault,
            limits: limits.clone(),
            surroundings: surroundings.clone(),
            counters: Arc::clone(&counters),
        }));
        let asks = Arc::new(Asks::new(endpoints.graph_root(), &limits, with_message_ids));
        let large_asks = Arc::new(Asks::new(endpoints.graph_root(), &limits.with_large_pages(), with_message_ids));
        let gates = Gates::new(&limits);
        let sender = Sender { http, tokens, gates, limits, counters: Arc::clone(&counters), surroundings };
        Ok(Self { inner: Arc::new(Inner { asks, large_asks, sender, counters }), has_large_pages: false })
    }

    /// The same client, which asks for large pages: some rounds
    /// [end with them](https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/3082) that do not end with small ones.
    #[must_use]
    pub fn with_large_pages(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), has_large_pages: true }
    }

    /// The same client for one part of the work: same connections and same token, its own counts, and no more requests in
    /// flight than `places`. Several parts together have as many as their places together.
    #[must_use]
    pub fn part(&self, places: usize) -> Self {
        let Inner { asks, large_asks, sender, .. } = &*self.inner;
        let counters = Arc::new(Counters::default());
        let per_mailbox = places.min(sender.limits.per_mailbox);
        let limits = Limits { overall: places, per_mailbox, ..sender.limits.clone() };
        let sender = Sender {
            http: sender.http.clone(),
            tokens: Arc::clone(&sender.tokens),
            gates: Gates::new(&limits),
            limits,
            counters: Arc::clone(&counters),
            surroundings: sender.surroundings.clone(),
        };
        let inner = Inner { asks: Arc::clone(asks), large_asks: Arc::clone(large_asks), sender, counters };
        Self { inner: Arc::new(inner), has_large_pages: self.has_large_pages }
    }

    fn asks(&self) -> &Asks {
        if self.has_large_pages { &self.inner.large_asks } else { &self.inner.asks }
    }

    /// What the client has cost so far.
    pub fn usage(&self) -> Usage {
        self.inner.counters.read()
    }

    /// Where links of the list of users may lead.
    pub fn directory_scope(&self) -> LinkScope {
        self.asks().directory_scope()
    }

    /// Where links of a mailbox's streams may lead.
    pub fn mailbox_scope(&self, user: &GraphUserId) -> LinkScope {
        self.asks().mailbox_scope(user)
    }

    /// What the administrator granted, by the token in use.
    pub async fn granted(&self) -> Result<Granted, TokenError> {
        self.inner.sender.tokens.current().await.map(|token| granted_by(&token))
    }

    /// What is granted now, by a new token: the one in use may be up to an hour old, and consent may have come since.
    pub async fn granted_afresh(&self) -> Result<Granted, TokenError> {
        self.inner.sender.tokens.afresh().await.map(|token| granted_by(&token))
    }

    /// Asks whether the organization answers, and for its id. Needs no gate: it asks for no person.
    ///
    /// With the connector's permissions Graph may well say no
    /// ([permissions](https://learn.microsoft.com/en-us/graph/api/organization-list)): see
    /// [`GraphError::is_directory_denied`], and [`Granted::tenant_id`] for the id.
    pub async fn organization_probe(&self) -> Result<Option<EntraTenantId>, GraphError> {
        let page: Page<OrganizationEntry> = self.page(&self.asks().organization()).await?;
        Ok(page.items.into_iter().next().map(|organization| organization.id))
    }

    /// The domains that the tenant has proved to be its own, where they can be read.
    pub async fn verified_domains(&self, gate: &DpaAccepted<'_>) -> Result<Vec<String>, GraphError> {
        let page: Page<DomainsEntry> = self.page(&self.asks().verified_domains(gate)).await?;
        if page.malformed > 0 {
            return Err(GraphError::Unreadable);
        }
        Ok(page.items.into_iter().flat_map(|organization| organization.0).collect())
    }

    /// A page of the tenant's users, the first one without a link.
    pub async fn users_page(&self, gate: &DpaAccepted<'_>, link: Option<&Link>) -> Result<Page<User>, GraphError> {
        let ask = match link {
            None => self.asks().users(gate),
            Some(link) => self.asks().more_users(gate, link)?,
        };
        self.page(&ask).await
    }

    /// Whether users can be listed at all.
    pub async fn users_probe(&self, gate: &DpaAccepted<'_>) -> Result<(), GraphError> {
        self.page::<IgnoredAny>(&self.asks().users_probe(gate)).await.map(drop)
    }

    /// A page of the folders directly below `parent`, or below the root of the mailbox. Folders below those are asked for
    /// one by one, where `child_count` is not zero.
    pub async fn mail_folders_page(
        &self,
        gate: &DpaAccepted<'_>,
        user: &GraphUserId,
        parent: Option<&FolderId>,
        link: Option<&Link>,
    ) -> Result<Page<Folder>, GraphError> {
        let ask = match link {
            None => self.asks().folders(gate, user, parent),
            Some(link) => self.asks().more_folders(gate, user, link)?,
        };
        self.page(&ask).await
    }

    /// Which folder stands behind a well-known name; `None` where the mailbox has none.
    pub async fn folder_by_alias(
        &self,
        gate: &DpaAccepted<'_>,
        user: &GraphUserId,
        folder: WellKnownFolder,
    ) -> Result<Option<FolderId>, GraphError> {
        let found = self.one::<FolderEntry>(&self.asks().folder_by_alias(gate, user, folder)).await?;
        Ok(found.map(|folder| folder.id))
    }

    /// The first page of a delta round over one folder. Graph gives no more than 5,000 messages of such a round and
    /// [does not say](https://learn.microsoft.com/en-us/graph/delta-query-messages) when it left some out: those are for
    /// [`Graph::messages_list_start`].
    pub async fn message_delta_start(
        &self,
        gate: &DpaAccepted<'_>,
        user: &GraphUserId,
        folder: &FolderId,
        since: Timestamp,
    ) -> Result<Page<Message>, GraphError> {
        self.page(&self.asks().message_delta(gate, user, folder, since)).await
    }

    /// Asks for the changes of the whole mailbox at once. Only a 400 is a refusal; anything else is an error like any other.
    pub async fn message_delta_at_mailbox_root(
        &self,
        gate: &DpaAccepted<'_>,
        user: &GraphUserId,
        since: Timestamp,
    ) -> Result<RootDelta, GraphError> {
        match self.page(&self.asks().message_delta_at_root(gate, user, since)).await {
            Ok(page) => Ok(RootDelta::Answered(page)),
            Err(error) if error.status() == Some(400) => Ok(RootDelta::Refused),
            Err(error) => Err(error),
        }
    }

    /// The first page of a folder's plain list, newest first. It ends, where a delta round goes on.
    pub async fn messages_list_start(
        &self,
        gate: &DpaAccepted<'_>,
        user: &GraphUserId,
        folder: &FolderId,
        since: Timestamp,
    ) -> Result<Page<Message>, GraphError> {
        self.page(&self.asks().message_list(gate, user, folder, since)).await
    }

    /// The first page of a delta round over the primary calendar within a window. The window is part of the link for good:
    /// what lies outside is never reported.
    pub async fn calendar_delta_start(
        &self,
        gate: &DpaAccepted<'_>,
        user: &GraphUserId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Page<Event>, GraphError> {
        self.page(&self.asks().calendar_delta(gate, user, from, to)).await
    }

    /// The first page of the plain view of the same window, for calendars whose delta round
    /// [does not end](https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/3082).
    pub async fn calendar_list_start(
        &self,
        gate: &DpaAccepted<'_>,
        user: &GraphUserId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Page<Event>, GraphError> {
        self.page(&self.asks().calendar_list(gate, user, from, to)).await
    }

    /// The page behind a link of this mailbox, as the link stands.
    pub async fn follow<T: StreamItem>(
        &self,
        gate: &DpaAccepted<'_>,
        user: &GraphUserId,
        link: &Link,
    ) -> Result<Page<T>, GraphError> {
        self.page(&self.asks().more_of_stream(gate, user, link, T::CALENDAR)?).await
    }

    /// One event, such as the master of a series that its occurrences arrived without; `None` when it is gone.
    pub async fn event(
        &self,
        gate: &DpaAccepted<'_>,
        user: &GraphUserId,
        event_id: &str,
    ) -> Result<Option<Event>, GraphError> {
        // An empty id would ask for the whole calendar, and dots for something above it.
        if matches!(event_id, "" | "." | "..") {
            return Ok(None);
        }
        self.one(&self.asks().event(gate, user, event_id)).await
    }

    async fn page<T: DeserializeOwned>(&self, ask: &Ask) -> Result<Page<T>, GraphError> {
        self.inner.sender.get(ask, |body| page::parse(body, &ask.scope, ask.walk)).await
    }

    async fn one<T: DeserializeOwned>(&self, ask: &Ask) -> Result<Option<T>, GraphError> {
        match self.inner.sender.get(ask, page::parse_one).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn granted_by(token: &Held) -> Granted {
    let stored = token.stored();
    Granted::of(stored.access_token.expose_secret(), stored.expires_at)
}
