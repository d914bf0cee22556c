//! Fetch waits, limits and converts as a broker does.

use std::time::Duration;

use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::record::{Compression, Magic, RecordBatches};
use kurier_protocol::release::Release;
use kurier_protocol::{ErrorCode, Uuid};

use super::bench::{Bench, Fate, batch, numbered, only, values};

/// A cluster with three batches of one record each in partition 0 of `t`, and their length.
fn filled(release: Release) -> (Bench, usize) {
    let mut bench = Bench::new(release);
    let version = if release >= Release::V0_11_0 { 3 } else { 2 };
    let magic = if version == 3 { Magic::V2 } else { Magic::V1 };
    for value in ["a", "b", "c"] {
        bench.produce(version, "t", 0, batch(magic, Compression::None, &[value]));
    }
    let log = &bench.state.partition("t", 0).unwrap().log;
    let length = log.batches().next().unwrap().batch.bytes().len();
    (bench, length)
}

fn with_wait(request: FetchRequest, min_bytes: i32) -> FetchRequest {
    FetchRequest { min_bytes, max_wait_ms: 500, ..request }
}

#[test]
fn a_fetch_waits_for_its_bytes_and_no_longer_than_it_says() {
    let (mut bench, length) = filled(Release::V4_4);
    let at = |bench: &Bench, offset, min_bytes| {
        with_wait(bench.fetch_request(12, &[(0, offset)]), min_bytes)
    };
    let enough = i32::try_from(length).unwrap();
    let request = at(&bench, 2, enough);
    assert!(matches!(bench.call(1, 12, &request), Fate::Answered(_)));
    let request = at(&bench, 2, enough + 1);
    let Fate::Waits(wait) = bench.call(1, 12, &request) else { panic!("no wait") };
    assert_eq!(wait, Duration::from_millis(500));
    let late = bench.call_again(1, 12, &request, Duration::from_millis(500));
    assert_eq!(values(&only(late.answer())), numbered(2, &["c"]));
    let request = at(&bench, 3, 0);
    let empty = only(bench.call(1, 12, &request).answer());
    assert_eq!((empty.high_watermark, empty.records.unwrap().0.len()), (3, 0));
}

#[test]
fn an_error_is_not_kept_waiting() {
    let (mut bench, _) = filled(Release::V4_4);
    let request = with_wait(bench.fetch_request(10, &[(0, 3), (1, 0)]), 1);
    let answer = bench.call(1, 10, &request).answer();
    let codes: Vec<_> = answer.responses[0].partitions.iter().map(|p| p.error_code).collect();
    assert_eq!(codes, [ErrorCode::NONE, ErrorCode::NOT_LEADER_OR_FOLLOWER]);
    let request = with_wait(bench.fetch_request(12, &[(0, 4)]), 1);
    assert_eq!(only(bench.call(1, 12, &request).answer()).error_code, OUT_OF_RANGE);
    bench.state.set_log_start("t", 0, 2).unwrap();
    assert_eq!(bench.fetch(12, 0, 1).error_code, OUT_OF_RANGE);
    assert_eq!(bench.fetch(12, 0, 2).log_start_offset, 2);
}

#[test]
fn a_partition_gives_no_more_than_it_may() {
    let (mut bench, length) = filled(Release::V4_4);
    let mut read = |version, partition_max: usize, max: usize| {
        let mut request = bench.fetch_request(version, &[(0, 0)]);
        request.max_bytes = i32::try_from(max).unwrap();
        request.topics[0].partitions[0].partition_max_bytes = i32::try_from(partition_max).unwrap();
        only(bench.call(1, version, &request).answer()).records.unwrap().0.len()
    };
    assert_eq!(read(12, 1 << 20, 1 << 20), 3 * length);
    // What fits comes, the last batch cut as from a file.
    assert_eq!(read(12, 2 * length + 5, 1 << 20), 2 * length + 5);
    assert_eq!(read(12, 1 << 20, length + 1), length + 1);
    // The first batch comes whole, however small the limit is.
    assert_eq!(read(12, 1, 1 << 20), length);
    assert_eq!(read(12, 1 << 20, 0), length);
}

