//! Offsets are found by time and by leader epoch.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::find_coordinator::FindCoordinatorRequest;
use kurier_protocol::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsTopic,
};
use kurier_protocol::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kurier_protocol::record::{Compression, Magic};
use kurier_protocol::release::Release;

use super::bench::{Bench, MILLIS, batch};

/// Partition 0 of `t` with records at `MILLIS` + 0, 1, 2 and again + 0, 1.
fn filled(release: Release) -> Bench {
    let mut bench = Bench::new(release);
    let is_old = release < Release::V0_11_0;
    let (version, magic) = if is_old { (2, Magic::V1) } else { (3, Magic::V2) };
    for values in [&["a", "b", "c"][..], &["d", "e"]] {
        let answer = bench.produce(version, "t", 0, batch(magic, Compression::Gzip, values));
        assert_eq!(answer.error_code, ErrorCode::NONE);
    }
    bench
}

fn ask(bench: &mut Bench, version: i16, timestamp: i64) -> ListOffsetsPartitionResponse {
    let partition = ListOffsetsPartition { timestamp, max_num_offsets: 1, ..Default::default() };
    let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
    let request = ListOffsetsRequest { topics: vec![topic], ..Default::default() };
    bench.call(1, version, &request).answer().topics.remove(0).partitions.remove(0)
}

#[test]
fn a_time_leads_to_the_first_record_that_is_not_older() {
    let mut bench = filled(Release::V4_4);
    let mut find = |timestamp| {
        let found = ask(&mut bench, 7, timestamp);
        (found.offset, found.timestamp, found.leader_epoch)
    };
    assert_eq!(find(0), (0, MILLIS, 0));
    assert_eq!(find(MILLIS + 1), (1, MILLIS + 1, 0));
    assert_eq!(find(MILLIS + 2), (2, MILLIS + 2, 0));
    assert_eq!(find(MILLIS + 3), (-1, -1, -1));
}

#[test]
fn records_that_were_deleted_are_not_found() {
    let mut bench = filled(Release::V4_4);
    bench.state.set_log_start("t", 0, 1).unwrap();
    assert_eq!(ask(&mut bench, 7, 0).offset, 1);
    bench.state.set_log_start("t", 0, 4).unwrap();
    assert_eq!(ask(&mut bench, 7, 0).offset, 4);
    bench.state.set_log_start("t", 0, 5).unwrap();
    assert_eq!(ask(&mut bench, 7, 0).offset, -1);
    assert_eq!(ask(&mut bench, 7, -3).offset, -1);
}

#[test]
fn names_of_offsets_are_known_from_their_version_on() {
    let mut bench = filled(Release::V4_4);
    bench.state.set_log_start("t", 0, 1).unwrap();
    let rows = [(1, -1, 5), (1, -2, 1), (7, -3, 2), (8, -4, 1), (9, -5, -1), (11, -6, -1)];
    for (version, timestamp, offset) in rows {
        for version in version..=11 {
            let found = ask(&mut bench, version, timestamp);
            assert_eq!(found.error_code, ErrorCode::NONE, "v{version} {timestamp}");
            assert_eq!(found.offset, offset, "v{version} {timestamp}");
        }
        if version > 1 {
            let refused = ask(&mut bench, version - 1, timestamp).error_code;
            assert_eq!(refused, ErrorCode::UNSUPPORTED_VERSION, "{timestamp}");
        }
    }
    assert_eq!(ask(&mut bench, 11, -7).error_code, ErrorCode::UNSUPPORTED_VERSION);
}

#[test]
fn version_0_lists_the_starts_of_segments() {
    let mut bench = filled(Release::V0_10_0);
    bench.now.millis += 100;
    let mut list = |timestamp, max_num_offsets| {
        let partition = ListOffsetsPartition { timestamp, max_num_offsets, ..Default::default() };
        let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
        let request = ListOffsetsRequest { topics: vec![topic], ..Default::default() };
        let mut answer = bench.call(1, 0, &request).answer();
        answer.topics.remove(0).partitions.remove(0).old_style_offsets
    };
    assert_eq!(list(-1, 1), [5]);
    assert_eq!(list(-1, 9), [5, 0]);
    assert_eq!(list(-2, 9), [0]);
    assert_eq!(list(MILLIS + 50, 9), [0]);
    assert_eq!(list(MILLIS - 1, 9), [0i64; 0]);
}

#[test]
fn an_epoch_leads_to_its_end() {
    let mut bench = filled(Release::V4_4);
    bench.state.partition_mut("t", 0).unwrap().set_leader(Some(2));
    bench.produce(9, "t", 0, batch(Magic::V2, Compression::None, &["f"]));
    bench.state.partition_mut("t", 0).unwrap().set_leader(Some(1));
    let mut find = |leader_epoch| {
        let partition = OffsetForLeaderPartition { leader_epoch, ..Default::default() };
        let topic = OffsetForLeaderTopic { topic: "t".into(), partitions: vec![partition] };
        let request = OffsetForLeaderEpochRequest { topics: vec![topic], ..Default::default() };
        let found = bench.call(1, 4, &request).answer().topics.remove(0).partitions.remove(0);
        (found.leader_epoch, found.end_offset)
    };
    assert_eq!(find(0), (0, 5));
    assert_eq!(find(1), (1, 6));
    assert_eq!(find(2), (2, 6));
    assert_eq!(find(3), (-1, -1));
    assert_eq!(find(-1), (-1, -1));
}

#[test]
fn a_coordinator_is_a_broker_that_runs() {
    let mut bench = Bench::new(Release::V4_4);
    let keys = ["a", "b", "c"];
    let request = FindCoordinatorRequest {
        coordinator_keys: keys.iter().map(|key| (*key).into()).collect(),
        ..Default::default()
    };
    let found = bench.call(1, 4, &request).answer().coordinators;
    let nodes: Vec<_> = found.iter().map(|c| c.node_id).collect();
    assert_eq!(nodes.len(), 3);
    let old = FindCoordinatorRequest { key: "a".into(), ..Default::default() };
    let one = bench.call(1, 3, &old).answer();
    assert_eq!((one.error_code, one.node_id, one.port), (ErrorCode::NONE, nodes[0], 9092));
    bench.state.stop(nodes[0], bench.now.instant);
    assert_ne!(bench.call(2, 3, &old).answer().node_id, nodes[0]);
}
