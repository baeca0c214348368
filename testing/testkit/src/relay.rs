//! Connections, passed on byte by byte and counted.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Stands before a server and counts what it answers, so that a test can do something in the middle of any answer. Whatever
/// either side does to a connection, the other side sees.
#[derive(Clone)]
pub struct Relay {
    address: SocketAddr,
    passed: Arc<watch::Sender<u64>>,
}

impl Relay {
    /// Passes connections on to `url`, for as long as the runtime lives.
    pub async fn before(url: &str) -> Self {
        let server: SocketAddr = url.trim_start_matches("http://").parse().expect("an address with a port");
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let passed = Arc::new(watch::Sender::new(0));
        let count = passed.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, server, count.clone()));
            }
        });
        Self { address, passed }
    }

    /// The server's root, behind it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many bytes of answers have passed.
    pub fn passed(&self) -> u64 {
        *self.passed.borrow()
    }

    /// Waits until so many have.
    pub async fn has_passed(&self, bytes: u64) {
        self.passed.subscribe().wait_for(|passed| *passed >= bytes).await.expect("a relay that stands");
    }
}

async fn pass_on(client: TcpStream, server: SocketAddr, passed: Arc<watch::Sender<u64>>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    // Small parts wait for nothing.
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let questions = async { tokio::io::copy(&mut from_client, &mut to_server).await.map(drop) };
    let answers = async {
        let mut part = [0; 1024];
        loop {
            let length = from_server.read(&mut part).await?;
            if length == 0 {
                return Ok::<(), std::io::Error>(());
            }
            to_client.write_all(&part[..length]).await?;
            passed.send_modify(|bytes| *bytes += length as u64);
        }
    };
    // When one side has ended, both have: an answer that is cut off is cut off here.
    tokio::select! {
        _ = questions => {}
        _ = answers => {}
    }
}
