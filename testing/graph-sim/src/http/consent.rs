//! The page on which an administrator lets the application read
//! (<https://learn.microsoft.com/entra/identity-platform/v2-admin-consent>).

use super::answer::Answer;
use super::back::Back;
use super::login::{self, AUDIENCE, Authority};
use super::page::{self, Choice, escape};
use super::request::Request;
use crate::Simulator;
use crate::personas::OTHER_TENANT;

/// What the permissions are called
/// (<https://learn.microsoft.com/graph/permissions-reference>).
const TITLES: [(&str, &str); 3] = [
    ("Calendars.Read", "Read calendars in all mailboxes"),
    ("Mail.ReadBasic.All", "Read basic mail in all mailboxes"),
    ("User.Read.All", "Read all users’ full profiles"),
];

const CHOICES: [(&str, &str); 3] = [
    ("accept", "Accept"),
    ("decline", "Decline"),
    ("accept-as-another-organization", "Accept as another organization"),
];

/// `GET /{tenant}/v2.0/adminconsent`.
pub(crate) fn page(sim: &Simulator, request: &Request, tenant: &str) -> Answer {
    let (_, tenant) = match read(sim, request, tenant) {
        Ok(read) => read,
        Err(answer) => return answer,
    };
    let rows: String = sim.options().roles.iter().map(|role| row(role)).collect();
    let text = format!(
        "<p>The application <code>{}</code> asks to do this in the organization <code id=\"tenant\">{tenant}</code>:</p>\
         <dl id=\"permissions\">{rows}</dl>",
        escape(&sim.options().client_id),
    );
    let choices = CHOICES.map(|(name, label)| Choice {
        id: name.to_owned(),
        data: ("choice", name),
        place: name.to_owned(),
        label: label.to_owned(),
        is_quiet: name != "accept",
    });
    page::ask(request, "Simulated Microsoft consent", &text, &choices)
}

fn row(role: &str) -> String {
    let title = TITLES.iter().find(|(name, _)| *name == role).map_or("Another permission", |(_, title)| title);
    format!("<dt>{}</dt><dd>{title}</dd>", escape(role))
}

/// `GET /{tenant}/v2.0/adminconsent/{choice}`: where the page's links lead.
pub(crate) fn choose(sim: &Simulator, request: &Request, tenant: &str, choice: &str) -> Answer {
    let (back, tenant) = match read(sim, request, tenant) {
        Ok(read) => read,
        Err(answer) => return answer,
    };
    match choice {
        "accept" => {
            grant(sim, &tenant);
            accepted(sim, &back, &tenant)
        }
        // Anybody can send such a callback; nothing stands behind it.
        "accept-as-another-organization" => accepted(sim, &back, OTHER_TENANT),
        "decline" => {
            let text = "AADSTS65004: User declined to consent to access the app.";
            let beside = [("error_subcode", "cancel"), ("admin_consent", "True"), ("tenant", &tenant)];
            back.refuse(sim, "access_denied", text, &beside)
        }
        _ => page::refuse(404, "There is no such choice. Go back and choose from the page."),
    }
}

fn grant(sim: &Simulator, tenant: &str) {
    let mut entra = sim.entra();
    entra.consented.insert(tenant.to_owned());
    entra.roles.clone_from(&sim.options().roles);
}

fn accepted(sim: &Simulator, back: &Back, tenant: &str) -> Answer {
    let granted: Vec<String> = sim.options().roles.iter().map(|role| format!("{AUDIENCE}/{role}")).collect();
    back.with(&[("admin_consent", "True"), ("tenant", tenant), ("scope", &granted.join(" "))])
}

/// The way back, and the tenant that is to consent: behind `organizations`, the administrator's own.
fn read(sim: &Simulator, request: &Request, tenant: &str) -> Result<(Back, String), Answer> {
    let tenant = match login::authority(sim, tenant) {
        Some(Authority::Tenant(id)) => id,
        Some(Authority::Organizations) => sim.options().tenant_id.clone(),
        Some(Authority::Common) | None => {
            return Err(page::refuse(400, &format!("AADSTS90002: Tenant '{tenant}' not found.")));
        }
    };
    let back = Back::read(sim, request)?;
    let scope = back.required(sim, request, "scope")?;
    back.required(sim, request, "state")?;
    // Clients that take this simulator for Graph name it by its own root.
    let is_here = |name: &str| {
        ["http://127.0.0.1:", "http://localhost:", "https://127.0.0.1:", "https://localhost:"]
            .iter()
            .any(|root| name.starts_with(root) && name.ends_with("/.default"))
    };
    if !scope.split(' ').all(|name| name.starts_with(AUDIENCE) || is_here(name)) {
        let text = "AADSTS650053: The application asked for a scope that doesn't exist on the resource.";
        return Err(back.refuse(sim, "invalid_client", text, &[]));
    }
    Ok((back, tenant))
}
