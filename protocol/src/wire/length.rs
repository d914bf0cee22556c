//! What stands behind a length, and how long it can be.

use crate::limits::{LENGTH_MAX, STRING_BYTES_MAX};

/// What stands behind a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lengthy {
    String,
    Bytes,
    Records,
    Array,
}

impl Lengthy {
    /// Whether the length has two bytes where it is not compact, and not four.
    pub(super) const fn is_short(self) -> bool {
        matches!(self, Self::String)
    }

    /// The longest that there is. A string is no longer where its length is compact.
    pub(super) const fn max(self) -> usize {
        if self.is_short() { STRING_BYTES_MAX } else { LENGTH_MAX }
    }

    /// What it is called in an error.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Bytes => "byte array",
            Self::Records => "record batch",
            Self::Array => "array",
        }
    }
}
