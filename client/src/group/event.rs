//! What happens to the partitions of a member, and why. *core*

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::transactions::TopicPartition;

/// What happens to a member.
#[derive(Debug)]
pub(crate) enum Event {
    /// It has come to a generation, and holds these besides what it held.
    Assigned { added: Vec<TopicPartition>, generation: i32 },
    /// These are to be given up. They are its own until it is done, which it says by the number,
    /// or until this time; then they are lost.
    Revoked { number: u64, partitions: Vec<TopicPartition>, why: Revocation, until: Instant },
    /// These may be another member's by now: what was done with them cannot be committed.
    Lost { partitions: Vec<TopicPartition>, why: Loss },
    /// No heartbeat was answered for as long as a session lasts. The member goes on; another one
    /// may hold its partitions.
    Unheard { session: Duration },
    /// Something is wrong, and the member goes on.
    Trouble(Error),
    /// The member is done.
    Over(Error),
}

/// Why partitions are to be given up.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The group divides its partitions anew.
    Rebalance,
    /// The group has given them to another member.
    Moved,
    /// The member does not read their topics any more.
    Unsubscribed,
    /// The member leaves.
    Leaving,
}

/// Why partitions are lost.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The coordinator does not know the member any more: its session is over.
    Forgotten,
    /// The group has gone on to another generation without it.
    LeftBehind,
    /// The program was at work for longer than `poll_interval_max`.
    Overdue,
    /// They were not given up in time.
    TooSlow,
    /// The member is done.
    Over,
}
