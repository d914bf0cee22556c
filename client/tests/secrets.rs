//! No secret is in what a user may print: no setting, no error and no event, in any form.

#![expect(clippy::unwrap_used, reason = "a test")]

mod capture;
#[path = "capture/hidden.rs"]
mod hidden;

use std::fmt::Debug;
use std::time::Duration;

use capture::listen;
use hidden::assert_hides;
use kurier_client::config::ClientConfig;
use kurier_client::properties::Properties;
use kurier_client::security::{BearerToken, OauthBearer, Sasl, ScramHash, Secret, UnsecuredLogin};
use kurier_client::{Client, Error, Record};
use kurier_protocol::ApiKey;
use kurier_protocol::api::sasl_authenticate::SaslAuthenticateRequest;
use kurier_testkit::{SaslMechanism, TestCluster};
use tokio::time::sleep;

/// Long enough to be in a text for no other reason.
const SECRET: &str = "hunter2-sesame-wonderland";

fn forms(value: &impl Debug) -> String {
    format!("{value:?}\n{value:#?}")
}

fn assert_error_hides(error: &Error, what: &str) {
    let text = format!("{error}\n{}\n{:?}", forms(error), std::error::Error::source(error));
    assert_hides(&text, SECRET.as_bytes(), what);
}

/// As whom a client logs in, by each mechanism that has a secret of its own.
fn logins(secret: &str) -> Vec<Sasl> {
    let secret = || Secret::new(secret);
    let scram = |hash, is_token| {
        let (user, password) = ("alice".to_owned(), secret());
        Sasl::Scram { hash, user, password, is_token }
    };
    vec![
        Sasl::Plain { user: "alice".to_owned(), password: secret() },
        scram(ScramHash::Sha256, false),
        scram(ScramHash::Sha512, false),
        scram(ScramHash::Sha256, true),
        Sasl::OauthBearer(OauthBearer::fixed(secret())),
        Sasl::OauthBearer(OauthBearer::new(UnsecuredLogin::new("alice"))),
    ]
}

#[test]
fn no_setting_that_may_be_a_secret_shows_it_nor_does_the_error_about_it() {
    let is_secret = |name: &&str| {
        let parts = ["password", "passphrase", "jaas", "secret"];
        let is_key = name.ends_with(".key") || name.ends_with(".key.pem");
        is_key || parts.iter().any(|part| name.contains(part))
    };
    let names: Vec<_> = Properties::names().flatten().copied().filter(is_secret).collect();
    for known in ["sasl.jaas.config", "sasl.password", "ssl.key.password", "ssl.keystore.key"] {
        assert!(names.contains(&known), "{known}");
    }
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----");
    let jaas = |module: &str, options: &str| {
        format!("org.apache.kafka.common.security.{module} required {options};")
    };
    let values = [
        SECRET.to_owned(),
        pem,
        jaas("plain.PlainLoginModule", &format!("username=\"alice\" password=\"{SECRET}\"")),
        jaas("plain.PlainLoginModule", &format!("username=\"alice\" password={SECRET} x")),
        jaas("plain.PlainLoginModule", &format!("username=\"alice\" password=\"{SECRET}")),
        jaas("plain.PlainLoginModule", &format!("passwort=\"{SECRET}\"")),
        jaas("scram.ScramLoginModule", &format!("username=\"alice\" password=\"{SECRET}\"")),
        jaas("oauthbearer.OAuthBearerLoginModule", &format!("clientSecret=\"{SECRET}\"")),
        jaas("none.Module", &format!("password=\"{SECRET}\"")),
        format!("x {SECRET} y"),
    ];
    for protocol in ["SASL_PLAINTEXT", "SASL_SSL", "SSL"] {
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI"] {
            for name in &names {
                for value in &values {
                    let mut properties = Properties::default();
                    properties.set("security.protocol", protocol).unwrap();
                    properties.set("sasl.mechanism", mechanism).unwrap();
                    properties.set("sasl.username", "alice").unwrap();
                    let set = properties.set(name, value).and_then(|()| properties.check());
                    set.iter_err(|error| assert_error_hides(error, name));
                    assert_hides(&forms(&properties), SECRET.as_bytes(), name);
                    if let Ok(config) = properties.client_config() {
                        assert_hides(&forms(&config), SECRET.as_bytes(), name);
                    }
                    let warnings = properties.warnings().join("\n");
                    assert_hides(&warnings, SECRET.as_bytes(), name);
                }
            }
        }
    }
}

