//! What the renewals of tickets and of tokens have in common.

use std::time::Duration;

use kurier_env::{Env, Purpose};

/// A random number from 0 to 1, so that many clients do not renew all at once.
pub(super) fn fraction(env: &Env) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits of chance are enough")]
    let fraction = (env.chance(Purpose::Backoff) >> 11) as f64 / (1_u64 << 53) as f64;
    fraction
}

/// How long to wait before a renewal is tried again that has failed so often before: ten seconds
/// at first, which double three times.
pub(super) fn retry_after(failures: u32) -> Duration {
    Duration::from_secs(10 << failures.min(3))
}
