//! A world with KDCs, good and bad ones, and with files, all in memory and in virtual time.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kurier_auth::kerberos::kdc::Kdc;
use kurier_auth::kerberos::{
    Action, Credential, EncryptionType, GssapiServer, Keytab, Login, Moment, Principal,
};
use kurier_auth::{Mechanism, Step};
use kurier_env::{BoxFuture, Datagram, Env, Files, Io, Net, Wall};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

/// How a KDC behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Good,
    Silent,
    Refuses,
    /// It is good, but by datagrams alone.
    Datagrams,
    /// It is good, but its answers do not fit datagrams.
    TooBig,
    /// It answers with the error of this number.
    Says(u8),
    /// It answers what is no answer; by datagrams the right one follows.
    Babbles,
}

/// All that happens in a test.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) kdc: Mutex<Kdc>,
    /// The hosts on which the KDC listens; one that is there twice has two addresses.
    pub(crate) hosts: Mutex<Vec<(&'static str, Manner)>>,
    /// How far the KDC's clock is ahead, in seconds.
    pub(crate) ahead: i64,
    files: Mutex<HashMap<PathBuf, Vec<u8>>>,
    /// The first byte of each request: 0x6a asks for a first ticket, 0x6c for others.
    requests: Mutex<Vec<u8>>,
    start: Instant,
    /// By how many seconds the client's clock is wrong.
    wrong: AtomicI64,
}

pub(crate) const AS: u8 = 0x6a;
pub(crate) const TGS: u8 = 0x6c;
/// When the world begins, in seconds since 1970.
pub(crate) const BEGIN: i64 = 1_800_000_000;

