//! Messages: what has a name, versions and fields, and can be written and read as a whole.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::error::{DecodeCause, DecodeError, EncodeError};
use crate::schema::Field;
use crate::wire::{Reader, Segments, Version, Wire, Writer};

/// A struct with versions of its own: a request, a response, a header, or data in records.
pub trait Message: Wire + Default + Clone + PartialEq + Debug + Send + Sync + 'static {
    /// Kafka's name for it, such as `FetchRequest`.
    const NAME: &'static str;
    /// The versions that exist.
    const VERSIONS: RangeInclusive<i16>;
    /// First version with compact lengths and tagged fields (KIP-482); `i16::MAX` if there is none.
    const FLEXIBLE: i16;
    /// What the protocol says of each field.
    const FIELDS: &'static [Field];
}

/// A request, and the response that answers it.
pub trait Request: Message {
    /// What answers it.
    type Response: Message;
    /// The number of its API.
    const KEY: ApiKey;
    /// The highest version that a client uses; those above are unstable.
    const VERSION_STABLE_MAX: i16;
}

/// Encodes a message in a version.
///
/// # Errors
///
/// [`EncodeError`] if the version does not exist, lacks a field that is set and not ignorable, or
/// does not allow a null that is there.
pub fn encode<M: Message>(message: &M, version: i16) -> Result<Bytes, EncodeError> {
    let mut w = Writer::new(Version::of(version, M::FLEXIBLE));
    encode_into(message, version, &mut w)?;
    Ok(Segments::to_bytes(&w.finish()))
}

/// Writes a message behind what the writer holds.
pub(crate) fn encode_into<M: Message>(
    message: &M,
    version: i16,
    w: &mut Writer,
) -> Result<(), EncodeError> {
    if !M::VERSIONS.contains(&version) {
        return Err(EncodeError::Version { message: M::NAME, version });
    }
    w.switch(Version::of(version, M::FLEXIBLE));
    message.encode(w).map_err(|error| error.in_message(M::NAME))
}

/// Decodes a message of a version, which must take all bytes. What it holds are slices of them.
///
/// # Errors
///
/// [`DecodeError`] if the version does not exist or the bytes are not such a message.
pub fn decode<M: Message>(bytes: &Bytes, version: i16) -> Result<M, DecodeError> {
    let (message, length) = decode_prefix::<M>(bytes, version)?;
    match bytes.len() - length {
        0 => Ok(message),
        left => {
            Err(DecodeError::new(length, DecodeCause::Leftover(left)).in_message(M::NAME, version))
        }
    }
}

/// Decodes a message at the front of bytes, and says how many it took.
///
/// # Errors
///
/// As [`decode`], but bytes may be left over.
pub fn decode_prefix<M: Message>(bytes: &Bytes, version: i16) -> Result<(M, usize), DecodeError> {
    if !M::VERSIONS.contains(&version) {
        let cause = DecodeCause::Version { first: *M::VERSIONS.start(), last: *M::VERSIONS.end() };
        return Err(DecodeError::new(0, cause).in_message(M::NAME, version));
    }
    let mut r = Reader::new(bytes, Version::of(version, M::FLEXIBLE));
    let mut message = M::default();
    message.decode(&mut r).map_err(|error| error.in_message(M::NAME, version))?;
    Ok((message, r.position()))
}
