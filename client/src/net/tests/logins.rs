//! What a login promises, against a broker that the test plays.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kurier_auth::oauthbearer::{BearerRefusal, OauthBearerServer};
use kurier_auth::scram::{ScramCredential, ScramHash, ScramServer};
use kurier_auth::{Mechanism, PlainServer, Secret, Step};
use kurier_env::{BoxFuture, Env};
use kurier_protocol::api::metadata::{MetadataRequest, MetadataResponse};
use kurier_protocol::api::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
use kurier_protocol::api::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
use kurier_protocol::{ApiKey, ErrorCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep};

use super::super::broker::{Connections, Peer, Route};
use super::super::{Address, Class};
use crate::config::ClientConfig;
use crate::error::{Cause, Error, LoginFault};
use crate::scripted::{Brokers, Far, world};
use crate::security::{BearerToken, OauthBearer, Sasl, TokenProvider, UnsecuredLogin};

const NEW: &[(ApiKey, i16, i16)] =
    &[(ApiKey::METADATA, 0, 9), (ApiKey::SASL_HANDSHAKE, 0, 1), (ApiKey::SASL_AUTHENTICATE, 0, 2)];
/// Before 1.0.
const OLD: &[(ApiKey, i16, i16)] = &[(ApiKey::METADATA, 0, 2), (ApiKey::SASL_HANDSHAKE, 0, 0)];
const TIMEOUT: Duration = Duration::from_secs(60);

type Asked = JoinHandle<Result<(i16, MetadataResponse), Error>>;

struct Client {
    connections: Connections,
    address: Address,
}

impl Client {
    fn ask(&self) -> Asked {
        self.ask_within(TIMEOUT)
    }

    fn ask_within(&self, timeout: Duration) -> Asked {
        let (peer, class, address) = (Peer::Broker(1), Class::Normal, &self.address);
        let route = Route { peer, class, address, cluster_id: None, timeout, end: None };
        let call = self.connections.call(route, 0..=i16::MAX, |_| MetadataRequest::default());
        tokio::spawn(call)
    }
}

fn client(sasl: impl Into<Option<Sasl>>) -> (Client, Brokers) {
    let (env, brokers) = world(1 << 20);
    let config = ClientConfig { sasl: sasl.into(), ..Default::default() };
    let connections = Connections::new(env, Arc::new(config));
    (Client { connections, address: Address::new("b", 9092) }, brokers)
}

fn plain() -> Sasl {
    Sasl::Plain { user: "alice".to_owned(), password: Secret::new("wonderland") }
}

fn scram(hash: ScramHash, password: &str) -> Sasl {
    let (user, password) = ("alice".to_owned(), Secret::new(password));
    Sasl::Scram { hash, user, password, is_token: false }
}

fn plain_server() -> Box<dyn Mechanism> {
    Box::new(PlainServer::new(|user, password| (user, password) == ("alice", "wonderland")))
}

fn scram_server(hash: ScramHash) -> Box<dyn Mechanism> {
    let credential = ScramCredential::derive(hash, &Secret::new("wonderland"), b"salt", 4096);
    Box::new(ScramServer::new(hash, [9; 24], move |_| Some(credential.clone())))
}

fn oauth_server() -> Box<dyn Mechanism> {
    Box::new(OauthBearerServer::new(|login| match login.token.len() > 40 {
        true => Ok("alice".into()),
        false => Err(BearerRefusal::invalid_token()),
    }))
}

impl Far {
    async fn enable(&mut self, name: &str) {
        let (header, request) = self.read_as::<SaslHandshakeRequest>().await;
        assert_eq!((header.request_api_version, &*request.mechanism), (1, name));
        self.answer(&header, &SaslHandshakeResponse::default()).await;
    }

    /// Plays the broker's side of a login. True if it let the client in.
    async fn log_in(&mut self, mut server: Box<dyn Mechanism>, lifetime_ms: i64) -> bool {
        self.enable(server.name()).await;
        loop {
            let (header, request) = self.read_as::<SaslAuthenticateRequest>().await;
            let (answer, is_over) = match server.step(&request.auth_bytes) {
                Ok(Step::Continue(token)) => (answer_of(token, 0), false),
                Ok(Step::Done(token)) => (answer_of(token, lifetime_ms), true),
                Err(_) => {
                    self.answer(&header, &refusal()).await;
                    return false;
                }
            };
            self.answer(&header, &answer).await;
            if is_over {
                return true;
            }
        }
    }

