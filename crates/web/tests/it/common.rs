//! A dashboard, and a browser in which its local administrator is signed in. It goes the ways of a person: it opens pages, and
//! sends forms with the proof that stands on the page.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use m365_model::{EntraTenantId, TenantId};
use m365_onboarding::{Onboarding, OnboardingOptions};
use m365_store::Store;
use m365_sync::Engine;
use m365_sync::runner::Runner;
use m365_web::{App, AppOptions, Doors, TrustedProxies, router};
use secrecy::ExposeSecret as _;
use testkit::Kit;
use tower::ServiceExt as _;
use url::form_urlencoded::Serializer;

/// A dashboard and a browser.
pub struct Desk {
    router: Router,
    cookies: Mutex<BTreeMap<String, String>>,
    /// Where it asks from, and what it says that it is forwarded for.
    from: Mutex<Option<(IpAddr, String)>>,
}

/// What the browser was answered.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// A header's value; empty when there is none.
    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Where a redirect leads.
    pub fn location(&self) -> &str {
        self.header(header::LOCATION)
    }

    /// The proof of the page's forms.
    pub fn proof(&self) -> String {
        let (_, rest) = self.text.split_once("name=\"proof\" value=\"").expect("a form with a proof");
        rest.split('"').next().expect("a value").to_owned()
    }

    /// Every place to which the page leads, links and forms.
    pub fn links(&self) -> Vec<String> {
        let mut links: Vec<String> = Vec::new();
        for attribute in ["href=\"", "action=\"", "src=\"", "formaction=\""] {
            let values = self.text.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
            links.extend(values.map(|link| link.replace("&#38;", "&").replace("&amp;", "&")));
        }
        links
    }
}

impl Desk {
    /// A dashboard on a kit's store, in front of which its administrator sits.
    pub async fn of(kit: &Kit) -> Self {
        Self::for_tenant(&kit.store, &kit.engine, &kit.tenant).await
    }

    /// The same for a tenant of a store's.
    pub async fn for_tenant(store: &Store, engine: &Engine, tenant: &TenantId) -> Self {
        Self::closed(store, engine, tenant).let_in(store, tenant).await
    }

    /// The same on an installation that is pinned to a Microsoft tenant.
    pub async fn pinned(kit: &Kit, entra_tenant: &str) -> Self {
        let choices = Choices { pinned: Some(entra_tenant.parse().expect("a GUID")), ..Choices::default() };
        let desk = Self::made(&kit.store, &kit.engine, Doors::Local(kit.tenant.clone()), choices);
        desk.let_in(&kit.store, &kit.tenant).await
    }

    /// Signs the local administrator in, by a link.
    async fn let_in(self, store: &Store, tenant: &TenantId) -> Self {
        let link = store.create_sign_in_link(tenant).await.expect("a link");
        let page = self.get(&format!("/sign-in/{}", link.expose_secret())).await;
        let fields = [("proof", page.proof()), ("link", link.expose_secret().to_owned())];
        let answer = self.send("/sign-in", &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        self
    }

    /// The same before anybody has signed in.
    pub fn closed(store: &Store, engine: &Engine, tenant: &TenantId) -> Self {
        Self::behind(store, engine, Doors::Local(tenant.clone()))
    }

    /// The same behind these doors.
    pub fn behind(store: &Store, engine: &Engine, doors: Doors) -> Self {
        Self::made(store, engine, doors, Choices::default())
    }

    /// The same where proxies stand in front.
    pub fn behind_proxies(kit: &Kit, proxies: &str) -> Self {
        let choices = Choices { proxies: proxies.parse().expect("networks"), ..Choices::default() };
        Self::made(&kit.store, &kit.engine, Doors::Local(kit.tenant.clone()), choices)
    }

    /// The same browser, after the dashboard was started again with another engine.
    pub fn moved_to(&self, kit: &Kit, engine: &Engine) -> Self {
        let desk = Self::behind(&kit.store, engine, Doors::Local(kit.tenant.clone()));
        desk.cookies.lock().expect("a jar").clone_from(&self.cookies.lock().expect("a jar"));
        desk
    }

    /// The dashboard alone, to be served.
    pub fn app(kit: &Kit) -> App {
        app(&kit.store, &kit.engine, Doors::Local(kit.tenant.clone()), Choices::default())
    }

    fn made(store: &Store, engine: &Engine, doors: Doors, choices: Choices) -> Self {
        Self { router: router(app(store, engine, doors, choices)), cookies: Mutex::default(), from: Mutex::default() }
    }

    /// From now on it asks from this address, and brings this header along.
    pub fn ask_from(&self, peer: &str, forwarded: &str) {
        *self.from.lock().expect("an address") = Some((peer.parse().expect("an address"), forwarded.to_owned()));
    }

    /// Has the browser keep a cookie.
    pub fn keep_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().expect("a jar").insert(name.to_owned(), value.to_owned());
    }

    /// Opens a page.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    /// Opens the page `from` and sends a form of it to `path`.
    pub async fn post(&self, from: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("proof", self.get(from).await.proof())];
        all.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.send(path, &all).await
    }

    /// Sends a form with these fields and no others.
    pub async fn send(&self, path: &str, fields: &[(&str, String)]) -> Answer {
        self.send_from("http://localhost:8365", path, fields).await
    }

    /// The same from a page of another site.
    pub async fn send_from(&self, origin: &str, path: &str, fields: &[(&str, String)]) -> Answer {
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ORIGIN, origin);
        self.ask(request.body(Body::from(body)).expect("a request")).await
    }

    async fn ask(&self, mut request: Request<Body>) -> Answer {
        let cookies = {
            let jar = self.cookies.lock().expect("a jar");
            jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
        };
        request.headers_mut().insert(header::COOKIE, cookies.parse().expect("a header"));
        let from = self.from.lock().expect("an address").clone();
        if let Some((peer, forwarded)) = from {
            request.extensions_mut().insert(ConnectInfo(SocketAddr::from((peer, 4711))));
            request.headers_mut().insert("x-forwarded-for", forwarded.parse().expect("a header"));
        }
        let answer = self.router.clone().oneshot(request).await.expect("an answer");
        let (head, body) = answer.into_parts();
        for cookie in head.headers.get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().expect("a cookie").split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("a pair");
            self.keep_cookie(name, value);
        }
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8(body.to_vec()).expect("a text");
        Answer { status: head.status, headers: head.headers, text }
    }
}

/// What an operator has chosen.
#[derive(Default)]
struct Choices {
    pinned: Option<EntraTenantId>,
    proxies: TrustedProxies,
}

fn app(store: &Store, engine: &Engine, doors: Doors, choices: Choices) -> App {
    let options = OnboardingOptions {
        store: store.clone(),
        endpoints: engine.endpoints.clone(),
        credentials: engine.credentials.clone(),
        limits: engine.limits.clone(),
        redirect_uri: "http://localhost:8365/connectors/microsoft-365/callback".parse().expect("a URL"),
        pinned: choices.pinned,
    };
    App::new(AppOptions {
        store: store.clone(),
        runner: Some(Runner::new(engine.clone())),
        authority: "https://login.microsoftonline.com".to_owned(),
        redirect_uri: "http://localhost:8365/connectors/microsoft-365/callback".parse().expect("a URL"),
        public_url: "http://localhost:8365".parse().expect("a URL"),
        onboarding: Some(Onboarding::new(options).expect("a client")),
        doors,
        proxies: choices.proxies,
    })
}
