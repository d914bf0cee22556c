//! What another implementation of Kafka's protocol makes of a message.

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};
use kurier_fuzz::half::{Direction, Half};

/// What became of a message in the other decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Theirs {
    /// It has no such API or version.
    Unknown,
    /// It read the message, and wrote it again as these bytes.
    Read(Vec<u8>),
    /// It says that the bytes are no such message.
    Refused,
    /// It read a message, and bytes were left over.
    Left(usize),
    /// It read the message, and cannot write it.
    NotWritten,
}

/// Has a message read by the other decoder, and written again.
#[must_use]
pub fn theirs(half: Half, body: &[u8]) -> Theirs {
    let Ok(key) = ApiKey::try_from(half.key().0) else { return Theirs::Unknown };
    let (version, known) = (half.version(), key.valid_versions());
    if !(known.min..=known.max).contains(&version) {
        return Theirs::Unknown;
    }
    let mut bytes = Bytes::copy_from_slice(body);
    let mut again = BytesMut::new();
    let written = match half.direction() {
        Direction::Request => RequestKind::decode(key, &mut bytes, version)
            .map(|request| request.encode(&mut again, version)),
        Direction::Response => ResponseKind::decode(key, &mut bytes, version)
            .map(|response| response.encode(&mut again, version)),
    };
    match written {
        Err(_) => Theirs::Refused,
        Ok(_) if bytes.has_remaining() => Theirs::Left(bytes.remaining()),
        Ok(Err(_)) => Theirs::NotWritten,
        Ok(Ok(())) => Theirs::Read(again.into()),
    }
}
