//! The page that asks who signs in
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow>).

use super::answer::Answer;
use super::back::Back;
use super::login::{self, Authority};
use super::page::{self, Choice, escape};
use super::request::Request;
use crate::entra::Code;
use crate::personas::Persona;
use crate::{Simulator, ids};

/// How long a code can be used, in seconds.
const CODE_LIFETIME: i64 = 600;

/// A request to sign somebody in that has everything in it.
struct Wish {
    back: Back,
    authority: Authority,
    nonce: String,
    challenge: String,
    scope: String,
}

/// `GET /{tenant}/oauth2/v2.0/authorize`.
pub(crate) fn page(sim: &Simulator, request: &Request, tenant: &str) -> Answer {
    let wish = match Wish::read(sim, request, tenant) {
        Ok(wish) => wish,
        Err(answer) => return answer,
    };
    let text = format!(
        "<p>Who are you? You will be sent to <code id=\"redirect-uri\">{}</code>.</p>",
        escape(&wish.back.written)
    );
    let mut choices: Vec<Choice> = Persona::ALL.into_iter().map(sign_in_as).collect();
    choices.push(instead("decline", "Decline"));
    choices.push(instead("needs-approval", "Needs approval"));
    page::ask(request, "Simulated Microsoft sign-in", &text, &choices)
}

fn sign_in_as(persona: Persona) -> Choice {
    let slug = persona.slug();
    Choice {
        id: format!("as-{slug}"),
        data: ("persona", slug),
        place: format!("as/{slug}"),
        label: format!("Sign in as {}", persona.title()),
        is_quiet: false,
    }
}

fn instead(name: &'static str, label: &str) -> Choice {
    Choice {
        id: name.to_owned(),
        data: ("choice", name),
        place: format!("as/{name}"),
        label: label.to_owned(),
        is_quiet: true,
    }
}

/// `GET /{tenant}/oauth2/v2.0/authorize/as/{choice}`: where the page's links lead.
pub(crate) fn choose(sim: &Simulator, request: &Request, tenant: &str, choice: &str) -> Answer {
    let wish = match Wish::read(sim, request, tenant) {
        Ok(wish) => wish,
        Err(answer) => return answer,
    };
    match choice {
        "decline" => {
            let text = "AADSTS65004: User declined to consent to access the app.";
            wish.back.refuse(sim, "access_denied", text, &[("error_subcode", "cancel")])
        }
        "needs-approval" => {
            let text = "AADSTS90094: The grant requires admin permission.";
            wish.back.refuse(sim, "access_denied", text, &[])
        }
        slug => match Persona::named(slug) {
            Some(persona) => wish.sign_in(sim, persona),
            None => page::refuse(404, "There is nobody of that name. Go back and choose from the page."),
        },
    }
}

impl Wish {
    fn read(sim: &Simulator, request: &Request, tenant: &str) -> Result<Self, Answer> {
        let authority = login::authority(sim, tenant)
            .ok_or_else(|| page::refuse(400, &format!("AADSTS90002: Tenant '{tenant}' not found.")))?;
        let back = Back::read(sim, request)?;
        let get = |name| back.required(sim, request, name);
        let refuse = |error, text: &str| Err(back.refuse(sim, error, text, &[]));
        if get("response_type")? != "code" {
            let text = "AADSTS700054: The response_type is not enabled for the application.";
            return refuse("unsupported_response_type", text);
        }
        if !matches!(request.query.get("response_mode"), None | Some("query")) {
            return refuse("invalid_request", "AADSTS90023: The simulator answers in the query only.");
        }
        let scope = get("scope")?;
        if !scope.split(' ').any(|name| name == "openid") {
            return refuse("invalid_scope", "AADSTS70011: The simulator signs in for openid only.");
        }
        // The service leaves these to the application. Whoever leaves them out here finds out.
        get("state")?;
        let (nonce, challenge) = (get("nonce")?, get("code_challenge")?);
        if get("code_challenge_method")? != "S256" || challenge.len() != 43 {
            return refuse("invalid_request", "AADSTS90023: The simulator takes a challenge by S256 only.");
        }
        let [nonce, challenge, scope] = [nonce, challenge, scope].map(str::to_owned);
        Ok(Self { back, authority, nonce, challenge, scope })
    }

    fn sign_in(self, sim: &Simulator, persona: Persona) -> Answer {
        if !self.authority.takes_in(persona.tenant(sim.options())) {
            let text = "AADSTS50020: The user account does not exist in the tenant and cannot access the application.";
            return page::refuse(400, text);
        }
        let now = sim.world().now.as_second();
        let mut entra = sim.entra();
        let number = entra.codes.len() as u64 ^ sim.options().seed;
        let text = format!("0.{}.{}", ids::guid(0x0C00 ^ number), ids::guid(!number)).replace('-', "");
        let (session, answered) = (ids::guid(number), text.clone());
        let code = Code {
            persona,
            redirect_uri: self.back.written.clone(),
            nonce: self.nonce,
            challenge: self.challenge,
            scope: self.scope,
            expires: now.saturating_add(CODE_LIFETIME),
            redeemed: false,
        };
        entra.codes.insert(text, code);
        self.back.with(&[("code", &answered), ("session_state", &session)])
    }
}
