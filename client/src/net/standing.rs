//! How a broker stands, for the choice of the one to ask. *core*

use tokio::time::Instant;

/// How a broker stands with a client; the smaller, the better to ask it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// A connection of the wanted class is open, with so many requests that are not answered; and
    /// so are others.
    InUse(usize),
    /// Only others are, with so many requests on one of them.
    Near(usize),
    /// Only one of the wanted class is. It may rest and be closed, once another broker is in use.
    Alone(usize),
    /// One is being opened, for so many requests.
    Opening(usize),
    /// Nothing is known of it.
    Unknown,
    /// The last connection to it failed then.
    Failed(Instant),
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing: it was not used yet, or not for long.
    #[default]
    Resting,
    /// It is being made for the first time, or after a rest.
    Opening,
    /// It can be used.
    Open,
    /// It failed then, and has not been open since.
    Failed(Instant),
}

/// One connection to a broker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Whether it is of the wanted class.
    pub(super) is_own: bool,
    pub(super) phase: Phase,
    /// Requests that wait or are not answered.
    pub(super) load: usize,
}

impl Standing {
    /// How a broker stands by its connections. What is known of the wanted class counts before what
    /// is known of others: a broker whose other connections are open may refuse this one again and
    /// again.
    pub(super) fn of(connections: impl IntoIterator<Item = Seen>) -> Self {
        let (mut own, mut others) = (None, None);
        for seen in connections {
            let best: &mut Option<Self> = if seen.is_own { &mut own } else { &mut others };
            let by = Self::by(seen);
            *best = [*best, by].into_iter().flatten().min();
        }
        match (own, others) {
            (Some(Self::Alone(load)), Some(Self::Near(_))) => Self::InUse(load),
            (own, others) => own.or(others).unwrap_or(Self::Unknown),
        }
    }

    /// How it stands by one of them, if that says anything.
    fn by(seen: Seen) -> Option<Self> {
        match seen.phase {
            Phase::Open if seen.is_own => Some(Self::Alone(seen.load)),
            Phase::Open => Some(Self::Near(seen.load)),
            Phase::Opening => Some(Self::Opening(seen.load)),
            Phase::Resting => None,
            Phase::Failed(at) => Some(Self::Failed(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(phase: Phase, load: usize) -> Seen {
        Seen { is_own: true, phase, load }
    }

    fn other(phase: Phase, load: usize) -> Seen {
        Seen { is_own: false, ..own(phase, load) }
    }

    #[test]
    fn a_broker_in_use_is_better_than_another_and_one_that_failed_is_the_last_resort() {
        let now = Instant::now();
        let later = now + std::time::Duration::from_secs(1);
        let ranked = [
            Standing::InUse(0),
            Standing::InUse(3),
            Standing::Near(0),
            Standing::Alone(0),
            Standing::Opening(1),
            Standing::Unknown,
            Standing::Failed(now),
            Standing::Failed(later),
        ];
        assert!(ranked.is_sorted());
    }

    #[test]
    fn the_wanted_class_counts_before_the_others() {
        let now = Instant::now();
        let rows = [
            (vec![], Standing::Unknown),
            (vec![own(Phase::Resting, 0), other(Phase::Open, 2)], Standing::Near(2)),
            (vec![other(Phase::Open, 0), own(Phase::Open, 4)], Standing::InUse(4)),
            (vec![own(Phase::Open, 4)], Standing::Alone(4)),
            (vec![own(Phase::Failed(now), 0), other(Phase::Open, 0)], Standing::Failed(now)),
            (vec![other(Phase::Failed(now), 0)], Standing::Failed(now)),
            (vec![other(Phase::Failed(now), 0), other(Phase::Open, 1)], Standing::Near(1)),
            (vec![other(Phase::Opening, 2), own(Phase::Resting, 0)], Standing::Opening(2)),
        ];
        for (connections, wanted) in rows {
            assert_eq!(Standing::of(connections.clone()), wanted, "{connections:?}");
        }
    }
}