impl World {
    pub(crate) fn new(hosts: &[(&'static str, Manner)], ahead: i64) -> Arc<Self> {
        let kdc = kdc(1);
        let config: String = hosts.iter().map(|(host, _)| format!(" kdc = {host}\n")).collect();
        let config =
            format!("[libdefaults]\ndefault_realm = TEST\n[realms]\nTEST = {{\n{config}}}\n");
        let keytab = kdc.keytab("alice").unwrap().to_bytes().unwrap().to_vec();
        let files = [("/krb5.conf", config.into_bytes()), ("/alice.keytab", keytab)];
        Arc::new(Self {
            kdc: Mutex::new(kdc),
            hosts: Mutex::new(hosts.to_vec()),
            ahead,
            files: Mutex::new(files.map(|(path, content)| (path.into(), content)).into()),
            requests: Mutex::default(),
            start: Instant::now(),
            wrong: AtomicI64::new(0),
        })
    }

    /// The KDC cannot read its own tickets any more; all others keep their keys.
    pub(crate) fn change_key(&self) {
        *self.kdc.lock().unwrap() = kdc(2);
    }

    pub(crate) fn env(self: &Arc<Self>) -> Env {
        let net = Arc::new(Shared(Arc::clone(self), None));
        Env::simulated(net.clone(), net.clone(), 7).with_files(net)
    }

    /// The same, with another network for all that is no KDC.
    pub(crate) fn env_with(self: &Arc<Self>, others: &Env) -> Env {
        self.env().with_net(Arc::new(Shared(Arc::clone(self), Some(others.clone()))))
    }

    /// The clock of the client.
    pub(crate) fn wall(self: &Arc<Self>) -> Arc<dyn Wall> {
        Arc::new(Shared(Arc::clone(self), None))
    }

    pub(crate) fn set_clock_wrong(&self, seconds: i64) {
        self.wrong.store(seconds, Ordering::Relaxed);
    }

    pub(crate) fn put(&self, path: &str, content: Vec<u8>) {
        self.files.lock().unwrap().insert(path.into(), content);
    }

    pub(crate) fn set_manner(&self, manner: Manner) {
        self.hosts.lock().unwrap().iter_mut().for_each(|(_, now)| *now = manner);
    }

    /// How often the KDC was asked for this kind of ticket.
    pub(crate) fn count(&self, kind: u8) -> usize {
        self.requests.lock().unwrap().iter().filter(|one| **one == kind).count()
    }

    /// Seconds since 1970 by the KDC's clock.
    pub(crate) fn seconds(&self) -> i64 {
        BEGIN + i64::try_from(self.start.elapsed().as_secs()).unwrap() + self.ahead
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn answer(&self, request: &[u8]) -> Vec<u8> {
        let mut requests = self.requests.lock().unwrap();
        requests.push(request[0]);
        let seed = u8::try_from(requests.len() % 256).unwrap();
        self.kdc.lock().unwrap().handle(request, &moment(self.seconds(), seed))
    }

    fn is_kdc(&self, at: SocketAddr) -> bool {
        matches!(at.ip(), IpAddr::V4(ip) if ip.octets()[..3] == [192, 168, 0])
    }

    fn manner(&self, at: SocketAddr) -> Manner {
        let IpAddr::V4(ip) = at.ip() else { panic!("{at}") };
        self.hosts.lock().unwrap()[usize::from(ip.octets()[3])].1
    }

    /// A ticket granting ticket of alice, as kinit would get it.
    pub(crate) fn granting(&self) -> Credential {
        let alice = Principal::parse("alice@TEST", None).unwrap();
        let kdc = self.kdc.lock().unwrap();
        let kinds = EncryptionType::ALL;
        let keytab = kdc.keytab("alice").unwrap();
        let mut login = Login::new(alice, &keytab, &kinds, kdc.lifetimes).unwrap();
        let mut action = login.start(0, moment(self.seconds(), 200)).unwrap();
        loop {
            match action {
                Action::Done(credential) => return *credential,
                Action::Ask { request, .. } => {
                    let reply = kdc.handle(&request, &moment(self.seconds(), 201));
                    action = login.handle(&reply, moment(self.seconds(), 202)).unwrap();
                }
            }
        }
    }

    /// Whether the broker `host` lets this client in; its keytab is the KDC's.
    pub(crate) fn lets_in(&self, host: &str, client: &mut dyn Mechanism) -> Result<String, String> {
        let keytab = self.kdc.lock().unwrap().keytab(&format!("kafka/{host}")).unwrap();
        self.lets_in_with(keytab, client)
    }

    fn lets_in_with(&self, keytab: Keytab, client: &mut dyn Mechanism) -> Result<String, String> {
        let mut server = GssapiServer::new(keytab, moment(self.seconds(), 99));
        let mut answer = Vec::new();
        loop {
            let step = client.step(&answer).map_err(|error| error.to_string())?;
            let (Step::Continue(token) | Step::Done(token)) = &step;
            let reply = server.step(token).map_err(|error| error.to_string())?;
            answer = match (step, reply) {
                (Step::Done(_), Step::Done(_)) => return Ok(server.client().unwrap().to_string()),
                (_, Step::Continue(token) | Step::Done(token)) => token,
            };
        }
    }
}

fn kdc(random: u8) -> Kdc {
    let mut kdc = Kdc::new("TEST", &[random; 32]);
    kdc.add_with("alice", "wonderland", &[EncryptionType::Aes256Sha1]).unwrap();
    for host in ["b", "c"] {
        let kinds = [EncryptionType::Aes128Sha1];
        kdc.add_with(&format!("kafka/{host}"), "secret", &kinds).unwrap();
    }
    kdc
}

fn moment(seconds: i64, seed: u8) -> Moment {
    Moment::new(seconds * 1_000_000, [seed; Moment::RANDOM_BYTES])
}

/// With the network of those who are no KDCs.
#[derive(Debug)]
struct Shared(Arc<World>, Option<Env>);

impl Wall for Shared {
    fn millis(&self) -> i64 {
        let since = i64::try_from(self.0.start.elapsed().as_millis()).unwrap();
        (BEGIN + self.0.wrong.load(Ordering::Relaxed)) * 1000 + since
    }
}

impl Files for Shared {
    fn read<'a>(&'a self, path: &'a Path, _: u64) -> BoxFuture<'a, io::Result<Vec<u8>>> {
        let found = self.0.files.lock().unwrap().get(path).cloned();
        Box::pin(std::future::ready(found.ok_or_else(|| io::ErrorKind::NotFound.into())))
    }
}

impl Net for Shared {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let ip = |index: usize| Ipv4Addr::new(192, 168, 0, u8::try_from(index).unwrap());
        let hosts = self.0.hosts.lock().unwrap();
        let named = hosts.iter().enumerate().filter(|(_, (name, _))| *name == host);
        let found: Vec<_> =
            named.map(|(index, _)| SocketAddr::new(ip(index).into(), port)).collect();
        if let (true, Some(others)) = (found.is_empty(), &self.1) {
            return others.net().resolve(host, port);
        }
        let found = if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) };
        Box::pin(std::future::ready(found))
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        if let (false, Some(others)) = (self.0.is_kdc(to), &self.1) {
            return others.net().connect(to);
        }
        Box::pin(async move {
            let manner = self.0.manner(to);
            if matches!(manner, Manner::Refuses | Manner::Datagrams) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (near, far) = tokio::io::duplex(1 << 16);
            let world = Arc::clone(&self.0);
            tokio::spawn(async move { serve(world, manner, far).await });
            Ok(Box::new(near) as Box<dyn Io>)
        })
    }

