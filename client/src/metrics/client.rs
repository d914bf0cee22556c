//! What a client knows of itself.

use std::time::Instant;

use super::window::Moment;

/// What a client knows of itself.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// When it was made, in ms since 1970.
    pub(super) started_ms: i64,
    /// When it last got metadata.
    pub(super) metadata_at: Option<Instant>,
    /// How many metrics it has.
    pub(super) metrics: usize,
}

impl Facts {
    /// How old the newest metadata is, in seconds.
    pub(super) fn metadata_age(&self, at: Moment) -> f64 {
        let age = |since| at.now.saturating_duration_since(since).as_secs_f64();
        self.metadata_at.map_or(f64::NAN, age)
    }
}
