//! TLS in front of the brokers: any client that trusts the cluster's certificate gets through.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use kurier_env::{Env, Io};
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::{ClientAuth, ClientCertificate, TestCluster};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::peer::{PRODUCE, Peer, produce, stored};

/// A client that trusts the authority of `cluster`, and shows a certificate if it has one.
fn client(cluster: &TestCluster, shown: Option<&ClientCertificate>) -> TlsConnector {
    let mut trusted = RootCertStore::empty();
    let ca = cluster.ca_pem().unwrap();
    trusted.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls_graviola::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(trusted);
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some(shown) => {
            let chain = vec![CertificateDer::from_pem_slice(shown.certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

async fn enter(tls: &TlsConnector, name: &str, stream: Box<dyn Io>) -> io::Result<Peer> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    Ok(Peer::over(Box::new(tls.connect(name, stream).await?)))
}

async fn dial(address: &str) -> Box<dyn Io> {
    let address: SocketAddr = address.parse().unwrap();
    Env::real().net().connect(address).await.unwrap()
}

async fn in_memory(cluster: &TestCluster, broker: i32) -> Box<dyn Io> {
    let env = cluster.env(1);
    let address = env.net().resolve(&format!("broker-{broker}"), 9092).await.unwrap()[0];
    env.net().connect(address).await.unwrap()
}

#[tokio::test]
async fn the_certificate_is_good_for_each_name_of_the_machine() {
    let cluster = TestCluster::builder().topic("t", 1).tls().build();
    let tcp = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let tls = client(&cluster, None);
    for name in ["localhost", "127.0.0.1", "::1"] {
        let mut peer = enter(&tls, name, dial(&tcp.bootstrap()[0]).await).await.unwrap();
        let metadata = peer.call(7, &MetadataRequest::default()).await.unwrap();
        assert_eq!(metadata.brokers.len(), 1);
    }
    let other = enter(&tls, "example.org", dial(&tcp.bootstrap()[0]).await).await;
    assert!(other.err().unwrap().to_string().contains("not valid for name"));

    let cluster = TestCluster::builder().tls().advertised_host("example.org").build();
    let tcp = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let tls = client(&cluster, None);
    assert!(enter(&tls, "example.org", dial(&tcp.listening()[0]).await).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn brokers_in_memory_speak_tls_too() {
    let cluster = TestCluster::builder().brokers(2).topic("t", 1).tls().build();
    let tls = client(&cluster, None);
    let leader = cluster.leader("t", 0).unwrap();
    let stream = in_memory(&cluster, leader).await;
    let mut peer = enter(&tls, &format!("broker-{leader}"), stream).await.unwrap();
    let value = "x".repeat(300_000);
    assert_eq!(stored(&peer.call(PRODUCE, &produce(&value)).await.unwrap()), Ok(0));
    cluster.kill_broker(leader);
    assert!(peer.is_closed().await);
}

#[tokio::test]
async fn whoever_speaks_no_tls_or_trusts_another_authority_stays_outside() {
    let cluster = TestCluster::builder().tls().build();
    let mut plain = Peer::over(in_memory(&cluster, 1).await);
    plain.send(7, &MetadataRequest::default()).await;
    // An alert may come first.
    while !plain.is_closed().await {}
    let other = TestCluster::builder().tls().build();
    let entered = enter(&client(&other, None), "broker-1", in_memory(&cluster, 1).await).await;
    assert!(entered.is_err());
    assert_eq!(cluster.requests().len(), 0);
}

#[tokio::test]
async fn clients_show_certificates_where_they_must() {
    let required = TestCluster::builder().tls_client_auth(ClientAuth::Required).build();
    let requested = TestCluster::builder().tls_client_auth(ClientAuth::Requested).build();
    for (cluster, is_asked) in [(&required, true), (&requested, false)] {
        let alice = cluster.client_certificate("alice");
        let stream = in_memory(cluster, 1).await;
        let mut peer = enter(&client(cluster, Some(&alice)), "broker-1", stream).await.unwrap();
        peer.call(7, &MetadataRequest::default()).await.unwrap();

        // With TLS 1.3 the client learns of the refusal after its own handshake.
        let mut peer =
            enter(&client(cluster, None), "broker-1", in_memory(cluster, 1).await).await.unwrap();
        assert_eq!(peer.call(7, &MetadataRequest::default()).await.is_err(), is_asked);
    }
    let stranger = required.client_certificate("alice");
    let stream = in_memory(&requested, 1).await;
    let mut peer = enter(&client(&requested, Some(&stranger)), "broker-1", stream).await.unwrap();
    assert!(peer.call(7, &MetadataRequest::default()).await.is_err());
}

#[test]
fn no_debug_text_shows_a_key() {
    let cluster = TestCluster::builder().tls().build();
    let alice = cluster.client_certificate("alice");
    let text = format!("{alice:?}");
    assert!(!text.contains("BEGIN"), "{text}");
}
