//! What the cluster asks of its brokers, against brokers that the test plays.

use kurier_protocol::api::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use kurier_protocol::{ErrorCode, Uuid};

use super::*;
use crate::metadata::Leader;
use crate::scripted::{Brokers, Far, world};

const APIS: &[(ApiKey, i16, i16)] = &[(ApiKey::METADATA, 0, 12), (ApiKey::API_VERSIONS, 0, 3)];

fn answer(topics: &[(&str, ErrorCode, i32)]) -> MetadataResponse {
    let broker = |(node_id, port)| MetadataResponseBroker {
        node_id,
        host: "b".into(),
        port,
        ..Default::default()
    };
    let topic = |(name, error_code, leader_id): &(&str, ErrorCode, i32)| MetadataResponseTopic {
        error_code: *error_code,
        name: Some((*name).into()),
        partitions: vec![MetadataResponsePartition {
            leader_id: *leader_id,
            leader_epoch: 3,
            ..Default::default()
        }],
        ..Default::default()
    };
    MetadataResponse {
        brokers: [(1, 9092), (2, 9093)].map(broker).into(),
        topics: topics.iter().map(topic).collect(),
        ..Default::default()
    }
}

/// A cluster that has made its first contact, and the broker that it made it with.
async fn connected(apis: &[(ApiKey, i16, i16)]) -> (Cluster, Brokers, Far) {
    let (env, mut brokers) = world(1 << 20);
    let servers = vec!["b:9092".parse().unwrap()];
    let connect = tokio::spawn(Cluster::connect(env, ClientConfig::default(), servers));
    let mut far = brokers.accept_ready(apis).await;
    let (header, request) = far.read_as::<MetadataRequest>().await;
    assert_eq!(request.topics.unwrap(), []);
    far.answer(&header, &answer(&[])).await;
    (connect.await.unwrap().unwrap(), brokers, far)
}

