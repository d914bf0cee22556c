//! `Uuid`: sixteen bytes, written by Kafka as 22 characters of base64url.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A topic id or another id of 128 bits. Zero stands for "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// The id that means "none".
    pub const ZERO: Self = Self([0; 16]);

    /// Whether this is no id.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}

impl FromStr for Uuid {
    type Err = UuidError;

    fn from_str(text: &str) -> Result<Self, UuidError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| UuidError)?;
        bytes.try_into().map(Self).map_err(|_| UuidError)
    }
}

/// The text is not 22 characters of base64url that name 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id in Kafka's form, which is 22 characters of base64url")]
pub struct UuidError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_id_become_each_other() {
        let ids = [Uuid::ZERO, Uuid([0xff; 16]), Uuid(*b"0123456789abcdef")];
        for id in ids {
            assert_eq!(id.to_string().len(), 22);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "A", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAA=A"] {
            assert_eq!(text.parse::<Uuid>(), Err(UuidError));
        }
    }
}
