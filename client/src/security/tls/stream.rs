//! A stream that is encrypted, whose errors say what they mean.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use kurier_env::Io;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::failure::Facts;

/// The encrypted stream.
pub(super) struct Encrypted {
    pub(super) stream: TlsStream<Box<dyn Io>>,
    pub(super) facts: Arc<Facts>,
}

impl Encrypted {
    fn explained(&self, error: io::Error) -> io::Error {
        match self.facts.fault(&error) {
            Some(fault) => io::Error::new(io::ErrorKind::InvalidData, fault),
            None => error,
        }
    }

    /// A broker that refuses the client's certificate says so after it was shown, and hangs up.
    /// Whoever writes then finds a closed connection, and the reason still to be read.
    fn explained_by_peer(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Error {
        // An answer that came before stays there to be read.
        let last_words = Pin::new(&mut self.stream).poll_fill_buf(cx).map_ok(drop);
        match last_words {
            Poll::Ready(Err(reason)) if self.facts.fault(&reason).is_some() => {
                self.explained(reason)
            }
            _ => self.explained(error),
        }
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        polled.map_err(|error| self.explained(error))
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        polled.map_err(|error| self.explained_by_peer(cx, error))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        polled.map_err(|error| self.explained_by_peer(cx, error))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        polled.map_err(|error| self.explained_by_peer(cx, error))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
