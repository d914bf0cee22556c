//! Logs are shortened by age and size, and compacted by key.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kurier_env::{Chance, Purpose, Seeded};
use kurier_protocol::ErrorCode;
use kurier_protocol::record::{
    BatchWriter, Compression, Magic, RecordBatch, RecordParts, Seal, TimestampType,
};
use kurier_protocol::release::Release;

use super::bench::{Bench, MILLIS, batch, values};
use crate::group::TransactionEnd;
use crate::transaction::Marker;

/// A batch of keys and values (no value: a tombstone), written at this time.
fn keyed(seal: &Seal, millis: i64, records: &[(&str, Option<&str>)]) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, millis);
    for (key, value) in records {
        let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
        writer.append(&RecordParts { timestamp: millis, key, value, headers: &[] }).unwrap();
    }
    writer.seal(seal).unwrap()
}

fn compacted(release: Release) -> Bench {
    let mut bench = Bench::new(release);
    bench.state.topic_mut("t").unwrap().set_config("cleanup.policy", "compact").unwrap();
    bench
}

fn produce(bench: &mut Bench, records: &[(&str, Option<&str>)]) {
    let records = keyed(&Seal::default(), bench.now.millis, records);
    assert_eq!(bench.produce(7, "t", 0, records).error_code, ErrorCode::NONE);
}

fn compact(bench: &mut Bench) {
    let millis = bench.now.millis;
    let (config, found, codecs) = bench.state.parts_mut("t", 0).unwrap();
    found.compact(millis, (config, codecs)).unwrap();
}

fn batches(bench: &Bench) -> Vec<RecordBatch> {
    bench.state.partition("t", 0).unwrap().log.batches().map(|s| s.batch.clone()).collect()
}

/// Offset, key and value of everything that is left, as it is fetched from an offset.
fn left(bench: &mut Bench, from: i64) -> Vec<(i64, String, Option<String>)> {
    let bytes = bench.fetch(12, 0, from).records.unwrap().0;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut found = Vec::new();
    for batch in kurier_protocol::record::RecordBatches::new(bytes) {
        let opened = batch.unwrap().open(&Default::default()).unwrap();
        for record in opened.records().map(Result::unwrap) {
            found.push((record.offset, text(record.key.unwrap()), record.value.map(text)));
        }
    }
    found
}

fn row(offset: i64, key: &str, value: Option<&str>) -> (i64, String, Option<String>) {
    (offset, key.to_owned(), value.map(str::to_owned))
}

#[test]
fn compaction_keeps_the_latest_record_of_each_key_where_it_was() {
    for codec in Compression::ALL {
        let mut bench = compacted(Release::V4_4);
        let seal = Seal { compression: codec, ..Seal::default() };
        let rows = [("a", Some("1")), ("b", Some("1")), ("a", Some("2"))];
        bench.produce(7, "t", 0, keyed(&seal, MILLIS, &rows));
        bench.produce(7, "t", 0, keyed(&seal, MILLIS, &[("a", Some("3")), ("c", Some("1"))]));
        compact(&mut bench);
        let expected = [row(1, "b", Some("1")), row(3, "a", Some("3")), row(4, "c", Some("1"))];
        assert_eq!(left(&mut bench, 0), expected, "{codec}");
        // The batch says where it reached, so that readers get beyond its gap.
        let first = &batches(&bench)[0];
        assert_eq!((first.base_offset(), first.last_offset()), (0, 2));
        assert_eq!(first.compression(), codec);
        assert_eq!(left(&mut bench, 2), expected);
        assert_eq!(left(&mut bench, 3), expected[1..]);
        let log = &bench.state.partition("t", 0).unwrap().log;
        assert_eq!((log.start(), log.end()), (0, 5));
    }
}

#[test]
fn a_tombstone_stays_as_long_as_the_topic_says() {
    let mut bench = compacted(Release::V4_4);
    bench.state.topic_mut("t").unwrap().set_config("delete.retention.ms", "1000").unwrap();
    produce(&mut bench, &[("a", Some("1")), ("b", Some("1"))]);
    produce(&mut bench, &[("a", None)]);
    produce(&mut bench, &[("c", Some("1"))]);
    compact(&mut bench);
    let with = [row(1, "b", Some("1")), row(2, "a", None), row(3, "c", Some("1"))];
    assert_eq!(left(&mut bench, 0), with);
    let horizon = batches(&bench)[1].delete_horizon_ms();
    assert_eq!(horizon, Some(bench.now.millis + 1000));
    bench.pass(Duration::from_millis(999));
    compact(&mut bench);
    assert_eq!(left(&mut bench, 0), with);
    bench.pass(Duration::from_millis(1));
    compact(&mut bench);
    assert_eq!(left(&mut bench, 0), [row(1, "b", Some("1")), row(3, "c", Some("1"))]);
    // Before 3.1 nothing is written into the batch.
    let mut bench = compacted(Release::V3_0);
    produce(&mut bench, &[("a", None), ("b", Some("1"))]);
    compact(&mut bench);
    assert_eq!(batches(&bench)[0].delete_horizon_ms(), None);
    bench.pass(Duration::from_secs(86_400));
    compact(&mut bench);
    assert_eq!(left(&mut bench, 0), [row(1, "b", Some("1"))]);
}

