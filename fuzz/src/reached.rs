//! Counts which halves of the protocol were reached.

use std::collections::BTreeSet;

use kurier_protocol::ApiKey;

use crate::half::{Direction, Half};

/// The halves that were decoded.
#[derive(Clone, Debug, Default)]
pub struct Reached(BTreeSet<(ApiKey, Direction, i16)>);

impl Reached {
    /// Notes one.
    pub fn note(&mut self, half: Half) {
        self.0.insert((half.key(), half.direction(), half.version()));
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Those that were not reached.
    pub fn missing(&self) -> impl Iterator<Item = Half> {
        let is_missing =
            |half: &Half| !self.0.contains(&(half.key(), half.direction(), half.version()));
        Half::all().filter(is_missing)
    }
}
