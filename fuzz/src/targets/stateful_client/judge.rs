//! What must hold of a run, whatever its script was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kurier_protocol::ApiKey;
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::record::{RecordBatch, RecordBatches};
use kurier_testkit::history::{Action, Check, History, Invariant, Outcome};

use super::txn::Ended;
use super::world::{FRAGILE, PARTITIONS_MAX, STABLE, TXN, VALUES, World, number};

/// Checks what was noted, and what the brokers have.
///
/// # Panics
///
/// When a promise is broken.
pub(super) fn judge(world: &World, ended: &[Ended], committed: Option<Option<i64>>) {
    let history = known(world, world.recorder.history());
    check_times(world, &history);
    check_stored(world);
    check_numbers(world);
    if let Some(committed) = committed {
        check_offset(ended, committed);
    }
    let mut check = Check::new().drained();
    if !world.setup.is_idempotent() {
        // A batch whose answer was lost is sent again.
        check = check.without(Invariant::J4).without(Invariant::Q2);
    }
    if let Some(first) = check.run(&history).first() {
        let smallest = check.shrink(&history).map(|history| history.to_string());
        panic!("{first}\nthe smallest history that shows it:\n{}", smallest.unwrap_or_default());
    }
}

/// The history without what was lost with a topic that was deleted.
fn known(world: &World, mut history: History) -> History {
    let Some(recreated) = world.recreated() else { return history };
    for operation in history.operations.iter_mut().filter(|op| op.invoked <= recreated) {
        match &mut operation.action {
            Action::Send(sent) if sent.to.topic == FRAGILE && operation.outcome == Outcome::Ok => {
                (sent.offset, operation.outcome) = (None, Outcome::Unknown);
            }
            Action::Poll(polled) => polled.stretches.retain(|stretch| stretch.of.topic != FRAGILE),
            _ => {}
        }
    }
    history
}

/// Every record has its outcome in time: it waits for its topic and for space, and is sent.
fn check_times(world: &World, history: &History) {
    let limit = 2 * world.setup.producer.delivery_timeout + SLACK;
    for operation in &history.operations {
        if matches!(operation.action, Action::Send(_)) {
            let took = operation.completed.unwrap_or(Duration::MAX);
            let took = took.saturating_sub(operation.invoked);
            assert!(took <= limit, "an outcome took {took:?}, {limit:?} is allowed: {operation:?}");
        }
    }
}

/// What is sent once by who numbers records is stored once, whether anybody can read it or not.
fn check_stored(world: &World) {
    let mut seen = BTreeMap::new();
    for topic in [STABLE, FRAGILE] {
        for index in 0..PARTITIONS_MAX.min(world.cluster.partition_count(topic).unwrap_or(0)) {
            let batches = world.cluster.batches(topic, index);
            let markers = batches.iter().filter(|batch| batch.is_control());
            let markers: BTreeSet<i64> = markers.map(RecordBatch::base_offset).collect();
            for record in world.cluster.stored_records(topic, index) {
                if !markers.contains(&record.offset) {
                    let places = seen.entry(number(record.key())).or_insert_with(Vec::new);
                    places.push(format!("{topic}-{index}@{}", record.offset));
                }
            }
        }
    }
    for (value, places) in seen {
        let is_numbered = world.setup.is_idempotent() || value >= u64::from(TXN) * VALUES;
        assert!(places.len() == 1 || !is_numbered, "value {value} is stored at {places:?}");
    }
}

/// A number is never given to two batches, nor do the bytes of one change between two tries. Pieces
/// of a batch that was too large share its first number, and have fewer records.
fn check_numbers(world: &World) {
    let mut seen = BTreeMap::new();
    let requests = world.cluster.requests();
    for request in requests.iter().filter(|request| request.api == ApiKey::PRODUCE) {
        for topic in request.decode::<ProduceRequest>().topic_data {
            for data in topic.partition_data {
                for batch in RecordBatches::new(data.records.unwrap_or_default().0) {
                    let batch = batch.expect("a whole batch");
                    let identity = (batch.producer_id(), batch.producer_epoch());
                    let first = (batch.base_sequence(), batch.record_count());
                    let place = (topic.name.to_string(), topic.topic_id, data.index);
                    let bytes = batch.bytes().clone();
                    if batch.producer_id() >= 0
                        && let Some(other) = seen.insert((place, identity, first), bytes.clone())
                    {
                        assert!(other == bytes, "two batches are {identity:?} {first:?}");
                    }
                }
            }
        }
    }
}

/// The offset of the group is that of the last transaction that was committed, or of a later one of
/// which nobody knows.
fn check_offset(ended: &[Ended], committed: Option<i64>) {
    let mut allowed = vec![None];
    for one in ended {
        match (one.outcome, one.offset) {
            (Outcome::Ok, Some(offset)) => allowed = vec![Some(offset)],
            (Outcome::Unknown, Some(offset)) => allowed.push(Some(offset)),
            _ => {}
        }
    }
    assert!(allowed.contains(&committed), "the group is at {committed:?}, not at {allowed:?}");
}

/// Timers are a little late.
const SLACK: Duration = Duration::from_secs(1);