/// What an error of a result is shown to.
trait IterErr<E> {
    fn iter_err(&self, look: impl FnOnce(&E));
}

impl<T, E> IterErr<E> for Result<T, E> {
    fn iter_err(&self, look: impl FnOnce(&E)) {
        if let Err(error) = self {
            look(error);
        }
    }
}

#[test]
fn no_login_or_config_shows_its_secret() {
    for sasl in logins(SECRET) {
        assert_hides(&forms(&sasl), SECRET.as_bytes(), sasl.name());
        let config = ClientConfig { sasl: Some(sasl.clone()), ..ClientConfig::default() };
        assert_hides(&forms(&config), SECRET.as_bytes(), sasl.name());
        let builder = Client::builder(["b"]).config(config);
        assert_hides(&forms(&builder), SECRET.as_bytes(), sasl.name());
    }
    let token = BearerToken { token: Secret::new(SECRET), extensions: Vec::new() };
    assert_hides(&forms(&token), SECRET.as_bytes(), "a token");
    // A name that no mechanism can carry, beside a password.
    let sasl = Sasl::Plain { user: "a\0b".into(), password: Secret::new(SECRET) };
    assert_error_hides(&sasl.check().unwrap_err(), "a name with a zero");
    let sasl = Sasl::Plain { user: "a".into(), password: Secret::new(format!("{SECRET}\0")) };
    assert_error_hides(&sasl.check().unwrap_err(), "a password with a zero");
}

/// What crossed the wire in the logins at a cluster and must not be seen elsewhere: each token but
/// those that have nothing but names and nonces.
fn tokens(cluster: &TestCluster) -> Vec<Vec<u8>> {
    let requests = cluster.requests();
    let logins = requests.iter().filter(|request| request.api == ApiKey::SASL_AUTHENTICATE);
    let token = |request: &kurier_testkit::RecordedRequest| {
        let bytes = request.decode::<SaslAuthenticateRequest>().auth_bytes.to_vec();
        let text = String::from_utf8(bytes).unwrap();
        // The proof of SCRAM; the token of OAUTHBEARER; PLAIN as a whole.
        let secret = match (text.split_once(",p="), text.split_once("auth=Bearer ")) {
            (Some((_, proof)), _) => proof.to_owned(),
            (_, Some((_, token))) => token.split('\u{1}').next().unwrap().to_owned(),
            _ => text.clone(),
        };
        (secret.len() > 1 && !text.starts_with("n,,n=")).then(|| secret.into_bytes())
    };
    logins.filter_map(token).collect()
}

#[tokio::test(start_paused = true)]
async fn no_event_and_no_error_of_a_login_has_a_password_a_proof_or_a_token() {
    let (log, _listening) = listen();
    let mut token_count = 0;
    for password in [SECRET, "looking-glass-of-alice"] {
        for sasl in logins(SECRET) {
            let before = log.text().len();
            let mechanisms = SaslMechanism::ALL.iter().take(SaslMechanism::ALL.len() - 1);
            let cluster = TestCluster::builder().topic("t", 1).sasl(mechanisms.copied());
            let cluster = cluster.user("alice", password);
            let cluster = cluster.session_lifetime(Duration::from_secs(10)).build();
            let client = Client::builder(cluster.bootstrap()).env(cluster.env(1));
            let name = sasl.name();
            match client.sasl(sasl).connect().await {
                Err(error) => assert_error_hides(&error, name),
                Ok(client) => {
                    let producer = client.producer().build().await.unwrap();
                    for _ in 0..5 {
                        producer.send(Record::to("t").value("v")).await.unwrap();
                        sleep(Duration::from_secs(6)).await;
                    }
                    assert_hides(&forms(&client), SECRET.as_bytes(), name);
                    assert_hides(&forms(&producer), SECRET.as_bytes(), name);
                    let metrics = client.metrics().snapshot();
                    assert_hides(&metrics.prometheus(), SECRET.as_bytes(), name);
                    cluster.kill_broker(1);
                    let error = client.topic("u").await.unwrap_err();
                    assert_error_hides(&error, name);
                }
            }
            let text = log.text().split_off(before);
            assert!(text.contains("connect") && text.contains("address"), "{text}");
            assert_hides(&text, SECRET.as_bytes(), name);
            let tokens = tokens(&cluster);
            token_count += tokens.len();
            tokens.iter().for_each(|token| assert_hides(&text, token, name));
        }
    }
    assert!(token_count > 10, "{token_count} proofs and tokens crossed the wire");
}

