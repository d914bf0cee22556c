//! Core: requests whose records are appended, and which wait until all replicas in sync have them.

use std::collections::BTreeMap;

use kurier_protocol::Str;
use kurier_protocol::api::produce::ProduceResponse;

use crate::limits::UNACKNOWLEDGED_MAX;

/// Requests of acks=all that wait, by the number of the call.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    waiting: BTreeMap<u64, Unacknowledged>,
}

/// A request that waits.
#[derive(Debug, Default)]
pub(crate) struct Unacknowledged {
    /// What it will be answered if nothing goes wrong.
    pub(crate) response: ProduceResponse,
    pub(crate) owed: Vec<Owed>,
}

/// Records of a request that not all replicas in sync have.
#[derive(Clone, Debug)]
pub(crate) struct Owed {
    pub(crate) topic: Str,
    pub(crate) partition: i32,
    /// The offset up to which the replicas must come.
    pub(crate) until: i64,
    /// Its place in the answer: topic, partition.
    pub(crate) at: (usize, usize),
}

impl Acks {
    /// A request that waits under this number, if one does.
    pub(crate) fn take(&mut self, call: u64) -> Option<Unacknowledged> {
        self.waiting.remove(&call)
    }

    /// Lets a request wait. Those whose connections were cut are forgotten in time.
    pub(crate) fn wait(&mut self, call: u64, request: Unacknowledged) {
        self.waiting.insert(call, request);
        if self.waiting.len() > UNACKNOWLEDGED_MAX {
            self.waiting.pop_first();
        }
    }
}
