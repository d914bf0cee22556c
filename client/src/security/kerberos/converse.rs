//! Carries a conversation with KDCs to its end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kurier_auth::kerberos::{
    Action, Config, Credential, EncryptionType, Error as KerberosError, Login, Moment, TicketSearch,
};
use kurier_env::{Env, watch};
use tokio::time::Instant;

use super::failure::Failure;
use super::transport::{By, Way, ask};
use crate::error::shown;

/// What it takes to talk to KDCs, and what was learnt from earlier talks.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) env: Env,
    pub(super) config: Arc<Config>,
    pub(super) kinds: Vec<EncryptionType>,
    pub(super) first: By,
    /// Seconds to add to our clock to have the KDCs'.
    pub(super) clock_offset: i64,
    /// The way that led to an answer, by realm.
    pub(super) known: HashMap<Vec<u8>, Way>,
    /// Whom this is told who is asked.
    pub(super) asked: Asked,
}

/// The KDCs that were asked last, in words: whoever gives up can say whose answer is missing.
pub(super) type Asked = Arc<watch::Sender<Box<str>>>;

/// A conversation of either kind.
pub(super) enum Talk {
    Login(Login),
    Search(TicketSearch),
}

impl Talk {
    /// Talks until there is a ticket, for ten seconds at most.
    pub(super) async fn finish(
        mut self,
        world: &mut World,
        wanted: &str,
    ) -> Result<Credential, Failure> {
        let deadline = Instant::now() + TALK_MAX;
        let refused = |error| Failure::Kerberos { wanted: wanted.into(), error };
        let now = world.moment()?;
        let mut action = self.start(world.clock_offset, now).map_err(refused)?;
        loop {
            let (realm, request) = match action {
                Action::Done(credential) => {
                    world.clock_offset = self.clock_offset();
                    return Ok(*credential);
                }
                Action::Ask { realm, request } => (realm, request),
            };
            let ways = world.ways(&realm)?;
            world.asked.send_replace(names(&ways));
            let answer = ask(&world.env, &ways, &request, deadline).await;
            let (answer, way) = answer.map_err(Failure::Silent)?;
            let now = world.moment()?;
            action = self.handle(&answer, now).map_err(|error| Failure::Kerberos {
                wanted: format!("{wanted} of KDC {way}{}", self.key_version()).into(),
                error,
            })?;
            world.known.insert(realm, way);
        }
    }

    fn start(&mut self, clock_offset: i64, now: Moment) -> Result<Action, KerberosError> {
        match self {
            Self::Login(login) => login.start(clock_offset, now),
            Self::Search(search) => search.start(clock_offset, now),
        }
    }

    fn handle(&mut self, answer: &[u8], now: Moment) -> Result<Action, KerberosError> {
        match self {
            Self::Login(login) => login.handle(answer, now),
            Self::Search(search) => search.handle(answer, now),
        }
    }

    fn clock_offset(&self) -> i64 {
        match self {
            Self::Login(login) => login.clock_offset(),
            Self::Search(search) => search.clock_offset(),
        }
    }

    /// Which key was shown, in words.
    fn key_version(&self) -> String {
        let version = match self {
            Self::Login(login) => login.key_version(),
            Self::Search(_) => None,
        };
        version.map(|version| format!(" with key version {version}")).unwrap_or_default()
    }
}

impl World {
    /// The time by our own clock, and random bytes.
    pub(super) fn moment(&self) -> Result<Moment, Failure> {
        let random = self.env.secret_bytes();
        let random = random.map_err(|error| Failure::no_entropy(&error))?;
        Ok(Moment::new(self.env.wall_millis().saturating_mul(1000), random))
    }

    /// Seconds since 1970 by the KDCs' clock.
    pub(super) fn seconds(&self) -> i64 {
        self.env.wall_millis().div_euclid(1000).saturating_add(self.clock_offset)
    }

    /// The ways to the KDCs of a realm, the one that worked before first.
    fn ways(&self, realm: &[u8]) -> Result<Vec<Way>, Failure> {
        let name = String::from_utf8_lossy(realm);
        let mut ways = Way::all(&self.config.kdcs(&name), self.first);
        if ways.is_empty() {
            // A KDC may have referred to it.
            let name = shown(&name, NAME_CHARS_MAX);
            let problem = format!(
                "there is no kdc for realm {name} in [realms]; \
                 to find it by DNS (dns_lookup_kdc) is not supported"
            );
            return Err(Failure::Setting("krb5.conf", problem.into()));
        }
        if let Some(known) = self.known.get(realm)
            && let Some(at) = ways.iter().position(|way| way.is(known))
        {
            ways.remove(at);
            ways.insert(0, known.clone());
        }
        Ok(ways)
    }
}

/// The first few of the ways.
fn names(ways: &[Way]) -> Box<str> {
    let shown: Vec<_> = ways.iter().take(WAYS_SHOWN).map(Way::to_string).collect();
    shown.join(", ").into()
}

/// How many ways are named.
const WAYS_SHOWN: usize = 8;
/// Characters of a realm's name that are shown.
const NAME_CHARS_MAX: usize = 256;
/// How long one conversation may take.
const TALK_MAX: Duration = Duration::from_secs(10);
