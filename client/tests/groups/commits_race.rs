//! Commits and rebalances meet: what is refused is made later, or is told, and reading goes on.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kurier_client::consumer::{Consumer, OffsetReset};
use kurier_client::error::ErrorKind;
use kurier_client::transactions::GroupOffset;
use kurier_protocol::api::join_group::JoinGroupRequest;
use kurier_protocol::api::offset_commit::OffsetCommitRequest;
use kurier_protocol::api::offset_for_leader_epoch::OffsetForLeaderEpochRequest;
use kurier_protocol::api::sync_group::SyncGroupRequest;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, RecordedRequest, Requests};
use tokio::time::{Instant, sleep, timeout};

use crate::world::{KINDS, Kind, S, World, member, next, numbers};

#[tokio::test(start_paused = true)]
async fn an_automatic_commit_that_is_refused_is_made_again() {
    for kind in KINDS {
        let behind = match kind {
            Kind::Coordinator => ErrorCode::STALE_MEMBER_EPOCH,
            _ => ErrorCode::REBALANCE_IN_PROGRESS,
        };
        let passing = [
            behind,
            ErrorCode::NOT_COORDINATOR,
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ];
        for code in passing {
            let world = World::new(1, 5).await;
            let mut consumer = member(&world.client, kind).start().unwrap();
            next(&mut consumer).await;
            world.cluster.fault(Fault::on(ApiKey::OFFSET_COMMIT).answer(code));
            assert_eq!(numbers(&next(&mut consumer).await), [(0, 1)]);
            let _ = timeout(30 * S, consumer.next()).await;
            sleep(30 * S).await;
            let committed = world.committed(1).await;
            assert!(committed[&0] >= 2, "{kind:?} {code:?}: {committed:?}");
        }
    }
}

/// GRP-10: whoever holds a partition still hears of the commit that was made, and of no other.
#[tokio::test(start_paused = true)]
async fn a_programs_commit_that_is_refused_for_its_generation_is_made_in_the_one_of_now() {
    for kind in KINDS {
        let behind = match kind {
            Kind::Coordinator => ErrorCode::STALE_MEMBER_EPOCH,
            _ => ErrorCode::REBALANCE_IN_PROGRESS,
        };
        let world = World::new(1, 5).await;
        let mut consumer = member(&world.client, kind).auto_commit(None).start().unwrap();
        for n in 0..2 {
            assert_eq!(numbers(&next(&mut consumer).await), [(0, n)]);
        }
        let planted = world.cluster.fault(Fault::on(ApiKey::OFFSET_COMMIT).answer(behind));
        let committed = timeout(60 * S, consumer.commit()).await.unwrap();
        assert_eq!((committed.map_err(|error| error.to_string()), planted.hits()), (Ok(()), 1));
        assert!(world.committed(1).await[&0] >= 1, "{kind:?}");
    }
}

/// GRP-14.
#[tokio::test(start_paused = true)]
async fn a_member_that_a_commit_finds_forgotten_joins_again_and_reads_on() {
    for kind in KINDS {
        let codes = match kind {
            Kind::Coordinator => [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::FENCED_MEMBER_EPOCH],
            _ => [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::ILLEGAL_GENERATION],
        };
        for code in codes {
            let world = World::new(1, 5).await;
            let mut consumer = member(&world.client, kind).start().unwrap();
            next(&mut consumer).await;
            world.cluster.fault(Fault::on(ApiKey::OFFSET_COMMIT).answer(code));
            let mut seen = Vec::new();
            while let Ok(Some(batch)) = timeout(60 * S, consumer.next()).await {
                seen.extend(numbers(&batch.unwrap()));
                sleep(6 * S).await;
            }
            assert_eq!(seen.last(), Some(&(0, 4)), "{kind:?} {code:?}: {seen:?}");
            assert!((1..5).all(|n| seen.contains(&(0, n))), "{kind:?} {code:?}: {seen:?}");
            let last = BTreeMap::from([(0, 5)]);
            assert_eq!(world.committed(1).await, last, "{kind:?} {code:?}");
        }
    }
}

