//! Clients are sent to a follower in their rack (KIP-392).

use std::time::Duration;

use kurier_protocol::ErrorCode;
use kurier_protocol::api::fetch::{FetchRequest, PartitionData};
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_protocol::record::{Compression, Magic};
use kurier_protocol::release::Release;

use super::bench::{Bench, Fate, batch, only, values};

/// Brokers 1 to 3 in racks a, b, b; partition 0 of `t` has a record, and broker 1 leads it.
fn racked(release: Release) -> Bench {
    let mut bench = unselected(release);
    bench.state.settings.has_rack_selector = true;
    bench
}

/// The same, whose brokers have no selector.
fn unselected(release: Release) -> Bench {
    let mut bench = Bench::new(release);
    for (broker, rack) in [(1, "a"), (2, "b"), (3, "b")] {
        assert!(bench.state.set_rack(broker, rack.into()));
    }
    bench.produce(7, "t", 0, batch(Magic::V2, Compression::None, &["x"]));
    bench
}

fn read(bench: &mut Bench, broker: i32, rack: &str, offset: i64) -> PartitionData {
    let request = bench.fetch_request(11, &[(0, offset)]);
    // However long it would wait.
    let request =
        FetchRequest { rack_id: rack.into(), min_bytes: 1 << 20, max_wait_ms: 500, ..request };
    match bench.call(broker, 11, &request) {
        Fate::Waits(wait) => only(bench.call_again(broker, 11, &request, wait).answer()),
        fate => only(fate.answer()),
    }
}

#[test]
fn a_leader_sends_a_client_to_a_follower_in_its_rack() {
    let mut bench = racked(Release::V4_4);
    let sent = read(&mut bench, 1, "b", 0);
    assert_eq!((sent.error_code, sent.preferred_read_replica), (ErrorCode::NONE, 3));
    assert_eq!((sent.high_watermark, values(&sent).len()), (1, 0));
    let there = read(&mut bench, 3, "b", 0);
    assert_eq!((there.preferred_read_replica, values(&there).len()), (-1, 1));
    for rack in ["", "a", "c"] {
        let stays = read(&mut bench, 1, rack, 0);
        assert_eq!((stays.preferred_read_replica, values(&stays).len()), (-1, 1), "{rack}");
    }
}

#[test]
fn a_leader_without_a_selector_sends_nobody_away() {
    let mut bench = unselected(Release::V4_4);
    let stays = read(&mut bench, 1, "b", 0);
    assert_eq!((stays.preferred_read_replica, values(&stays).len()), (-1, 1));
}

#[test]
fn a_client_is_told_at_once_where_to_go() {
    let mut bench = racked(Release::V4_4);
    let request = FetchRequest {
        rack_id: "b".into(),
        max_wait_ms: 500,
        ..bench.fetch_request(11, &[(0, 1)])
    };
    let told = only(bench.call_again(1, 11, &request, Duration::ZERO).answer());
    assert_eq!(told.preferred_read_replica, 3);
}

#[test]
fn a_follower_that_cannot_serve_the_client_is_not_named() {
    let mut bench = racked(Release::V4_4);
    let (config, found, _) = bench.state.parts_mut("t", 0).unwrap();
    found.set_in_sync(&[1, 2], config);
    assert_eq!(read(&mut bench, 1, "b", 0).preferred_read_replica, 2);
    bench.state.stop(2, bench.now.instant);
    assert_eq!(read(&mut bench, 1, "b", 0).preferred_read_replica, -1);
    // It has not come as far as the client.
    let mut bench = racked(Release::V4_4);
    for broker in [2, 3] {
        bench.state.partition_mut("t", 0).unwrap().hold_follower(broker);
    }
    let request = bench.produce_request(8, "t", 0, batch(Magic::V2, Compression::None, &["y"]));
    let request = kurier_protocol::api::produce::ProduceRequest { acks: 1, ..request };
    bench.call(1, 8, &request).answer();
    assert_eq!(read(&mut bench, 1, "b", 2).preferred_read_replica, -1);
}

#[test]
fn a_session_tells_where_to_go_each_time() {
    let mut bench = racked(Release::V4_4);
    let request = FetchRequest {
        rack_id: "b".into(),
        session_epoch: 0,
        ..bench.fetch_request(11, &[(0, 0)])
    };
    let first = bench.call(1, 11, &request).answer();
    assert_eq!(first.responses[0].partitions[0].preferred_read_replica, 3);
    let next =
        FetchRequest { session_id: first.session_id, session_epoch: 1, topics: vec![], ..request };
    assert_eq!(only(bench.call(1, 11, &next).answer()).preferred_read_replica, 3);
}

#[test]
fn racks_are_told_and_used_from_their_release_on() {
    let mut bench = racked(Release::V4_4);
    let brokers = bench.call(1, 9, &MetadataRequest::default()).answer().brokers;
    let racks: Vec<_> = brokers.iter().map(|broker| broker.rack.as_deref()).collect();
    assert_eq!(racks, [Some("a"), Some("b"), Some("b")]);
    let mut bench = racked(Release::V2_3);
    let request = FetchRequest { rack_id: "b".into(), ..bench.fetch_request(11, &[(0, 0)]) };
    let stays = only(bench.call(1, 11, &request).answer());
    assert_eq!((stays.preferred_read_replica, values(&stays).len()), (-1, 1));
}
