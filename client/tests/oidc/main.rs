//! A client that gets its tokens from an OAuth endpoint: in time, once for all, and with errors
//! that say what is wrong.

#![cfg(feature = "tls")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

#[path = "../capture/mod.rs"]
mod capture;
#[path = "../capture/hidden.rs"]
mod hidden;
mod world;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use capture::listen;
use futures_util::future::join_all;
use hidden::assert_hides;
use kurier_auth::oauthbearer::{Claim, UnsecuredToken};
use kurier_client::properties::Properties;
use kurier_client::security::oidc::{Oidc, OidcConfig};
use kurier_client::security::tls::{Store, Trust};
use kurier_client::security::{OauthBearer, Sasl, Secret, TokenProvider};
use kurier_client::{Client, Error, Record};
use kurier_env::{Io, Wall};
use kurier_protocol::ApiKey;
use kurier_testkit::{SaslMechanism, TestCluster};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use world::{Reply, World};

const URL: &str = "http://localhost:8080/token?tenant=hidden";

fn config() -> OidcConfig {
    OidcConfig::new(URL, "the-client", Secret::new("hush-hush"))
}

fn oidc() -> Oidc {
    Oidc::new(config()).unwrap()
}

fn world(replies: impl IntoIterator<Item = Reply>) -> Arc<World> {
    World::new(&TestCluster::builder().build(), replies)
}

async fn token(oidc: &Oidc, world: &Arc<World>) -> Result<String, Error> {
    oidc.token(&world.env()).await.map(|found| found.token.reveal().to_owned())
}

#[tokio::test(start_paused = true)]
async fn one_token_serves_all_logins_until_the_next_one_is_there() {
    let world = world(["one", "two", "three"].map(|name| Reply::token(name, 1000)));
    let oidc = oidc();
    let all = join_all((0..20).map(|_| token(&oidc, &world))).await;
    assert!(all.iter().all(|found| found.as_ref().unwrap() == "one"), "{all:?}");
    assert_eq!(world.requests().len(), 1);
    // Five minutes before the end of the first, whether anybody asks or not.
    sleep(Duration::from_secs(699)).await;
    assert_eq!(world.requests().len(), 1);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(world.requests().len(), 2);
    assert_eq!(token(&oidc, &world).await.unwrap(), "two");
    sleep(Duration::from_secs(700)).await;
    assert_eq!(token(&oidc, &world).await.unwrap(), "three");
    drop(oidc);
    sleep(Duration::from_secs(10_000)).await;
    assert_eq!(world.requests().len(), 3, "nobody renews what nobody can ask for");
}

#[tokio::test(start_paused = true)]
async fn a_request_is_one_post_with_the_credentials() {
    let world = world([Reply::token("one", 60)]);
    let config = OidcConfig { scope: Some("kafka read".to_owned()), ..config() };
    token(&Oidc::new(config).unwrap(), &world).await.unwrap();
    let request = world.requests().remove(0);
    assert!(request.starts_with("POST /token?tenant=hidden HTTP/1.1\r\nHost: localhost:8080\r\n"));
    // the-client:hush-hush
    assert!(request.contains("Authorization: Basic dGhlLWNsaWVudDpodXNoLWh1c2g=\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\ngrant_type=client_credentials&scope=kafka+read"));
}

