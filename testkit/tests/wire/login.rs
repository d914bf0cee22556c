//! Brokers that ask who is there.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use kurier_auth::kerberos::kdc::Kdc;
use kurier_auth::kerberos::{
    Action, Credential, EncryptionType, GssapiClient, Login, Moment, Principal, TicketSearch,
};
use kurier_auth::oauthbearer::{Claim, OauthBearerClient, UnsecuredToken};
use kurier_auth::scram::{ScramClient, ScramHash};
use kurier_auth::{Mechanism, Secret, Step};
use kurier_env::Purpose;
use kurier_protocol::ErrorCode;
use kurier_protocol::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_protocol::api::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
use kurier_protocol::api::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
use kurier_testkit::{Builder, Error, Fault, SaslMechanism, TestCluster};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peer::Peer;

fn described() -> Builder {
    let builder = TestCluster::builder().sasl([SaslMechanism::Plain]);
    builder.user("alice", "wonderland").user("bob", "builder")
}

async fn peer(cluster: &TestCluster) -> Peer {
    Peer::connect(&cluster.env(1), 1).await.unwrap()
}

/// The part of a peer that a login needs.
trait LogIn {
    async fn handshake(&mut self, version: i16, mechanism: &str) -> SaslHandshakeResponse;
    async fn authenticate(&mut self, version: i16, token: &[u8]) -> SaslAuthenticateResponse;
    async fn log_in(&mut self, token: &[u8]) -> SaslAuthenticateResponse;
    async fn metadata(&mut self) -> io::Result<()>;
}

impl LogIn for Peer {
    async fn handshake(&mut self, version: i16, mechanism: &str) -> SaslHandshakeResponse {
        let request = SaslHandshakeRequest { mechanism: mechanism.into() };
        self.call(version, &request).await.unwrap()
    }

    async fn authenticate(&mut self, version: i16, token: &[u8]) -> SaslAuthenticateResponse {
        let auth_bytes = Bytes::copy_from_slice(token);
        self.call(version, &SaslAuthenticateRequest { auth_bytes }).await.unwrap()
    }

    async fn log_in(&mut self, token: &[u8]) -> SaslAuthenticateResponse {
        assert_eq!(self.handshake(1, "PLAIN").await.error_code, ErrorCode::NONE);
        self.authenticate(2, token).await
    }

    async fn metadata(&mut self) -> io::Result<()> {
        self.call(7, &MetadataRequest::default()).await.map(drop)
    }
}

const ALICE: &[u8] = b"\0alice\0wonderland";

#[tokio::test(start_paused = true)]
async fn who_has_logged_in_is_served_in_every_version() {
    let cluster = described().build();
    for version in 0..=2 {
        let mut peer = peer(&cluster).await;
        let shaken = peer.handshake(1, "PLAIN").await;
        assert_eq!(shaken.error_code, ErrorCode::NONE);
        assert_eq!(shaken.mechanisms, ["PLAIN"]);
        let done = peer.authenticate(version, ALICE).await;
        assert_eq!(done.error_code, ErrorCode::NONE);
        assert_eq!(done.session_lifetime_ms, 0);
        peer.metadata().await.unwrap();
    }
    let last = cluster.requests().pop().unwrap();
    assert_eq!(last.user.as_deref(), Some("alice"));
}

