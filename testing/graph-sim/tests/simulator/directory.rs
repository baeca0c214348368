//! Tokens, permissions, and who is in the tenant.

use graph_sim::world::UserKind;
use graph_sim::{NewUser, Simulator};

use crate::client::{CLIENT, Office, TENANT, start};

const SCOPE: &str = "https%3A%2F%2Fgraph.microsoft.com%2F.default";

#[tokio::test]
async fn wrong_credentials_are_told_apart() {
    let office = Office::small().await;
    let wrong = office.ask_for_token(TENANT, CLIENT, "guess", SCOPE).await;
    assert_eq!((wrong.status, wrong.json()["error"].as_str()), (401, Some("invalid_client")));
    assert!(wrong.text.contains("AADSTS7000215"));
    let elsewhere = office.ask_for_token("no-such-tenant", CLIENT, "simulated-secret", SCOPE).await;
    assert!(elsewhere.text.contains("AADSTS90002"));
    let stranger = office.ask_for_token(TENANT, TENANT, "simulated-secret", SCOPE).await;
    assert!(stranger.text.contains("AADSTS700016"));
    let scope = office.ask_for_token(TENANT, CLIENT, "simulated-secret", "Mail.Read").await;
    assert_eq!(scope.json()["error"], "invalid_scope");
    let right = office.ask_for_token(TENANT, CLIENT, "simulated-secret", SCOPE).await;
    assert_eq!(right.json()["expires_in"], 3_599);
    assert_eq!(right.json()["access_token"].as_str().map(|t| t.split('.').count()), Some(3));
}

#[tokio::test]
async fn without_a_good_token_nothing_is_told() {
    let mut office = Office::small().await;
    office.sim.expire_tokens();
    let answer = office.get("/users").await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "InvalidAuthenticationToken"));
    office.sign_in().await;
    assert_eq!(office.get("/users").await.status, 200);
    office.sim.advance(jiff::SignedDuration::from_secs(3_600));
    assert_eq!(office.get("/users").await.status, 401);
    office.token = "a.b.c".to_owned();
    assert_eq!(office.get("/users").await.status, 401);
}

#[tokio::test]
async fn roles_decide_what_answers() {
    let mut office = Office::small().await;
    let user = office.sim.world().users[0].id.clone();
    let mail = format!("/users/{user}/mailFolders");
    let calendar = format!("/users/{user}/calendarView/delta?startDateTime=2026-01-01&endDateTime=2026-04-01");
    for (roles, expected) in [
        (vec!["Mail.ReadBasic.All", "Calendars.Read"], (403, 200, 200)),
        (vec!["User.Read.All", "Calendars.ReadBasic.All"], (200, 403, 200)),
        (vec!["User.Read.All", "Mail.Read"], (200, 200, 403)),
        (vec![], (403, 403, 403)),
    ] {
        office.sim.set_roles(&roles);
        office.sim.expire_tokens();
        office.sign_in().await;
        let users = office.get("/users").await;
        let seen = (users.status, office.get(&mail).await.status, office.get(&calendar).await.status);
        assert_eq!(seen, expected, "{roles:?}");
        if users.status == 403 {
            assert_eq!(users.code(), "Authorization_RequestDenied");
        }
    }
    let refused = office.get(&calendar).await;
    assert_eq!(refused.code(), "ErrorAccessDenied");
    assert_eq!(office.get("/me").await.status, 400);
    assert_eq!(office.get("/drives").await.status, 404);
}

#[tokio::test]
async fn the_organization_answers_only_when_allowed() {
    let office = Office::small().await;
    let refused = office.get("/organization").await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "Authorization_RequestDenied"));
    office.sim.set_organization_readable(true);
    let answer = office.get("/organization?$select=id,verifiedDomains").await.json();
    assert_eq!(answer["value"][0]["verifiedDomains"][0]["name"], "contoso.com");
    assert_eq!(answer["value"][0]["id"], TENANT);
}

#[tokio::test]
async fn users_come_page_by_page() {
    let office = Office::small().await;
    let all = office.sim.world().users.len();
    let select = "$select=id,mail,userPrincipalName,accountEnabled,userType,proxyAddresses";
    let first = office.get(&format!("/users?{select}&$top=5")).await.json();
    assert_eq!(first["value"].as_array().map(Vec::len), Some(5));
    let (users, delta) = office.follow(&format!("/users?{select}&$top=5")).await;
    assert_eq!((users.len(), delta), (all, None));
    assert!(users.iter().any(|u| u["userType"] == "Guest"));
    assert!(users.iter().any(|u| u["userType"].is_null()));
    assert!(users[0].get("displayName").is_none());
    let plain = office.get("/users").await.json();
    assert!(plain["value"][0].get("accountEnabled").is_none());
    assert_eq!(office.get("/users?$select=shoeSize").await.code(), "BadRequest");
}

#[tokio::test]
async fn users_come_and_go() {
    let office = Office::small().await;
    let user = office.sim.add_user(NewUser::member("Nora Newhire", "nora@contoso.com"));
    let id = office.sim.world().user(user).id.clone();
    assert_eq!(office.get("/users/nora%40contoso.com").await.json()["id"], id.as_str());
    assert_eq!(office.get(&format!("/users('{id}')/mailFolders('inbox')")).await.status, 200);
    office.sim.remove_user(user);
    assert_eq!(office.get(&format!("/users/{id}")).await.code(), "Request_ResourceNotFound");
    assert_eq!(office.get(&format!("/users/{id}/mailFolders")).await.code(), "ErrorInvalidUser");
}

#[tokio::test]
async fn guests_and_the_unlicensed_have_no_mailbox() {
    let office = Office::small().await;
    for kind in [UserKind::Guest, UserKind::Unlicensed] {
        let id = {
            let world = office.sim.world();
            let user = world.users_of(kind).next().expect("one of them");
            world.user(user).id.clone()
        };
        let answer = office.get(&format!("/users/{id}/mailFolders/inbox?$select=id")).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "MailboxNotEnabledForRESTAPI"));
    }
}

#[tokio::test]
async fn only_loopback_is_served() {
    let sim = Simulator::new(graph_sim::SimOptions::new(start()));
    let everywhere = "0.0.0.0:0".parse().expect("an address");
    assert!(sim.serve(everywhere).is_err());
}
