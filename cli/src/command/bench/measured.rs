//! What comes of a measurement, and what every one of them begins with.

use std::sync::Arc;

use kurier_client::metadata::Topic;
use kurier_client::{Client, Error};

use crate::failure::Outcome;
use crate::session::failed;
use crate::session::progress::say;

/// What is printed, and what went wrong.
pub(super) struct Measured {
    pub(super) line: String,
    pub(super) errors: u64,
}

/// A topic that must be there.
pub(super) async fn topic(client: &Client, name: &str) -> Outcome<Arc<Topic>> {
    let found = client.topic(name).await;
    found.map_err(|error| failed(&format!("measure topic {name}"), &error))
}

/// Counts what went wrong, and tells the first of it.
#[derive(Debug, Default)]
pub(super) struct Errors(pub(super) u64);

impl Errors {
    pub(super) fn note(&mut self, error: &Error) {
        if self.0 == 0 {
            say(&format!("kurier: {error}"));
        }
        self.0 += 1;
    }
}
