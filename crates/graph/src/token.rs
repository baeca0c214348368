//! The access token: fetched when it is needed, by one task for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use m365_model::{EntraTenantId, Surroundings};
use oauth2::basic::{BasicClient, BasicErrorResponse};
use oauth2::{AuthType, ClientId, ClientSecret, RequestTokenError, Scope, TokenResponse as _, TokenUrl};
use oauth2::{HttpRequest, HttpResponse};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tracing::debug;

use crate::credentials::{Credentials, Proof, StoredToken, TokenVault};
use crate::error::{Refusal, TokenError};
use crate::granted::Claims;
use crate::transport::{self, Broken};
use crate::usage::Counters;
use crate::{Endpoints, Limits, retry};

/// A token is renewed this long before it ends, so that none ends on its way to Graph.
const MARGIN: Duration = Duration::from_mins(5);
/// What a token without a stated lifetime is trusted for.
const UNSTATED_LIFETIME: Duration = Duration::from_mins(10);
/// A signed statement in place of a secret (<https://www.rfc-editor.org/rfc/rfc7523>).
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest answer of the authority that is read.
pub(crate) const LONGEST_ANSWER: usize = 1 << 20;

/// A token in use.
pub(crate) struct Held {
    stored: StoredToken,
    renew_at: Timestamp,
    /// `Bearer …`, marked as sensitive so that no HTTP library prints it.
    header: HeaderValue,
}

impl Held {
    fn new(stored: StoredToken, renew_at: Timestamp) -> Option<Self> {
        let mut header = HeaderValue::from_str(&format!("Bearer {}", stored.access_token.expose_secret())).ok()?;
        header.set_sensitive(true);
        Some(Self { stored, renew_at, header })
    }

    pub(crate) fn header(&self) -> &HeaderValue {
        &self.header
    }

    pub(crate) fn stored(&self) -> &StoredToken {
        &self.stored
    }
}

/// Gives the token to whoever asks. The lock is held while a token is fetched: all others wait for that one exchange, and
/// share its failure too.
pub(crate) struct Tokens {
    http: reqwest::Client,
    token_url: TokenUrl,
    scope: String,
    credentials: Credentials,
    entra_tenant: EntraTenantId,
    vault: Arc<dyn TokenVault>,
    limits: Limits,
    surroundings: Surroundings,
    counters: Arc<Counters>,
    exchanges: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Arc<Held>>,
    failure: Option<TokenError>,
}

/// What the token source is made of.
pub(crate) struct Parts<'a> {
    pub(crate) http: reqwest::Client,
    pub(crate) endpoints: &'a Endpoints,
    pub(crate) credentials: Credentials,
    pub(crate) entra_tenant: EntraTenantId,
    pub(crate) vault: Arc<dyn TokenVault>,
    pub(crate) limits: Limits,
    pub(crate) surroundings: Surroundings,
    pub(crate) counters: Arc<Counters>,
}

