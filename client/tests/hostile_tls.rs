//! Whatever a server says in place of a handshake of TLS, nothing panics, hangs or takes much
//! memory.
//!
//! This is a file of its own because it counts what the whole process allocates; it has one test
//! so that no other runs beside it.

#![cfg(feature = "tls")]

use std::alloc::System;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kurier_client::Client;
use kurier_client::config::{ClientConfig, DialConfig};
use kurier_client::security::tls::{Store, Tls, Trust};
use kurier_env::{BoxFuture, Datagram, Env, Io, Net, Wall};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep, timeout};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a server says once it has heard the client's first message.
#[derive(Clone, Copy, Debug)]
struct Manner {
    /// First of all.
    first: &'static [u8],
    /// Then this, again and again.
    then: &'static [u8],
    /// So long after each.
    pause: Duration,
}

/// A network with one server.
#[derive(Debug)]
struct Hostile(Manner);

impl Net for Hostile {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![([10, 0, 0, 1], port).into()]) })
    }

    fn connect(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        let (near, far) = tokio::io::duplex(64 << 10);
        let manner = self.0;
        tokio::spawn(async move { serve(far, manner).await.ok() });
        Box::pin(async move { Ok(Box::new(near) as Box<dyn Io>) })
    }

    fn datagram(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }
}

#[derive(Debug)]
struct Noon;

impl Wall for Noon {
    fn millis(&self) -> i64 {
        1_800_000_000_000
    }
}

async fn serve(mut far: DuplexStream, manner: Manner) -> io::Result<()> {
    let mut hello = vec![0; 16 << 10];
    if far.read(&mut hello).await? == 0 {
        return Ok(());
    }
    far.write_all(manner.first).await?;
    if manner.then.is_empty() {
        // Nothing more comes until the stream is dropped.
        sleep(manner.pause).await;
        return Ok(());
    }
    loop {
        far.write_all(manner.then).await?;
        sleep(manner.pause).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_server_in_place_of_tls_panics_hangs_or_takes_much_memory() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        before(info);
    }));
    for (what, first, then, pause) in MANNERS {
        let (first, then, pause) = (*first, *then, Duration::from_millis(*pause));
        let config = ClientConfig {
            tls: Some(Tls { trust: Trust::Store(Store::pem(CA)), ..Tls::default() }),
            bootstrap_timeout: BOOTSTRAP_TIMEOUT,
            dial: DialConfig {
                setup_timeout: SETUP_TIMEOUT,
                setup_timeout_max: SETUP_TIMEOUT,
                ..DialConfig::default()
            },
            ..ClientConfig::default()
        };
        let net = Arc::new(Hostile(Manner { first, then, pause }));
        let env = Env::simulated(net, Arc::new(Noon), 7);
        let client = Client::builder(["localhost:9092"]).config(config).env(env);
        let (region, start) = (Region::new(ALLOCATOR), Instant::now());
        let outcome = timeout(Duration::from_secs(60), client.connect()).await;
        let error = outcome.unwrap_or_else(|_| panic!("{what}: hangs")).unwrap_err();
        let (bytes, took) = (region.change().bytes_allocated, start.elapsed());
        println!("{what}: {bytes} bytes, {took:?}: {error}");
        assert!(bytes < BYTES_MAX, "{what}: {bytes} bytes");
        assert!(took <= BOOTSTRAP_TIMEOUT + SETUP_TIMEOUT, "{what}: {took:?}");
        assert!(error.to_string().len() < TEXT_BYTES_MAX, "{what}: {error}");
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "{what}");
    }
}

/// What it is, what comes first, what comes again and again, and milliseconds between.
const MANNERS: &[(&str, &[u8], &[u8], u64)] = &[
    ("nothing", b"", b"", 3_600_000),
    ("the end", b"", b"", 0),
    ("text without end", b"", &[b'a'; 16 << 10], 1),
    ("noise without end", b"", &[0xa5; 16 << 10], 1),
    ("half a header of a record", &[22, 3, 3], b"", 3_600_000),
    ("half a record, then the end", &[22, 3, 3, 0x20, 0, 2, 0, 0], b"", 0),
    ("half a record, then nothing", &[22, 3, 3, 0x20, 0, 2, 0, 0], b"", 3_600_000),
    ("a record as long as can be said", &[22, 3, 3, 0xff, 0xff], &[0; 16 << 10], 1),
    ("a byte a second", &[22, 3, 3, 0x3f, 0xff], &[0], 1000),
    ("a message of 16 MiB in small records", &[22, 3, 3, 0, 4, 2, 255, 255, 255], PIECE, 1),
    ("a message of 64 KiB in small records", &[22, 3, 3, 0, 4, 2, 0, 255, 255], PIECE, 1),
    ("empty records without end", b"", &[22, 3, 3, 0, 0], 1),
    ("changes of cipher without end", b"", &[20, 3, 3, 0, 1, 1], 1),
    ("warnings without end", b"", &[21, 3, 3, 0, 2, 1, 90], 1),
    ("hello requests without end", b"", &[22, 3, 3, 0, 4, 0, 0, 0, 0], 1),
    ("data in place of a handshake", b"", &[23, 3, 3, 0, 1, 0], 1),
    ("a record of a kind that there is not", b"", &[99, 3, 3, 0, 1, 0], 1),
];
/// A record with one byte of a message.
const PIECE: &[u8] = &[22, 3, 3, 0, 1, 0];
const CA: &str = include_str!("tls/ca.pem");
const SETUP_TIMEOUT: Duration = Duration::from_secs(2);
const BOOTSTRAP_TIMEOUT: Duration = Duration::from_secs(5);
/// All that some tries allocate, what they give back included.
const BYTES_MAX: usize = 24 << 20;
const TEXT_BYTES_MAX: usize = 1000;
