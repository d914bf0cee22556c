//! Who divides is chosen by what the cluster has, and what is read by names or a pattern.

use std::time::Duration;

use kurier_client::consumer::{Consumer, ConsumerConfig, OffsetReset, Start, Stop};
use kurier_client::error::ErrorKind;
use kurier_client::group::{
    Assign, Assignor, GroupConfig, GroupMember, GroupProtocol, GroupTopics, Plan,
};
use kurier_client::offsets::Position;
use kurier_client::transactions::GroupOffset;
use kurier_client::{Error, Record, Target};
use kurier_protocol::api::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use kurier_protocol::api::metadata::{MetadataRequest, MetadataRequestTopic};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, RecordedRequest, Requests, TestCluster};
use tokio::time::{Instant, sleep, timeout};

use crate::world::{KINDS, Kind, S, World, member, next, numbers};

async fn world(release: &str) -> World {
    World::of(TestCluster::builder().brokers(3).topic("t", 2).release(release)).await
}

/// Whether a member joins a group that the coordinator divides.
async fn is_modern(world: &World, config: GroupConfig) -> bool {
    world.write(2, 0..1).await;
    let builder = member(&world.client, Kind::Eager).group_config(config);
    let mut consumer = builder.start().unwrap();
    next(&mut consumer).await;
    let of = |api| !world.cluster.requests_of(&Requests::of(api)).is_empty();
    let (beats, joins) = (of(ApiKey::CONSUMER_GROUP_HEARTBEAT), of(ApiKey::JOIN_GROUP));
    assert!(beats != joins, "it is of one kind");
    beats
}

#[tokio::test(start_paused = true)]
async fn auto_is_the_coordinator_where_it_can_and_nothing_classic_is_set() {
    let auto = || GroupConfig { protocol: GroupProtocol::Auto, ..GroupConfig::default() };
    let classic_only = [
        ("assignors", GroupConfig { assignors: vec![Assignor::Sticky], ..auto() }),
        ("assignors", GroupConfig { assignors: vec![Assignor::Range], ..auto() }),
        ("session_timeout", GroupConfig { session_timeout: 30 * S, ..auto() }),
        ("heartbeat_interval", GroupConfig { heartbeat_interval: 2 * S, ..auto() }),
    ];
    for (setting, config) in classic_only {
        assert!(!is_modern(&world("4.4").await, config).await, "{setting}");
    }
    // What both kinds have decides nothing.
    let both = [
        ("instance_id", GroupConfig { instance_id: Some("one".into()), ..auto() }),
        ("rack", GroupConfig { rack: Some("a".into()), ..auto() }),
        ("poll_interval_max", GroupConfig { poll_interval_max: 60 * S, ..auto() }),
        ("auto_commit_interval", GroupConfig { auto_commit_interval: None, ..auto() }),
        ("remote_assignor", GroupConfig { remote_assignor: Some("range".into()), ..auto() }),
    ];
    for (setting, config) in both {
        assert!(is_modern(&world("4.4").await, config).await, "{setting}");
    }
    // Releases without the protocol, or with the feature off; brokers of the features' time that
    // are too old for it.
    for (release, expected) in
        [("4.4", true), ("4.0", true), ("3.9", false), ("3.6", false), ("0.10.1", false)]
    {
        assert_eq!(is_modern(&world(release).await, auto()).await, expected, "{release}");
    }
    // The cluster has the feature, and no broker says so any more.
    let world = world("4.4").await;
    for broker in 1..=3 {
        world.cluster.set_versions(broker, ApiKey::API_VERSIONS, Some(0..=2));
    }
    let world = World { client: world.other(2).await, ..world };
    assert!(!is_modern(&world, auto()).await, "nobody tells of features before ApiVersions 3");
}

