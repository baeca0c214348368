//! Entra ID: tokens for an application's own credentials
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>).

use axum::body::Bytes;
use axum::http::Method;
use serde::Serialize;
use serde_json::json;

use super::answer::{Answer, Refusal};
use super::request::Request;
use crate::Simulator;
use crate::entra::Claims;
use crate::ids;

const AUDIENCE: &str = "https://graph.microsoft.com";

/// `POST /{tenant}/oauth2/v2.0/token`.
pub(crate) fn token(sim: &Simulator, request: &Request, tenant: &str, body: &Bytes) -> Answer {
    if request.method != Method::POST {
        return Answer::empty(405);
    }
    if let Some(trouble) = sim.faults().take_token() {
        return refuse(sim, trouble.status, &trouble.error, &trouble.description);
    }
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let options = sim.options();
    if !is_tenant(sim, tenant) {
        let text = format!(
            "AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
        );
        return refuse(sim, 400, "invalid_request", &text);
    }
    if field("grant_type") != "client_credentials" {
        let text = "AADSTS70003: The app requested an unsupported grant type.";
        return refuse(sim, 400, "unsupported_grant_type", text);
    }
    if !field("client_id").eq_ignore_ascii_case(&options.client_id) {
        let text = format!(
            "AADSTS700016: Application with identifier '{}' was not found in the directory.",
            field("client_id")
        );
        return refuse(sim, 400, "unauthorized_client", &text);
    }
    if field("client_secret") != sim.entra().client_secret {
        let text = "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent \
                    in the request is the client secret value, not the client secret ID.";
        return refuse(sim, 401, "invalid_client", text);
    }
    if !field("scope").ends_with("/.default") {
        let text = "AADSTS1002012: The provided value for scope is not valid. Client credential \
                    flows must have a scope value with /.default suffixed to the resource.";
        return refuse(sim, 400, "invalid_scope", text);
    }
    let roles_in_token = sim.faults().quirks.roles_in_token;
    let now = sim.world().now.as_second();
    let lifetime = i64::try_from(options.token_seconds).unwrap_or(i64::MAX);
    let mut entra = sim.entra();
    entra.issued += 1;
    let claims = Claims {
        aud: AUDIENCE.to_owned(),
        iss: format!("{}/{}/v2.0", request.root, options.tenant_id),
        iat: now,
        nbf: now,
        exp: now.saturating_add(lifetime),
        appid: options.client_id.clone(),
        // An application without any permission gets a token all the same.
        roles: Some(entra.roles.clone()).filter(|roles| roles_in_token && !roles.is_empty()),
        tid: options.tenant_id.clone(),
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

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`.
pub(crate) fn metadata(sim: &Simulator, request: &Request, tenant: &str) -> Answer {
    if !is_tenant(sim, tenant) {
        let text = format!("AADSTS90002: Tenant '{tenant}' not found.");
        return refuse(sim, 400, "invalid_tenant", &text);
    }
    let (root, id) = (&request.root, &sim.options().tenant_id);
    Answer::ok(&json!({
        "token_endpoint": format!("{root}/{id}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": format!("{root}/{id}/discovery/v2.0/keys"),
        "response_types_supported": ["code", "id_token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": format!("{root}/{id}/v2.0"),
        "authorization_endpoint": format!("{root}/{id}/oauth2/v2.0/authorize"),
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "msgraph_host": "graph.microsoft.com",
    }))
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
    let unlisted = !sim.faults().quirks.roles_in_token;
    Ok(if unlisted { entra.roles.clone() } else { claims.roles.unwrap_or_default() })
}

fn is_tenant(sim: &Simulator, tenant: &str) -> bool {
    tenant.eq_ignore_ascii_case(&sim.options().tenant_id)
        || sim.world().domains.iter().any(|domain| domain.eq_ignore_ascii_case(tenant))
}

fn refuse(sim: &Simulator, status: u16, error: &str, description: &str) -> Answer {
    let time = sim.world().now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let (trace, correlation) = (ids::guid(1), ids::guid(2));
    let code: u64 =
        description.strip_prefix("AADSTS").and_then(|rest| rest.split(':').next()?.parse().ok()).unwrap_or_default();
    Answer::json(
        status,
        &json!({
            "error": error,
            "error_description": format!(
                "{description}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {time}"
            ),
            "error_codes": [code],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        }),
    )
}
