//! What messages are made of: encrypted data, names, keys, preauthentication data. *Core.*

use zeroize::Zeroizing;

use crate::kerberos::crypto::{EncryptionType, Key};
use crate::kerberos::der::{self, Reader};
use crate::kerberos::error::Error;
use crate::kerberos::principal::Principal;

/// `EncryptedData`: what only the holder of a key can read.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    /// The number of the encryption type.
    pub(crate) kind: i32,
    /// The version of the key, if it is a long-term one.
    pub(crate) version: Option<u32>,
    bytes: Vec<u8>,
}

impl Sealed {
    /// Encrypts.
    pub(crate) fn seal(key: &Key, usage: u32, confounder: &[u8; 16], plain: &[u8]) -> Self {
        let bytes = key.encrypt(usage, confounder, plain);
        Self { kind: key.kind().number(), version: None, bytes }
    }

    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, Error> {
        let mut sealed = reader.sequence()?;
        let kind = sealed.context(0)?.number()?;
        let version = sealed.optional(1)?.map(|mut version| version.unsigned()).transpose()?;
        Ok(Self { kind, version, bytes: sealed.context(2)?.octets()?.to_vec() })
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let version = self.version.map(|version| der::context(1, &der::integer(version)));
        der::sequence(&[
            der::context(0, &der::integer(self.kind)),
            version.unwrap_or_default(),
            der::context(2, &der::octets(&self.bytes)),
        ])
    }

    /// Decrypts; `what` names it in errors.
    pub(crate) fn open(
        &self,
        key: &Key,
        usage: u32,
        what: &'static str,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        if self.kind != key.kind().number() {
            return Err(Error::Mismatch {
                what: "the encryption type",
                wanted: key.kind().name().into(),
                found: self.kind.to_string().into(),
            });
        }
        key.decrypt(usage, &self.bytes).ok_or(Error::Integrity { what })
    }
}

/// One piece of preauthentication data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaData {
    pub(crate) kind: PaKind,
    pub(crate) value: Vec<u8>,
}

/// The number of a kind of preauthentication data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PaKind(pub(crate) i32);

impl PaKind {
    /// A ticket granting ticket, in a TGS-REQ.
    pub(crate) const TGS_REQUEST: Self = Self(1);
    /// The time, encrypted with the client's key.
    pub(crate) const ENCRYPTED_TIMESTAMP: Self = Self(2);
    /// For which encryption types the KDC has keys of the client.
    pub(crate) const ENCRYPTION_TYPES: Self = Self(19);
    /// What the KDC wants to have back as it is.
    pub(crate) const COOKIE: Self = Self(133);
}

/// Reads a list of preauthentication data.
pub(crate) fn pa_data_of(mut reader: Reader<'_>) -> Result<Vec<PaData>, Error> {
    let mut list = reader.sequence()?;
    let mut found = Vec::new();
    while !list.is_empty() {
        let mut item = list.sequence()?;
        let kind = PaKind(item.context(1)?.number()?);
        found.push(PaData { kind, value: item.context(2)?.octets()?.to_vec() });
    }
    Ok(found)
}

pub(crate) fn pa_data_der(list: &[PaData]) -> Vec<u8> {
    let item = |data: &PaData| {
        let kind = der::context(1, &der::integer(data.kind.0));
        der::sequence(&[kind, der::context(2, &der::octets(&data.value))])
    };
    der::sequence(&list.iter().map(item).collect::<Vec<_>>())
}

/// The encryption types that an `ETYPE-INFO2` names, in the KDC's order.
pub(crate) fn encryption_types_of(value: &[u8]) -> Result<Vec<i32>, Error> {
    let mut list = Reader::new(value).sequence()?;
    let mut found = Vec::new();
    while !list.is_empty() {
        found.push(list.sequence()?.context(0)?.number()?);
    }
    Ok(found)
}

/// A name without its realm.
pub(crate) fn name_der(principal: &Principal) -> Vec<u8> {
    let parts: Vec<_> = principal.parts.iter().map(|part| der::string(part)).collect();
    der::sequence(&[
        der::context(0, &der::integer(principal.name_type)),
        der::context(1, &der::sequence(&parts)),
    ])
}

pub(crate) fn read_name(realm: Vec<u8>, mut reader: Reader<'_>) -> Result<Principal, Error> {
    let mut name = reader.sequence()?;
    let name_type = name.context(0)?.number()?;
    let mut list = name.context(1)?.sequence()?;
    let mut parts = Vec::new();
    while !list.is_empty() {
        parts.push(list.string()?);
    }
    Ok(Principal { realm, name_type, parts })
}

pub(crate) fn key_der(key: &Key) -> Vec<u8> {
    let kind = der::context(0, &der::integer(key.kind().number()));
    der::sequence(&[kind, der::context(1, &der::octets(key.reveal()))])
}

pub(crate) fn read_key(mut reader: Reader<'_>) -> Result<Key, Error> {
    let mut key = reader.sequence()?;
    let number = key.context(0)?.number()?;
    let bytes = key.context(1)?.octets()?;
    match EncryptionType::of_number(number) {
        Some(kind) => Key::new(kind, bytes),
        None => Err(Error::Unsupported {
            what: format!("a key of encryption type {number}").into(),
            instead: "let the KDC give out AES keys (17 to 20) for this service",
        }),
    }
}

/// The application tags of the messages, which also are their types.
pub(crate) mod tag {
    pub(crate) const TICKET: u8 = 1;
    pub(crate) const AUTHENTICATOR: u8 = 2;
    pub(crate) const TICKET_PART: u8 = 3;
    pub(crate) const AS_REQUEST: u8 = 10;
    pub(crate) const AS_REPLY: u8 = 11;
    pub(crate) const TGS_REQUEST: u8 = 12;
    pub(crate) const TGS_REPLY: u8 = 13;
    pub(crate) const AP_REQUEST: u8 = 14;
    pub(crate) const AP_REPLY: u8 = 15;
    pub(crate) const AS_REPLY_PART: u8 = 25;
    pub(crate) const TGS_REPLY_PART: u8 = 26;
    pub(crate) const AP_REPLY_PART: u8 = 27;
    pub(crate) const REFUSAL: u8 = 30;
}

/// The version of Kerberos.
pub(crate) const VERSION: i32 = 5;
