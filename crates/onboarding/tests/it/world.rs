//! An installation beside a stub of Microsoft, and a person who goes there and comes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use m365_database::Database;
use m365_graph::{Credentials, Endpoints, Limits};
use m365_model::{Clock as _, EntraTenantId, ManualClock, SeededEntropy, Surroundings, TenantId, UserId};
use m365_onboarding::{Callback, Onboarding, OnboardingOptions, Refusal, Step, Visitor};
use m365_store::{Crypter, MasterKey, Store};
use serde_json::{Value, json};
use url::Url;

use crate::stub::{ONE, Says, Stub};

pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub const OTHER: &str = "99999999-2222-3333-4444-555555555555";
pub const CLIENT: &str = "client-1";
pub const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";
pub const EVERY_MEMBER: &str = "b79fbf4d-3ef9-4689-8143-76b194e85509";

pub struct World {
    pub stub: Stub,
    pub onboarding: Onboarding,
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub user: UserId,
    _folder: tempfile::TempDir,
}

pub fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

pub fn entra(id: &str) -> EntraTenantId {
    id.parse().unwrap()
}

impl World {
    pub async fn new() -> Self {
        Self::pinned(None).await
    }

    pub async fn pinned(pinned: Option<&str>) -> Self {
        let stub = Stub::start(Says {
            id_token: String::new(),
            keys: json!([]),
            keys_status: 200,
            app_token: json!({}),
            app_refused: None,
            organization: (200, json!({ "value": [{ "id": TENANT }] })),
            asked: Vec::new(),
        })
        .await;
        let app_token = json!({ "tid": TENANT, "appid": CLIENT, "exp": 4_000_000_000_i64,
            "roles": ["Calendars.Read", "Mail.ReadBasic.All", "User.Read.All"] });
        let keys = json!([ONE.jwk(&format!("{}/{{tenantid}}/v2.0", stub.url))]);
        stub.set(|says| (says.app_token, says.keys) = (app_token, keys));
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new("2026-03-02T12:00:00Z".parse().unwrap()));
        let surroundings = Surroundings { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(7)) };
        let url = format!("sqlite://{}", folder.path().join("onboarding.db").display());
        let database = Database::open(&url, surroundings).await.unwrap();
        database.migrate().await.unwrap();
        let key = MasterKey::from_hex(&"5e".repeat(32).into()).unwrap();
        let store = Store::new(database, Crypter::new(key, Vec::new()));
        let onboarding = Onboarding::new(OnboardingOptions {
            store: store.clone(),
            endpoints: Endpoints::custom(&stub.url, &stub.url).unwrap(),
            credentials: Credentials::new(CLIENT, &"s3cret".into()).unwrap(),
            limits: Limits { attempts: 1, ..Limits::default() },
            redirect_uri: "http://localhost:8365/connectors/microsoft-365/callback".parse().unwrap(),
            pinned: pinned.map(entra),
        })
        .unwrap();
        Self { stub, onboarding, store, clock, user: "user_1".parse().unwrap(), _folder: folder }
    }

    pub fn visitor<'a>(&'a self, tenant: &'a TenantId) -> Visitor<'a> {
        Visitor { tenant, user: &self.user, session: "session-1", browser: "cookie-1" }
    }

    /// What an administrator's id token says.
    pub fn claims(&self, nonce: &str) -> Value {
        let now = self.clock.now().as_second();
        json!({
            "iss": format!("{}/{TENANT}/v2.0", self.stub.url), "aud": CLIENT, "tid": TENANT, "nonce": nonce,
            "iat": now, "nbf": now, "exp": now + 3600, "ver": "2.0",
            "preferred_username": "CANARY.admin@contoso.com", "wids": [GLOBAL_ADMINISTRATOR, EVERY_MEMBER],
        })
    }

    /// Sets out, and has the stub sign what `change` makes of an administrator's claims: what comes back.
    pub async fn sign_in(&self, visitor: &Visitor<'_>, change: impl FnOnce(&mut Value)) -> Callback {
        let url = self.onboarding.begin(visitor).await.unwrap();
        self.answer_to(&url, change)
    }

    pub fn answer_to(&self, url: &Url, change: impl FnOnce(&mut Value)) -> Callback {
        let query = query(url);
        let mut claims = self.claims(&query["nonce"]);
        change(&mut claims);
        self.stub.set(|says| says.id_token = ONE.sign("one", &claims));
        Callback { state: Some(query["state"].clone()), code: Some("a-code".to_owned()), ..Callback::default() }
    }

    /// Signs in as an administrator and is sent to the consent page; comes back from there with a yes.
    pub async fn consented(&self, visitor: &Visitor<'_>) -> Callback {
        let back = self.sign_in(visitor, |_| {}).await;
        let step = self.onboarding.callback(visitor, back).await.unwrap();
        yes(&step)
    }

    /// The code of the refusal of a sign-in whose claims `change` changed.
    pub async fn refused(&self, change: impl FnOnce(&mut Value)) -> &'static str {
        let tenant = tenant("default");
        let visitor = self.visitor(&tenant);
        let back = self.sign_in(&visitor, change).await;
        let refusal = self.onboarding.callback(&visitor, back).await.unwrap_err();
        assert_quiet(&refusal);
        refusal.code()
    }
}

/// Whoever is sent to the consent page says yes there.
pub fn yes(step: &Step) -> Callback {
    let Step::GoTo(url) = step else { panic!("no consent page: {step:?}") };
    Callback {
        state: Some(query(url)["state"].clone()),
        tenant: Some(url.path().split('/').nth(1).unwrap().to_owned()),
        admin_consent: Some("True".to_owned()),
        ..Callback::default()
    }
}

pub fn query(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

/// A refusal says four things, and nothing of Microsoft's or a person's.
pub fn assert_quiet(refusal: &Refusal) {
    for text in [refusal.title(), refusal.meaning(), refusal.remedy(), &refusal.to_string(), &format!("{refusal:?}")] {
        assert!(!text.is_empty() && !text.contains("CANARY") && !text.contains("s3cret"), "{text}");
    }
}