/// GRP-14: another one has the name. That ends the member, and it says so; no other one is fenced.
#[tokio::test(start_paused = true)]
async fn a_static_member_that_a_commit_finds_fenced_says_so_and_ends() {
    for kind in [Kind::Eager, Kind::Cooperative] {
        let world = World::new(1, 5).await;
        let builder = member(&world.client, kind).instance_id("one");
        let mut consumer = builder.start().unwrap();
        next(&mut consumer).await;
        world
            .cluster
            .fault(Fault::on(ApiKey::OFFSET_COMMIT).always().answer(ErrorCode::FENCED_INSTANCE_ID));
        let error = timeout(70 * S, consumer.commit()).await.unwrap().unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::FENCED_INSTANCE_ID), "{kind:?}: {error}");
        let mut told = None;
        while let Some(said) = timeout(60 * S, consumer.next()).await.unwrap() {
            told = said.err().or(told);
        }
        let told = told.unwrap();
        assert!(told.is_fatal(), "{kind:?}: {told}");
        assert_eq!(told.code(), Some(ErrorCode::FENCED_INSTANCE_ID), "{kind:?}: {told}");
        let joins = world.cluster.requests_of(&Requests::of(ApiKey::JOIN_GROUP)).len();
        sleep(100 * S).await;
        let later = world.cluster.requests_of(&Requests::of(ApiKey::JOIN_GROUP)).len();
        assert_eq!(later, joins, "{kind:?}: it does not fence the other one in turn");
    }
}

/// GRP-02, GRP-10: whenever a program commits, it hears of it, and what it committed is committed;
/// nobody loses a partition by it. Commits go out each millisecond, every second one is not waited
/// for, and the network takes its time, so that they come before, between and after the joins.
#[tokio::test(start_paused = true)]
async fn a_program_may_commit_at_any_moment_of_a_rebalance() {
    let moment = S / 1000;
    for kind in KINDS {
        let what = format!("{kind:?}");
        let world = World::new(4, 100).await;
        let mut first = member(&world.client, kind).auto_commit(None).start().unwrap();
        next(&mut first).await;
        world.cluster.network().latency(20 * moment);
        let from = world.cluster.requests().len();
        let control = first.control();
        let who = control.group_metadata().unwrap().member_id;
        // What is told to be committed is, if it is held still.
        let heard = Arc::new(Mutex::new(BTreeMap::<i32, i64>::new()));
        let (notes, asked) = (Arc::clone(&heard), control.clone());
        let commits = tokio::spawn(async move {
            let (mut pending, mut refused) = (Vec::new(), 0_usize);
            for nth in 0..5_000_u32 {
                sleep(moment).await;
                let (notes, control) = (Arc::clone(&notes), asked.clone());
                let before: Vec<(i32, i64)> = control
                    .assignment()
                    .iter()
                    .filter_map(|(topic, of)| Some((*of, control.marked(topic, *of)?)))
                    .collect();
                let commit = async move {
                    let outcome = timeout(70 * S, control.commit()).await.expect("it is heard of");
                    if outcome.is_ok() {
                        let mut notes = notes.lock().unwrap();
                        for (of, offset) in before {
                            let known = notes.entry(of).or_default();
                            *known = offset.max(*known);
                        }
                    }
                    outcome
                };
                if nth % 2 == 0 {
                    // Asked for, and dropped.
                    let _ = timeout(Duration::ZERO, commit).await;
                } else {
                    pending.push(tokio::spawn(commit));
                }
            }
            for outcome in pending {
                if let Err(error) = outcome.await.unwrap() {
                    assert_eq!(error.kind(), ErrorKind::Membership, "{kind:?}: {error}");
                    assert!(!error.is_retriable() && !error.is_fatal(), "{kind:?}: {error}");
                    refused += 1;
                }
            }
            refused
        });
        let reading = |mut consumer: Consumer| async move {
            loop {
                if let Ok(batch) = timeout(20 * S, consumer.next()).await {
                    batch.unwrap().unwrap();
                    sleep(10 * moment).await;
                    continue;
                }
                return consumer;
            }
        };
        let client = world.other(2).await;
        let second = async {
            sleep(S / 3).await;
            let second = member(&client, kind).auto_commit(Some(S)).start().unwrap();
            reading(second).await
        };
        let (mut first, second, refused) = tokio::join!(reading(first), second, commits);
        let refused = refused.unwrap();
        // The first partition goes with marks that nobody has committed; nothing else fails.
        assert!(refused <= 100, "{what}: {refused} of 2500 were refused");
        timeout(70 * S, first.commit()).await.unwrap().unwrap();
        let (mut all, others) = (first.assignment(), second.assignment());
        assert_eq!((all.len(), others.len()), (2, 2), "{what}: {all:?} {others:?}");
        all.extend(others);
        all.sort_unstable();
        assert_eq!(all, (0..4).map(|of| ("t".into(), of)).collect::<Vec<_>>(), "{what}");
        let committed = world.committed(4).await;
        for (of, offset) in heard.lock().unwrap().iter() {
            assert!(committed[of] >= *offset, "{what}: {of}: {offset}, {committed:?}");
        }
        second.close(10 * S).await;
        assert_eq!(world.committed(4).await, (0..4).map(|of| (of, 100)).collect(), "{what}");
        let joins = Joins::of(&who, &world.cluster.requests()[from..]);
        // Who joins twice goes on with what is its own. The others have nothing to commit then.
        assert!(kind != Kind::Cooperative || joins.between > 0, "{what}: {joins:?}");
        assert!(joins.commits > 50, "{what}: {joins:?}");
    }
}

