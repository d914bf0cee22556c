//! The client while it logs in, by each mechanism, before brokers and a KDC that lie.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kurier_auth::kerberos::kdc::Kdc;
use kurier_auth::kerberos::{Keytab, Moment, Principal};
use kurier_client::config::ClientConfig;
use kurier_client::security::kerberos::{Kerberos, KerberosConfig, TicketSource};
use kurier_client::security::{OauthBearer, Sasl, ScramHash, Secret, UnsecuredLogin};
use kurier_client::{Client, Target};
use kurier_env::{BoxFuture, Datagram, Env, Files, Io, Net, Wall};
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::{Builder, SaslMechanism, TestCluster};
use tokio::time::{Instant, sleep};

use super::hostile_broker::{Hostile, Met, Script, config, in_virtual_time, within};
use crate::random::Random;

/// The first byte says by which mechanism a client logs in, and whether tokens travel in requests
/// or, as before 1.0, as bare frames. The others say what becomes of each answer of brokers and
/// KDC, as for [`hostile_broker()`](super::hostile_broker()). Logins last a few seconds, so that
/// connections log in again.
///
/// # Panics
///
/// As [`hostile_broker()`](super::hostile_broker()).
pub fn hostile_login(data: &[u8]) {
    log_in(data);
}

/// As [`hostile_login()`]; says what came of it.
///
/// # Panics
///
/// As there.
pub fn log_in(data: &[u8]) -> Met {
    let (choice, script) = data.split_first().unwrap_or((&0, &[]));
    in_virtual_time(async {
        let hostile = Hostile::of(cluster(*choice), Script::new(script));
        let world = World { hostile, clock: Running(Instant::now()) };
        let met = play(&world, sasl(*choice)).await;
        Met { requests: world.hostile.requests(), ..met }
    })
}

async fn play(world: &World, sasl: Sasl) -> Met {
    let hostile = &world.hostile;
    let mut met = Met::default();
    let env = Env::simulated(Arc::new(world.clone()), Arc::new(world.clock), 1)
        .with_files(Arc::new(OfKerberos));
    let config = ClientConfig { sasl: Some(sasl), ..config() };
    let builder = Client::builder(["broker-1:9092", "broker-2:9092"]).config(config).env(env);
    let mut wait = Duration::from_secs(5);
    let client = loop {
        let is_over = hostile.is_over();
        let connected = within("connecting", hostile, builder.clone().connect()).await;
        met.count(&connected);
        match connected {
            Ok(client) => break client,
            Err(error) => assert!(!is_over || wait < HEALING_MAX, "all are honest, and: {error}"),
        }
        if is_over {
            sleep(wait).await;
            wait *= 2;
        }
    };
    for _ in 0..ROUNDS_MAX {
        if hostile.is_over() {
            break;
        }
        let any = client.request(Target::Any, MetadataRequest::default());
        met.count(&within("any broker", hostile, any).await);
        let controller = client.request(Target::Controller, MetadataRequest::default());
        met.count(&within("the controller", hostile, controller).await);
        sleep(SESSION / 2).await;
    }
    hostile.be_honest();
    while let Err(error) = client.request(Target::Any, MetadataRequest::default()).await {
        assert!(wait < HEALING_MAX, "brokers and KDC are honest again, and: {error}");
        sleep(wait).await;
        wait *= 2;
    }
    met
}

fn cluster(choice: u8) -> Builder {
    let mechanisms = [
        SaslMechanism::Plain,
        SaslMechanism::ScramSha256,
        SaslMechanism::ScramSha512,
        SaslMechanism::Gssapi,
    ];
    let builder = TestCluster::builder().sasl(mechanisms).user("alice", "wonderland");
    let builder = builder.keytab(realm().services.clone());
    match choice & BARE {
        // Then there was no OAUTHBEARER.
        BARE if mechanism(choice) != OAUTHBEARER => builder.release("0.10.2"),
        _ => builder.sasl([SaslMechanism::OauthBearer]).session_lifetime(SESSION),
    }
}

fn mechanism(choice: u8) -> u8 {
    (choice & !BARE) % MECHANISMS
}

