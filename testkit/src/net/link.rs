//! Core: what lies between a client and a broker, and the rules that say so.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one that connected.
    Client,
    /// The one that listens.
    Broker,
}

impl Side {
    /// The end that faces this one.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Broker,
            Self::Broker => Self::Client,
        }
    }
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From client to broker.
    ToBroker,
    /// From broker to client.
    ToClient,
    /// Both.
    Both,
}

impl Way {
    const fn includes(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Both, _) | (Self::ToBroker, Self::ToBroker) | (Self::ToClient, Self::ToClient)
        )
    }
}

/// What becomes of bytes that do not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// They wait, and arrive after the heal, as TCP sends them again.
    Held,
    /// They are lost. As a stream has no gaps, a connection that lost some is reset at the heal:
    /// what happens when TCP gives up.
    Lost,
}

/// What happens to who connects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connects {
    /// The broker accepts, if it runs.
    #[default]
    Accepted,
    /// `ECONNREFUSED`, after a round trip.
    Refused,
    /// Nothing, until this changes: a firewall that drops.
    Ignored,
}

/// How long bytes are under way: as long as this says, or between two limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    least: Duration,
    most: Duration,
}

impl Latency {
    /// The time for which `chance` stands.
    pub(super) fn pick(self, chance: u64) -> Duration {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let room = nanos(self.most.saturating_sub(self.least));
        let extra = room.checked_add(1).map_or(chance, |sizes| chance % sizes);
        self.least + Duration::from_nanos(extra)
    }
}

impl From<Duration> for Latency {
    /// Always the same.
    fn from(time: Duration) -> Self {
        Self { least: time, most: time }
    }
}

impl From<RangeInclusive<Duration>> for Latency {
    /// Any time of the range, each equally often.
    fn from(range: RangeInclusive<Duration>) -> Self {
        Self { least: *range.start(), most: *range.end() }
    }
}

/// What lies between one client and one broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) latency: Latency,
    pub(super) bytes_per_second: Option<u64>,
    pub(super) read_bytes_max: Option<usize>,
    pub(super) connects: Connects,
    to_broker: Option<Blocked>,
    to_client: Option<Blocked>,
}

impl Link {
    /// Whether bytes that this side sends do not get through.
    pub(super) fn blocked(&self, sender: Side) -> Option<Blocked> {
        match sender {
            Side::Client => self.to_broker,
            Side::Broker => self.to_client,
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Latency(latency) => self.latency = latency,
            Change::Bandwidth(bytes) => self.bytes_per_second = bytes,
            Change::ReadBytesMax(bytes) => self.read_bytes_max = bytes,
            Change::Connects(connects) => self.connects = connects,
            Change::Block(way, blocked) => {
                if way.includes(Way::ToBroker) {
                    self.to_broker = Some(blocked);
                }
                if way.includes(Way::ToClient) {
                    self.to_client = Some(blocked);
                }
            }
            Change::Heal => {
                let Self { latency, bytes_per_second, read_bytes_max, .. } = *self;
                *self = Self { latency, bytes_per_second, read_bytes_max, ..Self::default() };
            }
            Change::Calm => *self = Self::default(),
        }
    }
}

/// A change of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Latency(Latency),
    Bandwidth(Option<u64>),
    ReadBytesMax(Option<usize>),
    Connects(Connects),
    Block(Way, Blocked),
    /// Everything gets through again.
    Heal,
    /// As at the beginning.
    Calm,
}

impl Change {
    /// Whether nothing is left of another change once this one has been applied.
    fn undoes(self, other: Self) -> bool {
        match (self, other) {
            (Self::Latency(_), Self::Latency(_))
            | (Self::Bandwidth(_), Self::Bandwidth(_))
            | (Self::ReadBytesMax(_), Self::ReadBytesMax(_))
            | (Self::Connects(_), Self::Connects(_))
            | (Self::Heal, Self::Connects(_) | Self::Block(..) | Self::Heal)
            | (Self::Calm, _) => true,
            (Self::Block(way, _), Self::Block(other, _)) => way.includes(other),
            _ => false,
        }
    }
}

