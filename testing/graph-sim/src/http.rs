//! How the tenant is asked: one handler that reads a request, looks at what is to go wrong with
//! it, and has the world answer.

mod answer;
mod authorize;
mod back;
mod batch;
mod calendar;
mod consent;
mod delta;
mod directory;
mod folders;
mod login;
mod messages;
mod page;
mod redeem;
mod request;
mod route;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::http::Method;
use axum::response::Response;

use crate::Simulator;
use crate::faults::{Trouble, take_one};
use crate::serve::Line;
use crate::watch::LogEntry;
use crate::wire::View;
use crate::world::UserNo;
use crate::zones::Zone;
use answer::{Answer, Refusal};
use request::Request;
use route::Route;

/// The largest request body that is read: the form that asks for a token, or a batch.
const BODY_LIMIT: usize = 256 * 1024;

/// How many requests a mailbox answers at once where that is enforced
/// (<https://learn.microsoft.com/graph/throttling-limits>).
const MAILBOX_CONCURRENCY: usize = 4;

pub(crate) fn router(sim: Simulator) -> Router {
    Router::new().fallback(handle).with_state(sim)
}

async fn handle(State(sim): State<Simulator>, request: HttpRequest) -> Response {
    sim.note_request();
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let line = parts.extensions.get::<ConnectInfo<Line>>().map(|info| info.0.clone());
    let request = Request::read(&parts, line.as_ref().map_or("http", Line::scheme));
    let visit = Visit::begin(&sim, request);
    if !sim.options().latency.is_zero() {
        tokio::time::sleep(sim.options().latency).await;
    }
    let answer = visit.answer(&body, line.as_ref());
    visit.note(&answer);
    let serial = sim.watch().counters.requests;
    answer.into_response(serial)
}

/// One request on its way through; leaving it counts the request out.
struct Visit<'a> {
    sim: &'a Simulator,
    request: Request,
    route: Route,
    mailbox: Option<UserNo>,
    /// How many requests are under way for its mailbox, this one included.
    at_once: usize,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.sim.watch().leave(self.mailbox);
    }
}

impl<'a> Visit<'a> {
    fn begin(sim: &'a Simulator, request: Request) -> Self {
        let route = Route::of(&request);
        let mailbox = route.owner().and_then(|key| sim.world().find_user(key));
        let at_once = sim.watch().enter(mailbox);
        Self { sim, request, route, mailbox, at_once }
    }

    fn note(&self, answer: &Answer) {
        let request = &self.request;
        self.sim.watch().note(LogEntry {
            method: request.method.to_string(),
            path: request.path.clone(),
            query_keys: request.query.keys().map(str::to_owned).collect(),
            select: request.query.get("$select").map(str::to_owned),
            filter: request.query.get("$filter").map(str::to_owned),
            prefer: request.prefer.text.clone(),
            kind: self.route.kind(),
            mailbox: self.mailbox,
            status: answer.status,
        });
    }

    fn answer(&self, body: &Bytes, line: Option<&Line>) -> Answer {
        let (sim, request) = (self.sim, &self.request);
        if let Some(answer) = self.entra(body) {
            return answer;
        }
        let roles = match login::roles_of(sim, request) {
            Ok(roles) => roles,
            Err(refusal) => return self.refuse(&refusal),
        };
        if take_one(&mut sim.faults().ungranted) {
            return self.refuse(&self.denied());
        }
        if sim.options().enforce_concurrency && self.at_once > MAILBOX_CONCURRENCY {
            return self.refuse(&Refusal::throttled(Some("1")));
        }
        if let (Some(user), Some(limit)) = (self.mailbox, sim.options().mailbox_rate) {
            let now = sim.now().as_second();
            let wait = sim.watch().over_rate(user, now, limit);
            if let Some(wait) = wait {
                return self.refuse(&Refusal::too_many(wait));
            }
        }
        let trouble = sim.faults().take(self.mailbox, self.route.kind());
        match trouble {
            Some(Trouble::Throttle(retry_after)) => {
                return self.refuse(&Refusal::throttled(retry_after.as_deref()));
            }
            Some(Trouble::Fail(status, code)) => {
                return self.refuse(&Refusal::new(status, &code, "The service has failed."));
            }
            Some(Trouble::HangUp) => {
                if let Some(line) = line {
                    line.cut_after(0);
                }
                return Answer::empty(500);
            }
            Some(Trouble::Halfway) | None => {}
        }
        let answer = match self.route {
            Route::Batch => batch::answer(sim, request, body),
            _ => self.graph(&roles),
        };
        let answer = answer.unwrap_or_else(|refusal| self.refuse(&refusal));
        if trouble.is_some()
            && let Some(line) = line
        {
            // The head of an answer is about 175 bytes long.
            line.cut_after(180 + answer.body.len() / 2);
        }
        answer
    }

