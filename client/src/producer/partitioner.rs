//! Core: which partition a record goes to that names none.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::record::Header;

use super::hash::{crc32, fnv1a_absolute, fnv1a_positive, murmur2_positive};
use crate::error::Error;

/// Which partition a record goes to that names none. Default: as Java's producer does it.
///
/// Programs that share a topic should place keys alike, so choose what the others use: each
/// variant names the clients that do the same. The names are librdkafka's, where it has one.
///
/// A key is hashed over all partitions of its topic, whether they have a leader or not: so it
/// stays where it is, until partitions are added. Records that are *spread* share a partition
/// until it got a batch of bytes, and then another one, which [`Sticky`] is about. (librdkafka
/// changes it every 10 ms instead, and Sarama with each record.)
///
/// ```
/// use kurier_client::producer::{Partitioner, Sticky};
///
/// let as_librdkafka = Partitioner::ConsistentRandom(Sticky::default());
/// assert_eq!("consistent_random".parse::<Partitioner>()?, as_librdkafka);
///
/// // A partition for the largest customer alone; no key, no matter.
/// let own = Partitioner::custom(|record| match (record.key?, record.partition_count) {
///     (b"the largest", _) | (_, ..2) => Some(0),
///     (key, count) => Some(1 + key.len() as i32 % (count - 1)),
/// });
/// # let _ = own;
/// # Ok::<(), kurier_client::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Partitioner {
    /// By murmur2 of the key; records without one are spread. An empty key is a key.
    ///
    /// So do Java (its default), franz-go (its default), KafkaJS since 2.0, kafka-python,
    /// librdkafka's `murmur2_random` and kafka-go's `Murmur2Balancer`.
    Murmur2Random(Sticky),
    /// By murmur2 of the key; all records without one go where an empty key goes. So does
    /// librdkafka's `murmur2`.
    Murmur2,
    /// By CRC-32 of the key; records without one or with an empty one are spread.
    ///
    /// So do librdkafka (its default) and what stands on it: Confluent's clients for Python, Go
    /// and .NET, rust-rdkafka, kcat; and kafka-go's `CRC32Balancer`.
    ConsistentRandom(Sticky),
    /// By CRC-32 of the key; all records without one or with an empty one go to partition 0. So
    /// does librdkafka's `consistent`.
    Consistent,
    /// By FNV-1a of the key, as a signed number made positive; records without a key are spread.
    /// An empty key is a key.
    ///
    /// So do Sarama (its default, `NewHashPartitioner`), librdkafka's `fnv1a_random` and
    /// kafka-go's `Hash`.
    Fnv1aRandom(Sticky),
    /// By FNV-1a of the key, as a signed number made positive; all records without one go where an
    /// empty key goes. So does librdkafka's `fnv1a`.
    Fnv1a,
    /// By FNV-1a of the key, its sign bit cleared; records without one are spread. An empty key is
    /// a key. So do Sarama's `NewReferenceHashPartitioner` and kafka-go's `ReferenceHash`.
    Fnv1aReference(Sticky),
    /// As if no record had a key. So do Java with `partitioner.ignore.keys` and its
    /// `UniformStickyPartitioner`.
    Sticky(Sticky),
    /// By chance for each record, whatever its key: batches are small. So do librdkafka's `random`
    /// and Sarama's `NewRandomPartitioner`.
    Random,
    /// To each partition in turn, whatever the key, passing over those without a leader: batches
    /// are small. Callers that race may give a partition two records in a turn. So do Java's
    /// `RoundRobinPartitioner` and Sarama's `NewRoundRobinPartitioner`.
    RoundRobin,
    /// To this partition of each topic. [`Error::UnknownTopic`] says that a topic lacks it.
    Fixed(i32),
    /// By a function of the user's: see [`custom`](Self::custom).
    Custom(CustomPartitioner),
}

/// How records are spread that no key places. Kafka: KIP-480, KIP-794.
///
/// They go to one partition until it got `batch_bytes_max` and has no batch with room left, at
/// most twice as much; then to another one that has a leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// Whether partitions whose batches wait get fewer records, so that a slow broker does not
    /// hold back the others. Kafka: partitioner.adaptive.partitioning.enable. Default: true.
    pub adaptive: bool,
    /// How long batches may wait for a broker before its partitions are passed over, linger not
    /// counted, at most a year; zero for any time. Only if `adaptive`. Kafka:
    /// partitioner.availability.timeout.ms. Default: zero.
    pub availability_timeout: Duration,
    /// The rack of this client: partitions whose leaders are in it come before others, while there
    /// is one that can be chosen. Kafka: client.rack with partitioner.rack.aware (KIP-1123).
    /// Default: none, so that all racks are equal.
    pub rack: Option<Box<str>>,
}

impl Default for Sticky {
    fn default() -> Self {
        SPREAD
    }
}

impl Default for Partitioner {
    fn default() -> Self {
        Self::Murmur2Random(Sticky::default())
    }
}

