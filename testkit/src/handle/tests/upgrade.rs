//! A cluster becomes another release while it runs: what was there before goes by its rules.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use kurier_protocol::record::{Compression, Magic};
use kurier_protocol::release::Release;

use super::bench::{Bench, batch};
use super::consumer_groups::joins;

impl Bench {
    fn upgrade(&mut self, release: Release) {
        for broker in 1..=3 {
            assert!(self.state.set_spoken(broker, |spoken| spoken.release = release));
        }
        self.state.finalize_release(release);
    }
}

#[test]
fn topics_from_before_take_the_log_format_of_the_release_and_have_its_defaults() {
    let mut bench = Bench::new(Release::V0_10_0);
    bench.add_topic("small", &[("max.message.bytes", "1000")]);
    let old = bench.produce(2, "t", 0, batch(Magic::V1, Compression::None, &["a"]));
    assert_eq!((old.error_code, old.base_offset), (ErrorCode::NONE, 0));
    bench.upgrade(Release::V4_4);
    let new = bench.produce(9, "t", 0, batch(Magic::V2, Compression::None, &["b"]));
    assert_eq!((new.error_code, new.base_offset), (ErrorCode::NONE, 1));
    let log = &bench.state.partition("t", 0).unwrap().log;
    assert_eq!(log.batches().map(|one| one.magic()).collect::<Vec<_>>(), [Magic::V1, Magic::V2]);
    let bytes_max = |topic| bench.state.topic(topic).unwrap().config.message_bytes_max;
    assert_eq!((bytes_max("t"), bytes_max("small")), (1_048_588, 1000));
}

#[test]
fn groups_know_the_ids_that_topics_from_before_get() {
    let mut bench = Bench::new(Release::V2_7);
    bench.add_topic("u", &[]);
    bench.upgrade(Release::V4_4);
    let joining = ConsumerGroupHeartbeatRequest {
        subscribed_topic_names: Some(vec!["t".into(), "u".into()]),
        ..joins("m")
    };
    let given = bench.beat(&joining).assignment.unwrap().topic_partitions;
    let given: Vec<_> = given.into_iter().map(|one| (one.topic_id, one.partitions)).collect();
    let id = |topic| bench.state.topic(topic).unwrap().id;
    assert_eq!(given, [(id("t"), vec![0, 1, 2]), (id("u"), vec![0, 1, 2])]);
    for topic in ["t", "u"] {
        assert_eq!(bench.state.topic_name(id(topic)).map(|name| name.as_str()), Some(topic));
    }
}
