//! Records are checked as a broker checks them.

use bytes::Bytes;
use kurier_protocol::ErrorCode;
use kurier_protocol::api::produce::PartitionProduceResponse;
use kurier_protocol::record::{Compression, Magic, Seal, TimestampType};
use kurier_protocol::release::Release;

use super::bench::{Bench, Fate, MILLIS, batch, numbered, sealed, values};

fn code(bench: &mut Bench, version: i16, records: Bytes) -> ErrorCode {
    bench.produce(version, "t", 0, records).error_code
}

fn plain(values: &[&str]) -> Bytes {
    batch(Magic::V2, Compression::None, values)
}

#[test]
fn offsets_are_assigned_one_after_the_other() {
    let mut bench = Bench::new(Release::V4_4);
    for (codec, base) in Compression::ALL.into_iter().zip([0, 2, 4, 6, 8]) {
        let answer = bench.produce(13, "t", 0, batch(Magic::V2, codec, &["a", "b"]));
        assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, base), "{codec}");
    }
    let stored: Vec<_> =
        bench.state.partition("t", 0).unwrap().log.batches().map(|s| s.compression()).collect();
    assert_eq!(stored, Compression::ALL);
    let expected = numbered(0, &["a", "b", "a", "b", "a", "b", "a", "b", "a", "b"]);
    assert_eq!(values(&bench.fetch(18, 0, 0)), expected);
}

#[test]
fn old_formats_are_stored_in_the_format_of_the_release() {
    let rows = [
        (Release::V0_10_0, 1, Magic::V0, Magic::V1),
        (Release::V0_10_0, 2, Magic::V1, Magic::V1),
        (Release::V3_9, 1, Magic::V0, Magic::V2),
        (Release::V3_9, 2, Magic::V1, Magic::V2),
    ];
    for (release, version, sent, kept) in rows {
        for codec in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4] {
            let mut bench = Bench::new(release);
            assert_eq!(code(&mut bench, version, batch(sent, codec, &["x", "y"])), ErrorCode::NONE);
            let answer = bench.produce(version, "t", 0, batch(sent, codec, &["z"]));
            assert_eq!(answer.base_offset, 2, "{release} {codec}");
            let log = &bench.state.partition("t", 0).unwrap().log;
            assert!(log.batches().all(|s| s.magic() == kept && s.compression() == codec));
            let read = bench.fetch(if kept == Magic::V1 { 2 } else { 4 }, 0, 0);
            assert_eq!(values(&read), numbered(0, &["x", "y", "z"]), "{release} {codec}");
        }
    }
}

#[test]
fn old_formats_may_claim_any_offset() {
    let (compression, base_offset) = (Compression::Gzip, i64::MAX - 1);
    let seal = Seal { compression, base_offset, ..Seal::default() };
    for release in [Release::V0_10_0, Release::V3_9] {
        let mut bench = Bench::new(release);
        let answer = bench.produce(2, "t", 0, sealed(Magic::V1, &seal, &["x", "y"]));
        assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, 0));
    }
}

