//! What there is to know of messages at run time.

use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError};
use crate::header::{request_header_version, response_header_version};
use crate::message::{Message, Outline, Request, decode_dyn, encode_dyn};
use crate::schema::Field;
use crate::wire::{Version, Wire};

/// What there is to know of a message at run time.
#[derive(Clone, Debug)]
pub struct MessageInfo {
    /// Kafka's name for it, such as `FetchRequest`.
    pub name: &'static str,
    /// The versions that exist.
    pub versions: RangeInclusive<i16>,
    /// First version with compact lengths and tagged fields; `i16::MAX` if there is none.
    pub flexible: i16,
    /// What the protocol says of each field.
    pub fields: &'static [Field],
    /// Decodes bytes as the typed message and encodes it again.
    pub reencode: fn(&Bytes, i16) -> Result<Bytes, ReencodeError>,
}

/// What there is to know of an API at run time.
#[derive(Clone, Debug)]
pub struct ApiInfo {
    /// Its number.
    pub key: ApiKey,
    /// The highest version that a client uses.
    pub version_stable_max: i16,
    /// What asks.
    pub request: MessageInfo,
    /// What answers.
    pub response: MessageInfo,
}

/// Why a message did not survive being decoded and encoded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReencodeError {
    /// The bytes are not such a message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The message cannot be written in the version it was read in.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl MessageInfo {
    pub(crate) const fn of<M: Message>() -> Self {
        Self {
            name: M::NAME,
            versions: M::VERSIONS,
            flexible: M::FLEXIBLE,
            fields: M::FIELDS,
            reencode: reencode::<M>,
        }
    }

    /// The version of this number, which knows whether it is flexible.
    #[must_use]
    pub const fn version(&self, number: i16) -> Version {
        Version::of(number, self.flexible)
    }
}

impl ApiInfo {
    pub(crate) const fn of<R: Request>() -> Self {
        Self {
            key: R::KEY,
            version_stable_max: R::VERSION_STABLE_MAX,
            request: MessageInfo::of::<R>(),
            response: MessageInfo::of::<R::Response>(),
        }
    }

    /// The version of the header that stands before a request of this version.
    #[must_use]
    pub fn request_header_version(&self, version: i16) -> i16 {
        request_header_version(self.key, self.request.version(version))
    }

    /// The version of the header that stands before the response.
    #[must_use]
    pub fn response_header_version(&self, version: i16) -> i16 {
        response_header_version(self.key, self.response.version(version))
    }
}

fn reencode<M: Message>(bytes: &Bytes, version: i16) -> Result<Bytes, ReencodeError> {
    reencode_dyn(Box::new(M::default()), const { &Outline::of::<M>() }, bytes, version)
}

// In a box, since the message is then dropped here, and not in a function of its own for each type.
fn reencode_dyn(
    mut message: Box<dyn Wire>,
    outline: &Outline,
    bytes: &Bytes,
    version: i16,
) -> Result<Bytes, ReencodeError> {
    decode_dyn(&mut *message, outline, bytes, version)?;
    Ok(encode_dyn(&*message, outline, version)?)
}
