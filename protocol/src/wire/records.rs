//! `Records`: the value of a field that holds record batches.

use std::fmt;

use bytes::Bytes;

/// The value of a `records` field: record batches, not yet looked at.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Records(pub Bytes);

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({} bytes)", self.0.len())
    }
}
