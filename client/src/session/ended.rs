//! `Ended`: what came of a round.

use crate::error::Error;
use crate::transactions::TopicPartition;

/// What came of a round.
#[derive(Clone, Debug)]
#[must_use = "what was made in a round that is not committed is made again"]
pub enum Ended {
    /// What was sent in it is visible, and what it has read is not given again.
    Committed,
    /// Nothing of what was sent in it will ever be visible to readers of committed records. What it
    /// has read comes again: to this session, or to whoever has the partitions now.
    NotCommitted(Reason),
}

impl Ended {
    /// Whether it is committed.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        matches!(self, Self::Committed)
    }
}

/// Why a round is not committed.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Reason {
    /// The group has taken these partitions away before the round came to its end; or what was
    /// read of them is not in their log any more, which was cut or made anew.
    Taken(Vec<TopicPartition>),
    /// A record was not taken or delivered, or the coordinator has refused the offsets: with
    /// [`ErrorKind::Membership`](crate::error::ErrorKind) if the group does not know the member any
    /// more, or has gone on without it.
    Refused(Error),
    /// The program wanted that, or has dropped the round.
    Asked,
}