impl Partitioner {
    /// A partitioner of the user's own. The function gives a partition, or none for a record that
    /// shall be spread; a partition that the topic does not have is [`Error::UnknownTopic`] at the
    /// call.
    ///
    /// It is called where records are enqueued, on any thread, once for each record that gets so
    /// far; for one that `try_enqueue` gives back, whenever it is tried. It must not block.
    #[must_use]
    pub fn custom(place: impl Fn(&Unplaced<'_>) -> Option<i32> + Send + Sync + 'static) -> Self {
        Self::Custom(CustomPartitioner(Arc::new(place)))
    }

    /// How it spreads records; none if it spreads none, or its own way.
    pub(crate) fn sticky_mut(&mut self) -> Option<&mut Sticky> {
        match self {
            Self::Murmur2Random(sticky)
            | Self::ConsistentRandom(sticky)
            | Self::Fnv1aRandom(sticky)
            | Self::Fnv1aReference(sticky)
            | Self::Sticky(sticky) => Some(sticky),
            _ => None,
        }
    }

    /// How records are spread.
    pub(crate) fn sticky(&self) -> &Sticky {
        match self {
            Self::Murmur2Random(sticky)
            | Self::ConsistentRandom(sticky)
            | Self::Fnv1aRandom(sticky)
            | Self::Fnv1aReference(sticky)
            | Self::Sticky(sticky) => sticky,
            _ => &SPREAD,
        }
    }

    /// Places a record among all partitions of its topic.
    #[inline]
    pub(crate) fn place(&self, record: &Unplaced<'_>) -> Place {
        let by = |hash: fn(&[u8]) -> u32, key: Option<&[u8]>| {
            let count = record.partition_count.unsigned_abs().max(1);
            Place::At((hash(key.unwrap_or_default()) % count).cast_signed())
        };
        match (self, record.key) {
            (Self::Murmur2Random(_), key @ Some(_)) | (Self::Murmur2, key) => {
                by(murmur2_positive, key)
            }
            (Self::ConsistentRandom(_), Some([])) => Place::Sticky,
            (Self::ConsistentRandom(_), key @ Some(_)) | (Self::Consistent, key) => by(crc32, key),
            (Self::Fnv1aRandom(_), key @ Some(_)) | (Self::Fnv1a, key) => by(fnv1a_absolute, key),
            (Self::Fnv1aReference(_), key @ Some(_)) => by(fnv1a_positive, key),
            (Self::Random, _) => Place::Random,
            (Self::RoundRobin, _) => Place::Next,
            (Self::Fixed(partition), _) => Place::At(*partition),
            (Self::Custom(custom), _) => (custom.0)(record).map_or(Place::Sticky, Place::At),
            _ => Place::Sticky,
        }
    }
}

/// A record that names no partition, as a partitioner of the user's sees it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Unplaced<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The key; none if it is null.
    pub key: Option<&'a [u8]>,
    /// The value; none if it is null.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a [Header<'a>],
    /// How many partitions the topic has now.
    pub partition_count: i32,
}

/// Where a partitioner sends a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To this partition.
    At(i32),
    /// Where others are sent, too.
    Sticky,
    /// To any one.
    Random,
    /// To the next one.
    Next,
}

/// A function of the user's, made by [`Partitioner::custom`]. Equal to its clones alone.
#[derive(Clone)]
pub struct CustomPartitioner(Arc<PlaceFn>);

type PlaceFn = dyn Fn(&Unplaced<'_>) -> Option<i32> + Send + Sync;

impl fmt::Debug for CustomPartitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomPartitioner").finish_non_exhaustive()
    }
}

impl PartialEq for CustomPartitioner {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for CustomPartitioner {}

/// Shows librdkafka's name where it has one.
impl fmt::Display for Partitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sticky = self.sticky();
        let is_same = |(_, of): &&(&str, Named)| of(sticky.clone()) == *self;
        match (self, NAMES.iter().find(is_same)) {
            (_, Some((name, _))) => f.write_str(name),
            (Self::Fixed(partition), _) => write!(f, "fixed to {partition}"),
            _ => f.write_str("custom"),
        }
    }
}

/// Reads librdkafka's names, and `fnv1a_reference`, `sticky` and `round_robin`.
impl FromStr for Partitioner {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, of)| of(Sticky::default())).ok_or_else(|| {
            let known: Vec<_> = NAMES.iter().map(|(known, _)| *known).collect();
            Error::invalid("partitioner", format!("{name:?} is none of {}", known.join(", ")))
        })
    }
}

type Named = fn(Sticky) -> Partitioner;

/// Partitioners by their names, librdkafka's first.
pub(crate) const NAMES: &[(&str, Named)] = &[
    ("murmur2_random", Partitioner::Murmur2Random),
    ("murmur2", |_| Partitioner::Murmur2),
    ("consistent_random", Partitioner::ConsistentRandom),
    ("consistent", |_| Partitioner::Consistent),
    ("fnv1a_random", Partitioner::Fnv1aRandom),
    ("fnv1a", |_| Partitioner::Fnv1a),
    ("random", |_| Partitioner::Random),
    ("fnv1a_reference", Partitioner::Fnv1aReference),
    ("sticky", Partitioner::Sticky),
    ("round_robin", |_| Partitioner::RoundRobin),
];

/// How those spread that have nothing of their own to say about it.
const SPREAD: Sticky = Sticky { adaptive: true, availability_timeout: Duration::ZERO, rack: None };

#[cfg(test)]
mod tests;
