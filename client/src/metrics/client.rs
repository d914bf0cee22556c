//! What a client knows of itself.

/// What a client knows of itself.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// When it was made, in ms since 1970.
    pub(super) started_ms: i64,
    /// How many metrics it has.
    pub(super) metrics: usize,
}
