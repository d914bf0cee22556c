//! Any bytes as a request or a response: no panic, and the two decoders agree.

use arbitrary::Unstructured;
use bytes::Bytes;
use kurier_protocol::ApiKey;
use kurier_protocol::api::MessageInfo;
use kurier_protocol::value::{self, Value};

use crate::frame::of_half;
use crate::half::{Direction, Half};
use crate::random::Random;

/// The first byte is the API's key, the second its version; what follows is a request without its
/// header.
///
/// # Panics
///
/// When a decoder panics, when the decoder of the typed message and the one by fields do not agree,
/// or when a message changes by being encoded and decoded again.
pub fn decode_request(data: &[u8]) {
    of_direction(data, Direction::Request);
}

/// As [`decode_request`], with a response.
///
/// # Panics
///
/// As [`decode_request`].
pub fn decode_response(data: &[u8]) {
    of_direction(data, Direction::Response);
}

fn of_direction(data: &[u8], direction: Direction) {
    let Some(([key, version], body)) = data.split_first_chunk() else { return };
    let half = Half::of(ApiKey((*key).into()), direction, (*version).into());
    let Some(half) = half else { return };
    decoded(half.info(), half.version(), &Bytes::copy_from_slice(body));
}

/// What the bytes are as a message of a version, if they are one.
///
/// # Panics
///
/// As [`decode_request`].
pub fn decoded(info: &MessageInfo, version: i16, body: &Bytes) -> Option<Value> {
    let by_fields = value::decode(info, body, version);
    let typed = (info.reencode)(body, version);
    let (by_fields, typed) = match (by_fields, typed) {
        (Ok(by_fields), Ok(typed)) => (by_fields, typed),
        (Err(by_fields), Err(typed)) => {
            assert_eq!(by_fields.to_string(), typed.to_string());
            assert!(by_fields.offset() <= body.len(), "{by_fields}");
            return None;
        }
        (by_fields, typed) => {
            panic!("{} v{version}: by fields {by_fields:?}, typed {typed:?}", info.name)
        }
    };
    let encoded = value::encode(info, &by_fields, version).expect("what was decoded is encoded");
    assert_eq!(encoded, typed, "{} v{version}", info.name);
    // Not the same as `body`: unknown tags are dropped, and a length may have been written long.
    let again = value::decode(info, &encoded, version).expect("what was encoded is decoded");
    let once_more = value::encode(info, &again, version).expect("what was decoded is encoded");
    assert_eq!(once_more, encoded, "{} v{version}", info.name);
    Some(by_fields)
}

/// A request, often damaged.
pub(super) fn make_request(random: &mut Random) -> Vec<u8> {
    make(random, Direction::Request)
}

/// A response, often damaged.
pub(super) fn make_response(random: &mut Random) -> Vec<u8> {
    make(random, Direction::Response)
}

fn make(random: &mut Random, direction: Direction) -> Vec<u8> {
    let half = random.half(direction);
    let data = random.bytes(1000);
    let frame = of_half(half, &mut Unstructured::new(&data)).expect("bytes that end are no error");
    let body = frame.body();
    let body = if random.one_in(4) { body } else { random.damage(&body) };
    [head(half).to_vec(), body].concat()
}

/// The two bytes that name a half.
pub(super) fn head(half: Half) -> [u8; 2] {
    [half.key().0, half.version()].map(|number| u8::try_from(number).unwrap_or(u8::MAX))
}
