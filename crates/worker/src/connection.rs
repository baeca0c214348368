//! Where Temporal is, and how it is reached.

use std::time::Duration;

use m365_store::Store;
use secrecy::{ExposeSecret as _, SecretString};
use temporalio_client::{Client, ClientOptions, ClientTlsOptions, Connection, ConnectionOptions, TlsOptions};
use temporalio_sdk::Runtime;
use temporalio_sdk::runtime::RuntimeOptions;
use thiserror::Error;
use url::Url;

use crate::codec::converter;

/// How long an answer of the server is waited for when the program starts.
const CONNECT: Duration = Duration::from_secs(10);

/// What histories call every process of this program: a host's name is nobody's business there.
const IDENTITY: &str = "m365-connector";

/// Where Temporal is.
#[derive(Debug, Clone)]
pub struct TemporalOptions {
    /// The server, as `http://HOST:PORT`, or `https://` where it speaks TLS.
    pub address: Url,
    /// The namespace, which must be there.
    pub namespace: String,
    /// The task queue that the workers of this installation have to themselves.
    pub task_queue: String,
    /// The key of an account of Temporal Cloud (<https://docs.temporal.io/cloud/api-keys>).
    pub api_key: Option<SecretString>,
    /// What TLS needs besides the system's own roots.
    pub tls: Option<Tls>,
}

/// What TLS needs besides the system's own roots (<https://docs.temporal.io/cloud/certificates>). All of it is PEM.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// The certificate authority of the server.
    pub server_ca: Option<Vec<u8>>,
    /// The name in the server's certificate, where it is not the address's.
    pub server_name: Option<String>,
    /// Our certificate and its private key.
    pub client: Option<(Vec<u8>, SecretString)>,
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The server does not answer, or not as Temporal does.
    #[error(
        "Temporal does not answer at TEMPORAL_ADDRESS: check that the server runs, and the address, keys and certificates"
    )]
    Unreachable,
    /// The parts do not fit together.
    #[error("the settings of Temporal do not fit together: check the TEMPORAL_ variables")]
    Unfit,
}

/// A connection to Temporal.
#[derive(Clone)]
pub struct Temporal {
    pub(crate) client: Client,
    pub(crate) task_queue: String,
}

impl Temporal {
    /// Connects. Payloads are sealed under the keys of `store`.
    ///
    /// # Errors
    /// When the server does not answer within ten seconds.
    pub async fn connect(options: TemporalOptions, store: &Store) -> Result<Self, ConnectError> {
        let TemporalOptions { address, namespace, task_queue, api_key, tls } = options;
        let tls = tls.or_else(|| (address.scheme() == "https").then(Tls::default));
        let connection = ConnectionOptions::new(address)
            .identity(IDENTITY)
            .connect_timeout(CONNECT)
            .maybe_api_key(api_key.map(|key| key.expose_secret().to_owned()))
            .maybe_tls_options(tls.map(tls_options))
            // Names of more than one address would keep a resolver at work for every client.
            .dns_load_balancing(None)
            .build();
        let connection = tokio::time::timeout(CONNECT, Connection::connect(connection)).await;
        let connection = connection.map_err(|_| ConnectError::Unreachable)?.map_err(|_| ConnectError::Unreachable)?;
        let options = ClientOptions::new(namespace).data_converter(converter(store)).build();
        let client = Client::new(connection, options).map_err(|_| ConnectError::Unfit)?;
        Ok(Self { client, task_queue })
    }

    pub(crate) fn runtime() -> Result<Runtime, ConnectError> {
        Runtime::from_current_tokio(RuntimeOptions::default()).map_err(|_| ConnectError::Unfit)
    }
}

fn tls_options(tls: Tls) -> TlsOptions {
    let Tls { server_ca, server_name, client } = tls;
    let client = client.map(|(certificate, key)| {
        ClientTlsOptions::builder()
            .client_cert(certificate)
            .client_private_key(key.expose_secret().as_bytes().to_vec())
            .build()
    });
    TlsOptions::builder()
        .maybe_server_root_ca_cert(server_ca)
        .maybe_domain(server_name)
        .maybe_client_tls_options(client)
        .build()
}