fn wait_for(
    cluster: &Cluster,
    name: &'static str,
    creation: Creation,
) -> JoinHandle<Result<Arc<Topic>, Error>> {
    let cluster = cluster.clone();
    let deadline = Instant::now() + Duration::from_secs(60);
    tokio::spawn(async move { cluster.topic(name, creation, deadline).await })
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_asked_for_with_permission_to_create_it_only_if_that_is_given() {
    for creation in [Creation::Never, Creation::Allowed] {
        let (cluster, mut brokers, _first) = connected(APIS).await;
        let topic = wait_for(&cluster, "t", creation);
        let mut far = brokers.accept_ready(APIS).await;
        let (header, request) = far.read_as::<MetadataRequest>().await;
        assert_eq!(request.allow_auto_topic_creation, creation == Creation::Allowed);
        assert_eq!(request.topics.unwrap()[0].name.as_deref(), Some("t"));
        far.answer(&header, &answer(&[("t", ErrorCode::LEADER_NOT_AVAILABLE, -1)])).await;
        // It was created: it is waited for.
        let (header, _) = far.read_as::<MetadataRequest>().await;
        far.answer(&header, &answer(&[("t", ErrorCode::NONE, 1)])).await;
        assert_eq!(topic.await.unwrap().unwrap().partitions.len(), 1);
        assert_eq!(cluster.picture().leader_of("t", 0), Some(Leader { broker: 1, epoch: 3 }));
    }
}

#[tokio::test(start_paused = true)]
async fn brokers_before_0_11_are_asked_for_all_topics_so_that_none_is_created() {
    let apis = &[(ApiKey::METADATA, 0, 1), (ApiKey::API_VERSIONS, 0, 0)];
    let (cluster, mut brokers, _first) = connected(apis).await;
    let topic = wait_for(&cluster, "t", Creation::Never);
    let mut far = brokers.accept_ready(apis).await;
    let (header, request) = far.read_as::<MetadataRequest>().await;
    assert_eq!((header.request_api_version, request.topics), (1, None));
    let two = [("other", ErrorCode::NONE, 1), ("t", ErrorCode::NONE, 2)];
    far.answer(&header, &answer(&two)).await;
    topic.await.unwrap().unwrap();
    assert!(cluster.picture().topic("other").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_may_not_be_seen_is_an_error_at_once() {
    let (cluster, mut brokers, _first) = connected(APIS).await;
    let start = Instant::now();
    let topic = wait_for(&cluster, "t", Creation::Never);
    let mut far = brokers.accept_ready(APIS).await;
    let (header, _) = far.read_as::<MetadataRequest>().await;
    far.answer(&header, &answer(&[("t", ErrorCode::TOPIC_AUTHORIZATION_FAILED, -1)])).await;
    let error = topic.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("no ACL allows User:ANONYMOUS to Describe"), "{error}");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_was_never_reached_names_who_advertises_its_address() {
    let (cluster, brokers, _first) = connected(APIS).await;
    brokers.net.refuse(9092);
    brokers.net.refuse(9093);
    let call = |broker| {
        let make = |_| MetadataRequest::default();
        cluster.call(broker, Class::Fetch(7), 0..=i16::MAX, make)
    };
    let asked = call(2).await.unwrap_err().to_string();
    let opened = cluster.versions(2, Class::Fetch(8)).await.unwrap_err().to_string();
    for text in [asked, opened] {
        let begin = "cannot reach b:9093: connection refused; that is the address of broker 2 as \
                     b:9092 (bootstrap.servers) has it: set advertised.listeners";
        assert!(text.starts_with(begin), "{text}");
    }
    // The address of the other one is the one that was given.
    let text = call(1).await.unwrap_err().to_string();
    assert!(text.contains("b:9092: connection refused; check the address"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn metadata_that_does_not_come_in_time_names_what_the_broker_said() {
    let (cluster, mut brokers, _first) = connected(APIS).await;
    let topic = wait_for(&cluster, "t", Creation::Never);
    let mut far = brokers.accept_ready(APIS).await;
    let said = [("t", ErrorCode::LEADER_NOT_AVAILABLE, -1)];
    serve_for(&mut far, Duration::from_secs(61), &said).await;
    let error = topic.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert_eq!(error.code(), Some(ErrorCode::LEADER_NOT_AVAILABLE));
    let text = "no usable metadata of topic t (the last try: broker answered LEADER_NOT_AVAILABLE \
                to Metadata for topic t; if it stays so";
    assert!(error.to_string().starts_with(text), "{error}");
}

/// Answers questions about topics until a time is over; says which topics each was about.
async fn serve_for(
    far: &mut Far,
    wait: Duration,
    topics: &[(&str, ErrorCode, i32)],
) -> Vec<Vec<String>> {
    let mut asked = Vec::new();
    let until = Instant::now() + wait;
    while let Ok((header, request)) = timeout_at(until, far.read_as::<MetadataRequest>()).await {
        let names: Vec<_> = request.topics.unwrap_or_default();
        let names: Vec<_> = names.into_iter().map(|t| t.name.unwrap().to_string()).collect();
        let of = |(name, _, _): &&(&str, ErrorCode, i32)| names.iter().any(|n| n == name);
        let known: Vec<_> = topics.iter().filter(of).copied().collect();
        far.answer(&header, &answer(&known)).await;
        asked.push(names);
    }
    asked
}

#[tokio::test(start_paused = true)]
async fn one_who_gives_up_on_a_topic_takes_it_from_nobody_else() {
    let (cluster, mut brokers, _first) = connected(APIS).await;
    let other = cluster.with_own_interest();
    let topic = wait_for(&cluster, "t", Creation::Never);
    let mut far = brokers.accept_ready(APIS).await;
    serve_for(&mut far, Duration::from_secs(1), &[("t", ErrorCode::NONE, 1)]).await;
    topic.await.unwrap().unwrap();

    let missing = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    cluster.refresh();
    serve_for(&mut far, Duration::from_secs(1), &[("t", missing, -1)]).await;
    let given_up = wait_for(&other, "t", Creation::Never);
    serve_for(&mut far, Duration::from_secs(9), &[("t", missing, -1)]).await;
    assert!(matches!(given_up.await.unwrap(), Err(Error::UnknownTopic { .. })));

    cluster.refresh();
    let asked = serve_for(&mut far, Duration::from_secs(2), &[("t", ErrorCode::NONE, 2)]).await;
    assert_eq!(asked[0], ["t"]);
    assert_eq!(cluster.picture().leader_of("t", 0), Some(Leader { broker: 2, epoch: 3 }));
}

#[tokio::test(start_paused = true)]
async fn topics_are_asked_for_as_long_as_somebody_wants_them() {
    let (cluster, mut brokers, _first) = connected(APIS).await;
    let (one, two) = (cluster.with_own_interest(), cluster.with_own_interest());
    let both = [("a", ErrorCode::NONE, 1), ("b", ErrorCode::NONE, 1)];
    let topics = [("a", &one), ("a", &two), ("b", &two)];
    let topics = topics.map(|(name, cluster)| wait_for(cluster, name, Creation::Never));
    let mut far = brokers.accept_ready(APIS).await;
    serve_for(&mut far, Duration::from_secs(1), &both).await;
    for topic in topics {
        topic.await.unwrap().unwrap();
    }
    for (gone, left) in [(two, vec!["a"]), (one, vec![])] {
        drop(gone);
        cluster.refresh();
        let asked = serve_for(&mut far, Duration::from_secs(1), &both).await;
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0], left);
        let known: Vec<_> = cluster.picture().topics().map(|t| t.name.to_string()).collect();
        assert_eq!(known, left, "nothing keeps the others fresh");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_for_good_is_not_asked_for_each_second_for_ever() {
    for (error, leader) in [(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1), (ErrorCode::NONE, -1)] {
        let (cluster, mut brokers, _first) = connected(APIS).await;
        let topic = wait_for(&cluster, "t", Creation::Never);
        let mut far = brokers.accept_ready(APIS).await;
        serve_for(&mut far, Duration::from_secs(1), &[("t", ErrorCode::NONE, 1)]).await;
        topic.await.unwrap().unwrap();
        cluster.refresh();
        let gone = [("t", error, leader)];
        serve_for(&mut far, Duration::from_secs(120), &gone).await;
        // Whoever needs it asks for it.
        let asked = serve_for(&mut far, Duration::from_secs(60), &gone).await;
        assert!(asked.is_empty(), "{asked:?}");
        cluster.refresh();
        let asked = serve_for(&mut far, Duration::from_secs(60), &gone).await;
        assert_eq!(asked, [["t"]]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_long_ago_is_not_told_again() {
    let (cluster, mut brokers, _first) = connected(APIS).await;
    let denied = wait_for(&cluster, "t", Creation::Never);
    let mut far = brokers.accept_ready(APIS).await;
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    serve_for(&mut far, Duration::from_secs(1), &[("t", code, -1)]).await;
    denied.await.unwrap().unwrap_err();
    let granted = wait_for(&cluster, "t", Creation::Never);
    serve_for(&mut far, Duration::from_secs(1), &[("t", ErrorCode::NONE, 1)]).await;
    granted.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_names_no_brokers_is_not_believed() {
    let (cluster, mut brokers, _first) = connected(APIS).await;
    cluster.refresh();
    for _ in 0..2 {
        let mut far = brokers.accept_ready(APIS).await;
        let (header, _) = far.read_as::<MetadataRequest>().await;
        far.answer(&header, &MetadataResponse::default()).await;
        tokio::spawn(async move { far.is_closed().await });
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(cluster.picture().brokers().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_a_broker_names_elsewhere_is_applied_without_a_question() {
    let (cluster, mut brokers, _first) = connected(APIS).await;
    let topic = wait_for(&cluster, "t", Creation::Never);
    let mut far = brokers.accept_ready(APIS).await;
    let (header, _) = far.read_as::<MetadataRequest>().await;
    far.answer(&header, &answer(&[("t", ErrorCode::NONE, 1)])).await;
    topic.await.unwrap().unwrap();
    let mut pictures = cluster.watch();
    pictures.mark_unchanged();
    let leader = Leader { broker: 7, epoch: 4 };
    let address = Address::new("c", 1234);
    cluster.heard_leader(Hint {
        topic: "t".into(),
        topic_id: Uuid::ZERO,
        partition: 0,
        leader,
        address: Some(address.clone()),
    });
    pictures.changed().await.unwrap();
    let picture = cluster.picture();
    assert_eq!(picture.leader_of("t", 0), Some(leader));
    assert_eq!(picture.broker(7).unwrap().address, address);
    assert!(!brokers.has_connection());
}

#[tokio::test(start_paused = true)]
async fn each_owner_has_connections_of_its_own() {
    let (cluster, mut brokers, _first) = connected(APIS).await;
    let classes = [
        Class::Produce(cluster.new_owner()),
        Class::Produce(cluster.new_owner()),
        Class::Fetch(cluster.new_owner()),
        Class::Normal,
    ];
    let mut fars = Vec::new();
    for class in classes {
        let asked = {
            let cluster = cluster.clone();
            tokio::spawn(async move { cluster.versions(1, class).await })
        };
        fars.push(brokers.accept_ready(APIS).await);
        asked.await.unwrap().unwrap();
        assert!(cluster.ranges(1, class).is_some());
    }
    cluster.release(classes[1]);
    assert!(fars[1].is_closed().await);
    assert!(cluster.ranges(1, classes[1]).is_none() && cluster.ranges(1, classes[0]).is_some());
}
