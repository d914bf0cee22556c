//! How members of a group are set: everything that seed, column and row determine before a run.

use std::time::Duration;

use kurier_client::consumer::OffsetReset;
use kurier_client::group::{Assignor, GroupConfig, GroupProtocol};

use crate::dice::Dice;

/// How a group divides its partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Eager,
    Cooperative,
    Coordinator,
}

/// How members are set, and what they do besides their work.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) kind: Kind,
    pub(crate) config: GroupConfig,
    /// What is done where nothing is committed, or that is not in the log.
    pub(crate) reset: OffsetReset,
    /// Whether a member is of either protocol, each time anew.
    pub(crate) migrates: bool,
    /// Whether they are static.
    pub(crate) is_static: bool,
    /// Whether all of them have one name before all is well.
    pub(crate) are_rivals: bool,
    /// Whether nothing lets the group take somebody for dead, so that no partition has two holders.
    pub(crate) is_calm: bool,
    /// Whether it is told what it cannot know to be wrong, so that it begins anew in the end.
    pub(crate) is_deceived: bool,
    /// Whether some die without a word.
    pub(crate) dies: bool,
    /// A consumer ends after one in so many polls.
    pub(crate) ends_one_in: u64,
    /// Whether it is this that goes wrong.
    pub(crate) ends_count: bool,
    /// The longest time until the next one.
    pub(crate) pause_max: Duration,
    /// How long it works on one batch in so many.
    pub(crate) stall: Option<Duration>,
    pub(crate) stalls_one_in: u64,
    /// The longest it works on any other, and takes to let go of partitions.
    pub(crate) work_max_ms: u64,
    pub(crate) letting_go_max_ms: u64,
    /// Whether it commits while it works, too.
    pub(crate) commits_race: bool,
}

impl Group {
    pub(crate) fn new(dice: &Dice) -> Self {
        let interval = dice.pick(&[200, 1000, 2000, 0]);
        Self {
            kind: Kind::Eager,
            config: GroupConfig {
                session_timeout: Duration::from_secs(6),
                heartbeat_interval: Duration::from_secs(1),
                poll_interval_max: Duration::from_secs(8),
                auto_commit_interval: (interval > 0).then(|| Duration::from_millis(interval)),
                ..GroupConfig::default()
            },
            reset: OffsetReset::Earliest,
            migrates: false,
            is_static: dice.one_in(4),
            are_rivals: false,
            is_calm: false,
            is_deceived: false,
            dies: false,
            ends_one_in: 80,
            ends_count: false,
            pause_max: Duration::from_millis(500),
            stall: None,
            stalls_one_in: 1,
            work_max_ms: dice.pick(&[0, 5, 50]),
            letting_go_max_ms: 20,
            commits_race: false,
        }
    }

    /// How the group divides its partitions while it is a classic one.
    pub(crate) fn kind_of_classic(&self) -> Kind {
        match self.kind {
            Kind::Eager => Kind::Eager,
            Kind::Cooperative | Kind::Coordinator => Kind::Cooperative,
        }
    }

    /// It is of this kind.
    pub(crate) fn be(&mut self, kind: Kind) {
        self.kind = kind;
        self.config.protocol = GroupProtocol::Classic;
        match kind {
            Kind::Eager => self.config.assignors = vec![Assignor::Range],
            Kind::Cooperative => self.config.assignors = vec![Assignor::CooperativeSticky],
            Kind::Coordinator => self.config.protocol = GroupProtocol::Consumer,
        }
    }

    /// How long somebody may be silent before the group goes on without it.
    pub(crate) fn session(&self) -> Duration {
        self.config.session_timeout
    }
}
