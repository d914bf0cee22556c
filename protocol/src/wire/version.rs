//! `Version`: which version of a message, and whether its lengths are compact.

/// A version of a message. In a *flexible* one (KIP-482) lengths are compact, and every struct ends
/// with tagged fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    number: i16,
    is_flexible: bool,
}

impl Version {
    /// A version of a message whose first flexible one is `flexible_since`; `i16::MAX` if there is
    /// none.
    #[must_use]
    pub const fn of(number: i16, flexible_since: i16) -> Self {
        Self { number, is_flexible: number >= flexible_since }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> i16 {
        self.number
    }

    /// Whether lengths are compact and structs end with tagged fields.
    #[must_use]
    pub const fn is_flexible(self) -> bool {
        self.is_flexible
    }
}
