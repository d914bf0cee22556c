//! What a connection promises that should be encrypted.

use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::ApiKey;
use kurier_protocol::api::metadata::{MetadataRequest, MetadataResponse};
use kurier_protocol::api::produce::ProduceRequest;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;

use crate::config::{ClientConfig, DialConfig};
use crate::error::{Cause, Error, Fault, TlsFault};
use crate::net::broker::{Connections, Peer, Route};
use crate::net::{Address, Class};
use crate::scripted::{Brokers, Far, world};
use crate::security::tls::{Store, Tls, Trust};

const CA: &str = include_str!("../../../tests/tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../../tests/tls/server.pem");
const KEY: &[u8] = include_bytes!("../../../tests/tls/server.key");

fn config() -> ClientConfig {
    let tls = Tls { trust: Trust::Store(Store::pem(CA)), ..Tls::default() };
    ClientConfig { tls: Some(tls), ..ClientConfig::default() }
}

/// A client that has one thing to ask of a broker, and its answer to come.
fn asking(config: ClientConfig) -> (Brokers, JoinHandle<Result<(), Error>>, Connections) {
    let (env, brokers) = world(1 << 20);
    let connections = Connections::new(env, Arc::new(config));
    (brokers, ask(&connections), connections)
}

fn ask(connections: &Connections) -> JoinHandle<Result<(), Error>> {
    let address = Address::new("localhost", 9092);
    let route = Route {
        peer: Peer::Broker(1),
        class: Class::Normal,
        address: &address,
        cluster_id: None,
        timeout: Duration::from_secs(5),
        end: None,
    };
    let call = connections.call(route, 0..=i16::MAX, |_| MetadataRequest::default());
    tokio::spawn(async { call.await.map(drop) })
}

fn tls_fault(error: &Error) -> TlsFault {
    match error {
        Error::Unreachable { tried, .. } => match &tried[0].cause {
            Cause::Tls(fault) => TlsFault::clone(fault),
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

/// Encrypts the far end. The scripted broker speaks plain text into a pipe that holds so many
/// bytes.
fn encrypt(far: &mut Far, pipe_bytes: usize) -> JoinHandle<()> {
    let provider = Arc::new(rustls_graviola::default_provider());
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::from_pem_slice(KEY).unwrap())
        .unwrap();
    let (plain, mut piped) = tokio::io::duplex(pipe_bytes);
    let stream = std::mem::replace(&mut far.stream, plain);
    tokio::spawn(async move {
        let mut stream = TlsAcceptor::from(Arc::new(server)).accept(stream).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut piped).await;
    })
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_over_tls() {
    let (mut brokers, call, _connections) = asking(config());
    let mut far = brokers.accept().await;
    let relay = encrypt(&mut far, 1 << 20);
    far.shake_hands(&[(ApiKey::METADATA, 0, 9), (ApiKey::API_VERSIONS, 0, 3)]).await;
    let (header, _) = far.read_as::<MetadataRequest>().await;
    far.answer(&header, &MetadataResponse::default()).await;
    call.await.unwrap().unwrap();
    relay.abort();
}

#[tokio::test(start_paused = true)]
async fn an_encrypted_answer_that_is_cut_is_an_error_and_never_an_end() {
    let (mut brokers, call, _connections) = asking(config());
    let mut far = brokers.accept().await;
    let relay = encrypt(&mut far, 1 << 20);
    far.shake_hands(&[(ApiKey::METADATA, 0, 9), (ApiKey::API_VERSIONS, 0, 3)]).await;
    far.read_as::<MetadataRequest>().await;
    far.stream.write_all(&[0, 0, 0, 100, 0, 0, 0]).await.unwrap();
    sleep(Duration::from_millis(1)).await;
    // The stream ends without the word that TLS has for it.
    relay.abort();
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Disconnected { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_leaves_before_the_connection_is_closed() {
    let (env, mut brokers) = world(512);
    let connections = Connections::new(env, Arc::new(config()));
    let (address, timeout) = (Address::new("localhost", 9092), Duration::from_secs(60));
    let route = Route {
        peer: Peer::Broker(1),
        class: Class::Normal,
        address: &address,
        cluster_id: None,
        timeout,
        end: None,
    };
    // Larger than what lies on the way, smaller than what TLS holds back.
    let produce = ProduceRequest {
        acks: 0,
        transactional_id: Some("x".repeat(30_000).into()),
        ..Default::default()
    };
    let sent = produce.clone();
    let call = tokio::spawn(connections.call(route, 0..=i16::MAX, move |_| sent));
    let mut far = brokers.accept().await;
    let relay = encrypt(&mut far, 512);
    far.shake_hands(&[(ApiKey::PRODUCE, 0, 8), (ApiKey::API_VERSIONS, 0, 3)]).await;
    sleep(Duration::from_secs(1)).await;
    drop(connections);
    sleep(Duration::from_secs(1)).await;
    assert!(!call.is_finished(), "it lies in the buffer of TLS");
    assert_eq!(far.read_as::<ProduceRequest>().await.1, produce);
    call.await.unwrap().unwrap();
    relay.abort();
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_never_answers_the_handshake_ends_in_time() {
    let short = ClientConfig {
        dial: DialConfig { setup_timeout: Duration::from_secs(2), ..DialConfig::default() },
        ..config()
    };
    let start = Instant::now();
    let (mut brokers, call, _connections) = asking(short);
    let _far = brokers.accept().await;
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(tls_fault(&error), TlsFault::TimedOut(Duration::from_secs(2)));
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert!(error.is_retriable());
    assert!(error.to_string().contains("no answer to the TLS handshake within 2 s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_ends_during_the_handshake_says_so() {
    let (mut brokers, call, _connections) = asking(config());
    let _far = brokers.accept().await;
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(tls_fault(&error), TlsFault::TimedOut(Duration::from_secs(5)));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_late_tells_how_long_this_try_had() {
    let short = ClientConfig {
        dial: DialConfig { setup_timeout: Duration::from_secs(1), ..DialConfig::default() },
        ..config()
    };
    let (mut brokers, first, connections) = asking(short);
    let _first = brokers.accept().await;
    first.await.unwrap().unwrap_err();
    let second = ask(&connections);
    let _second = brokers.accept().await;
    let start = Instant::now();
    let TlsFault::TimedOut(told) = tls_fault(&second.await.unwrap().unwrap_err()) else {
        panic!("another fault")
    };
    let took = start.elapsed();
    assert!(told > Duration::from_secs(1), "the second try has more time: {told:?}");
    assert!(took.abs_diff(told) < Duration::from_millis(5), "{told:?} told, {took:?} taken");
}

#[tokio::test(start_paused = true)]
async fn a_plain_listener_is_told_from_an_encrypted_one() {
    let (mut brokers, call, _connections) = asking(config());
    let mut far = brokers.accept().await;
    far.stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(tls_fault(&error), TlsFault::NotTls);
    assert!(!error.is_retriable());
    let text = error.to_string();
    assert!(text.contains("this listener does not speak TLS; use security.protocol="), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_encrypted_listener_is_recognised_in_plain_text() {
    let (mut brokers, call, _connections) = asking(ClientConfig::default());
    let mut far = brokers.accept().await;
    far.stream.read_u32().await.unwrap();
    far.stream.write_all(&[0x15, 3, 3, 0, 2, 2, 0x50]).await.unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::NotKafka { fault: Fault::Tls, .. }), "{error}");
    assert!(error.to_string().contains("set security.protocol=SSL or SASL_SSL"), "{error}");
}
