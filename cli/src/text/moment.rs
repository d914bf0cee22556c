//! A wait for whoever is at the other end of a nonblocking pipe.

use std::time::Duration;

/// Waits a little before a read or write is tried again.
#[expect(clippy::disallowed_methods, reason = "no test moves the time of another process")]
pub(crate) fn wait_a_moment() {
    std::thread::sleep(MOMENT);
}

/// Nobody notices it, and no processor gets warm.
const MOMENT: Duration = Duration::from_millis(2);
