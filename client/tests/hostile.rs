//! Whatever a broker answers to the first questions, nothing panics, hangs or takes much memory.
//!
//! This is a file of its own because it counts what the whole process allocates; it has one test
//! so that no other runs beside it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::System;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::{Client, Error, Target};
use kurier_env::{BoxFuture, Datagram, Env, Io, Net, Wall};
use kurier_protocol::api::api_versions::{ApiVersion, ApiVersionsResponse};
use kurier_protocol::api::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};
use kurier_protocol::api::find_coordinator::{Coordinator, FindCoordinatorResponse};
use kurier_protocol::api::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kurier_protocol::header::RequestHeader;
use kurier_protocol::release::{Release, versions};
use kurier_protocol::{ApiKey, Message, Uuid, frame};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug)]
enum Bite {
    /// Nothing.
    None,
    /// These bytes stand at this place.
    Overwrite(usize, [u8; 4]),
    /// It ends here, and its length says so.
    Cut(usize),
    /// It ends here, its length says more, and nothing follows.
    Break(usize),
    /// There is more at its end.
    Extend(usize),
    /// It claims this length.
    Length(i32),
    /// It comes twice.
    Twice,
}

/// A network with one broker, which answers one API wrongly.
#[derive(Debug)]
struct Hostile(ApiKey, Bite);

impl Net for Hostile {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![([10, 0, 0, 1], port).into()]) })
    }

    fn connect(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        let (near, far) = tokio::io::duplex(64 << 10);
        let (api, bite) = (self.0, self.1);
        tokio::spawn(async move { serve(far, api, bite).await.ok() });
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
        1_000_000
    }
}

async fn serve(mut far: DuplexStream, api: ApiKey, bite: Bite) -> io::Result<()> {
    loop {
        let length = far.read_u32().await?;
        let mut request = vec![0; length as usize];
        far.read_exact(&mut request).await?;
        let (header, _) = frame::open_request(&request.into()).unwrap();
        // One who asks in another version than was offered is told nothing.
        let Some(mut answer) = answer(&header) else { return Ok(()) };
        if ApiKey(header.request_api_key) == api {
            answer = bitten(answer, bite);
        }
        far.write_all(&answer).await?;
    }
}

fn bitten(mut answer: Vec<u8>, bite: Bite) -> Vec<u8> {
    match bite {
        Bite::None => {}
        Bite::Overwrite(at, bytes) => {
            for (to, from) in answer.iter_mut().skip(4 + at).zip(bytes) {
                *to = from;
            }
        }
        Bite::Cut(at) => {
            answer.truncate(4 + at);
            set_length(&mut answer, i32::try_from(at).unwrap());
        }
        Bite::Break(at) => answer.truncate(4 + at),
        Bite::Extend(by) => {
            answer.resize(answer.len() + by, 0xff);
            let length = i32::try_from(answer.len() - 4).unwrap();
            set_length(&mut answer, length);
        }
        Bite::Length(length) => set_length(&mut answer, length),
        Bite::Twice => answer.extend_from_within(..),
    }
    answer
}

fn set_length(answer: &mut [u8], length: i32) {
    for (to, from) in answer.iter_mut().zip(length.to_be_bytes()) {
        *to = from;
    }
}

/// A true answer.
fn answer(to: &RequestHeader) -> Option<Vec<u8>> {
    match ApiKey(to.request_api_key) {
        ApiKey::API_VERSIONS => {
            let api_keys = versions(Release::V4_4).map(|(api_key, range)| ApiVersion {
                api_key,
                min_version: *range.start(),
                max_version: *range.end(),
            });
            let api_keys = api_keys.collect();
            framed(to, &ApiVersionsResponse { api_keys, ..Default::default() })
        }
        ApiKey::METADATA => framed(to, &metadata()),
        ApiKey::FIND_COORDINATOR => {
            let found = Coordinator { key: "g".into(), node_id: 1, ..Default::default() };
            framed(to, &FindCoordinatorResponse { coordinators: vec![found], ..Default::default() })
        }
        ApiKey::DESCRIBE_GROUPS => framed(to, &DescribeGroupsResponse::default()),
        other => panic!("{other} was not to be asked"),
    }
}

fn metadata() -> MetadataResponse {
    let broker =
        MetadataResponseBroker { node_id: 1, host: "b".into(), port: 9092, ..Default::default() };
    let partition = MetadataResponsePartition { leader_id: 1, ..Default::default() };
    let topic = MetadataResponseTopic {
        name: Some("t".into()),
        topic_id: Uuid([7; 16]),
        partitions: vec![partition],
        ..Default::default()
    };
    MetadataResponse {
        brokers: vec![broker],
        cluster_id: Some("c".into()),
        controller_id: 1,
        topics: vec![topic],
        ..Default::default()
    }
}

fn framed<M: Message>(to: &RequestHeader, response: &M) -> Option<Vec<u8>> {
    let (key, version) = (ApiKey(to.request_api_key), to.request_api_version);
    let segments = frame::response(key, response, version, to.correlation_id).ok()?;
    Some(segments.to_bytes().to_vec())
}

/// Connects, looks at a topic and asks a coordinator, until something fails.
async fn session(net: Hostile) -> Result<(), Error> {
    const SHORT: Duration = Duration::from_millis(700);
    let env = Env::simulated(Arc::new(net), Arc::new(Noon), 7);
    let config = ClientConfig {
        request_timeout: SHORT,
        bootstrap_timeout: SHORT,
        topic_wait: SHORT,
        ..ClientConfig::default()
    };
    let client = Client::builder(["b:9092"]).config(config).env(env).connect().await?;
    client.topic("t").await?;
    let group = Target::Group("g".to_owned());
    client.request(group, DescribeGroupsRequest::default()).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn no_answer_to_the_first_questions_panics_hangs_or_takes_much_memory() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        before(info);
    }));
    let (mut tried, mut failed) = (0, 0);
    for api in [ApiKey::API_VERSIONS, ApiKey::METADATA, ApiKey::FIND_COORDINATOR] {
        assert!(session(Hostile(api, Bite::None)).await.is_ok());
        let mut bites = vec![Bite::Extend(1), Bite::Extend(5000), Bite::Twice];
        bites.extend([-1, i32::MIN, i32::MAX, 0, 1, 3, 100 << 20].map(Bite::Length));
        for at in 0..120 {
            for word in [[0xff; 4], [0x7f, 0xff, 0xff, 0xff], [0x80, 0, 0, 0], [0; 4]] {
                bites.push(Bite::Overwrite(at, word));
            }
            bites.extend([Bite::Cut(at), Bite::Break(at)]);
        }
        for bite in bites {
            let region = Region::new(ALLOCATOR);
            let outcome = timeout(Duration::from_secs(60), session(Hostile(api, bite))).await;
            let outcome = outcome.unwrap_or_else(|_| panic!("{api} {bite:?}: hangs"));
            let bytes = region.change().bytes_allocated;
            assert!(bytes < BYTES_MAX, "{api} {bite:?}: {bytes} bytes");
            assert_eq!(PANICS.load(Ordering::Relaxed), 0, "{api} {bite:?}");
            tried += 1;
            failed += usize::from(outcome.is_err());
        }
    }
    assert!(tried > 2000 && failed * 4 > tried, "{failed} of {tried}");
}

/// All that one session allocates, what it gives back included: some tries of some kilobytes.
const BYTES_MAX: usize = 24 << 20;