    /// Answers a Metadata request.
    async fn serve(&mut self) {
        let (header, _) = self.read_as::<MetadataRequest>().await;
        self.answer(&header, &MetadataResponse::default()).await;
    }
}

fn answer_of(token: Vec<u8>, session_lifetime_ms: i64) -> SaslAuthenticateResponse {
    let auth_bytes = token.into();
    SaslAuthenticateResponse { auth_bytes, session_lifetime_ms, ..Default::default() }
}

fn refusal() -> SaslAuthenticateResponse {
    SaslAuthenticateResponse {
        error_code: ErrorCode::SASL_AUTHENTICATION_FAILED,
        error_message: Some("Authentication failed: Invalid username or password".into()),
        ..Default::default()
    }
}

/// The fault of a login that failed for good, and its text, which shows no password.
#[track_caller]
fn fault(outcome: Result<(i16, MetadataResponse), Error>) -> (LoginFault, String) {
    let error = outcome.unwrap_err();
    let text = error.to_string();
    assert!(!format!("{text} {error:?}").contains("wonder"), "{error:?}");
    match error {
        Error::Authentication { failure, .. } => (failure.fault.clone(), text),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn every_mechanism_logs_in_before_the_first_request() {
    let oauth = Sasl::OauthBearer(OauthBearer::new(UnsecuredLogin::new("alice")));
    for (sasl, server) in [
        (plain(), plain_server()),
        (scram(ScramHash::Sha256, "wonderland"), scram_server(ScramHash::Sha256)),
        (scram(ScramHash::Sha512, "wonderland"), scram_server(ScramHash::Sha512)),
        (oauth, oauth_server()),
    ] {
        let (client, mut brokers) = client(sasl);
        let call = client.ask();
        let mut far = brokers.accept_ready(NEW).await;
        assert!(far.log_in(server, 0).await);
        far.serve().await;
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_mechanism_user_and_the_brokers_words_and_is_not_tried_again() {
    let oauth = Sasl::OauthBearer(OauthBearer::fixed(Secret::new("wonder")));
    for (sasl, server, who) in [
        (scram(ScramHash::Sha256, "wonder"), scram_server(ScramHash::Sha256), "as alice by SCRAM"),
        (oauth, oauth_server(), "cannot log in by OAUTHBEARER"),
    ] {
        let (client, mut brokers) = client(sasl);
        let call = client.ask();
        let mut far = brokers.accept_ready(NEW).await;
        assert!(!far.log_in(server, 0).await);
        let (fault, text) = fault(call.await.unwrap());
        assert!(matches!(fault, LoginFault::Refused { .. }), "{fault:?}");
        assert!(text.contains(who) && text.contains("Invalid username or password"), "{text}");
        sleep(TIMEOUT).await;
        assert!(!brokers.has_connection());
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_repeats_a_password_or_token_is_not_repeated() {
    let oauth = Sasl::OauthBearer(OauthBearer::fixed(Secret::new("wonder.token")));
    for (sasl, words) in [
        (plain(), "failed for \0alice\0wonderland!"),
        (plain(), "failed for AGFsaWNlAHdvbmRlcmxhbmQ=!"),
        (scram(ScramHash::Sha256, "wonderland"), "failed for wonderland!"),
        (oauth, "failed for n,,\u{1}auth=Bearer wonder.token\u{1}!"),
    ] {
        let (client, mut brokers) = client(sasl.clone());
        let call = client.ask();
        let mut far = brokers.accept_ready(NEW).await;
        far.enable(sasl.name()).await;
        let (header, _) = far.read_as::<SaslAuthenticateRequest>().await;
        let answer = SaslAuthenticateResponse { error_message: Some(words.into()), ..refusal() };
        far.answer(&header, &answer).await;
        let (_, text) = fault(call.await.unwrap());
        assert!(text.contains("(hidden)!") && !text.contains("AGFsaWNl"), "{text}");
    }
    // The mechanism's own words.
    let (client, mut brokers) = client(scram(ScramHash::Sha256, "wonderland"));
    let call = client.ask();
    let mut far = brokers.accept_ready(NEW).await;
    far.enable("SCRAM-SHA-256").await;
    let (header, _) = far.read_as::<SaslAuthenticateRequest>().await;
    far.answer(&header, &answer_of(b"e=not wonderland".to_vec(), 0)).await;
    let (_, text) = fault(call.await.unwrap());
    assert!(text.contains("not (hidden)"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_mechanism_that_the_listener_lacks_gives_the_list_of_those_it_has() {
    let (client, mut brokers) = client(plain());
    let call = client.ask();
    let mut far = brokers.accept_ready(NEW).await;
    let (header, _) = far.read_as::<SaslHandshakeRequest>().await;
    let answer = SaslHandshakeResponse {
        error_code: ErrorCode::UNSUPPORTED_SASL_MECHANISM,
        mechanisms: vec!["GSSAPI".into(), "SCRAM-SHA-512".into()],
    };
    far.answer(&header, &answer).await;
    let (_, text) = fault(call.await.unwrap());
    assert!(text.contains("by PLAIN: the listener has only GSSAPI, SCRAM-SHA-512"), "{text}");
    assert!(far.is_closed().await, "another mechanism was tried");
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_wants_no_login_is_told_from_one_that_refuses() {
    let (client, mut brokers) = client(plain());
    let call = client.ask();
    let mut far = brokers.accept_ready(NEW).await;
    let (header, _) = far.read_as::<SaslHandshakeRequest>().await;
    let error_code = ErrorCode::ILLEGAL_SASL_STATE;
    far.answer(&header, &SaslHandshakeResponse { error_code, ..Default::default() }).await;
    let (fault, text) = fault(call.await.unwrap());
    assert!(matches!(fault, LoginFault::NotWanted) && text.contains("security.protocol"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_hangs_up_at_the_first_request_may_want_a_login() {
    let (client, mut brokers) = client(None);
    let call = client.ask();
    let mut far = brokers.accept_ready(NEW).await;
    far.read_as::<MetadataRequest>().await;
    drop(far);
    let error = call.await.unwrap().unwrap_err();
    let is_hint = matches!(&error, Error::Disconnected { cause: Cause::Unwelcome, .. });
    assert!(is_hint && error.to_string().contains("sasl.mechanism"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn brokers_before_1_0_get_bare_tokens() {
    let (client, mut brokers) = client(scram(ScramHash::Sha256, "wonderland"));
    let call = client.ask();
    let mut far = brokers.accept_ready(OLD).await;
    let (header, _) = far.read_as::<SaslHandshakeRequest>().await;
    assert_eq!(header.request_api_version, 0);
    far.answer(&header, &SaslHandshakeResponse::default()).await;
    let mut server = scram_server(ScramHash::Sha256);
    loop {
        let mut token = vec![0; usize::try_from(far.stream.read_u32().await.unwrap()).unwrap()];
        far.stream.read_exact(&mut token).await.unwrap();
        let step = server.step(&token).unwrap();
        let (Step::Continue(answer) | Step::Done(answer)) = &step;
        far.stream.write_u32(u32::try_from(answer.len()).unwrap()).await.unwrap();
        far.write(answer).await;
        if matches!(step, Step::Done(_)) {
            break;
        }
    }
    far.serve().await;
    call.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_hangs_up_during_the_login_is_tried_again() {
    let (client, mut brokers) = client(plain());
    let calls = [client.ask(), client.ask()];
    let mut far = brokers.accept_ready(NEW).await;
    far.enable("PLAIN").await;
    drop(far);
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        assert!(error.is_retriable() && error.to_string().contains("closed"), "{error}");
    }
    let call = client.ask();
    let mut far = brokers.accept_ready(NEW).await;
    assert!(far.log_in(plain_server(), 0).await);
    far.serve().await;
    call.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_login_that_hangs_is_given_up_and_says_so() {
    let (client, mut brokers) = client(plain());
    let call = client.ask();
    let mut far = brokers.accept_ready(NEW).await;
    far.enable("PLAIN").await;
    let (fault, text) = fault(call.await.unwrap());
    assert!(matches!(fault, LoginFault::TimedOut(_)) && text.contains("within 10 s"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_tried_again_has_more_time_as_all_else_has() {
    let (client, mut brokers) = client(plain());
    for least in [10, 16] {
        let call = client.ask();
        let mut far = brokers.accept_ready(NEW).await;
        let start = Instant::now();
        far.enable("PLAIN").await;
        let (fault, text) = fault(call.await.unwrap());
        let LoginFault::TimedOut(told) = fault else { panic!("{text}") };
        let took = start.elapsed();
        assert!(told >= Duration::from_secs(least), "{told:?}");
        assert!(told.abs_diff(took) < Duration::from_millis(5), "{told:?} told, {took:?} taken");
    }
}

/// Never gives a token.
#[derive(Debug)]
struct Stuck;

impl TokenProvider for Stuck {
    fn token<'a>(&'a self, _: &'a Env) -> BoxFuture<'a, Result<BearerToken, Error>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_contact_that_ends_says_what_it_waited_for() {
    let stuck = Sasl::OauthBearer(OauthBearer::new(Stuck));
    for (sasl, said) in [
        (stuck, "cannot log in by OAUTHBEARER: there is no token within 5 s"),
        (plain(), "cannot log in as alice by PLAIN: not done within 5 s"),
    ] {
        let (env, mut brokers) = world(1 << 20);
        let builder = crate::Client::builder(["b:9092"]).env(env).sasl(sasl);
        let connect = builder.bootstrap_timeout(Duration::from_secs(5)).connect();
        let connect = tokio::spawn(async { connect.await.map(drop) });
        let _far = brokers.accept_ready(NEW).await;
        let error = connect.await.unwrap().unwrap_err();
        assert!(error.is_retriable() && error.to_string().contains(said), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hostile_broker_gets_nowhere() {
    let hostile: [(&[u8], &str); 5] = [
        (b"r=AAAA,s=BBBB,i=4096", "does not continue"),
        (b"", "no nonce"),
        (&[0xff; 300], "not UTF-8"),
        (b"e=\x1b]0;owned\x07", "]0;owned"),
        (&[b'x'; 300 << 10], "is the limit"),
    ];
    for (token, text) in hostile {
        let (client, mut brokers) = client(scram(ScramHash::Sha256, "wonderland"));
        let call = client.ask();
        let mut far = brokers.accept_ready(NEW).await;
        far.enable("SCRAM-SHA-256").await;
        let (header, _) = far.read_as::<SaslAuthenticateRequest>().await;
        far.answer(&header, &answer_of(token.to_vec(), 0)).await;
        let (_, found) = fault(call.await.unwrap());
        assert!(found.contains(text) && !found.contains('\u{1b}'), "{found}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_claims_too_much_before_the_login_is_refused() {
    let (client, mut brokers) = client(plain());
    let call = client.ask();
    let mut far = brokers.accept_ready(NEW).await;
    far.enable("PLAIN").await;
    far.read_as::<SaslAuthenticateRequest>().await;
    far.write(&(1u32 << 20).to_be_bytes()).await;
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::NotKafka { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_login_is_renewed_on_the_same_connection_between_other_requests() {
    let (client, mut brokers) = client(scram(ScramHash::Sha256, "wonderland"));
    let call = client.ask();
    let mut far = brokers.accept_ready(NEW).await;
    assert!(far.log_in(scram_server(ScramHash::Sha256), 10_000).await);
    far.serve().await;
    call.await.unwrap().unwrap();
    for _ in 0..3 {
        let begun = Instant::now();
        advance(Duration::from_millis(8400)).await;
        let early = client.ask();
        let (owed, _) = far.read_as::<MetadataRequest>().await;
        advance(Duration::from_millis(1200)).await;
        // One answer is still owed when the login is due.
        let held = [client.ask(), client.ask()];
        let login = far.log_in_after(&owed, scram_server(ScramHash::Sha256)).await;
        assert!(login && begun.elapsed() < Duration::from_secs(10));
        early.await.unwrap().unwrap();
        for call in held {
            far.serve().await;
            call.await.unwrap().unwrap();
        }
    }
    assert!(!brokers.has_connection());
}

impl Far {
    /// Answers a request that is owed, then plays a login.
    async fn log_in_after(
        &mut self,
        owed: &kurier_protocol::header::RequestHeader,
        server: Box<dyn Mechanism>,
    ) -> bool {
        self.answer(owed, &MetadataResponse::default()).await;
        self.log_in(server, 10_000).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_refused_is_told_to_the_requests_that_wait() {
    let (client, mut brokers) = client(plain());
    let call = client.ask();
    let mut far = brokers.accept_ready(NEW).await;
    assert!(far.log_in(plain_server(), 10_000).await);
    far.serve().await;
    call.await.unwrap().unwrap();
    advance(Duration::from_millis(9600)).await;
    let waiting = [client.ask(), client.ask()];
    far.enable("PLAIN").await;
    let (header, _) = far.read_as::<SaslAuthenticateRequest>().await;
    far.answer(&header, &refusal()).await;
    for call in waiting {
        let (fault, _) = fault(call.await.unwrap());
        assert!(matches!(fault, LoginFault::Refused { .. }), "{fault:?}");
    }
    assert!(far.is_closed().await);
}

/// Has a token at each second call.
#[derive(Debug, Default)]
struct Shaky(AtomicU32);

impl TokenProvider for Shaky {
    fn token<'a>(&'a self, env: &'a Env) -> BoxFuture<'a, Result<BearerToken, Error>> {
        if self.0.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            let cause = Cause::Closed;
            return Box::pin(async { Err(Error::unreachable("the issuer", cause)) });
        }
        Box::pin(async { UnsecuredLogin::new("alice").token(env).await })
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_without_a_token_is_put_off_and_holds_nothing_up() {
    let (client, mut brokers) = client(Sasl::OauthBearer(OauthBearer::new(Shaky::default())));
    let call = client.ask();
    let mut far = brokers.accept_ready(NEW).await;
    assert!(far.log_in(oauth_server(), 100_000).await);
    far.serve().await;
    call.await.unwrap().unwrap();
    advance(Duration::from_millis(95_000)).await;
    // Nobody gives a token: the request goes out all the same, as the old login is still good.
    let call = client.ask();
    far.serve().await;
    call.await.unwrap().unwrap();
    advance(Duration::from_millis(999)).await;
    let call = client.ask();
    far.serve().await;
    call.await.unwrap().unwrap();
    advance(Duration::from_millis(500)).await;
    let call = client.ask();
    assert!(far.log_in(oauth_server(), 100_000).await);
    far.serve().await;
    call.await.unwrap().unwrap();
    assert!(!brokers.has_connection());
}

/// Gives its first token at once, and each further one when a login has had all its time.
#[derive(Debug, Default)]
struct Slow(AtomicU32);

impl TokenProvider for Slow {
    fn token<'a>(&'a self, env: &'a Env) -> BoxFuture<'a, Result<BearerToken, Error>> {
        let is_first = self.0.fetch_add(1, Ordering::Relaxed) == 0;
        let limit = ClientConfig::default().request_timeout;
        Box::pin(async move {
            sleep(if is_first { Duration::ZERO } else { limit }).await;
            UnsecuredLogin::new("alice").token(env).await
        })
    }
}

/// Gives its first token at once, and never another one.
#[derive(Debug, Default)]
struct Mute(AtomicU32);

impl TokenProvider for Mute {
    fn token<'a>(&'a self, env: &'a Env) -> BoxFuture<'a, Result<BearerToken, Error>> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Box::pin(async { UnsecuredLogin::new("alice").token(env).await }),
            _ => Box::pin(std::future::pending()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_for_which_nobody_gives_a_token_in_time_is_put_off() {
    let (client, mut brokers) = client(Sasl::OauthBearer(OauthBearer::new(Mute::default())));
    let call = client.ask();
    let mut far = brokers.accept_ready(NEW).await;
    assert!(far.log_in(oauth_server(), 1_000_000).await);
    far.serve().await;
    call.await.unwrap().unwrap();
    advance(Duration::from_secs(951)).await;
    let call = client.ask_within(Duration::from_secs(40));
    far.serve().await;
    call.await.unwrap().unwrap();
    assert!(!brokers.has_connection());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_a_renewal_says_so_when_it_is_late() {
    let (client, mut brokers) = client(Sasl::OauthBearer(OauthBearer::new(Slow::default())));
    let call = client.ask();
    let mut far = brokers.accept_ready(NEW).await;
    assert!(far.log_in(oauth_server(), 100_000).await);
    far.serve().await;
    call.await.unwrap().unwrap();
    advance(Duration::from_secs(96)).await;
    let error = client.ask_within(Duration::from_secs(5)).await.unwrap().unwrap_err();
    assert!(!error.maybe_written(), "{error}");
    assert!(error.to_string().contains("; the login is being renewed"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_has_something_to_say_when_its_time_is_over_says_it_is_late() {
    let (client, mut brokers) = client(Sasl::OauthBearer(OauthBearer::new(Slow::default())));
    let call = client.ask();
    let mut far = brokers.accept_ready(NEW).await;
    assert!(far.log_in(oauth_server(), 100_000).await);
    far.serve().await;
    call.await.unwrap().unwrap();
    advance(Duration::from_secs(96)).await;
    let (fault, text) = fault(client.ask().await.unwrap());
    assert!(matches!(fault, LoginFault::TimedOut(_)), "{text}");
}