#[tokio::test(start_paused = true)]
async fn a_token_of_64_kib_in_small_pieces_is_taken() {
    let long = "x".repeat(64 << 10);
    let body = format!(r#"{{"access_token":"{long}"}}"#);
    let chunks: String = body
        .as_bytes()
        .chunks(100)
        .map(|piece| format!("{:x}\r\n{}\r\n", piece.len(), text(piece)))
        .collect();
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let world = world([Reply::Text(format!("{head}{chunks}0\r\n\r\n"))]);
    let oidc = oidc();
    assert_eq!(token(&oidc, &world).await.unwrap(), long);
    // It does not say how long it is good.
    token(&oidc, &world).await.unwrap();
    assert_eq!(world.requests().len(), 2);
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_with_growing_pauses() {
    let passing = [
        Reply::of(429, ""),
        Reply::Refusal,
        Reply::of(503, r#"{"error":"temporarily_unavailable"}"#),
        Reply::of(200, "<html>be right back</html>"),
        Reply::Text("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort".to_owned()),
    ];
    let world = world(passing.into_iter().chain([Reply::token("one", 60)]));
    assert_eq!(token(&oidc(), &world).await.unwrap(), "one");
    assert_eq!(world.requests().len(), 5);
    // 100, 200, 400, 800 and 1600 ms, each up to a fifth shorter or longer.
    let took = world.elapsed().as_millis();
    assert!((2480..=3720).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_told_after_ten_seconds_with_the_endpoint_and_its_words() {
    let said = r#"{"error":"slow_down","error_description":"hush-hush is over its limit"}"#;
    for (reply, wanted) in [
        (Reply::of(429, said), "answered 429 (slow_down: (hidden) is over its limit)"),
        (Reply::of(500, ""), "answered 500"),
        (Reply::of(200, "{}"), "no access_token"),
        (Reply::Refusal, "refused"),
        (Reply::Silence, "no answer within 10000 ms"),
        (Reply::Drip("HTTP/1.1 200 OK\r\n".repeat(9), Duration::from_secs(1)), "no answer within"),
        (Reply::Text(format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(9000))), "16 KiB"),
        (Reply::Text(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(2 << 20))), "1 MiB"),
        (Reply::Text("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n".into()), "1 MiB"),
    ] {
        let world = world([reply]);
        let error = token(&oidc(), &world).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("token endpoint http://localhost:8080/token: "), "{text}");
        assert!(text.contains(wanted) && error.is_retriable(), "{text}");
        assert_hides(&format!("{error} {error:?}"), b"hush-hush", "the secret");
        assert_hides(&format!("{error} {error:?}"), b"tenant", "the query");
        assert_eq!(world.elapsed().as_secs(), 10, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_first_names_the_endpoint_and_what_stood_in_the_way() {
    for (reply, obstacle) in [(Reply::Refusal, ": connection refused"), (Reply::Silence, "")] {
        let cluster = TestCluster::builder().sasl([SaslMechanism::OauthBearer]).build();
        let world = World::new(&cluster, [reply]);
        let sasl = Sasl::OauthBearer(OauthBearer::new(oidc()));
        let client = Client::builder(cluster.bootstrap()).env(world.env()).sasl(sasl);
        let client = client.bootstrap_timeout(Duration::from_secs(5));
        let text = client.connect().await.map(drop).unwrap_err().to_string();
        let wanted = format!(
            "there is no token within 5 s (token endpoint http://localhost:8080/token{obstacle})"
        );
        assert!(text.contains(&wanted), "{text}");
        assert_hides(&text, b"tenant", "the query");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_at_once() {
    let said = r#"{"error":"invalid_client","error_description":"no such client"}"#;
    for (reply, wanted) in [
        (Reply::of(401, said), "answered 401 (invalid_client: no such client); check client id"),
        (Reply::of(404, "hush-hush"), "answered 404; check the path"),
        (
            Reply::Text(
                "HTTP/1.1 302 Found\r\nLocation: http://evil/\r\nContent-Length: 0\r\n\r\n".into(),
            ),
            "answered 302; redirects are not followed",
        ),
    ] {
        let world = world([reply]);
        let error = token(&oidc(), &world).await.unwrap_err();
        let text = error.to_string();
        let start = "sasl.oauthbearer.token.endpoint.url: http://localhost:8080/token answered";
        assert!(text.starts_with(start) && text.contains(wanted), "{text}");
        assert!(!error.is_retriable() && !text.contains("hush"), "{text}");
        assert_eq!((world.requests().len(), world.elapsed()), (1, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_address_costs_a_second_and_a_silent_host_ten() {
    let cluster = TestCluster::builder().build();
    let both = ["127.0.0.1", "127.0.0.2"];
    let one = World::at(&cluster, &both, Some("127.0.0.1"), [Reply::token("one", 60)]);
    token(&oidc(), &one).await.unwrap();
    assert_eq!(one.elapsed().as_secs(), 1);
    let none = World::at(&cluster, &["127.0.0.1"], Some("127.0.0.1"), []);
    let text = token(&oidc(), &none).await.unwrap_err().to_string();
    assert!(text.contains("no connection within 10000 ms"), "{text}");
    assert_eq!(none.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn without_encryption_the_secret_stays_on_this_machine_whatever_names_stand_for() {
    let cluster = TestCluster::builder().build();
    let world = World::at(&cluster, &["10.0.0.1"], None, [Reply::token("one", 60)]);
    let error = token(&oidc(), &world).await.unwrap_err();
    assert!(error.to_string().contains("the name has no address"), "{error}");
    assert!(world.requests().is_empty());
    for url in ["http://idp.example/token", "file:///etc/passwd"] {
        let config = OidcConfig { endpoint: url.to_owned(), ..config() };
        let error = Oidc::new(config).unwrap_err().to_string();
        assert!(error.starts_with("sasl.oauthbearer.token.endpoint.url: "), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_old_token_is_used_to_its_end_while_the_endpoint_is_away() {
    let world = world([Reply::token("one", 1000)]);
    let oidc = oidc();
    token(&oidc, &world).await.unwrap();
    world.then([Reply::of(503, "")]);
    sleep(Duration::from_secs(960)).await;
    assert_eq!(token(&oidc, &world).await.unwrap(), "one");
    sleep(Duration::from_secs(11)).await;
    assert!(token(&oidc, &world).await.unwrap_err().is_retriable());
    world.then([Reply::token("two", 1000)]);
    assert_eq!(token(&oidc, &world).await.unwrap(), "two");
}

/// A wall clock that goes on while all else stands still.
#[derive(Debug, Default)]
struct Clock(AtomicI64);

impl Wall for Clock {
    fn millis(&self) -> i64 {
        1_800_000_000_000 + self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ended_while_the_machine_slept_is_not_shown() {
    let clock = Arc::new(Clock::default());
    let cluster = TestCluster::builder().wall(Arc::clone(&clock) as Arc<dyn Wall>).build();
    let world = World::new(&cluster, ["one", "two"].map(|name| Reply::token(name, 1000)));
    let oidc = oidc();
    assert_eq!(token(&oidc, &world).await.unwrap(), "one");
    clock.0.store(960_000, Ordering::Relaxed);
    assert_eq!(token(&oidc, &world).await.unwrap(), "one");
    // So little is left that a broker may find it dead.
    clock.0.store(975_000, Ordering::Relaxed);
    assert_eq!(token(&oidc, &world).await.unwrap(), "two");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_a_broker_refuses_is_fetched_anew_once() {
    let cluster = TestCluster::builder().sasl([SaslMechanism::OauthBearer]).build();
    let world = World::new(&cluster, []);
    let good = signed_by_nobody(1000, &world);
    let sasl = Sasl::OauthBearer(OauthBearer::new(oidc()));
    let connect = async || {
        let client = Client::builder(cluster.bootstrap()).env(world.env());
        client.sasl(sasl.clone()).connect().await
    };
    world.then([Reply::token("revoked", 1000)]);
    let error = connect().await.map(drop).unwrap_err();
    assert!(error.is_fatal(), "{error}");
    assert_eq!(world.requests().len(), 1, "it was new");
    sleep(Duration::from_secs(60)).await;
    world.then([good]);
    for client in join_all((0..5).map(|_| connect())).await {
        client.unwrap();
    }
    assert_eq!(world.requests().len(), 2);
}

/// The endpoint's side of TLS, with the certificate of `tests/tls`.
async fn encrypted(stream: Box<dyn Io>) -> std::io::Result<Box<dyn Io>> {
    let path = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name);
    let certificate = CertificateDer::from_pem_file(path("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(path("server.key")).unwrap();
    let provider = Arc::new(rustls_graviola::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Ok(Box::new(TlsAcceptor::from(Arc::new(config)).accept(stream).await?))
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_with_a_certificate_of_nobodys_gets_no_secret() {
    let world = world([Reply::token("one", 60)]);
    let url = "https://localhost:8443/token".to_owned();
    let mut config = OidcConfig { endpoint: url, ..config() };
    config.tls.trust = Trust::Mozilla;
    let error = token(&Oidc::new(config.clone()).unwrap(), &world).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("token endpoint https://localhost:8443/token: "), "{text}");
    assert!(text.contains("trust") && !error.is_retriable(), "{text}");
    assert!(world.requests().is_empty());
    let ca = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/ca.pem");
    config.tls.trust = Trust::Store(Store::file(ca));
    assert_eq!(token(&Oidc::new(config).unwrap(), &world).await.unwrap(), "one");
}

/// A token that test kit's brokers take.
fn signed_by_nobody(lifetime: u64, world: &World) -> Reply {
    let millis = u64::try_from(world.brokers().wall_millis()).unwrap();
    let token = UnsecuredToken::new(Duration::from_millis(millis), Duration::from_secs(lifetime));
    let token = token.with("sub", Claim::Text("alice".to_owned())).encode();
    Reply::token(token.reveal(), lifetime)
}

#[tokio::test(start_paused = true)]
async fn a_client_set_up_by_javas_names_logs_in_and_again_with_new_tokens() {
    let (log, _listening) = listen();
    let builder = TestCluster::builder().topic("t", 1);
    let cluster = builder.sasl([SaslMechanism::OauthBearer]).build();
    let world = World::new(&cluster, []);
    world.then([signed_by_nobody(60, &world)]);
    let properties = Properties::from_pairs([
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.token.endpoint.url", URL),
        ("sasl.oauthbearer.client.credentials.client.id", "the-client"),
        ("sasl.oauthbearer.client.credentials.client.secret", "hush-hush"),
    ]);
    let properties = properties.unwrap();
    let sasl = properties.client_config().unwrap().sasl.unwrap();
    let client = Client::builder(cluster.bootstrap()).env(world.env());
    let client = client.sasl(sasl.clone()).connect().await.unwrap();
    let producer = client.producer().build().await.unwrap();
    for _ in 0..10 {
        producer.send(Record::to("t").value("v")).await.unwrap();
        world.then([signed_by_nobody(60, &world)]);
        sleep(Duration::from_secs(20)).await;
    }
    let fetched = world.requests().len();
    assert!((3..=6).contains(&fetched), "a token a minute, {fetched}");
    let logins = cluster.requests();
    let logins = logins.iter().filter(|one| one.api == ApiKey::SASL_AUTHENTICATE).count();
    assert!(logins > 4, "{logins}");
    let text = format!("{}\n{properties:?}\n{sasl:?}", log.text());
    assert!(text.contains("fetched a token"), "{text}");
    assert_hides(&text, b"hush-hush", "the secret");
    assert_hides(&text, b"tenant=hidden", "the query of the endpoint");
    assert_hides(&text, b"eyJhbGciOiJub25lIn0", "a token");
}

#[tokio::test(start_paused = true)]
async fn a_login_without_a_token_says_why() {
    let cluster = TestCluster::builder().sasl([SaslMechanism::OauthBearer]).build();
    let world = World::new(&cluster, [Reply::of(401, r#"{"error":"invalid_client"}"#)]);
    let client = Client::builder(cluster.bootstrap()).env(world.env());
    let client = client.sasl(Sasl::OauthBearer(OauthBearer::new(oidc())));
    let text = client.connect().await.map(drop).unwrap_err().to_string();
    assert!(text.contains("localhost:8080/token answered 401 (invalid_client)"), "{text}");
}