#[tokio::test(start_paused = true)]
async fn who_sends_a_password_or_token_in_the_open_is_warned() {
    for sasl in logins(SECRET) {
        let (log, _listening) = listen();
        let mechanisms = SaslMechanism::ALL.iter().filter(|one| **one != SaslMechanism::Gssapi);
        let cluster = TestCluster::builder().sasl(mechanisms.copied()).user("alice", SECRET);
        let cluster = cluster.build();
        let (name, shows_secret) = (sasl.name(), sasl.shows_secret());
        let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).sasl(sasl);
        let _may_be_refused = client.connect().await;
        let is_warned = log.text().contains("set security.protocol=SASL_SSL");
        assert_eq!(is_warned, shows_secret, "{name}: {}", log.text());
    }
}

#[cfg(feature = "tls")]
#[tokio::test(start_paused = true)]
async fn no_event_and_no_error_of_tls_has_a_key_or_its_password() {
    use kurier_client::security::Tls;
    use kurier_client::security::tls::{Format, Identity, Store, Trust};
    let key = format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----");
    let secret = || Secret::new(SECRET);
    let identities = [
        Identity::new(Store::pem(key.clone())),
        Identity::new(Store::pem(key.clone())).key_password(secret()),
        Identity::new(Store::file("Cargo.toml").password(secret())),
        Identity::new(Store::file("Cargo.toml").format(Format::Pkcs12).password(secret())),
        Identity::new(Store::file("none").password(secret())).key_password(secret()),
        Identity::pair(Store::pem(SECRET), Store::pem(key)),
    ];
    let (log, _listening) = listen();
    for identity in identities {
        let cluster = TestCluster::builder().topic("t", 1).build();
        let trust = Trust::Store(Store::pem(SECRET).password(secret()));
        for trust in [trust, Trust::Mozilla] {
            let tls = Tls { trust, identity: Some(identity.clone()), ..Tls::default() };
            assert_hides(&forms(&tls), SECRET.as_bytes(), "settings of TLS");
            let client = Client::builder(cluster.bootstrap()).env(cluster.env(1));
            let error = client.tls(tls).connect().await.map(drop).unwrap_err();
            assert_error_hides(&error, "an error of TLS");
        }
        assert_hides(&log.text(), SECRET.as_bytes(), "an event of TLS");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_shows_a_secret_to_those_who_read_along_is_warned() {
    let builder = || {
        let mechanisms = SaslMechanism::ALL.iter().copied();
        let mechanisms = mechanisms.filter(|mechanism| *mechanism != SaslMechanism::Gssapi);
        TestCluster::builder().sasl(mechanisms).user("alice", SECRET)
    };
    let warning = "passwords or tokens are sent as they are: set security.protocol=SASL_SSL";
    for sasl in logins(SECRET) {
        let cluster = builder().build();
        let (log, _listening) = listen();
        let is_plain = matches!(sasl, Sasl::Plain { .. } | Sasl::OauthBearer(_));
        let client = Client::builder(cluster.bootstrap()).env(cluster.env(1));
        // Not all of them are let in.
        let _ = client.sasl(sasl.clone()).connect().await;
        assert_eq!(log.text().contains(warning), is_plain, "{sasl:?}");
    }
    #[cfg(feature = "tls")]
    {
        use kurier_client::security::tls::{Store, Tls, Trust};
        let cluster = builder().tls().build();
        let (log, _listening) = listen();
        let trust = Trust::Store(Store::pem(cluster.ca_pem().unwrap()));
        let client = Client::builder(cluster.bootstrap()).env(cluster.env(1));
        let client = client.tls(Tls { trust, ..Tls::default() });
        client.sasl(logins(SECRET).remove(0)).connect().await.unwrap();
        assert!(!log.text().contains(warning));
    }
}
