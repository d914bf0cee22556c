//! What a core is told of the world. *core*

use std::time::Instant;

/// When something happens, and a number of chance for the waits that follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    pub(crate) chance: u64,
}