/// Some of the links: all, or those of a client, of a broker, or of both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    pub(super) client: Option<Arc<str>>,
    pub(super) broker: Option<i32>,
}

impl Links {
    pub(super) fn contains(&self, client: &str, broker: i32) -> bool {
        self.client.as_deref().is_none_or(|wanted| wanted == client)
            && self.broker.is_none_or(|wanted| wanted == broker)
    }

    fn covers(&self, other: &Self) -> bool {
        (self.client.is_none() || self.client == other.client)
            && (self.broker.is_none() || self.broker == other.broker)
    }
}

/// Every change that still counts, oldest first: a link is what they make of a calm one.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<(Links, Change)>);

impl Rules {
    pub(super) fn push(&mut self, links: Links, change: Change) {
        self.0.retain(|(older, done)| !(links.covers(older) && change.undoes(*done)));
        self.0.push((links, change));
    }

    pub(super) fn link(&self, client: &str, broker: i32) -> Link {
        let mut link = Link::default();
        for (links, change) in &self.0 {
            if links.contains(client, broker) {
                link.apply(*change);
            }
        }
        link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn of(client: Option<&str>, broker: Option<i32>) -> Links {
        Links { client: client.map(Arc::from), broker }
    }

    #[test]
    fn a_later_rule_wins_where_it_applies() {
        let mut rules = Rules::default();
        rules.push(of(None, Some(2)), Change::Latency((9 * MS).into()));
        rules.push(of(None, None), Change::Latency((5 * MS).into()));
        rules.push(of(Some("a"), None), Change::Latency((7 * MS).into()));
        rules.push(of(Some("a"), Some(1)), Change::Block(Way::ToClient, Blocked::Held));
        let latency = |client, broker| rules.link(client, broker).latency;
        assert_eq!(latency("b", 2), (5 * MS).into());
        assert_eq!(latency("a", 2), (7 * MS).into());
        let blocked = |client, broker| {
            let link = rules.link(client, broker);
            (link.blocked(Side::Client), link.blocked(Side::Broker))
        };
        assert_eq!(blocked("a", 1), (None, Some(Blocked::Held)));
        assert_eq!(blocked("b", 1), (None, None));
    }

    #[test]
    fn a_heal_ends_what_blocks_and_leaves_the_rest() {
        let mut rules = Rules::default();
        rules.push(of(None, None), Change::Latency((5 * MS).into()));
        rules.push(of(None, None), Change::Block(Way::Both, Blocked::Lost));
        rules.push(of(None, Some(1)), Change::Connects(Connects::Refused));
        rules.push(of(None, Some(1)), Change::Heal);
        let healed = Link { latency: (5 * MS).into(), ..Link::default() };
        assert_eq!(rules.link("a", 1), healed);
        assert_eq!(rules.link("a", 2).blocked(Side::Broker), Some(Blocked::Lost));
        rules.push(of(None, None), Change::Heal);
        assert_eq!(rules.link("a", 2), healed);
    }

    #[test]
    fn rules_that_count_no_more_are_forgotten() {
        let mut rules = Rules::default();
        for round in 0..1000 {
            rules.push(of(None, Some(round % 3)), Change::Latency((5 * MS).into()));
            rules.push(of(Some("a"), None), Change::Block(Way::Both, Blocked::Held));
            rules.push(of(None, None), Change::Bandwidth(Some(1000)));
            rules.push(of(None, None), Change::Heal);
        }
        assert!(rules.0.len() < 10, "{rules:?}");
    }

    #[test]
    fn latency_stays_within_its_limits_and_reaches_both() {
        let jittered = Latency::from(3 * MS..=5 * MS);
        assert_eq!(jittered.pick(0), 3 * MS);
        assert_eq!(jittered.pick(2_000_000), 5 * MS);
        assert_eq!(jittered.pick(2_000_001), 3 * MS);
        assert_eq!(Latency::from(4 * MS).pick(u64::MAX), 4 * MS);
        let backwards = RangeInclusive::new(5 * MS, 3 * MS);
        assert_eq!(Latency::from(backwards).pick(77), 5 * MS);
    }
}
