//! What holds for Fetch in every version.

use kurier_protocol::api::fetch::{FetchRequest, ForgottenTopic, PartitionData};
use kurier_protocol::record::{Compression, Magic, RecordBatches};
use kurier_protocol::release::{Release, accepts};
use kurier_protocol::{ApiKey, ErrorCode, Records};

use super::bench::{Bench, batch, only};

/// Every release that adds something to Fetch, with the versions that it takes.
fn releases() -> impl Iterator<Item = (Release, Vec<i16>)> {
    let releases = [Release::V0_10_0, Release::V0_11_0, Release::V3_9, Release::V4_4];
    releases.into_iter().map(|release| {
        let versions = (0..=20).filter(|version| accepts(release, ApiKey::FETCH, *version));
        (release, versions.collect())
    })
}

/// A cluster with two batches in partition 0 of `t`.
fn filled(release: Release) -> Bench {
    let mut bench = Bench::new(release);
    let is_old = release < Release::V0_11_0;
    let (version, magic) = if is_old { (2, Magic::V1) } else { (3, Magic::V2) };
    for value in ["a", "b"] {
        let answer = bench.produce(version, "t", 0, batch(magic, Compression::None, &[value]));
        assert_eq!(answer.error_code, ErrorCode::NONE);
    }
    bench
}

#[test]
fn no_records_are_written_as_an_empty_set_and_never_as_null() {
    for (release, versions) in releases() {
        let mut bench = filled(release);
        for version in versions {
            let mut read = |broker, offset| {
                let request = bench.fetch_request(version, &[(0, offset)]);
                only(bench.call(broker, version, &request).answer())
            };
            let nothing_new = read(1, 2);
            assert_eq!(nothing_new.error_code, ErrorCode::NONE);
            let out_of_range = read(1, 9);
            assert_eq!(out_of_range.error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
            let follower = read(2, 2);
            for answer in [nothing_new, out_of_range, follower] {
                let PartitionData { records, aborted_transactions, .. } = answer;
                assert_eq!(records, Some(Records::default()), "{release} v{version}");
                // Of those there is a list only for readers of committed records.
                let expected = (version < 4).then(Vec::new);
                assert_eq!(aborted_transactions, expected, "{release} v{version}");
            }
        }
    }
}

#[test]
fn a_limit_of_one_byte_still_gives_one_batch() {
    for (release, versions) in releases() {
        let mut bench = filled(release);
        for version in versions.into_iter().filter(|version| *version >= 3) {
            let mut request = bench.fetch_request(version, &[(0, 0)]);
            for (total, each) in [(1, 1), (1, 1 << 20), (1 << 20, 1)] {
                request.max_bytes = total;
                request.topics[0].partitions[0].partition_max_bytes = each;
                let records = only(bench.call(1, version, &request).answer()).records.unwrap();
                let batches: Vec<_> = RecordBatches::new(records.0).map(Result::unwrap).collect();
                let offsets: Vec<_> = batches.iter().map(|b| b.last_offset()).collect();
                assert_eq!(offsets, [0], "{release} v{version} {total} {each}");
            }
        }
    }
}

#[test]
fn a_fetch_waits_for_no_more_bytes_than_it_takes() {
    let mut bench = filled(Release::V4_4);
    let request = bench.fetch_request(12, &[(0, 0)]);
    let request = FetchRequest { min_bytes: i32::MAX, max_bytes: 1, max_wait_ms: 500, ..request };
    assert!(!only(bench.call(1, 12, &request).answer()).records.unwrap().0.is_empty());
}

#[test]
fn a_session_gains_and_loses_partitions_in_every_version_that_has_sessions() {
    for (release, versions) in releases() {
        for version in versions.into_iter().filter(|version| *version >= 7) {
            let mut bench = filled(release);
            for partition in [1, 2] {
                bench.state.partition_mut("t", partition).unwrap().set_leader(Some(1));
            }
            let mut send = |request: FetchRequest| {
                let answer = bench.call(1, version, &request).answer();
                let parts = answer.responses.iter().flat_map(|topic| &topic.partitions);
                let parts = parts.map(|part| part.partition_index).collect::<Vec<_>>();
                (answer.error_code, answer.session_id, parts)
            };
            let from = |partitions: &[(i32, i64)], session_id, session_epoch| FetchRequest {
                session_id,
                session_epoch,
                ..Bench::new(release).fetch_request(version, partitions)
            };
            let first = send(from(&[(0, 0), (1, 0)], 0, 0));
            let id = first.1;
            assert!(id > 0, "{release} v{version}");
            assert_eq!(first, (ErrorCode::NONE, id, vec![0, 1]), "{release} v{version}");
            // Partition 0 is forgotten, 2 is new, and of 1 there is nothing to say.
            let mut next = from(&[(2, 0)], id, 1);
            let (topic, topic_id) = (next.topics[0].topic.clone(), next.topics[0].topic_id);
            next.forgotten_topics_data =
                vec![ForgottenTopic { topic, topic_id, partitions: vec![0] }];
            assert_eq!(send(next), (ErrorCode::NONE, id, vec![2]), "{release} v{version}");
            let mut empty = from(&[(0, 0)], id, 2);
            empty.topics.clear();
            assert_eq!(send(empty), (ErrorCode::NONE, id, vec![]), "{release} v{version}");
        }
    }
}
