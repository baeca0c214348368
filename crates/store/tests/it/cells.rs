//! Encrypted cells: each opens in its own place alone.

use m365_database::assert_dpa_accepted;
use m365_model::StreamKind;
use m365_store::streams::Round;
use m365_store::{OpenError, StoreError};
use testkit::Kit;

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Fails when the row is left out of the name that a cell is sealed under.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_that_change_places_do_not_open() {
    let kit = Kit::ready(&["acme.com"], |options| options.mailboxes = 2).await;
    kit.sync().await;
    let mut sqlite = kit.sqlite().await;
    let swap = "UPDATE delta_state SET sealed_link = (SELECT o.sealed_link FROM delta_state o \
                WHERE o.mailbox_id = delta_state.mailbox_id AND o.id <> delta_state.id AND o.sealed_link IS NOT NULL \
                ORDER BY o.id LIMIT 1) WHERE id = (SELECT MAX(id) FROM delta_state)";
    let mailbox: i64 = sqlx::query_scalar("SELECT mailbox_id FROM delta_state ORDER BY id DESC LIMIT 1")
        .fetch_one(&mut sqlite)
        .await
        .unwrap();
    let gate = assert_dpa_accepted(&kit.tenant, kit.store.database()).await.unwrap();
    let mailbox = m365_model::MailboxId(mailbox);
    assert!(kit.store.streams(&gate, mailbox).await.unwrap().len() > 1);
    assert_eq!(sqlx::query(swap).execute(&mut sqlite).await.unwrap().rows_affected(), 1);
    let refused = kit.store.streams(&gate, mailbox).await.unwrap_err();
    assert!(matches!(refused, StoreError::Sealed(OpenError::Damaged)), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_moved_to_another_name_does_not_open() {
    let kit = Kit::ready(&["acme.com"], |options| options.mailboxes = 1).await;
    kit.sync().await;
    let known = kit.store.load_token(&kit.tenant, "graph").await.unwrap();
    assert!(known.is_some(), "the token is not kept");
    let moved = "UPDATE token_cache SET name = 'other'";
    sqlx::query(moved).execute(&mut kit.sqlite().await).await.unwrap();
    assert!(kit.store.load_token(&kit.tenant, "other").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_and_no_link_can_be_read_in_the_files() {
    let kit = Kit::ready(&["acme.com"], |options| options.mailboxes = 2).await;
    kit.sync().await;
    let (token, _) = kit.store.load_token(&kit.tenant, "graph").await.unwrap().expect("a token");
    let files = kit.database_files();
    let token = secrecy::ExposeSecret::expose_secret(&token).as_bytes();
    assert!(token.len() > 100 && !contains(&files, &token[..40]) && !contains(&files, &token[token.len() - 40..]));
    assert!(!contains(&files, b"deltatoken") && !contains(&files, b"messages/delta"));
    // The folder's stream is there: what is not found above is not simply missing.
    let round = Round::over(0, kit.now(), None, 0);
    let gate = assert_dpa_accepted(&kit.tenant, kit.store.database()).await.unwrap();
    let user = kit.sim.world().users[0].id.parse().unwrap();
    let mailbox = kit.store.mailboxes(&gate, &[user]).await.unwrap()[0].1;
    let streams = kit.store.streams(&gate, mailbox).await.unwrap();
    assert!(streams.iter().any(|stream| stream.kind == StreamKind::MailFolder && stream.round != round));
}
