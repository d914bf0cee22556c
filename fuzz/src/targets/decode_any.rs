//! Any bytes, any message, any version: no panic, and the two decoders agree.

use bytes::Bytes;
use kurier_protocol::api::{self, MessageInfo};
use kurier_protocol::{ApiKey, value};

use crate::arbitrary;
use crate::random::Random;

/// The first byte is the API's key, the second its version, whose highest bit means the response;
/// what follows is the message.
///
/// # Panics
///
/// When a decoder panics, when the decoder of the typed message and the one by fields do not agree,
/// or when a message changes by being encoded and decoded again.
pub fn decode_any(data: &[u8]) {
    let Some(([key, version], body)) = data.split_first_chunk() else { return };
    let Some(api) = api::info(ApiKey((*key).into())) else { return };
    let info = if version & RESPONSE == 0 { &api.request } else { &api.response };
    check(info, (version & !RESPONSE).into(), &Bytes::copy_from_slice(body));
}

fn check(info: &MessageInfo, version: i16, body: &Bytes) {
    let by_fields = value::decode(info, body, version);
    let typed = (info.reencode)(body, version);
    assert_eq!(by_fields.is_ok(), typed.is_ok(), "{} v{version}: {typed:?}", info.name);
    let (Ok(by_fields), Ok(typed)) = (by_fields, typed) else { return };
    let encoded = value::encode(info, &by_fields, version).expect("what was decoded is encoded");
    assert_eq!(encoded, typed, "{} v{version}", info.name);
    // Not the same as `body`: unknown tags are dropped, and a length may have been written long.
    let again = value::decode(info, &encoded, version).expect("what was encoded is decoded");
    let once_more = value::encode(info, &again, version).expect("what was decoded is encoded");
    assert_eq!(once_more, encoded, "{} v{version}", info.name);
}

/// A message, often damaged.
pub fn make(random: &mut Random) -> Vec<u8> {
    let (info, version, value) = arbitrary::message(random);
    let is_of = |info: &MessageInfo| {
        api::apis().iter().find(|api| [api.request.name, api.response.name].contains(&info.name))
    };
    // A header has no key: bytes will do.
    let Some(api) = is_of(info) else { return random.bytes(200) };
    let response = if info.name == api.response.name { RESPONSE } else { 0 };
    let body = value::encode(info, &value, version).expect("an obedient message");
    let body = if random.one_in(4) { body.to_vec() } else { random.damage(&body) };
    let head = [api.key.0, version].map(|number| u8::try_from(number).unwrap_or(0));
    let [key, version] = head;
    [vec![key, version | response], body].concat()
}

const RESPONSE: u8 = 0x80;
