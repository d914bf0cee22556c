//! What TLS promises, against a server in memory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use kurier_auth::Secret;
use kurier_env::{BoxFuture, Env, Files, Io, RealNet, Wall};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::provider::{provider, versions};
use super::{Connector, Format, HostNames, Identity, Store, Tls, Trust, Versions};
use crate::error::TlsFault;

#[derive(Debug)]
struct Clock(i64);

impl Wall for Clock {
    fn millis(&self) -> i64 {
        self.0
    }
}

/// Files that tests replace; all else is read from `tests/tls`.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>);

impl Files for Disk {
    fn read<'a>(&'a self, path: &'a Path, _: u64) -> BoxFuture<'a, io::Result<Vec<u8>>> {
        let written = self.0.lock().unwrap().get(path).cloned();
        let read = written.map_or_else(|| std::fs::read(fixture_path(path)), Ok);
        Box::pin(std::future::ready(read))
    }

    fn list<'a>(&'a self, folder: &'a Path) -> BoxFuture<'a, io::Result<Vec<String>>> {
        let written = self.0.lock().unwrap();
        let paths = written.keys().filter(|path| path.parent() == Some(folder));
        let names = paths.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
        let names: Vec<_> = names.collect();
        let listed = if names.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(names) };
        Box::pin(std::future::ready(listed))
    }
}

impl Disk {
    fn write(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.0.lock().unwrap().insert(path.into(), bytes.into());
    }
}

fn fixture_path(name: &Path) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixture_path(Path::new(name))).unwrap()
}

fn env_at(year: i64, disk: &Disk) -> Env {
    let wall = Clock((year - 1970) * 31_557_600_000 + 86_400_000);
    Env::simulated(Arc::new(RealNet), Arc::new(wall), 1).with_files(Arc::new(disk.clone()))
}

fn connector(tls: Tls) -> Connector {
    Connector::new(tls, env_at(2026, &Disk::default()))
}

fn trusting(store: Store) -> Tls {
    Tls { trust: Trust::Store(store), ..Tls::default() }
}

fn trusting_ca() -> Tls {
    trusting(Store::file("ca.pem"))
}

fn changeit(store: Store) -> Store {
    store.password(Secret::new("changeit"))
}

fn alice() -> Identity {
    Identity::pair(Store::file("client.pem"), Store::file("client.key"))
}

/// How the server is set up.
struct Server {
    name: &'static str,
    /// The CA whose clients it takes; it asks for no certificate without one.
    clients_of: Option<&'static str>,
    versions: Versions,
}

const PLAIN_SERVER: Server =
    Server { name: "server", clients_of: None, versions: Versions::Tls12And13 };
const MUTUAL_SERVER: Server = Server { clients_of: Some("ca.pem"), ..PLAIN_SERVER };

impl Server {
    fn acceptor(&self) -> TlsAcceptor {
        let provider = provider(&Tls::default()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions(self.versions))
            .unwrap();
        let builder = match self.clients_of {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(&fixture(ca)).unwrap()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build();
                builder.with_client_cert_verifier(verifier.unwrap())
            }
        };
        let certificate = CertificateDer::from_pem_slice(&fixture(&format!("{}.pem", self.name)));
        let key = PrivateKeyDer::from_pem_slice(&fixture(&format!("{}.key", self.name)));
        let config = builder.with_single_cert(vec![certificate.unwrap()], key.unwrap()).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

type Secured = (Box<dyn Io>, TlsStream<DuplexStream>);

/// Connects to the server by this name, and sends a word each way.
async fn talk(connector: &Connector, host: &str, server: &Server) -> Result<Secured, TlsFault> {
    let (near, far) = duplex(1 << 16);
    let accept = async {
        let mut far = server.acceptor().accept(far).await.ok()?;
        let mut word = [0; 4];
        far.read_exact(&mut word).await.ok()?;
        far.write_all(&word).await.ok()?;
        far.flush().await.ok()?;
        Some(far)
    };
    let connect = async {
        let mut near = connector.secure(host, Box::new(near)).await?.stream;
        let mut word = [0; 4];
        let said = async {
            near.write_all(b"word").await?;
            near.flush().await?;
            near.read_exact(&mut word).await
        };
        match said.await {
            Ok(_) => Ok(near),
            Err(error) => Err(fault_in(&error)),
        }
    };
    let (near, far) = tokio::join!(connect, accept);
    Ok((near?, far.expect("the server is content")))
}

fn fault_in(error: &io::Error) -> TlsFault {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsFault>());
    inner.unwrap_or_else(|| panic!("{error:?}")).clone()
}