/// The commits of a member, and how many of them came while it joined.
#[derive(Debug, Default)]
struct Joins {
    commits: usize,
    /// Between the end of one join and the next.
    between: usize,
}

impl Joins {
    fn of(member: &str, requests: &[RecordedRequest]) -> Self {
        let (mut joins, mut last, mut behind) = (Self::default(), None, 0);
        for request in requests {
            match request.api {
                ApiKey::OFFSET_COMMIT
                    if *request.decode::<OffsetCommitRequest>().member_id == *member =>
                {
                    joins.commits += 1;
                    behind += usize::from(last == Some(ApiKey::SYNC_GROUP));
                }
                ApiKey::JOIN_GROUP
                    if *request.decode::<JoinGroupRequest>().member_id == *member =>
                {
                    joins.between += mem::take(&mut behind);
                    last = Some(request.api);
                }
                ApiKey::SYNC_GROUP
                    if *request.decode::<SyncGroupRequest>().member_id == *member =>
                {
                    last = Some(request.api);
                }
                _ => {}
            }
        }
        joins
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_in_hand_when_partitions_go_is_committed_by_the_commit_that_marks_it() {
    for kind in KINDS {
        let world = World::new(1, 5).await;
        let mut consumer = member(&world.client, kind).auto_commit(None).start().unwrap();
        next(&mut consumer).await;
        consumer.control().unsubscribe().unwrap();
        sleep(2 * S).await;
        timeout(70 * S, consumer.commit()).await.unwrap().unwrap();
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 1)]), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn marks_of_partitions_that_are_gone_are_told_by_the_next_commit() {
    for kind in KINDS {
        let world = World::new(1, 5).await;
        let builder = member(&world.client, kind).auto_commit(None).auto_mark(false);
        let mut consumer = builder.start().unwrap();
        let batch = next(&mut consumer).await;
        consumer.control().unsubscribe().unwrap();
        sleep(2 * S).await;
        consumer.mark(&batch);
        sleep(2 * S).await;
        let error = timeout(70 * S, consumer.commit()).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Membership, "{kind:?}: {error}");
        assert!(!error.is_retriable() && !error.is_fatal(), "{kind:?}: {error}");
        assert_eq!(world.committed(1).await, BTreeMap::new(), "{kind:?}");
        timeout(70 * S, consumer.commit()).await.unwrap().unwrap();
    }
}

