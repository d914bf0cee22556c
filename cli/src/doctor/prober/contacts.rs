//! Connections to brokers, and requests to whichever of them answers.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kurier_client::Error;
use kurier_client::error::Cause;
use kurier_client::net::{Contact, Probe, Ranges};
use kurier_protocol::release::Release;
use kurier_protocol::{ApiKey, Request};

use super::ledger::Ledger;
use crate::doctor::facts::{Known, Met, Unknown, Way};
use crate::doctor::told;

/// The connections that were made.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    /// To bootstrap servers, whose ids are not known.
    pub(super) servers: Vec<Link>,
    pub(super) brokers: BTreeMap<i32, Link>,
}

impl Contacts {
    /// Asks one after the other until one answers: those first that have answered everything.
    pub(super) async fn ask<R: Request>(
        &mut self,
        versions: RangeInclusive<i16>,
        make: impl Fn(i16) -> R,
    ) -> Known<(i16, R::Response)> {
        let mut last = Unknown::NOBODY;
        let mut links: Vec<&mut Link> =
            self.servers.iter_mut().chain(self.brokers.values_mut()).collect();
        links.sort_by_key(|link| link.ledger.is_known(link.contact.at()));
        for link in links {
            let is_new = link.ledger.of(link.contact.at(), R::KEY).is_none();
            if is_new && link.ledger.count(R::KEY) >= FAULTS_MAX {
                continue;
            }
            match link.ask(versions.clone(), &make).await {
                Ok(answer) => return Ok(answer),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    /// The connection to a broker.
    pub(super) fn broker(&mut self, id: i32, what: &str) -> Known<&mut Link> {
        let missing = || Unknown::new(format!("{what}, broker {id}, cannot be reached"));
        self.brokers.get_mut(&id).ok_or_else(missing)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.servers.is_empty() && self.brokers.is_empty()
    }
}

/// A connection, and what was not answered by whoever is there.
#[derive(Debug)]
pub(super) struct Link {
    contact: Contact,
    ledger: Ledger,
}

impl Link {
    /// Asks, unless the same was asked there before and not answered as it should be.
    pub(super) async fn ask<R: Request>(
        &mut self,
        versions: RangeInclusive<i16>,
        make: impl Fn(i16) -> R,
    ) -> Known<(i16, R::Response)> {
        let at = self.contact.at();
        if let Some(why) = self.ledger.of(at, R::KEY) {
            return Err(why);
        }
        self.contact.ask(versions, make).await.map_err(|error| {
            let why = unknown(R::KEY, &error);
            if is_fault(&error) {
                self.ledger.note((at, R::KEY), why.clone());
            }
            why
        })
    }
}

/// Why a request was not answered.
fn unknown(api: ApiKey, error: &Error) -> Unknown {
    Unknown::new(match error {
        Error::Unsupported { feature, needed, .. } => format!("{feature} needs {needed}"),
        // Whether it was executed does not matter: it was a question.
        Error::Disconnected { cause, .. } => format!("no answer to {api}: {cause}"),
        Error::TimedOut { after, .. } => {
            format!("no answer to {api} within {}", told::duration(*after))
        }
        Error::NotKafka { fault, .. } => {
            let found = Cause::Fault(fault.clone()).found().into_owned();
            format!("no answer to {api} that can be used: {found}")
        }
        other => other.found().into_owned(),
    })
}

/// Whether whoever was asked should have answered, and did not, or not so that it can be read.
fn is_fault(error: &Error) -> bool {
    matches!(error, Error::Disconnected { .. } | Error::TimedOut { .. } | Error::NotKafka { .. })
}

/// Goes to a host and port, by each of its addresses until one leads to a broker.
pub(super) async fn reach((probe, ledger): (&Probe, &Ledger), way: &mut Way) -> Option<Link> {
    let resolved = probe.resolve(&way.to).await;
    way.resolved = Some(resolved.clone());
    for at in resolved.ok()?.into_iter().take(ADDRESSES_MAX) {
        let walk = probe.connect(&way.to, at).await;
        let last = walk.steps.last().and_then(|step| step.outcome.as_ref().err());
        let is_refused = last.is_some_and(Cause::is_refused_login);
        way.tried.push((at, walk.steps));
        way.certificate_end = walk.certificate_end.or(way.certificate_end);
        if let Some(contact) = walk.contact {
            way.met = Some(met(contact.ranges()));
            return Some(Link { contact, ledger: ledger.clone() });
        }
        if is_refused {
            return None;
        }
    }
    None
}

fn met(ranges: &Ranges) -> Met {
    let name = ranges.release();
    let release = Release::ALL.iter().find(|release| Some(release.name()) == name).copied();
    let features = ranges.features().map(|(name, level)| (name.to_owned(), level)).collect();
    Met { release, features }
}

/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 16;
/// What was not answered at so many addresses is asked nowhere else.
const FAULTS_MAX: usize = 2;