async fn fault(tls: Tls, host: &str, server: &Server) -> TlsFault {
    match talk(&connector(tls), host, server).await {
        Ok(_) => panic!("it was accepted"),
        Err(fault) => fault,
    }
}

async fn load_error(tls: Tls) -> String {
    connector(tls).load().await.unwrap_err().to_string()
}

#[track_caller]
fn says(text: &str, wanted: &[&str]) {
    for words in wanted {
        assert!(text.contains(words), "{text:?} lacks {words:?}");
    }
}

#[tokio::test]
async fn the_system_is_trusted_by_default_and_does_not_know_a_private_ca() {
    let fault = fault(Tls::default(), "localhost", &PLAIN_SERVER).await;
    assert!(matches!(fault, TlsFault::UnknownIssuer { .. }), "{fault}");
    let fault = {
        let tls = Tls { trust: Trust::Mozilla, ..Tls::default() };
        super::tests::fault(tls, "localhost", &PLAIN_SERVER).await
    };
    says(&fault.to_string(), &["Mozilla's list", "ssl.truststore.location"]);
}

#[tokio::test]
async fn certificates_that_were_named_and_cannot_be_read_are_replaced_by_no_others() {
    let path = |name: &str| fixture_path(Path::new(name)).display().to_string();
    let under = |variables: &[(&'static str, String)]| {
        let env = env_at(2026, &Disk::default()).with_variables(variables.to_vec());
        Connector::new(Tls::default(), env)
    };
    let rows = [
        ("SSL_CERT_FILE", path("mistyped.pem"), "mistyped.pem"),
        ("SSL_CERT_FILE", path("make.sh"), "what it names has none"),
        ("SSL_CERT_DIR", path("no-folder"), "no-folder"),
    ];
    for (variable, value, wanted) in rows {
        let error = under(&[(variable, value)]).load().await.unwrap_err().to_string();
        says(&error, &[variable, wanted, "set ssl.truststore.location"]);
    }
    let connector = under(&[("SSL_CERT_FILE", path("ca.pem"))]);
    assert!(talk(&connector, "localhost", &PLAIN_SERVER).await.is_ok());
}

#[tokio::test]
async fn a_broker_is_known_by_its_names_and_addresses() {
    let connector = connector(trusting_ca());
    for host in ["localhost", "LOCALHOST", "localhost.", "b1.kafka.test", "127.0.0.1", "::1"] {
        let (_, far) = talk(&connector, host, &PLAIN_SERVER).await.unwrap();
        let seen = far.get_ref().1.server_name();
        let is_name = host.contains(char::is_alphabetic);
        let wanted = is_name.then(|| host.to_lowercase().trim_end_matches('.').to_owned());
        assert_eq!(seen.map(str::to_lowercase), wanted);
    }
    for host in ["b1.example", "a.b1.kafka.test", "127.0.0.2", "fe80::1"] {
        let fault = talk(&connector, host, &PLAIN_SERVER).await.err().unwrap();
        says(
            &fault.to_string(),
            &[host, "localhost, *.kafka.test, 127.0.0.1, ::1", "advertised.listeners"],
        );
    }
}

#[tokio::test]
async fn each_mistake_about_the_brokers_certificate_has_a_text_of_its_own() {
    let stranger = trusting(Store::file("stranger.pem"));
    let text = fault(stranger, "localhost", &PLAIN_SERVER).await.to_string();
    says(&text, &["not signed by anyone", "the one certificate of \"stranger.pem\""]);
    says(&text, &["it was issued by CN=kurier test CA; name the CA's certificate"]);
    let young = Server { name: "young", ..PLAIN_SERVER };
    let text = fault(trusting_ca(), "localhost", &young).await.to_string();
    says(&text, &["not valid before 2090-01-01", "it is 2026-01-0"]);
    let nameless = Server { name: "nameless", ..PLAIN_SERVER };
    let text = fault(trusting_ca(), "localhost", &nameless).await.to_string();
    says(&text, &["names no host", "common name does not count"]);
    let connector = Connector::new(trusting_ca(), env_at(2105, &Disk::default()));
    let fault = talk(&connector, "localhost", &PLAIN_SERVER).await.err().unwrap();
    says(&fault.to_string(), &["expired on 2099-12-31", "it is 2105-01-0"]);
}

#[tokio::test]
async fn without_host_names_the_chain_and_its_dates_are_still_checked() {
    let any_host = |tls: Tls| Tls { host_names: HostNames::DangerouslyIgnored, ..tls };
    for versions in [Versions::Tls12, Versions::Tls13] {
        let server = Server { versions, ..PLAIN_SERVER };
        assert!(talk(&connector(any_host(trusting_ca())), "b1.example", &server).await.is_ok());
    }
    let stranger = any_host(trusting(Store::file("stranger.pem")));
    let issuer = fault(stranger, "localhost", &PLAIN_SERVER).await;
    assert!(matches!(issuer, TlsFault::UnknownIssuer { .. }), "{issuer}");
    let young = Server { name: "young", ..PLAIN_SERVER };
    let date = fault(any_host(trusting_ca()), "localhost", &young).await;
    assert!(matches!(date, TlsFault::NotYetValid { .. }), "{date}");
}

#[tokio::test]
async fn a_client_without_a_certificate_is_told_that_the_broker_wants_one() {
    for versions in [Versions::Tls12, Versions::Tls13] {
        let server = Server { versions, ..MUTUAL_SERVER };
        let fault = fault(trusting_ca(), "localhost", &server).await;
        assert_eq!(fault, TlsFault::CertificateWanted);
        says(&fault.to_string(), &["ssl.client.auth=required", "ssl.keystore.location"]);
    }
}

#[tokio::test]
async fn a_client_whose_certificate_the_broker_does_not_know_is_told_so() {
    for versions in [Versions::Tls12, Versions::Tls13] {
        let server = Server { versions, clients_of: Some("stranger.pem"), ..PLAIN_SERVER };
        let tls = Tls { identity: Some(alice()), ..trusting_ca() };
        let fault = fault(tls, "localhost", &server).await;
        let is_refused = matches!(fault, TlsFault::CertificateRefused { .. });
        assert!(is_refused, "{fault}");
        says(&fault.to_string(), &["does not accept the client's certificate"]);
    }
}

#[tokio::test]
async fn a_listener_that_does_not_speak_tls_is_recognised() {
    for (answer, wanted) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], TlsFault::NotTls),
        (b"\0\0\0\x0a\0\0\0\0\0\x23\0\0\0\0", TlsFault::NotTls),
        (b"", TlsFault::HungUp),
    ] {
        let (near, mut far) = duplex(1 << 16);
        let speak = async {
            far.read_u32().await.unwrap();
            far.write_all(answer).await.unwrap();
            drop(far);
        };
        let connector = connector(trusting_ca());
        let secure = connector.secure("localhost", Box::new(near));
        let (secured, ()) = tokio::join!(secure, speak);
        assert_eq!(secured.err().unwrap(), wanted);
        says(&wanted.to_string(), &["security.protocol=PLAINTEXT", "SASL_PLAINTEXT"]);
    }
}

