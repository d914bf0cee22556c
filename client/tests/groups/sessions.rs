//! What is read, worked on and written in the rounds of a session is there exactly once, whatever
//! happens to the group, to brokers and to the program in between.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kurier_client::consumer::{FetchedBatch, Start, Stop};
use kurier_client::error::ErrorKind;
use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::session::{Ended, Reason, Round, Session, SessionBuilder};
use kurier_client::{Client, Error};
use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::history::{
    Action, Check, End, Offsets, Outcome, Pending, Polled, Recorder, Start as From, Step, Stretch,
    TopicPartition as Partition,
};
use kurier_testkit::{Fault, Isolation, Requests, TestCluster};
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep, timeout};

use crate::polls::cut;
use crate::seeds::seeds;
use crate::world::{Dice, KINDS, Kind, S, World, member, numbers};

const PARTITIONS: i32 = 2;

/// Topics `t`, with so many numbers in each partition, and `out`.
async fn world(numbers: i64) -> World {
    let topics = TestCluster::builder().brokers(3).topic("t", PARTITIONS).topic("out", PARTITIONS);
    let world = World::of(topics).await;
    world.write(PARTITIONS, 0..numbers).await;
    world
}

/// A session that puts few records into a round.
pub(crate) fn session(client: &Client, kind: Kind, id: &str) -> SessionBuilder {
    client.session(id, member(client, kind)).records_max(3)
}

/// Sends what the round has read to the same partitions of `out`.
pub(crate) async fn copy(round: &Round<'_>) -> Result<(), Error> {
    for batch in round.batches() {
        send(round, batch).await?;
    }
    Ok(())
}

/// The same of one batch.
async fn send(round: &Round<'_>, batch: &FetchedBatch) -> Result<(), Error> {
    for (partition, number) in numbers(batch) {
        let value = number.to_string();
        drop(round.enqueue(Record::to("out").partition(partition).value(&value)).await?);
    }
    Ok(())
}

/// Copies a round.
pub(crate) async fn turn(session: &mut Session) -> Result<Ended, Error> {
    let round = timeout(600 * S, session.begin()).await.unwrap()?.unwrap();
    match copy(&round).await {
        Ok(()) => {}
        Err(error) if error.is_fatal() => return Err(error),
        // The end tells.
        Err(_) => {}
    }
    round.end().await
}

/// Copies until nothing has come for a while.
async fn drain(session: &mut Session) {
    while let Ok(begun) = timeout(30 * S, session.begin()).await {
        let round = begun.unwrap().unwrap();
        copy(&round).await.unwrap();
        let _ = round.end().await.unwrap();
    }
}

/// What readers of committed records see in `out`, by partition.
pub(crate) fn out(world: &World) -> BTreeMap<i32, Vec<i64>> {
    let number = |value: &[u8]| std::str::from_utf8(value).unwrap().parse().unwrap();
    let read = |partition| {
        let records = world.cluster.read("out", partition, Isolation::Committed);
        (partition, records.iter().map(|record| number(record.value().unwrap())).collect())
    };
    (0..PARTITIONS).map(read).collect()
}

