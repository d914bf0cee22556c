//! Chance: numbers that differ between runs, or, with a seed, do not.

use std::fmt::Debug;
use std::io;
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
    /// Ids that must not collide: members, transactions.
    Identity,
    /// Nonces and keys that nobody may guess; see [`Chance::fill_secret`].
    Secret,
    /// Faults and delays that a simulated cluster makes up.
    Fault,
}

/// A source of random numbers.
pub trait Chance: Send + Sync + Debug {
    /// The next number of the stream of this purpose.
    fn next(&self, purpose: Purpose) -> u64;

    /// Fills `bytes` with what nobody may guess: here with numbers of the stream for secrets,
    /// which are as good as their source.
    ///
    /// # Errors
    ///
    /// What the operating system says if it has no entropy.
    fn fill_secret(&self, bytes: &mut [u8]) -> io::Result<()> {
        for chunk in bytes.chunks_mut(8) {
            let number = self.next(Purpose::Secret).to_le_bytes();
            chunk.iter_mut().zip(number).for_each(|(byte, random)| *byte = random);
        }
        Ok(())
    }
}

/// Chance of the real world: streams with a seed from the operating system, and secrets that are
/// the operating system's own.
#[derive(Debug)]
pub(crate) struct FromOs(Seeded);

impl FromOs {
    pub(crate) fn new() -> Self {
        Self(Seeded::from_os())
    }
}

impl Chance for FromOs {
    fn next(&self, purpose: Purpose) -> u64 {
        self.0.next(purpose)
    }

    fn fill_secret(&self, bytes: &mut [u8]) -> io::Result<()> {
        getrandom::fill(bytes).map_err(io::Error::other)
    }
}

/// Streams of numbers from a seed (splitmix64): repeatable, and not for secrets.
#[derive(Debug)]
pub struct Seeded {
    streams: [AtomicU64; 6],
}

impl Seeded {
    /// Streams that the seed determines.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let stream = |n: u64| AtomicU64::new(mix(seed ^ mix(n.wrapping_add(1))));
        Self { streams: [stream(0), stream(1), stream(2), stream(3), stream(4), stream(5)] }
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
        let [backoff, broker, partition, identity, fault, secret] = &self.streams;
        let stream = match purpose {
            Purpose::Backoff => backoff,
            Purpose::Broker => broker,
            Purpose::Partition => partition,
            Purpose::Identity => identity,
            Purpose::Fault => fault,
            Purpose::Secret => secret,
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
