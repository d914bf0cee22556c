//! Core: what becomes of records: of one, of some that share it, of a whole batch.

use std::ops;
use std::time::Duration;

use crate::error::{self, Error};

/// What became of records that share it.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// They lie in the log, the first one at `base_offset`. Both are -1 if not known.
    Stored { base_offset: i64, append_time: i64 },
    /// They were not delivered, or nobody knows.
    Failed(Error),
}

impl Fate {
    /// That of records which were sent, and of which nobody hears any more.
    pub(crate) fn lost(topic: &str, partition: i32) -> Self {
        let what = error::Waiting::Delivery { topic: topic.into(), partition };
        let after = Duration::ZERO;
        Self::Failed(Error::TimedOut { what, after, maybe_written: true, last: None })
    }
}

/// What became of the records of a batch: nearly always one range, more after a split or when
/// the broker refused single records.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) last: Range,
    pub(crate) rest: Vec<Range>,
}

#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) fate: Fate,
}

impl Outcome {
    /// The offset and the append time of one record, as far as they are known, or why there are
    /// none.
    #[inline]
    pub(crate) fn of(&self, index: u32) -> Result<(i64, Option<i64>), &Error> {
        let is_in = |range: &&Range| (range.start..range.end).contains(&index);
        let range = self.rest.iter().find(is_in).unwrap_or(&self.last);
        match &range.fate {
            Fate::Stored { base_offset, append_time } => {
                let offset = match *base_offset {
                    ..0 => -1,
                    base => base.saturating_add(index.saturating_sub(range.start).into()),
                };
                Ok((offset, Some(*append_time).filter(|time| *time >= 0)))
            }
            Fate::Failed(error) => Err(error),
        }
    }

    /// Which records were not delivered, and why.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (ops::Range<u32>, &Error)> {
        self.rest.iter().chain([&self.last]).filter_map(|range| match &range.fate {
            Fate::Failed(error) => Some((range.start..range.end, error)),
            Fate::Stored { .. } => None,
        })
    }
}
