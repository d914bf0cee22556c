//! Random runs of a model without a fault break nothing; with one change each they do.

use std::time::Duration;

use super::model::{Model, Random};
use crate::Isolation;
use crate::history::{
    Action, Check, End, History, Invariant, Operation, Outcome, Polled, Step, Txn, Violation,
};

const SEEDS: u64 = 30;
const STEPS: usize = 250;

#[test]
fn a_run_without_a_fault_breaks_nothing() {
    let long = Duration::from_secs(3600);
    let check = Check::new().drained().lag_max(Duration::ZERO, long);
    for seed in 0..SEEDS {
        let history = Model::run(seed, STEPS);
        let found = check.run(&history);
        assert!(found.is_empty(), "seed {seed}: {}\n{history}", found[0]);
    }
}

#[test]
fn a_history_survives_its_text() {
    for seed in 0..SEEDS {
        let history = Model::run(seed, STEPS);
        assert_eq!(history.to_string().parse::<History>().unwrap(), history);
    }
}

#[test]
fn every_change_is_noticed_and_proven_by_a_few_operations() {
    let check = Check::new().drained();
    for (invariant, change) in CHANGES {
        let mut count = 0;
        for seed in 0..SEEDS {
            let mut history = Model::run(seed, STEPS);
            if change(&mut history, &mut Random(seed)).is_none() {
                continue;
            }
            count += 1;
            let found = check.run(&history);
            let named = found.iter().flat_map(Violation::invariants);
            assert!(
                named.into_iter().any(|named| named == invariant),
                "seed {seed}: {invariant} was not noticed: {found:?}"
            );
            found.iter().for_each(|violation| assert_proven(&check, &history, violation));
            let small = check.shrink(&history).unwrap();
            assert!(small.operations.len() <= 5, "seed {seed}: {invariant}:\n{small}");
        }
        assert!(count > SEEDS / 4, "{invariant}: only {count} histories could be changed");
    }
}

#[test]
fn a_failure_is_made_small_without_a_proof_too() {
    let mut history = Model::run(1, STEPS);
    let fails = |history: &History| {
        let crashes = history.operations.iter().filter(|o| o.action == Action::Crash);
        crashes.count() >= 2
    };
    history = crate::history::shrink::shrink(&history, &[], fails);
    assert_eq!(history.operations.len(), 2);
}

#[track_caller]
fn assert_proven(check: &Check, history: &History, violation: &Violation) {
    let proof = history.only(&violation.operations);
    let found = check.run(&proof);
    let is_there = found.iter().any(|again| again.is_like(violation));
    assert!(is_there, "{violation} does not follow from its proof:\n{proof}{found:?}");
    assert!(violation.operations.len() <= 6, "{violation}");
}

/// Changes a history so that it breaks a promise; `None` if it has nothing that can be changed.
type Change = fn(&mut History, &mut Random) -> Option<()>;

const CHANGES: [(Invariant, Change); 17] = [
    (Invariant::J1, other_value),
    (Invariant::J2, hide_a_send_in_the_midst),
    (Invariant::J3, hide_the_last_send),
    (Invariant::J4, repeat_at_the_end),
    (Invariant::J5, fail_a_send),
    (Invariant::J5, fail_a_txn),
    (Invariant::J6, read_each_other),
    (Invariant::J7, read_itself),
    (Invariant::J8, swap_in_a_poll),
    (Invariant::J8, skip_in_a_poll),
    (Invariant::J9, skip_a_poll),
    (Invariant::J9, repeat_a_poll),
    (Invariant::J10, swap_two_sends),
    (Invariant::J12, tear_a_txn),
    (Invariant::J13, consume_again),
    (Invariant::Q5, acknowledge_late),
    (Invariant::Q6, commit_ahead),
];