#[test]
fn the_last_batch_of_a_producer_stays_as_a_header() {
    let mut bench = compacted(Release::V4_4);
    let send = |bench: &mut Bench, base_sequence, value| {
        let seal = Seal { producer_id: 5, producer_epoch: 0, base_sequence, ..Seal::default() };
        let answer = bench.produce(9, "t", 0, keyed(&seal, MILLIS, &[("a", Some(value))]));
        (answer.error_code, answer.base_offset)
    };
    assert_eq!(send(&mut bench, 0, "1"), (ErrorCode::NONE, 0));
    assert_eq!(send(&mut bench, 1, "2"), (ErrorCode::NONE, 1));
    produce(&mut bench, &[("a", Some("3"))]);
    compact(&mut bench);
    assert_eq!(left(&mut bench, 0), [row(2, "a", Some("3"))]);
    let stay = batches(&bench);
    let found: Vec<_> = stay.iter().map(|b| (b.last_offset(), b.record_count())).collect();
    assert_eq!(found, [(1, Some(0)), (2, Some(1))]);
    assert_eq!((stay[0].producer_id(), stay[0].last_sequence()), (5, 1));
    assert_eq!(send(&mut bench, 2, "4"), (ErrorCode::NONE, 3));
}

#[test]
fn aborted_records_go_first_and_their_marker_later() {
    let mut bench = compacted(Release::V4_4);
    bench.state.topic_mut("t").unwrap().set_config("delete.retention.ms", "0").unwrap();
    let seal = Seal {
        producer_id: 5,
        producer_epoch: 0,
        base_sequence: 0,
        is_transactional: true,
        ..Seal::default()
    };
    produce(&mut bench, &[("a", Some("1"))]);
    let appended = {
        let records = keyed(&seal, MILLIS, &[("a", Some("never"))]);
        let now = bench.now;
        let (config, found, codecs) = bench.state.parts_mut("t", 0).unwrap();
        let produced = crate::produced::Produced {
            records: &records,
            version: 12,
            of: ("t", 0),
            config,
            millis: MILLIS,
        };
        let checked = produced.check(codecs).unwrap();
        let when = (now, crate::producer_state::Stranger::Anywhere);
        let appended = found.append(&checked, when, (config, codecs)).unwrap();
        // While it is open, nothing from there on is compacted.
        found.compact(MILLIS, (config, codecs)).unwrap();
        assert_eq!(found.log.batches().count(), 2);
        let end = TransactionEnd::Abort;
        let marker = Marker { producer_id: 5, epoch: 1, end, coordinator_epoch: 0 };
        found.end_transaction(marker, MILLIS, (config, codecs)).unwrap();
        appended
    };
    assert_eq!(appended.base_offset, 1);
    produce(&mut bench, &[("b", Some("1"))]);
    compact(&mut bench);
    let kinds = |bench: &Bench| -> Vec<(i64, bool)> {
        batches(bench).iter().map(|b| (b.last_offset(), b.is_control())).collect()
    };
    assert_eq!(kinds(&bench), [(0, false), (2, true), (3, false)]);
    // The next round finds a marker without records. It tells the producer's epoch, though.
    bench.pass(Duration::from_millis(1));
    compact(&mut bench);
    compact(&mut bench);
    assert_eq!(kinds(&bench), [(0, false), (2, true), (3, false)]);
    bench.state.partition_mut("t", 0).unwrap().producers.forget();
    compact(&mut bench);
    assert_eq!(kinds(&bench), [(0, false), (3, false)]);
}

#[test]
fn times_of_the_broker_and_old_formats_survive_compaction() {
    let mut bench = Bench::new(Release::V3_9);
    let topic = bench.state.topic_mut("t").unwrap();
    topic.set_config("cleanup.policy", "compact").unwrap();
    topic.set_config("message.timestamp.type", "LogAppendTime").unwrap();
    produce(&mut bench, &[("a", Some("1")), ("b", Some("1"))]);
    produce(&mut bench, &[("a", Some("2"))]);
    bench.pass(Duration::from_secs(5));
    compact(&mut bench);
    let first = &batches(&bench)[0];
    assert_eq!(first.timestamp_type(), Some(TimestampType::LogAppendTime));
    assert_eq!((first.max_timestamp(), first.record_count()), (MILLIS, Some(1)));

    for codec in [Compression::None, Compression::Gzip] {
        let mut bench = compacted(Release::V0_10_0);
        for values in [&["x", "y", "z"][..], &["last"]] {
            bench.produce(2, "t", 0, batch(Magic::V1, codec, values));
        }
        compact(&mut bench);
        let read = bench.fetch(2, 0, 0);
        assert_eq!(values(&read), [(3, "last".to_owned())], "{codec}");
    }
}

