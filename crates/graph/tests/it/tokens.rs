//! The token: when it is fetched, by whom, and what happens when it is refused.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use m365_graph::{Credentials, GraphError, StoredToken, TokenError, TokenVault, VaultFuture};
use m365_model::EntraTenantId;
use secrecy::ExposeSecret as _;
use tokio::sync::Semaphore;

use crate::home::{House, NOW, Setup, ask, at, graph};
use crate::server::{Server, TENANT, empty_page, error, in_turn, json, jwt, token, with_header};

/// A vault that a test can look into.
#[derive(Default)]
struct Shelf(Mutex<Option<StoredToken>>);

impl Shelf {
    fn holding(token: &str, expires_at: &str) -> Arc<Self> {
        let token = StoredToken { access_token: token.into(), expires_at: at(expires_at) };
        Arc::new(Self(Mutex::new(Some(token))))
    }

    fn text(&self) -> Option<String> {
        self.0.lock().unwrap().as_ref().map(|token| token.access_token.expose_secret().to_owned())
    }
}

impl TokenVault for Shelf {
    fn load(&self) -> VaultFuture<'_, Option<StoredToken>> {
        Box::pin(async { self.0.lock().unwrap().clone() })
    }

    fn save(&self, token: StoredToken) -> VaultFuture<'_, ()> {
        Box::pin(async { *self.0.lock().unwrap() = Some(token) })
    }
}

fn bearer(server: &Server) -> Vec<String> {
    let told = |seen: &crate::server::Seen| seen.header("authorization").trim_start_matches("Bearer ").to_owned();
    server.asked().iter().map(told).collect()
}

#[tokio::test]
async fn a_token_is_kept_until_five_minutes_before_it_ends() {
    let server = Server::graph(|_| async { empty_page() }).await;
    let (house, setup) = (House::open().await, Setup::default());
    let (gate, graph) = (house.gate().await, setup.graph(&server));
    ask(&graph, &gate, "u1").await.unwrap();
    setup.clock.advance(Duration::from_secs(3599 - 301));
    ask(&graph, &gate, "u1").await.unwrap();
    assert_eq!(server.exchanges(), 1, "renewed too early");
    setup.clock.advance(Duration::from_secs(1));
    ask(&graph, &gate, "u1").await.unwrap();
    assert_eq!(server.exchanges(), 2, "not renewed five minutes before the end");
    assert_eq!(bearer(&server), [jwt(1), jwt(1), jwt(2)]);
    assert_eq!(graph.usage().tokens, 2);
}

#[tokio::test]
async fn a_token_shorter_than_the_margin_is_still_used_more_than_once() {
    let server = Server::with(|seen| async move { if seen.is_token() { token(1, 120) } else { empty_page() } }).await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    for _ in 0..3 {
        ask(&graph, &gate, "u1").await.unwrap();
    }
    assert_eq!(server.exchanges(), 1);
}

