//! Accounts and the organization.

use serde_json::json;

use super::Ask;
use super::answer::{Answer, Refusal};
use crate::token::{Phase, Stream, Token};
use crate::wire::user::{self, UserRow};
use crate::wire::{Page, Select};

/// `GET /organization` (<https://learn.microsoft.com/graph/api/organization-list>).
pub(crate) fn organization(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    let readable = ask.sim.entra().organization_readable || ask.may(&["Organization.Read.All", "Directory.Read.All"]);
    if !readable {
        return Err(Refusal::directory_denied());
    }
    let world = ask.sim.world();
    let domains: Vec<_> = world
        .domains
        .iter()
        .enumerate()
        .map(|(number, name)| {
            json!({
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": number == 0,
                "isInitial": name.ends_with(".onmicrosoft.com"),
                "name": name,
                "type": "Managed",
            })
        })
        .collect();
    let organization = json!({
        "id": ask.sim.options().tenant_id,
        "displayName": "Contoso CANARY-NAME-ORGANIZATION",
        "countryLetterCode": "NL",
        "tenantType": "AAD",
        "technicalNotificationMails": ["admin@contoso.com"],
        "verifiedDomains": domains,
    });
    let select = Select::new(ask.request.query.get("$select"));
    Ok(Answer::ok(&Page {
        context: format!("{}/v1.0/$metadata#organization", ask.request.root),
        count: None,
        next: None,
        delta: None,
        value: vec![select.apply(&organization)],
    }))
}

/// `GET /users` (<https://learn.microsoft.com/graph/api/user-list>).
pub(crate) fn users(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    let query = &ask.request.query;
    if !ask.may(&["User.Read.All", "Directory.Read.All", "User.ReadWrite.All"]) {
        return Err(Refusal::directory_denied());
    }
    for option in ["$filter", "$search", "$orderby", "$skip"] {
        if query.get(option).is_some() {
            let text = "The specified query option is not supported for this request.";
            return Err(Refusal::new(400, "Request_UnsupportedQuery", text));
        }
    }
    let select = user_select(ask)?;
    let top = query.number("$top").unwrap_or(100).clamp(1, 999);
    let begin = match query.get("$skiptoken") {
        None => 0,
        Some(token) => match Token::open(token).map(|t| (t.stream, t.phase)) {
            Some((Stream::Users, Phase::First { sent, .. })) => sent,
            _ => {
                return Err(Refusal::new(
                    400,
                    "Directory_ExpiredPageToken",
                    "The specified page token value has expired and can no longer be included in your request.",
                ));
            }
        },
    };
    let world = ask.sim.world();
    let cut = ask.sim.faults().users_cut;
    if cut.is_some_and(|cut| begin >= cut && query.get("$skiptoken").is_some()) {
        return Err(Refusal::new(503, "Directory_ServiceUnavailable", "The directory cannot answer at the moment."));
    }
    let top = cut.map_or(top, |cut| top.min(cut - begin.min(cut)));
    let mut rest = world.users.iter().enumerate().skip(begin).filter(|(_, user)| !user.removed);
    let value = rest.by_ref().take(top).map(|(_, user)| select.apply(&UserRow::new(user))).collect();
    let circles = ask.sim.faults().is_circular(ask.kind);
    let next = if circles { Some(begin) } else { rest.next().map(|(number, _)| number) };
    let next = next.map(|number| {
        let token = Token {
            user: 0,
            stream: Stream::Users,
            phase: Phase::First { since: 0, sent: number, after: None },
            generation: 0,
            immutable: false,
            select: None,
            floor: None,
            cap: None,
            nonce: 0,
        };
        let others = query.without("$skiptoken");
        let others = if others.is_empty() { others } else { format!("{others}&") };
        format!("{}/v1.0/users?{others}$skiptoken={}", ask.request.root, token.seal())
    });
    Ok(Answer::ok(&Page {
        context: format!("{}/v1.0/$metadata#users", ask.request.root),
        count: None,
        next,
        delta: None,
        value,
    }))
}

/// `GET /users/{id}`.
pub(crate) fn user(ask: &Ask<'_>, key: &str) -> Result<Answer, Refusal> {
    if !ask.may(&["User.Read.All", "Directory.Read.All", "User.ReadWrite.All"]) {
        return Err(Refusal::directory_denied());
    }
    let world = ask.sim.world();
    let Some(found) = world.find_user(key) else {
        let text = format!(
            "Resource '{key}' does not exist or one of its queried reference-property objects are not present."
        );
        return Err(Refusal::new(404, "Request_ResourceNotFound", &text));
    };
    let mut value = user_select(ask)?.apply(&UserRow::new(world.user(found)));
    value["@odata.context"] = json!(format!("{}/v1.0/$metadata#users/$entity", ask.request.root));
    Ok(Answer::ok(&value))
}

fn user_select(ask: &Ask<'_>) -> Result<Select, Refusal> {
    let select = Select::new(ask.request.query.get("$select"));
    if let Some(name) = select.unknown(&user::KNOWN) {
        return Err(Refusal::unknown_property(name, "user"));
    }
    Ok(if select.is_everything() { Select::new(Some(user::DEFAULT)) } else { select })
}
