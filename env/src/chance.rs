//! Chance: numbers that differ between runs, or, with a seed, do not.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a random number is for. Each purpose has its own stream, so that one more draw for one
/// purpose does not change what another one sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Jitter of waits between tries.
    Backoff,
    /// Which of several equal brokers is asked.
    Broker,
    /// Which partition a record without a key goes to.
    Partition,
    /// Ids that must not collide: members, nonces, transactions.
    Identity,
    /// Faults and delays that a simulated cluster makes up.
    Fault,
}

/// A source of random numbers.
pub trait Chance: Send + Sync + Debug {
    /// The next number of the stream of this purpose.
    fn next(&self, purpose: Purpose) -> u64;
}

/// Streams of numbers from a seed (splitmix64): repeatable, and not for secrets.
#[derive(Debug)]
pub struct Seeded {
    streams: [AtomicU64; 5],
}

impl Seeded {
    /// Streams that the seed determines.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let stream = |n: u64| AtomicU64::new(mix(seed ^ mix(n.wrapping_add(1))));
        Self { streams: [stream(0), stream(1), stream(2), stream(3), stream(4)] }
    }

    /// Streams with a seed from the operating system.
    #[must_use]
    pub fn from_os() -> Self {
        let mut seed = [0; 8];
        // Without entropy every start has the same jitter, which is worse but not wrong.
        let _ = getrandom::fill(&mut seed);
        Self::new(u64::from_le_bytes(seed))
    }
}

impl Chance for Seeded {
    fn next(&self, purpose: Purpose) -> u64 {
        let [backoff, broker, partition, identity, fault] = &self.streams;
        let stream = match purpose {
            Purpose::Backoff => backoff,
            Purpose::Broker => broker,
            Purpose::Partition => partition,
            Purpose::Identity => identity,
            Purpose::Fault => fault,
        };
        mix(stream.fetch_add(GOLDEN, Ordering::Relaxed))
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of splitmix64.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
