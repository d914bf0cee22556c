//! One row of the table of metrics, and what may become of a name of Java's.

use std::fmt;

use super::window::Moment;

/// What the numbers of a metric count.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Things in a second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// Bytes in a second.
    BytesPerSecond,
    /// Nanoseconds.
    Nanoseconds,
    /// Milliseconds, with their fraction.
    Milliseconds,
    /// Seconds, with their fraction.
    Seconds,
    /// A part of a whole, between 0 and 1.
    Ratio,
    /// Milliseconds since 1970.
    UnixMilliseconds,
    /// No number, but a text.
    Text,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "count",
            Self::PerSecond => "1/s",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes/s",
            Self::Nanoseconds => "ns",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Ratio => "ratio",
            Self::UnixMilliseconds => "ms since 1970",
            Self::Text => "text",
        })
    }
}

/// A metric of a group that is read from an `S`.
pub(super) struct Row<S: 'static> {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    /// What it is, in one phrase.
    pub(super) about: &'static str,
    pub(super) read: fn(&S, Moment) -> f64,
}

/// Metrics of one group with the same tags.
pub(super) struct Section<S: 'static> {
    pub(super) group: &'static str,
    /// Its tags beside `client-id`.
    pub(super) level: Level,
    pub(super) rows: &'static [Row<S>],
}

/// What a metric is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// The client as a whole.
    Client,
    /// One broker.
    Node,
    /// One topic.
    Topic,
    /// One partition.
    Partition,
}

impl Level {
    /// The tags.
    pub(super) fn tags(self) -> &'static [&'static str] {
        match self {
            Self::Client => &["client-id"],
            Self::Node => &["client-id", "node-id"],
            Self::Topic => &["client-id", "topic"],
            Self::Partition => &["client-id", "topic", "partition"],
        }
    }
}

/// Names of Java's that this client does not have.
pub(super) struct Missing {
    pub(super) group: &'static str,
    pub(super) why: Why,
    pub(super) names: &'static [&'static str],
}

/// Why a name of Java's is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The part of the client that it is about is not built yet.
    Later(Part),
    /// It says nothing about this client.
    NotHere(&'static str),
}

/// A part of the client that is still to be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    TlsDetails,
}

impl Part {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::TlsDetails => "telling how a connection is encrypted",
        }
    }

    /// A file of the client's crate that is there once this part is built.
    #[cfg(test)]
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::TlsDetails => "src/metrics/encryption.rs",
        }
    }
}

/// A row of a table.
pub(super) const fn row<S>(
    name: &'static str,
    unit: Unit,
    about: &'static str,
    read: fn(&S, Moment) -> f64,
) -> Row<S> {
    Row { name, unit, about, read }
}
