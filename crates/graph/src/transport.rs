//! The one HTTP client, and how an answer is read.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::redirect::Policy;

use crate::{Endpoints, Limits, SetupError};

/// No single request takes longer, however slowly it drips.
const LONGEST_REQUEST: Duration = Duration::from_mins(10);

/// Builds the client. It follows no redirect, since the token would go along; it trusts what the system trusts,
/// `SSL_CERT_FILE` included, and goes through the system's proxy.
pub(crate) fn client(endpoints: &Endpoints, limits: &Limits) -> Result<reqwest::Client, SetupError> {
    install_ring();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("m365-connector/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .gzip(true)
        .connect_timeout(limits.connect_timeout)
        .read_timeout(limits.read_timeout)
        .timeout(LONGEST_REQUEST);
    if endpoints.all_on_loopback() {
        // A simulator on this machine needs neither: a proxy could not reach it, and a bare container has no authorities.
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

/// Why an answer's body is not there.
pub(crate) enum Broken {
    /// It broke off.
    Off,
    /// It was longer than allowed.
    TooLong,
}

/// Reads the body piece by piece and stops at the bound, which counts what decompression gives.
pub(crate) async fn read(mut answer: reqwest::Response, longest: usize) -> Result<Vec<u8>, Broken> {
    let announced = answer.content_length().and_then(|length| usize::try_from(length).ok());
    if announced.is_some_and(|length| length > longest) {
        return Err(Broken::TooLong);
    }
    let mut body = Vec::with_capacity(announced.unwrap_or_default());
    while let Some(piece) = answer.chunk().await.map_err(|_| Broken::Off)? {
        if body.len() + piece.len() > longest {
            return Err(Broken::TooLong);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