fn expire(bench: &mut Bench, rules: &[(&str, &str)]) -> i64 {
    for (name, value) in rules {
        bench.state.topic_mut("t").unwrap().set_config(name, value).unwrap();
    }
    let millis = bench.now.millis;
    let (config, found, _) = bench.state.parts_mut("t", 0).unwrap();
    found.apply_retention(millis, config);
    found.log.start()
}

/// Three batches of one record, a second apart.
fn aging() -> Bench {
    let mut bench = Bench::new(Release::V4_4);
    for value in ["a", "b", "c"] {
        produce(&mut bench, &[("key", Some(value))]);
        bench.pass(Duration::from_secs(1));
    }
    bench
}

#[test]
fn records_go_that_are_too_old_or_too_many() {
    // They are 3, 2 and 1 s old.
    assert_eq!(expire(&mut aging(), &[]), 0);
    assert_eq!(expire(&mut aging(), &[("retention.ms", "2000")]), 1);
    assert_eq!(expire(&mut aging(), &[("retention.ms", "1999")]), 2);
    assert_eq!(expire(&mut aging(), &[("retention.ms", "0")]), 3);
    assert_eq!(expire(&mut aging(), &[("retention.ms", "-1"), ("retention.bytes", "-1")]), 0);
    let length = batches(&aging())[0].bytes().len();
    let bytes = |count: usize, more: usize| (count * length + more).to_string();
    for (limit, start) in [(bytes(3, 0), 0), (bytes(2, 1), 0), (bytes(2, 0), 1), (bytes(0, 0), 3)] {
        assert_eq!(expire(&mut aging(), &[("retention.bytes", &limit)]), start, "{limit}");
    }
}

#[test]
fn what_is_compacted_only_or_not_readable_yet_is_not_deleted_for_its_age() {
    let rules = [("retention.ms", "0"), ("cleanup.policy", "compact")];
    assert_eq!(expire(&mut aging(), &rules), 0);
    assert_eq!(
        expire(&mut aging(), &[("retention.ms", "0"), ("cleanup.policy", "compact,delete")]),
        3
    );
    let mut bench = aging();
    bench.state.partition_mut("t", 0).unwrap().hold_follower(2);
    let request = bench.produce_request(7, "t", 0, keyed(&Seal::default(), 0, &[("k", None)]));
    bench
        .call(1, 7, &kurier_protocol::api::produce::ProduceRequest { acks: 1, ..request })
        .answer();
    assert_eq!(expire(&mut bench, &[("retention.ms", "0")]), 3);
    assert_eq!(bench.fetch(12, 0, 2).error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
}

#[test]
fn whatever_was_written_compaction_changes_no_latest_value() {
    let chance = Seeded::new(7);
    let number = |below: u64| chance.next(Purpose::Fault) % below;
    let keys = ["a", "b", "c", "d", "e"];
    for _ in 0..50 {
        let mut bench = compacted(Release::V4_4);
        let mut latest = BTreeMap::new();
        for round in 0..10 {
            let codec = Compression::ALL[usize::try_from(number(5)).unwrap()];
            let seal = Seal { compression: codec, ..Seal::default() };
            let values: Vec<_> = (0..=number(4)).map(|n| format!("{round}-{n}")).collect();
            let rows: Vec<_> = values
                .iter()
                .map(|value| {
                    let key = keys[usize::try_from(number(5)).unwrap()];
                    (key, Some(value.as_str()).filter(|_| number(4) > 0))
                })
                .collect();
            bench.produce(7, "t", 0, keyed(&seal, bench.now.millis, &rows));
            for (key, value) in rows {
                latest.insert(key.to_owned(), value.map(str::to_owned));
            }
            if number(3) == 0 {
                let end = bench.state.partition("t", 0).unwrap().log.end();
                compact(&mut bench);
                let once = left(&mut bench, 0);
                compact(&mut bench);
                assert_eq!(left(&mut bench, 0), once);
                assert!(once.is_sorted_by_key(|(offset, ..)| *offset));
                let found: BTreeMap<_, _> = once.into_iter().map(|(_, k, v)| (k, v)).collect();
                assert_eq!(found, latest);
                assert_eq!(bench.state.partition("t", 0).unwrap().log.end(), end);
            }
        }
    }
}
