//! Frames: a length, a header, and a message that obeys the protocol.

use arbitrary::{Error, Result, Unstructured};
use kurier_protocol::ApiKey;
use kurier_protocol::value::Value;

use crate::half::{Direction, Half};
use crate::layout::{self, Width, varint};
use crate::message::message;

/// A frame and what it is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The header's parts that do not follow from the message.
    pub header: Header,
    /// The message; it obeys the protocol in the version of `half`.
    pub value: Value,
    half: Half,
}

/// What a header says of nobody but the client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The number that the response brings back.
    pub correlation_id: i32,
    /// Who asks; not in responses.
    pub client_id: Option<String>,
}

impl Frame {
    /// A frame around a message, which must be one of `half`.
    #[must_use]
    pub const fn new(half: Half, header: Header, value: Value) -> Self {
        Self { header, value, half }
    }

    /// What kind of frame it is.
    #[must_use]
    pub const fn half(&self) -> Half {
        self.half
    }

    /// The frame as it is sent, its length included.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        framed(&[self.header_bytes(), self.body()].concat())
    }

    /// The message without header and length.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        layout::write(self.half.info(), &self.value, self.half.version(), &mut |_| None)
    }

    /// The header.
    #[must_use]
    pub fn header_bytes(&self) -> Vec<u8> {
        let correlation_id = self.header.correlation_id.to_be_bytes();
        let version = self.half.header_version();
        if self.half.direction() == Direction::Response {
            let tags = if version > 0 { varint(0) } else { Vec::new() };
            return [correlation_id.to_vec(), tags].concat();
        }
        let mut bytes = self.half.key().0.to_be_bytes().to_vec();
        bytes.extend(self.half.version().to_be_bytes());
        bytes.extend(correlation_id);
        if version > 0 {
            let name = self.header.client_id.as_deref();
            let says = name.map_or(-1, |name| i64::try_from(name.len()).unwrap_or(i64::MAX));
            bytes.extend(Width::Short.put(says));
            bytes.extend_from_slice(name.unwrap_or_default().as_bytes());
        }
        if version > 1 {
            bytes.extend(varint(0));
        }
        bytes
    }
}

/// A valid request frame of an API in a version; the bytes of `u` decide what is in it. Bytes that
/// end early make a small frame.
///
/// # Errors
///
/// [`Error::IncorrectFormat`] if there is no such API or version.
pub fn arbitrary(api: ApiKey, version: i16, u: &mut Unstructured<'_>) -> Result<Frame> {
    of_half(Half::of(api, Direction::Request, version).ok_or(Error::IncorrectFormat)?, u)
}

/// A valid response frame, as [`arbitrary()`].
///
/// # Errors
///
/// [`Error::IncorrectFormat`] if there is no such API or version.
pub fn arbitrary_response(api: ApiKey, version: i16, u: &mut Unstructured<'_>) -> Result<Frame> {
    of_half(Half::of(api, Direction::Response, version).ok_or(Error::IncorrectFormat)?, u)
}

/// A valid frame of a half.
///
/// # Errors
///
/// None in practice: bytes that end are no error.
pub fn of_half(half: Half, u: &mut Unstructured<'_>) -> Result<Frame> {
    let correlation_id = u.arbitrary()?;
    let client_id = if u.ratio(1, 4)? { None } else { Some(client_id(u)?) };
    let value = message(half.info(), half.version(), u)?;
    Ok(Frame::new(half, Header { correlation_id, client_id }, value))
}

fn client_id(u: &mut Unstructured<'_>) -> Result<String> {
    let names = ["fuzz", "", "é", "a name that is longer than all the others here"];
    u.choose(&names).map(|name| (*name).to_owned())
}

/// Bytes with their length before them.
pub(crate) fn framed(bytes: &[u8]) -> Vec<u8> {
    let length = Width::Long.put(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    [length, bytes.to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kurier_protocol::{frame, value};

    use super::*;
    use crate::random::Random;

    #[test]
    fn every_half_has_frames_that_open_and_hold_what_was_put_in() {
        let mut random = Random::new(1);
        for half in Half::all() {
            let data = random.some(2000);
            let made = of_half(half, &mut Unstructured::new(&data)).unwrap();
            let bytes = Bytes::from(made.to_bytes());
            let sent = frame::length(*bytes.first_chunk().unwrap(), usize::MAX).unwrap();
            assert_eq!(sent, bytes.len() - 4, "{half}");
            let (correlation_id, body) = match half.direction() {
                Direction::Request => {
                    let (header, body) = frame::open_request(&bytes.slice(4..)).unwrap();
                    assert_eq!(header.client_id.as_deref(), header_name(&made), "{half}");
                    assert_eq!(header.request_api_key, half.key().0);
                    (header.correlation_id, body)
                }
                Direction::Response => {
                    let bytes = bytes.slice(4..);
                    frame::open_response(half.key(), half.version(), &bytes).unwrap()
                }
            };
            assert_eq!(correlation_id, made.header.correlation_id, "{half}");
            let decoded = value::decode(half.info(), &body, half.version()).unwrap();
            assert_eq!(decoded, made.value, "{half}");
            let encoded = value::encode(half.info(), &made.value, half.version()).unwrap();
            assert_eq!(encoded, made.body(), "{half}");
        }
    }

    /// The client id as a header of the version brings it back: version 0 has none.
    fn header_name(frame: &Frame) -> Option<&str> {
        match frame.half().header_version() {
            0 => Some(""),
            _ => frame.header.client_id.as_deref(),
        }
    }

    #[test]
    fn bytes_that_end_make_a_frame_too() {
        for half in Half::all() {
            let made = of_half(half, &mut Unstructured::new(&[])).unwrap();
            assert!(made.to_bytes().len() < 600, "{half}");
        }
    }
}
