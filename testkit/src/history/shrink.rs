//! Core: makes a failing history small.

use super::operation::{Action, History, Operation, Polled, Step};

/// Leaves out what is not needed to fail: first whole operations, then what is in them. `proof` are
/// places whose operations are believed to be enough.
pub(super) fn shrink(
    history: &History,
    proof: &[usize],
    mut fails: impl FnMut(&History) -> bool,
) -> History {
    let proven = history.only(proof);
    let mut small = if fails(&proven) { proven } else { halve(history, &mut fails) };
    loop {
        let smaller = (0..small.operations.len()).find_map(|place| {
            let cuts = cuts(small.operations.get(place)?);
            let without = std::iter::once(None).chain(cuts.into_iter().map(Some));
            without.map(|operation| replaced(&small, place, operation)).find(|cut| fails(cut))
        });
        match smaller {
            Some(smaller) => small = smaller,
            None => return small,
        }
    }
}

/// Leaves out stretches of operations, long ones first.
fn halve(history: &History, fails: &mut impl FnMut(&History) -> bool) -> History {
    let mut small = history.clone();
    let mut length = small.operations.len() / 2;
    while length > 0 {
        let mut from = 0;
        while from < small.operations.len() {
            let mut cut = small.clone();
            cut.operations.drain(from..small.operations.len().min(from + length));
            if fails(&cut) {
                small = cut;
            } else {
                from += length;
            }
        }
        length /= 2;
    }
    small
}

fn replaced(history: &History, place: usize, operation: Option<Operation>) -> History {
    let mut cut = history.clone();
    cut.operations.splice(place..=place, operation);
    cut
}

/// The same operation without one of its parts.
fn cuts(operation: &Operation) -> Vec<Operation> {
    let with = |action| Operation { action, ..operation.clone() };
    match &operation.action {
        Action::Poll(polled) => {
            less(polled).into_iter().map(|polled| with(Action::Poll(polled))).collect()
        }
        Action::Txn(txn) => {
            let mut cuts = Vec::new();
            for (place, step) in txn.steps.iter().enumerate() {
                let parts = match step {
                    Step::Poll(polled) => less(polled).into_iter().map(Step::Poll).collect(),
                    _ => Vec::new(),
                };
                for part in std::iter::once(None).chain(parts.into_iter().map(Some)) {
                    let mut txn = txn.clone();
                    txn.steps.splice(place..=place, part);
                    cuts.push(with(Action::Txn(txn)));
                }
            }
            cuts
        }
        Action::Assign(partitions) => {
            without_one(partitions).map(|partitions| with(Action::Assign(partitions))).collect()
        }
        _ => Vec::new(),
    }
}

/// The same poll without one of its stretches, or one of its records.
fn less(polled: &Polled) -> Vec<Polled> {
    let with = |stretches| Polled { stretches, ..*polled };
    let mut cuts: Vec<Polled> = without_one(&polled.stretches).map(with).collect();
    for (place, stretch) in polled.stretches.iter().enumerate() {
        for records in without_one(&stretch.records).filter(|records| !records.is_empty()) {
            let mut stretches = polled.stretches.clone();
            if let Some(stretch) = stretches.get_mut(place) {
                stretch.records = records;
            }
            cuts.push(with(stretches));
        }
    }
    cuts
}

fn without_one<T: Clone>(all: &[T]) -> impl Iterator<Item = Vec<T>> + '_ {
    (0..all.len()).map(|place| {
        let (before, after) = all.split_at(place);
        before.iter().chain(after.get(1..).unwrap_or_default()).cloned().collect()
    })
}
