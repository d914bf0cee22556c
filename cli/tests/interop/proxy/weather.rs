//! What connections through a proxy meet.

use std::ops::RangeInclusive;
use std::time::Duration;

/// What connections meet, each direction for itself. By default they meet nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weather {
    /// On the way to the broker.
    pub(crate) requests: Lane,
    /// On the way back.
    pub(crate) answers: Lane,
    /// Nobody listens: whoever connects is refused.
    pub(crate) is_closed: bool,
}

/// One direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    /// How long each piece takes, beside what its bytes take. Default: no time.
    pub(crate) latency: RangeInclusive<Duration>,
    /// How many bytes go through in a second. Default: any number.
    pub(crate) bytes_per_second: Option<u64>,
    /// How large the pieces are at most that bytes arrive in. Default: as they come.
    pub(crate) piece_bytes_max: Option<usize>,
    /// Whether bytes arrive at all. Default: they do.
    pub(crate) flow: Flow,
    /// Where the connection is cut. Default: nowhere.
    pub(crate) cut: Option<Cut>,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO..=Duration::ZERO,
            bytes_per_second: None,
            piece_bytes_max: None,
            flow: Flow::Open,
            cut: None,
        }
    }
}

/// Whether bytes arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// They do.
    Open,
    /// They are taken and lost, and so are all later ones of the connection: the other end has
    /// gone, and nobody says so.
    Lost,
    /// They are not even taken, until the weather is better: the sender's buffer fills.
    Blocked,
}

/// Where a connection is cut, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Behind so many bytes of the direction; each connection draws its own number.
    pub(crate) after: RangeInclusive<u64>,
    /// How its ends are told.
    pub(crate) end: End,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order: no more bytes come.
    Finished,
    /// By a reset.
    Reset,
}

impl Weather {
    /// The same in both directions.
    pub(crate) fn both(lane: Lane) -> Self {
        Self { requests: lane.clone(), answers: lane, is_closed: false }
    }

    /// On the way back only.
    pub(crate) fn answers(lane: Lane) -> Self {
        Self { answers: lane, ..Self::default() }
    }

    /// On the way to the broker only.
    pub(crate) fn requests(lane: Lane) -> Self {
        Self { requests: lane, ..Self::default() }
    }

    /// Connections are made, and nothing gets through them.
    pub(crate) fn half_open() -> Self {
        Self::both(Lane { flow: Flow::Lost, ..Lane::default() })
    }

    /// Whoever connects is refused.
    pub(crate) fn closed() -> Self {
        Self { is_closed: true, ..Self::default() }
    }
}
