//! No bytes make a handler panic: requests of all APIs and versions, damaged in every place.

use bytes::Bytes;
use kurier_protocol::api::api_versions::ApiVersionsRequest;
use kurier_protocol::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use kurier_protocol::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kurier_protocol::api::delete_topics::DeleteTopicsRequest;
use kurier_protocol::api::find_coordinator::FindCoordinatorRequest;
use kurier_protocol::api::init_producer_id::InitProducerIdRequest;
use kurier_protocol::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kurier_protocol::api::metadata::{MetadataRequest, MetadataRequestTopic};
use kurier_protocol::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kurier_protocol::record::{Compression, Magic};
use kurier_protocol::release::{Release, accepts};
use kurier_protocol::{ErrorCode, Request, frame};

use super::bench::{Bench, batch};
use crate::handle::{Context, Step, open};
use crate::state::ListenerId;

/// Feeds a release every damaged form of a request, in all its versions, and counts what was
/// understood nevertheless.
pub(super) fn damage<R: Request>(bench: &mut Bench, of: impl Fn(&Bench, i16) -> R) -> usize {
    let release = bench.state.settings.release;
    let mut understood = 0;
    for version in R::VERSIONS.filter(|&version| accepts(release, R::KEY, version)) {
        let request = of(bench, version);
        let good = frame::request(&request, version, 7, Some("c")).unwrap().to_bytes().slice(4..);
        assert!(feed(bench, good.clone()), "{} v{version}", R::KEY);
        for at in 4..good.len() {
            for damage in [0x01, 0x40, 0x80, 0xff] {
                let mut bad = good.to_vec();
                bad[at] ^= damage;
                understood += usize::from(feed(bench, bad.into()));
            }
            assert!(!feed(bench, good.slice(..at)), "{} v{version} {at}", R::KEY);
        }
    }
    understood
}

/// Whether the bytes were understood as a request. What was answered must be fit to be sent.
fn feed(bench: &mut Bench, bytes: Bytes) -> bool {
    let Ok(mut opened) = open(bench.state.spoken(1), &bytes) else { return false };
    let new = Context::new(&opened.header, (1, ListenerId::MEMORY), bench.now);
    let context = Context { is_last_call: true, ..new };
    let refusal = opened.pending.refuse(ErrorCode::UNKNOWN_SERVER_ERROR);
    assert!(matches!(refusal, Step::Answer(_)), "{refusal:?}");
    let step = opened.pending.poll(&mut bench.state, &context);
    assert!(!matches!(step, Step::Wait(_)), "{step:?}");
    true
}

#[test]
fn damaged_requests_are_refused_or_answered() {
    for release in [Release::V3_9, Release::V4_4] {
        let mut bench = Bench::new(release);
        bench.state.settings.auto_create = false;
        let mut understood = damage(&mut bench, |bench, version| {
            let magic = [Magic::V0, Magic::V0, Magic::V1];
            let magic = usize::try_from(version).ok().and_then(|v| magic.get(v).copied());
            let records = batch(magic.unwrap_or(Magic::V2), Compression::Gzip, &["x"]);
            bench.produce_request(version, "t", 0, records)
        });
        understood +=
            damage(&mut bench, |bench, version| bench.fetch_request(version, &[(0, 0), (1, 9)]));
        understood += damage(&mut bench, |_, _| {
            let partitions = vec![ListOffsetsPartition { timestamp: 1, ..Default::default() }];
            let topics = vec![ListOffsetsTopic { name: "t".into(), partitions }];
            ListOffsetsRequest { topics, ..Default::default() }
        });
        understood += damage(&mut bench, |_, _| {
            let topics =
                vec![MetadataRequestTopic { name: Some("t".into()), ..Default::default() }];
            MetadataRequest { topics: Some(topics), ..Default::default() }
        });
        understood += damage(&mut bench, |_, version| match version {
            ..4 => FindCoordinatorRequest { key: "g".into(), ..Default::default() },
            _ => {
                FindCoordinatorRequest { coordinator_keys: vec!["g".into()], ..Default::default() }
            }
        });
        understood += damage(&mut bench, |_, _| {
            let partitions = vec![OffsetForLeaderPartition::default()];
            let topics = vec![OffsetForLeaderTopic { topic: "t".into(), partitions }];
            OffsetForLeaderEpochRequest { topics, ..Default::default() }
        });
        understood += damage(&mut bench, |_, _| InitProducerIdRequest {
            transactional_id: None,
            ..Default::default()
        });
        understood += damage(&mut bench, |_, _| ApiVersionsRequest::default());
        understood += damage(&mut bench, |_, _| {
            let topics =
                vec![CreatePartitionsTopic { name: "t".into(), count: 1, assignments: None }];
            CreatePartitionsRequest { topics, ..Default::default() }
        });
        understood += damage(&mut bench, |_, _| {
            let topic = CreatableTopic { name: "t".into(), ..Default::default() };
            CreateTopicsRequest { topics: vec![topic], validate_only: false, ..Default::default() }
        });
        understood += damage(&mut bench, |_, version| match version {
            ..6 => DeleteTopicsRequest { topic_names: vec!["n".into()], ..Default::default() },
            _ => DeleteTopicsRequest::default(),
        });
        assert!(understood > 1000, "{understood}");
    }
}
