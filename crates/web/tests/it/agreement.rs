//! The agreement's text: the company's own takes the place of the built-in one, and each change asks again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use axum::http::StatusCode;
use m365_database::{AGREEMENT_VERSION, agreement_in_force, agreement_sha256};
use m365_sync::Ended;
use testkit::Kit;

use crate::common::{Answer, Desk};

const AGREEMENT: &str = "/settings/connectors/microsoft-365/agreement";
const TEXT: &str = "/settings/connectors/microsoft-365/agreement/text";
const BUILT_IN: &str = "/settings/connectors/microsoft-365/agreement/built-in";
const RECORD: &str = "/settings/connectors/microsoft-365/agreement.txt";

async fn accept(kit: &Kit, desk: &Desk) -> Answer {
    let shown = agreement_in_force(&kit.tenant, kit.store.database()).await.unwrap().text_sha256;
    desk.post(AGREEMENT, AGREEMENT, &[("read", "yes"), ("sha256", &shown)]).await
}

/// Fails when the page shows, hashes, accepts or gives out another text than the one in force.
#[tokio::test]
async fn a_companys_own_text_is_what_is_shown_accepted_and_given_out() {
    let kit = Kit::ready(&["acme.com"], |_| {}).await;
    kit.sync().await;
    let desk = Desk::of(&kit).await;
    let own = "Between Contoso <b>and</b> us.\r\n\r\nWe agree.";
    let set = desk.post(TEXT, TEXT, &[("version", "2027-01"), ("text", own)]).await;
    assert_eq!(set.location(), AGREEMENT, "{}", set.text);
    let page = desk.get(AGREEMENT).await.text;
    for said in [
        "A new text asks again",
        "Version 2027-01, your company’s own text",
        "Between Contoso &#60;b&#62;and&#60;/b&#62; us.\n\nWe agree.",
        "Accept it for your company",
    ] {
        assert!(page.contains(said), "{said:?} is not said: {page}");
    }
    assert!(!page.contains(&agreement_sha256()), "the hash of another text");
    assert!(desk.get(RECORD).await.text.contains(&format!("Version: {AGREEMENT_VERSION}\n")), "what was accepted");
    assert_eq!(kit.sync().await.ended, Ended::Blocked);

    let old = agreement_sha256();
    let late = desk.post(AGREEMENT, AGREEMENT, &[("read", "yes"), ("sha256", &old)]).await;
    assert!(late.text.contains("The text has changed since you opened the page"), "{}", late.text);
    assert_eq!(accept(&kit, &desk).await.status, StatusCode::SEE_OTHER);
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert!(desk.get(AGREEMENT).await.text.contains("Version 2027-01 is accepted"));
    let record = desk.get(RECORD).await.text;
    let sha256 = agreement_in_force(&kit.tenant, kit.store.database()).await.unwrap().text_sha256;
    assert!(record.contains(&sha256) && record.ends_with("Between Contoso <b>and</b> us.\n\nWe agree.\n"), "{record}");

    assert_eq!(desk.post(TEXT, BUILT_IN, &[]).await.location(), AGREEMENT);
    assert!(desk.get(AGREEMENT).await.text.contains("A new text asks again"));
    assert_eq!(kit.sync().await.ended, Ended::Blocked);
    assert!(desk.get(RECORD).await.text.contains("another text has taken its place"));
    assert_eq!(accept(&kit, &desk).await.status, StatusCode::SEE_OTHER);
    assert_eq!(kit.sync().await.ended, Ended::Done);

    let trail = kit.store.audit_trail(&kit.tenant, None, 100).await.unwrap();
    let lines: Vec<_> = trail.iter().filter(|entry| entry.action.starts_with("agreement.")).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].detail.contains(&sha256) && lines[1].actor == "local-admin", "{lines:?}");
}

/// What was pasted is not lost.
#[tokio::test]
async fn a_text_that_does_not_do_is_shown_again_with_the_reason() {
    let kit = Kit::ready(&["acme.com"], |_| {}).await;
    let desk = Desk::of(&kit).await;
    for (version, text, said) in [
        ("", "We agree.", "Name the version"),
        (AGREEMENT_VERSION, "We agree.", "Another text has this version already"),
        ("1", "  ", "The text is empty"),
        ("1", "We\u{0}agree.", "control characters"),
    ] {
        let answer = desk.post(TEXT, TEXT, &[("version", version), ("text", text)]).await;
        assert!(answer.text.contains(said), "{said:?} is not said: {}", answer.text);
        assert!(answer.text.contains(&format!("value=\"{version}\"")), "{}", answer.text);
    }
    assert!(!agreement_in_force(&kit.tenant, kit.store.database()).await.unwrap().is_own);
    desk.post(TEXT, TEXT, &[("version", "1"), ("text", "We agree.")]).await;
    let taken = desk.post(TEXT, TEXT, &[("version", "1"), ("text", "We agree to more.")]).await;
    assert!(taken.text.contains("Another text has this version already") && taken.text.contains("We agree to more."));
}
