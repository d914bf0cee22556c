//! Any bytes as the stores of certificates and keys that a client's settings name.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::security::Secret;
use kurier_client::security::tls::{Identity, Store, Tls, Trust};
use kurier_client::{Client, Error};
use kurier_env::{BoxFuture, Datagram, Env, Files, Io, Net};
use tokio::runtime;
use tokio::time::timeout;

use super::hostile_broker::Noon;
use crate::random::Random;

/// The first byte says what the rest is: a store of trusted certificates, or one with a key.
///
/// # Panics
///
/// When reading does, when what is wrong is told at length, or when it does not come to an end.
pub fn key_stores(data: &[u8]) {
    open_stores(data);
}

/// As [`key_stores()`]; says whether the client could use them.
///
/// # Panics
///
/// As there.
pub fn open_stores(data: &[u8]) -> bool {
    let Some((choice, file)) = data.split_first() else { return false };
    let password = || Secret::new("changeit");
    let store = Store::file("/store").password(password());
    let tls = match choice & 1 {
        0 => Tls { trust: Trust::Store(store), ..Tls::default() },
        _ => Tls {
            trust: Trust::Mozilla,
            identity: Some(Identity::new(store).key_password(password())),
            ..Tls::default()
        },
    };
    let config =
        ClientConfig { tls: Some(tls), bootstrap_timeout: PATIENCE, ..ClientConfig::default() };
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let file = Arc::new(OneFile(file.to_vec()));
        let env = Env::simulated(Arc::new(Nowhere), Arc::new(Noon), 1).with_files(file);
        let client = Client::builder(["broker-1:9092"]).config(config).env(env);
        let connected = timeout(PATIENCE * 2, client.connect()).await.expect("an end");
        let Err(error) = connected else { panic!("nobody is there") };
        let text = error.to_string();
        assert!(text.len() < TEXT_BYTES_MAX, "{} bytes of error", text.len());
        matches!(error, Error::Unreachable { .. })
    })
}

/// Whatever file is asked for.
#[derive(Debug)]
struct OneFile(Vec<u8>);

impl Files for OneFile {
    fn read<'a>(&'a self, _: &'a Path, _: u64) -> BoxFuture<'a, io::Result<Vec<u8>>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

/// A network in which nobody is.
#[derive(Debug)]
struct Nowhere;

impl Net for Nowhere {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::NotFound.into())))
    }

    fn connect(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::ConnectionRefused.into())))
    }

    fn datagram(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }
}

/// Stores that OpenSSL and keytool have written, damaged.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    let store = random.pick(&STORES);
    random.damage(store)
}

/// Each with its choice before it. None takes many iterations to open.
const STORES: [&[u8]; 8] = [
    include_bytes!("../../corpus/key_stores/client.jks"),
    include_bytes!("../../corpus/key_stores/enc.pem"),
    include_bytes!("../../corpus/key_stores/legacy.p12"),
    include_bytes!("../../corpus/key_stores/mac.p12"),
    include_bytes!("../../corpus/key_stores/nomac.p12"),
    include_bytes!("../../corpus/key_stores/plain.p12"),
    include_bytes!("../../corpus/key_stores/scrypt.pem"),
    include_bytes!("../../corpus/key_stores/trust.jks"),
];
const PATIENCE: Duration = Duration::from_secs(1);
const TEXT_BYTES_MAX: usize = 1000;