fn other_value(history: &mut History, random: &mut Random) -> Option<()> {
    let value = pick(&seen_sends(history), random)?;
    let mut places = (0..history.operations.len()).collect::<Vec<_>>();
    places.retain(|&place| polls(&history.operations[place]).any(|p| has(p, value)));
    let place = pick(&places, random)?;
    each_poll(&mut history.operations[place], |polled| {
        for (_, found) in polled.stretches.iter_mut().flat_map(|s| &mut s.records) {
            if *found == value {
                *found = 1;
            }
        }
    });
    Some(())
}

fn hide_a_send_in_the_midst(history: &mut History, random: &mut Random) -> Option<()> {
    let sends = seen_sends(history);
    let value = pick(&sends[..sends.len() / 3], random)?;
    hide(history, value);
    Some(())
}

fn hide_the_last_send(history: &mut History, _: &mut Random) -> Option<()> {
    // The highest offset of its partition, so that nobody reads past it.
    let value = *seen_sends(history).iter().find(|value| {
        let stretches = || history.operations.iter().flat_map(polls).flat_map(|p| &p.stretches);
        let of = stretches().find(|s| s.records.iter().any(|r| r.1 == **value)).unwrap();
        let records = stretches().filter(|s| s.of == of.of).flat_map(|s| &s.records);
        records.max().is_some_and(|(_, highest)| highest == *value)
    })?;
    hide(history, value);
    Some(())
}

fn repeat_at_the_end(history: &mut History, random: &mut Random) -> Option<()> {
    let value = pick(&seen_sends(history), random)?;
    let last = history.operations.iter_mut().rfind(|o| polls(o).any(|p| has(p, value)))?;
    each_poll(last, |polled| {
        let stretches = &mut polled.stretches;
        if let Some(stretch) = stretches.iter_mut().find(|s| s.records.iter().any(|r| r.1 == value))
        {
            stretch.records.push((1_000_000, value));
        }
    });
    Some(())
}

fn fail_a_send(history: &mut History, random: &mut Random) -> Option<()> {
    let value = pick(&seen_sends(history), random)?;
    let sender = history
        .operations
        .iter_mut()
        .find(|o| matches!(&o.action, Action::Send(sent) if sent.value == value))?;
    sender.outcome = Outcome::Failed;
    Some(())
}

fn fail_a_txn(history: &mut History, random: &mut Random) -> Option<()> {
    let place = pick(&committed_txns(history, 1), random)?;
    history.operations[place].outcome = Outcome::Failed;
    Some(())
}

fn read_each_other(history: &mut History, random: &mut Random) -> Option<()> {
    let places = committed_txns(history, 1);
    let (one, other) = (pick(&places, random)?, pick(&places, random)?);
    if one == other {
        return None;
    }
    for (reader, writer) in [(one, other), (other, one)] {
        let sent = history.operations[writer].sends().next()?.clone();
        push_poll(&mut history.operations[reader], sent.to, sent.value);
    }
    Some(())
}

fn read_itself(history: &mut History, random: &mut Random) -> Option<()> {
    let place = pick(&committed_txns(history, 1), random)?;
    let sent = history.operations[place].sends().next()?.clone();
    push_poll(&mut history.operations[place], sent.to, sent.value);
    Some(())
}

fn swap_in_a_poll(history: &mut History, random: &mut Random) -> Option<()> {
    let long = with_records(history, 2);
    let place = pick(&long, random)?;
    each_poll(&mut history.operations[place], |polled| {
        for stretch in polled.stretches.iter_mut().filter(|s| s.records.len() > 1) {
            stretch.records.swap(0, 1);
        }
    });
    Some(())
}

fn skip_in_a_poll(history: &mut History, random: &mut Random) -> Option<()> {
    // Consumer 7 gives evidence of what consumer 5 skips.
    let mut long = with_records(history, 3);
    long.retain(|&place| history.operations[place].process == 5);
    let place = pick(&long, random)?;
    each_poll(&mut history.operations[place], |polled| {
        for stretch in polled.stretches.iter_mut().filter(|s| s.records.len() > 2) {
            stretch.records.remove(1);
        }
    });
    Some(())
}

