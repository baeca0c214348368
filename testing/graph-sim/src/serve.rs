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
use tokio::sync::oneshot;

use crate::Simulator;

/// A simulator that is being served. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
}

impl Running {
    /// The root of Graph and of Entra, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
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
        if !addr.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the simulator listens on loopback addresses only",
            ));
        }
        let listener = std::net::TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let lines = Lines(TcpListener::from_std(listener)?);
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
        Ok(Running { address, stop: Some(stop) })
    }
}

/// A handle by which an answer can cut the connection that it goes out on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(Arc<Cut>);

#[derive(Debug)]
struct Cut {
    /// How many more bytes may be written; `usize::MAX` is no limit.
    left: AtomicUsize,
}

impl Default for Cut {
    fn default() -> Self {
        Self { left: AtomicUsize::new(usize::MAX) }
    }
}

impl Line {
    /// Lets so many more bytes through, and then closes the connection.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.0.left.store(bytes, Ordering::SeqCst);
    }
}

struct Lines(TcpListener);

/// A connection that counts what is written while it is being cut.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    line: Line,
}

impl Listener for Lines {
    type Io = Wire;
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

impl Connected<IncomingStream<'_, Lines>> for Line {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().line.clone()
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
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
