//! The rules that no message of today needs yet, or needs rarely: on a table of their own.

#![expect(unreachable_pub, reason = "the tables of messages are public")]

use bytes::Bytes;

use crate::api::fetch::{
    FetchRequest, FetchResponse, FetchableTopicResponse, ForgottenTopic, PartitionData,
};
use crate::error::{DecodeCause, EncodeError};
use crate::message::{decode, encode};
use crate::wire::{Records, Str};

macro_rules! odd_tables {
    ($($hot:tt)?) => {
        message! { Odd, versions 0..=3, flexible 2.. }

        wire_structs! {
            /// A message of oddities.
            struct Odd $($hot)? {
                /// A struct that may be null.
                0..     inner: Option<Inner> [null 0..],
                /// One that may be null in a tag, written after the next.
                2..     tagged: Option<Inner> [null 2.., tag 7],
                /// One that is never null in a tag.
                2..     always: Inner [tag 1],
                /// Text that is empty by default, and may be null.
                2..     text: Option<Str> [null 3.., tag 0, empty],
                /// A number that version 1 has alone.
                1..=1   number: u16 = 9,
                /// Record batches that are never null.
                3..     records: Option<Records>,
            }

            /// A struct.
            struct Inner $($hot)? {
                /// A number.
                0..     number: i8,
            }
        }
    };
}

odd_tables! {}

/// The same, but each row has code of its own.
mod hot {
    use super::{Records, Str};

    odd_tables! { [hot] }
}

fn odd() -> Odd {
    Odd { inner: Some(Inner { number: 5 }), ..Odd::default() }
}

fn hot(odd: &Odd) -> hot::Odd {
    let inner = |inner: &Inner| hot::Inner { number: inner.number };
    hot::Odd {
        inner: odd.inner.as_ref().map(inner),
        tagged: odd.tagged.as_ref().map(inner),
        always: inner(&odd.always),
        text: odd.text.clone(),
        number: odd.number,
        records: odd.records.clone(),
    }
}

#[track_caller]
fn check(value: &Odd, version: i16, bytes: &[u8]) {
    assert_eq!(encode(value, version).unwrap(), bytes);
    assert_eq!(encode(&hot(value), version).unwrap(), bytes);
    check_read(value, version, bytes);
}

#[track_caller]
fn check_read(value: &Odd, version: i16, bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    assert_eq!(&decode::<Odd>(&bytes, version).unwrap(), value);
    assert_eq!(decode::<hot::Odd>(&bytes, version).unwrap(), hot(value));
}

#[track_caller]
fn check_unwritten(value: &Odd, version: i16, error: EncodeError) {
    assert_eq!(encode(value, version).unwrap_err(), error);
    assert_eq!(encode(&hot(value), version).unwrap_err(), error);
}

#[track_caller]
fn check_refused(version: i16, bytes: &[u8], cause: DecodeCause, text: &str) {
    let bytes = Bytes::copy_from_slice(bytes);
    let error = decode::<Odd>(&bytes, version).unwrap_err();
    assert_eq!((error.cause(), error.to_string().as_str()), (cause, text));
    assert_eq!(decode::<hot::Odd>(&bytes, version).unwrap_err(), error);
}

#[test]
fn a_struct_that_may_be_null_has_a_byte_before_it_in_every_version() {
    check(&odd(), 0, &[1, 5]);
    check(&Odd::default(), 0, &[0xff]);
    check(&odd(), 2, &[1, 5, 0, 0]);
    check(&Odd::default(), 2, &[0xff, 0]);
}

#[test]
fn a_struct_that_may_be_null_has_a_varint_before_it_in_a_tag() {
    let tagged = Some(Inner { number: 6 });
    check(&Odd { tagged, ..odd() }, 2, &[1, 5, 0, 1, 7, 3, 1, 6, 0]);
}

#[test]
fn a_struct_that_is_never_null_has_nothing_before_it_in_a_tag() {
    let always = Inner { number: 6 };
    check(&Odd { always, ..odd() }, 2, &[1, 5, 0, 1, 1, 2, 6, 0]);
}

#[test]
fn tags_are_written_in_their_order_and_not_in_that_of_the_table() {
    let (tagged, always) = (Some(Inner { number: 6 }), Inner { number: 7 });
    let value = Odd { tagged, always, text: Some("a".into()), ..odd() };
    let bytes = [1, 5, 0, 3, 0, 2, 2, b'a', 1, 2, 7, 0, 7, 3, 1, 6, 0];
    check(&value, 2, &bytes);
}

