//! Servers that want to know who asks: by a certificate, or by the key of an account.

use std::net::SocketAddr;
use std::sync::Arc;

use m365_sync::Unwatched;
use m365_sync::runner::Elsewhere as _;
use m365_worker::{ConnectError, Remote, Temporal, TemporalOptions, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use testkit::Kit;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::kit::{Worker, options, server};

/// An authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn signed(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::clone(self.0.der())).unwrap();
        roots
    }

    /// What a client of such a server is set to: whom it trusts, and the certificate that it shows.
    fn tls(&self, client: Option<&(rcgen::Certificate, KeyPair)>) -> Tls {
        Tls {
            server_ca: Some(self.0.pem().into_bytes()),
            server_name: Some("temporal.example".to_owned()),
            client: client.map(|(certificate, key)| (certificate.pem().into_bytes(), key.serialize_pem().into())),
        }
    }

    /// Speaks TLS as `temporal.example`, and lets those in alone whose certificate is by this authority, where it asks for one.
    fn acceptor(&self, asks: bool) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (certificate, key) = self.signed("temporal.example");
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
        let config = if asks {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()), provider).build().unwrap();
            config.with_client_cert_verifier(verifier)
        } else {
            config.with_no_client_auth()
        };
        let mut config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The server for tests behind TLS: whoever is let in speaks with it.
async fn guarded(acceptor: TlsAcceptor) -> SocketAddr {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut behind = TcpStream::connect(server().unwrap()).await.unwrap();
                tokio::io::copy_bidirectional(&mut stream, &mut behind).await.ok();
            });
        }
    });
    address
}

fn at(address: SocketAddr, tls: Tls) -> TemporalOptions {
    TemporalOptions { address: format!("https://{address}").parse().unwrap(), tls: Some(tls), ..options() }
}

/// Fails when the certificate is not shown, when the server's is not looked at, and when its name is taken from the address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_for_a_certificate_is_shown_ours() {
    let kit = Kit::ready(&["acme.com"], |options| options.mailboxes = 3).await;
    let authority = Authority::new();
    let address = guarded(authority.acceptor(true)).await;
    let ours = authority.signed("connector.example");
    let stranger = Authority::new();
    let theirs = stranger.signed("connector.example");
    for refused in [
        authority.tls(None),
        authority.tls(Some(&theirs)),
        Tls { server_ca: stranger.tls(None).server_ca, ..authority.tls(Some(&ours)) },
        Tls { server_name: None, ..authority.tls(Some(&ours)) },
    ] {
        let connected = Temporal::connect(at(address, refused), &kit.store).await;
        assert!(matches!(connected, Err(ConnectError::Unreachable)));
    }
    let options = at(address, authority.tls(Some(&ours)));
    let _worker = Worker::start(options.clone(), kit.engine.clone(), Arc::new(Unwatched));
    let temporal = Temporal::connect(options, &kit.store).await.unwrap();
    let remote = Remote::new(temporal, kit.store.clone());
    remote.start(&kit.tenant).await.unwrap();
    remote.finished(&kit.tenant).await.unwrap();
    assert_eq!(kit.falsehood(&["acme.com"]).await, None);
}

/// As [Temporal Cloud](https://docs.temporal.io/cloud/api-keys) wants it, over TLS. Fails when the key is left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_an_account_goes_with_every_request() {
    let kit = Kit::new(|_| {}).await;
    let authority = Authority::new();
    let (listener, address) = listener().await;
    let acceptor = authority.acceptor(false);
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(acceptor.accept(stream).await.unwrap()).await.unwrap();
        let (request, _) = connection.accept().await.unwrap().unwrap();
        tell.send(request.headers().clone()).unwrap();
    });
    let options =
        TemporalOptions { api_key: Some("key-of-an-account".to_owned().into()), ..at(address, authority.tls(None)) };
    let connecting = Temporal::connect(options, &kit.store);
    tokio::select! {
        _ = connecting => panic!("nobody answered"),
        headers = told => {
            let headers = headers.unwrap();
            assert_eq!(headers["authorization"], "Bearer key-of-an-account");
        }
    }
}