    /// What Entra answers, where it is asked.
    fn entra(&self, body: &Bytes) -> Option<Answer> {
        let (sim, request) = (self.sim, &self.request);
        Some(match &self.route {
            Route::Token(tenant) => login::token(sim, request, tenant, body),
            Route::OpenId(tenant) => login::metadata(sim, request, tenant),
            Route::Keys(tenant) => login::keys(sim, request, tenant),
            Route::Authorize(tenant) => authorize::page(sim, request, tenant),
            Route::AuthorizeAs(tenant, choice) => authorize::choose(sim, request, tenant, choice),
            Route::AdminConsent(tenant) => consent::page(sim, request, tenant),
            Route::Consent(tenant, choice) => consent::choose(sim, request, tenant, choice),
            _ => return None,
        })
    }

    /// What Exchange says of a missing permission, or the directory.
    fn denied(&self) -> Refusal {
        if self.route.owner().is_some() { Refusal::access_denied() } else { Refusal::directory_denied() }
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        refusal.answer(self.sim.world().now)
    }

    fn graph(&self, roles: &[String]) -> Result<Answer, Refusal> {
        let (sim, request, route) = (self.sim, &self.request, &self.route);
        if !matches!(route, Route::Unknown(_)) && request.method != Method::GET {
            return Err(Refusal::new(405, "Request_BadRequest", "Specified HTTP method is not allowed."));
        }
        if request.query.has_raw_plus("$filter") {
            return Err(Refusal::bad_filter());
        }
        let ask = Ask { sim, request, roles, user: self.mailbox, kind: route.kind() };
        match route {
            Route::Me => {
                Err(Refusal::new(400, "BadRequest", "/me request is only valid with delegated authentication flow."))
            }
            Route::Organization => directory::organization(&ask),
            Route::Users => directory::users(&ask),
            Route::User(key) => directory::user(&ask, key),
            Route::Folders(key) => folders::children(&ask, key, None),
            Route::Folder(key, folder) => folders::folder(&ask, key, folder),
            Route::ChildFolders(key, folder) => folders::children(&ask, key, Some(folder)),
            Route::MessageDelta(key, folder) => messages::delta(&ask, key, folder),
            Route::FolderMessages(key, folder) => messages::list(&ask, key, Some(folder)),
            Route::Messages(key) => messages::list(&ask, key, None),
            Route::Message(key, id) => messages::one(&ask, key, id),
            Route::Attachments(key, id) => messages::attachments(&ask, key, id),
            Route::RootDelta(key) => messages::root_delta(&ask, key),
            Route::CalendarDelta(key) => calendar::delta(&ask, key),
            Route::CalendarView(key) => calendar::view(&ask, key),
            Route::Calendars(key) => calendar::calendars(&ask, key),
            Route::Event(key, id) => calendar::event(&ask, key, id),
            // Entra's have been answered, and a batch takes another way.
            _ => Err(Refusal::new(404, "ResourceNotFound", "Resource not found for the segment.")),
        }
    }
}

/// How a request wants things shown, and whether it may see bodies.
fn view(ask: &Ask<'_>, bodies: bool) -> View {
    let prefer = &ask.request.prefer;
    View {
        form: prefer.form(),
        zone: prefer.zone.unwrap_or(Zone::Utc),
        text: prefer.text_bodies,
        bodies,
        series_zone: ask.sim.faults().quirks.occurrences_in_series_zone,
        big: ask.sim.options().big_body_bytes,
    }
}

/// A request to Graph that may be answered.
pub(crate) struct Ask<'a> {
    pub sim: &'a Simulator,
    pub request: &'a Request,
    pub roles: &'a [String],
    pub user: Option<UserNo>,
    pub kind: &'static str,
}

impl Ask<'_> {
    fn may(&self, any_of: &[&str]) -> bool {
        self.roles.iter().any(|role| any_of.contains(&role.as_str()))
    }

    /// The user a path names, whose mailbox answers.
    fn mailbox_of(&self, key: &str) -> Result<UserNo, Refusal> {
        let Some(user) = self.user else {
            let text = format!("The requested user '{key}' is invalid.");
            return Err(Refusal::new(404, "ErrorInvalidUser", &text));
        };
        if let Some((status, code, text)) = self.sim.faults().mailbox_errors.get(&user) {
            return Err(Refusal::new(*status, code, text));
        }
        if self.sim.faults().nameless.contains(&user) && self.sim.world().user(user).id != key {
            return Err(Refusal::new(503, "MailboxInfoStale", "Mailbox info is stale."));
        }
        if self.sim.world().mailbox(user).is_none() {
            return Err(Refusal::no_mailbox());
        }
        Ok(user)
    }
}
