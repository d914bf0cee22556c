//! A client logs in to brokers by Kerberos, also after they got new keys.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use kurier_client::security::Sasl;
use kurier_client::security::kerberos::Kerberos;
use kurier_client::{Client, Error, Record};
use kurier_protocol::ApiKey;
use kurier_testkit::{SaslMechanism, TestCluster};
use tokio::time::sleep;

use super::world::{Manner, TGS, World};
use super::{by_keytab, mechanism};

/// Who its broker is to the KDC.
const BROKER: &str = "kafka/broker-1";

/// A world with a KDC, and a broker in it.
fn world() -> Arc<World> {
    let world = World::new(&[("kdc", Manner::Good)], 0);
    world.kdc.lock().unwrap().add(BROKER, "secret").unwrap();
    world
}

/// A broker with the keys that the KDC has for it now.
fn cluster(world: &Arc<World>, release: &str) -> TestCluster {
    let keytab = world.kdc.lock().unwrap().keytab(BROKER).unwrap();
    let builder = TestCluster::builder().release(release).topic("t", 1).wall(world.wall());
    builder.sasl([SaslMechanism::Gssapi]).keytab(keytab).build()
}

async fn connect(
    world: &Arc<World>,
    cluster: &TestCluster,
    kerberos: &Kerberos,
) -> Result<Client, Error> {
    let env = world.env_with(&cluster.env(1));
    let client = Client::builder(cluster.bootstrap()).env(env);
    client.sasl(Sasl::Gssapi(kerberos.clone())).connect().await
}

/// A login that holds a ticket for the broker, and the broker with new keys.
async fn outdated(world: &Arc<World>, release: &str) -> (Kerberos, TestCluster) {
    let kerberos = Kerberos::new(by_keytab());
    mechanism(&kerberos, world, "broker-1").await.unwrap();
    world.kdc.lock().unwrap().add(BROKER, "another secret").unwrap();
    (kerberos, cluster(world, release))
}

#[tokio::test(start_paused = true)]
async fn clients_with_an_old_ticket_are_let_in_by_a_broker_with_a_new_key() {
    for release in ["0.10.0", "0.11.0", "1.0", "4.4"] {
        let world = world();
        let (kerberos, cluster) = outdated(&world, release).await;
        let clients = (0..5).map(|_| connect(&world, &cluster, &kerberos));
        for client in join_all(clients).await {
            client.unwrap_or_else(|error| panic!("{release}: {error}"));
        }
        // Whoever does not hear why has to ask anew each time.
        let asked = world.count(TGS);
        assert!(asked == 2 || (release.starts_with('0') && asked < 8), "{release}: {asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_with_another_key_than_the_kdc_refuses_for_good() {
    let world = world();
    let cluster = cluster(&world, "4.4");
    world.kdc.lock().unwrap().add(BROKER, "another secret").unwrap();
    let kerberos = Kerberos::new(by_keytab());
    cluster.network().latency(Duration::from_millis(100));
    let late = async {
        sleep(Duration::from_millis(50)).await;
        connect(&world, &cluster, &kerberos).await
    };
    let (first, second) = tokio::join!(connect(&world, &cluster, &kerberos), late);
    for client in [first, second] {
        let error = client.map(drop).unwrap_err();
        assert!(error.is_fatal(), "{error}");
    }
    assert_eq!(world.count(TGS), 2, "the second one's ticket was not new");
}

#[tokio::test(start_paused = true)]
async fn a_session_by_kerberos_is_renewed_on_its_connection() {
    let world = world();
    let keytab = world.kdc.lock().unwrap().keytab(BROKER).unwrap();
    let builder = TestCluster::builder().topic("t", 1).wall(world.wall());
    let builder = builder.session_lifetime(Duration::from_secs(60));
    let cluster = builder.sasl([SaslMechanism::Gssapi]).keytab(keytab).build();
    let client = connect(&world, &cluster, &Kerberos::new(by_keytab())).await.unwrap();
    let producer = client.producer().build().await.unwrap();
    for _ in 0..30 {
        producer.send(Record::to("t").value("v")).await.unwrap();
        sleep(Duration::from_secs(10)).await;
    }
    let requests = cluster.requests();
    let logins = requests.iter().filter(|request| request.api == ApiKey::SASL_HANDSHAKE);
    assert!(logins.count() > 5, "once a minute");
    let opened = requests.iter().filter(|request| request.api == ApiKey::API_VERSIONS).count();
    assert!(opened <= 3, "connections: {opened}");
}
