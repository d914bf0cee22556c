//! Encryption types 17 to 20: AES with HMAC-SHA-1 (RFC 3961, 3962) and with HMAC-SHA-2 (RFC 8009).
//!
//! | module | holds |
//! | --- | --- |
//! | `encryption_type` | the four types and their sizes |
//! | `stealing` | AES in CBC mode with ciphertext stealing |
//! | `fold` | n-fold, which makes a constant as long as is needed |
//! | `key` | a key: what is derived from it, checksums, encryption |

mod encryption_type;
mod fold;
mod stealing;
mod key;

pub use encryption_type::EncryptionType;
pub use key::Key;
pub(crate) use key::VersionedKey;