#[test]
fn null_in_a_tag_whose_default_is_not_null_takes_one_byte() {
    let value = Odd { text: None, records: Some(Records::default()), ..odd() };
    check(&value, 3, &[1, 5, 0, 1, 1, 0, 1, 0]);
}

#[test]
fn a_default_is_not_written_in_a_tag_but_read_from_one() {
    check_read(&odd(), 2, &[1, 5, 0, 1, 0, 1, 1]);
}

#[test]
fn null_records_are_refused_where_they_are_never_null() {
    let error = EncodeError::Null { message: "Odd", version: 3, field: "records" };
    check_unwritten(&odd(), 3, error);
    let text = "Odd v3, field records, at byte 3: null is not allowed here";
    check_refused(3, &[1, 5, 0, 0, 0], DecodeCause::Null, text);
}

#[test]
fn a_number_that_is_not_its_default_is_refused_by_a_version_without_it() {
    let value = Odd { number: 10, ..odd() };
    check(&value, 1, &[1, 5, 0, 10]);
    let error = EncodeError::UnsupportedField { message: "Odd", version: 2, field: "number" };
    check_unwritten(&value, 2, error);
    assert!(encode(&Odd { number: 9, ..value }, 2).is_ok());
}

#[test]
fn a_tag_that_ends_early_or_late_is_refused() {
    let text = "Odd v2, field always.number, at byte 6: 1 more bytes are needed, 0 are left";
    let cause = DecodeCause::Truncated { needed: 1, left: 0 };
    check_refused(2, &[1, 5, 0, 1, 1, 0, 6, 0], cause, text);
    let text = "Odd v2, at byte 8: 1 bytes are left over";
    check_refused(2, &[1, 5, 0, 1, 1, 3, 6, 0, 0], DecodeCause::Leftover(1), text);
    let text = "Odd v2, at byte 6: 9 more bytes are needed, 1 are left";
    let cause = DecodeCause::Truncated { needed: 9, left: 1 };
    check_refused(2, &[1, 5, 0, 1, 1, 9, 6], cause, text);
}

#[test]
fn a_tag_that_nobody_knows_is_skipped() {
    check_read(&odd(), 2, &[1, 5, 0, 1, 99, 2, 0xaa, 0xbb]);
}

#[test]
fn an_array_longer_than_what_is_made_at_once_is_read_and_its_errors_know_their_place() {
    let partition = |partition_index| PartitionData {
        partition_index,
        records: Some(Records::default()),
        ..PartitionData::default()
    };
    let partitions: Vec<_> = (0..10_000).map(partition).collect();
    let responses = vec![FetchableTopicResponse { partitions, ..Default::default() }];
    let response = FetchResponse { responses, ..FetchResponse::default() };
    let bytes = encode(&response, 13).unwrap();
    assert_eq!(decode::<FetchResponse>(&bytes, 13).unwrap(), response);
    let cut = bytes.slice(..bytes.len() - 30);
    let error = decode::<FetchResponse>(&cut, 13).unwrap_err();
    assert_eq!(error.field(), "responses[0].partitions[9999].high_watermark");
}

#[test]
fn the_integers_of_an_array_are_read_at_once_or_up_to_where_the_bytes_end() {
    let topic = ForgottenTopic {
        topic: "t".into(),
        partitions: vec![1, -2, i32::MAX],
        ..Default::default()
    };
    let request = FetchRequest { forgotten_topics_data: vec![topic], ..FetchRequest::default() };
    let bytes = encode(&request, 7).unwrap();
    assert_eq!(decode::<FetchRequest>(&bytes, 7).unwrap(), request);
    let error = decode::<FetchRequest>(&bytes.slice(..bytes.len() - 6), 7).unwrap_err();
    assert_eq!(error.field(), "forgotten_topics_data[0].partitions[1]");
    let hole = bytes.slice(..bytes.len() - 1);
    let error = decode::<FetchRequest>(&hole, 7).unwrap_err();
    assert_eq!(error.field(), "forgotten_topics_data[0].partitions[2]");
    assert_eq!(error.cause(), DecodeCause::Truncated { needed: 4, left: 3 });
}

#[test]
fn the_smallest_struct_is_that_of_its_smallest_version() {
    // Version 0: one byte for a struct that is null.
    assert_eq!(super::bytes_min(Odd::FIELDS), 1);
    assert_eq!(super::bytes_min(Inner::FIELDS), 1);
    let of = crate::api::fetch::FetchPartition::FIELDS;
    assert_eq!(super::bytes_min(of), 4 + 8 + 4);
    let of = crate::api::fetch::NodeEndpoint::FIELDS;
    assert_eq!(super::bytes_min(of), 4 + 1 + 4 + 1);
}
