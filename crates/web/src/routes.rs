//! Every route, with its rule.
//!
//! A handler's first argument is its gate; a handler without one does not fit into the table.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::handler::Handler;
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use tokio::net::TcpListener;

use crate::app::App;
use crate::doors::Gate;
pub use crate::doors::Rule;
use crate::pages;
use crate::problem::Problem;
use crate::{headers, render};

/// One route, for whoever wants to try them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Its path, with names of parameters in braces.
    pub path: &'static str,
    /// Who may pass.
    pub rule: Rule,
}

/// What a handler asks for first, found in the tuple of its arguments.
pub trait OpensWith {
    /// The gate.
    type Gate: Gate;
}

impl<M, G: Gate> OpensWith for (M, G) {
    type Gate = G;
}

impl<M, G: Gate, A> OpensWith for (M, G, A) {
    type Gate = G;
}

impl<M, G: Gate, A, B> OpensWith for (M, G, A, B) {
    type Gate = G;
}

struct Table {
    router: Router<App>,
    routes: Vec<Route>,
}

impl Table {
    fn get<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: OpensWith + 'static,
    {
        self.add("GET", path, <T::Gate as Gate>::RULE, get(handler))
    }

    fn post<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: OpensWith + 'static,
    {
        self.add("POST", path, <T::Gate as Gate>::RULE, on(MethodFilter::POST, handler))
    }

    fn add(mut self, method: &'static str, path: &'static str, rule: Rule, handler: MethodRouter<App>) -> Self {
        self.routes.push(Route { method, path, rule });
        Self { router: self.router.route(path, handler), routes: self.routes }
    }
}

fn build() -> Table {
    Table { router: Router::new(), routes: Vec::new() }
        .get("/", pages::home::home)
        .get("/healthz", pages::home::healthz)
        .get("/readyz", pages::home::readyz)
        .get("/sign-in", pages::sign_in::explain)
        .get("/sign-in/{secret}", pages::sign_in::link)
        .post("/sign-in", pages::sign_in::sign_in)
        .post("/sign-out", pages::sign_in::sign_out)
        .get("/settings/connectors", pages::connectors::list)
        .get("/settings/connectors/microsoft-365", pages::connector::show)
        .post("/settings/connectors/microsoft-365/sync", pages::runs::start)
        .post("/settings/connectors/microsoft-365/cancel", pages::runs::cancel)
        .post("/settings/connectors/microsoft-365/schedule", pages::schedule::change)
        .get("/settings/connectors/microsoft-365/progress", pages::runs::progress)
        .get("/settings/connectors/microsoft-365/runs", pages::runs::list)
        .get("/settings/connectors/microsoft-365/runs/{id}", pages::runs::show)
        .get("/settings/connectors/microsoft-365/register", pages::register::show)
        .post("/settings/connectors/microsoft-365/register", pages::register::note)
        .get("/settings/connectors/microsoft-365/connect", pages::connect::show)
        .post("/settings/connectors/microsoft-365/connect", pages::connect::begin)
        .post("/settings/connectors/microsoft-365/connect/invite", pages::connect::invite)
        .post("/settings/connectors/microsoft-365/connect/check", pages::connect::check)
        .get("/connectors/microsoft-365/callback", pages::connect::callback)
        .get("/invitations/{tenant}/{secret}", pages::connect::invitation)
        .post("/invitations", pages::connect::accept_invitation)
        .get("/settings/connectors/microsoft-365/disconnect", pages::disconnect::show)
        .post("/settings/connectors/microsoft-365/disconnect", pages::disconnect::disconnect)
        .get("/settings/connectors/microsoft-365/agreement", pages::agreement::show)
        .post("/settings/connectors/microsoft-365/agreement", pages::agreement::accept)
        .post("/settings/connectors/microsoft-365/agreement/withdraw", pages::agreement::withdraw)
        .get("/settings/connectors/microsoft-365/agreement/text", pages::agreement_text::show)
        .post("/settings/connectors/microsoft-365/agreement/text", pages::agreement_text::set)
        .post("/settings/connectors/microsoft-365/agreement/built-in", pages::agreement_text::use_built_in)
        .get("/settings/connectors/microsoft-365/agreement.txt", pages::agreement::record)
        .get("/settings/connectors/microsoft-365/domains", pages::domains::show)
        .post("/settings/connectors/microsoft-365/domains", pages::domains::propose)
        .get("/settings/connectors/microsoft-365/domains/preview", pages::domains::preview)
        .post("/settings/connectors/microsoft-365/domains/remove", pages::domains::remove)
        .get("/settings/connectors/microsoft-365/health", pages::health::show)
        .get("/settings/connectors/microsoft-365/mailboxes", pages::mailboxes::show)
        .post("/settings/connectors/microsoft-365/mailboxes", pages::mailboxes::choose)
        .get("/settings/connectors/microsoft-365/settings", pages::settings::show)
        .post("/settings/connectors/microsoft-365/settings", pages::settings::save)
        .get("/settings/audit", pages::audit::show)
        .get("/activities", pages::activities::show)
        .get("/activities.csv", pages::activities::download::csv)
        .get("/activities.ndjson", pages::activities::download::ndjson)
        .get("/activities/person", pages::people::ask)
        .post("/activities/person", pages::people::find)
        .get("/people/{key}", pages::people::show)
        .get("/people/{key}/records.ndjson", pages::people::export)
        .post("/people/exclude", pages::exclusions::exclude_person)
        .post("/people/erase", pages::people::erasing::erase)
        .get("/settings/connectors/microsoft-365/exclusions", pages::exclusions::show)
        .post("/settings/connectors/microsoft-365/exclusions", pages::exclusions::change)
        .get("/settings/kept", pages::kept::show)
}

/// Every route with its rule.
pub fn table() -> Vec<Route> {
    build().routes
}

/// The dashboard as a service.
pub fn router(app: App) -> Router {
    build()
        .router
        .route(&render::STYLE_PATH, get(|| async { asset("text/css; charset=utf-8", render::STYLE) }))
        .route(&render::SCRIPT_PATH, get(|| async { asset("text/javascript; charset=utf-8", render::SCRIPT) }))
        .route("/assets/icon.svg", get(|| async { asset("image/svg+xml", include_str!("../assets/icon.svg")) }))
        .fallback(|| async { Problem::NotFound })
        .method_not_allowed_fallback(|| async { Problem::NotFound })
        .layer(from_fn_with_state(app.clone(), headers::guard))
        .with_state(app)
}

/// Answers on `listener` until the process ends.
///
/// # Errors
/// When it cannot listen any more.
pub async fn serve(listener: TcpListener, app: App) -> io::Result<()> {
    axum::serve(listener, router(app).into_make_service_with_connect_info::<SocketAddr>()).await
}

fn asset(kind: &'static str, text: &'static str) -> axum::response::Response {
    let cache = HeaderValue::from_static("public, max-age=31536000, immutable");
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CACHE_CONTROL, cache)], text).into_response()
}
