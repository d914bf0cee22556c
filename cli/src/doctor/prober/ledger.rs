//! What brokers did not answer as they should: it is asked there once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use kurier_protocol::ApiKey;

use crate::doctor::facts::{Unanswered, Unknown};

/// Shared by all connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    faults: Arc<Mutex<BTreeMap<(SocketAddr, ApiKey), Unknown>>>,
}

impl Ledger {
    /// What came of a request to an address, if it was not as it should be.
    pub(super) fn of(&self, at: SocketAddr, api: ApiKey) -> Option<Unknown> {
        self.with(|faults| faults.get(&(at, api)).cloned())
    }

    /// Whether anything was amiss at an address.
    pub(super) fn is_known(&self, at: SocketAddr) -> bool {
        self.with(|faults| faults.keys().any(|(one, _)| *one == at))
    }

    /// At how many addresses an API was not answered.
    pub(super) fn count(&self, api: ApiKey) -> usize {
        self.with(|faults| faults.keys().filter(|(_, one)| *one == api).count())
    }

    pub(super) fn note(&self, key: (SocketAddr, ApiKey), why: Unknown) {
        self.with(|faults| drop(faults.insert(key, why)));
    }

    /// All of it.
    pub(super) fn unanswered(&self) -> Vec<Unanswered> {
        self.with(|faults| {
            let each = faults.iter();
            each.map(|((at, api), why)| Unanswered { at: *at, api: *api, why: why.clone() })
                .collect()
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut BTreeMap<(SocketAddr, ApiKey), Unknown>) -> T) -> T {
        look(&mut self.faults.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