#[tokio::test]
async fn versions_that_do_not_meet_are_told() {
    for (ours, theirs) in [(Versions::Tls13, Versions::Tls12), (Versions::Tls12, Versions::Tls13)] {
        let server = Server { versions: theirs, ..PLAIN_SERVER };
        let tls = Tls { versions: ours, ..trusting_ca() };
        assert_eq!(fault(tls, "localhost", &server).await, TlsFault::NoCommonVersion);
    }
}

#[tokio::test]
async fn keys_in_every_form_of_pem_are_shown_to_the_broker() {
    let one_line = |name: &str| {
        let text = String::from_utf8(fixture(name)).unwrap();
        Store::pem(text.replace('\n', " "))
    };
    let pair = |certificate, key| Identity::pair(Store::file(certificate), Store::file(key));
    let identities = [
        alice(),
        pair("client.pem", "client-sec1.key"),
        pair("rsa.pem", "rsa.key"),
        pair("rsa.pem", "rsa-pkcs1.key"),
        Identity::new(Store::file("client-both.pem")),
        Identity::pair(one_line("client.pem"), one_line("client.key")),
    ];
    for identity in identities {
        let tls = Tls { identity: Some(identity), ..trusting_ca() };
        let talked = talk(&connector(tls.clone()), "localhost", &MUTUAL_SERVER).await;
        let (_, far) = talked.unwrap_or_else(|fault| panic!("{tls:?}: {fault}"));
        assert!(far.get_ref().1.peer_certificates().is_some());
    }
}

