//! A key: what is derived from it, checksums, encryption. *Core.*

use std::fmt;

use hmac::digest::KeyInit;
use hmac::digest::block_api::EagerHash;
use hmac::{Hmac, Mac};
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha384};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::encryption_type::EncryptionType;
use super::fold::fold;
use super::stealing::{BLOCK_BYTES, Cipher};
use crate::kerberos::error::Error;

/// A key of one encryption type. It is wiped when dropped, and no `Debug` shows it.
#[derive(Clone)]
pub struct Key {
    kind: EncryptionType,
    /// As many as the type demands.
    bytes: Zeroizing<Vec<u8>>,
}

impl Key {
    /// A key of these bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if there are more or fewer than the type demands.
    pub fn new(kind: EncryptionType, bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() != kind.key_bytes() {
            return Err(Error::malformed("key", "its length is not that of its type"));
        }
        Ok(Self { kind, bytes: Zeroizing::new(bytes.to_vec()) })
    }

    /// A key from as many of these random bytes as the type demands.
    pub(crate) fn from_random(kind: EncryptionType, random: &[u8; 32]) -> Self {
        let bytes = random.iter().take(kind.key_bytes()).copied().collect();
        Self { kind, bytes: Zeroizing::new(bytes) }
    }

    /// The key that a password stands for. The salt is by default the realm and the parts of the
    /// name, all run together.
    #[must_use]
    pub fn from_password(kind: EncryptionType, password: &[u8], salt: &[u8]) -> Self {
        Self::from_password_hashed(kind, password, salt, kind.iterations())
    }