fn skip_a_poll(history: &mut History, _: &mut Random) -> Option<()> {
    let (first, _) = two_polls(history)?;
    each_poll(&mut history.operations[first], |polled| polled.stretches.clear());
    Some(())
}

fn repeat_a_poll(history: &mut History, _: &mut Random) -> Option<()> {
    let (first, second) = two_polls(history)?;
    history.operations[second].action = history.operations[first].action.clone();
    Some(())
}

fn swap_two_sends(history: &mut History, _: &mut Random) -> Option<()> {
    let lone = history.operations.iter().filter_map(|o| match &o.action {
        Action::Send(sent) if o.outcome == Outcome::Ok => Some((o.process, sent)),
        _ => None,
    });
    let lone: Vec<_> = lone.collect();
    let pairs = lone.iter().flat_map(|one| lone.iter().map(move |other| (one, other)));
    let mut alike = pairs.filter(|(one, other)| {
        one.0 == other.0 && one.1.to == other.1.to && one.1.offset < other.1.offset
    });
    let (one, other) = alike.find(|(one, _)| one.1.offset.is_some())?;
    let (one, other) = (one.1.value, other.1.value);
    let swapped = |value: &mut u64| match *value {
        value if value == one => other,
        value if value == other => one,
        value => value,
    };
    let mut sent: Vec<(u64, Option<i64>)> = lone.iter().map(|(_, s)| (s.value, s.offset)).collect();
    sent.iter_mut().for_each(|(value, _)| *value = swapped(value));
    for operation in &mut history.operations {
        if let Action::Send(of) = &mut operation.action
            && let Some((_, offset)) = sent.iter().find(|(value, _)| *value == of.value)
        {
            of.offset = *offset;
        }
        each_poll(operation, |polled| {
            for (_, value) in polled.stretches.iter_mut().flat_map(|s| &mut s.records) {
                *value = swapped(value);
            }
        });
    }
    Some(())
}

fn tear_a_txn(history: &mut History, random: &mut Random) -> Option<()> {
    let place = pick(&committed_txns(history, 2), random)?;
    let value = history.operations[place].sends().last()?.value;
    hide(history, value);
    Some(())
}

fn consume_again(history: &mut History, random: &mut Random) -> Option<()> {
    let mut places = committed_txns(history, 0);
    places.retain(|&place| with_records(history, 1).contains(&place));
    let place = pick(&places, random)?;
    let mut again = history.operations[place].clone();
    let Action::Txn(txn) = &mut again.action else { return None };
    txn.steps.retain(|step| !matches!(step, Step::Send(_)));
    again.process = 99;
    history.operations.insert(place, again);
    Some(())
}

fn acknowledge_late(history: &mut History, random: &mut Random) -> Option<()> {
    let flushes = (0..history.operations.len()).filter(|&place| {
        let flush = &history.operations[place];
        let is_before =
            |o: &&Operation| o.process == flush.process && matches!(o.action, Action::Send(_));
        flush.action == Action::Flush
            && flush.outcome == Outcome::Ok
            && history.operations[..place].iter().any(|o| is_before(&o))
    });
    let flush = pick(&flushes.collect::<Vec<_>>(), random)?;
    let (process, back) = (history.operations[flush].process, history.operations[flush].completed?);
    let sends = history.operations[..flush].iter_mut();
    let mut sends = sends.filter(|o| o.process == process && matches!(o.action, Action::Send(_)));
    sends.next()?.completed = Some(back + Duration::from_nanos(1));
    Some(())
}

fn commit_ahead(history: &mut History, _: &mut Random) -> Option<()> {
    // A record is left that the group reads after the commit only.
    let operations = &history.operations;
    let place = (0..operations.len()).find(|&place| {
        let is_commit = matches!(&operations[place].action, Action::CommitOffsets(_));
        let reads = |o: &Operation| polls(o).any(|p| !p.stretches.is_empty());
        is_commit
            && operations[place].outcome == Outcome::Ok
            && !operations[..place].iter().any(|o| o.process == 7 && o.action == Action::Crash)
            && operations[place..].iter().any(|o| o.process == 7 && reads(o))
    })?;
    if let Action::CommitOffsets(commit) = &mut history.operations[place].action {
        commit.offsets.iter_mut().for_each(|(_, offset)| *offset = 1_000_000);
    }
    Some(())
}

