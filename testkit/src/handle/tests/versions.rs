//! What brokers of each release speak.

use bytes::Bytes;
use kurier_protocol::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use kurier_protocol::api::create_partitions::CreatePartitionsRequest;
use kurier_protocol::api::create_topics::CreateTopicsRequest;
use kurier_protocol::api::delete_topics::DeleteTopicsRequest;
use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::api::find_coordinator::FindCoordinatorRequest;
use kurier_protocol::api::init_producer_id::InitProducerIdRequest;
use kurier_protocol::api::list_offsets::ListOffsetsRequest;
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_protocol::api::offset_for_leader_epoch::OffsetForLeaderEpochRequest;
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::release::{Release, accepts};
use kurier_protocol::{ApiKey, ErrorCode, Message, Request, decode, frame};

use super::bench::{Bench, Fate};
use crate::handle::open;
use crate::handle::served::SERVED;

fn hello() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "kurier".into(),
        client_software_version: "0.1".into(),
        ..Default::default()
    }
}

fn speaks_what_it_says<R: Request>(release: Release, request: &R) {
    let mut bench = Bench::new(release);
    for version in R::VERSIONS {
        let is_spoken = accepts(release, R::KEY, version);
        match bench.call(1, version, request) {
            Fate::Answered(_) => assert!(is_spoken, "{release} {} v{version}", R::KEY),
            Fate::Closed => assert!(!is_spoken, "{release} {} v{version}", R::KEY),
            other => panic!("{release} {} v{version}: {other:?}", R::KEY),
        }
    }
}

#[test]
fn every_version_of_every_release_is_answered_and_no_other() {
    for &release in Release::ALL {
        let produce = ProduceRequest { acks: 1, ..Default::default() };
        speaks_what_it_says(release, &produce);
        speaks_what_it_says(release, &FetchRequest::default());
        speaks_what_it_says(release, &ListOffsetsRequest::default());
        speaks_what_it_says(release, &MetadataRequest::default());
        speaks_what_it_says(release, &FindCoordinatorRequest::default());
        speaks_what_it_says(release, &CreateTopicsRequest::default());
        speaks_what_it_says(release, &DeleteTopicsRequest::default());
        let plain = InitProducerIdRequest { transactional_id: None, ..Default::default() };
        speaks_what_it_says(release, &plain);
        speaks_what_it_says(release, &OffsetForLeaderEpochRequest::default());
        speaks_what_it_says(release, &CreatePartitionsRequest::default());
    }
}

#[test]
fn only_served_apis_are_advertised() {
    let mut bench = Bench::new(Release::V4_4);
    let answer = bench.call(1, 4, &hello()).answer();
    assert_eq!(answer.error_code, ErrorCode::NONE);
    let keys: Vec<_> = answer.api_keys.iter().map(|api| api.api_key).collect();
    assert_eq!(keys, SERVED);
    let produce = &answer.api_keys[0];
    assert_eq!((produce.min_version, produce.max_version), (0, 13));
}

#[test]
fn a_narrowed_api_is_advertised_and_answered_as_far_as_it_is_left() {
    let speak = |range| {
        let mut bench = Bench::new(Release::V3_9);
        bench.state.set_spoken(1, |spoken| spoken.narrow(ApiKey::FETCH, Some(range)));
        let answer = bench.call(1, 4, &hello()).answer();
        let fetch = answer.api_keys.iter().find(|api| api.api_key == ApiKey::FETCH);
        let told = fetch.map(|api| (api.min_version, api.max_version));
        let is_answered = |&version: &i16| {
            let fate = bench.call(1, version, &FetchRequest::default());
            matches!(fate, Fate::Answered(_))
        };
        (told, FetchRequest::VERSIONS.filter(is_answered).collect::<Vec<_>>())
    };
    assert_eq!(speak(4..=6), (Some((4, 6)), vec![4, 5, 6]));
    assert_eq!(speak(16..=99), (Some((16, 17)), vec![16, 17]));
    assert_eq!(speak(18..=18), (None, vec![]));
}

