//! Core: who may log in, and how.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kurier_auth::kerberos::{GssapiServer, Keytab, Moment, Principal};
use kurier_auth::oauthbearer::{BearerLogin, BearerRefusal, OauthBearerServer, UnsecuredToken};
use kurier_auth::scram::{SCRAM_NONCE_BYTES, ScramCredential, ScramHash, ScramLogin, ScramServer};
use kurier_auth::{Mechanism, PlainServer, Secret, Step};
use kurier_env::Chance;
use kurier_protocol::release::Release;

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SaslMechanism {
    /// Name and password as they are.
    Plain,
    /// Proofs that both sides know the password, with SHA-256.
    ScramSha256,
    /// The same, with SHA-512.
    ScramSha512,
    /// A token. The brokers take unsecured ones that name a user and have not ended.
    OauthBearer,
    /// Kerberos: a ticket for a service in the brokers' keytab.
    Gssapi,
}

impl SaslMechanism {
    /// Every mechanism that the brokers have.
    pub const ALL: &'static [Self] =
        &[Self::Plain, Self::ScramSha256, Self::ScramSha512, Self::OauthBearer, Self::Gssapi];

    /// Its name, such as `SCRAM-SHA-256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
            Self::Gssapi => "GSSAPI",
        }
    }

    /// The first release that has it.
    pub(crate) const fn since(self) -> Release {
        match self {
            Self::Plain | Self::Gssapi => Release::V0_10_0,
            Self::ScramSha256 | Self::ScramSha512 => Release::V0_10_2,
            Self::OauthBearer => Release::V2_0,
        }
    }

    /// Whether it asks for a password that the brokers know.
    const fn has_passwords(self) -> bool {
        matches!(self, Self::Plain | Self::ScramSha256 | Self::ScramSha512)
    }

    const fn hash(self) -> Option<ScramHash> {
        match self {
            Self::ScramSha256 => Some(ScramHash::Sha256),
            Self::ScramSha512 => Some(ScramHash::Sha512),
            Self::Plain | Self::OauthBearer | Self::Gssapi => None,
        }
    }
}

impl fmt::Display for SaslMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for SaslMechanism {
    type Err = SaslMechanismError;

    /// Reads a name, in whatever case.
    fn from_str(text: &str) -> Result<Self, SaslMechanismError> {
        let found = Self::ALL.iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| SaslMechanismError(text.to_owned()))
    }
}

/// The text names no mechanism that the brokers have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslMechanismError(String);

impl std::error::Error for SaslMechanismError {}

impl fmt::Display for SaslMechanismError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = SaslMechanism::ALL.iter().map(|known| known.name()).collect();
        write!(f, "no SASL mechanism {:?}; there are {}", self.0, known.join(", "))
    }
}

/// What a cluster's brokers ask of whoever connects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sasl {
    pub(crate) mechanisms: Vec<SaslMechanism>,
    pub(crate) users: BTreeMap<String, Secret>,
    /// How long a session lasts at most. Kafka: connections.max.reauth.ms.
    pub(crate) session_max: Option<Duration>,
    /// The keys of the brokers' service, for GSSAPI.
    pub(crate) keytab: Option<Keytab>,
    /// What SCRAM needs of the users, by mechanism and name.
    credentials: BTreeMap<(SaslMechanism, String), ScramCredential>,
}

impl Sasl {
    /// What is wrong with the settings, if anything is.
    pub(crate) fn problem(&self, release: Release) -> Option<String> {
        if let Some(early) = self.mechanisms.iter().find(|mechanism| release < mechanism.since()) {
            return Some(format!("Kafka {release} has no {early}; it came with {}", early.since()));
        }
        match (self.mechanisms.contains(&SaslMechanism::Gssapi), &self.keytab) {
            (true, None) => return Some("GSSAPI needs a keytab".to_owned()),
            (false, Some(_)) => return Some("a keytab needs the mechanism GSSAPI".to_owned()),
            _ => {}
        }
        let first = self.mechanisms.iter().find(|mechanism| mechanism.has_passwords());
        match (first, self.users.is_empty()) {
            (Some(mechanism), true) => Some(format!("{mechanism} needs a user")),
            (None, false) => {
                Some("users need a mechanism with passwords, such as PLAIN".to_owned())
            }
            _ => None,
        }
    }

