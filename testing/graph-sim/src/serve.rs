//! Serving on a loopback port, over connections that can be cut.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

use crate::{Certificate, Simulator};

/// How many connections may be shaken hands with and not yet be served.
const WAITING: usize = 64;

/// A simulator that is being served. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    scheme: &'static str,
    stop: Option<oneshot::Sender<()>>,
}

impl Running {
    /// The root of Graph and of Entra, without a trailing slash.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Stops accepting requests.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have ended by itself.
            let _ = stop.send(());
        }
    }
}

impl Simulator {
    /// Serves on a loopback address; port 0 picks a free port. Call it within a Tokio runtime.
    ///
    /// It speaks plain HTTP and knows one secret that everybody knows, so any other address is
    /// refused.
    pub fn serve(self, addr: SocketAddr) -> io::Result<Running> {
        let (listener, address) = listen(addr)?;
        Ok(self.answer_on(Lines(listener), address, "http"))
    }

    /// The same over TLS, for clients that speak to nothing else: they must trust the certificate's
    /// authority, [`Certificate::authority`].
    pub fn serve_tls(self, addr: SocketAddr, certificate: &Certificate) -> io::Result<Running> {
        let (listener, address) = listen(addr)?;
        let lines = TlsLines::new(listener, address, certificate.acceptor()?);
        Ok(self.answer_on(lines, address, "https"))
    }

    fn answer_on<L>(self, lines: L, address: SocketAddr, scheme: &'static str) -> Running
    where
        L: Listener<Addr = SocketAddr>,
        Line: for<'l> Connected<IncomingStream<'l, L>>,
    {
        let (stop, stopped) = oneshot::channel();
        let service = self.router().into_make_service_with_connect_info::<Line>();
        tokio::spawn(async move {
            let ended = axum::serve(lines, service)
                .with_graceful_shutdown(async {
                    let _ = stopped.await;
                })
                .await;
            if let Err(error) = ended {
                tracing::warn!(kind = ?error.kind(), "the simulator stopped");
            }
        });
        Running { address, scheme, stop: Some(stop) }
    }
}

fn listen(addr: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    if !addr.ip().is_loopback() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the simulator listens on loopback addresses only"));
    }
    let listener = std::net::TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((TcpListener::from_std(listener)?, address))
}

/// A handle by which an answer can cut the connection that it goes out on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(Arc<Cut>);

#[derive(Debug)]
struct Cut {
    /// How many more bytes may be written; `usize::MAX` is no limit.
    left: AtomicUsize,
    /// Whether the bytes go out encrypted.
    is_tls: bool,
}

impl Default for Cut {
    fn default() -> Self {
        Self { left: AtomicUsize::new(usize::MAX), is_tls: false }
    }
}

impl Line {
    fn encrypted() -> Self {
        Self(Arc::new(Cut { is_tls: true, ..Cut::default() }))
    }

    /// The scheme that links over this connection begin with.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.0.is_tls { "https" } else { "http" }
    }

    /// Lets so many more bytes through, and then closes the connection.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.0.left.store(bytes, Ordering::SeqCst);
    }
}

struct Lines(TcpListener);

/// A connection that counts what is written while it is being cut.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    line: Line,
}

impl Listener for Lines {
    type Io = Wire<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Answers are written at once; waiting to fill a packet would only slow tests down.
        if stream.set_nodelay(true).is_err() {
            tracing::debug!("a connection closed before it was used");
        }
        (Wire { stream, line: Line::default() }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

/// Connections whose handshake is done. Each shakes hands by itself: a client that is slow, or that speaks no TLS, keeps nobody
/// waiting.
struct TlsLines {
    ready: mpsc::Receiver<(TlsStream, SocketAddr)>,
    address: SocketAddr,
}

impl TlsLines {
    fn new(mut listener: TcpListener, address: SocketAddr, acceptor: TlsAcceptor) -> Self {
        let (greeted, ready) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            loop {
                let (stream, address) = tokio::select! {
                    accepted = Listener::accept(&mut listener) => accepted,
                    () = greeted.closed() => return,
                };
                let (acceptor, greeted) = (acceptor.clone(), greeted.clone());
                tokio::spawn(async move {
                    match acceptor.accept(stream).await {
                        // The server may have stopped meanwhile.
                        Ok(stream) => drop(greeted.send((stream, address)).await),
                        Err(error) => tracing::debug!(kind = ?error.kind(), "a handshake failed"),
                    }
                });
            }
        });
        Self { ready, address }
    }
}

impl Listener for TlsLines {
    type Io = Wire<TlsStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some((stream, address)) => (Wire { stream, line: Line::encrypted() }, address),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, Lines>> for Line {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().line.clone()
    }
}

impl Connected<IncomingStream<'_, TlsLines>> for Line {
    fn connect_info(stream: IncomingStream<'_, TlsLines>) -> Self {
        stream.io().line.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let left = this.line.0.left.load(Ordering::SeqCst);
        if left == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let part = &bytes[..bytes.len().min(left)];
        let written = Pin::new(&mut this.stream).poll_write(context, part);
        if let Poll::Ready(Ok(count)) = written
            && left != usize::MAX
        {
            this.line.0.left.store(left - count, Ordering::SeqCst);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
