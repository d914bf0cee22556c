//! What of `kurier`'s sessions the measurements use.

use kurier_client::Error;

use crate::failure::Failure;

/// What could not be done, and why.
pub(crate) fn failed(what: &str, error: &Error) -> Failure {
    Failure::Failed(format!("cannot {what}: {error}"))
}

pub(crate) mod progress {
    /// One line on stderr.
    pub(crate) fn say(line: &str) {
        eprintln!("{line}");
    }
}
