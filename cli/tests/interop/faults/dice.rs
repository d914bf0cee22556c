//! Chance from a seed.

use std::ops::Range;
use std::time::Duration;

use kurier_env::{Chance as _, Env, Purpose, Seeded};

use super::shared::PARTITIONS;

/// Numbers that follow from a seed.
pub(crate) struct Dice(Seeded);

/// The seed that is asked for by `KURIER_SEED`, else one that no other run has.
pub(crate) fn seed() -> u64 {
    let asked = std::env::var("KURIER_SEED").ok();
    let now = || Env::real().wall_millis().unsigned_abs() % 1_000_000;
    asked.map_or_else(now, |text| text.parse().unwrap())
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Seeded::new(seed))
    }

    pub(crate) fn below(&self, sides: u64) -> u64 {
        self.0.next(Purpose::Fault) % sides
    }

    pub(crate) fn partition(&self) -> i32 {
        i32::try_from(self.below(u64::from(PARTITIONS.unsigned_abs()))).unwrap()
    }

    pub(crate) fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.below(range.end - range.start))
    }

    pub(crate) fn of<T: Copy>(&self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}