    /// The same, with what takes long to compute.
    pub(crate) fn prepared(mut self) -> Self {
        for mechanism in &self.mechanisms {
            let Some(hash) = mechanism.hash() else { continue };
            for (name, password) in &self.users {
                let salt = [SALT, name.as_bytes()].concat();
                let credential = ScramCredential::derive(hash, password, &salt, SCRAM_ITERATIONS);
                self.credentials.insert((*mechanism, name.clone()), credential);
            }
        }
        self
    }

    /// The mechanism of this name, if it is enabled.
    pub(crate) fn enabled(&self, name: &str) -> Option<SaslMechanism> {
        self.mechanisms.iter().find(|mechanism| mechanism.name() == name).copied()
    }

    /// Begins an authentication.
    pub(crate) fn server(self: &Arc<Self>, mechanism: SaslMechanism, fresh: &Fresh) -> Server {
        let sasl = Arc::clone(self);
        match mechanism {
            SaslMechanism::Plain => {
                Server::Plain(PlainServer::new(Box::new(move |user: &str, password: &str| {
                    sasl.users.get(user).is_some_and(|known| *known == Secret::new(password))
                })))
            }
            SaslMechanism::ScramSha256 => sasl.scram(ScramHash::Sha256, mechanism, fresh.nonce()),
            SaslMechanism::ScramSha512 => sasl.scram(ScramHash::Sha512, mechanism, fresh.nonce()),
            SaslMechanism::OauthBearer => bearer(fresh.since_1970),
            SaslMechanism::Gssapi => {
                let keytab = sasl.keytab.clone().unwrap_or_default();
                let realm = keytab.first().map(|service| service.realm.clone()).unwrap_or_default();
                let server = GssapiServer::new(keytab, fresh.moment());
                Server::Gssapi { server, realm, user: None }
            }
        }
    }

    fn scram(
        self: Arc<Self>,
        hash: ScramHash,
        mechanism: SaslMechanism,
        nonce: [u8; SCRAM_NONCE_BYTES],
    ) -> Server {
        let lookup: ScramLookup = Box::new(move |login| {
            let key = (mechanism, login.name.to_owned());
            // There are no delegation tokens.
            self.credentials.get(&key).filter(|_| !login.is_token).cloned()
        });
        Server::Scram(ScramServer::new(hash, nonce, lookup))
    }
}

/// OAUTHBEARER with Kafka's validator for unsecured tokens: the user is whom the token names.
fn bearer(now: Duration) -> Server {
    let ends = Arc::new(OnceLock::new());
    let seen = Arc::clone(&ends);
    let accepts: BearerAccepts = Box::new(move |login| {
        let token = UnsecuredToken::decode(login.token).ok();
        let token = token.filter(|token| token.is_valid(now, Duration::ZERO));
        let token = token.ok_or_else(BearerRefusal::invalid_token)?;
        if let Some(end) = token.expires_at() {
            seen.get_or_init(|| end);
        }
        token.text("sub").map(Box::from).ok_or_else(BearerRefusal::invalid_token)
    });
    Server::OauthBearer(OauthBearerServer::new(accepts), ends)
}

/// What is new in each authentication.
#[derive(Clone, Copy)]
pub(crate) struct Fresh {
    random: [u8; Moment::RANDOM_BYTES],
    /// The time, since 1970.
    pub(crate) since_1970: Duration,
}

impl Fresh {
    /// # Errors
    ///
    /// What the operating system says if it has no entropy.
    pub(crate) fn new(chance: &dyn Chance, millis: i64) -> io::Result<Self> {
        let mut random = [0; Moment::RANDOM_BYTES];
        chance.fill_secret(&mut random)?;
        Ok(Self { random, since_1970: Duration::from_millis(u64::try_from(millis).unwrap_or(0)) })
    }