#[test]
fn while_other_readers_are_slow_an_answer_has_one_batch() {
    let (mut bench, length) = filled(Release::V4_4);
    bench.fetch_bytes_max = 0;
    // However much it asks for, it is not kept waiting either.
    let request = with_wait(bench.fetch_request(12, &[(0, 0)]), i32::MAX);
    let answer = only(bench.call(1, 12, &request).answer());
    assert_eq!(answer.records.unwrap().0.len(), length);
}

#[test]
fn only_the_first_partition_may_go_beyond_the_limit() {
    let mut bench = Bench::new(Release::V4_4);
    for partition in [0, 1] {
        bench.state.partition_mut("t", partition).unwrap().set_leader(Some(3));
        bench.produce(9, "t", partition, batch(Magic::V2, Compression::None, &["x", "y"]));
    }
    let mut request = bench.fetch_request(12, &[(1, 0), (0, 0)]);
    request.max_bytes = 1;
    let answer = bench.call(3, 12, &request).answer();
    let sizes = answer.responses[0].partitions.iter().map(|p| values(p).len());
    assert_eq!(sizes.collect::<Vec<_>>(), [2, 0]);
}

#[test]
fn before_version_3_the_first_batch_is_cut_too() {
    let (mut bench, length) = filled(Release::V0_10_0);
    let mut request = bench.fetch_request(2, &[(0, 0)]);
    request.topics[0].partitions[0].partition_max_bytes = 10;
    let cut = only(bench.call(1, 2, &request).answer()).records.unwrap().0;
    assert_eq!(cut.len(), 10);
    request.topics[0].partitions[0].partition_max_bytes = i32::try_from(length).unwrap();
    assert_eq!(values(&only(bench.call(1, 2, &request).answer())), numbered(0, &["a"]));
}

#[test]
fn old_readers_get_old_formats() {
    for codec in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4] {
        let mut bench = Bench::new(Release::V3_9);
        bench.produce(9, "t", 0, batch(Magic::V2, codec, &["a", "b", "c"]));
        for (version, magic) in [(0, Magic::V0), (1, Magic::V0), (2, Magic::V1), (3, Magic::V1)] {
            // Converted records take no more bytes than stored ones, so there may be fewer.
            let mut read = Vec::new();
            while let Ok(offset @ 0..3) = i64::try_from(read.len()) {
                let some = bench.fetch(version, 0, offset);
                let bytes = some.records.clone().unwrap().0;
                assert!(RecordBatches::new(bytes).all(|b| b.unwrap().magic() == magic));
                read.extend(values(&some).into_iter().filter(|(found, _)| *found >= offset));
            }
            assert_eq!(read, numbered(0, &["a", "b", "c"]), "v{version} {codec}");
        }
        assert_eq!(values(&bench.fetch(4, 0, 1)), numbered(0, &["a", "b", "c"]));
    }
}

#[test]
fn an_old_reader_gets_on_within_a_large_batch() {
    let mut bench = Bench::new(Release::V3_9);
    bench.produce(9, "t", 0, batch(Magic::V2, Compression::None, &["a", "b", "c", "d"]));
    let mut request = bench.fetch_request(2, &[(0, 2)]);
    request.topics[0].partitions[0].partition_max_bytes = 60;
    let read = only(bench.call(1, 2, &request).answer());
    assert_eq!(values(&read), numbered(2, &["c"]));
}

#[test]
fn zstd_is_refused_to_those_who_cannot_read_it() {
    let mut bench = Bench::new(Release::V3_9);
    bench.produce(9, "t", 0, batch(Magic::V2, Compression::Gzip, &["a"]));
    bench.produce(9, "t", 0, batch(Magic::V2, Compression::Zstd, &["b"]));
    for version in [1, 3] {
        assert_eq!(values(&bench.fetch(version, 0, 0)), numbered(0, &["a"]), "v{version}");
        let refused = bench.fetch(version, 0, 1).error_code;
        assert_eq!(refused, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "v{version}");
    }
    // What is not converted is not looked at; but a topic can be known to be of zstd.
    for version in [4, 9, 10] {
        assert_eq!(values(&bench.fetch(version, 0, 0)), numbered(0, &["a", "b"]), "v{version}");
    }
    bench.state.topic_mut("t").unwrap().set_config("compression.type", "zstd").unwrap();
    for version in [1, 4, 9] {
        let refused = bench.fetch(version, 0, 0).error_code;
        assert_eq!(refused, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "v{version}");
    }
    assert_eq!(bench.fetch(10, 0, 0).error_code, ErrorCode::NONE);
}

