//! Any bytes as a frame: no panic, whichever side sent them.

use bytes::Bytes;
use kurier_protocol::{ApiKey, api, frame, value};

use crate::arbitrary;
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
}

/// A frame of a request, often damaged.
pub fn make(random: &mut Random) -> Vec<u8> {
    let (info, version, message) = arbitrary::message(random);
    let body = value::encode(info, &message, version).expect("an obedient message");
    let api = api::apis().iter().find(|api| api.request.name == info.name);
    let key = api.map_or_else(|| random.byte().into(), |api| api.key.0);
    let header = [key.to_be_bytes(), version.to_be_bytes()].concat();
    // Correlation id, no client id, no tags: what a header of version 2 has.
    let frame = [&header[..], &[0, 0, 0, 7, 0xff, 0xff, 0], &body].concat();
    let frame = if random.one_in(4) { frame } else { random.damage(&frame) };
    let head = [key, version].map(|number| u8::try_from(number).unwrap_or(0));
    [head.to_vec(), frame].concat()
}
