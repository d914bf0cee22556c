//! What a core needs of the world for one step: the time and random bytes. *Core.*

use zeroize::Zeroizing;

/// The time, and random bytes. Each is used for one step alone.
pub struct Moment {
    seconds: i64,
    micros: u32,
    random: Zeroizing<[u8; Self::RANDOM_BYTES]>,
}

impl Moment {
    /// How many random bytes a step gets.
    pub const RANDOM_BYTES: usize = 64;

    /// A moment: microseconds since 1970, and bytes from a source that is fit for keys.
    #[must_use]
    pub fn new(micros: i64, random: [u8; Self::RANDOM_BYTES]) -> Self {
        let rest = u32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0);
        Self { seconds: micros.div_euclid(1_000_000), micros: rest, random: Zeroizing::new(random) }
    }

    /// The moment by a clock that is ahead by so many seconds.
    pub(crate) fn ahead_by(mut self, seconds: i64) -> Self {
        self.seconds = self.seconds.saturating_add(seconds);
        self
    }

    /// Seconds since 1970.
    pub(crate) fn seconds(&self) -> i64 {
        self.seconds
    }

    /// Microseconds of the second.
    pub(crate) fn micros(&self) -> u32 {
        self.micros
    }

    /// What makes equal texts encrypt to different ones.
    pub(crate) fn confounder(&self) -> [u8; 16] {
        self.part::<0, 16>()
    }

    /// Bytes for a key.
    pub(crate) fn key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.part::<16, 32>())
    }

    /// A number of 30 bits: all implementations agree on how to write it.
    pub(crate) fn number(&self) -> u32 {
        u32::from_be_bytes(self.part::<48, 4>()) & 0x3fff_ffff
    }

    /// What is not used by the others.
    #[cfg(any(test, feature = "kdc"))]
    pub(crate) fn spare(&self) -> [u8; 12] {
        self.part::<52, 12>()
    }

    fn part<const FROM: usize, const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        let bytes = self.random.iter().skip(FROM);
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        out
    }
}

impl std::fmt::Debug for Moment {
    /// Without the random bytes: keys are made of them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moment").field("seconds", &self.seconds).finish_non_exhaustive()
    }
}
