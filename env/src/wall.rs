//! The wall clock: what time it is for people, not for waiting.

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time of day.
pub trait Wall: Send + Sync + Debug {
    /// Milliseconds since 1970-01-01 UTC.
    fn millis(&self) -> i64;
}

/// The system's clock.
#[derive(Clone, Copy, Debug)]
pub struct RealWall;

impl Wall for RealWall {
    fn millis(&self) -> i64 {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads it")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.ok().and_then(|d| i64::try_from(d.as_millis()).ok()).unwrap_or(0)
    }
}