fn pick<T: Copy>(all: &[T], random: &mut Random) -> Option<T> {
    all.get(random.below(all.len())).copied()
}

fn polls(operation: &Operation) -> impl Iterator<Item = &Polled> {
    operation.polls()
}

fn has(polled: &Polled, value: u64) -> bool {
    polled.stretches.iter().flat_map(|s| &s.records).any(|(_, found)| *found == value)
}

fn each_poll(operation: &mut Operation, mut change: impl FnMut(&mut Polled)) {
    match &mut operation.action {
        Action::Poll(polled) => change(polled),
        Action::Txn(txn) => txn.steps.iter_mut().for_each(|step| {
            if let Step::Poll(polled) = step {
                change(polled);
            }
        }),
        _ => {}
    }
}

fn hide(history: &mut History, value: u64) {
    for operation in &mut history.operations {
        each_poll(operation, |polled| {
            for stretch in &mut polled.stretches {
                stretch.records.retain(|(_, found)| *found != value);
            }
            polled.stretches.retain(|stretch| !stretch.records.is_empty());
        });
    }
}

/// The values of acknowledged sends outside of transactions whose offset is known, and which were
/// polled, in the order of sending.
fn seen_sends(history: &History) -> Vec<u64> {
    let sent = history.operations.iter().filter_map(|o| match &o.action {
        Action::Send(sent) if o.outcome == Outcome::Ok && sent.offset.is_some() => Some(sent.value),
        _ => None,
    });
    sent.collect()
}

/// Committed transactions with at least so many sends whose offsets are known, in which no send is
/// without.
fn committed_txns(history: &History, sends_min: usize) -> Vec<usize> {
    let places = 0..history.operations.len();
    let fit = places.filter(|&place| {
        let operation = &history.operations[place];
        matches!(operation.action, Action::Txn(Txn { end: End::Commit, .. }))
            && operation.outcome == Outcome::Ok
            && operation.sends().count() >= sends_min
    });
    fit.collect()
}

/// Operations that polled at least so many records of a partition at a time.
fn with_records(history: &History, records_min: usize) -> Vec<usize> {
    let places = 0..history.operations.len();
    let fit = places.filter(|&place| {
        let stretches = history.operations[place].polls().flat_map(|polled| &polled.stretches);
        let mut committed = stretches.filter(|stretch| stretch.records.len() >= records_min);
        committed.next().is_some()
    });
    fit.collect()
}

/// The last two polls of consumer 5 that gave records of the same partition, and of no other.
fn two_polls(history: &History) -> Option<(usize, usize)> {
    let mut places = (0..history.operations.len()).rev().filter_map(|place| {
        let operation = &history.operations[place];
        match &operation.action {
            Action::Poll(Polled { stretches, isolation: Isolation::Committed })
                if operation.process == 5 && stretches.len() == 1 =>
            {
                Some((place, stretches[0].of.clone()))
            }
            _ => None,
        }
    });
    let (second, of) = places.next()?;
    let (first, _) = places.find(|(_, partition)| *partition == of)?;
    let between = &history.operations[first..second];
    let is_moved = between.iter().any(|o| o.process == 5 && !matches!(o.action, Action::Poll(_)));
    (!is_moved).then_some((first, second))
}

fn push_poll(operation: &mut Operation, of: crate::history::TopicPartition, value: u64) {
    if let Action::Txn(txn) = &mut operation.action {
        let records = vec![(2_000_000, value)];
        let stretches = vec![crate::history::Stretch { of, records }];
        let polled = Polled { isolation: Isolation::Committed, stretches };
        txn.steps.push(Step::Poll(polled));
    }
}
