//! A network between a client and brokers, on which bytes are changed.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kurier_env::{BoxFuture, Datagram, Env, Io, Net};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::time::sleep;

use super::script::{Act, Script};

/// The network of somebody else, where a script says what becomes of bytes.
#[derive(Clone)]
pub(super) struct Proxy {
    behind: Env,
    script: Arc<Mutex<Script>>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").finish_non_exhaustive()
    }
}

impl Proxy {
    pub(super) fn new(behind: Env, script: Script) -> Self {
        Self { behind, script: Arc::new(Mutex::new(script)) }
    }

    /// Whether all that comes arrives.
    pub(super) fn is_over(&self) -> bool {
        self.script().is_over()
    }

    /// From now on it does.
    pub(super) fn be_honest(&self) {
        self.script().end();
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries both directions until one of them ends.
    async fn carry(self, near: DuplexStream, far: Box<dyn Io>) {
        let (from_client, to_client) = tokio::io::split(near);
        let (from_broker, to_broker) = tokio::io::split(far);
        tokio::select! {
            biased;
            () = self.pass(from_client, to_broker) => {}
            () = self.pass(from_broker, to_client) => {}
        }
    }

    /// Carries one direction to its end.
    async fn pass(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut piece = vec![0; PIECE_BYTES];
        while let Ok(count @ 1..) = from.read(&mut piece).await {
            let act = self.script().act();
            if let Act::Delay(tenths) = act {
                sleep(Duration::from_millis(100) * u32::from(tenths)).await;
            }
            let arrives = act.on(piece.get(..count).unwrap_or_default());
            let is_written = to.write_all(&arrives).await.is_ok() && to.flush().await.is_ok();
            match act {
                // Until the other direction ends, or the client gives up.
                Act::Stall => while let Ok(1..) = from.read(&mut piece).await {},
                Act::Cut(_) => return,
                _ if !is_written => return,
                _ => {}
            }
        }
    }
}

impl Net for Proxy {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        self.behind.net().resolve(host, port)
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            let far = self.behind.net().connect(to).await?;
            let (client, near) = tokio::io::duplex(PIECE_BYTES);
            tokio::spawn(self.clone().carry(near, far));
            Ok(Box::new(client) as Box<dyn Io>)
        })
    }

    fn datagram(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>> {
        self.behind.net().datagram(to)
    }
}

const PIECE_BYTES: usize = 4096;
