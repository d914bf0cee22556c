//! `ScramHash`: which hash function, and what SCRAM makes of it.

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

/// The hash function of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScramHash {
    /// `SCRAM-SHA-256`.
    Sha256,
    /// `SCRAM-SHA-512`.
    Sha512,
}

impl ScramHash {
    /// The name of the mechanism: `SCRAM-SHA-256`.
    #[must_use]
    pub fn mechanism(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// RFC 5802's Hi: PBKDF2 with this hash.
    pub(super) fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Key {
        match self {
            Self::Sha256 => {
                let mut out = Key::new(vec![0; 32]);
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut out);
                out
            }
            Self::Sha512 => {
                let mut out = Key::new(vec![0; 64]);
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut out);
                out
            }
        }
    }

    pub(super) fn hmac(self, key: &[u8], text: &[u8]) -> Key {
        match self {
            Self::Sha256 => mac::<Hmac<Sha256>>(key, text),
            Self::Sha512 => mac::<Hmac<Sha512>>(key, text),
        }
    }

    pub(super) fn digest(self, bytes: &[u8]) -> Key {
        Key::new(match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        })
    }
}

/// Bytes that are wiped when dropped.
pub(super) type Key = Zeroizing<Vec<u8>>;

fn mac<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Key {
    // Invariant: HMAC takes keys of any length.
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    Key::new(mac.finalize().into_bytes().to_vec())
}
