//! A code for tokens
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#redeem-a-code-for-an-access-token>).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::answer::Answer;
use super::login::{self, AUDIENCE, Authority};
use super::request::{Query, Request};
use crate::Simulator;
use crate::entra::{Claims, Code};
use crate::id_token::{self, SignedIn};

#[derive(Debug, Serialize)]
struct SignedInAnswer {
    token_type: &'static str,
    scope: String,
    expires_in: u64,
    ext_expires_in: u64,
    access_token: String,
    id_token: String,
    client_info: String,
}

/// `POST /{tenant}/oauth2/v2.0/token` with `grant_type=authorization_code`.
pub(super) fn code(sim: &Simulator, request: &Request, authority: &Authority, form: &Query) -> Answer {
    if let Err(answer) = login::known_client(sim, form) {
        return answer;
    }
    match take(sim, authority, form) {
        Ok(code) => answer(sim, request, &code),
        Err((error, text)) => login::refuse(sim, 400, error, text),
    }
}

/// Takes the code out of use, if it is one and comes from whom it was made for.
fn take(sim: &Simulator, authority: &Authority, form: &Query) -> Result<Code, (&'static str, &'static str)> {
    const SPENT: &str = "AADSTS54005: OAuth2 Authorization code was already redeemed, please retry with a new valid \
                         code or use an existing refresh token.";
    let field = |name: &str| form.get(name).unwrap_or_default();
    let now = sim.world().now.as_second();
    let mut entra = sim.entra();
    let malformed = ("invalid_grant", "AADSTS70000: Provided grant is invalid or malformed.");
    let code = entra.codes.get_mut(field("code")).ok_or(malformed)?;
    if !authority.takes_in(code.persona.tenant(sim.options())) {
        return Err(malformed);
    }
    if code.redeemed {
        return Err(("invalid_grant", SPENT));
    }
    if code.expires <= now {
        return Err(("invalid_grant", "AADSTS70008: The provided authorization code has expired."));
    }
    if code.redirect_uri != field("redirect_uri") {
        let text = "AADSTS500112: The reply address does not match the one provided when requesting the code.";
        return Err(("invalid_client", text));
    }
    if code.challenge != URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier"))) {
        let text =
            "AADSTS501481: The Code_Verifier does not match the code_challenge supplied in the authorization request.";
        return Err(("invalid_grant", text));
    }
    code.redeemed = true;
    Ok(code.clone())
}

fn answer(sim: &Simulator, request: &Request, code: &Code) -> Answer {
    let options = sim.options();
    let (now, domain) = {
        let world = sim.world();
        (world.now.as_second(), world.domains.first().cloned().unwrap_or_default())
    };
    let (spoiled, skew) = {
        let mut faults = sim.faults();
        (faults.spoiled.pop_front(), faults.id_token_skew)
    };
    let who = SignedIn {
        persona: code.persona,
        nonce: &code.nonce,
        root: &request.root,
        domain: &domain,
        at: now.saturating_add(skew),
    };
    let tenant = code.persona.tenant(options);
    let uti = {
        let mut entra = sim.entra();
        entra.issued += 1;
        entra.issued
    };
    let claims = Claims {
        aud: AUDIENCE.to_owned(),
        iss: id_token::issuer(&request.root, tenant),
        iat: now,
        nbf: now,
        exp: now.saturating_add(i64::try_from(options.token_seconds).unwrap_or(i64::MAX)),
        appid: options.client_id.clone(),
        roles: None,
        scp: Some(code.scope.clone()),
        tid: tenant.to_owned(),
        uti,
        ver: "1.0".to_owned(),
    };
    let info = json!({"uid": code.persona.object_id(), "utid": tenant});
    Answer::ok(&SignedInAnswer {
        token_type: "Bearer",
        scope: code.scope.clone(),
        expires_in: options.token_seconds,
        ext_expires_in: options.token_seconds,
        access_token: claims.seal(options.seed),
        id_token: id_token::issue(options, &who, spoiled),
        client_info: URL_SAFE_NO_PAD.encode(info.to_string()),
    })
}
