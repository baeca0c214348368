//! What an administrator notes: when the application's secret ends, and whether syncs run by themselves.

use axum::http::StatusCode;
use jiff::SignedDuration;
use testkit::Kit;

use crate::common::Desk;

const CONNECTOR: &str = "/settings/connectors/microsoft-365";
const REGISTER: &str = "/settings/connectors/microsoft-365/register";
const HEALTH: &str = "/settings/connectors/microsoft-365/health";

/// What the audit trail holds of an action, newest first: who, and what.
async fn audited(kit: &Kit, action: &str) -> Vec<(String, String)> {
    let trail = kit.store.audit_trail(&kit.tenant, None, 100).await.expect("a trail");
    trail.into_iter().filter(|entry| entry.action == action).map(|entry| (entry.actor, entry.detail)).collect()
}

/// Fails when the day is believed as it was typed, or nobody is warned before it. The kit begins on 2 March 2026.
#[tokio::test]
async fn the_end_of_the_secret_is_noted_and_warned_of() {
    let kit = Kit::ready(&["acme.com"], |_| {}).await;
    kit.sync().await;
    let desk = Desk::of(&kit).await;
    assert!(desk.get(CONNECTOR).await.text.contains("Not noted"));
    for (typed, said) in
        [("soon", "Type a day"), ("2026-02-30", "Type a day"), ("2099-01-01", "Type a day"), ("2026-03-01", "is over")]
    {
        let answer = desk.post(REGISTER, REGISTER, &[("day", typed)]).await;
        assert!(answer.text.contains(said) && answer.text.contains(&format!("value=\"{typed}\"")), "{}", answer.text);
    }
    assert!(audited(&kit, "secret.end_noted").await.is_empty());

    let noted = desk.post(REGISTER, REGISTER, &[("day", "2026-04-15")]).await;
    assert_eq!(noted.status, StatusCode::SEE_OTHER, "{}", noted.text);
    assert_eq!(
        audited(&kit, "secret.end_noted").await,
        [("local-admin".to_owned(), r#"{"day":"2026-04-15"}"#.to_owned())]
    );
    assert!(desk.get(REGISTER).await.text.contains("The secret ends on 15 Apr 2026"));
    let page = desk.get(CONNECTOR).await.text;
    assert!(page.contains("15 Apr 2026") && !page.contains("has to be replaced"), "{page}");
    let health = desk.get(HEALTH).await.text;
    assert!(health.contains("ends in 44 days") && !health.contains("Look at this"), "{health}");

    kit.advance(SignedDuration::from_hours(14 * 24));
    let desk = Desk::of(&kit).await;
    let health = desk.get(HEALTH).await.text;
    assert!(health.contains("ends in 30 days") && health.contains("Look at this"), "{health}");
    assert!(health.contains("A sync can run"), "a warning is no error");
    assert!(desk.get(CONNECTOR).await.text.contains("has to be replaced"));

    assert_eq!(desk.post(REGISTER, REGISTER, &[("day", "")]).await.status, StatusCode::SEE_OTHER);
    assert!(desk.get(CONNECTOR).await.text.contains("Not noted"));
}

/// The secret is made before anything is connected, so its day can be noted then. Fails when it is written to the connection.
#[tokio::test]
async fn the_secret_is_noted_before_anything_is_connected() {
    let kit = Kit::new(|_| {}).await;
    let tenant = "fresh".parse().expect("a tenant");
    let desk = Desk::for_tenant(&kit.store, &kit.engine, &tenant).await;
    let page = desk.get(REGISTER).await.text;
    assert!(page.contains("groupMembershipClaims") && page.contains("wids"), "{page}");
    assert_eq!(desk.post(REGISTER, REGISTER, &[("day", "2027-05-01")]).await.status, StatusCode::SEE_OTHER);
    assert!(desk.get(REGISTER).await.text.contains("The secret ends on 1 May 2027"));
}

/// Fails when the button toggles, so that two people who press it do nothing together.
#[tokio::test]
async fn the_schedule_is_paused_and_resumed() {
    const SCHEDULE: &str = "/settings/connectors/microsoft-365/schedule";
    let kit = Kit::ready(&["acme.com"], |_| {}).await;
    kit.sync().await;
    let desk = Desk::of(&kit).await;
    let page = desk.get(CONNECTOR).await.text;
    assert!(page.contains("Next sync") && page.contains("Pause the schedule"), "{page}");
    for _ in 0..2 {
        assert_eq!(desk.post(CONNECTOR, SCHEDULE, &[("schedule", "pause")]).await.location(), CONNECTOR);
    }
    let page = desk.get(CONNECTOR).await.text;
    let said = "Paused since <time datetime=\"2026-03-02T15:00:00Z\">2 Mar 2026, 15:00 UTC</time>";
    assert!(page.contains(said) && !page.contains("Next sync") && page.contains("Sync now"), "{page}");
    assert_eq!(audited(&kit, "schedule.paused").await.len(), 1, "pressed twice, done once");
    desk.post(CONNECTOR, SCHEDULE, &[("schedule", "resume")]).await;
    assert!(desk.get(CONNECTOR).await.text.contains("Next sync"));
    assert_eq!(audited(&kit, "schedule.resumed").await.len(), 1);
}
