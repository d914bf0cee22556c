//! The four encryption types and their sizes. *Core.*

use std::fmt;

/// An encryption type that Kurier can use. Older ones (RC4, DES) are broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncryptionType {
    /// 17: aes128-cts-hmac-sha1-96.
    Aes128Sha1,
    /// 18: aes256-cts-hmac-sha1-96.
    Aes256Sha1,
    /// 19: aes128-cts-hmac-sha256-128.
    Aes128Sha256,
    /// 20: aes256-cts-hmac-sha384-192.
    Aes256Sha384,
}

impl EncryptionType {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 4] =
        [Self::Aes256Sha1, Self::Aes128Sha1, Self::Aes256Sha384, Self::Aes128Sha256];

    /// The type of a number, unless Kurier cannot use it.
    #[must_use]
    pub fn of_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The type of a name as `krb5.conf` has it, such as `aes256-cts`.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "aes128-cts-hmac-sha1-96" | "aes128-cts" | "aes128-sha1" => Self::Aes128Sha1,
            "aes256-cts-hmac-sha1-96" | "aes256-cts" | "aes256-sha1" => Self::Aes256Sha1,
            "aes128-cts-hmac-sha256-128" | "aes128-sha2" => Self::Aes128Sha256,
            "aes256-cts-hmac-sha384-192" | "aes256-sha2" => Self::Aes256Sha384,
            _ => return None,
        })
    }

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::Aes128Sha1 => 17,
            Self::Aes256Sha1 => 18,
            Self::Aes128Sha256 => 19,
            Self::Aes256Sha384 => 20,
        }
    }

    /// The name in full.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes128Sha1 => "aes128-cts-hmac-sha1-96",
            Self::Aes256Sha1 => "aes256-cts-hmac-sha1-96",
            Self::Aes128Sha256 => "aes128-cts-hmac-sha256-128",
            Self::Aes256Sha384 => "aes256-cts-hmac-sha384-192",
        }
    }

    /// How long a key is, in bytes.
    #[must_use]
    pub fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Sha1 | Self::Aes128Sha256 => 16,
            Self::Aes256Sha1 | Self::Aes256Sha384 => 32,
        }
    }

    /// How long a checksum is, in bytes.
    #[must_use]
    pub fn checksum_bytes(self) -> usize {
        match self {
            Self::Aes128Sha1 | Self::Aes256Sha1 => 12,
            Self::Aes128Sha256 => 16,
            Self::Aes256Sha384 => 24,
        }
    }

    /// The number of the checksum type that belongs to it.
    #[must_use]
    pub fn checksum_type(self) -> i32 {
        match self {
            Self::Aes128Sha1 => 15,
            Self::Aes256Sha1 => 16,
            Self::Aes128Sha256 => 19,
            Self::Aes256Sha384 => 20,
        }
    }

    /// Whether RFC 8009 defines it, whose checksum is of the ciphertext.
    pub(super) fn is_sha2(self) -> bool {
        matches!(self, Self::Aes128Sha256 | Self::Aes256Sha384)
    }

    /// How often a password is hashed unless the KDC says otherwise.
    pub(super) fn iterations(self) -> u32 {
        if self.is_sha2() { 32_768 } else { 4096 }
    }
}

impl fmt::Display for EncryptionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