/// The answer to ApiVersions in a version that the release lacks, which is of version 0.
fn answer_to_unknown(release: Release, version: i16) -> ApiVersionsResponse {
    let mut bench = Bench::new(release);
    let mut bytes = frame::request(&hello(), 3, 7, None).unwrap().to_bytes().to_vec();
    bytes[6..8].copy_from_slice(&version.to_be_bytes());
    let mut opened = open(&release.into(), &Bytes::from(bytes).slice(4..)).unwrap();
    let at = (1, crate::state::ListenerId::MEMORY);
    let context = crate::handle::Context::new(&opened.header, at, bench.now);
    let crate::handle::Step::Answer(answer) = opened.pending.poll(&mut bench.state, &context)
    else {
        panic!("no answer")
    };
    let (_, body) =
        frame::open_response(ApiKey::API_VERSIONS, 0, &answer.to_bytes().slice(4..)).unwrap();
    decode(&body, 0).unwrap()
}

#[test]
fn an_unknown_version_of_apiversions_is_answered_in_version_0() {
    let old = answer_to_unknown(Release::V1_1, 3);
    assert_eq!((old.error_code, old.api_keys.len()), (ErrorCode::UNSUPPORTED_VERSION, 0));
    let new = answer_to_unknown(Release::V2_8, 99);
    assert_eq!(new.error_code, ErrorCode::UNSUPPORTED_VERSION);
    let named: Vec<_> =
        new.api_keys.iter().map(|a| (a.api_key, a.min_version, a.max_version)).collect();
    assert_eq!(named, [(ApiKey::API_VERSIONS, 0, 3)]);
}

#[test]
fn clients_without_a_proper_name_are_refused() {
    for name in ["", "-kurier", "kurier.", "ku rier"] {
        let request = ApiVersionsRequest { client_software_name: name.into(), ..hello() };
        let answer = Bench::new(Release::V4_4).call(1, 3, &request).answer();
        assert_eq!(answer.error_code, ErrorCode::INVALID_REQUEST, "{name:?}");
    }
}

#[test]
fn a_client_that_meant_another_broker_is_told() {
    let at = |cluster: Option<&str>, node_id| {
        let cluster_id = cluster.map(Into::into);
        let request = ApiVersionsRequest { cluster_id, node_id, ..hello() };
        Bench::new(Release::V4_4).call(1, 5, &request).answer().error_code
    };
    let cluster = Bench::new(Release::V4_4).state.settings.ids.cluster;
    assert_eq!(at(None, -1), ErrorCode::NONE);
    assert_eq!(at(Some(&*cluster), 1), ErrorCode::NONE);
    assert_eq!(at(Some(&*cluster), 2), ErrorCode::REBOOTSTRAP_REQUIRED);
    assert_eq!(at(Some("other"), 1), ErrorCode::REBOOTSTRAP_REQUIRED);
    assert_eq!(at(None, 1), ErrorCode::INVALID_REQUEST);
}

#[test]
fn requests_that_are_no_requests_close_the_connection() {
    let good = frame::request(&hello(), 3, 7, Some("client")).unwrap().to_bytes().slice(4..);
    for length in 0..good.len() {
        assert!(open(&Release::V4_4.into(), &good.slice(..length)).is_err(), "{length}");
    }
    assert!(open(&Release::V4_4.into(), &good).is_ok());
    let longer = Bytes::from([&good[..], b"x"].concat());
    assert!(open(&Release::V4_4.into(), &longer).is_err());
    let unknown = [&999i16.to_be_bytes()[..], &good[2..]].concat();
    assert!(open(&Release::V4_4.into(), &unknown.into()).is_err());
}

#[test]
fn plain_producer_ids_are_new_each_time() {
    let mut bench = Bench::new(Release::V4_4);
    let request = InitProducerIdRequest { transactional_id: None, ..Default::default() };
    let mut ask = || bench.call(1, 4, &request).answer();
    let (one, two) = (ask(), ask());
    assert_eq!((one.error_code, one.producer_epoch), (ErrorCode::NONE, 0));
    assert_ne!(one.producer_id, two.producer_id);
}
