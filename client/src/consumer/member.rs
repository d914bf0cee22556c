//! What a consumer has as the member of a group.

use std::sync::Arc;

use tokio::time::Instant;

use super::shared::Shared;
use crate::group::{Hearing, Tenure};

/// A consumer's place in its group.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) tenure: Tenure,
    pub(super) hearing: Hearing,
}

/// A call of `next`: when it ends, the user is at work.
#[derive(Debug)]
pub(super) struct Waiting(Arc<Shared>);

impl Waiting {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        shared.rest();
        Self(Arc::clone(shared))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.with(|buffer| buffer.pace.work(Instant::now().into_std()));
    }
}
