//! Any bytes as a frame: no panic, whichever side sent them.

use arbitrary::Unstructured;
use bytes::Bytes;
use kurier_protocol::{ApiKey, api, frame, value};

use super::decode::head;
use crate::frame::of_half;
use crate::half::Direction;
use crate::random::Random;

/// The first byte is the key of the API that a response is to answer, the second its version; what
/// follows is a frame without its length, taken as a request and as a response.
///
/// # Panics
///
/// When opening a frame or decoding its body panics.
pub fn frames(data: &[u8]) {
    let Some(([key, version], rest)) = data.split_first_chunk() else { return };
    let (key, version) = (ApiKey((*key).into()), i16::from(*version));
    let bytes = Bytes::copy_from_slice(rest);
    if let Ok((header, body)) = frame::open_request(&bytes) {
        assert!(body.len() < bytes.len(), "a header takes at least a byte");
        let api = api::info(ApiKey(header.request_api_key)).expect("an API that was opened");
        // Whether it can be decoded does not matter here; that it returns does.
        let _ = value::decode(&api.request, &body, header.request_api_version);
    }
    if let Ok((_, body)) = frame::open_response(key, version, &bytes) {
        assert!(body.len() < bytes.len(), "a header takes at least a byte");
        let api = api::info(key).expect("an API that was opened");
        let _ = value::decode(&api.response, &body, version);
    }
    if let Some((prefix, after)) = rest.split_first_chunk() {
        let length = frame::length(*prefix, after.len());
        assert!(length.is_err() || length.is_ok_and(|length| length <= after.len()));
    }
}

/// A frame, often damaged.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    let direction = random.pick(&[Some(Direction::Request), Some(Direction::Response)]);
    let half = random.half(direction.unwrap_or(Direction::Request));
    let data = random.bytes(1000);
    let made = of_half(half, &mut Unstructured::new(&data)).expect("bytes that end are no error");
    let frame = [made.header_bytes(), made.body()].concat();
    let frame = if random.one_in(4) { frame } else { random.damage(&frame) };
    [head(half).to_vec(), frame].concat()
}
