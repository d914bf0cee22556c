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
    encode_dyn(message, const { &Outline::of::<M>() }, version)
}

/// Writes a message behind what the writer holds.
pub(crate) fn encode_into<M: Message>(
    message: &M,
    version: i16,
    w: &mut Writer,
) -> Result<(), EncodeError> {
    write(message, const { &Outline::of::<M>() }, version, w)
}

/// Decodes a message of a version, which must take all bytes. What it holds are slices of them.
///
/// # Errors
///
/// [`DecodeError`] if the version does not exist or the bytes are not such a message.
pub fn decode<M: Message>(bytes: &Bytes, version: i16) -> Result<M, DecodeError> {
    let mut message = M::default();
    decode_dyn(&mut message, const { &Outline::of::<M>() }, bytes, version)?;
    Ok(message)
}

/// Decodes a message at the front of bytes, and says how many it took.
///
/// # Errors
///
/// As [`decode`], but bytes may be left over.
pub fn decode_prefix<M: Message>(bytes: &Bytes, version: i16) -> Result<(M, usize), DecodeError> {
    let mut message = M::default();
    let length = read(&mut message, const { &Outline::of::<M>() }, bytes, version)?;
    Ok((message, length))
}

/// What is to be known of a message's type to write and read it, so that the functions that do are
/// compiled once for all messages.
#[derive(Debug)]
pub(crate) struct Outline {
    name: &'static str,
    first: i16,
    last: i16,
    flexible: i16,
}

impl Outline {
    pub(crate) const fn of<M: Message>() -> Self {
        let (first, last) = (*M::VERSIONS.start(), *M::VERSIONS.end());
        Self { name: M::NAME, first, last, flexible: M::FLEXIBLE }
    }

    const fn has(&self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }
}

/// Does what [`encode`] does.
pub(crate) fn encode_dyn(
    message: &dyn Wire,
    outline: &Outline,
    version: i16,
) -> Result<Bytes, EncodeError> {
    let mut w = Writer::new(Version::of(version, outline.flexible));
    write(message, outline, version, &mut w)?;
    Ok(Segments::to_bytes(&w.finish()))
}

/// Does what [`decode`] does, into a message that holds the defaults.
pub(crate) fn decode_dyn(
    message: &mut dyn Wire,
    outline: &Outline,
    bytes: &Bytes,
    version: i16,
) -> Result<(), DecodeError> {
    let length = read(message, outline, bytes, version)?;
    match bytes.len() - length {
        0 => Ok(()),
        left => {
            let cause = DecodeCause::Leftover(left);
            Err(DecodeError::new(length, cause).in_message(outline.name, version))
        }
    }
}

fn write(
    message: &dyn Wire,
    outline: &Outline,
    version: i16,
    w: &mut Writer,
) -> Result<(), EncodeError> {
    if !outline.has(version) {
        return Err(EncodeError::Version { message: outline.name, version });
    }
    w.switch(Version::of(version, outline.flexible));
    message.encode(w).map_err(|error| error.in_message(outline.name))
}

fn read(
    message: &mut dyn Wire,
    outline: &Outline,
    bytes: &Bytes,
    version: i16,
) -> Result<usize, DecodeError> {
    if !outline.has(version) {
        let cause = DecodeCause::Version { first: outline.first, last: outline.last };
        return Err(DecodeError::new(0, cause).in_message(outline.name, version));
    }
    let mut r = Reader::new(bytes, Version::of(version, outline.flexible));
    message.decode(&mut r).map_err(|error| error.in_message(outline.name, version))?;
    Ok(r.position())
}
