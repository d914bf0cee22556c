//! Brokers that break one promise each, and the checker of histories that must name it. The same
//! workload on honest brokers breaks nothing.

mod naive;

use std::time::Duration;

use kurier_protocol::ApiKey;
use kurier_testkit::history::{Action, Check, End, History, Invariant, Outcome, Recorder};
use kurier_testkit::{Fault, Sabotage, TestCluster};
use tokio::time::sleep;

use crate::peer::{Peer, produce, stored};
use naive::{Naive, Noted, of};

/// A cluster that does wrong when it is told to, with two clients that read, and write.
struct World {
    cluster: TestCluster,
    recorder: Recorder,
    sabotage: Option<Sabotage>,
    one: Naive,
    other: Naive,
}

impl World {
    async fn new(sabotage: Option<Sabotage>) -> Self {
        let cluster = TestCluster::builder().topic("t", 2).build();
        let recorder = Recorder::new();
        let one = Naive::new(&cluster, &recorder, 1).await;
        let other = Naive::new(&cluster, &recorder, 2).await;
        Self { cluster, recorder, sabotage, one, other }
    }

    fn on(&self) {
        self.cluster.sabotage(self.sabotage);
    }

    fn off(&self) {
        self.cluster.sabotage(None);
    }

    /// Three records, of which the second one meets the sabotage.
    async fn send_three(&mut self) {
        self.one.send(0, 101).await;
        self.on();
        self.one.send(0, 102).await;
        self.off();
        self.one.send(0, 103).await;
    }

    /// Three records, and a reader that has them all.
    async fn send_three_plainly(&mut self) {
        for value in 101..104 {
            self.one.send(0, value).await;
        }
        self.one.drain().await;
    }
}

/// Runs a workload with the sabotage and without.
#[track_caller]
fn names(expected: &[Invariant], check: &Check, histories: [History; 2]) {
    let [broken, whole] = histories;
    let found = check.run(&broken);
    let mut named: Vec<Invariant> = found.iter().flat_map(|found| found.invariants()).collect();
    named.sort_unstable();
    named.dedup();
    assert_eq!(named, expected, "{found:?}\n{broken}");
    let found = check.run(&whole);
    assert!(found.is_empty(), "honest brokers: {found:?}\n{whole}");
    let small = check.shrink(&broken).unwrap();
    assert!(small.operations.len() <= 4, "{small}");
}

macro_rules! both {
    ($sabotage:ident, |$world:ident| $workload:expr) => {{
        let mut histories = Vec::new();
        for sabotage in [Some(Sabotage::$sabotage), None] {
            let mut $world = World::new(sabotage).await;
            $workload;
            histories.push($world.recorder.history());
        }
        <[History; 2]>::try_from(histories).unwrap()
    }};
}

#[tokio::test(start_paused = true)]
async fn an_offset_that_is_given_twice_is_named() {
    let histories = both!(AcknowledgeEarly, |world| {
        world.on();
        world.one.send(0, 101).await;
        world.off();
        world.one.send(0, 102).await;
        world.other.drain().await;
    });
    names(&[Invariant::J1], &Check::new(), histories);
}

