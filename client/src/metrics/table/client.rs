//! What a client says of itself.

use super::super::client::Facts;
use super::super::row::{Level, Section, Unit, row};

/// For the client as a whole.
pub(crate) static CLIENT: &[Section<Facts>] = &[
    Section {
        group: "app-info",
        level: Level::Client,
        rows: &[
            row("start-time-ms", Unit::UnixMilliseconds, "When the client was made", |f, _| {
                f.started_ms as f64
            }),
            row("version", Unit::Text, "The version of this client's crate", |_, _| f64::NAN),
        ],
    },
    Section {
        group: "kafka-metrics-count",
        level: Level::Client,
        rows: &[row("count", Unit::Count, "How many metrics there are", |f, _| f.metrics as f64)],
    },
];
