//! Commits and rebalances meet: what is refused is made later, or is told, and reading goes on.

use std::collections::BTreeMap;

use kurier_client::error::ErrorKind;
use kurier_client::transactions::GroupOffset;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
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

/// GRP-14.
#[tokio::test(start_paused = true)]
async fn a_member_that_a_commit_finds_forgotten_joins_again_and_reads_on() {
    for kind in KINDS {
        for code in [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::ILLEGAL_GENERATION] {
            if kind == Kind::Coordinator && code == ErrorCode::ILLEGAL_GENERATION {
                continue;
            }
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

/// GRP-02, GRP-10: whenever a program commits, it hears of it, and what it committed is committed.
#[tokio::test(start_paused = true)]
async fn a_program_may_commit_at_any_moment_of_a_rebalance() {
    for kind in KINDS {
        let world = World::new(4, 100).await;
        let mut first = member(&world.client, kind).auto_commit(None).start().unwrap();
        next(&mut first).await;
        let client = world.other(2).await;
        let second = member(&client, kind).start().unwrap();
        let mut held = 4;
        for moment in 0..80 {
            let batch = next(&mut first).await;
            let of = batch.partition();
            let outcome = timeout(70 * S, first.commit()).await.unwrap();
            if let Err(error) = outcome {
                assert_eq!(error.kind(), ErrorKind::Membership, "{kind:?} {moment}: {error}");
                assert!(!error.is_retriable() && !error.is_fatal(), "{kind:?} {moment}: {error}");
                continue;
            }
            held = held.min(first.assignment().len());
            let committed = world.committed(4).await;
            let is_mine = first.assignment().contains(&("t".into(), of));
            assert!(
                !is_mine || committed[&of] >= batch.next_offset(),
                "{kind:?} {moment}: {committed:?}"
            );
            sleep(S / 10).await;
        }
        assert!(held < 4, "{kind:?}: there was a rebalance");
        drop(second);
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
