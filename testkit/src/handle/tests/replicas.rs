//! Replicas fall behind and come back: what that means for those who write and those who read.

use std::time::Duration;

use bytes::Bytes;
use kurier_protocol::ErrorCode;
use kurier_protocol::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kurier_protocol::api::produce::{PartitionProduceResponse, ProduceResponse};
use kurier_protocol::record::{Compression, Magic};
use kurier_protocol::release::Release;

use super::bench::{Bench, Fate, MILLIS, batch, numbered, only, values};
use crate::state::Partition;
use crate::topic_config::TopicConfig;

fn one(value: &str) -> Bytes {
    batch(Magic::V2, Compression::None, &[value])
}

/// Changes partition 0 of a topic, which broker 1 leads.
fn change<T>(
    bench: &mut Bench,
    topic: &str,
    change: impl FnOnce(&mut Partition, &TopicConfig) -> T,
) -> T {
    let (config, found, _) = bench.state.parts_mut(topic, 0).unwrap();
    let changed = change(found, config);
    bench.state.push_change();
    changed
}

/// A topic `two` that wants two replicas in sync.
fn strict(release: Release) -> Bench {
    let mut bench = Bench::new(release);
    bench.add_topic("two", &[("min.insync.replicas", "2")]);
    change(&mut bench, "two", |found, _| found.set_leader(Some(1)));
    bench
}

fn first(response: ProduceResponse) -> PartitionProduceResponse {
    response.responses.into_iter().next().unwrap().partition_responses.remove(0)
}

/// Sends a record with acks=all that waits; gives the number under which it does.
fn send_and_wait(bench: &mut Bench, topic: &str) -> u64 {
    let request = bench.produce_request(9, topic, 0, one("x"));
    let call = bench.new_call();
    let fate = bench.poll(1, 9, (&request, call), Duration::ZERO);
    assert!(matches!(fate, Fate::Waits(_)), "{fate:?}");
    call
}

fn outcome(bench: &mut Bench, topic: &str, call: u64) -> (ErrorCode, i64) {
    let request = bench.produce_request(9, topic, 0, one("x"));
    let answer = first(bench.poll(1, 9, (&request, call), Duration::ZERO).answer());
    (answer.error_code, answer.base_offset)
}

#[test]
fn acks_all_waits_for_all_replicas_in_sync() {
    let mut bench = Bench::new(Release::V4_4);
    change(&mut bench, "t", |found, _| found.hold_follower(3));
    let call = send_and_wait(&mut bench, "t");
    let leader_only = bench.produce_request(9, "t", 0, one("y"));
    let leader_only = kurier_protocol::api::produce::ProduceRequest { acks: 1, ..leader_only };
    assert_eq!(first(bench.call(1, 9, &leader_only).answer()).base_offset, 1);
    let partition = bench.state.partition("t", 0).unwrap();
    assert_eq!((partition.high_watermark(), partition.log.end()), (0, 2));
    change(&mut bench, "t", Partition::release_followers);
    assert_eq!(outcome(&mut bench, "t", call), (ErrorCode::NONE, 0));
    // Answered once, appended once.
    assert_eq!(bench.state.partition("t", 0).unwrap().high_watermark(), 2);
}

#[test]
fn ever_so_many_requests_wait_and_each_is_appended_once() {
    let mut bench = Bench::new(Release::V4_4);
    change(&mut bench, "t", |found, _| found.hold_follower(3));
    let count = 11_000;
    let calls: Vec<u64> = (0..count).map(|_| send_and_wait(&mut bench, "t")).collect();
    change(&mut bench, "t", Partition::release_followers);
    for (call, offset) in calls.into_iter().zip(0..) {
        assert_eq!(outcome(&mut bench, "t", call), (ErrorCode::NONE, offset));
    }
    assert_eq!(bench.state.partition("t", 0).unwrap().log.end(), count);
}

#[test]
fn acks_all_waits_no_longer_than_it_says() {
    let mut bench = Bench::new(Release::V4_4);
    change(&mut bench, "t", |found, _| found.hold_follower(3));
    let request = bench.produce_request(9, "t", 0, one("x"));
    let call = bench.new_call();
    let Fate::Waits(wait) = bench.poll(1, 9, (&request, call), Duration::ZERO) else {
        panic!("no wait")
    };
    assert_eq!(wait, Duration::from_secs(1));
    let answer = first(bench.poll(1, 9, (&request, call), wait).answer());
    assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::REQUEST_TIMED_OUT, 0));
    assert_eq!(bench.state.partition("t", 0).unwrap().log.end(), 1);
}