/// All numbers are there once, in order.
fn assert_once(world: &World, count: i64, what: &str) {
    for (partition, seen) in out(world) {
        assert_eq!(seen, (0..count).collect::<Vec<_>>(), "{what}: partition {partition}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_read_is_written_once_and_committed_with_it() {
    for kind in KINDS {
        let world = world(20).await;
        let mut session = session(&world.client, kind, "s").start().await.unwrap();
        while world.committed(PARTITIONS).await.values().sum::<i64>() < 40 {
            assert!(turn(&mut session).await.unwrap().is_committed(), "{kind:?}");
        }
        assert_once(&world, 20, &format!("{kind:?}"));
        session.close(10 * S).await.unwrap();
        // The next one goes on there.
        world.write(PARTITIONS, 20..25).await;
        let mut next = self::session(&world.client, kind, "s").start().await.unwrap();
        drain(&mut next).await;
        assert_once(&world, 25, &format!("{kind:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_waits_for_the_round_and_takes_nothing_that_is_not_committed() {
    for kind in KINDS {
        let world = world(12).await;
        let mut first = session(&world.client, kind, "a").start().await.unwrap();
        let mut round = first.begin().await.unwrap().unwrap();
        let mut more = Vec::new();
        while more.len() < 6 {
            // Of both partitions.
            more.extend(numbers(&round.next().await.unwrap().unwrap()));
        }
        copy(&round).await.unwrap();
        let client = world.other(2).await;
        let mut second = session(&client, kind, "b").start().await.unwrap();
        let begun = tokio::spawn(async move {
            let _ = turn(&mut second).await.unwrap();
            second
        });
        sleep(30 * S).await;
        assert!(round.is_revoked(), "{kind:?}: it hears of it");
        assert!(!begun.is_finished(), "{kind:?}: it is waited for");
        for (partition, number) in more {
            let value = number.to_string();
            let record = Record::to("out").partition(partition).value(&value);
            drop(round.enqueue(record).await.unwrap());
        }
        assert!(round.end().await.unwrap().is_committed(), "{kind:?}: it was still held");
        // Both go on side by side.
        let others = async {
            let mut second = begun.await.unwrap();
            drain(&mut second).await;
            second
        };
        let (_, second) = tokio::join!(drain(&mut first), others);
        assert_once(&world, 12, &format!("{kind:?}"));
        drop(second);
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_that_waits_for_more_ends_the_wait_when_its_partitions_are_wanted_back() {
    for kind in KINDS {
        let world = world(2).await;
        let mut first = session(&world.client, kind, "a").start().await.unwrap();
        let mut round = first.begin().await.unwrap().unwrap();
        copy(&round).await.unwrap();
        let given = round.batches().iter().flat_map(numbers).count();
        for _ in given..4 {
            let more = round.next().await.unwrap().unwrap();
            send(&round, &more).await.unwrap();
        }
        let client = world.other(2).await;
        let second = session(&client, kind, "b").start().await.unwrap();
        let none = timeout(30 * S, round.next()).await;
        assert!(none.expect("nobody waits for what cannot come").is_none(), "{kind:?}");
        assert!(round.is_revoked(), "{kind:?}");
        // Nor is it given what is of others.
        assert!(timeout(S, round.next()).await.unwrap().is_none(), "{kind:?}");
        assert!(round.end().await.unwrap().is_committed(), "{kind:?}: it was still held");
        sleep(10 * S).await;
        assert_eq!((first.assignment().len(), second.assignment().len()), (1, 1), "{kind:?}");
        assert_once(&world, 2, &format!("{kind:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_whose_partitions_were_taken_aborts_by_itself() {
    for kind in KINDS {
        let world = world(12).await;
        let slow = |client: &Client, id: &str| {
            let consumer = member(client, kind).poll_interval_max(60 * S);
            let config = ProducerConfig::default();
            let session = client.session(id, consumer).records_max(3).producer_config(config);
            session.transaction_timeout(600 * S)
        };
        let mut first = slow(&world.client, "a").start().await.unwrap();
        let round = first.begin().await.unwrap().unwrap();
        copy(&round).await.unwrap();
        let client = world.other(2).await;
        let mut second = slow(&client, "b").start().await.unwrap();
        sleep(70 * S).await;
        let going_on = tokio::spawn(async move {
            drain(&mut second).await;
            second
        });
        sleep(70 * S).await;
        assert!(round.is_revoked(), "{kind:?}");
        let ended = round.end().await.unwrap();
        let Ended::NotCommitted(Reason::Taken(taken)) = &ended else {
            panic!("{kind:?} {ended:?}")
        };
        assert!(!taken.is_empty(), "{kind:?}");
        drain(&mut first).await;
        drop(first);
        let second = going_on.await.unwrap();
        assert_once(&world, 12, &format!("{kind:?}"));
        drop(second);
    }
}

/// A coordinator takes the offsets of the generation that the member has come to by then.
#[tokio::test(start_paused = true)]
async fn a_round_is_not_committed_by_a_later_generation_that_holds_its_partitions_again() {
    for kind in KINDS {
        let world = world(6).await;
        let consumer = member(&world.client, kind).poll_interval_max(60 * S);
        let session = world.client.session("a", consumer).records_max(3);
        let mut session = session.transaction_timeout(600 * S).start().await.unwrap();
        let mut round = session.begin().await.unwrap().unwrap();
        copy(&round).await.unwrap();
        // It works for too long. When it asks for more its member comes back, and is given the same
        // partitions once more.
        sleep(70 * S).await;
        assert!(timeout(S, round.next()).await.unwrap().is_none(), "{kind:?}: nothing for it");
        sleep(30 * S).await;
        let ended = round.end().await.unwrap();
        assert!(matches!(&ended, Ended::NotCommitted(Reason::Taken(_))), "{kind:?}: {ended:?}");
        assert!(world.committed(PARTITIONS).await.is_empty(), "{kind:?}");
        drain(&mut session).await;
        assert_once(&world, 6, &format!("{kind:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_that_is_aborted_or_dropped_comes_again() {
    for kind in KINDS {
        let world = world(9).await;
        let mut session = session(&world.client, kind, "s").start().await.unwrap();
        assert!(turn(&mut session).await.unwrap().is_committed());
        let (seen, committed) = (out(&world), world.committed(PARTITIONS).await);
        // Two rounds are aborted, and two are dropped: each gives the same, from its beginning.
        for nth in 0..4 {
            let mut round = session.begin().await.unwrap().unwrap();
            copy(&round).await.unwrap();
            let mut given: Vec<_> = round.batches().iter().flat_map(numbers).collect();
            let more = round.next().await.unwrap().unwrap();
            send(&round, &more).await.unwrap();
            given.extend(numbers(&more));
            for partition in 0..PARTITIONS {
                let first = committed.get(&partition).copied().unwrap_or(0);
                let of = given.iter().filter(|(of, _)| *of == partition).map(|(_, n)| *n);
                let of: Vec<i64> = of.collect();
                let expected: Vec<i64> = (first..).take(of.len()).collect();
                assert_eq!(of, expected, "{kind:?}: {nth}, partition {partition}");
            }
            let was_dropped = matches!(round.previous(), Some(Ended::NotCommitted(Reason::Asked)));
            assert_eq!(was_dropped, nth == 3, "{kind:?} {nth}: {:?}", round.previous());
            match nth {
                0 | 1 => round.abort().await.unwrap(),
                _ => drop(round),
            }
        }
        let round = session.begin().await.unwrap().unwrap();
        assert!(matches!(round.previous(), Some(Ended::NotCommitted(Reason::Asked))), "{kind:?}");
        // A round that is ended says of itself what became of it.
        round.abort().await.unwrap();
        assert!(session.begin().await.unwrap().unwrap().previous().is_none(), "{kind:?}");
        assert_eq!(out(&world), seen, "{kind:?}: nothing of them is visible");
        assert_eq!(world.committed(PARTITIONS).await, committed, "{kind:?}: nor committed");
        drain(&mut session).await;
        assert_once(&world, 9, &format!("{kind:?}"));
    }
}

/// TXN-02: the leaders move while a round is aborted, and what was asked of them is answered when
/// it has long been.
#[tokio::test(start_paused = true)]
async fn answers_that_come_after_an_abort_move_nothing_from_where_it_has_led() {
    for kind in KINDS {
        for late in [ApiKey::OFFSET_FOR_LEADER_EPOCH, ApiKey::LIST_OFFSETS] {
            let world = world(9).await;
            let mut session = session(&world.client, kind, "s").start().await.unwrap();
            assert!(turn(&mut session).await.unwrap().is_committed());
            let committed = world.committed(PARTITIONS).await;
            let delayed = world.cluster.fault(Fault::on(late).always().delay_answer(3 * S));
            if late == ApiKey::LIST_OFFSETS {
                // What makes the client look for the end of the log is under way.
                session.seek("t", 0, Start::Latest).unwrap();
            }
            for nth in 0..2 {
                let round = session.begin().await.unwrap().unwrap();
                copy(&round).await.unwrap();
                if late == ApiKey::OFFSET_FOR_LEADER_EPOCH {
                    for partition in 0..PARTITIONS {
                        let next = world.cluster.leader("t", partition).unwrap() % 3 + 1;
                        world.cluster.move_leader("t", partition, next);
                    }
                }
                sleep(S).await;
                assert!(delayed.hits() > nth, "{kind:?} {late:?}: nothing is under way");
                round.abort().await.unwrap();
                if late == ApiKey::LIST_OFFSETS {
                    let back = committed.get(&0).copied().unwrap_or(0);
                    session.seek("t", 0, Start::Offset(back)).unwrap();
                    sleep(4 * S).await;
                    session.seek("t", 0, Start::Latest).unwrap();
                    sleep(S / 2).await;
                    session.seek("t", 0, Start::Offset(back)).unwrap();
                }
            }
            for _ in 0..2 {
                let round = session.begin().await.unwrap().unwrap();
                for partition in 0..PARTITIONS {
                    let given = round.batches().iter().flat_map(numbers);
                    let first = given.filter(|(of, _)| *of == partition).map(|(_, n)| n).next();
                    let wanted = committed.get(&partition).copied().unwrap_or(0);
                    assert!(first.is_none_or(|n| n == wanted), "{kind:?} {late:?}: {first:?}");
                }
                round.abort().await.unwrap();
                sleep(4 * S).await;
            }
            drain(&mut session).await;
            assert_once(&world, 9, &format!("{kind:?} {late:?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_session_of_the_same_name_shuts_the_earlier_one_out() {
    for kind in KINDS {
        let world = world(9).await;
        let mut first = session(&world.client, kind, "s").start().await.unwrap();
        assert!(turn(&mut first).await.unwrap().is_committed());
        let round = first.begin().await.unwrap().unwrap();
        copy(&round).await.unwrap();
        let client = world.other(2).await;
        let mut second = session(&client, kind, "s").start().await.unwrap();
        // A broker that takes no record of it does not say that the name is somebody else's.
        match round.end().await {
            Ok(ended) => assert!(!ended.is_committed(), "{kind:?}: {ended:?}"),
            Err(error) => assert!(error.is_fatal(), "{kind:?}: {error}"),
        }
        let begun = timeout(120 * S, first.begin()).await.unwrap();
        let error = begun.map(drop).unwrap_err();
        assert!(error.is_fatal(), "{kind:?}: {error}");
        drop(first);
        drain(&mut second).await;
        assert_once(&world, 9, &format!("{kind:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_or_records_that_are_refused_abort_the_round_and_say_why() {
    let rows = [
        (ApiKey::TXN_OFFSET_COMMIT, ErrorCode::ILLEGAL_GENERATION, ErrorKind::Membership),
        (ApiKey::TXN_OFFSET_COMMIT, ErrorCode::UNKNOWN_MEMBER_ID, ErrorKind::Membership),
        (
            ApiKey::TXN_OFFSET_COMMIT,
            ErrorCode::GROUP_AUTHORIZATION_FAILED,
            ErrorKind::Authorization,
        ),
        (ApiKey::PRODUCE, ErrorCode::MESSAGE_TOO_LARGE, ErrorKind::TooLarge),
    ];
    for kind in KINDS {
        for (api, code, expected) in rows {
            let world = world(9).await;
            let mut session = session(&world.client, kind, "s").start().await.unwrap();
            assert!(turn(&mut session).await.unwrap().is_committed());
            world.cluster.fault(Fault::on(api).always().answer(code));
            let ended = turn(&mut session).await.unwrap();
            let Ended::NotCommitted(Reason::Refused(error)) = ended else { panic!("{ended:?}") };
            assert_eq!((error.kind(), error.code()), (expected, Some(code)), "{kind:?}: {error}");
            world.cluster.clear_faults();
            drain(&mut session).await;
            assert_once(&world, 9, &format!("{kind:?} {code:?}"));
        }
    }
}

/// Whether a member has what was refused its coordinator tells: nobody waits for a generation that
/// does not come.
#[tokio::test(start_paused = true)]
async fn offsets_of_a_generation_that_is_the_one_of_now_are_offered_once_more_and_soon() {
    for kind in KINDS {
        for times in [1, 1000] {
            let world = world(9).await;
            let mut session = session(&world.client, kind, "s").start().await.unwrap();
            assert!(turn(&mut session).await.unwrap().is_committed());
            let code = match kind {
                Kind::Coordinator => ErrorCode::STALE_MEMBER_EPOCH,
                Kind::Eager | Kind::Cooperative => ErrorCode::ILLEGAL_GENERATION,
            };
            let refused = Fault::on(ApiKey::TXN_OFFSET_COMMIT).times(times).answer(code);
            world.cluster.fault(refused);
            let start = Instant::now();
            let ended = turn(&mut session).await.unwrap();
            assert!(start.elapsed() < S, "{kind:?}: {:?}", start.elapsed());
            match ended {
                Ended::Committed => assert_eq!(times, 1, "{kind:?}"),
                Ended::NotCommitted(Reason::Refused(error)) => {
                    assert_eq!((times, error.code()), (1000, Some(code)), "{kind:?}: {error}");
                }
                other => panic!("{kind:?}: {other:?}"),
            }
            world.cluster.clear_faults();
            drain(&mut session).await;
            assert_once(&world, 9, &format!("{kind:?} {times}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_division_that_leaves_the_member_what_was_read_costs_the_round_nothing() {
    for kind in KINDS {
        let world = world(3).await;
        let mut first = session(&world.client, kind, "a").start().await.unwrap();
        let round = first.begin().await.unwrap().unwrap();
        copy(&round).await.unwrap();
        // The offsets are taken when the group is a generation further.
        let mut codes = vec![ErrorCode::COORDINATOR_LOAD_IN_PROGRESS; 20];
        if kind == Kind::Coordinator {
            // Newer brokers take those of an earlier epoch in which the partition was held, too.
            codes.push(ErrorCode::ILLEGAL_GENERATION);
        }
        let late = Fault::on(ApiKey::TXN_OFFSET_COMMIT).answer_in_turn(codes.clone());
        let late = world.cluster.fault(late);
        let client = world.other(2).await;
        let joining = async {
            sleep(S / 10).await;
            let other = member(&client, kind).subscribe(["out"]).start().unwrap();
            sleep(30 * S).await;
            other
        };
        let (ended, other) = tokio::join!(round.end(), joining);
        assert_eq!(late.hits(), u64::try_from(codes.len()).unwrap(), "{kind:?}");
        assert!(ended.unwrap().is_committed(), "{kind:?}");
        let sent = world.cluster.requests();
        let sent = sent.iter().filter(|request| request.api == ApiKey::TXN_OFFSET_COMMIT).count();
        // One that gives all up before it joins keeps the group waiting instead.
        let later_generations = usize::from(kind != Kind::Eager);
        assert_eq!(sent, 21 + later_generations, "{kind:?}");
        drain(&mut first).await;
        assert_once(&world, 3, &format!("{kind:?}"));
        drop(other);
    }
}

/// TXN-01: it has read past what is committed, the group divides anew and takes nothing of it, and
/// then it is aborted, or dropped.
#[tokio::test(start_paused = true)]
async fn a_round_that_is_aborted_behind_a_division_that_takes_nothing_comes_again() {
    for (kind, is_dropped) in KINDS.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let what = format!("{kind:?}, dropped: {is_dropped}");
        let world = world(9).await;
        let mut session = session(&world.client, kind, "a").start().await.unwrap();
        assert!(turn(&mut session).await.unwrap().is_committed(), "{what}");
        let committed = world.committed(PARTITIONS).await;
        let mut round = session.begin().await.unwrap().unwrap();
        copy(&round).await.unwrap();
        let mut read: Vec<_> = round.batches().iter().flat_map(numbers).collect();
        while (0..PARTITIONS).any(|of| read.iter().filter(|(p, _)| *p == of).count() < 2) {
            let more = round.next().await.unwrap().unwrap();
            send(&round, &more).await.unwrap();
            read.extend(numbers(&more));
        }
        let client = world.other(2).await;
        let other = member(&client, kind).subscribe(["out"]).start().unwrap();
        sleep(30 * S).await;
        // Members that give all up before they join keep the group waiting until the round ends.
        let divided = if kind == Kind::Eager { 0 } else { 2 };
        assert_eq!(other.assignment().len(), divided, "{what}");
        match is_dropped {
            true => drop(round),
            false => round.abort().await.unwrap(),
        }
        let mut round = timeout(60 * S, session.begin()).await.unwrap().unwrap().unwrap();
        let mut again: Vec<_> = round.batches().iter().flat_map(numbers).collect();
        while (0..PARTITIONS).any(|of| again.iter().all(|(p, _)| *p != of)) {
            let more = timeout(60 * S, round.next()).await.unwrap();
            // It is wanted back before all is read: the next one has the rest.
            let Some(more) = more else { break };
            again.extend(numbers(&more.unwrap()));
        }
        assert!(!again.is_empty(), "{what}");
        for of in 0..PARTITIONS {
            let first = again.iter().find(|(p, _)| *p == of).map(|(_, number)| *number);
            let expected = committed.get(&of).copied().unwrap_or(0);
            assert!(first.is_none_or(|first| first == expected), "{what}: {of}, {again:?}");
        }
        round.abort().await.unwrap();
        drain(&mut session).await;
        assert_eq!((other.assignment().len(), session.assignment().len()), (2, 2), "{what}");
        assert_once(&world, 9, &what);
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_has_failed_stands_still_until_it_is_sought() {
    let faults = [
        |byte| (ErrorKind::Corrupt, Fault::on(ApiKey::FETCH).partition(0).corrupt(byte)),
        |_| {
            let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
            (ErrorKind::Authorization, Fault::on(ApiKey::FETCH).partition(0).answer(code))
        },
    ];
    for (kind, fault) in KINDS.into_iter().flat_map(|kind| faults.map(|fault| (kind, fault))) {
        let world = world(6).await;
        let batches = world.cluster.batches("t", 0);
        let before: usize = batches.iter().take(2).map(|batch| batch.bytes().len()).sum();
        let (expected, fault) = fault(before + 60);
        world.cluster.fault(fault);
        let mut session = session(&world.client, kind, "s").start().await.unwrap();
        let mut errors = Vec::new();
        while world.committed(PARTITIONS).await.get(&1) != Some(&6) || errors.is_empty() {
            match turn(&mut session).await {
                Ok(ended) => assert!(ended.is_committed(), "{kind:?}: {ended:?}"),
                Err(error) => errors.push(error),
            }
        }
        let [error] = &errors[..] else { panic!("{kind:?}: {errors:?}") };
        assert_eq!(error.kind(), expected, "{kind:?}: {error}");
        drain(&mut session).await;
        let stands = session.position("t", 0).unwrap();
        let given: Vec<i64> = (0..if expected == ErrorKind::Corrupt { 2 } else { 0 }).collect();
        assert_eq!(out(&world)[&0], given, "{kind:?}");
        assert_eq!(i64::try_from(given.len()).unwrap(), stands, "{kind:?}");
        let error = session.seek("t", 9, Start::Earliest).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        // Round by round, from wherever is wanted: over what was given, and behind a gap.
        session.seek("t", 0, Start::Offset(5)).unwrap();
        assert!(turn(&mut session).await.unwrap().is_committed(), "{kind:?}");
        assert_eq!(world.committed(PARTITIONS).await[&0], 6, "{kind:?}");
        session.seek("t", 0, Start::Offset(stands)).unwrap();
        drain(&mut session).await;
        let mut expected: Vec<i64> = (0..stands).collect();
        expected.push(5);
        expected.extend(stands..6);
        assert_eq!(out(&world)[&0], expected, "{kind:?}");
        assert_eq!(out(&world)[&1], [0, 1, 2, 3, 4, 5], "{kind:?}");
        assert_eq!(world.committed(PARTITIONS).await[&0], 6, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_paused_gives_the_next_rounds_nothing() {
    for kind in KINDS {
        let world = world(6).await;
        let mut session = session(&world.client, kind, "s").start().await.unwrap();
        // What was read for a round whose begin nobody has waited for is not given either.
        world.cluster.network().latency(S / 10);
        let given = |session: &Session| (0..2).find(|p| session.position("t", *p) > Some(0));
        let given = loop {
            assert!(timeout(S / 100, session.begin()).await.is_err(), "{kind:?}: it takes longer");
            if let Some(partition) = given(&session) {
                break partition;
            }
        };
        session.pause("t", given).unwrap();
        assert_eq!(session.position("t", given), Some(0), "{kind:?}: it was given back");
        drain(&mut session).await;
        let seen = out(&world);
        assert_eq!((seen[&given].len(), seen[&(1 - given)].len()), (0, 6), "{kind:?}");
        session.resume("t", given).unwrap();
        drain(&mut session).await;
        assert_once(&world, 6, &format!("{kind:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_counts_in_the_consumers_budget_and_more_of_it_can_be_waited_for() {
    for batch_bytes in [20_000, 700_000] {
        let world = world(0).await;
        let producer = world.client.producer().linger(Duration::ZERO).build().await.unwrap();
        let value = "v".repeat(batch_bytes);
        let count = 4_000_000 / batch_bytes;
        for _ in 0..count {
            let record = Record::to("t").partition(0).value(&value);
            producer.send(record).await.unwrap();
        }
        let budget = 1 << 20;
        let consumer = member(&world.client, Kind::Cooperative).buffer_bytes_max(budget);
        let session = world.client.session("s", consumer).records_max(1000);
        let mut session = session.start().await.unwrap();
        // Time for what is fetched ahead.
        drop(session.begin().await.unwrap());
        session.pause("t", 1).unwrap();
        sleep(10 * S).await;
        let mut round = session.begin().await.unwrap().unwrap();
        let begins_with = round.batches().len();
        let most = (budget / 2).div_ceil(batch_bytes);
        assert!((1..=most).contains(&begins_with), "{begins_with} of {batch_bytes}");
        sleep(10 * S).await;
        let fetched = world.cluster.requests();
        let fetched = fetched.iter().rev().find_map(|request| {
            let fetch = (request.api == ApiKey::FETCH).then(|| request.decode::<FetchRequest>())?;
            let partitions = fetch.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.filter(|of| of.partition == 0).map(|of| of.fetch_offset).max()
        });
        let fetched = usize::try_from(fetched.unwrap()).unwrap() * batch_bytes;
        let most = budget.max(begins_with * batch_bytes) + batch_bytes;
        assert!(fetched <= most, "{fetched} of {batch_bytes}");
        for given in begins_with..count {
            let next = timeout(60 * S, round.next()).await;
            let batch = next.unwrap_or_else(|_| panic!("nothing behind {given} of {batch_bytes}"));
            drop(batch.unwrap().unwrap());
        }
        assert!(round.end().await.unwrap().is_committed());
        assert_eq!(world.committed(PARTITIONS).await[&0], i64::try_from(count).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_begins_with_as_many_records_as_it_may_and_lets_other_tasks_have_their_turn() {
    // At any moment of the task's turn.
    for before in 0..3 {
        let world = world(300).await;
        let consumer = member(&world.client, Kind::Cooperative);
        let session = world.client.session("s", consumer).records_max(500);
        let mut session = session.start().await.unwrap();
        // Time for what is fetched ahead: each record is a batch.
        sleep(10 * S).await;
        for _ in 0..before {
            consume_budget().await;
        }
        let mut polls = 0;
        let mut begin = std::pin::pin!(session.begin());
        let round = std::future::poll_fn(|context| {
            polls += 1;
            begin.as_mut().poll(context)
        });
        let round = round.await.unwrap().unwrap();
        assert_eq!(round.batches().len(), 500, "{before}");
        assert!(polls > 500 / 128, "{polls} turns of a task");
        assert!(round.end().await.unwrap().is_committed());
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_contradict_each_other_shut_nobody_out() {
    let world = world(0).await;
    let client = &world.client;
    let member = || member(client, Kind::Eager);
    for consumer in [
        member().stop(Stop::End),
        member().buffer_bytes_max(0),
        member().assignors([]),
        member().poll_interval_max(Duration::ZERO),
        client.consumer().group("g").assign_committed([("t", 0), ("t", 0)]),
    ] {
        let error = client.session("s", consumer).start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    let config = ProducerConfig { in_flight_max: 0, ..ProducerConfig::default() };
    let start = client.session("s", member()).producer_config(config).start().await;
    assert_eq!(start.unwrap_err().kind(), ErrorKind::Invalid);
    let asked = world.cluster.requests();
    assert!(asked.iter().all(|request| request.api != ApiKey::INIT_PRODUCER_ID));
}

/// How many records are committed, once whatever was begun has gone on by itself.
async fn committed(world: &World) -> i64 {
    sleep(S).await;
    world.committed(PARTITIONS).await.values().sum()
}

/// What is cut off is begun again, and how it ended is told: as much is committed as that says.
#[tokio::test(start_paused = true)]
async fn each_future_of_a_session_may_be_dropped_anywhere() {
    for kind in [Kind::Cooperative, Kind::Coordinator] {
        for (call, most) in [("begin", 12), ("next", 4), ("end", 12), ("abort", 5)] {
            let (mut cut_off, mut whole) = (BTreeSet::new(), BTreeSet::new());
            for polls in 0..=most {
                let what = format!("{kind:?} {call} {polls}");
                let world = world(if call == "next" { 3 } else { 6 }).await;
                // So that each step of a call is waited for.
                world.cluster.network().latency(S / 1000);
                let mut session = session(&world.client, kind, "s").start().await.unwrap();
                let (mut before, mut is_told) = (0, true);
                for nth in 0..3 {
                    if call == "begin" {
                        let is_whole = cut(session.begin(), polls).await.is_some();
                        if is_whole { &mut whole } else { &mut cut_off }.insert(polls);
                    }
                    let mut round = session.begin().await.unwrap().unwrap();
                    let now = committed(&world).await;
                    match round.previous() {
                        Some(Ended::Committed) => assert!(now > before, "{what}: {now}"),
                        Some(Ended::NotCommitted(_)) | None => assert_eq!(now, before, "{what}"),
                    }
                    if call != "begin" {
                        assert_eq!(round.previous().is_none(), is_told, "{what}");
                    }
                    before = now;
                    copy(&round).await.unwrap();
                    if call == "next" {
                        while let Ok(more) = timeout(S, round.next()).await {
                            send(&round, &more.unwrap().unwrap()).await.unwrap();
                        }
                        let written = world.write(PARTITIONS, 3 + nth..4 + nth);
                        match tokio::join!(cut(round.next(), polls), written).0 {
                            Some(batch) => {
                                whole.insert(polls);
                                send(&round, &batch.unwrap().unwrap()).await.unwrap();
                            }
                            None => drop(cut_off.insert(polls)),
                        }
                    }
                    is_told = match call {
                        "end" => cut(round.end(), polls).await.is_some(),
                        "abort" => cut(round.abort(), polls).await.is_some(),
                        _ => {
                            assert!(round.end().await.unwrap().is_committed(), "{what}");
                            true
                        }
                    };
                    if call == "end" || call == "abort" {
                        if is_told { &mut whole } else { &mut cut_off }.insert(polls);
                    }
                    if is_told {
                        before = committed(&world).await;
                    }
                }
                drain(&mut session).await;
                assert_once(&world, 6, &what);
            }
            // It waits, and for no longer than it is followed here.
            let has_waited = cut_off.len() >= 2 && whole.contains(&most);
            assert!(has_waited, "{kind:?} {call}: {cut_off:?} {whole:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn brokers_that_do_not_check_members_are_refused_at_the_start() {
    for release in ["1.0", "2.4"] {
        let topics = TestCluster::builder().brokers(3).release(release).topic("t", PARTITIONS);
        let world = World::of(topics.topic("out", PARTITIONS)).await;
        let error = session(&world.client, Kind::Eager, "s").start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{release}");
        let text = error.to_string();
        assert!(text.contains("session of group g") && text.contains("Kafka 2.5"), "{text}");
    }
    for release in ["2.5", "3.9", "4.4"] {
        let topics = TestCluster::builder().brokers(3).release(release).topic("t", PARTITIONS);
        let world = World::of(topics.topic("out", PARTITIONS)).await;
        world.write(PARTITIONS, 0..6).await;
        let mut session = session(&world.client, Kind::Eager, "s").start().await.unwrap();
        drain(&mut session).await;
        assert_once(&world, 6, release);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_reads_where_its_group_has_stopped_and_nowhere_else() {
    let world = world(6).await;
    let client = &world.client;
    let start = Start::Earliest;
    for consumer in [
        client.consumer().group("g").topics(["t"], start),
        client.consumer().group("g").assign([("t", 0, start)]),
        client.consumer().subscribe(["t"]),
        client.consumer().group("g"),
    ] {
        let error = client.session("s", consumer).start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    // The partitions of a group without members are the program's to name.
    for end in [3, 6] {
        let consumer = client.consumer().group("g").assign_committed([("t", 0), ("t", 1)]);
        let consumer = consumer.offset_reset(kurier_client::consumer::OffsetReset::Earliest);
        let mut session = client.session("s", consumer).records_max(2).start().await.unwrap();
        while world.committed(PARTITIONS).await.values().sum::<i64>() < end * 2 {
            let round = session.begin().await.unwrap().unwrap();
            copy(&round).await.unwrap();
            round.abort().await.unwrap();
            assert!(turn(&mut session).await.unwrap().is_committed());
        }
    }
    assert_once(&world, 6, "assigned by the program");
}

/// The number of the last program.
const LAST: u64 = 1000;
/// What is added to the number of a program for that of another one with its name.
const RIVAL: u64 = 10;

/// Who notes what a program does.
#[derive(Clone)]
struct Notes {
    recorder: Recorder,
    process: u32,
}

impl Notes {
    /// What a round has read and is to commit. What was not committed is read once more.
    fn round(&self, round: &Round<'_>) -> Pending {
        let of = |partition| Partition::new("t", partition);
        let (mut begins, mut ends, mut stretches) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for batch in round.batches() {
            let partition = batch.partition();
            begins.entry(partition).or_insert_with(|| batch.first_offset());
            ends.insert(partition, batch.next_offset());
            let value = |(partition, number)| u64::try_from(1000 * partition + number).unwrap();
            let numbers = numbers(batch).into_iter().map(|(of, number)| (i64::from(of), number));
            let records = (batch.first_offset()..).zip(numbers.map(value)).collect();
            stretches.push(Stretch { of: of(partition), records });
        }
        let begins = begins.into_iter().map(|(partition, at)| (of(partition), From::At(at)));
        self.recorder.note(self.process, Action::Assign(begins.collect()));
        let noted = self.recorder.txn(self.process);
        noted.step(Step::Poll(Polled { isolation: Isolation::Committed, stretches }));
        noted.step(Step::CommitOffsets(offsets(ends)));
        noted.ending(End::Commit);
        noted
    }
}

fn offsets(of: BTreeMap<i32, i64>) -> Offsets {
    let offsets = of.into_iter().map(|(partition, next)| (Partition::new("t", partition), next));
    Offsets { group: "g".into(), offsets: offsets.collect() }
}

/// One round, which takes so long.
async fn noted_turn(session: &mut Session, notes: &Notes, time: Duration) -> Result<(), Error> {
    let Some(round) = session.begin().await? else { return Ok(()) };
    let noted = notes.round(&round);
    sleep(time).await;
    // Of any other error the end tells.
    if let Err(error) = copy(&round).await
        && error.is_fatal()
    {
        return Err(error);
    }
    let ended = round.end().await?;
    noted.end(if ended.is_committed() { Outcome::Ok } else { Outcome::Failed });
    Ok(())
}

/// A program that copies until it is ended, and begins anew when its session is over.
async fn program((client, notes): (Client, Notes), kind: Kind, id: u64, seed: u64) {
    let (mut dice, mut rounds) = (Dice(seed), 0);
    // Now and then for longer than it may.
    let mut time = move || match dice.roll(5) {
        0 => Duration::ZERO,
        1 | 2 => S,
        3 => 2 * S,
        _ => 70 * S,
    };
    loop {
        let consumer = member(&client, kind).poll_interval_max(60 * S);
        let start = client.session(format!("program-{id}"), consumer).records_max(2).start();
        let Ok(mut session) = start.await else {
            sleep(S).await;
            continue;
        };
        loop {
            rounds += 1;
            assert!(rounds < 1000, "it begins rounds without end");
            let went = if seed.is_multiple_of(2) {
                noted_turn(&mut session, &notes, time()).await
            } else {
                let running = session.run::<Error>(|round| {
                    let (noted, time) = (notes.round(round), time());
                    rounds += 1;
                    assert!(rounds < 1000, "it begins rounds without end");
                    Box::pin(async move {
                        sleep(time).await;
                        let copied = copy(round).await;
                        // Nobody hears how it ends.
                        drop(noted);
                        copied
                    })
                });
                running.await
            };
            match went {
                Err(error) if error.is_fatal() => break,
                Err(_) => sleep(S).await,
                Ok(()) => {}
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_programs_and_brokers_each_record_comes_out_once() {
    for (kind, seed) in KINDS.into_iter().flat_map(|kind| seeds(2).map(move |seed| (kind, seed))) {
        let world = world(30).await;
        let mut dice = Dice(seed);
        let mut programs = BTreeMap::new();
        let recorder = Recorder::new();
        let notes = |process: u64| Notes {
            recorder: recorder.clone(),
            process: u32::try_from(process).unwrap(),
        };
        for step in 0..30 {
            let id = dice.roll(3);
            match dice.roll(7) {
                0..=2 if !programs.contains_key(&id) => {
                    let client = world.other(100 + step).await;
                    programs.insert(
                        id,
                        tokio::spawn(program((client, notes(step)), kind, id, seed + step)),
                    );
                }
                // One more of the same name: they shut each other out.
                1 if !programs.contains_key(&(id + RIVAL)) => {
                    let client = world.other(100 + step).await;
                    let rival = tokio::spawn(program((client, notes(step)), kind, id, seed + step));
                    programs.insert(id + RIVAL, rival);
                }
                2 => drop(programs.remove(&(id + RIVAL)).map(|one| one.abort())),
                6 => {
                    let broker = 1 + i32::try_from(id).unwrap();
                    world.cluster.pause_broker(broker);
                    sleep(5 * S).await;
                    world.cluster.resume_broker(broker);
                }
                0 => drop(programs.remove(&id).map(|one| one.abort())),
                3 => world.cluster.drop_connections(1 + i32::try_from(id).unwrap()),
                4 => {
                    let code = ErrorCode::ILLEGAL_GENERATION;
                    drop(world.cluster.fault(Fault::on(ApiKey::TXN_OFFSET_COMMIT).answer(code)));
                }
                _ => drop(world.cluster.fault(Fault::on(ApiKey::END_TXN).execute_then_close())),
            }
            sleep(S * u32::try_from(dice.roll(15)).unwrap()).await;
        }
        programs.values().for_each(|one| one.abort());
        world.cluster.clear_faults();
        let mut last = session(&world.client, kind, "last").start().await.unwrap();
        let notes = notes(LAST);
        let done = async {
            while world.committed(PARTITIONS).await.values().sum::<i64>() < 60 {
                noted_turn(&mut last, &notes, Duration::ZERO).await.unwrap();
            }
        };
        timeout(600 * S, done).await.unwrap();
        assert_once(&world, 30, &format!("{kind:?} {seed}"));
        let alone = world.cluster.requests_of(&Requests::of(ApiKey::OFFSET_COMMIT));
        assert!(alone.is_empty(), "{kind:?} {seed}: offsets go with what was made of them");
        let committed = offsets(world.committed(PARTITIONS).await);
        recorder.note(notes.process + 1, Action::CommitOffsets(committed));
        let history = recorder.history();
        let rounds = history.operations.iter().filter(|one| matches!(one.action, Action::Txn(_)));
        assert!(rounds.filter(|one| one.outcome == Outcome::Ok).count() > 2, "{kind:?} {seed}");
        let violations = Check::new().run(&history);
        assert!(violations.is_empty(), "{kind:?} {seed}: {}", violations[0]);
    }
}
