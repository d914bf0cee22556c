//! What those who send, and the one who reads, have in common: where, with which settings, and what
//! is noted.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kurier_client::Error;
use kurier_client::config::{ClientConfig, DialConfig};
use kurier_client::producer::ProducerConfig;
use kurier_testkit::history::Recorder;

/// How many partitions the topic has.
pub(crate) const PARTITIONS: i32 = 6;

/// How long an answer may take.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a record may take.
pub(crate) const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long all may take to work again when all is well.
pub(crate) const PROGRESS_MAX: Duration = Duration::from_secs(60);

/// What all of them share.
pub(super) struct Shared {
    pub(super) topic: String,
    pub(super) recorder: Recorder,
    /// Records that were acknowledged, and that were read, of each partition. Those of a
    /// transaction are when it is committed.
    pub(super) acknowledged: Vec<AtomicU64>,
    pub(super) read: Vec<AtomicU64>,
    /// What errors said.
    pub(super) errors: Mutex<BTreeSet<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Records are sent without pause.
    Flow,
    /// One more is sent to each partition until it is acknowledged, then no more.
    Last,
    /// What there is is read to its end.
    Drain,
}

impl Shared {
    pub(super) fn new(topic: &str) -> Self {
        let counters = || (0..PARTITIONS).map(|_| AtomicU64::new(0)).collect();
        Self {
            topic: topic.to_owned(),
            recorder: Recorder::new(),
            acknowledged: counters(),
            read: counters(),
            errors: Mutex::default(),
        }
    }

    pub(super) fn note(&self, error: &Error) {
        self.errors.lock().unwrap().insert(error.to_string());
    }
}

pub(super) fn count(counters: &[AtomicU64], partition: i32, more: u64) {
    counters[usize::try_from(partition).unwrap()].fetch_add(more, Ordering::Relaxed);
}

/// Settings that make clients notice faults within seconds.
pub(crate) fn config() -> ClientConfig {
    ClientConfig {
        request_timeout: REQUEST_TIMEOUT,
        dial: DialConfig {
            setup_timeout: Duration::from_secs(2),
            setup_timeout_max: Duration::from_secs(4),
            ..DialConfig::default()
        },
        ..ClientConfig::default()
    }
}

/// The same of what is made from a client.
pub(crate) fn producer_config() -> ProducerConfig {
    ProducerConfig {
        request_timeout: REQUEST_TIMEOUT,
        delivery_timeout: DELIVERY_TIMEOUT,
        block_max: DELIVERY_TIMEOUT,
        ..ProducerConfig::default()
    }
}
