//! One end of a connection as a byte stream.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::poll_proceed;
use tokio::time::{Instant, Sleep, sleep_until};

use super::connection::{Arrival, Connection};
use super::event::{What, digest};
use super::fabric::Fabric;
use super::link::Side;
use super::wire::End;

/// One end of a connection. Dropping it ends the connection.
#[derive(Debug)]
pub(super) struct Stream {
    fabric: Arc<Fabric>,
    connection: Arc<Connection>,
    side: Side,
    /// Wakes the reader when bytes arrive that are under way.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub(super) fn new(fabric: &Arc<Fabric>, connection: &Arc<Connection>, side: Side) -> Self {
        let (fabric, connection) = (Arc::clone(fabric), Arc::clone(connection));
        Self { fabric, connection, side, timer: None }
    }

    fn end(&self, end: End) {
        if self.connection.end(self.side, end) {
            self.fabric.record(&self.connection, || What::Ended { by: self.side });
        }
    }

    /// Waits for a time. Ready when it has come.
    fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let progress = ready!(poll_proceed(cx));
        loop {
            let at = match this.connection.read(this.side, cx, buffer) {
                Ok(Arrival::Nothing) => return Poll::Pending,
                Ok(Arrival::At(at)) => Instant::from_std(at),
                done => {
                    progress.made_progress();
                    return Poll::Ready(done.map(drop));
                }
            };
            ready!(this.poll_until(cx, at));
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let progress = ready!(poll_proceed(cx));
        let taken = ready!(self.connection.write(self.side, cx, slices));
        progress.made_progress();
        if let Ok(bytes) = taken {
            let sent = || What::Sent { by: self.side, bytes, digest: digest(slices, bytes) };
            self.fabric.record(&self.connection, sent);
        }
        Poll::Ready(taken)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end(End::Finished);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.end(End::Gone);
    }
}