/// GRP-10: what may yet succeed is retriable, and what never will is not.
#[tokio::test(start_paused = true)]
async fn a_commit_that_the_coordinator_does_not_take_in_time_is_retriable() {
    for kind in KINDS {
        for code in [ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, ErrorCode::NOT_COORDINATOR] {
            let world = World::new(1, 5).await;
            let mut consumer = member(&world.client, kind).auto_commit(None).start().unwrap();
            next(&mut consumer).await;
            let refused = Fault::on(ApiKey::OFFSET_COMMIT).always().answer(code);
            world.cluster.fault(refused);
            let start = Instant::now();
            let error = timeout(70 * S, consumer.commit()).await.unwrap().unwrap_err();
            assert!(error.is_retriable(), "{kind:?} {code:?}: {error}");
            assert_eq!((error.kind(), error.code()), (ErrorKind::TimedOut, Some(code)), "{kind:?}");
            assert!((60..=61).contains(&start.elapsed().as_secs()), "{kind:?} {code:?}");
            world.cluster.clear_faults();
            timeout(70 * S, consumer.commit()).await.unwrap().unwrap();
            assert_eq!(world.committed(1).await, BTreeMap::from([(0, 1)]), "{kind:?} {code:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_back_is_not_undone_by_what_was_marked_before_it() {
    for kind in KINDS {
        let world = World::new(1, 9).await;
        let mut consumer = member(&world.client, kind).start().unwrap();
        for _ in 0..6 {
            next(&mut consumer).await;
        }
        sleep(6 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 5)]), "{kind:?}");
        consumer.commit_offsets([GroupOffset::new("t", 0, 2)]).await.unwrap();
        sleep(20 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 2)]), "{kind:?}");
        next(&mut consumer).await;
        sleep(6 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 6)]), "{kind:?}: it goes on");
    }
}

/// KIP-447: offsets of nobody are taken for anybody's.
#[tokio::test(start_paused = true)]
async fn offsets_in_a_transaction_are_never_those_of_nobody() {
    for kind in KINDS {
        let world = World::new(1, 5).await;
        let mut consumer = member(&world.client, kind).start().unwrap();
        let control = consumer.control();
        assert_eq!(control.group_metadata().unwrap_err().kind(), ErrorKind::Invalid, "{kind:?}");
        next(&mut consumer).await;
        let who = control.group_metadata().unwrap();
        assert!(who.generation_id > 0, "{kind:?}: {who:?}");
        next(&mut consumer).await;
        control.unsubscribe().unwrap();
        let _ = timeout(20 * S, consumer.next()).await;
        let left = control.group_metadata().unwrap();
        assert!(left.generation_id > 0 && left.member_id == who.member_id, "{kind:?}: {left:?}");
        consumer.close(10 * S).await;
        let closed = control.group_metadata().unwrap();
        assert!(closed.generation_id > 0, "{kind:?}: {closed:?}");
    }
}

/// CONS-10: records, the end of a partition and an error of another one, in calls that a commit
/// follows each time.
#[tokio::test(start_paused = true)]
async fn what_is_committed_is_behind_the_last_record_that_was_given_and_nothing_else() {
    for kind in KINDS {
        let world = World::new(3, 5).await;
        let mut first = member(&world.client, kind).auto_commit(None).start().unwrap();
        next(&mut first).await;
        let begin = [("t", 0, 0), ("t", 1, 99), ("t", 2, 5)];
        let begin = begin.map(|(topic, partition, at)| GroupOffset::new(topic, partition, at));
        first.commit_offsets(begin).await.unwrap();
        first.close(10 * S).await;
        let mut wanted = BTreeMap::from([(0, 0), (1, 99), (2, 5)]);
        assert_eq!(world.committed(3).await, wanted, "{kind:?}");
        let mut begun = 0;
        for nth in 0..3 {
            let builder = member(&world.client, kind).auto_commit(None);
            let mut consumer = builder.offset_reset(OffsetReset::Error).start().unwrap();
            let (mut errors, mut given) = (0, 0);
            // To the end of both, and some calls further.
            for _ in 0..12 {
                match consumer.poll_records(3, 10 * S).await {
                    Ok(records) => {
                        for one in records {
                            let (partition, offset) = (one.partition, one.record.offset);
                            assert_eq!(wanted[&partition], offset, "{kind:?} {nth}");
                            wanted.insert(partition, offset + 1);
                            given += 1;
                        }
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::OutOfRange, "{kind:?}: {error}");
                        errors += 1;
                    }
                }
                consumer.commit().await.unwrap();
                assert_eq!(world.committed(3).await, wanted, "{kind:?} {nth}");
            }
            assert_eq!((errors, given), (1, 5 - begun), "{kind:?} {nth}");
            consumer.close(10 * S).await;
            assert_eq!(world.committed(3).await, wanted, "{kind:?} {nth}");
            // The next one goes on there.
            world.write(1, 5..7).await;
            begun = 3;
        }
    }
}

