//! Core: a fault, and which requests it hits.

use kurier_protocol::{ApiKey, Str};

use super::action::Action;
use super::filter::{Filter, Seen};
use super::turns::{Turns, takes_turns};

/// Something that goes wrong, as data: which requests or connections it hits, which of them in
/// their order, and what happens to them. [`TestCluster::fault`](crate::TestCluster::fault) lets
/// it happen, counts how often it did, and takes it back.
///
/// ```
/// use std::time::Duration;
///
/// use kurier_protocol::{ApiKey, ErrorCode};
/// use kurier_testkit::Fault;
///
/// // The third Produce request that broker 1 gets, and the fourth.
/// Fault::on(ApiKey::PRODUCE).broker(1).skip(2).times(2).answer(ErrorCode::NOT_LEADER_OR_FOLLOWER);
/// // The first request of all is answered late.
/// Fault::any().delay_answer(Duration::from_secs(40));
/// // Every Fetch is answered with the first ten bytes of the frame only.
/// Fault::on(ApiKey::FETCH).always().cut(10);
/// // Partition 3 of a topic fails, whatever is asked of it; the others of a request do not.
/// Fault::any().topic("t").partition(3).always().answer(ErrorCode::KAFKA_STORAGE_ERROR);
/// ```
///
/// # When several faults hit a request
///
/// Each counts it. Delays, throttling, lies, what is hidden, damage and the codes of single
/// partitions add up. Of the others, which exclude each other, the one that was added first
/// happens. So a delay and a code make a code that comes late.
#[derive(Clone, Debug)]
pub struct Fault {
    pub(super) aim: Aim,
    pub(super) turns: Turns,
    pub(super) action: Action,
}

/// What a fault hits.
#[derive(Clone, Debug)]
pub(super) enum Aim {
    Requests(Filter),
    /// Connections that are being made, to this broker or any.
    Connections(Option<i32>),
}

/// Certain requests: those that a [`Fault`] hits, or that a test counts. Unless something else is
/// said a fault hits the first one.
#[derive(Clone, Debug)]
pub struct Requests {
    pub(super) filter: Filter,
    pub(super) turns: Turns,
}

impl Fault {
    /// For requests of one API.
    #[must_use]
    pub fn on(api: ApiKey) -> Requests {
        Requests::of(api)
    }

    /// For requests of all APIs.
    #[must_use]
    pub fn any() -> Requests {
        Requests::any()
    }
}

takes_turns!(Requests);

impl Requests {
    /// Requests of one API.
    #[must_use]
    pub fn of(api: ApiKey) -> Self {
        let filter = Filter { api: Some(api), ..Filter::default() };
        Self { filter, turns: Turns::FIRST }
    }

    /// Requests of all APIs.
    #[must_use]
    pub fn any() -> Self {
        Self { filter: Filter::default(), turns: Turns::FIRST }
    }

    /// Only those that this broker gets.
    #[must_use]
    pub fn broker(mut self, broker: i32) -> Self {
        self.filter.broker = Some(broker);
        self
    }

    /// Only those that come through this connection; they are numbered from 1.
    #[must_use]
    pub fn connection(mut self, connection: u64) -> Self {
        self.filter.connection = Some(connection);
        self
    }

    /// Only those of clients that call themselves so.
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.filter.client_id = Some(Str::from(client_id.into()));
        self
    }

    /// Only those that name this topic, or all topics; what happens to parts of a request or an
    /// answer happens to this topic alone. A fetch names what is in its session.
    #[must_use]
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.filter.topic = Some(Str::from(topic.into()));
        self
    }

    /// Only those that name this partition of the topic, or the whole topic; what happens to parts
    /// of a request or an answer happens to this partition alone.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.filter.partition = Some(partition);
        self
    }

    /// Whether a request is one of them, whichever turn it is.
    pub(crate) fn contain(&self, seen: &Seen<'_>) -> bool {
        self.filter.takes(seen)
    }

    pub(super) fn meet(self, action: Action) -> Fault {
        Fault { aim: Aim::Requests(self.filter), turns: self.turns, action }
    }
}