#[test]
fn a_topic_can_refuse_old_readers() {
    let mut bench = Bench::new(Release::V3_9);
    bench.produce(9, "t", 0, batch(Magic::V2, Compression::None, &["a"]));
    bench
        .state
        .topic_mut("t")
        .unwrap()
        .set_config("message.downconversion.enable", "false")
        .unwrap();
    for (version, code) in [(3, ErrorCode::UNSUPPORTED_VERSION), (4, ErrorCode::NONE)] {
        assert_eq!(bench.fetch(version, 0, 0).error_code, code, "v{version}");
    }
}

#[test]
fn a_client_with_another_epoch_is_told() {
    let (mut bench, _) = filled(Release::V4_4);
    let partition = bench.state.partition_mut("t", 0).unwrap();
    partition.set_leader(Some(2));
    partition.set_leader(Some(1));
    let mut ask = |epoch, broker| {
        let mut request = bench.fetch_request(16, &[(0, 0)]);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        only(bench.call(broker, 16, &request).answer())
    };
    assert_eq!(ask(2, 1).error_code, ErrorCode::NONE);
    assert_eq!(ask(3, 1).error_code, ErrorCode::UNKNOWN_LEADER_EPOCH);
    let fenced = ask(1, 1);
    assert_eq!(fenced.error_code, ErrorCode::FENCED_LEADER_EPOCH);
    assert_eq!((fenced.current_leader.leader_id, fenced.current_leader.leader_epoch), (1, 2));
    // The leader that was reads on for who knows that it follows now.
    assert_eq!(ask(2, 2).error_code, ErrorCode::NONE);
}