    fn nonce(&self) -> [u8; SCRAM_NONCE_BYTES] {
        self.random.first_chunk().copied().unwrap_or([0; SCRAM_NONCE_BYTES])
    }

    fn moment(&self) -> Moment {
        Moment::new(i64::try_from(self.since_1970.as_micros()).unwrap_or(i64::MAX), self.random)
    }
}

type PlainAccepts = Box<dyn FnMut(&str, &str) -> bool + Send>;
type ScramLookup = Box<dyn FnMut(&ScramLogin<'_>) -> Option<ScramCredential> + Send>;
type BearerAccepts = Box<dyn FnMut(&BearerLogin<'_>) -> Result<Box<str>, BearerRefusal> + Send>;

/// The brokers' half of one authentication.
#[derive(Debug)]
pub(crate) enum Server {
    Plain(PlainServer<PlainAccepts>),
    Scram(ScramServer<ScramLookup>),
    /// With when the token ends, since 1970.
    OauthBearer(OauthBearerServer<BearerAccepts>, Arc<OnceLock<Duration>>),
    /// With the realm whose clients have names here, and the user, when it is known.
    Gssapi {
        server: GssapiServer,
        realm: Vec<u8>,
        user: Option<String>,
    },
}

impl Server {
    /// Takes a token of the client, and says which one follows.
    ///
    /// # Errors
    ///
    /// The client is not let in.
    pub(crate) fn step(&mut self, token: &[u8]) -> Result<Step, kurier_auth::Error> {
        match self {
            Self::Plain(server) => server.step(token),
            Self::Scram(server) => server.step(token),
            Self::OauthBearer(server, _) => server.step(token),
            Self::Gssapi { server, realm, user } => {
                let step = server.step(token)?;
                if let Some(client) = server.client() {
                    *user = Some(short_name(client, realm)?);
                }
                Ok(step)
            }
        }
    }

    /// Who has logged in: none before the end.
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::Plain(server) => server.user(),
            Self::Scram(server) => server.login().map(|login| login.name),
            Self::OauthBearer(server, _) => server.user(),
            Self::Gssapi { user, .. } => user.as_deref(),
        }
    }

    /// When what the client has shown ends, since 1970; `None` if it does not.
    pub(crate) fn ends(&self) -> Option<Duration> {
        match self {
            Self::Plain(_) | Self::Scram(_) | Self::Gssapi { .. } => None,
            Self::OauthBearer(_, ends) => ends.get().copied(),
        }
    }
}

/// Kafka's default rule: the first part of a principal's name, if it is of the brokers' realm; no
/// other has a name, and none is let in without one.
fn short_name(client: &Principal, realm: &[u8]) -> Result<String, kurier_auth::Error> {
    match client.parts.first() {
        Some(name) if client.realm == realm => Ok(String::from_utf8_lossy(name).into_owned()),
        _ => {
            let problem = format!(
                "no rule gives {client} a name: the default one names those of {}",
                String::from_utf8_lossy(realm)
            );
            Err(kurier_auth::Error::Kerberos { code: None, problem: problem.into() })
        }
    }
}

/// As many as Kafka's own tool takes.
const SCRAM_ITERATIONS: u32 = 4096;
/// What each user's salt begins with: one user's is always the same, and no other user's.
const SALT: &[u8] = b"kurier-testkit:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mechanism_is_read_by_its_name_in_any_case() {
        for mechanism in SaslMechanism::ALL {
            assert_eq!(mechanism.name().parse(), Ok(*mechanism));
            assert_eq!(mechanism.name().to_lowercase().parse(), Ok(*mechanism));
        }
        let error = "KERBEROS".parse::<SaslMechanism>().unwrap_err().to_string();
        assert!(error.contains("KERBEROS") && error.contains("PLAIN"), "{error}");
    }
}