#[tokio::test(start_paused = true)]
async fn topics_of_a_pattern_are_read_and_those_that_come_later_too() {
    for (kind, release) in
        [(Kind::Eager, "3.9"), (Kind::Coordinator, "4.0"), (Kind::Coordinator, "4.4")]
    {
        let builder = TestCluster::builder().release(release);
        let world =
            World::of(builder.topic("orders-1", 1).topic("orders-2", 1).topic("other", 1)).await;
        let mut consumer =
            member(&world.client, kind).subscribe_pattern("orders-.*").start().unwrap();
        let _ = timeout(20 * S, consumer.next()).await;
        assert_eq!(topics(&consumer), ["orders-1", "orders-2"], "{kind:?} {release}");
        world.cluster.create_topic("orders-3", 1);
        let _ = timeout(400 * S, consumer.next()).await;
        assert_eq!(topics(&consumer), ["orders-1", "orders-2", "orders-3"], "{kind:?} {release}");
        consumer.control().subscribe(["other"]).unwrap();
        let _ = timeout(20 * S, consumer.next()).await;
        assert_eq!(topics(&consumer), ["other"], "{kind:?} {release}");
    }
}

/// The topics that a member reads, in order.
fn topics(consumer: &Consumer) -> Vec<String> {
    let mut topics: Vec<String> =
        consumer.assignment().into_iter().map(|(topic, _)| topic.to_string()).collect();
    topics.sort_unstable();
    topics
}

/// GRP-08: KIP-848 with brokers before patterns (3.7 to 3.9 with the preview on, version 0 of
/// ConsumerGroupHeartbeat). The client looks for the topics itself, those that come later too.
#[tokio::test(start_paused = true)]
async fn where_the_coordinator_knows_no_patterns_the_member_looks_for_topics_itself() {
    let world = World::of(
        TestCluster::builder().brokers(3).topic("orders-1", 1).topic("orders-2", 1).topic("x", 1),
    )
    .await;
    for broker in 1..=3 {
        world.cluster.set_versions(broker, ApiKey::CONSUMER_GROUP_HEARTBEAT, Some(0..=0));
    }
    let client = world.other(2).await;
    let builder = member(&client, Kind::Coordinator).subscribe_pattern("orders-.*");
    let mut consumer = builder.start().unwrap();
    assert!(timeout(20 * S, consumer.next()).await.is_err());
    assert_eq!(topics(&consumer), ["orders-1", "orders-2"]);
    world.cluster.create_topic("orders-3", 1);
    world.cluster.create_topic("none-of-orders-3", 1);
    // Within the age of metadata, five minutes.
    assert!(timeout(310 * S, consumer.next()).await.is_err());
    assert_eq!(topics(&consumer), ["orders-1", "orders-2", "orders-3"]);
    let producer = client.producer().build().await.unwrap();
    producer.send(Record::to("orders-3").value("7")).await.unwrap();
    assert_eq!(numbers(&next(&mut consumer).await), [(0, 7)]);
    world.cluster.delete_topic("orders-1");
    let _ = timeout(310 * S, consumer.next()).await;
    assert_eq!(topics(&consumer), ["orders-2", "orders-3"]);
    let beats = world.cluster.requests_of(&Requests::of(ApiKey::CONSUMER_GROUP_HEARTBEAT));
    assert!(beats.iter().all(|beat| beat.version == 0));
    // Nor is anything sent for a pattern that nobody can read.
    consumer.control().subscribe_pattern(r"\pL+").unwrap();
    let error = timeout(20 * S, consumer.next()).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains(r"\pL+"), "{error}");
}

