//! Core: which of the requests or connections that are meant a fault hits, by their order.

/// Which of the requests that are meant: so many from a certain one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turns {
    pub(super) skip: u64,
    pub(super) times: u64,
}

impl Turns {
    /// The first one.
    pub(crate) const FIRST: Self = Self { skip: 0, times: 1 };

    /// Which turn it is for the request before which so many were seen, counted from 0.
    pub(crate) fn turn(self, seen: u64) -> Option<u64> {
        seen.checked_sub(self.skip).filter(|turn| *turn < self.times)
    }

    /// Whether no turn comes any more after so many requests.
    pub(crate) fn are_over(self, seen: u64) -> bool {
        seen >= self.skip.saturating_add(self.times)
    }
}

/// Gives what has a field `turns` the methods that say which turns they are.
macro_rules! takes_turns {
    ($of:ty) => {
        impl $of {
            /// Not the first `count` ones. Default: 0.
            #[must_use]
            pub fn skip(mut self, count: u64) -> Self {
                self.turns.skip = count;
                self
            }

            /// This many of them. Default: 1.
            #[must_use]
            pub fn times(mut self, count: u64) -> Self {
                self.turns.times = count;
                self
            }

            /// All of them, until the fault is removed.
            #[must_use]
            pub fn always(self) -> Self {
                self.times(u64::MAX)
            }
        }
    };
}
pub(super) use takes_turns;
