//! Core: what happened in the network, and one number for all of it.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use super::link::Side;
use crate::limits::EVENTS_KEPT_MAX;

/// Something that happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Event {
    /// When, since the cluster was built.
    pub at: Duration,
    /// The connection: they are numbered from 1, in the order in which clients began to connect.
    pub connection: u64,
    /// The client's name.
    pub client: Arc<str>,
    /// The broker.
    pub broker: i32,
    /// What happened.
    pub what: What,
}

/// What happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// It is open, as the client sees it.
    Connected,
    /// It was refused.
    Refused,
    /// A side sent bytes: one piece of a request or answer, or several at once.
    Sent {
        /// Who.
        by: Side,
        /// How many.
        bytes: usize,
        /// Equal for equal bytes.
        digest: u64,
    },
    /// A side will send nothing more, or has gone.
    Ended {
        /// Which.
        by: Side,
    },
    /// It was reset.
    Reset,
}

/// The latest events, and the hash of all of them.
#[derive(Debug, Default)]
pub(super) struct Events {
    latest: VecDeque<Event>,
    hash: u64,
}

impl Events {
    pub(super) fn push(&mut self, event: Event) {
        let mut hasher = DefaultHasher::new();
        (self.hash, &event).hash(&mut hasher);
        self.hash = hasher.finish();
        if self.latest.len() == EVENTS_KEPT_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(event);
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn latest(&self) -> impl Iterator<Item = &Event> {
        self.latest.iter()
    }
}

/// A number for the first `length` bytes of these slices: the same however they are cut.
pub(super) fn digest(slices: &[IoSlice<'_>], length: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut left = length;
    for slice in slices {
        let part = slice.get(..left).unwrap_or(slice);
        hasher.write(part);
        left -= part.len();
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_does_not_depend_on_how_bytes_are_cut() {
        let whole = [IoSlice::new(b"0123456789abcdef01234")];
        let cut = [IoSlice::new(b"012"), IoSlice::new(b"3456789abcdef01"), IoSlice::new(b"234xyz")];
        assert_eq!(digest(&whole, 21), digest(&cut, 21));
        assert_ne!(digest(&whole, 21), digest(&whole, 20));
    }

    #[test]
    fn the_hash_is_that_of_all_events_in_their_order() {
        let event = |connection, what| Event {
            at: Duration::ZERO,
            connection,
            client: "a".into(),
            broker: 1,
            what,
        };
        let hash = |events: &[Event]| {
            let mut all = Events::default();
            events.iter().cloned().for_each(|event| all.push(event));
            all.hash()
        };
        let (one, two) = (event(1, What::Connected), event(2, What::Connected));
        assert_eq!(hash(&[one.clone(), two.clone()]), hash(&[one.clone(), two.clone()]));
        assert_ne!(hash(&[one.clone(), two.clone()]), hash(&[two.clone(), one.clone()]));
        assert_ne!(hash(&[one.clone(), two]), hash(&[one, event(2, What::Refused)]));
    }
}
