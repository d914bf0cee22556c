//! Messages that Apache Kafka's classes encoded, and frames that its programs sent: each is read as
//! Kafka says it reads, and written again to the byte.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may panic")]

use std::io::Read;

use bytes::Bytes;
use kurier_protocol::api::{self, MessageInfo};
use kurier_protocol::frame;
use kurier_protocol::json::{self, Json};
use kurier_protocol::{ApiKey, rows, value};
use serde_json::json;

const MESSAGES: &[u8] = include_bytes!("golden/messages.jsonl.gz");
const LOG_RECORDS: &[u8] = include_bytes!("golden/log-records.jsonl.gz");
const FRAMES: &[u8] = include_bytes!("golden/captured-frames.jsonl.gz");

// Case WIRE-05: messages.
#[test]
fn every_message_decodes_to_the_json_that_kafka_prints() {
    let mut explicit = 0;
    let count = each_message(|row| {
        let json = json::decode(row.info, &row.bytes, row.version).unwrap();
        assert_eq!(json, canonical(row.info, &row.json, row.version), "{}", row.id);
        explicit += usize::from(json != row.json);
    });
    assert_eq!(count, (2286 + 74, 217));
    assert_eq!(explicit, 11, "rows that name a tagged field though it holds its default");
}

#[test]
fn every_message_encodes_from_json_to_the_bytes_of_kafka() {
    each_message(|row| {
        let bytes = json::encode(row.info, &row.json, row.version).unwrap();
        if row.has_unknown_tags {
            assert!(bytes.len() < row.bytes.len(), "{}", row.id);
        } else {
            assert_eq!(bytes, row.bytes, "{}", row.id);
        }
    });
}

#[test]
fn every_message_survives_as_a_typed_value() {
    each_message(|row| {
        let again = (row.info.reencode)(&row.bytes, row.version).unwrap();
        let expected = json::encode(row.info, &row.json, row.version).unwrap();
        assert_eq!(again, expected, "{}", row.id);
    });
}

#[test]
fn every_message_that_is_cut_off_is_refused() {
    each_message(|row| {
        for end in 0..row.bytes.len().min(200) {
            let cut = row.bytes.slice(..end);
            let error = value::decode(row.info, &cut, row.version).unwrap_err();
            assert!(error.offset() <= end, "{}: {error}", row.id);
            assert!((row.info.reencode)(&cut, row.version).is_err(), "{} cut at {end}", row.id);
        }
    });
}

#[test]
fn a_message_with_a_byte_too_many_is_refused() {
    each_message(|row| {
        let longer = Bytes::from([&row.bytes[..], &[0]].concat());
        let error = value::decode(row.info, &longer, row.version).unwrap_err();
        assert_eq!(error.offset(), row.bytes.len(), "{}: {error}", row.id);
        let typed = (row.info.reencode)(&longer, row.version).unwrap_err();
        assert_eq!(typed.to_string(), error.to_string(), "{}", row.id);
    });
}

#[test]
fn every_message_of_every_api_has_rows() {
    let mut rows = std::collections::BTreeMap::new();
    each_message(|row| *rows.entry(row.info.name).or_insert(0) += 1);
    assert_eq!(rows.len(), api::messages().count());
    assert_eq!(rows.len(), 203 + 8);
}

#[test]
fn every_captured_frame_is_split_and_its_body_survives() {
    let mut count = 0;
    for line in unpacked(FRAMES).lines() {
        let row: Json = serde_json::from_str(line).unwrap();
        let api = api::info(ApiKey(number(&row, "key"))).unwrap();
        let (version, frame) = (number(&row, "ver"), unhex(&row));
        let (correlation_id, body, info) = if row["dir"] == "req" {
            let (header, body) = frame::open_request(&frame).unwrap();
            assert_eq!(ApiKey(header.request_api_key), api.key);
            assert_eq!(header.request_api_version, version);
            assert!(header.client_id.is_some());
            (header.correlation_id, body, &api.request)
        } else {
            let (correlation_id, body) = frame::open_response(api.key, version, &frame).unwrap();
            (correlation_id, body, &api.response)
        };
        assert_eq!(row["corr"], correlation_id);
        assert_eq!((info.reencode)(&body, version).unwrap(), body, "{line}");
        count += 1;
    }
    assert_eq!(count, 230);
}

