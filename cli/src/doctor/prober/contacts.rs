//! Connections to brokers, and requests to whichever of them answers.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kurier_client::Error;
use kurier_client::error::Cause;
use kurier_client::net::{Contact, Probe, Ranges};
use kurier_protocol::Request;
use kurier_protocol::release::Release;

use crate::doctor::facts::{Known, Met, Unknown, Way};
use crate::doctor::told;

/// The connections that were made.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    /// To bootstrap servers, whose ids are not known.
    pub(super) servers: Vec<Contact>,
    pub(super) brokers: BTreeMap<i32, Contact>,
}

impl Contacts {
    /// Asks one after the other until one answers.
    pub(super) async fn ask<R: Request>(
        &mut self,
        versions: RangeInclusive<i16>,
        make: impl Fn(i16) -> R,
    ) -> Known<(i16, R::Response)> {
        let mut last = Unknown::NOBODY;
        for contact in self.servers.iter_mut().chain(self.brokers.values_mut()) {
            match contact.ask(versions.clone(), &make).await {
                Ok(answer) => return Ok(answer),
                Err(error) => last = unknown(&error),
            }
        }
        Err(last)
    }

    /// The connection to a broker.
    pub(super) fn broker(&mut self, id: i32, what: &str) -> Known<&mut Contact> {
        let missing = || Unknown::new(format!("{what}, broker {id}, cannot be reached"));
        self.brokers.get_mut(&id).ok_or_else(missing)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.servers.is_empty() && self.brokers.is_empty()
    }
}

/// Why a request was not answered.
pub(super) fn unknown(error: &Error) -> Unknown {
    Unknown::new(match error {
        Error::Unsupported { feature, needed, .. } => format!("{feature} needs {needed}"),
        // Whether it was executed does not matter: it was a question.
        Error::Disconnected { api: Some(api), cause, .. } => format!("no answer to {api}: {cause}"),
        Error::TimedOut { what, after, .. } => format!("{what} within {}", told::duration(*after)),
        other => other.found().into_owned(),
    })
}

/// Goes to a host and port, by each of its addresses until one leads to a broker.
pub(super) async fn reach(probe: &Probe, way: &mut Way) -> Option<Contact> {
    let resolved = probe.resolve(&way.to).await;
    way.resolved = Some(resolved.clone());
    for at in resolved.ok()?.into_iter().take(ADDRESSES_MAX) {
        let walk = probe.connect(&way.to, at).await;
        let last = walk.steps.last().and_then(|step| step.outcome.as_ref().err());
        let is_refused = last.is_some_and(Cause::is_refused_login);
        way.tried.push((at, walk.steps));
        if let Some(contact) = walk.contact {
            way.met = Some(met(contact.ranges()));
            return Some(contact);
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
