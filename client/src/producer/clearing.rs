//! Core: partitions that may not have heard that a transaction was aborted, and how they come to
//! hear of it before the next one begins (KAFKA-20734).
//!
//! Brokers 4.3.1 and 4.4.0 give no marker to a partition that has no leader in the moment in which
//! a transaction ends. Its records stay open there, and the end of the id's next transaction with
//! that partition in it decides about them: a commit makes visible what was aborted. So before the
//! next one begins, partitions whose leader has changed are put into a transaction of nothing else,
//! by the rules of version 1, once they have a leader; and that is aborted by raising the epoch.

use std::mem;
use std::sync::Arc;

/// What was written last to a partition in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastWrite {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    /// The last offset; none if no leader has named one.
    pub(crate) offset: Option<i64>,
    /// The leader epoch that it was written in; -1 if that is not known.
    pub(crate) leader_epoch: i32,
    pub(crate) producer_id: i64,
}

/// What has become of the partitions of aborted transactions.
///
/// ```text
///         aborted            in doubt           about to be added         epoch raised
/// Clear ----------> Unseen ------------> Owed -------------------> Open ---------------> Unseen
///   ^                  |                   ^                         |
///   '------------------'                   '-------------------------'
///    none is in doubt                       certainly not added
/// ```
#[derive(Debug, Default)]
pub(crate) enum Clearing {
    /// All have heard.
    #[default]
    Clear,
    /// Nobody has looked whether they had leaders.
    Unseen(Vec<LastWrite>),
    /// These had none, or may have had none.
    Owed(Vec<LastWrite>),
    /// They are in a transaction, or may be, that is to be aborted.
    Open(Vec<LastWrite>),
}

/// What is to be done for partitions that may not have heard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Clear {
    /// Look which had no leader when the transaction ended, or may have had none.
    Look(Vec<LastWrite>),
    /// Wait until these have leaders, and add them to a transaction.
    Add(Vec<LastWrite>),
    /// Raise the epoch, which aborts that.
    Raise,
}

impl Clearing {
    /// A transaction was aborted, or is, in which this was written.
    pub(crate) fn push(&mut self, written: Vec<LastWrite>) {
        match self {
            Self::Clear if written.is_empty() => {}
            Self::Clear => *self = Self::Unseen(written),
            Self::Unseen(seen) | Self::Owed(seen) | Self::Open(seen) => seen.extend(written),
        }
    }

    /// What is to be done next; nothing if the next transaction can begin.
    pub(crate) fn poll(&self) -> Option<Clear> {
        match self {
            Self::Clear => None,
            Self::Unseen(written) => Some(Clear::Look(written.clone())),
            Self::Owed(written) => Some(Clear::Add(written.clone())),
            Self::Open(_) => Some(Clear::Raise),
        }
    }

    /// These may have had no leader.
    pub(crate) fn handle_look(&mut self, doubtful: Vec<LastWrite>) {
        *self = if doubtful.is_empty() { Self::Clear } else { Self::Owed(doubtful) };
    }

    /// These have leaders, in these epochs, and are about to be added; others have gone.
    pub(crate) fn handle_led(&mut self, led: Vec<LastWrite>) {
        *self = if led.is_empty() { Self::Clear } else { Self::Open(led) };
    }

    /// They were certainly not added.
    pub(crate) fn handle_refused(&mut self) {
        *self = match mem::take(self) {
            Self::Open(led) => Self::Owed(led),
            other => other,
        };
    }

    /// The epoch was raised. A leader that has gone meanwhile may not have heard either.
    pub(crate) fn handle_raised(&mut self) {
        *self = match mem::take(self) {
            Self::Open(led) => Self::Unseen(led),
            other => other,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(leader_epoch: i32) -> LastWrite {
        let (topic, offset) = (Arc::from("t"), Some(5));
        LastWrite { topic, partition: 0, offset, leader_epoch, producer_id: 7 }
    }

    #[test]
    fn nothing_is_clear_before_it_was_looked_at_after_the_last_marker() {
        let mut clearing = Clearing::default();
        clearing.push(Vec::new());
        assert_eq!(clearing.poll(), None);
        clearing.push(vec![write(0)]);
        assert_eq!(clearing.poll(), Some(Clear::Look(vec![write(0)])));
        clearing.handle_look(vec![write(0)]);
        assert_eq!(clearing.poll(), Some(Clear::Add(vec![write(0)])));
        clearing.handle_led(vec![write(2)]);
        assert_eq!(clearing.poll(), Some(Clear::Raise));
        clearing.handle_raised();
        assert_eq!(clearing.poll(), Some(Clear::Look(vec![write(2)])), "it may have gone again");
        clearing.handle_look(Vec::new());
        assert_eq!(clearing.poll(), None);
    }

    #[test]
    fn what_was_refused_is_still_owed_and_what_is_gone_is_not() {
        let mut clearing = Clearing::default();
        clearing.push(vec![write(0)]);
        clearing.handle_look(vec![write(0)]);
        clearing.handle_led(vec![write(2)]);
        clearing.handle_refused();
        assert_eq!(clearing.poll(), Some(Clear::Add(vec![write(2)])));
        clearing.handle_led(Vec::new());
        assert_eq!(clearing.poll(), None);
    }
}