/// A coordinator that can read patterns is followed by one that cannot, and that by one that can.
#[tokio::test(start_paused = true)]
async fn who_reads_a_pattern_is_seen_anew_when_the_coordinator_moves() {
    let builder = TestCluster::builder().brokers(3);
    let world = World::of(builder.topic("orders-1", 1).topic("x", 1)).await;
    let first = world.cluster.coordinator("g").unwrap();
    let (older, newer) = (first % 3 + 1, (first + 1) % 3 + 1);
    world.cluster.set_versions(older, ApiKey::CONSUMER_GROUP_HEARTBEAT, Some(0..=0));
    let client = world.other(2).await;
    let builder = member(&client, Kind::Coordinator).subscribe_pattern("orders-.*");
    let mut consumer = builder.start().unwrap();
    let told = |consumer: Consumer, created: &'static str| {
        let world = &world;
        async move {
            let mut consumer = consumer;
            world.cluster.create_topic(created, 1);
            let said = timeout(310 * S, consumer.next()).await;
            assert!(said.is_err(), "{created}: {said:?}");
            assert!(topics(&consumer).contains(&created.to_owned()), "{:?}", topics(&consumer));
            assert!(!topics(&consumer).contains(&"x".to_owned()));
            consumer
        }
    };
    assert!(timeout(20 * S, consumer.next()).await.is_err());
    consumer = told(consumer, "orders-2").await;
    for (to, topic) in [(older, "orders-3"), (newer, "orders-4")] {
        world.cluster.move_coordinator("g", to);
        // It is to say all again.
        let fault = Fault::on(ApiKey::CONSUMER_GROUP_HEARTBEAT).broker(to);
        world.cluster.fault(fault.answer(ErrorCode::UNKNOWN_MEMBER_ID));
        consumer = told(consumer, topic).await;
    }
    let beats = world.cluster.requests_of(&Requests::of(ApiKey::CONSUMER_GROUP_HEARTBEAT));
    let by =
        |broker, version| beats.iter().any(|beat| beat.broker == broker && beat.version == version);
    assert!(by(first, 1) && by(older, 0) && by(newer, 1));
}