fn sasl(choice: u8) -> Sasl {
    let (user, password) = ("alice".to_owned(), Secret::new("wonderland"));
    let scram = |hash| Sasl::Scram {
        hash,
        user: user.clone(),
        password: password.clone(),
        is_token: false,
    };
    match mechanism(choice) {
        0 => Sasl::Plain { user, password },
        1 => scram(ScramHash::Sha256),
        2 => scram(ScramHash::Sha512),
        OAUTHBEARER => Sasl::OauthBearer(OauthBearer::new(UnsecuredLogin::new("alice"))),
        _ => Sasl::Gssapi(Kerberos::new(KerberosConfig {
            source: TicketSource::Keytab(Some("/alice.keytab".into())),
            config_files: Some(vec!["/krb5.conf".into()]),
            ..KerberosConfig::default()
        })),
    }
}

/// Brokers, and a KDC behind port 88 of every host.
#[derive(Clone, Debug)]
struct World {
    hostile: Hostile,
    clock: Running,
}

impl Net for World {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        self.hostile.resolve(host, port)
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        if to.port() != KDC_PORT {
            return self.hostile.connect(to);
        }
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let (clock, mut count) = (self.clock, 0_u8);
        let honest = move |asked: &[u8]| {
            count = count.wrapping_add(1);
            let micros = clock.millis() * 1000;
            realm().kdc.handle(asked, &Moment::new(micros, [count; Moment::RANDOM_BYTES]))
        };
        tokio::spawn(self.hostile.clone().serve_frames(far, honest));
        Box::pin(std::future::ready(Ok(Box::new(near) as Box<dyn Io>)))
    }

    fn datagram(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>> {
        self.hostile.datagram(to)
    }
}

/// A wall clock that goes on from where the brokers' clocks begin.
#[derive(Clone, Copy, Debug)]
struct Running(Instant);

impl Wall for Running {
    fn millis(&self) -> i64 {
        BEGIN_MILLIS.saturating_add(i64::try_from(self.0.elapsed().as_millis()).unwrap_or(0))
    }
}

/// The files that Kerberos needs.
#[derive(Debug)]
struct OfKerberos;

impl Files for OfKerberos {
    fn read<'a>(&'a self, path: &'a Path, _: u64) -> BoxFuture<'a, io::Result<Vec<u8>>> {
        let content = match path.to_str() {
            Some("/krb5.conf") => Ok(CONFIG.to_vec()),
            Some("/alice.keytab") => Ok(realm().alice.clone()),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        Box::pin(std::future::ready(content))
    }
}

struct Realm {
    kdc: Kdc,
    alice: Vec<u8>,
    services: Keytab,
}

/// Everybody's keys, which take long to make.
fn realm() -> &'static Realm {
    static REALM: OnceLock<Realm> = OnceLock::new();
    REALM.get_or_init(|| {
        let mut kdc = Kdc::new("TEST", &[1; 32]);
        kdc.add("alice", "wonderland").expect("a user");
        let mut services = Keytab::default();
        for name in ["kafka/broker-1", "kafka/broker-2"] {
            kdc.add(name, "secret").expect("a service");
            let service = Principal::parse(name, Some("TEST")).expect("a name");
            let keys = kdc.keytab(name).expect("its keys").keys(&service).expect("its keys");
            for (version, key) in keys {
                services.push(service.clone(), version, key);
            }
        }
        let alice = kdc.keytab("alice").expect("her keys").to_bytes().expect("a file").to_vec();
        Realm { kdc, alice, services }
    })
}

/// A mechanism, and a script for its brokers.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    let length = 20 + random.below(300);
    random.some(length)
}

/// Of the first byte: whether brokers are older than 1.0.
const BARE: u8 = 0x80;
const MECHANISMS: u8 = 5;
const OAUTHBEARER: u8 = 3;
const KDC_PORT: u16 = 88;
const PIPE_BYTES: usize = 4096;
/// Where the brokers' clocks begin.
const BEGIN_MILLIS: i64 = 1_800_000_000_000;
const CONFIG: &[u8] =
    b"[libdefaults]\n default_realm = TEST\n[realms]\n TEST = {\n kdc = kdc\n }\n";
/// How long a login lasts.
const SESSION: Duration = Duration::from_secs(6);
/// How long a client may take to come back.
const HEALING_MAX: Duration = Duration::from_secs(1000);
const ROUNDS_MAX: usize = 10;