/// What was asked to be committed of partition 0: offset, leader epoch, text.
fn commits(world: &World) -> Vec<(i64, i32, String)> {
    let of = |request: &RecordedRequest| {
        let request: OffsetCommitRequest = request.decode();
        let partitions = request.topics.into_iter().flat_map(|topic| topic.partitions);
        let one = partitions.into_iter().find(|one| one.partition_index == 0)?;
        let text = one.committed_metadata.map(|text| text.to_string()).unwrap_or_default();
        Some((one.committed_offset, one.committed_leader_epoch, text))
    };
    let requests = world.cluster.requests_of(&Requests::of(ApiKey::OFFSET_COMMIT));
    requests.iter().filter_map(of).collect()
}

/// USE-04.
#[tokio::test(start_paused = true)]
async fn what_a_program_commits_is_always_sent_also_the_same_offset_once_more() {
    for kind in KINDS {
        let world = World::new(1, 9).await;
        let mut consumer = member(&world.client, kind).auto_commit(None).start().unwrap();
        next(&mut consumer).await;
        for text in ["one", "two", "two", ""] {
            let offset = GroupOffset::new("t", 0, 5).metadata(text);
            consumer.commit_offsets([offset]).await.unwrap();
            let found = consumer.committed([("t", 0)]).await.unwrap().remove(0);
            let found = found.outcome.unwrap().unwrap();
            assert_eq!((found.offset, &*found.metadata), (5, text), "{kind:?}");
        }
        let texts: Vec<String> = commits(&world).into_iter().map(|(_, _, text)| text).collect();
        assert_eq!(texts, ["one", "two", "two", ""], "{kind:?}");
    }
}

/// CONS-14.
#[tokio::test(start_paused = true)]
async fn a_leader_epoch_that_is_not_known_is_never_taken_for_one() {
    for kind in KINDS {
        let world = World::new(1, 9).await;
        let mut consumer = member(&world.client, kind).auto_commit(None).start().unwrap();
        next(&mut consumer).await;
        consumer.commit_offsets([GroupOffset::new("t", 0, 4)]).await.unwrap();
        assert_eq!(commits(&world), [(4, -1, String::new())], "{kind:?}");
        let found = consumer.committed([("t", 0)]).await.unwrap().remove(0);
        assert_eq!(found.outcome.unwrap().unwrap().leader_epoch, -1, "{kind:?}");
        consumer.close(10 * S).await;
        // Its leader moves before it is read again, before its first record is given, and after.
        let lead = |broker| world.cluster.move_leader("t", 0, broker);
        lead(1);
        let mut consumer = member(&world.client, kind).start().unwrap();
        let _ = timeout(S, consumer.next()).await;
        lead(2);
        let mut given = Vec::new();
        for broker in [3, 1, 2] {
            given.extend(numbers(&next(&mut consumer).await));
            lead(broker);
            sleep(5 * S).await;
        }
        while let Ok(batch) = timeout(10 * S, consumer.next()).await {
            given.extend(numbers(&batch.unwrap().unwrap()));
        }
        let given: Vec<i64> = given.into_iter().map(|(_, number)| number).collect();
        assert!([4, 5].contains(&given[0]), "{kind:?}: {given:?}");
        assert!(given.iter().copied().eq(given[0]..9), "{kind:?}: {given:?}");
        let asked = world.cluster.requests_of(&Requests::of(ApiKey::OFFSET_FOR_LEADER_EPOCH));
        assert!(!asked.is_empty(), "{kind:?}: it asks of what it has read");
        for request in asked {
            let request: OffsetForLeaderEpochRequest = request.decode();
            let mut partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
            assert!(partitions.all(|one| one.leader_epoch >= 0), "{kind:?}: {request:?}");
        }
    }
}
