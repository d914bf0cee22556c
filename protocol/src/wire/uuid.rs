//! `Uuid`: sixteen bytes, written by Kafka as 22 characters of base64url.

use std::fmt;
use std::str::FromStr;

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
        for group in self.0.chunks(3) {
            let mut bits = 0u32;
            for &byte in group {
                bits = bits << 8 | u32::from(byte);
            }
            bits <<= 8 * (3 - group.len());
            for digit in 0..=group.len() {
                let index = (bits >> (18 - 6 * digit)) & 63;
                let letter = ALPHABET.get(index as usize).copied().unwrap_or_default();
                write!(f, "{}", char::from(letter))?;
            }
        }
        Ok(())
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
        if text.len() != TEXT_LENGTH {
            return Err(UuidError);
        }
        let mut bits = 0u128;
        // The last character holds four bits that are not part of the id and must be zero.
        for (index, byte) in text.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|&letter| letter == byte).ok_or(UuidError)?;
            let digit = digit as u128;
            if index + 1 < TEXT_LENGTH {
                bits = bits << 6 | digit;
            } else if digit & 15 == 0 {
                bits = bits << 2 | digit >> 4;
            } else {
                return Err(UuidError);
            }
        }
        Ok(Self(bits.to_be_bytes()))
    }
}

/// The text is not 22 characters of base64url that name 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id in Kafka's form, which is 22 characters of base64url")]
pub struct UuidError;

const TEXT_LENGTH: usize = 22;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

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