#[test]
fn a_leader_that_is_replaced_while_it_waits_says_so() {
    let mut bench = Bench::new(Release::V4_4);
    change(&mut bench, "t", |found, _| found.hold_follower(2));
    change(&mut bench, "t", |found, _| found.hold_follower(3));
    let call = send_and_wait(&mut bench, "t");
    change(&mut bench, "t", |found, _| found.set_leader(Some(2)));
    assert_eq!(outcome(&mut bench, "t", call).0, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    // The new leader never had the record.
    assert_eq!(bench.state.partition("t", 0).unwrap().log.end(), 0);
}

#[test]
fn too_few_replicas_in_sync_refuse_acks_all() {
    let mut bench = strict(Release::V4_4);
    change(&mut bench, "two", |found, config| found.set_in_sync(&[1], config));
    let refused = bench.produce(9, "two", 0, one("x"));
    assert_eq!(refused.error_code, ErrorCode::NOT_ENOUGH_REPLICAS);
    change(&mut bench, "two", |found, config| found.set_in_sync(&[1, 3], config));
    assert_eq!(bench.produce(9, "two", 0, one("x")).error_code, ErrorCode::NONE);
    // Where there are fewer replicas than that, all of them are enough (3.7).
    for (release, code) in
        [(Release::V3_6, ErrorCode::NOT_ENOUGH_REPLICAS), (Release::V3_7, ErrorCode::NONE)]
    {
        let mut bench = Bench::new(release);
        bench.add_topic("four", &[("min.insync.replicas", "4")]);
        assert_eq!(bench.produce(9, "four", 0, one("x")).error_code, code, "{release}");
    }
}

#[test]
fn replicas_that_leave_while_acks_all_waits_are_missed() {
    // Until 3.6 the high watermark goes on without them, and the producer is told; since then it
    // stays, and the producer waits on.
    let mut bench = strict(Release::V3_6);
    change(&mut bench, "two", |found, _| found.hold_follower(3));
    let call = send_and_wait(&mut bench, "two");
    change(&mut bench, "two", |found, config| found.set_in_sync(&[1], config));
    let code = ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND;
    assert_eq!(outcome(&mut bench, "two", call), (code, 0));
    assert_eq!(bench.state.partition("two", 0).unwrap().high_watermark(), 1);

    let mut bench = strict(Release::V3_7);
    change(&mut bench, "two", |found, _| found.hold_follower(3));
    let call = send_and_wait(&mut bench, "two");
    change(&mut bench, "two", |found, config| found.set_in_sync(&[1], config));
    let request = bench.produce_request(9, "two", 0, one("x"));
    let fate = bench.poll(1, 9, (&request, call), Duration::ZERO);
    assert!(matches!(fate, Fate::Waits(_)), "{fate:?}");
    bench.state.topic_mut("two").unwrap().set_config("min.insync.replicas", "1").unwrap();
    assert_eq!(outcome(&mut bench, "two", call), (ErrorCode::NONE, 0));
}

#[test]
fn readers_see_what_all_replicas_in_sync_have() {
    let mut bench = Bench::new(Release::V4_4);
    bench.produce(9, "t", 0, one("a"));
    change(&mut bench, "t", |found, _| found.hold_follower(2));
    send_and_wait(&mut bench, "t");
    let read = bench.fetch(12, 0, 0);
    assert_eq!((read.high_watermark, read.last_stable_offset), (1, 1));
    assert_eq!(values(&read), numbered(0, &["a"]));
    // Beyond is not yet, beyond the end is never.
    assert_eq!(bench.fetch(12, 0, 2).error_code, ErrorCode::NONE);
    assert_eq!(bench.fetch(12, 0, 3).error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert!(bench.state.set_log_start("t", 0, 2).is_err());
    change(&mut bench, "t", Partition::release_followers);
    assert_eq!(values(&bench.fetch(12, 0, 0)), numbered(0, &["a", "x"]));
}

fn offset(bench: &mut Bench, version: i16, broker: i32, timestamp: i64) -> (ErrorCode, i64) {
    let partition = ListOffsetsPartition { timestamp, ..Default::default() };
    let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
    let request = ListOffsetsRequest { topics: vec![topic], ..Default::default() };
    let mut answer = bench.call(broker, version, &request).answer();
    let found = answer.topics.remove(0).partitions.remove(0);
    (found.error_code, found.offset)
}

#[test]
fn offsets_beyond_the_high_watermark_are_not_told() {
    let mut bench = Bench::new(Release::V4_4);
    change(&mut bench, "t", |found, _| found.hold_follower(2));
    send_and_wait(&mut bench, "t");
    assert_eq!(offset(&mut bench, 7, 1, -1), (ErrorCode::NONE, 0));
    assert_eq!(offset(&mut bench, 7, 1, -3), (ErrorCode::NONE, -1));
    assert_eq!(offset(&mut bench, 7, 1, MILLIS), (ErrorCode::NONE, -1));
    // A new leader whose followers lag does not know what was committed.
    change(&mut bench, "t", |found, _| found.set_leader(Some(3)));
    assert_eq!(offset(&mut bench, 7, 3, -1), (ErrorCode::OFFSET_NOT_AVAILABLE, -1));
    assert_eq!(offset(&mut bench, 4, 3, -1), (ErrorCode::LEADER_NOT_AVAILABLE, -1));
    assert_eq!(offset(&mut bench, 7, 3, MILLIS), (ErrorCode::OFFSET_NOT_AVAILABLE, -1));
    assert_eq!(offset(&mut bench, 7, 3, -2), (ErrorCode::NONE, 0));
    change(&mut bench, "t", Partition::release_followers);
    assert_eq!(offset(&mut bench, 7, 3, -1), (ErrorCode::NONE, 1));
}

#[test]
fn a_follower_that_was_behind_loses_the_end_when_it_leads() {
    let mut bench = Bench::new(Release::V4_4);
    bench.produce(9, "t", 0, one("a"));
    change(&mut bench, "t", |found, config| found.set_in_sync(&[1], config));
    bench.produce(9, "t", 0, one("b"));
    bench.state.stop(1, bench.now.instant);
    let waiting = bench.state.partition("t", 0).unwrap();
    assert_eq!((waiting.leader, waiting.log.end()), (None, 2));
    // A topic that rather loses records than waits elects at once.
    bench
        .state
        .topic_mut("t")
        .unwrap()
        .set_config("unclean.leader.election.enable", "true")
        .unwrap();
    bench.state.stop(3, bench.now.instant);
    let lost = bench.state.partition("t", 0).unwrap();
    assert_eq!((lost.leader, &lost.in_sync[..], lost.log.end()), (Some(2), &[2][..], 1));
    bench.produce(9, "t", 0, one("other"));
    // Those who come back have what the leader has.
    bench.state.start(1, bench.now.instant);
    bench.state.start(3, bench.now.instant);
    let back = bench.state.partition("t", 0).unwrap();
    assert_eq!(back.in_sync, [1, 2, 3]);
    assert_eq!((back.end_at(1), back.high_watermark()), (2, 2));
    assert_eq!(values(&bench.fetch(12, 0, 0)), numbered(0, &["a", "other"]));
}

#[test]
fn followers_serve_readers_as_far_as_they_have_come() {
    let mut bench = Bench::new(Release::V4_4);
    bench.produce(9, "t", 0, one("a"));
    change(&mut bench, "t", |found, config| found.set_in_sync(&[1, 3], config));
    bench.produce(9, "t", 0, one("b"));
    let mut read = |version, broker, offset| {
        let request = bench.fetch_request(version, &[(0, offset)]);
        only(bench.call(broker, version, &request).answer())
    };
    assert_eq!(values(&read(11, 3, 0)), numbered(0, &["a", "b"]));
    let behind = read(11, 2, 0);
    assert_eq!((behind.high_watermark, values(&behind)), (1, numbered(0, &["a"])));
    assert_eq!(read(11, 2, 1).error_code, ErrorCode::NONE);
    assert_eq!(read(11, 2, 2).error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(read(10, 3, 0).error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
}