#[cfg(feature = "keystores")]
#[tokio::test]
async fn stores_of_keytool_and_openssl_old_and_new_are_read() {
    let store = |name: &str| changeit(Store::file(name));
    let encrypted = |name: &str| {
        let pair = Identity::pair(Store::file("client.pem"), Store::file(name));
        pair.key_password(Secret::new("changeit"))
    };
    let identities = [
        Identity::new(store("client.p12")),
        Identity::new(store("client-old.p12")),
        Identity::new(store("client-openssl.p12")),
        Identity::new(store("client-openssl-old.p12")),
        Identity::new(store("client.jks")).key_password(Secret::new("changeit2")),
        encrypted("client-encrypted.key"),
        encrypted("client-encrypted-old.key"),
    ];
    let trusts = ["trust.p12", "trust-old.p12", "trust-openssl.p12", "trust.jks"];
    let trusts = trusts.into_iter().cycle();
    for (identity, trust) in identities.into_iter().zip(trusts) {
        let tls = Tls { identity: Some(identity), ..trusting(store(trust)) };
        let talked = talk(&connector(tls.clone()), "localhost", &MUTUAL_SERVER).await;
        let (_, far) = talked.unwrap_or_else(|fault| panic!("{tls:?}: {fault}"));
        assert_eq!(
            far.get_ref().1.peer_certificates().unwrap().len(),
            2 - usize::from(matches!(&tls.identity, Some(identity) if identity.key.is_some()))
        );
    }
}