#[tokio::test(start_paused = true)]
async fn after_handshake_0_tokens_are_bare_frames_in_every_release() {
    for release in ["0.10.0", "0.11.0", "1.0", "4.4"] {
        let cluster = described().release(release).build();
        let mut peer = peer(&cluster).await;
        peer.handshake(0, "PLAIN").await;
        peer.stream.write_u32(u32::try_from(ALICE.len()).unwrap()).await.unwrap();
        peer.stream.write_all(ALICE).await.unwrap();
        assert_eq!(peer.stream.read_u32().await.unwrap(), 0);
        let version = if release == "4.4" { 7 } else { 1 };
        peer.call(version, &MetadataRequest::default()).await.unwrap();
        assert_eq!(cluster.requests().pop().unwrap().user.as_deref(), Some("alice"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_bare_token_closes_the_connection_without_a_word() {
    let cluster = described().build();
    let mut peer = peer(&cluster).await;
    peer.handshake(0, "PLAIN").await;
    peer.stream.write_all(b"\0\0\0\x0a\0alice\0bad").await.unwrap();
    assert!(peer.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_answered_and_then_the_connection_is_closed() {
    let cluster = described().build();
    let mut peer = peer(&cluster).await;
    let refused = peer.log_in(b"\0alice\0builder").await;
    assert_eq!(refused.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED);
    let told = refused.error_message.unwrap();
    assert_eq!(told, "Authentication failed: Invalid username or password");
    assert!(peer.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_mechanism_that_is_not_enabled_is_answered_with_those_that_are() {
    let cluster = described().build();
    let mut peer = peer(&cluster).await;
    let refused = peer.handshake(1, "SCRAM-SHA-1").await;
    assert_eq!(refused.error_code, ErrorCode::UNSUPPORTED_SASL_MECHANISM);
    assert_eq!(refused.mechanisms, ["PLAIN"]);
    assert!(peer.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn whatever_comes_before_the_login_closes_the_connection() {
    let cluster = described().build();
    let mut first = peer(&cluster).await;
    assert!(first.metadata().await.is_err());
    let mut between = peer(&cluster).await;
    between.handshake(1, "PLAIN").await;
    assert!(between.metadata().await.is_err());
    let mut without = peer(&cluster).await;
    without.send(2, &SaslAuthenticateRequest::default()).await;
    assert!(without.is_closed().await);
    let mut huge = peer(&cluster).await;
    huge.stream.write_u32((512 << 10) + 1).await.unwrap();
    assert!(huge.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn versions_are_told_before_the_login_once() {
    let cluster = described().release("2.8").build();
    let mut peer = peer(&cluster).await;
    let versions = ApiVersionsRequest {
        client_software_name: "peer".into(),
        client_software_version: "1".into(),
        ..Default::default()
    };
    // The broker lacks version 4, and says so in version 0.
    peer.send(4, &versions).await;
    peer.frame().await.unwrap();
    let told: ApiVersionsResponse = peer.call(3, &versions).await.unwrap();
    let mut sasl = told.api_keys.iter().filter(|api| [17, 36].contains(&api.api_key.0));
    assert_eq!(sasl.next().map(|api| api.max_version), Some(1));
    assert_eq!(sasl.next().map(|api| api.max_version), Some(2));
    assert_eq!(peer.log_in(ALICE).await.error_code, ErrorCode::NONE);
    let mut twice = Peer::connect(&cluster.env(1), 1).await.unwrap();
    twice.call(3, &versions).await.unwrap();
    assert!(twice.call(3, &versions).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_handshake_out_of_place_is_an_illegal_state() {
    let open = TestCluster::builder().build();
    let mut nobody = peer(&open).await;
    let guarded = described().build();
    let mut alice = peer(&guarded).await;
    alice.log_in(ALICE).await;
    for peer in [&mut nobody, &mut alice] {
        let again = peer.handshake(1, "PLAIN").await;
        assert_eq!(again.error_code, ErrorCode::ILLEGAL_SASL_STATE);
        let late = peer.authenticate(2, ALICE).await;
        assert_eq!(late.error_code, ErrorCode::ILLEGAL_SASL_STATE);
        peer.metadata().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_unless_the_client_logs_in_again() {
    let cluster = described().session_lifetime(Duration::from_secs(60)).build();
    let mut peer = peer(&cluster).await;
    assert_eq!(peer.log_in(ALICE).await.session_lifetime_ms, 60_000);
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(59)).await;
        peer.metadata().await.unwrap();
        assert_eq!(peer.log_in(ALICE).await.session_lifetime_ms, 60_000);
    }
    // Late is not too late, as long as it is the handshake that comes first.
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(peer.log_in(ALICE).await.error_code, ErrorCode::NONE);
    peer.metadata().await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(peer.metadata().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_session_keeps_its_user_and_its_mechanism() {
    let builder = described().session_lifetime(Duration::from_secs(60));
    let cluster = builder.build();
    let mut peer = peer(&cluster).await;
    peer.log_in(ALICE).await;
    let refused = peer.log_in(b"\0bob\0builder").await;
    assert_eq!(refused.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED);
    assert!(refused.error_message.unwrap().contains("Cannot change principals"));
    assert!(peer.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_login_is_not_repeated_within_a_second() {
    let cluster = described().session_lifetime(Duration::from_secs(60)).build();
    let mut peer = peer(&cluster).await;
    peer.log_in(ALICE).await;
    assert_eq!(peer.log_in(ALICE).await.error_code, ErrorCode::NONE);
    let refused = peer.handshake(1, "PLAIN").await;
    assert_eq!(refused.error_code, ErrorCode::ILLEGAL_SASL_STATE);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(peer.log_in(ALICE).await.error_code, ErrorCode::NONE);
}

#[tokio::test(start_paused = true)]
async fn before_2_2_a_session_has_no_end() {
    let builder = described().session_lifetime(Duration::from_secs(60));
    let cluster = builder.release("2.1").build();
    let mut peer = peer(&cluster).await;
    peer.handshake(1, "PLAIN").await;
    assert_eq!(peer.authenticate(0, ALICE).await.error_code, ErrorCode::NONE);
    tokio::time::advance(Duration::from_secs(3600)).await;
    peer.metadata().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_scripted_fault_hits_the_login_too() {
    use kurier_protocol::ApiKey;
    let cluster = described().build();
    cluster
        .fault(Fault::on(ApiKey::SASL_AUTHENTICATE).answer(ErrorCode::SASL_AUTHENTICATION_FAILED));
    let mut peer = peer(&cluster).await;
    let refused = peer.log_in(ALICE).await;
    assert_eq!(refused.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED);
}

#[tokio::test(start_paused = true)]
async fn no_debug_text_shows_a_password() {
    let builder = described();
    let told = format!("{builder:?}");
    let cluster = builder.build();
    let mut peer = peer(&cluster).await;
    peer.log_in(ALICE).await;
    let text = format!("{told} {cluster:?} {:?}", cluster.requests());
    assert!(!text.contains("wonderland"), "{text}");
}

/// Steps the client half through the brokers' answers; gives the last one.
async fn log_in_by(
    peer: &mut Peer,
    mut client: Box<dyn Mechanism>,
) -> Result<SaslAuthenticateResponse, kurier_auth::Error> {
    peer.handshake(1, client.name()).await;
    let mut answer = SaslAuthenticateResponse::default();
    loop {
        match client.step(&answer.auth_bytes)? {
            Step::Done(token) if token.is_empty() => return Ok(answer),
            Step::Done(token) => return Ok(peer.authenticate(2, &token).await),
            Step::Continue(token) => answer = peer.authenticate(2, &token).await,
        }
        if !answer.error_code.is_ok() {
            return Ok(answer);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn scram_lets_in_who_knows_the_password() {
    let mechanisms = [SaslMechanism::ScramSha256, SaslMechanism::ScramSha512];
    let cluster = TestCluster::builder().sasl(mechanisms).user("alice", "wonderland").build();
    for hash in [ScramHash::Sha256, ScramHash::Sha512] {
        for (password, is_right) in [("wonderland", true), ("looking-glass", false)] {
            let client = ScramClient::new(hash, "alice", Secret::new(password), [7; 24]).unwrap();
            let mut peer = peer(&cluster).await;
            let answer = log_in_by(&mut peer, Box::new(client)).await.unwrap();
            assert_eq!(answer.error_code.is_ok(), is_right, "{answer:?}");
            match is_right {
                true => peer.metadata().await.unwrap(),
                false => assert!(peer.is_closed().await),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_lets_in_whom_it_names_until_it_ends() {
    let cluster = TestCluster::builder().sasl([SaslMechanism::OauthBearer]).build();
    let now = Duration::from_millis(u64::try_from(cluster.env(1).wall_millis()).unwrap());
    let token = |issued| {
        let token = UnsecuredToken::new(issued, Duration::from_secs(60));
        let token = token.with("sub", Claim::Text("alice".into())).encode();
        Box::new(OauthBearerClient::new(token, Vec::new()).unwrap())
    };
    let mut alice = peer(&cluster).await;
    let answer = log_in_by(&mut alice, token(now)).await.unwrap();
    assert_eq!((answer.error_code, answer.session_lifetime_ms), (ErrorCode::NONE, 60_000));
    alice.metadata().await.unwrap();
    let user = cluster.requests().pop().unwrap().user;
    assert_eq!(user.as_deref(), Some("alice"));
    let mut late = peer(&cluster).await;
    let refused = log_in_by(&mut late, token(now - Duration::from_secs(61))).await;
    assert!(refused.is_err() || !refused.unwrap().error_code.is_ok());
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(alice.metadata().await.is_err());
}

const REALM: &str = "TEST.LOCAL";

/// A ticket for `kafka/broker-1`, from a KDC that is asked by nobody else.
fn ticket(kdc: &Kdc, moment: impl Fn() -> Moment) -> Credential {
    let name = |text| Principal::parse(text, Some(REALM)).unwrap();
    let mut first = Login::new(
        name("alice"),
        &kdc.keytab("alice").unwrap(),
        &EncryptionType::ALL,
        kdc.lifetimes,
    )
    .unwrap();
    let granting =
        converse(kdc, &moment, first.start(0, moment()), |reply, now| first.handle(reply, now));
    let mut search = TicketSearch::new(&granting, name("kafka/broker-1"), &EncryptionType::ALL);
    converse(kdc, &moment, search.start(0, moment()), |reply, now| search.handle(reply, now))
}

fn converse(
    kdc: &Kdc,
    moment: &impl Fn() -> Moment,
    mut action: Result<Action, kurier_auth::kerberos::Error>,
    mut handle: impl FnMut(&[u8], Moment) -> Result<Action, kurier_auth::kerberos::Error>,
) -> Credential {
    loop {
        match action.unwrap() {
            Action::Done(credential) => return *credential,
            Action::Ask { request, .. } => {
                action = handle(&kdc.handle(&request, &moment()), moment());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_ticket_lets_in_whom_the_kdc_knows() {
    let mut kdc = Kdc::new(REALM, &[1; 32]);
    kdc.add("alice", "wonderland").unwrap();
    kdc.add("kafka/broker-1", "secret").unwrap();
    let lifetime = Duration::from_secs(60);
    let builder = || TestCluster::builder().session_lifetime(lifetime);
    let described = |keytab| builder().sasl([SaslMechanism::Gssapi]).keytab(keytab);
    let cluster = described(kdc.keytab("kafka/broker-1").unwrap()).build();
    let env = cluster.env(1);
    let moment = || {
        let random = std::array::from_fn(|at| env.chance(Purpose::Identity).to_be_bytes()[at % 8]);
        Moment::new(env.wall_millis() * 1000, random)
    };
    let ticket = ticket(&kdc, moment);
    let client = || Box::new(GssapiClient::new(&ticket, &moment()));
    let mut alice = peer(&cluster).await;
    let answer = log_in_by(&mut alice, client()).await.unwrap();
    assert_eq!(answer.error_code, ErrorCode::NONE);
    alice.metadata().await.unwrap();
    assert_eq!(cluster.requests().pop().unwrap().user.as_deref(), Some("alice"));

    // Kafka 4.4.0 closes no connection without these words, whatever the token is.
    let words = |what: &str| {
        format!(
            "Authentication failed during {what} due to invalid credentials with SASL mechanism \
             GSSAPI"
        )
    };
    alice.handshake(1, "GSSAPI").await;
    let refused = alice.authenticate(2, b"garbage").await;
    assert_eq!(refused.error_message.as_deref(), Some(&*words("re-authentication")));
    for token in [&b""[..], b"garbage"] {
        let mut stranger = peer(&cluster).await;
        stranger.handshake(1, "GSSAPI").await;
        let refused = stranger.authenticate(2, token).await;
        assert_eq!(refused.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED);
        assert_eq!(refused.error_message.as_deref(), Some(&*words("authentication")));
        assert!(stranger.is_closed().await);
    }

    // The service has new keys since: the ticket is worth nothing.
    kdc.add("kafka/broker-1", "another secret").unwrap();
    let other = described(kdc.keytab("kafka/broker-1").unwrap()).build();
    let mut stranger = peer(&other).await;
    let refused = log_in_by(&mut stranger, client()).await.unwrap();
    assert_eq!(refused.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED);
    assert!(stranger.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_of_another_realm_than_the_brokers_names_nobody() {
    let mut kdc = Kdc::new(REALM, &[1; 32]);
    kdc.add("alice", "wonderland").unwrap();
    kdc.add("kafka/broker-1", "secret").unwrap();
    let mut abroad = Kdc::new("ABROAD", &[2; 32]);
    abroad.add("kafka/broker-1", "secret").unwrap();
    // Brokers of ABROAD, with a key of their service in the other realm too.
    let mut keytab = abroad.keytab("kafka/broker-1").unwrap();
    let service = Principal::parse("kafka/broker-1", Some(REALM)).unwrap();
    for (version, key) in kdc.keytab("kafka/broker-1").unwrap().keys(&service).unwrap() {
        keytab.push(service.clone(), version, key);
    }
    let cluster = TestCluster::builder().sasl([SaslMechanism::Gssapi]).keytab(keytab).build();
    let env = cluster.env(1);
    let moment = || Moment::new(env.wall_millis() * 1000, env.secret_bytes().unwrap());
    let ticket = ticket(&kdc, moment);
    let mut alice = peer(&cluster).await;
    let client = Box::new(GssapiClient::new(&ticket, &moment()));
    let refused = log_in_by(&mut alice, client).await.unwrap();
    assert_eq!(refused.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED);
    assert!(alice.is_closed().await);
}

#[test]
fn what_cannot_be_is_refused_at_once() {
    let problem = |builder: Builder| match builder.try_build() {
        Err(Error::Security(problem)) => problem,
        other => panic!("{other:?}"),
    };
    let plain = || TestCluster::builder().sasl([SaslMechanism::Plain]);
    assert_eq!(problem(plain()), "PLAIN needs a user");
    let keyless = problem(TestCluster::builder().sasl([SaslMechanism::Gssapi]));
    assert_eq!(keyless, "GSSAPI needs a keytab");
    let early = TestCluster::builder().release("0.10.1").sasl([SaslMechanism::ScramSha256]);
    let early = problem(early.user("alice", "wonderland"));
    assert_eq!(early, "Kafka 0.10.1 has no SCRAM-SHA-256; it came with 0.10.2");
    let alone = problem(TestCluster::builder().user("alice", "wonderland"));
    assert!(alone.contains("mechanism"), "{alone}");
}