    fn datagram(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>> {
        let (world, manner) = (Arc::clone(&self.0), self.0.manner(to));
        let socket = Socket {
            world,
            manner,
            request: Mutex::default(),
            has_babbled: AtomicBool::new(false),
        };
        Box::pin(std::future::ready(Ok(Box::new(socket) as Box<dyn Datagram>)))
    }
}

async fn serve(world: Arc<World>, manner: Manner, mut stream: DuplexStream) {
    if manner == Manner::Silent {
        return std::future::pending().await;
    }
    let length = stream.read_u32().await.unwrap();
    let mut request = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut request).await.unwrap();
    let answer = match manner {
        Manner::Says(code) => refusal(&world, code),
        Manner::Babbles => b"babble".to_vec(),
        _ => world.answer(&request),
    };
    stream.write_u32(u32::try_from(answer.len()).unwrap()).await.unwrap();
    stream.write_all(&answer).await.unwrap();
}

struct Socket {
    world: Arc<World>,
    manner: Manner,
    request: Mutex<Option<Vec<u8>>>,
    has_babbled: AtomicBool,
}

impl Datagram for Socket {
    fn send<'a>(&'a self, datagram: &'a [u8]) -> BoxFuture<'a, io::Result<()>> {
        *self.request.lock().unwrap() = Some(datagram.to_vec());
        Box::pin(std::future::ready(Ok(())))
    }

    fn receive(&self, _: usize) -> BoxFuture<'_, io::Result<Vec<u8>>> {
        if self.manner == Manner::Babbles && !self.has_babbled.swap(true, Ordering::Relaxed) {
            return Box::pin(std::future::ready(Ok(b"babble".to_vec())));
        }
        let request = self.request.lock().unwrap().take();
        Box::pin(async move {
            match (self.manner, request) {
                (Manner::Refuses, _) => Err(io::ErrorKind::ConnectionRefused.into()),
                (Manner::TooBig, Some(_)) => Ok(refusal(&self.world, TOO_BIG)),
                (Manner::Says(code), Some(_)) => Ok(refusal(&self.world, code)),
                (Manner::Good | Manner::Datagrams | Manner::Babbles, Some(request)) => {
                    Ok(self.world.answer(&request))
                }
                _ => std::future::pending().await,
            }
        })
    }
}

/// The error that an answer does not fit.
const TOO_BIG: u8 = 52;

/// The error of this number, made of another one.
fn refusal(world: &World, number: u8) -> Vec<u8> {
    let mut error = world.kdc.lock().unwrap().handle(b"", &moment(world.seconds(), 1));
    let code = error.windows(5).position(|part| part == [0xa6, 3, 2, 1, 60]).unwrap();
    error[code + 4] = number;
    error
}

/// The file of a ticket cache, version 4, that holds one ticket.
pub(crate) fn cache_of(ticket: &Credential) -> Vec<u8> {
    let data =
        |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let principal = |p: &Principal| {
        let count = u32::try_from(p.parts.len()).unwrap();
        let mut out = [p.name_type.to_be_bytes(), count.to_be_bytes()].concat();
        out.extend(std::iter::once(&p.realm).chain(&p.parts).flat_map(|part| data(part)));
        out
    };
    let mut out = vec![5, 4, 0, 0];
    out.extend(principal(&ticket.client));
    out.extend(principal(&ticket.client));
    out.extend(principal(&ticket.server));
    out.extend(&ticket.key.kind().number().to_be_bytes()[2..]);
    out.extend(data(ticket.key.reveal()));
    for time in [ticket.start, ticket.start, ticket.end, ticket.renew_till] {
        out.extend(u32::try_from(time).unwrap().to_be_bytes());
    }
    out.push(0);
    out.extend(ticket.flags.to_be_bytes());
    out.extend([0; 8]);
    out.extend(data(&ticket.ticket));
    out.extend([0; 4]);
    out
}
