//! Choices that a seed determines.

use std::ops::RangeInclusive;
use std::time::Duration;

use kurier_env::{Chance, Purpose, Seeded};

/// A die with any number of sides.
#[derive(Debug)]
pub(crate) struct Dice(Seeded);

impl Dice {
    /// Dice of a run; those of different uses know nothing of each other.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let mixed = name.bytes().fold(seed, |mixed, byte| {
            (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(Seeded::new(mixed))
    }

    /// A number of the range.
    pub(crate) fn number(&self, range: RangeInclusive<u64>) -> u64 {
        let sizes = range.end() - range.start() + 1;
        range.start() + self.0.next(Purpose::Fault) % sizes
    }

    /// So many milliseconds of the range.
    pub(crate) fn millis(&self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }

    /// One of several.
    pub(crate) fn pick<T: Copy>(&self, of: &[T]) -> T {
        let last = u64::try_from(of.len()).unwrap() - 1;
        *of.get(usize::try_from(self.number(0..=last)).unwrap()).unwrap()
    }

    /// True once in so many times.
    pub(crate) fn one_in(&self, times: u64) -> bool {
        self.number(1..=times) == 1
    }
}
