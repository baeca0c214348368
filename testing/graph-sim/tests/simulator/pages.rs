//! Entra's pages and tokens, used by what nobody here wrote: a browser, and Microsoft's own library.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use graph_sim::{Certificate, OTHER_TENANT, Persona, SimOptions, Simulator};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::client::{CLIENT, Office, TENANT, start};

/// What a script beside this folder prints.
async fn run(folder: &str, script: &str, environment: &[(&str, &str)]) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    assert!(folder.join("node_modules").exists(), "something is not installed: scripts/setup tests");
    let output = Command::new("node")
        .arg(script)
        .current_dir(folder)
        .envs(environment.iter().copied())
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("Node: scripts/setup tests installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} gave up: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// An application that browsers are sent back to.
async fn somewhere_to_land() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(async || "You are back.")).await });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_signs_in_and_consents() {
    const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";
    let office = Office::small().await;
    office.sim.set_consented(false);
    let redirect = format!("http://{}/back", somewhere_to_land().await);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let wish = encoded(&[
        ("client_id", CLIENT),
        ("redirect_uri", &redirect),
        ("response_type", "code"),
        ("scope", "openid profile"),
        ("state", "s1"),
        ("nonce", "n1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let scope = "https://graph.microsoft.com/.default";
    let consent = encoded(&[("client_id", CLIENT), ("redirect_uri", &redirect), ("state", "s2"), ("scope", scope)]);
    let authorize = format!("{}/organizations/oauth2/v2.0/authorize?{wish}", office.url());
    let consent = format!("{}/{TENANT}/v2.0/adminconsent?{consent}", office.url());
    let found = run("browser", "entra.mjs", &[("AUTHORIZE", &authorize), ("CONSENT", &consent)]).await;

    let pages = found.as_array().expect("pages");
    assert_eq!(pages.len(), 4);
    for (page, heading) in pages.iter().zip(["Simulated Microsoft sign-in", "Simulated Microsoft consent"].repeat(2)) {
        assert_eq!(page["heading"], heading);
        assert_eq!((&page["violations"], &page["complaints"]), (&Value::Array(vec![]), &Value::Array(vec![])));
        assert_eq!(page["isWide"], false, "{heading}");
    }
    assert_ne!(pages[0]["ground"], pages[2]["ground"], "the dark page is dark");

    let back = |page: &Value| url::Url::parse(page["back"].as_str().expect("an address")).expect("an address");
    let query = |page: &Value, name: &str| {
        back(page).query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).expect("it is there")
    };
    assert_eq!((query(&pages[1], "tenant"), query(&pages[1], "state")), (TENANT.to_owned(), "s2".to_owned()));
    let form = encoded(&[
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("client_secret", "simulated-secret"),
        ("redirect_uri", &redirect),
        ("code_verifier", VERIFIER),
        ("code", &query(&pages[0], "code")),
    ]);
    let answer = office.send_form("/organizations/oauth2/v2.0/token", &form).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = office.ask_for_token(TENANT, CLIENT, "simulated-secret", scope).await;
    assert_eq!(answer.status, 200, "the press granted it");
}

async fn signed_in_by_microsofts_library(authority: &str, personas: &[Persona]) -> Value {
    let sim = Simulator::new(SimOptions::new(start()));
    let certificate = Certificate::for_this_machine().expect("a certificate");
    let running = sim.clone().serve_tls(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &certificate).expect("a free port");
    let folder = tempfile::tempdir().expect("a folder");
    let trusted = folder.path().join("authority.pem");
    std::fs::write(&trusted, certificate.authority()).expect("a file");
    let trusted: &Path = &trusted;
    let (personas, options) =
        (personas.iter().map(|persona| persona.slug()).collect::<Vec<_>>().join(","), sim.options());
    let environment = [
        ("NODE_EXTRA_CA_CERTS", trusted.to_str().expect("a path")),
        ("ROOT", &running.url()),
        ("AUTHORITY", authority),
        ("CLIENT_ID", &options.client_id),
        ("CLIENT_SECRET", &options.client_secret),
        ("PERSONAS", &personas),
    ];
    run("referees", "sign-in.mjs", &environment).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsofts_own_library_is_content_with_our_id_tokens() {
    let found = signed_in_by_microsofts_library("organizations", &Persona::ALL).await;
    for persona in Persona::ALL {
        let tenant = if persona == Persona::OtherAdministrator { OTHER_TENANT } else { TENANT };
        let person = &found["people"][persona.slug()];
        assert_eq!(person["claims"]["tid"], tenant, "{persona:?}");
        assert_eq!((&person["tenantId"], &person["isSigned"]), (&tenant.into(), &true.into()));
        let account = format!("{}.{tenant}", person["claims"]["oid"].as_str().expect("an id"));
        assert_eq!(person["account"], account, "the library knows them by what client_info says");
    }
    assert_eq!(found["refused"], "nonce_mismatch", "it looks at what it is given");
    let found = signed_in_by_microsofts_library(TENANT, &[Persona::Guest]).await;
    assert_eq!(found["people"]["guest"]["isSigned"], true);
}
