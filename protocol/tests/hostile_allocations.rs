//! A length from the wire never makes us allocate more than the bytes that are there could fill.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use allocation_counter::measure;
use bytes::{BufMut, Bytes, BytesMut};
use kurier_protocol::api::{self, MessageInfo};
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value;
use kurier_protocol::wire::Version;

/// Bytes of each hostile message.
const LENGTH: usize = 40;
/// Bytes that decoding it may have allocated at any one time.
const ALLOCATED_MAX: u64 = 64 << 10;

#[test]
fn a_count_of_two_thousand_million_allocates_next_to_nothing() {
    let mut lies = 0;
    for info in api::messages() {
        for version in info.versions.clone() {
            lies += 1;
            for count in [i32::MAX, i32::MAX - 1, 1 << 30, 1 << 20, 30] {
                check(info, version, liar(info, version, count));
            }
        }
    }
    assert_eq!(lies, 211);
}

#[test]
fn every_byte_repeated_allocates_next_to_nothing() {
    for info in api::messages() {
        for version in info.versions.clone() {
            for byte in 0..=u8::MAX {
                check(info, version, vec![byte; LENGTH].into());
            }
        }
    }
}

#[test]
fn a_large_message_allocates_for_what_it_holds_and_not_for_what_it_claims() {
    // A Metadata response that claims as many topics as could be there, in a frame of 8 MiB of
    // which only the first lines are a message.
    let info = api::message("MetadataResponse").unwrap();
    let mut bytes = BytesMut::new();
    bytes.put_i32(0);
    bytes.put_i32((8 << 20) - 100);
    bytes.resize(8 << 20, 0xff);
    let bytes = bytes.freeze();
    let found = measure(|| {
        assert!((info.reencode)(&bytes, 0).is_err());
    });
    assert!(found.bytes_max < 2 << 20, "{} bytes", found.bytes_max);
}

#[track_caller]
fn check(info: &MessageInfo, version: i16, bytes: Bytes) {
    let typed = measure(|| drop((info.reencode)(&bytes, version)));
    assert!(typed.bytes_max < ALLOCATED_MAX, "{} v{version}: {typed:?}", info.name);
    let dynamic = measure(|| drop(value::decode(info, &bytes, version)));
    assert!(dynamic.bytes_max < ALLOCATED_MAX, "{} v{version}: {dynamic:?}", info.name);
}

/// A message in which the first array claims `count` elements, followed by zeros.
fn liar(info: &MessageInfo, version: i16, count: i32) -> Bytes {
    let version = info.version(version);
    let here = |field: &&Field| field.is_in(version.number()) && field.tag.is_none();
    let mut bytes = BytesMut::new();
    for field in info.fields.iter().filter(here) {
        if let Kind::Array(_) = field.kind {
            put_length(&mut bytes, version, count);
            break;
        }
        put_zero(&mut bytes, version, field);
    }
    bytes.resize(LENGTH, 0);
    bytes.freeze()
}

fn put_zero(bytes: &mut BytesMut, version: Version, field: &Field) {
    let zeros = match field.kind {
        Kind::Bool | Kind::Int8 => 1,
        Kind::Int16 | Kind::Uint16 => 2,
        Kind::Int32 | Kind::Uint32 => 4,
        Kind::Int64 | Kind::Float64 => 8,
        Kind::Uuid => 16,
        Kind::String if !version.is_flexible() => 2,
        Kind::Bytes | Kind::Records if !version.is_flexible() => 4,
        _ => {
            bytes.put_u8(1);
            0
        }
    };
    bytes.put_bytes(0, zeros);
}

fn put_length(bytes: &mut BytesMut, version: Version, length: i32) {
    if !version.is_flexible() {
        return bytes.put_i32(length);
    }
    let mut rest = u32::try_from(length).unwrap() + 1;
    while rest >= 0x80 {
        bytes.put_u8(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes.put_u8(u8::try_from(rest).unwrap());
}
