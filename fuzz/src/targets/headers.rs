//! Any bytes as a header: no panic, the decoders agree, and a header survives.

use bytes::Bytes;
use kurier_protocol::header::{RequestHeader, ResponseHeader};
use kurier_protocol::message::{Message, decode_prefix};
use kurier_protocol::{api, encode, value};

use super::decode::decoded;
use crate::random::Random;

/// The bytes are taken as a request's and as a response's header of every version, with and without
/// a message behind it.
///
/// # Panics
///
/// When a decoder panics, the decoders do not agree, or a header changes by being encoded and
/// decoded again.
pub fn headers(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    check::<RequestHeader>(&bytes);
    check::<ResponseHeader>(&bytes);
}

fn check<H: Message>(bytes: &Bytes) {
    let info = api::message(H::NAME).expect("a header is a message");
    for version in H::VERSIONS {
        decoded(info, version, bytes);
        let typed = decode_prefix::<H>(bytes, version);
        let by_fields = value::decode_prefix(info, bytes, version);
        let Ok((header, length)) = typed else {
            assert!(by_fields.is_err(), "{by_fields:?}");
            continue;
        };
        assert_eq!(by_fields.map(|(_, length)| length), Ok(length));
        let encoded = encode(&header, version).expect("what was decoded is encoded");
        assert_eq!(decode_prefix::<H>(&encoded, version), Ok((header, encoded.len())));
    }
}

/// A header of a request with something behind it.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    let client_id = random.pick(&[&[0xff, 0xff][..], &[0, 0], &[0, 2, b'm', b'e'], &[0xff, 0xfe]]);
    let tags = random.pick(&[&[0][..], &[1, 0, 1, 7], &[], &[0xff, 0xff, 0xff, 0xff, 0x0f]]);
    let header = [&random.some(8), client_id, tags, &random.bytes(20)].concat();
    if random.one_in(3) { header } else { random.damage(&header) }
}
