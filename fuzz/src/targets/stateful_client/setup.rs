//! How the cluster of a script and its clients are set, read off its first bytes. *core*

use std::time::Duration;

use kurier_client::producer::{Acks, Idempotence, ProducerConfig};
use kurier_protocol::record::Compression;

/// A cluster, and who writes to it.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) word: Word,
    pub(super) release: &'static str,
    pub(super) brokers: i32,
    /// Partitions of each topic.
    pub(super) partitions: i32,
    /// Whether there is a producer without transactions.
    pub(super) has_plain: bool,
    pub(super) has_transactional: bool,
    /// Bytes are under way for so long, each way.
    pub(super) latency: Duration,
    pub(super) transaction_timeout: Duration,
    pub(super) producer: ProducerConfig,
    pub(super) seed: u64,
}

/// What brokers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// What is so, or nothing.
    True,
    /// What is not so, too. Then nobody can keep promises about records.
    Lies,
}

impl Setup {
    /// Of no bytes: one producer without transactions, as it is by default, on the newest brokers.
    pub(super) fn new(bytes: [u8; SETUP_BYTES]) -> Self {
        let [age, who, size, batches, times, latency, timeout, seed] = bytes;
        let has_transactional = who & 1 != 0;
        let releases = if has_transactional { &RELEASES[..] } else { &RELEASES_OF_ALL };
        let (release, linger) = (pick(releases, age & 0x7f), millis(&[5, 0, 50], batches));
        let request_timeout = millis(&[2000, 1000, 5000], times);
        let delivery_timeout = linger + request_timeout + millis(&[4000, 1000, 20_000], times >> 2);
        Self {
            word: if age & 0x80 == 0 { Word::True } else { Word::Lies },
            release,
            brokers: 3 - i32::from(size % 3),
            partitions: 1 + i32::from((size >> 2) % 3),
            has_plain: !has_transactional || who & 2 != 0,
            has_transactional,
            latency: millis(&[1, 0, 10, 100], latency),
            transaction_timeout: millis(&[30_000, 10_000, 60_000], timeout),
            producer: ProducerConfig {
                acks: if who & 4 != 0 { Acks::Leader } else { Acks::All },
                idempotence: if who & 8 != 0 { Idempotence::Off } else { Idempotence::IfPossible },
                compression: pick(&COMPRESSIONS, size >> 4),
                linger,
                batch_bytes_max: pick(&[1 << 14, 1, 200], batches >> 2),
                in_flight_max: pick(&[5, 1, 2], batches >> 4),
                buffer_bytes_max: 1 << 17,
                request_timeout,
                delivery_timeout,
                block_max: delivery_timeout,
                ..ProducerConfig::default()
            },
            seed: seed.into(),
        }
    }

    /// Whether brokers must find no record of the producer without transactions twice.
    pub(super) fn is_idempotent(&self) -> bool {
        let ProducerConfig { acks, idempotence, .. } = self.producer;
        acks == Acks::All && idempotence != Idempotence::Off && self.release != RELEASE_OLDEST
    }

    /// Whether what is confirmed is on all replicas in sync.
    pub(super) fn waits_for_all(&self) -> bool {
        self.producer.acks == Acks::All
    }

    /// Whether topics have ids.
    pub(super) fn has_topic_ids(&self) -> bool {
        matches!(self.release, "2.8" | "3.9" | "4.4")
    }

    /// Whether brokers forget a producer when its records are gone.
    pub(super) fn forgets_with_records(&self) -> bool {
        matches!(self.release, "2.3" | "1.1" | "0.11.0")
    }
}

/// One of several; a number says which.
pub(super) fn pick<T: Copy>(of: &[T], number: u8) -> T {
    // Invariant: the lists are not empty, and the remainder is below their length.
    #[expect(clippy::indexing_slicing, reason = "see the invariant")]
    of[usize::from(number) % of.len()]
}

fn millis(of: &[u64], number: u8) -> Duration {
    Duration::from_millis(pick(of, number & 3))
}

/// How many bytes say it.
pub(super) const SETUP_BYTES: usize = 8;
/// It has neither transactions nor producer ids.
const RELEASE_OLDEST: &str = "0.10.2";
/// Those with transactions.
const RELEASES: [&str; 6] = ["4.4", "3.9", "2.8", "2.3", "1.1", "0.11.0"];
const RELEASES_OF_ALL: [&str; 7] = ["4.4", "3.9", "2.8", "2.3", "1.1", "0.11.0", RELEASE_OLDEST];
const COMPRESSIONS: [Compression; 3] = [Compression::None, Compression::Snappy, Compression::Gzip];