#[tokio::test]
async fn a_folder_of_certificates_is_read_as_librdkafka_reads_it() {
    let disk = Disk::default();
    let of = |name: &'static str| {
        Connector::new(trusting(Store::file("cas").named(name)), env_at(2026, &disk))
    };
    says(
        &of("ssl.ca.location").load().await.unwrap_err().to_string(),
        &["cannot be read (No such"],
    );
    disk.write("cas/README", "no certificate");
    let empty = of("ssl.ca.location").load().await.unwrap_err().to_string();
    says(&empty, &["ssl.ca.location: \"cas\" cannot be read (a folder without *.pem and *.crt"]);
    disk.write("cas/other.pem", fixture("rsa.pem"));
    disk.write("cas/ca.crt", fixture("ca.pem"));
    disk.write("cas/1a2b3c4d.0", fixture("ca.pem"));
    for name in ["ssl.ca.location", "https.ca.location"] {
        talk(&of(name), "localhost", &PLAIN_SERVER).await.map(drop).unwrap();
    }
    // Java's settings name files.
    of("ssl.truststore.location").load().await.unwrap_err();
    for number in 0..=1000 {
        disk.write(&format!("cas/{number}.pem"), fixture("ca.pem"));
    }
    says(&of("ssl.ca.location").load().await.unwrap_err().to_string(), &["more than 1000 cert"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_with_its_setting() {
    let trust = |name: &str| trusting(Store::file(name));
    let own = |identity: Identity| Tls { identity: Some(identity), ..trusting_ca() };
    let pair = |certificate, key| own(Identity::pair(Store::file(certificate), Store::file(key)));
    let rows = [
        (trust("no.pem"), "ssl.truststore.location: \"no.pem\" cannot be read (No such file"),
        (trust("client.key"), "\"client.key\" holds no certificate that is to be trusted"),
        (trust("make.sh"), "ssl.truststore.location: \"make.sh\" is neither PEM nor PKCS#12 nor"),
        (trust("client.jceks"), "is a JCEKS store, which cannot be read; turn it into PKCS#12"),
        (trusting(Store::file("ca.pem").format(Format::Jks)), "is PEM, and its type is set to JKS"),
        (
            trusting(Store::file("trust.jks").format(Format::Pem)),
            "is JKS, and its type is set to PEM",
        ),
        (
            trusting(Store::file("no.pem").named("ssl.ca.location")),
            "ssl.ca.location: \"no.pem\" cannot be read",
        ),
        (trusting(Store::pem("x")), "ssl.truststore.certificates: is neither PEM"),
        (pair("client.pem", "rsa.key"), "ssl.key.location: \"rsa.key\" has a key that does not"),
        (pair("client.pem", "client.pem"), "\"client.pem\" holds no private key"),
        (pair("client.key", "client.key"), "ssl.keystore.location: \"client.key\" holds no cert"),
        (pair("secp521.pem", "secp521.key"), "has a P-521 key, which is not supported; use RSA"),
        (pair("rsa.pem", "rsa-old-encrypted.key"), "encrypted as OpenSSL once did; turn it into"),
        (pair("client.pem", "client.p12"), "is a key store; name it in ssl.keystore.location"),
        (pair("client.pem", "client-encrypted.key"), "has an encrypted key"),
    ];
    for (tls, wanted) in rows {
        says(&load_error(tls).await, &[wanted]);
    }
}

#[tokio::test]
async fn suites_of_a_version_that_is_left_out_are_told_from_suites_that_are_not_there() {
    let rows = [
        (Versions::Tls12, "TLS_AES_256_GCM_SHA384", "of TLSv1.3, which ssl.enabled.protocols"),
        (Versions::Tls12, "TLS_NULL", "names none that can be used here: TLS_"),
    ];
    for (versions, suite, wanted) in rows {
        let tls = Tls { versions, cipher_suites: vec![suite.to_owned()], ..trusting_ca() };
        says(&load_error(tls).await, &["ssl.cipher.suites", wanted]);
    }
}

#[cfg(feature = "keystores")]
#[tokio::test]
async fn what_is_wrong_with_a_key_store_is_told() {
    let own = |store: Store| Identity::new(store);
    let wrong = |store: Store| store.password(Secret::new("wrong"));
    let identities = [
        (own(Store::file("client.p12")), "none is set; set ssl.keystore.password"),
        (own(wrong(Store::file("client.p12"))), "does not open with ssl.keystore.password"),
        (own(wrong(Store::file("client-old.p12"))), "does not open with ssl.keystore.password"),
        (own(wrong(Store::file("client.jks"))), "does not open with ssl.keystore.password"),
        (own(changeit(Store::file("client.jks"))), "another password; set ssl.key.password"),
        (own(changeit(Store::file("trust.jks"))), "has no private key"),
        (own(changeit(Store::file("trust.p12"))), "has no private key"),
        (
            alice_under("client-encrypted.key").key_password(Secret::new("wrong")),
            "has a key that ssl.key.password does not open",
        ),
    ];
    for (identity, wanted) in identities {
        let text = load_error(Tls { identity: Some(identity), ..trusting_ca() }).await;
        says(&text, &[wanted]);
        assert!(!text.contains("wrong\"") && !text.contains("changeit"), "{text}");
    }
    let text = load_error(trusting(changeit(Store::file("client.jks")))).await;
    says(&text, &["holds no certificate that is to be trusted"]);
    for store in ["trust.p12", "trust.jks"] {
        let text = load_error(trusting(wrong(Store::file(store)))).await;
        says(&text, &["ssl.truststore.location", "does not open with ssl.truststore.password"]);
    }
}

#[cfg(feature = "keystores")]
fn alice_under(key: &str) -> Identity {
    Identity::pair(Store::file("client.pem"), Store::file(key))
}

#[tokio::test]
async fn certificates_are_replaced_without_a_restart_and_a_bad_pair_keeps_the_old_one() {
    let disk = Disk::default();
    let put = |certificate: &str, key: &str| {
        disk.write("my.pem", fixture(certificate));
        disk.write("my.key", fixture(key));
    };
    let identity = Identity::pair(Store::file("my.pem"), Store::file("my.key"));
    let tls = Tls { identity: Some(identity), ..trusting_ca() };
    let connector = Connector::new(tls, env_at(2026, &disk));
    let shown = async || {
        let (_, far) = talk(&connector, "localhost", &MUTUAL_SERVER).await.unwrap();
        far.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let der = |name: &str| CertificateDer::from_pem_slice(&fixture(name)).unwrap().to_vec();
    put("client.pem", "client.key");
    assert_eq!(shown().await, der("client.pem"));
    put("rsa.pem", "rsa.key");
    assert_eq!(shown().await, der("rsa.pem"));
    put("client.pem", "rsa.key");
    assert_eq!(shown().await, der("rsa.pem"));
    disk.write("my.pem", "");
    assert_eq!(shown().await, der("rsa.pem"));
    put("client.pem", "client.key");
    assert_eq!(shown().await, der("client.pem"));
}

#[tokio::test]
async fn a_new_ca_is_trusted_from_the_next_connection_on() {
    let disk = Disk::default();
    disk.write("trust.pem", fixture("stranger.pem"));
    let connector = Connector::new(trusting(Store::file("trust.pem")), env_at(2026, &disk));
    assert!(talk(&connector, "localhost", &PLAIN_SERVER).await.is_err());
    disk.write("trust.pem", [fixture("stranger.pem"), fixture("ca.pem")].concat());
    assert!(talk(&connector, "localhost", &PLAIN_SERVER).await.is_ok());
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let store = changeit(Store::file("client.p12"));
    let identity = Identity::new(store).key_password(Secret::new("changeit2"));
    let inline = Store::pem(String::from_utf8(fixture("client-both.pem")).unwrap());
    let inline = Tls { identity: Some(Identity::new(inline)), ..trusting_ca() };
    let loaded = connector(inline.clone());
    loaded.load().await.unwrap();
    let stored = Tls { identity: Some(identity), ..trusting_ca() };
    let text = format!("{stored:?} {inline:?} {loaded:?}");
    let key = String::from_utf8(fixture("client.key")).unwrap();
    let key = key.lines().nth(1).unwrap();
    assert!(!text.contains("changeit") && !text.contains(key), "{text}");
}

#[tokio::test]
async fn an_answer_that_came_before_a_broken_write_is_read_whole() {
    for versions in [Versions::Tls12, Versions::Tls13] {
        let server = Server { versions, ..PLAIN_SERVER };
        let connector = connector(trusting_ca());
        let (mut near, mut far) = talk(&connector, "localhost", &server).await.unwrap();
        far.write_all(b"an answer").await.unwrap();
        far.flush().await.unwrap();
        drop(far);
        for _ in 0..2 {
            assert!(near.write_all(b"a request").await.and(near.flush().await).is_err());
        }
        let mut answer = Vec::new();
        let end = near.read_to_end(&mut answer).await;
        assert_eq!(answer, b"an answer");
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}

#[tokio::test]
async fn a_megabyte_passes_both_ways_in_slices_and_close_is_announced() {
    let connector = connector(trusting_ca());
    let (mut near, mut far) = talk(&connector, "localhost", &PLAIN_SERVER).await.unwrap();
    let bytes: Vec<u8> = (0..1 << 20).map(|i: u32| i.to_le_bytes()[1]).collect();
    assert!(near.is_write_vectored());
    let send = async {
        let mut sent = 0;
        while sent < bytes.len() {
            let slices: Vec<_> =
                bytes[sent..].chunks(1000).take(64).map(io::IoSlice::new).collect();
            sent += near.write_vectored(&slices).await.unwrap();
        }
        near.flush().await.unwrap();
        let mut back = vec![0; bytes.len()];
        near.read_exact(&mut back).await.unwrap();
        near.shutdown().await.unwrap();
        back
    };
    let echo = async {
        let mut got = vec![0; bytes.len()];
        far.read_exact(&mut got).await.unwrap();
        far.write_all(&got).await.unwrap();
        far.flush().await.unwrap();
        // An end that was not announced would be an error here.
        assert_eq!(far.read(&mut got).await.unwrap(), 0);
    };
    let (back, ()) = tokio::join!(send, echo);
    assert!(back == bytes);
}