#[test]
fn a_line_of_messages_goes_through_decode_and_encode_unchanged() {
    let mut count = 0;
    for line in message_lines().lines() {
        let decoded: Json = serde_json::from_str(&rows::decode(line).unwrap()).unwrap();
        let row: Json = serde_json::from_str(line).unwrap();
        let info = api::message(row["n"].as_str().unwrap()).unwrap();
        let mut expected = row.clone();
        expected["j"] = canonical(info, &row["j"], number(&row, "v"));
        assert_eq!(decoded, expected);
        let mut bare = row.clone();
        bare.as_object_mut().unwrap().shift_remove("hex");
        let encoded: Json =
            serde_json::from_str(&rows::encode(&bare.to_string()).unwrap()).unwrap();
        if row.get("u").is_none() {
            assert_eq!(encoded, row);
            count += 1;
        }
    }
    assert_eq!(count, 2286 + 74 - 217);
}

#[test]
fn a_line_of_frames_gets_its_header_and_its_body() {
    for line in unpacked(FRAMES).lines() {
        let done: Json = serde_json::from_str(&rows::decode_frame(line).unwrap()).unwrap();
        assert_eq!(done["header"]["correlationId"], done["corr"]);
        assert!(done["j"].is_object());
        for (name, value) in serde_json::from_str::<Json>(line).unwrap().as_object().unwrap() {
            assert_eq!(&done[name], value);
        }
    }
}

#[test]
fn a_line_of_record_batches_gets_its_batches() {
    let mut count = 0;
    for line in include_str!("golden/record-batches.jsonl").lines() {
        let done: Json = serde_json::from_str(&rows::decode_records(line).unwrap()).unwrap();
        assert_eq!(done, serde_json::from_str::<Json>(line).unwrap());
        count += 1;
    }
    assert_eq!(count, 36);
}

#[test]
fn a_line_that_cannot_be_done_says_why() {
    check(
        rows::decode,
        json!({"n": "FetchResponse", "v": 12, "hex": "0000"}),
        json!({"api": "FetchResponse", "version": 12, "field": "throttleTimeMs", "offset": 0,
               "cause": "4 more bytes are needed, 2 are left"}),
        "FetchResponse v12, field throttleTimeMs, at byte 0: 4 more bytes are needed, 2 are left",
    );
    check(
        rows::decode,
        json!({"n": "ResponseHeader", "v": 0, "hex": "0000000000"}),
        json!({"api": "ResponseHeader", "version": 0, "offset": 4,
               "cause": "1 bytes are left over"}),
        "ResponseHeader v0, at byte 4: 1 bytes are left over",
    );
    check(
        rows::decode,
        json!({"n": "ResponseHeader", "v": 9, "hex": ""}),
        json!({"api": "ResponseHeader", "version": 9, "offset": 0,
               "cause": "this version is not known (known are 0 to 1)"}),
        "ResponseHeader v9, at byte 0: this version is not known (known are 0 to 1)",
    );
    check(
        rows::decode,
        json!({"n": "ResponseHeader", "v": 0, "hex": "0g"}),
        json!({"field": "hex", "offset": 0, "cause": "two hex digits are wanted for each byte"}),
        "field hex, at byte 0: two hex digits are wanted for each byte",
    );
    check(
        rows::encode,
        json!({"n": "ResponseHeader", "v": 0, "j": {"correlationId": "a"}}),
        json!({"api": "ResponseHeader", "version": 0, "field": "correlationId",
               "cause": "an integer of 32 bits is wanted, not \"a\""}),
        "ResponseHeader v0, field correlationId: an integer of 32 bits is wanted, not \"a\"",
    );
}

#[test]
fn a_frame_that_cannot_be_done_says_why() {
    check(
        rows::decode_frame,
        json!({"dir": "res", "key": 3, "ver": 13, "hex": "0000000100000000"}),
        json!({"api": "MetadataResponse", "version": 13, "field": "throttleTimeMs", "offset": 5,
               "cause": "4 more bytes are needed, 3 are left"}),
        "MetadataResponse v13, field throttleTimeMs, at byte 5: \
         4 more bytes are needed, 3 are left",
    );
    check(
        rows::decode_frame,
        json!({"dir": "res", "key": 95, "ver": 0, "hex": ""}),
        json!({"api": "API 95", "version": 0, "cause": "this build does not know the API"}),
        "API 95 v0: this build does not know the API",
    );
    check(
        rows::decode_frame,
        json!({"dir": "req", "key": 3, "ver": 0, "hex": "00010000000000070000"}),
        json!({"api": "RequestHeader", "version": 1, "field": "requestApiKey", "offset": 0,
               "cause": "it is 1 in the bytes, and 3 in the row"}),
        "RequestHeader v1, field requestApiKey, at byte 0: it is 1 in the bytes, and 3 in the row",
    );
}

