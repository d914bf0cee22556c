//! Core: what the driver has for the user, in the order of offsets.

use kurier_protocol::record::RecordBatch;

use super::batch::Span;
use super::turn::{Mark, Turn};
use crate::error::Error;

/// Something for the user, in the order of offsets.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) turn: Turn,
    pub(crate) item: Item,
}

#[derive(Debug)]
pub(crate) enum Item {
    /// Records.
    Batch(Fetched),
    /// Nothing for the user, but the position moves: markers, and what compaction left empty.
    Skip(Mark),
    /// The log has nothing any more from there on of what was fetched: the position goes back.
    Cut { end: Mark, then: Then },
    /// The log is another one, which has nothing of what was fetched. It does not wait its turn.
    Gone,
    /// A batch that cannot be read was passed over, from here on.
    Corrupt { from: i64, next_offset: i64 },
    /// The position is known now, and what of it is nobody's to process any more: all before it,
    /// unless the log begins there.
    At { offset: i64, reached: Option<Mark> },
    /// Something is wrong, and trying goes on.
    News(Error),
    /// Something is wrong, and the partition stands still.
    Failed(Error),
    /// The partition is read to its end.
    End,
}

/// What follows where a log was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Reading goes on there.
    GoesOn,
    /// Nothing is read before the user has decided.
    StandsStill,
}

/// A batch, still packed.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) batch: RecordBatch,
    pub(crate) span: Span,
    /// The broker that has sent it.
    pub(crate) broker: i32,
    pub(crate) high_watermark: i64,
    pub(crate) next_offset: i64,
}

impl Item {
    /// The log has nothing any more from there on of what was fetched. Says whether anything is
    /// left of this.
    pub(crate) fn cut(&mut self, offset: i64) -> bool {
        match self {
            Self::Batch(fetched) => {
                fetched.span.end = fetched.span.end.min(offset);
                fetched.next_offset = fetched.next_offset.min(offset);
                fetched.batch.base_offset().max(fetched.span.start) < offset
            }
            Self::Skip(behind) if behind.offset > offset => {
                *behind = Mark { offset, leader_epoch: -1 };
                true
            }
            Self::Corrupt { next_offset, .. } => {
                *next_offset = (*next_offset).min(offset);
                true
            }
            _ => true,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Batch(fetched) => fetched.batch.bytes().len(),
            _ => 0,
        }
    }
}
