//! Entra ID: tokens for an application's own credentials
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>).

use axum::body::Bytes;
use axum::http::Method;
use serde::Serialize;
use serde_json::json;

use super::answer::{Answer, Refusal};
use super::redeem;
use super::request::{Query, Request};
use crate::entra::Claims;
use crate::faults::take_one;
use crate::personas::OTHER_TENANT;
use crate::{Simulator, id_token, ids};

/// Graph, as tokens and scopes name it.
pub(crate) const AUDIENCE: &str = "https://graph.microsoft.com";

/// Whose sign-in page and tokens an address is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    /// Anybody's of a company or a school.
    Organizations,
    /// Anybody's at all.
    Common,
    /// One tenant's.
    Tenant(String),
}

impl Authority {
    /// Whether somebody of this tenant can sign in there.
    pub fn takes_in(&self, tenant: &str) -> bool {
        match self {
            Self::Organizations | Self::Common => true,
            Self::Tenant(own) => own == tenant,
        }
    }

    /// The tenant as an issuer names it. Where it is open, the service writes this in its place.
    fn name(&self) -> &str {
        match self {
            Self::Organizations | Self::Common => "{tenantid}",
            Self::Tenant(id) => id,
        }
    }
}

/// What the first part of an Entra address names; `None` is a tenant that there is not.
pub(crate) fn authority(sim: &Simulator, segment: &str) -> Option<Authority> {
    let is = |name: &str| segment.eq_ignore_ascii_case(name);
    let own = &sim.options().tenant_id;
    if is("organizations") {
        Some(Authority::Organizations)
    } else if is("common") {
        Some(Authority::Common)
    } else if is(own) || sim.world().domains.iter().any(|domain| is(domain)) {
        Some(Authority::Tenant(own.clone()))
    } else {
        is(OTHER_TENANT).then(|| Authority::Tenant(OTHER_TENANT.to_owned()))
    }
}

/// `POST /{tenant}/oauth2/v2.0/token`.
pub(crate) fn token(sim: &Simulator, request: &Request, tenant: &str, body: &Bytes) -> Answer {
    if request.method != Method::POST {
        return Answer::empty(405);
    }
    if let Some(trouble) = sim.faults().take_token() {
        return refuse(sim, trouble.status, &trouble.error, &trouble.description);
    }
    let form = Query::read(std::str::from_utf8(body).unwrap_or_default());
    match (form.get("grant_type"), authority(sim, tenant)) {
        (Some("client_credentials"), Some(Authority::Tenant(tenant))) => own_token(sim, request, &tenant, &form),
        (Some("authorization_code"), Some(authority)) => redeem::code(sim, request, &authority, &form),
        (Some("client_credentials" | "authorization_code"), _) => {
            let text = format!(
                "AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
            );
            refuse(sim, 400, "invalid_request", &text)
        }
        _ => {
            let text = "AADSTS70003: The app requested an unsupported grant type.";
            refuse(sim, 400, "unsupported_grant_type", text)
        }
    }
}

/// Whether the application is known by its id and its secret.
pub(super) fn known_client(sim: &Simulator, form: &Query) -> Result<(), Answer> {
    let field = |name: &str| form.get(name).unwrap_or_default();
    if !field("client_id").eq_ignore_ascii_case(&sim.options().client_id) {
        return Err(unknown_client(sim, field("client_id")));
    }
    let is_secret = field("client_secret") == sim.entra().client_secret;
    if !is_secret {
        let text = "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent \
                    in the request is the client secret value, not the client secret ID.";
        return Err(refuse(sim, 401, "invalid_client", text));
    }
    Ok(())
}

/// What the service says of an application that a tenant has not consented to, and of one that does
/// not exist.
fn unknown_client(sim: &Simulator, id: &str) -> Answer {
    let text = format!("AADSTS700016: Application with identifier '{id}' was not found in the directory.");
    refuse(sim, 400, "unauthorized_client", &text)
}