#[test]
fn a_batch_that_cannot_be_done_says_why() {
    let damaged = "0000000000000000000000162356c1370000000000036b65790000000576616c7566";
    check(
        rows::decode_records,
        json!({ "hex": damaged }),
        json!({"field": "batches[0]", "offset": 0,
               "cause": "record batch is corrupt: CRC 0x2356c137, computed 0xba5f908d"}),
        "field batches[0], at byte 0: \
         record batch is corrupt: CRC 0x2356c137, computed 0xba5f908d",
    );
}

#[test]
fn a_batch_that_is_cut_off_is_counted() {
    let whole = "0000000000000000000000162356c1370000000000036b65790000000576616c7565";
    let line = json!({ "hex": format!("{whole}0000") }).to_string();
    let done: Json = serde_json::from_str(&rows::decode_records(&line).unwrap()).unwrap();
    assert_eq!(done["batches"].as_array().unwrap().len(), 1);
    assert_eq!(done["partialBytes"], 2);
}

#[test]
fn a_line_that_is_not_utf_8_is_refused_as_it_is() {
    assert_eq!(rows::text("\u{e9}".as_bytes()).unwrap(), "\u{e9}");
    let failed = rows::text(b"{\"n\":\"\xff\"}").unwrap_err();
    assert_eq!(failed.to_string(), "the line is not UTF-8 at byte 6");
}

#[test]
fn a_line_that_is_no_row_says_why() {
    for (line, cause) in [
        ("x", "the line is not JSON: expected value at line 1 column 1"),
        ("[]", "the line is not a JSON object"),
    ] {
        let failed = rows::decode(line).unwrap_err();
        let row: Json = serde_json::from_str(failed.line()).unwrap();
        assert_eq!(row, json!({"line": line, "error": {"cause": cause}}));
        assert_eq!(failed.to_string(), cause);
    }
}

#[test]
fn the_answer_to_a_version_that_a_broker_lacks_is_read_as_version_0() {
    let line = r#"{"dir":"res","key":18,"ver":5,"hex":"00000007002300000001001200000003"}"#;
    let done: Json = serde_json::from_str(&rows::decode_frame(line).unwrap()).unwrap();
    assert_eq!(done["j"]["errorCode"], 35);
    assert_eq!(done["j"]["apiKeys"][0]["maxVersion"], 3);
}

/// The row comes back with its error in it, and the error makes a line of its own.
#[track_caller]
fn check(
    work: fn(&str) -> Result<String, rows::Failed>,
    mut row: Json,
    error: Json,
    message: &str,
) {
    let failed = work(&row.to_string()).unwrap_err();
    row["error"] = error;
    assert_eq!(serde_json::from_str::<Json>(failed.line()).unwrap(), row);
    assert_eq!(failed.to_string(), message);
}

/// The JSON of a row without tagged fields that hold their default. Eleven rows name such a
/// field, which their bytes do not tell from one that is absent.
fn canonical(info: &MessageInfo, json: &Json, version: i16) -> Json {
    json::print(info, &json::parse(info, json, version).unwrap(), version)
}

struct Row {
    id: String,
    info: &'static MessageInfo,
    version: i16,
    bytes: Bytes,
    json: Json,
    has_unknown_tags: bool,
}

/// Does something with each row; how many there were, and how many with unknown tags.
fn each_message(mut work: impl FnMut(Row)) -> (usize, usize) {
    let (mut count, mut with_unknown_tags) = (0, 0);
    for line in message_lines().lines() {
        let row: Json = serde_json::from_str(line).unwrap();
        let id = row["id"].as_str().unwrap().to_owned();
        let has_unknown_tags = id.ends_with("unknown-tags");
        let info = api::message(row["n"].as_str().unwrap()).unwrap();
        let (version, bytes) = (number(&row, "v"), unhex(&row));
        work(Row { id, info, version, bytes, json: row["j"].clone(), has_unknown_tags });
        count += 1;
        with_unknown_tags += usize::from(has_unknown_tags);
    }
    (count, with_unknown_tags)
}

fn message_lines() -> String {
    unpacked(MESSAGES) + &unpacked(LOG_RECORDS)
}

fn unpacked(gzip: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(gzip).read_to_string(&mut text).unwrap();
    text
}

fn number(row: &Json, name: &str) -> i16 {
    row[name].as_i64().unwrap().try_into().unwrap()
}

fn unhex(row: &Json) -> Bytes {
    let hex = row["hex"].as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