/// Where the coordinator divides it says what a pattern is; elsewhere the client does, at once.
#[tokio::test(start_paused = true)]
async fn whoever_reads_a_pattern_says_whether_it_is_one() {
    // By RE2 a letter of any language; regex-lite has no classes of Unicode.
    let of_re2 = r"\pL+-1";
    let world = World::of(TestCluster::builder().topic("orders-1", 1)).await;
    let refused = member(&world.client, Kind::Eager).subscribe_pattern(of_re2).start();
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
    let auto = |assignor| {
        let builder = member(&world.client, Kind::Eager).group_protocol(GroupProtocol::Auto);
        builder.assignors([assignor]).subscribe_pattern(of_re2).start()
    };
    assert_eq!(auto(Assignor::Sticky).unwrap_err().kind(), ErrorKind::Invalid, "it is classic");
    for (pattern, is_one) in [(of_re2, true), ("(", false)] {
        let client = world.other(2).await;
        let builder = member(&client, Kind::Coordinator).subscribe_pattern(pattern);
        let mut consumer = builder.start().unwrap();
        let said = timeout(20 * S, consumer.next()).await;
        let beats = world.cluster.requests_of(&Requests::of(ApiKey::CONSUMER_GROUP_HEARTBEAT));
        let sent = |beat: &RecordedRequest| {
            let asked = beat.decode::<ConsumerGroupHeartbeatRequest>().subscribed_topic_regex;
            asked.as_deref() == Some(pattern)
        };
        assert!(beats.iter().any(sent), "{pattern}: the coordinator was not asked");
        if !is_one {
            let error = said.unwrap().unwrap().unwrap_err();
            assert_eq!(error.code(), Some(ErrorCode::INVALID_REGULAR_EXPRESSION), "{error}");
            assert!(error.is_fatal(), "{error}");
            assert!(timeout(S, consumer.next()).await.unwrap().is_none());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_told_by_its_name() {
    let world = world("4.4").await;
    let problem = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        error.to_string()
    };
    let consumer = || world.client.consumer();
    let none = problem(consumer().subscribe(["t"]).start().unwrap_err());
    assert!(none.contains("group.id"), "{none}");
    let pattern = problem(consumer().group("g").subscribe_pattern("(").start().unwrap_err());
    assert!(pattern.contains("regular expression"), "{pattern}");
    let both = consumer().group("g").subscribe(["t"]).topics(["t"], Start::Earliest);
    problem(both.start().unwrap_err());
    let end = consumer().group("g").subscribe(["t"]).stop(Stop::End);
    problem(end.start().unwrap_err());
    // Brokers take negative times for names of places, such as the end.
    let early = consumer().topics(["t"], Start::Timestamp(-1)).start().unwrap_err();
    assert!(problem(early).contains("-1 is negative; name milliseconds since 1970"));
    let mut alone = consumer().topics(["t"], Start::Earliest).start().unwrap();
    problem(alone.seek("t", 0, Start::Timestamp(-4)).unwrap_err());
    let offsets = world.client.offsets();
    problem(offsets.at(Position::Timestamp(-3), [("t", 0)]).await.unwrap_err());
    assert!(problem(alone.commit().await.unwrap_err()).contains("group.id"));
    assert!(problem(alone.control().subscribe(["t"]).unwrap_err()).contains("group.id"));
    let mut member = member(&world.client, Kind::Eager).start().unwrap();
    let wrong = member.commit_offsets([GroupOffset::new("t", 0, -3)]).await;
    problem(wrong.unwrap_err());
    problem(member.control().subscribe_pattern("[").unwrap_err());
    problem(member.control().subscribe_pattern(r"\pL").unwrap_err());
    problem(member.assign([("t", 0, Start::Earliest)]).unwrap_err());
    problem(member.control().unassign([("t", 0)]).await.unwrap_err());
    // A topic that is not there is told once, and the others are read.
    member.control().subscribe(["t", "none"]).unwrap();
    let error = timeout(60 * S, member.next()).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(timeout(60 * S, member.next()).await.is_err());
    assert_eq!(member.assignment().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_committed_the_reset_says_where_to_begin() {
    for kind in KINDS {
        let world = World::new(1, 5).await;
        let mut error =
            member(&world.client, kind).offset_reset(OffsetReset::Error).start().unwrap();
        let told = timeout(60 * S, error.next()).await.unwrap().unwrap().unwrap_err();
        assert!(told.to_string().contains("auto.offset.reset"), "{told}");
        // A seek sets it going.
        error.seek("t", 0, Start::Offset(3)).unwrap();
        assert_eq!(numbers(&next(&mut error).await), [(0, 3)], "{kind:?}");
        drop(error);
        sleep(20 * S).await;
        let mut latest =
            member(&world.client, kind).offset_reset(OffsetReset::Latest).start().unwrap();
        assert!(timeout(20 * S, latest.next()).await.is_err());
        let producer = world.client.producer().build().await.unwrap();
        producer.send(Record::to("t").value("9")).await.unwrap();
        assert_eq!(numbers(&next(&mut latest).await), [(0, 9)], "{kind:?}");
    }
}

/// How a member ends, or does not, that has read nothing yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Close,
    Drop,
    /// It is not heard of any more.
    Crash,
    /// Another one comes beside it.
    Never,
}

/// The numbers that come until nothing does for a while.
async fn all(consumer: &mut Consumer) -> Vec<(i32, i64)> {
    let mut all = Vec::new();
    while let Ok(batch) = timeout(60 * S, consumer.next()).await {
        all.extend(numbers(&batch.unwrap().unwrap()));
    }
    all
}

/// Else what is written in between would be skipped, and nobody would hear of it.
#[tokio::test(start_paused = true)]
async fn where_a_reset_has_led_the_next_holder_begins_too() {
    let ends = [End::Close, End::Drop, End::Crash, End::Never];
    for (kind, end) in KINDS.into_iter().flat_map(|kind| ends.map(|end| (kind, end))) {
        for reset in [OffsetReset::Latest, OffsetReset::Ago(5 * S)] {
            let what = format!("{kind:?} {end:?} {reset:?}");
            let world = World::new(2, 5).await;
            sleep(10 * S).await;
            // Who ends well needs no commit before.
            let auto = if end == End::Crash { 5 * S } else { 3600 * S };
            let first = member(&world.client, kind).offset_reset(reset).auto_commit(Some(auto));
            let mut first = first.start().unwrap();
            assert!(timeout(20 * S, first.next()).await.is_err(), "{what}");
            let mut first = Some(first);
            match end {
                End::Close => first.take().unwrap().close(10 * S).await,
                End::Drop => drop(first.take()),
                End::Crash => {
                    std::mem::forget(first.take());
                    world.cluster.network().client("member-1").partition();
                }
                End::Never => {}
            }
            let client = world.other(2).await;
            let producer = client.producer().linger(Duration::ZERO).build().await.unwrap();
            for (n, partition) in [(5, 0), (5, 1), (6, 0), (6, 1)] {
                let value = n.to_string();
                producer.send(Record::to("t").partition(partition).value(&value)).await.unwrap();
            }
            sleep(10 * S).await;
            let mut second = member(&client, kind).offset_reset(reset).start().unwrap();
            let (theirs, mine) = tokio::join!(all(&mut second), async {
                match &mut first {
                    Some(first) => all(first).await,
                    None => Vec::new(),
                }
            });
            let mut read = [theirs, mine].concat();
            read.sort_unstable();
            assert_eq!(read, [(0, 5), (0, 6), (1, 5), (1, 6)], "{what}");
        }
    }
}

/// What waits to be taken is not lost with the partition.
#[tokio::test(start_paused = true)]
async fn where_a_reset_has_led_counts_though_the_program_asks_for_nothing() {
    for kind in KINDS {
        let world = World::new(1, 5).await;
        let first = member(&world.client, kind).offset_reset(OffsetReset::Latest);
        let mut first = first.auto_commit(Some(3600 * S)).start().unwrap();
        // Once, or a member of a classic group does not join.
        assert!(timeout(S / 1000, first.next()).await.is_err());
        sleep(10 * S).await;
        world.write(1, 5..7).await;
        sleep(10 * S).await;
        first.close(10 * S).await;
        let second = member(&world.client, kind).offset_reset(OffsetReset::Latest);
        assert_eq!(all(&mut second.start().unwrap()).await, [(0, 5), (0, 6)], "{kind:?}");
    }
}

/// KIP-1106: a group that begins reads what is not older than that, and one that has committed
/// goes on there.
#[tokio::test(start_paused = true)]
async fn where_nothing_is_committed_a_group_may_begin_with_what_is_no_older_than_so_long() {
    for kind in KINDS {
        for (reset, wanted) in [
            (OffsetReset::Earliest, Some(0)),
            (OffsetReset::Ago(150 * S), Some(3)),
            (OffsetReset::Ago(10_000 * S), Some(0)),
            (OffsetReset::Ago(S), None),
        ] {
            let world = World::new(1, 0).await;
            for n in 0..5 {
                world.write(1, n..n + 1).await;
                sleep(60 * S).await;
            }
            let reader = || member(&world.client, kind).offset_reset(reset);
            let mut first = reader().start().unwrap();
            let given = timeout(20 * S, first.next()).await.ok();
            let given = given.map(|batch| numbers(&batch.unwrap().unwrap()));
            assert_eq!(given, wanted.map(|n| vec![(0, n)]), "{kind:?} {reset:?}");
            let Some(first_number) = wanted else { continue };
            assert_eq!(numbers(&next(&mut first).await), [(0, first_number + 1)], "{kind:?}");
            first.close(10 * S).await;
            // All of it is older by now, and that counts no more.
            sleep(1000 * S).await;
            let mut second = reader().start().unwrap();
            assert_eq!(numbers(&next(&mut second).await), [(0, first_number + 1)], "{kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_may_commit_what_it_likes_and_asks_what_is_committed() {
    for kind in KINDS {
        let world = World::new(2, 9).await;
        let mut consumer = member(&world.client, kind).auto_commit(None).start().unwrap();
        let batch = next(&mut consumer).await;
        let of = batch.partition();
        let own = batch.group_offset().metadata("so far");
        assert_eq!((own.offset, own.leader_epoch), (1, 0));
        consumer.commit_offsets([own.clone(), GroupOffset::new("t", 1 - of, 7)]).await.unwrap();
        let found = consumer.committed([("t", of), ("t", 1 - of)]).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|one| one.outcome.unwrap().unwrap()).collect();
        assert!(found.contains(&own), "{kind:?}: {found:?}");
        assert!(found.iter().any(|one| one.partition != of && one.offset == 7), "{found:?}");
        let who = consumer.control().group_metadata().unwrap();
        assert!(who.generation_id > 0 && !who.member_id.is_empty(), "{kind:?}: {who:?}");
        // What is not committed is read again by the next member.
        next(&mut consumer).await;
        consumer.close(10 * S).await;
        let client = world.other(2).await;
        let mut consumer = member(&client, kind).start().unwrap();
        let mut first = [None; 2];
        while first.contains(&None) {
            let (partition, number) = numbers(&next(&mut consumer).await)[0];
            first[usize::try_from(partition).unwrap()].get_or_insert(number);
        }
        let expected = if of == 0 { [1, 7] } else { [7, 1] };
        assert_eq!(first, expected.map(Some), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_that_assigns_itself_goes_on_where_the_group_has_stopped() {
    let world = World::new(3, 9).await;
    let client = world.client.clone();
    let consumer = || client.consumer().group("g").offset_reset(OffsetReset::Earliest);
    let mut first = consumer().assign_committed([("t", 0), ("t", 1)]).start().unwrap();
    let mut next_of = [0; 3];
    for _ in 0..8 {
        let (partition, number) = numbers(&next(&mut first).await)[0];
        next_of[usize::try_from(partition).unwrap()] = number + 1;
    }
    sleep(30 * S).await;
    assert!(world.committed(3).await.is_empty(), "nothing by itself");
    first.commit().await.unwrap();
    first.close(S).await;
    assert!(consumer().start().is_err(), "there is nothing to read");
    let mut second = consumer().assign([("t", 1, Start::Offset(8))]).start().unwrap();
    assert_eq!(numbers(&next(&mut second).await), [(1, 8)]);
    second.control().assign_committed([("t", 0)]).await.unwrap();
    assert_eq!(numbers(&next(&mut second).await), [(0, next_of[0])]);
    assert!(second.control().subscribe(["t"]).is_err());
    second.commit_offsets([GroupOffset::new("t", 2, 5)]).await.unwrap();
    second.control().assign_committed([("t", 2)]).await.unwrap();
    second.pause("t", 0).unwrap();
    assert_eq!(numbers(&next(&mut second).await), [(2, 5)]);
    second.commit().await.unwrap();
    let committed = world.committed(3).await;
    assert_eq!((committed[&1], committed[&2]), (9, 6), "{committed:?}");
    // Who has members does not let others commit.
    let mut member = member(&world.client, Kind::Eager).start().unwrap();
    next(&mut member).await;
    let error = timeout(5 * S, second.commit()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Membership, "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_a_program_unassigns_is_committed_once_more_and_then_let_go() {
    let world = World::new(2, 9).await;
    let client = world.other(2).await;
    let consumer = || client.consumer().group("g").offset_reset(OffsetReset::Earliest);
    let mut first = consumer().assign_committed([("t", 0), ("t", 1)]).start().unwrap();
    let mut next_of = [0; 2];
    while next_of.contains(&0) || next_of[1] < 3 {
        let (partition, number) = numbers(&next(&mut first).await)[0];
        next_of[usize::try_from(partition).unwrap()] = number + 1;
    }
    first.control().unassign([("t", 1)]).await.unwrap();
    first.commit().await.unwrap();
    let committed = world.committed(2).await;
    assert_eq!((committed[&0], committed[&1]), (next_of[0], next_of[1]), "{committed:?}");
    // Whoever reads it now commits what it likes.
    first.commit_offsets([GroupOffset::new("t", 1, 1)]).await.unwrap();
    first.commit().await.unwrap();
    let committed = world.committed(2).await;
    assert_eq!((committed[&0], committed[&1]), (next_of[0], 1), "{committed:?}");
}

/// CONS-13: who answers says that the topic has no partitions, and nothing of an error.
#[tokio::test(start_paused = true)]
async fn a_topic_without_partitions_costs_a_group_nothing_and_is_read_once_it_has_some() {
    for kind in KINDS {
        let world = World::new(1, 3).await;
        let topic = MetadataRequestTopic { name: Some("t".into()), ..Default::default() };
        let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
        let mut without = world.client.request(Target::Any, request).await.unwrap();
        without.topics[0].partitions.clear();
        let client = world.other(2).await;
        let fault = Fault::on(ApiKey::METADATA).always().reply::<MetadataRequest>(without);
        let planted = world.cluster.fault(fault);
        let mut consumer = member(&client, kind).start().unwrap();
        let start = Instant::now();
        while start.elapsed() < 200 * S {
            if let Ok(next) = timeout(10 * S, consumer.next()).await {
                let error = next.unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound, "{kind:?}: {error}");
            }
        }
        assert!(planted.hits() > 0, "{kind:?}");
        for api in [ApiKey::METADATA, ApiKey::JOIN_GROUP, ApiKey::CONSUMER_GROUP_HEARTBEAT] {
            world.cluster.assert_at_most(80, &Requests::of(api), 60 * S);
        }
        world.cluster.clear_faults();
        // Metadata is asked for again every five minutes.
        let batch = timeout(400 * S, async {
            loop {
                match consumer.next().await.unwrap() {
                    Ok(batch) => return batch,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
                }
            }
        });
        assert_eq!(numbers(&batch.await.unwrap()), [(0, 0)], "{kind:?}");
    }
}

/// KIP-848: the coordinator hears of partitions before its members do.
#[tokio::test(start_paused = true)]
async fn a_partition_that_the_coordinator_knows_first_is_read_from_its_beginning() {
    let world = World::new(1, 3).await;
    let client = world.other(2).await;
    let mut consumer = member(&client, Kind::Coordinator).start().unwrap();
    for n in 0..3 {
        assert_eq!(numbers(&next(&mut consumer).await), [(0, n)]);
    }
    let reading = tokio::spawn(async move { numbers(&next(&mut consumer).await) });
    let grown = world.client.admin().create_partitions([("t", 2)]).await.unwrap();
    assert!(grown.iter().all(|(_, outcome)| outcome.is_ok()), "{grown:?}");
    // With a picture of its own.
    let producer = world.other(3).await.producer().build().await.unwrap();
    producer.send(Record::to("t").partition(1).value("7")).await.unwrap();
    let read = timeout(30 * S, reading).await.unwrap().unwrap();
    assert_eq!(read, [(1, 7)]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_ends_in_time_while_nobody_says_who_divides() {
    let world = world("4.4").await;
    world.write(2, 0..1).await;
    let builder = member(&world.client, Kind::Eager).group_config(Default::default());
    let config = ConsumerConfig { outage_max: 20 * S, ..Default::default() };
    let consumer = builder.group_protocol(GroupProtocol::Auto).config(config);
    (1..=3).for_each(|broker| world.cluster.pause_broker(broker));
    let consumer = consumer.start().unwrap();
    let start = Instant::now();
    // More than the member takes in.
    let commits = (0..300).map(|_| async {
        let error = consumer.control().commit().await.unwrap_err();
        (error, start.elapsed())
    });
    let commits = futures_util::future::join_all(commits);
    let ended = timeout(60 * S, commits).await.expect("each of them ends");
    for (error, took) in ended {
        assert_eq!((error.kind(), error.maybe_written()), (ErrorKind::TimedOut, false));
        assert!((20 * S..=21 * S).contains(&took), "{took:?}: {error}");
        let text = error.to_string();
        assert!(text.contains("who divides the partitions of a group"), "{text}");
    }
    // What is asked for just before it is known is done.
    let asked = tokio::spawn({
        let control = consumer.control();
        async move { control.commit_offsets([GroupOffset::new("t", 0, 1)]).await }
    });
    sleep(S).await;
    (1..=3).for_each(|broker| world.cluster.resume_broker(broker));
    timeout(60 * S, asked).await.unwrap().unwrap().unwrap();
    assert_eq!(world.committed(2).await[&0], 1);
}

/// An assignor that does not work.
#[derive(Debug)]
struct Broken {
    says: bool,
}

impl Assign for Broken {
    fn name(&self) -> &str {
        "broken"
    }

    fn user_data(&self, _: &[(std::sync::Arc<str>, i32)], _: i32) -> Option<bytes::Bytes> {
        assert!(self.says, "nothing to say");
        None
    }

    fn assign(&self, _: &[GroupMember], _: &GroupTopics) -> Plan {
        panic!("out of ideas")
    }
}

#[tokio::test(start_paused = true)]
async fn an_assignor_that_panics_ends_the_member_with_an_error_that_names_it() {
    for (says, why) in [(true, "out of ideas"), (false, "nothing to say")] {
        let world = world("4.4").await;
        world.write(2, 0..1).await;
        let assignor = Assignor::Own(std::sync::Arc::new(Broken { says }));
        let builder = member(&world.client, Kind::Eager).assignors([assignor]);
        let mut consumer = builder.start().unwrap();
        let error = timeout(60 * S, consumer.next()).await.unwrap().unwrap().unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
        assert!(text.contains("assignor broken") && text.contains(why), "{text}");
        assert!(timeout(S, consumer.next()).await.unwrap().is_none(), "that is its end");
        let error = timeout(S, consumer.commit()).await.unwrap().unwrap_err();
        assert!(!error.is_retriable(), "{error}");
    }
}

/// One that does not even say how it is called, or how it divides.
#[derive(Debug)]
struct Mute {
    has_name: bool,
}

impl Assign for Mute {
    fn name(&self) -> &str {
        if self.has_name { "mute" } else { panic!("it slips my mind") }
    }

    fn is_cooperative(&self) -> bool {
        panic!("it slips my mind")
    }

    fn assign(&self, _: &[GroupMember], _: &GroupTopics) -> Plan {
        Plan::new()
    }
}

#[tokio::test(start_paused = true)]
async fn an_assignor_that_panics_when_it_is_asked_for_its_name_is_refused_before_a_member_begins() {
    let world = world("4.4").await;
    for has_name in [true, false] {
        for protocol in [GroupProtocol::Classic, GroupProtocol::Consumer, GroupProtocol::Auto] {
            let assignor = Assignor::Own(std::sync::Arc::new(Mute { has_name }));
            let builder = member(&world.client, Kind::Eager).group_protocol(protocol);
            let error = builder.assignors([assignor]).start().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert!(error.to_string().contains("it slips my mind"), "{error}");
        }
    }
}

/// A broker that is behind leaves topics out.
#[tokio::test(start_paused = true)]
async fn a_topic_of_a_pattern_that_one_answer_leaves_out_is_still_read() {
    let builder = TestCluster::builder().brokers(3).release("3.9");
    let world = World::of(builder.topic("orders-1", 1).topic("orders-2", 1)).await;
    let builder = member(&world.client, Kind::Eager).subscribe_pattern("orders-.*");
    let mut consumer = builder.start().unwrap();
    let _ = timeout(20 * S, consumer.next()).await;
    let mut read_both = async |seconds| {
        for second in 0..seconds {
            assert_eq!(topics(&consumer), ["orders-1", "orders-2"], "{second}");
            let _ = timeout(S, consumer.next()).await;
        }
    };
    read_both(270).await;
    let hidden = Fault::on(ApiKey::METADATA).topic("orders-2").always().hide();
    let planted = world.cluster.fault(hidden);
    read_both(13).await;
    assert!(planted.hits() > 0);
    world.cluster.clear_faults();
    read_both(400).await;
}

/// `group.coordinator.rebalance.protocols=classic`, with `group.version` on nevertheless.
#[tokio::test(start_paused = true)]
async fn auto_is_classic_where_the_coordinator_takes_no_others() {
    for pattern in [None, Some("t|u")] {
        let world = world("4.4").await;
        world.write(2, 0..1).await;
        let beats = Fault::on(ApiKey::CONSUMER_GROUP_HEARTBEAT).always();
        let planted = world.cluster.fault(beats.answer(ErrorCode::UNSUPPORTED_VERSION));
        let builder = |protocol| {
            let builder = member(&world.client, Kind::Eager).group_config(Default::default());
            let builder = builder.group_protocol(protocol);
            match pattern {
                Some(pattern) => builder.subscribe_pattern(pattern),
                None => builder,
            }
        };
        let mut consumer = builder(GroupProtocol::Auto).start().unwrap();
        let mut read = [numbers(&next(&mut consumer).await), numbers(&next(&mut consumer).await)];
        read.sort_unstable();
        assert_eq!(read, [[(0, 0)], [(1, 0)]], "{pattern:?}");
        assert_eq!(planted.hits(), 1, "{pattern:?}");
        assert!(timeout(20 * S, consumer.next()).await.is_err());
        assert_eq!(world.committed(2).await.len(), 2, "{pattern:?}: it is a member");
        consumer.close(10 * S).await;
        // Who asks for the other kind by its name hears that there is none.
        let mut consumer = builder(GroupProtocol::Consumer).start().unwrap();
        let error = timeout(S, consumer.next()).await.unwrap().unwrap().unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::UNSUPPORTED_VERSION), "{error}");
    }
}
