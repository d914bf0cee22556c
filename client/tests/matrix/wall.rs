//! A wall clock that goes right but for its jumps.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use kurier_env::Wall;
use tokio::time::Instant;

/// Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Jumping {
    shift_millis: Arc<AtomicI64>,
    start: Instant,
}

impl Jumping {
    pub(crate) fn new() -> Self {
        let shift_millis = Arc::new(AtomicI64::new(1_800_000_000_000));
        Self { shift_millis, start: Instant::now() }
    }

    pub(crate) fn jump(&self, hours: i64) {
        self.shift_millis.fetch_add(hours * 3_600_000, Ordering::Relaxed);
    }
}

impl Wall for Jumping {
    fn millis(&self) -> i64 {
        let since = i64::try_from(self.start.elapsed().as_millis()).unwrap();
        self.shift_millis.load(Ordering::Relaxed) + since
    }
}
