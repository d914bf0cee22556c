//! What a consumer has as the member of a group.

use std::sync::Arc;

use tokio::time::Instant;

use super::pace::Who;
use super::shared::Shared;
use crate::group::{Hearing, Tenure};

/// What a consumer has of its place in a group.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) tenure: Tenure,
    pub(super) hearing: Hearing,
}

/// A call of `next`: when it ends, the user is at work.
#[derive(Debug)]
pub(super) struct Waiting {
    shared: Arc<Shared>,
    who: Who,
}

impl Waiting {
    pub(super) fn new(shared: &Arc<Shared>, who: Who) -> Self {
        shared.rest(who);
        Self { shared: Arc::clone(shared), who }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.shared.with(|buffer| buffer.pace.work(self.who, Instant::now().into_std()));
    }
}