#[tokio::test(start_paused = true)]
async fn other_bytes_at_an_offset_are_named() {
    let histories = both!(AlterRecords, |world| {
        world.one.send(0, 101).await;
        world.one.drain().await;
        world.on();
        world.other.drain().await;
    });
    names(&[Invariant::J1], &Check::new().drained(), histories);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledged_record_that_is_gone_is_named() {
    let histories = both!(LoseRecords, |world| {
        world.send_three().await;
        world.other.drain().await;
    });
    names(&[Invariant::J2, Invariant::Q1], &Check::new(), histories);
}

#[tokio::test(start_paused = true)]
async fn the_last_record_that_is_gone_is_named_when_all_was_polled() {
    let histories = both!(LoseRecords, |world| {
        world.one.send(0, 101).await;
        world.on();
        world.one.send(0, 102).await;
        world.off();
        world.other.drain().await;
    });
    assert_eq!(Check::new().run(&histories[0]), []);
    names(&[Invariant::J3, Invariant::Q1], &Check::new().drained(), histories);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_stored_twice_is_named() {
    let histories = both!(StoreTwice, |world| {
        world.send_three().await;
        world.other.drain().await;
    });
    names(&[Invariant::J4, Invariant::Q2], &Check::new().drained(), histories);
}

#[tokio::test(start_paused = true)]
async fn a_refused_record_that_is_read_is_named() {
    let histories = both!(StoreRefused, |world| {
        world.send_three().await;
        world.other.drain().await;
    });
    names(&[Invariant::J5, Invariant::Q3], &Check::new().drained(), histories);
}

#[tokio::test(start_paused = true)]
async fn an_aborted_record_that_is_read_is_named() {
    let histories = both!(ShowAborted, |world| {
        world.one.begin().await;
        world.one.send_in_txn(0, 201).await;
        world.one.end(End::Abort, Noted::Exactly).await;
        world.on();
        world.other.drain().await;
    });
    let expected = [Invariant::J5, Invariant::Q3, Invariant::Q4];
    names(&expected, &Check::new().drained(), histories);
}

/// If it was noted when each end was asked for, it would show as well that one of the reads came
/// before (J7): a circle has no other way to come about.
#[tokio::test(start_paused = true)]
async fn transactions_that_read_each_other_are_named() {
    let histories = both!(ShowOpen, |world| {
        world.one.begin().await;
        world.other.begin().await;
        world.one.send_in_txn(0, 201).await;
        world.other.send_in_txn(1, 202).await;
        world.on();
        world.one.poll_in_txn(1).await;
        world.other.poll_in_txn(0).await;
        world.off();
        world.one.end(End::Commit, Noted::No).await;
        world.other.end(End::Commit, Noted::No).await;
    });
    names(&[Invariant::J6], &Check::new(), histories);
}

#[tokio::test(start_paused = true)]
async fn records_above_the_last_stable_offset_are_named() {
    let histories = both!(ShowOpen, |world| {
        world.one.begin().await;
        world.one.send_in_txn(0, 201).await;
        world.on();
        world.other.poll(0).await;
        world.off();
        world.one.end(End::Commit, Noted::Exactly).await;
        world.other.drain().await;
    });
    names(&[Invariant::J7], &Check::new().drained(), histories);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_reads_its_own_records_is_named() {
    let histories = both!(ShowOpen, |world| {
        world.one.begin().await;
        world.one.send_in_txn(0, 201).await;
        world.on();
        world.one.poll_in_txn(0).await;
        world.off();
        world.one.end(End::Commit, Noted::No).await;
    });
    names(&[Invariant::J7], &Check::new(), histories);
}

/// A client that looks at the offsets would drop what comes again; what is left out it would miss
/// too.
#[tokio::test(start_paused = true)]
async fn polls_that_skip_or_go_back_are_named() {
    let inside = both!(SkipRecords, |world| {
        world.send_three_plainly().await;
        let (cluster, sabotage) = (world.cluster.clone(), world.sabotage);
        world.other.poll_twice(0, || cluster.sabotage(sabotage)).await;
    });
    names(&[Invariant::J8], &Check::new(), inside);
    let between = both!(SkipRecords, |world| {
        world.send_three_plainly().await;
        world.other.poll(0).await;
        world.on();
        world.other.poll(0).await;
    });
    names(&[Invariant::J9], &Check::new(), between);
    let inside = both!(RepeatRecords, |world| {
        world.send_three_plainly().await;
        let (cluster, sabotage) = (world.cluster.clone(), world.sabotage);
        world.other.poll_twice(0, || cluster.sabotage(sabotage)).await;
    });
    names(&[Invariant::J8], &Check::new(), inside);
    let between = both!(RepeatRecords, |world| {
        world.send_three_plainly().await;
        world.other.poll(0).await;
        world.on();
        world.other.poll(0).await;
    });
    names(&[Invariant::J9], &Check::new(), between);
}

#[tokio::test(start_paused = true)]
async fn two_batches_that_change_places_are_named() {
    let histories = both!(SwapRecords, |world| {
        world.on();
        world.one.send(0, 101).await;
        world.one.send(0, 102).await;
        world.off();
        world.other.drain().await;
    });
    names(&[Invariant::J10], &Check::new().drained(), histories);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_without_one_of_its_markers_is_named() {
    let histories = both!(LoseMarker, |world| {
        world.one.begin().await;
        world.one.send_in_txn(0, 201).await;
        world.one.send_in_txn(1, 202).await;
        world.on();
        world.one.end(End::Commit, Noted::Exactly).await;
        world.other.drain().await;
    });
    let expected = [Invariant::J12, Invariant::Q1, Invariant::Q4];
    names(&expected, &Check::new().drained(), histories);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_consumed_twice_is_named() {
    let histories = both!(ForgetOffsets, |world| {
        world.one.send(0, 101).await;
        for _ in 0..2 {
            world.other.begin().await;
            world.other.poll_in_txn(0).await;
            world.on();
            world.other.commit_in_txn().await;
            world.other.end(End::Commit, Noted::Exactly).await;
            world.other.restart().await;
        }
    });
    names(&[Invariant::J13], &Check::new(), histories);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_shown_nothing_is_named() {
    let histories = both!(HideRecords, |world| {
        world.one.send(0, 101).await;
        world.on();
        sleep(Duration::from_secs(10)).await;
        world.other.poll(0).await;
        world.off();
        world.one.drain().await;
    });
    let check = Check::new().drained().lag_max(Duration::ZERO, Duration::from_secs(5));
    names(&[Invariant::J14], &check, histories);
}

#[tokio::test(start_paused = true)]
async fn an_offset_that_is_committed_ahead_is_named() {
    let histories = both!(CommitAhead, |world| {
        world.send_three_plainly().await;
        world.other.poll(0).await;
        world.on();
        world.other.commit().await;
        world.off();
        world.other.restart().await;
    });
    names(&[Invariant::Q6], &Check::new(), histories);
}

/// No broker can cause this: it takes a client whose flush does not wait.
#[tokio::test(start_paused = true)]
async fn a_flush_that_does_not_wait_is_named() {
    let mut histories = Vec::new();
    for waits in [false, true] {
        let cluster = TestCluster::builder().topic("t", 1).build();
        let delay = Duration::from_secs(1);
        cluster.fault(Fault::on(ApiKey::PRODUCE).delay_answer(delay));
        let recorder = Recorder::new();
        let mut peer = Peer::connect(&cluster.env(1), 1).await.unwrap();
        let sending = recorder.send(1, of(0), 101);
        let sent = tokio::spawn(async move {
            let answer = peer.call(9, &produce("101")).await.unwrap();
            sending.acknowledged(stored(&answer).unwrap());
        });
        let flushing = recorder.begin(1, Action::Flush);
        if waits {
            sent.await.unwrap();
            flushing.end(Outcome::Ok);
        } else {
            flushing.end(Outcome::Ok);
            sent.await.unwrap();
        }
        histories.push(recorder.history());
    }
    names(&[Invariant::Q5], &Check::new(), histories.try_into().unwrap());
}