#[tokio::test]
async fn the_exchange_is_the_client_credentials_flow_with_the_secret_in_the_body() {
    let server = Server::graph(|_| async { empty_page() }).await;
    graph(&server).granted().await.unwrap();
    let exchange = &server.seen()[0];
    assert_eq!(
        (exchange.method.as_str(), exchange.target.as_str()),
        ("POST", &*format!("/{TENANT}/oauth2/v2.0/token"))
    );
    assert_eq!(exchange.header("authorization"), "", "the secret stands in a header");
    assert!(exchange.header("user-agent").starts_with("m365-connector/"));
    let mut form: Vec<(String, String)> = url::form_urlencoded::parse(exchange.body.as_bytes()).into_owned().collect();
    form.sort();
    let expected = [
        ("client_id", "client-1"),
        ("client_secret", "CANARY-SECRET"),
        ("grant_type", "client_credentials"),
        ("scope", &format!("{}/.default", server.url)),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

/// The fingerprint was taken with another program: `openssl x509 -outform der | openssl dgst -sha256 -binary`.
#[tokio::test]
async fn a_certificate_signs_what_it_is_asked_for_and_no_secret_is_sent() {
    let pem = include_str!("../fixtures/certificate.pem");
    let server = Server::graph(|_| async { empty_page() }).await;
    let credentials = Credentials::with_certificate("client-1", &pem.into()).unwrap();
    Setup::default().graph_as(&server, credentials).granted().await.unwrap();
    let exchange = &server.seen()[0];
    let form: std::collections::BTreeMap<String, String> =
        url::form_urlencoded::parse(exchange.body.as_bytes()).into_owned().collect();
    assert!(!form.contains_key("client_secret"));
    assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let statement = &form["client_assertion"];
    let header = jsonwebtoken::decode_header(statement).unwrap();
    assert_eq!(header.x5t_s256.as_deref(), Some("s6AFZjseiInCZIyTMBw5aW75Ah2GdWME4fMrFTkyMts"));
    let public = jsonwebtoken::DecodingKey::from_rsa_pem(include_bytes!("../fixtures/certificate.public.pem")).unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::PS256);
    rules.set_audience(&[format!("{}/{TENANT}/oauth2/v2.0/token", server.url)]);
    rules.set_issuer(&["client-1"]);
    rules.sub = Some("client-1".to_owned());
    // The clock of the test stands still in another year.
    rules.validate_exp = false;
    let claims: serde_json::Value = jsonwebtoken::decode(statement, &public, &rules).unwrap().claims;
    let now = at(NOW).as_second();
    assert_eq!((claims["nbf"].as_i64(), claims["exp"].as_i64()), (Some(now), Some(now + 600)));
    assert!(claims["jti"].as_str().unwrap().len() > 20);
}

#[tokio::test]
async fn a_file_without_both_halves_is_no_certificate() {
    let pem = include_str!("../fixtures/certificate.pem");
    let half = |label: &str| {
        let begin = pem.find(&format!("-----BEGIN {label}")).unwrap();
        pem[begin..].split_inclusive("-----\n").take(2).collect::<String>()
    };
    for text in [&half("PRIVATE KEY"), &half("CERTIFICATE"), "", "-----BEGIN CERTIFICATE-----"] {
        let error = Credentials::with_certificate("client-1", &text.into()).unwrap_err();
        assert!(error.to_string().contains("PEM"), "{error}");
    }
    let swapped = half("CERTIFICATE") + &half("PRIVATE KEY");
    assert!(Credentials::with_certificate("client-1", &swapped.as_str().into()).is_ok());
}

#[tokio::test]
async fn many_tasks_share_one_exchange() {
    let open = Arc::new(Semaphore::new(0));
    let (door, tokens) = (Arc::clone(&open), AtomicU32::new(0));
    let server = Server::with(move |seen| {
        let door = Arc::clone(&door);
        let number = if seen.is_token() { tokens.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
        async move {
            if number == 0 {
                return empty_page();
            }
            door.acquire().await.unwrap().forget();
            token(number, 3599)
        }
    })
    .await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    // Polled in turn on one thread: all twenty have asked for the token before the answer can be read.
    let names: Vec<String> = (0..20).map(|n| format!("u{n}")).collect();
    let all = join_all(names.iter().map(|id| ask(&graph, &gate, id)));
    let release = async { open.add_permits(20) };
    let (answers, ()) = tokio::join!(all, release);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(server.exchanges(), 1);
}

#[tokio::test]
async fn a_refused_exchange_is_shared_and_not_repeated() {
    let server = Server::with(|_| async { json(401, r#"{"error":"invalid_client"}"#) }).await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    let answers = join_all((0..10).map(|_| ask(&graph, &gate, "u1"))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(GraphError::Token(TokenError::Refused(_))))));
    // The overall limit is sixteen and the mailbox's four: they come in waves, each of which may ask once.
    assert!(server.exchanges() <= 3, "{} exchanges", server.exchanges());
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_saved_token_is_used_without_an_exchange_and_a_new_one_is_saved() {
    let server = Server::graph(|_| async { empty_page() }).await;
    let house = House::open().await;
    let gate = house.gate().await;
    let shelf = Shelf::holding(&jwt(77), "2026-03-02T15:30:00Z");
    let setup = Setup { vault: shelf.clone(), ..Setup::default() };
    ask(&setup.graph(&server), &gate, "u1").await.unwrap();
    assert_eq!((server.exchanges(), bearer(&server)), (0, vec![jwt(77)]));
    setup.clock.advance(Duration::from_mins(26));
    ask(&setup.graph(&server), &gate, "u1").await.unwrap();
    assert_eq!(server.exchanges(), 1, "a token was used in its last five minutes");
    assert_eq!(shelf.text(), Some(jwt(1)));
}

#[tokio::test]
async fn a_saved_token_of_another_application_or_tenant_is_not_used() {
    let server = Server::graph(|_| async { empty_page() }).await;
    let claims = |json: &str| {
        use base64::Engine as _;
        format!("e30.{}.s", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json))
    };
    for foreign in [r#"{"appid":"client-2"}"#, r#"{"tid":"99999999-2222-3333-4444-555555555555"}"#] {
        let setup = Setup { vault: Shelf::holding(&claims(foreign), "2026-03-02T16:00:00Z"), ..Setup::default() };
        let granted = setup.graph(&server).granted().await.unwrap();
        assert_eq!(granted.missing(), Vec::<&str>::new(), "{foreign}");
    }
    assert_eq!(server.exchanges(), 2);
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_same_url_asked_again() {
    let server = Server::graph(|seen| async move {
        let revoked = [jwt(77), jwt(1)].iter().any(|token| seen.header("authorization").ends_with(token));
        if revoked { error(401, "InvalidAuthenticationToken") } else { empty_page() }
    })
    .await;
    let house = House::open().await;
    let gate = house.gate().await;
    let graph = graph(&server);
    ask(&graph, &gate, "u1").await.unwrap();
    let targets: Vec<_> = server.asked().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets.len(), 2);
    assert_eq!(targets[0], targets[1]);
    assert_eq!(bearer(&server), [jwt(1), jwt(2)]);
    ask(&graph, &gate, "u1").await.unwrap();
    assert_eq!(server.exchanges(), 2, "the replacement was not kept");
}

#[tokio::test]
async fn a_saved_token_that_was_revoked_is_replaced_in_the_vault() {
    let server = Server::graph(|seen| async move {
        if seen.header("authorization").ends_with(&jwt(77)) {
            error(401, "InvalidAuthenticationToken")
        } else {
            empty_page()
        }
    })
    .await;
    let house = House::open().await;
    let gate = house.gate().await;
    let shelf = Shelf::holding(&jwt(77), "2026-03-02T16:00:00Z");
    let setup = Setup { vault: shelf.clone(), ..Setup::default() };
    ask(&setup.graph(&server), &gate, "u1").await.unwrap();
    assert_eq!((server.exchanges(), shelf.text()), (1, Some(jwt(1))));
}

#[tokio::test]
async fn a_token_that_another_process_saved_meanwhile_is_used() {
    let server = Server::graph(|seen| async move {
        if seen.header("authorization").ends_with(&jwt(1)) {
            error(401, "InvalidAuthenticationToken")
        } else {
            empty_page()
        }
    })
    .await;
    let house = House::open().await;
    let gate = house.gate().await;
    let shelf = Arc::new(Shelf::default());
    let setup = Setup { vault: shelf.clone(), ..Setup::default() };
    let graph = setup.graph(&server);
    graph.granted().await.unwrap();
    shelf.save(StoredToken { access_token: jwt(50).into(), expires_at: at("2026-03-02T16:00:00Z") }).await;
    ask(&graph, &gate, "u1").await.unwrap();
    assert_eq!((server.exchanges(), bearer(&server)), (1, vec![jwt(1), jwt(50)]));
}

#[tokio::test]
async fn a_second_refusal_is_an_error() {
    let server = in_turn(vec![|| error(401, "InvalidAuthenticationToken")]).await;
    let house = House::open().await;
    let refused = ask(&graph(&server), &house.gate().await, "u1").await.unwrap_err();
    assert_eq!((refused.status(), &*refused.code()), (Some(401), "InvalidAuthenticationToken"));
    assert_eq!((server.asked().len(), server.exchanges()), (2, 2));
}

#[tokio::test]
async fn many_refused_requests_share_one_new_token() {
    let server = Server::graph(|seen| async move {
        if seen.header("authorization").ends_with(&jwt(1)) {
            error(401, "InvalidAuthenticationToken")
        } else {
            empty_page()
        }
    })
    .await;
    let house = House::open().await;
    let (gate, graph) = (house.gate().await, graph(&server));
    let names: Vec<String> = (0..12).map(|n| format!("u{n}")).collect();
    assert!(join_all(names.iter().map(|id| ask(&graph, &gate, id))).await.iter().all(Result::is_ok));
    assert_eq!(server.exchanges(), 2);
}

#[tokio::test]
async fn entras_refusals_become_our_sentences() {
    for (word, number, sentence, remedy) in [
        ("invalid_client", 7_000_215, "not the right one", "value, not its id"),
        ("invalid_client", 7_000_222, "has expired", "new client secret"),
        ("unauthorized_client", 700_016, "not known in this tenant", "admin consent"),
        ("invalid_client", 7_000_229, "no service principal in this tenant", "admin consent"),
        ("invalid_request", 90_002, "tenant was not found", "Entra tenant id"),
        ("access_denied", 53_003, "Conditional Access", "exclude"),
        ("unauthorized_client", 7_000_112, "disabled", "Enterprise applications"),
        ("invalid_resource", 500_011, "Microsoft Graph", "cloud"),
        ("invalid_client", 1, "id or its secret", "secret"),
    ] {
        let body = format!(r#"{{"error":"{word}","error_description":"AADSTS{number}: CANARY Trace ID: CANARY"}}"#);
        let server = Server::with(move |_| {
            let answer = json(400, &body);
            async move { answer }
        })
        .await;
        let error = graph(&server).granted().await.unwrap_err();
        let TokenError::Refused(refusal) = &error else { panic!("{error:?}") };
        assert_eq!((refusal.error(), refusal.aadsts()), (word, Some(number)));
        assert_eq!(error.code(), format!("AADSTS{number}"));
        assert!(error.to_string().contains(sentence), "{error}");
        assert!(error.resolution().contains(remedy), "{}", error.resolution());
        assert!(!format!("{error} {error:?}").contains("CANARY"));
        assert_eq!(server.exchanges(), 1, "a refusal was repeated");
    }
}

#[tokio::test]
async fn a_busy_authority_is_asked_again_and_not_for_ever() {
    let calm = AtomicU32::new(0);
    let server = Server::with(move |_| {
        let answer = match calm.fetch_add(1, Ordering::SeqCst) {
            0 => json(503, "<html>CANARY</html>"),
            1 => with_header(json(429, ""), "retry-after", "0"),
            2 => json(400, r#"{"error":"temporarily_unavailable","error_description":"AADSTS90033: CANARY"}"#),
            _ => token(1, 3599),
        };
        async move { answer }
    })
    .await;
    let graph = graph(&server);
    assert!(graph.granted().await.unwrap().has("Calendars.Read"));
    assert_eq!(graph.usage().tokens, 4);

    let broken = Server::with(|_| async { json(500, "") }).await;
    assert_eq!(crate::home::graph(&broken).granted().await.unwrap_err(), TokenError::Temporary);
    assert_eq!(broken.exchanges(), 6);
}

#[tokio::test]
async fn an_authority_that_is_none_is_unreadable_or_out_of_reach() {
    for nonsense in ["", "<html>CANARY</html>", r#"{"access_token":7}"#, "{}"] {
        let server = Server::with(move |_| async move { json(200, nonsense) }).await;
        assert_eq!(graph(&server).granted().await.unwrap_err(), TokenError::Malformed, "{nonsense}");
    }
    let gone = Server::graph(|_| async { empty_page() }).await;
    let client = graph(&gone);
    drop(gone);
    tokio::task::yield_now().await;
    assert_eq!(client.granted().await.unwrap_err(), TokenError::Unreachable);
}

#[tokio::test]
async fn what_is_granted_is_read_from_the_token_and_can_be_asked_anew() {
    let server = Server::graph(|_| async { empty_page() }).await;
    let graph = graph(&server);
    let granted = graph.granted().await.unwrap();
    assert_eq!(granted.tenant_id.as_ref().map(EntraTenantId::as_str), Some(TENANT));
    assert_eq!(granted.roles, ["Calendars.Read", "Mail.ReadBasic.All", "User.Read.All"]);
    assert_eq!(granted.expires_at, at("2026-03-02T16:00:00Z"));
    graph.granted().await.unwrap();
    assert_eq!(server.exchanges(), 1);
    graph.granted_afresh().await.unwrap();
    assert_eq!(server.exchanges(), 2);
}