impl Tokens {
    pub(crate) fn new(parts: Parts<'_>) -> Self {
        let mut token_url = parts.endpoints.authority().clone();
        token_url.set_path(&format!("{}/oauth2/v2.0/token", parts.entra_tenant));
        Self {
            http: parts.http,
            token_url: TokenUrl::from_url(token_url),
            scope: parts.endpoints.scope(),
            credentials: parts.credentials,
            entra_tenant: parts.entra_tenant,
            vault: parts.vault,
            limits: parts.limits,
            surroundings: parts.surroundings,
            counters: parts.counters,
            exchanges: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// A token that is good for five minutes more.
    pub(crate) async fn current(&self) -> Result<Arc<Held>, TokenError> {
        self.other_than(None).await
    }

    /// A token other than `refused`, which Graph did not take although it has not ended.
    pub(crate) async fn instead_of(&self, refused: &Arc<Held>) -> Result<Arc<Held>, TokenError> {
        self.other_than(Some(refused)).await
    }

    /// A token straight from the authority, for whoever wants to know what is granted now.
    pub(crate) async fn afresh(&self) -> Result<Arc<Held>, TokenError> {
        let mut state = self.state.lock().await;
        self.exchange_into(&mut state).await
    }

    async fn other_than(&self, refused: Option<&Arc<Held>>) -> Result<Arc<Held>, TokenError> {
        let exchanges_before = self.exchanges.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let now = self.surroundings.clock.now();
        if let Some(held) = &state.held
            && held.renew_at > now
            && refused.is_none_or(|refused| !Arc::ptr_eq(refused, held))
        {
            return Ok(Arc::clone(held));
        }
        // Someone else's exchange failed while this task waited: asking again at once would give the same.
        if let Some(failure) = &state.failure
            && self.exchanges.load(Ordering::Acquire) > exchanges_before
        {
            return Err(failure.clone());
        }
        // Another process may have saved a newer one.
        if let Some(saved) = self.saved(now).await
            && refused.is_none_or(|refused| !same_token(&refused.stored, &saved.stored))
        {
            debug!("a saved token is used");
            let saved = Arc::new(saved);
            state.held = Some(Arc::clone(&saved));
            return Ok(saved);
        }
        self.exchange_into(&mut state).await
    }

    async fn exchange_into(&self, state: &mut State) -> Result<Arc<Held>, TokenError> {
        let outcome = self.exchange().await;
        self.exchanges.fetch_add(1, Ordering::Release);
        match outcome {
            Ok(held) => {
                let held = Arc::new(held);
                self.vault.save(held.stored.clone()).await;
                *state = State { held: Some(Arc::clone(&held)), failure: None };
                Ok(held)
            }
            Err(failure) => {
                debug!(code = %failure.code(), "no token");
                *state = State { held: None, failure: Some(failure.clone()) };
                Err(failure)
            }
        }
    }

    /// The saved token, if it is good for a while yet and, as far as it tells, for this application and tenant.
    async fn saved(&self, now: Timestamp) -> Option<Held> {
        let stored = self.vault.load().await?;
        let renew_at = stored.expires_at.checked_sub(MARGIN).ok()?;
        let claims = Claims::of(stored.access_token.expose_secret());
        let ours = claims.is_none_or(|claims| {
            claims.tid.is_none_or(|tid| tid.eq_ignore_ascii_case(self.entra_tenant.as_str()))
                && claims.appid.is_none_or(|app| app.eq_ignore_ascii_case(&self.credentials.client_id))
        });
        if ours && renew_at > now { Held::new(stored, renew_at) } else { None }
    }

    /// Asks until the authority says yes or no.
    async fn exchange(&self) -> Result<Held, TokenError> {
        let mut attempt = 1;
        loop {
            let asked = match self.exchange_once().await {
                Ok(held) => return Ok(held),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(error, _)) if attempt >= self.limits.attempts => return Err(error),
                Err(Failure::Passing(_, asked)) => asked,
            };
            let wait = retry::wait(&self.limits, attempt, asked, &*self.surroundings.entropy);
            debug!(attempt, wait_ms = wait.as_millis(), "the token exchange is repeated");
            self.counters.retry(wait).await;
            attempt += 1;
        }
    }

    /// The [client credentials flow](https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
    async fn exchange_once(&self) -> Result<Held, Failure> {
        self.counters.token();
        let asked_at = self.surroundings.clock.now();
        let mut client = BasicClient::new(ClientId::new(self.credentials.client_id.clone()))
            .set_token_uri(self.token_url.clone())
            .set_auth_type(AuthType::RequestBody);
        let mut statement = None;
        match &self.credentials.proof {
            Proof::Secret(secret) => {
                client = client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
            }
            Proof::Certificate(certificate) => {
                let (client_id, authority) = (&self.credentials.client_id, self.token_url.as_str());
                let signed = certificate.sign(client_id, authority, asked_at, &*self.surroundings.entropy);
                statement = Some(signed.ok_or(Failure::Final(TokenError::Malformed))?);
            }
        }
        // Owns what it needs: a borrow of `self` in here would keep every future of this crate on one thread.
        let http = self.http.clone();
        let send = move |request| send(http.clone(), asked_at, request);
        let mut ask = client.exchange_client_credentials().add_scope(Scope::new(self.scope.clone()));
        if let Some(statement) = statement {
            ask = ask.add_extra_param("client_assertion_type", JWT_BEARER);
            ask = ask.add_extra_param("client_assertion", statement.expose_secret().to_owned());
        }
        let answer = ask.request_async(&send).await.map_err(Failure::from_oauth)?;

        let lifetime = answer.expires_in().unwrap_or(UNSTATED_LIFETIME);
        let malformed = || Failure::Final(TokenError::Malformed);
        let expires_at = asked_at.checked_add(lifetime).map_err(|_| malformed())?;
        // A lifetime shorter than the margin would have every request fetch a token of its own.
        let renew_at = expires_at.checked_sub(MARGIN.min(lifetime / 2)).map_err(|_| malformed())?;
        let access_token = SecretString::from(answer.access_token().secret().as_str());
        Held::new(StoredToken { access_token, expires_at }, renew_at).ok_or_else(malformed)
    }
}

/// Carries oauth2's request on our own client, which follows no redirect.
async fn send(http: reqwest::Client, now: Timestamp, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
    let request = reqwest::Request::try_from(request).map_err(|_| Unanswered::Unreachable)?;
    let answer = http.execute(request).await.map_err(|_| Unanswered::Unreachable)?;
    let status = answer.status();
    if retry::may_pass(status.as_u16()) {
        return Err(Unanswered::Busy(retry::retry_after(answer.headers(), now)));
    }
    let mut response = HttpResponse::new(Vec::new());
    *response.status_mut() = status;
    *response.body_mut() = match transport::read(answer, LONGEST_ANSWER).await {
        Ok(body) => body,
        Err(Broken::Off) => return Err(Unanswered::Unreachable),
        Err(Broken::TooLong) => return Err(Unanswered::TooLong),
    };
    Ok(response)
}

fn same_token(one: &StoredToken, other: &StoredToken) -> bool {
    one.access_token.expose_secret() == other.access_token.expose_secret()
}

/// One attempt's end: asking again may help, or not.
enum Failure {
    Passing(TokenError, Option<Duration>),
    Final(TokenError),
}

/// Why there is no answer for oauth2 to read.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("unreachable")]
    Unreachable,
    #[error("busy")]
    Busy(Option<Duration>),
    #[error("too long")]
    TooLong,
}

impl Failure {
    /// The library's errors repeat what was answered: nothing of them is kept but the error's word and number.
    fn from_oauth(error: RequestTokenError<Unanswered, BasicErrorResponse>) -> Self {
        match error {
            RequestTokenError::Request(Unanswered::Unreachable) => Self::Passing(TokenError::Unreachable, None),
            RequestTokenError::Request(Unanswered::Busy(asked)) => Self::Passing(TokenError::Temporary, asked),
            RequestTokenError::ServerResponse(answer) => match answer.error().as_ref() {
                "temporarily_unavailable" | "server_error" => Self::Passing(TokenError::Temporary, None),
                word => {
                    let description = answer.error_description().map(String::as_str);
                    Self::Final(TokenError::Refused(Refusal::new(word, description)))
                }
            },
            RequestTokenError::Request(Unanswered::TooLong)
            | RequestTokenError::Parse(..)
            | RequestTokenError::Other(_) => Self::Final(TokenError::Malformed),
        }
    }
}