#[test]
fn a_broker_without_the_partition_names_the_leader() {
    let mut bench = Bench::new(Release::V4_4);
    let planned = crate::state::NewTopic {
        name: "u",
        assignments: Some(&[vec![2, 3]]),
        ..Default::default()
    };
    let planned = bench.state.plan_topic(&planned).unwrap();
    let topic_id = planned.id;
    bench.state.add_topic("u", planned);
    let mut request = bench.fetch_request(16, &[(0, 0)]);
    request.topics[0].topic_id = topic_id;
    request.topics[0].partitions[0].current_leader_epoch = 7;
    let answer = bench.call(1, 16, &request).answer();
    let endpoints: Vec<_> = answer.node_endpoints.iter().map(|node| node.node_id).collect();
    assert_eq!(endpoints, [2]);
    let told = only(answer);
    assert_eq!(told.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(told.current_leader.leader_id, 2);
}

#[test]
fn a_reader_of_a_lost_tail_learns_where_it_diverged() {
    let (mut bench, _) = filled(Release::V4_4);
    bench.state.partition_mut("t", 0).unwrap().truncate(1);
    bench.produce(9, "t", 0, batch(Magic::V2, Compression::None, &["other"]));
    let mut request = with_wait(bench.fetch_request(12, &[(0, 2)]), 1);
    request.topics[0].partitions[0].last_fetched_epoch = 0;
    let told = only(bench.call(1, 12, &request).answer());
    assert_eq!((told.diverging_epoch.epoch, told.diverging_epoch.end_offset), (0, 1));
    assert_eq!(values(&told), []);
}

#[test]
fn a_session_that_goes_on_in_an_older_version_is_not_told_of_a_divergence() {
    let (mut bench, _) = filled(Release::V4_4);
    let mut request = bench.fetch_request(12, &[(0, 2)]);
    request.topics[0].partitions[0].last_fetched_epoch = 0;
    request.session_epoch = 0;
    let session_id = bench.call(1, 12, &request).answer().session_id;
    bench.state.partition_mut("t", 0).unwrap().truncate(1);
    bench.produce(9, "t", 0, batch(Magic::V2, Compression::None, &["other"]));
    let next = FetchRequest { session_id, session_epoch: 1, topics: vec![], ..request };
    let told = only(bench.call(1, 11, &next).answer());
    assert_eq!((told.error_code, told.high_watermark), (ErrorCode::NONE, 2));
}

#[test]
fn a_client_finds_no_session_under_the_id_that_another_broker_gave_it() {
    let mut bench = Bench::new(Release::V4_4);
    let request = |bench: &Bench, partition| FetchRequest {
        session_epoch: 0,
        ..bench.fetch_request(12, &[(partition, 0)])
    };
    let ids = [1, 2, 3].map(|broker| {
        let request = request(&bench, broker - 1);
        bench.call(broker, 12, &request).answer().session_id
    });
    assert!(ids.iter().all(|id| *id > 0), "{ids:?}");
    for (broker, session_id) in [(1, ids[1]), (2, ids[2]), (3, ids[0])] {
        let next = FetchRequest { session_id, session_epoch: 1, ..Default::default() };
        let mixed = bench.call(broker, 12, &next).answer().error_code;
        assert_eq!(mixed, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    }
}

#[test]
fn a_session_is_asked_for_what_is_new() {
    let (mut bench, _) = filled(Release::V4_4);
    bench.state.partition_mut("t", 1).unwrap().set_leader(Some(1));
    let request = bench.fetch_request(12, &[(0, 0), (1, 0)]);
    let first = bench.call(1, 12, &FetchRequest { session_epoch: 0, ..request }).answer();
    let session_id = first.session_id;
    assert_eq!(first.responses[0].partitions.len(), 2);
    let quiet = FetchRequest {
        session_id,
        session_epoch: 1,
        max_wait_ms: 100,
        ..bench.fetch_request(12, &[(0, 3)])
    };
    assert!(matches!(bench.call(1, 12, &quiet), Fate::Waits(_)));
    let late = bench.call_again(1, 12, &quiet, Duration::from_millis(100)).answer();
    assert_eq!((late.session_id, late.responses.len()), (session_id, 0));
    bench.produce(9, "t", 1, batch(Magic::V2, Compression::None, &["new"]));
    let next = FetchRequest { session_epoch: 2, topics: vec![], ..quiet };
    assert_eq!(values(&only(bench.call(1, 12, &next).answer())), numbered(0, &["new"]));
    // A broker that was away knows nothing of it.
    bench.state.stop(1, bench.now.instant);
    bench.state.start(1, bench.now.instant);
    let next = FetchRequest { session_epoch: 3, ..next };
    let answer = bench.call(1, 12, &next).answer();
    assert_eq!(answer.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn an_unknown_topic_id_is_told() {
    let (mut bench, _) = filled(Release::V4_4);
    let mut request = bench.fetch_request(13, &[(0, 0)]);
    request.topics[0].topic_id = Uuid([3; 16]);
    let answer = bench.call(1, 13, &request).answer();
    assert_eq!(answer.responses[0].partitions[0].error_code, ErrorCode::UNKNOWN_TOPIC_ID);
    assert_eq!(answer.responses[0].topic_id, Uuid([3; 16]));
}

#[test]
fn readers_of_committed_records_get_a_list_of_aborted_transactions() {
    let (mut bench, _) = filled(Release::V4_4);
    let mut read = |isolation_level| {
        let request = FetchRequest { isolation_level, ..bench.fetch_request(12, &[(0, 0)]) };
        let read = only(bench.call(1, 12, &request).answer());
        assert_eq!(read.last_stable_offset, 3);
        read.aborted_transactions
    };
    assert_eq!(read(0), None);
    assert_eq!(read(1), Some(vec![]));
}

const OUT_OF_RANGE: ErrorCode = ErrorCode::OFFSET_OUT_OF_RANGE;