#[test]
fn a_version_takes_only_its_own_format() {
    let mut bench = Bench::new(Release::V3_9);
    let rows = [
        (1, Magic::V1, ErrorCode::INVALID_RECORD),
        (2, Magic::V0, ErrorCode::NONE),
        (2, Magic::V2, ErrorCode::INVALID_RECORD),
        (3, Magic::V1, ErrorCode::INVALID_RECORD),
        (3, Magic::V2, ErrorCode::NONE),
    ];
    for (version, magic, expected) in rows {
        let records = batch(magic, Compression::None, &["x"]);
        assert_eq!(code(&mut bench, version, records), expected, "v{version} magic {magic}");
    }
    let zstd = batch(Magic::V2, Compression::Zstd, &["x"]);
    assert_eq!(code(&mut bench, 6, zstd.clone()), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    assert_eq!(code(&mut bench, 7, zstd), ErrorCode::NONE);
}

#[test]
fn damaged_records_are_refused_and_nothing_is_stored() {
    let mut bench = Bench::new(Release::V4_4);
    let good = plain(&["one", "two"]);
    for at in 0..good.len() {
        let mut bad = good.to_vec();
        bad[at] ^= 0x40;
        // Leader epoch (bytes 12 to 15) is the broker's to say, and no part of the checksum.
        let expected_ok = (12..16).contains(&at);
        let answer = bench.produce(7, "t", 1, bad.into());
        assert_eq!(answer.error_code.is_ok(), expected_ok, "byte {at}: {:?}", answer.error_code);
    }
    assert_eq!(bench.state.partition("t", 1).unwrap().log.end(), 8);
}

#[test]
fn a_request_holds_exactly_one_batch_from_version_3_on() {
    let mut bench = Bench::new(Release::V4_4);
    let two = Bytes::from([plain(&["a"]), plain(&["b"])].concat());
    assert_eq!(code(&mut bench, 9, two), ErrorCode::INVALID_RECORD);
    assert_eq!(code(&mut bench, 9, Bytes::new()), ErrorCode::INVALID_RECORD);
    let cut = Bytes::from([&plain(&["a"])[..], &plain(&["b"])[..20]].concat());
    assert_eq!(code(&mut bench, 9, cut), ErrorCode::NONE);
    let answer = bench.produce(9, "t", 0, plain(&["c"]));
    assert_eq!(answer.base_offset, 1);
}

#[test]
fn a_batch_over_the_limit_is_refused() {
    let mut bench = Bench::new(Release::V4_4);
    let records = plain(&["x"]);
    let limit = (records.len() - 1).to_string();
    bench.add_topic("small", &[("max.message.bytes", &limit)]);
    let answer = bench.produce(9, "small", 0, records);
    assert_eq!(answer.error_code, ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!((answer.error_message, answer.log_start_offset), (None, -1));
}

#[test]
fn records_that_no_segment_holds_are_refused() {
    let mut bench = Bench::new(Release::V3_9);
    let records = plain(&["x"]);
    let limit = (records.len() - 1).to_string();
    bench.add_topic("small", &[("segment.bytes", &limit)]);
    let answer = bench.produce(9, "small", 0, records);
    assert_eq!(answer.error_code, ErrorCode::RECORD_LIST_TOO_LARGE);
}

#[test]
fn acks_are_minus_one_zero_or_one() {
    let mut bench = Bench::new(Release::V4_4);
    let mut send = |acks, partition| {
        let request = bench.produce_request(9, "t", partition, plain(&["x"]));
        bench.call(1, 9, &kurier_protocol::api::produce::ProduceRequest { acks, ..request })
    };
    let refused = send(2, 0).answer().responses.remove(0).partition_responses.remove(0);
    assert_eq!(refused.error_code, ErrorCode::INVALID_REQUIRED_ACKS);
    assert!(matches!(send(0, 0), Fate::Silent));
    // Nobody hears of an error at acks=0, so the connection is closed.
    assert!(matches!(send(0, 1), Fate::Closed));
    let stored = send(1, 0).answer().responses.remove(0).partition_responses.remove(0);
    assert_eq!((stored.error_code, stored.base_offset), (ErrorCode::NONE, 1));
}

#[test]
fn acks_all_needs_replicas_in_sync() {
    let mut bench = Bench::new(Release::V4_4);
    bench.add_topic("safe", &[("min.insync.replicas", "3")]);
    let send = |bench: &mut Bench| bench.produce(9, "safe", 0, plain(&["x"])).error_code;
    assert_eq!(send(&mut bench), ErrorCode::NONE);
    bench.state.stop(3, bench.now.instant);
    assert_eq!(send(&mut bench), ErrorCode::NOT_ENOUGH_REPLICAS);
}

#[test]
fn another_broker_names_the_leader() {
    let mut bench = Bench::new(Release::V4_4);
    let request = bench.produce_request(13, "t", 1, plain(&["x"]));
    let answer = bench.call(1, 13, &request).answer();
    let refused = &answer.responses[0].partition_responses[0];
    assert_eq!(refused.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(refused.current_leader.leader_id, 2);
    let named: Vec<_> = answer.node_endpoints.iter().map(|n| (n.node_id, &*n.host)).collect();
    assert_eq!(named, [(2, "broker-2")]);
}

#[test]
fn unknown_topics_ids_and_partitions_are_told_apart() {
    let mut bench = Bench::new(Release::V4_4);
    let mut send = |version, topic: &str, partition| {
        let mut request = bench.produce_request(version, topic, partition, plain(&["x"]));
        if topic == "none" {
            request.topic_data[0].topic_id = kurier_protocol::Uuid([1; 16]);
        }
        let answer = bench.call(1, version, &request).answer();
        answer.responses[0].partition_responses[0].error_code
    };
    assert_eq!(send(12, "none", 0), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(send(13, "none", 0), ErrorCode::UNKNOWN_TOPIC_ID);
    assert_eq!(send(13, "t", 3), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(send(13, "t", -1), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn a_topic_may_want_the_brokers_time() {
    let mut bench = Bench::new(Release::V4_4);
    bench.add_topic("timed", &[("message.timestamp.type", "LogAppendTime")]);
    bench.now.millis += 500;
    let answer = bench.produce(9, "timed", 0, plain(&["x", "y"]));
    assert_eq!(answer.log_append_time_ms, MILLIS + 500);
    let log = &bench.state.partition("timed", 0).unwrap().log;
    let stored = &log.batches().next().unwrap().batch;
    assert_eq!(stored.timestamp_type(), Some(TimestampType::LogAppendTime));
    let opened = stored.open(&Default::default()).unwrap();
    assert!(opened.records().all(|record| record.unwrap().timestamp == MILLIS + 500));
}

#[test]
fn times_far_in_the_future_are_refused_record_by_record() {
    let mut bench = Bench::new(Release::V4_4);
    bench.now.millis = MILLIS - 3_600_000;
    let answer = bench.produce(9, "t", 0, plain(&["in time", "too late", "too late"]));
    assert_eq!(answer.error_code, ErrorCode::INVALID_TIMESTAMP);
    let blamed: Vec<_> = answer.record_errors.iter().map(|e| e.batch_index).collect();
    assert_eq!(blamed, [1, 2]);
    assert_eq!(answer.log_start_offset, 0, "it is the log that refuses");
    let why = "One or more records have been rejected due to invalid timestamp";
    assert_eq!(answer.error_message.as_deref(), Some(why));
    let mut older = Bench::new(Release::V3_9);
    older.now.millis = 0;
    assert_eq!(code(&mut older, 9, plain(&["x"])), ErrorCode::NONE);
}

#[test]
fn a_compacted_topic_wants_keys() {
    use kurier_protocol::record::{BatchWriter, RecordParts};
    let mut bench = Bench::new(Release::V4_4);
    bench.add_topic("compacted", &[("cleanup.policy", "compact")]);
    let mut writer = BatchWriter::new(Default::default(), Magic::V2, MILLIS);
    writer.append(&RecordParts { timestamp: MILLIS, ..Default::default() }).unwrap();
    let answer = bench.produce(9, "compacted", 0, writer.seal(&Seal::default()).unwrap());
    assert_eq!(answer.error_code, ErrorCode::INVALID_RECORD);
    assert_eq!(bench.produce(9, "compacted", 0, plain(&["x"])).error_code, ErrorCode::NONE);
}

#[test]
fn a_batch_is_not_larger_after_the_broker_has_written_it_anew() {
    let mut bench = Bench::new(Release::V4_4);
    bench.add_topic("t1", &[("compression.type", "uncompressed"), ("max.message.bytes", "500")]);
    for (value, code) in [("x", ErrorCode::NONE), (&"x".repeat(9000), MESSAGE_TOO_LARGE)] {
        let answer = bench.produce(9, "t1", 0, batch(Magic::V2, Compression::Gzip, &[value]));
        assert_eq!(answer.error_code, code);
    }
    assert_eq!(bench.state.partition("t1", 0).unwrap().log.end(), 1);
}

const MESSAGE_TOO_LARGE: ErrorCode = ErrorCode::MESSAGE_TOO_LARGE;

#[test]
fn a_topic_may_want_another_codec() {
    let mut bench = Bench::new(Release::V4_4);
    bench.add_topic("packed", &[("compression.type", "zstd")]);
    for codec in Compression::ALL {
        let answer = bench.produce(9, "packed", 0, batch(Magic::V2, codec, &["a", "b"]));
        assert_eq!(answer.error_code, ErrorCode::NONE);
    }
    let log = &bench.state.partition("packed", 0).unwrap().log;
    assert_eq!(log.end(), 10);
    for stored in log.batches() {
        assert_eq!(stored.compression(), Compression::Zstd);
        let opened = stored.batch.open(&Default::default()).unwrap();
        let kept = opened.records().all(|record| {
            let record = record.unwrap();
            record.key == Some(b"key") && record.headers().len() == 1
        });
        assert!(kept);
    }
}

#[test]
fn a_header_that_lies_about_the_latest_time_is_put_right() {
    let mut bench = Bench::new(Release::V4_4);
    let mut writer =
        kurier_protocol::record::BatchWriter::new(Default::default(), Magic::V2, MILLIS);
    let parts = kurier_protocol::record::RecordParts { timestamp: MILLIS, ..Default::default() };
    writer.append(&parts).unwrap();
    writer.extend_to(0, MILLIS + 1000).unwrap();
    assert_eq!(code(&mut bench, 9, writer.seal(&Seal::default()).unwrap()), ErrorCode::NONE);
    let log = &bench.state.partition("t", 0).unwrap().log;
    assert_eq!(log.batches().next().unwrap().batch.max_timestamp(), MILLIS);
}

#[test]
fn batches_that_clients_must_not_write_are_refused() {
    let mut bench = Bench::new(Release::V4_4);
    let control = Seal { is_control: true, ..Seal::default() };
    assert_eq!(code(&mut bench, 9, sealed(Magic::V2, &control, &["x"])), ErrorCode::INVALID_RECORD);
    let transactional = Seal {
        producer_id: 5,
        producer_epoch: 0,
        base_sequence: 0,
        is_transactional: true,
        ..Seal::default()
    };
    let nameless = code(&mut bench, 9, sealed(Magic::V2, &transactional, &["x"]));
    assert_eq!(nameless, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    // Nothing of such a request is appended.
    bench.state.partition_mut("t", 1).unwrap().set_leader(Some(1));
    let mut request = bench.produce_request(9, "t", 1, sealed(Magic::V2, &transactional, &["x"]));
    let good = bench.produce_request(9, "t", 0, plain(&["x"]));
    request.topic_data.splice(0..0, good.topic_data);
    let answer = bench.call(1, 9, &request).answer();
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
    let codes: Vec<_> = partitions.map(|partition| partition.error_code).collect();
    assert_eq!(codes, [ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED; 2]);
    assert_eq!(bench.state.partition("t", 0).unwrap().log.end(), 0);
    request.acks = 0;
    assert!(matches!(bench.call(1, 9, &request), Fate::Closed));
}

#[test]
fn a_batch_of_an_idempotent_producer_is_stored_once() {
    let mut bench = Bench::new(Release::V4_4);
    let mut send = |base_sequence, values: &[&str]| {
        let seal = Seal { producer_id: 5, producer_epoch: 0, base_sequence, ..Seal::default() };
        let answer = bench.produce(9, "t", 0, sealed(Magic::V2, &seal, values));
        (answer.error_code, answer.base_offset)
    };
    assert_eq!(send(0, &["a", "b"]), (ErrorCode::NONE, 0));
    assert_eq!(send(0, &["a", "b"]), (ErrorCode::NONE, 0));
    assert_eq!(send(2, &["c"]), (ErrorCode::NONE, 2));
    assert_eq!(send(4, &["e"]), (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1));
    assert_eq!(bench.state.partition("t", 0).unwrap().log.end(), 3);
}

fn idempotent(bench: &mut Bench, base_sequence: i32) -> PartitionProduceResponse {
    let seal = Seal { producer_id: 5, producer_epoch: 0, base_sequence, ..Seal::default() };
    bench.produce(7, "t", 0, sealed(Magic::V2, &seal, &["x"]))
}

#[test]
fn a_repeated_batch_is_answered_with_the_time_of_the_first() {
    let mut bench = Bench::new(Release::V4_4);
    assert_eq!(idempotent(&mut bench, 0).log_append_time_ms, -1);
    assert_eq!(idempotent(&mut bench, 0).log_append_time_ms, MILLIS);
}

#[test]
fn a_producer_that_was_forgotten_is_told_what_its_release_says() {
    let rows = [
        (Release::V1_0, ErrorCode::UNKNOWN_PRODUCER_ID),
        (Release::V2_4, ErrorCode::UNKNOWN_PRODUCER_ID),
        (Release::V2_5, ErrorCode::NONE),
        (Release::V4_4, ErrorCode::NONE),
    ];
    for (release, code) in rows {
        let mut bench = Bench::new(release);
        let version = if release < Release::V2_1 { 3 } else { 7 };
        let send = |bench: &mut Bench, base_sequence| {
            let seal = Seal { producer_id: 5, producer_epoch: 0, base_sequence, ..Seal::default() };
            bench.produce(version, "t", 0, sealed(Magic::V2, &seal, &["x"])).error_code
        };
        assert_eq!(send(&mut bench, 0), ErrorCode::NONE);
        assert_eq!(send(&mut bench, 1), ErrorCode::NONE);
        bench.state.partition_mut("t", 0).unwrap().producers.forget();
        assert_eq!(send(&mut bench, 2), code, "{release}");
    }
}

#[test]
fn deleting_records_makes_old_releases_forget_their_producers() {
    for (release, code) in
        [(Release::V2_3, ErrorCode::UNKNOWN_PRODUCER_ID), (Release::V2_4, ErrorCode::NONE)]
    {
        let mut bench = Bench::new(release);
        assert_eq!(idempotent(&mut bench, 0).error_code, ErrorCode::NONE);
        bench.state.set_log_start("t", 0, 1).unwrap();
        assert_eq!(idempotent(&mut bench, 1).error_code, code, "{release}");
    }
}

#[test]
fn only_what_changes_something_wakes_those_who_wait() {
    let mut bench = Bench::new(Release::V4_4);
    let before = bench.state.changes();
    let damaged = Bytes::from_static(&[0; 61]);
    assert!(!code(&mut bench, 13, damaged).is_ok());
    assert!(bench.state.parts_mut("nowhere", 0).is_none());
    assert!(bench.state.topic_mut("nowhere").is_none());
    assert!(bench.state.partition_mut("t", 99).is_none());
    assert!(bench.state.set_log_start("t", 0, 99).is_err());
    assert!(!bench.state.remove_topic("nowhere"));
    assert_eq!(bench.state.changes(), before);
    assert!(code(&mut bench, 13, plain(&["a"])).is_ok());
    assert_eq!(bench.state.changes(), before + 1);
}