/// A token for the application itself.
fn own_token(sim: &Simulator, request: &Request, tenant: &str, form: &Query) -> Answer {
    let options = sim.options();
    let has_consented = sim.entra().consented.contains(tenant);
    if !has_consented {
        return unknown_client(sim, form.get("client_id").unwrap_or_default());
    }
    if let Err(answer) = known_client(sim, form) {
        return answer;
    }
    if !form.get("scope").unwrap_or_default().ends_with("/.default") {
        let text = "AADSTS1002012: The provided value for scope is not valid. Client credential \
                    flows must have a scope value with /.default suffixed to the resource.";
        return refuse(sim, 400, "invalid_scope", text);
    }
    let roles_in_token = {
        let mut faults = sim.faults();
        !take_one(&mut faults.roleless) && faults.quirks.roles_in_token
    };
    let now = sim.world().now.as_second();
    let lifetime = i64::try_from(options.token_seconds).unwrap_or(i64::MAX);
    let mut entra = sim.entra();
    entra.issued += 1;
    let claims = Claims {
        aud: AUDIENCE.to_owned(),
        iss: id_token::issuer(&request.root, tenant),
        iat: now,
        nbf: now,
        exp: now.saturating_add(lifetime),
        appid: options.client_id.clone(),
        // An application without any permission gets a token all the same.
        roles: Some(entra.roles.clone()).filter(|roles| roles_in_token && !roles.is_empty()),
        scp: None,
        tid: tenant.to_owned(),
        uti: entra.issued,
        ver: "1.0".to_owned(),
    };
    Answer::ok(&Granted {
        token_type: "Bearer",
        expires_in: options.token_seconds,
        ext_expires_in: options.token_seconds,
        access_token: claims.seal(options.seed),
    })
}

#[derive(Debug, Serialize)]
struct Granted {
    token_type: &'static str,
    expires_in: u64,
    ext_expires_in: u64,
    access_token: String,
}

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`
/// (<https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc>).
pub(crate) fn metadata(sim: &Simulator, request: &Request, tenant: &str) -> Answer {
    let Some(authority) = authority(sim, tenant) else {
        return no_tenant(sim, tenant);
    };
    let root = &request.root;
    let place = match &authority {
        Authority::Organizations => "organizations",
        Authority::Common => "common",
        Authority::Tenant(id) => id,
    };
    Answer::ok(&json!({
        "token_endpoint": format!("{root}/{place}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": format!("{root}/{place}/discovery/v2.0/keys"),
        "response_modes_supported": ["query"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": id_token::issuer(root, authority.name()),
        "authorization_endpoint": format!("{root}/{place}/oauth2/v2.0/authorize"),
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "msgraph_host": "graph.microsoft.com",
    }))
}

/// `GET /{tenant}/discovery/v2.0/keys`.
pub(crate) fn keys(sim: &Simulator, request: &Request, tenant: &str) -> Answer {
    if take_one(&mut sim.faults().keys_down) {
        return Answer::empty(503);
    }
    match authority(sim, tenant) {
        Some(authority) => Answer::ok(&id_token::keys(&id_token::issuer(&request.root, authority.name()))),
        None => no_tenant(sim, tenant),
    }
}

fn no_tenant(sim: &Simulator, tenant: &str) -> Answer {
    refuse(sim, 400, "invalid_tenant", &format!("AADSTS90002: Tenant '{tenant}' not found."))
}

/// What the bearer of a request's token may do.
pub(crate) fn roles_of(sim: &Simulator, request: &Request) -> Result<Vec<String>, Refusal> {
    let refuse = |text: &str| Err(Refusal::new(401, "InvalidAuthenticationToken", text));
    let Some(token) = &request.bearer else {
        return refuse("Access token is empty.");
    };
    let Some(claims) = Claims::open(token, sim.options().seed) else {
        return refuse("CompactToken parsing failed with error code: 80049217");
    };
    let entra = sim.entra();
    if claims.uti <= entra.revoked || claims.exp <= sim.world().now.as_second() {
        return refuse("Lifetime validation failed, the token is expired.");
    }
    if claims.tid != sim.options().tenant_id && !entra.guests.contains(&claims.tid) {
        let text = "The identity of the calling application could not be established.";
        return Err(Refusal::new(403, "Authorization_IdentityNotFound", text));
    }
    // What a person signed in for is not what the application may do by itself.
    if claims.scp.is_some() {
        return Ok(Vec::new());
    }
    let unlisted = !sim.faults().quirks.roles_in_token;
    Ok(if unlisted { entra.roles.clone() } else { claims.roles.unwrap_or_default() })
}

/// A description as the service ends it.
pub(super) fn described(sim: &Simulator, description: &str) -> String {
    let time = sim.world().now.strftime("%Y-%m-%d %H:%M:%SZ");
    let (trace, correlation) = (ids::guid(1), ids::guid(2));
    format!("{description}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {time}")
}

/// An error of the token endpoint.
pub(super) fn refuse(sim: &Simulator, status: u16, error: &str, description: &str) -> Answer {
    let time = sim.world().now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let (trace, correlation) = (ids::guid(1), ids::guid(2));
    let code: u64 =
        description.strip_prefix("AADSTS").and_then(|rest| rest.split(':').next()?.parse().ok()).unwrap_or_default();
    Answer::json(
        status,
        &json!({
            "error": error,
            "error_description": described(sim, description),
            "error_codes": [code],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        }),
    )
}
