//! The one HTTP client, and how an answer is read.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::redirect::Policy;

use crate::{JwksUrl, SetupError};

/// A request for keys holds up whoever signs in, so it ends soon.
const LONGEST_CONNECT: Duration = Duration::from_secs(3);
/// The whole of it, the answer's body included.
const LONGEST_REQUEST: Duration = Duration::from_secs(5);
/// The longest key set that is read, in bytes: Clerk's has one key or two, of some 500 bytes.
const LONGEST_ANSWER: usize = 64 << 10;

/// Builds the client. It follows no redirect: who may answer for the keys is a setting. It trusts what the system trusts,
/// `SSL_CERT_FILE` included, and goes through the system's proxy.
pub(crate) fn client(address: &JwksUrl) -> Result<reqwest::Client, SetupError> {
    install_ring();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("m365-connector/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(LONGEST_CONNECT)
        .timeout(LONGEST_REQUEST);
    if address.as_url().scheme() == "http" {
        // A stand-in on this machine needs neither: a proxy could not reach it, and a bare container has no authorities.
        builder = builder.no_proxy().tls_certs_only([]);
    }
    builder.build().map_err(|_| SetupError::NoTrust)
}

/// The cryptography of TLS is chosen once a process; whoever chose before us stays.
fn install_ring() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Lost only to another thread that did the same in between.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
    });
}

/// Why there is no key set: a word for the log.
pub(crate) type Why = &'static str;

/// Asks once.
pub(crate) async fn fetch(http: &reqwest::Client, address: &JwksUrl) -> Result<Vec<u8>, Why> {
    let mut answer = http.get(address.as_url().clone()).send().await.map_err(|_| "unreachable")?;
    if answer.status() != StatusCode::OK {
        return Err("not 200");
    }
    let mut body = Vec::new();
    // The bound counts what decompression gives.
    while let Some(piece) = answer.chunk().await.map_err(|_| "broken off")? {
        if body.len() + piece.len() > LONGEST_ANSWER {
            return Err("too long");
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
