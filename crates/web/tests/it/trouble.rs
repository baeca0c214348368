//! What the dashboard says when what it stands on is gone: the database, and Microsoft.

use axum::http::StatusCode;
use testkit::{Kit, On};

use crate::common::Desk;
use crate::connect::Visit;

const PAGES: [&str; 5] = [
    "/settings/connectors",
    "/settings/connectors/microsoft-365",
    "/settings/connectors/microsoft-365/health",
    "/activities",
    "/activities.csv",
];

async fn assert_gone(desk: &Desk) {
    for page in PAGES {
        let answer = desk.get(page).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{page}: {}", answer.text);
        assert!(answer.text.contains("The database does not answer"), "{page}: {}", answer.text);
        assert!(!answer.text.contains("sqlite") && !answer.text.contains("postgres"), "{page}: {}", answer.text);
    }
    assert_eq!(desk.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(desk.get("/healthz").await.status, StatusCode::OK, "the process itself is well");
}

async fn assert_there(desk: &Desk) {
    for page in PAGES {
        assert_eq!(desk.get(page).await.status, StatusCode::OK, "{page}");
    }
    assert_eq!(desk.get("/readyz").await.status, StatusCode::OK);
}

/// SQLite goes on with a file that has lost its name, and what it writes there is lost. Fails when nobody looks at the name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_file_that_was_taken_away_is_a_page_that_says_so() {
    let kit = Kit::ready(&["acme.com"], |_| {}).await;
    kit.sync().await;
    let desk = Desk::of(&kit).await;
    assert_there(&desk).await;
    let (file, aside) = (kit.folder().join("connector.db"), kit.folder().join("aside.db"));
    std::fs::rename(&file, &aside).unwrap();
    assert_gone(&desk).await;
    assert!(kit.try_sync(&m365_sync::Unwatched).await.is_err(), "a sync wrote into a file without a name");
    std::fs::write(&file, "another file").unwrap();
    assert_gone(&desk).await;
    std::fs::rename(&aside, &file).unwrap();
    assert_there(&desk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_is_a_page_that_says_so() {
    let Some(on) = On::postgres() else { return };
    let kit = on.ready(&["acme.com"], |_| {}).await;
    kit.sync().await;
    let desk = Desk::of(&kit).await;
    assert_there(&desk).await;
    kit.cut_off(true).await;
    assert_gone(&desk).await;
    kit.cut_off(false).await;
    assert_there(&desk).await;
}

/// Fails when health takes an error of Microsoft's for its own.
#[tokio::test]
async fn health_says_that_microsoft_is_not_reached() {
    let kit = Kit::ready(&["acme.com"], |_| {}).await;
    let desk = Desk::for_tenant(&kit.store, &kit.engine_alone(), &kit.tenant).await;
    let page = desk.get("/settings/connectors/microsoft-365/health").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for said in ["A sync cannot run", "Token acquisition fails", "Broken", "What to do:"] {
        assert!(page.text.contains(said), "{said:?} is not said: {}", page.text);
    }
    assert!(!page.text.contains("127.0.0.1"), "{}", page.text);
}

/// The way begins while Microsoft answers, and ends when nobody does.
#[tokio::test]
async fn connecting_says_that_microsoft_is_not_reached() {
    let visit = Visit::new().await;
    let back = visit.press(&visit.set_out().await, "as/administrator").await;
    let desk = visit.desk.moved_to(&visit.kit, &visit.kit.engine_alone());
    let answer = desk.get(&back).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    visit.assert_refused(&answer, "Microsoft could not be reached").await;
    assert!(answer.text.contains("HTTPS_PROXY") && !answer.text.contains("127.0.0.1"), "{}", answer.text);
}
