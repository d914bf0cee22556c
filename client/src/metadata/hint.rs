//! `Hint`: a partition's new leader, named in the answer to another request. *core*

use std::sync::Arc;

use kurier_protocol::Uuid;

use super::picture::Leader;
use crate::net::Address;

/// A leader that a broker has named in the answer to another request (KIP-951).
#[derive(Clone, Debug)]
pub(crate) struct Hint {
    pub(crate) topic: Arc<str>,
    /// The topic's id when the request was made: what was created anew since has another one.
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    pub(crate) leader: Leader,
    /// Where the leader is, if the broker says so.
    pub(crate) address: Option<Address>,
}
