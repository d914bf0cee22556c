//! A small generator of numbers: the same seed gives the same ones.

use kurier_protocol::api::{self, ApiInfo};

use crate::half::{Direction, Half};

/// xorshift64*: not for secrets, and good enough to make inputs.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator; any seed will do.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // The end of splitmix64, so that seeds side by side give nothing alike. Zero would stay.
        let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(if seed == 0 { 1 } else { seed ^ (seed >> 31) })
    }

    /// A generator whose seed is made of bytes (FNV-1a).
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self::new(bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    /// Any number.
    pub const fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; zero if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let number = usize::try_from(self.number() >> 32).unwrap_or(0);
        number.checked_rem(end).unwrap_or(0)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A byte.
    pub const fn byte(&mut self) -> u8 {
        self.number().to_be_bytes()[0]
    }

    /// Fewer than `end` bytes.
    pub fn bytes(&mut self, end: usize) -> Vec<u8> {
        let len = self.below(end);
        self.some(len)
    }

    /// So many bytes.
    pub fn some(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }

    /// One of these; the default if there is none.
    pub fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        from.get(self.below(from.len())).copied().unwrap_or_default()
    }

    /// A half of an API: each API as often as any other, whatever its versions.
    pub fn half(&mut self, direction: Direction) -> Half {
        loop {
            let api = self.below(api::apis().len());
            let version = self.below(32);
            let of = |api: &ApiInfo| Half::of(api.key, direction, version.try_into().ok()?);
            if let Some(half) = api::apis().get(api).and_then(of) {
                return half;
            }
        }
    }

    /// The same bytes with a little damage: flipped, cut, repeated, or with an edge value in them.
    #[must_use]
    pub fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes.truncate(at),
                1 => bytes.extend(self.bytes(9)),
                2 => {
                    let part: Vec<u8> = bytes.iter().skip(at).take(8).copied().collect();
                    bytes.splice(at..at, part);
                }
                3 => {
                    let edge = self.pick(&[0, 1, 0x7f, 0x80, 0xff]);
                    bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte = edge);
                }
                _ => {
                    let bit = self.below(8);
                    bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit);
                }
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_gives_others() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..100).map(|_| random.number()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut random = Random::new(0);
        for _ in 0..1000 {
            assert!(random.below(3) < 3);
            assert!(random.bytes(5).len() < 5);
        }
        assert_eq!((random.below(0), random.bytes(0)), (0, vec![]));
    }
}