    fn from_password_hashed(
        kind: EncryptionType,
        password: &[u8],
        salt: &[u8],
        iterations: u32,
    ) -> Self {
        let mut bytes = Zeroizing::new(vec![0; kind.key_bytes()]);
        let named = [kind.name().as_bytes(), &[0], salt].concat();
        match kind {
            EncryptionType::Aes128Sha1 | EncryptionType::Aes256Sha1 => {
                pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut bytes);
            }
            EncryptionType::Aes128Sha256 => {
                pbkdf2_hmac::<Sha256>(password, &named, iterations, &mut bytes);
            }
            EncryptionType::Aes256Sha384 => {
                pbkdf2_hmac::<Sha384>(password, &named, iterations, &mut bytes);
            }
        }
        let first = Self { kind, bytes };
        Self { kind, bytes: first.derive(b"kerberos", kind.key_bytes()) }
    }

    /// Its encryption type.
    #[must_use]
    pub fn kind(&self) -> EncryptionType {
        self.kind
    }

    /// Its bytes: for the wire and for keytabs, never for a log.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.bytes
    }

    /// The checksum of `data` for one usage.
    pub(crate) fn checksum(&self, usage: u32, data: &[u8]) -> Vec<u8> {
        self.authenticate(usage, Purpose::Checksum, &[data])
    }

    /// Compares a checksum, in constant time.
    pub(crate) fn verify(&self, usage: u32, data: &[u8], sum: &[u8]) -> bool {
        self.checksum(usage, data).ct_eq(sum).into()
    }

    /// Encrypts for one usage. The confounder must be random.
    pub(crate) fn encrypt(&self, usage: u32, confounder: &[u8; 16], plain: &[u8]) -> Vec<u8> {
        let mut inner = Zeroizing::new(Vec::with_capacity(confounder.len() + plain.len()));
        inner.extend_from_slice(confounder);
        inner.extend_from_slice(plain);
        let mut out = self.cipher(usage).encrypt(&inner);
        let sum = if self.kind.is_sha2() {
            self.authenticate(usage, Purpose::Integrity, &[&ZERO_VECTOR, &out])
        } else {
            self.authenticate(usage, Purpose::Integrity, &[&inner])
        };
        out.extend_from_slice(&sum);
        out
    }

    /// Decrypts what was encrypted for one usage; `None` if the checksum does not match.
    pub(crate) fn decrypt(&self, usage: u32, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let split = sealed.len().checked_sub(self.kind.checksum_bytes())?;
        let (body, sum) = sealed.split_at_checked(split)?;
        if self.kind.is_sha2() {
            let wanted = self.authenticate(usage, Purpose::Integrity, &[&ZERO_VECTOR, body]);
            if !bool::from(wanted.ct_eq(sum)) {
                return None;
            }
        }
        let mut plain = self.cipher(usage).decrypt(body)?;
        if !self.kind.is_sha2() {
            let wanted = self.authenticate(usage, Purpose::Integrity, &[&plain]);
            if !bool::from(wanted.ct_eq(sum)) {
                return None;
            }
        }
        plain.drain(..BLOCK_BYTES);
        Some(plain)
    }

    fn cipher(&self, usage: u32) -> Cipher {
        let key = self.derive_for(usage, Purpose::Encryption);
        // Invariant: a derived key for encryption is as long as the type's keys.
        Cipher::new(&key).expect("the length is right")
    }

    /// A checksum by a derived key, over parts that follow each other.
    fn authenticate(&self, usage: u32, purpose: Purpose, parts: &[&[u8]]) -> Vec<u8> {
        let key = self.derive_for(usage, purpose);
        let mut sum = match self.kind {
            EncryptionType::Aes128Sha1 | EncryptionType::Aes256Sha1 => hmac::<Sha1>(&key, parts),
            EncryptionType::Aes128Sha256 => hmac::<Sha256>(&key, parts),
            EncryptionType::Aes256Sha384 => hmac::<Sha384>(&key, parts),
        };
        sum.truncate(self.kind.checksum_bytes());
        sum.to_vec()
    }

    fn derive_for(&self, usage: u32, purpose: Purpose) -> Zeroizing<Vec<u8>> {
        let [a, b, c, d] = usage.to_be_bytes();
        let (last, length) = match purpose {
            Purpose::Encryption => (0xaa, self.kind.key_bytes()),
            Purpose::Integrity => (0x55, self.derived_bytes()),
            Purpose::Checksum => (0x99, self.derived_bytes()),
        };
        self.derive(&[a, b, c, d, last], length)
    }

    /// The length of derived keys that authenticate.
    fn derived_bytes(&self) -> usize {
        if self.kind.is_sha2() { self.kind.checksum_bytes() } else { self.kind.key_bytes() }
    }

    /// DK of RFC 3961, and KDF-HMAC-SHA2 of RFC 8009.
    fn derive(&self, constant: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
        let bits = u32::try_from(8 * length).unwrap_or(0).to_be_bytes();
        let parts: [&[u8]; 4] = [&[0, 0, 0, 1], constant, &[0], &bits];
        let mut out = match self.kind {
            EncryptionType::Aes128Sha256 => hmac::<Sha256>(&self.bytes, &parts),
            EncryptionType::Aes256Sha384 => hmac::<Sha384>(&self.bytes, &parts),
            EncryptionType::Aes128Sha1 | EncryptionType::Aes256Sha1 => {
                self.stream(constant, length)
            }
        };
        out.truncate(length);
        out
    }

    /// Blocks of AES, each the encryption of the one before, the first that of the constant.
    fn stream(&self, constant: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
        // Invariant: the constructors let in no other lengths than the type's.
        let cipher = Cipher::new(&self.bytes).expect("the length is right");
        let mut block = [0; BLOCK_BYTES];
        block.iter_mut().zip(fold(constant, BLOCK_BYTES)).for_each(|(to, from)| *to = from);
        let mut out = Zeroizing::new(Vec::with_capacity(length + BLOCK_BYTES));
        while out.len() < length {
            cipher.encrypt_block(&mut block);
            out.extend_from_slice(&block);
        }
        out
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.kind)
    }
}

/// A key with its version number.
pub(crate) type VersionedKey = (u32, Key);

#[derive(Clone, Copy)]
enum Purpose {
    Encryption,
    Integrity,
    Checksum,
}

fn hmac<D: EagerHash>(key: &[u8], parts: &[&[u8]]) -> Zeroizing<Vec<u8>>
where
    Hmac<D>: Mac + KeyInit,
{
    // Invariant: HMAC takes keys of any length.
    let mut mac = <Hmac<D> as KeyInit>::new_from_slice(key).expect("any length will do");
    parts.iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().to_vec())
}

const ZERO_VECTOR: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];

#[cfg(test)]
mod tests;
