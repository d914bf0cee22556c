//! What must be reached: bounds on our times, and on their ratios to those of others in the same
//! run.

use crate::cell::{Cell, Keeps, Kind, Task};

/// What a cell took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Took {
    /// Nanoseconds for a record or a partition.
    pub ns: f64,
    /// Allocations in one go.
    pub allocations: usize,
}

/// A bound, and what was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What is bounded, in words.
    pub what: String,
    /// What was found.
    pub found: f64,
    /// What it may be at most.
    pub bound: f64,
}

impl Verdict {
    /// Whether it is kept.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.found <= self.bound
    }
}

/// A cell, and what it took.
pub type Row<'a> = (&'a Cell, Took);

/// Holds our cells against their bounds.
#[must_use]
pub fn verdicts(rows: &[Row<'_>]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (cell, took) in rows.iter().filter(|(cell, _)| cell.kind == Kind::Ours) {
        let mut say = |what: &str, found: f64, bound: f64| {
            let what = format!("{}: {}, {what}", cell.task, cell.who);
            verdicts.push(Verdict { what, found, bound });
        };
        if let Some(bound) = ns_max(cell) {
            say("ns", took.ns, bound);
        }
        if let Some(bound) = allocations_max(cell) {
            say("allocations in one go", to_float(took.allocations), bound);
        }
        let bare = rows.iter().find(|(other, _)| {
            other.task == cell.task && other.kind == Kind::Bare && other.who.ends_with("owned*")
        });
        if let (Task::DecodeValue | Task::DecodeKeyed, Keeps::Owned, Some((_, bare))) =
            (cell.task, cell.keeps, bare)
        {
            say("times the bare loop", took.ns / bare.ns, 1.1);
        }
        let peers = rows.iter().filter(|(o, _)| o.task == cell.task && o.kind == Kind::Peer);
        if let Some((peer, best)) = peers.min_by(|a, b| a.1.ns.total_cmp(&b.1.ns)) {
            let bound = match cell.keeps {
                Keeps::Borrowed => 0.5,
                Keeps::Owned => 1.0,
            };
            say(&format!("times the best peer ({})", peer.who), took.ns / best.ns, bound);
        }
    }
    verdicts
}

/// Nanoseconds for a record or a partition, on the reference machine when it is quiet.
fn ns_max(cell: &Cell) -> Option<f64> {
    match (cell.task, cell.keeps) {
        (Task::DecodeValue, Keeps::Borrowed) => Some(20.0),
        (Task::DecodeKeyed, Keeps::Borrowed) => Some(25.0),
        (Task::EncodeValue, _) => Some(25.0),
        (Task::Fetch(_), _) => Some(50.0),
        _ => None,
    }
}

/// None is ever made for a record. Each of ten topics has a vector of partitions.
fn allocations_max(cell: &Cell) -> Option<f64> {
    match (cell.task, cell.keeps) {
        (Task::DecodeValue | Task::DecodeKeyed, Keeps::Borrowed) => Some(0.0),
        (Task::DecodeValue | Task::DecodeKeyed, Keeps::Owned) => Some(1.0),
        _ => None,
    }
}

fn to_float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
