//! What the member of a group does with the partitions that a consumer reads.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{BoxFuture, FutureExt};

use super::buffer::Progress;
use super::config::{OffsetReset, Start};
use super::shared::Shared;
use super::turn::{Mark, Turn};
use crate::error::Error;
use crate::group::{Marked, Reader};
use crate::transactions::{GroupOffset, TopicPartition};

/// The partitions that a member holds.
#[derive(Debug)]
pub(crate) struct Holding {
    shared: Arc<Shared>,
    group: Arc<str>,
    /// Where partitions begin that the group has no offset of.
    reset: OffsetReset,
    is_member: bool,
}

impl Holding {
    /// Those that the program has said.
    pub(crate) fn new(shared: Arc<Shared>, group: Arc<str>, reset: OffsetReset) -> Self {
        Self { shared, group, reset, is_member: false }
    }

    /// The same for a member: more may come as long as there is one.
    pub(crate) fn of_member(self) -> Self {
        self.shared.with(|buffer| buffer.add_pending(1));
        Self { is_member: true, ..self }
    }

    fn slots(&self, partitions: &[TopicPartition]) -> Vec<usize> {
        let place = |of: &TopicPartition| self.shared.with(|buffer| buffer.place_of(&of.0, of.1));
        partitions.iter().filter_map(place).collect()
    }

    fn without_offset(&self, of: &TopicPartition) -> Result<Start, Error> {
        self.reset.start().ok_or_else(|| {
            let problem = format!(
                "group {} has committed no offset of partition {} of topic {}: say where it \
                 begins, or seek",
                self.group, of.1, of.0
            );
            Error::invalid("offset_reset (auto.offset.reset)", problem)
        })
    }
}

impl Reader for Holding {
    fn assigned(&self) -> Vec<TopicPartition> {
        let owned = |(topic, partition): (&Arc<str>, i32)| (Arc::clone(topic), partition);
        self.shared.with(|buffer| buffer.partitions().map(owned).collect())
    }

    fn take(&self, partitions: &[TopicPartition]) {
        self.shared.order(|buffer| partitions.iter().for_each(|of| buffer.hold(&of.0, of.1)));
    }

    fn begin(&self, of: &TopicPartition, found: Option<&GroupOffset>) {
        let start = match found {
            Some(GroupOffset { offset, leader_epoch: ..0, .. }) => Start::Offset(*offset),
            Some(GroupOffset { offset, leader_epoch, .. }) => {
                Start::InEpoch { offset: *offset, leader_epoch: *leader_epoch }
            }
            None => match self.without_offset(of) {
                Ok(start) => start,
                Err(error) => return self.fail(of, error),
            },
        };
        self.shared.order(|buffer| {
            let held = buffer.slot_of(&of.0, of.1).filter(|slot| buffer.is_held(*slot));
            if let Some(slot) = held {
                buffer.seek(slot, start);
            }
        });
    }

    fn fail(&self, of: &TopicPartition, error: Error) {
        self.shared.with(|buffer| {
            let held = buffer.slot_of(&of.0, of.1).filter(|slot| buffer.is_held(*slot));
            if let Some(slot) = held {
                buffer.refuse(slot, error);
            }
        });
        self.shared.wake_user();
    }

    fn leave(&self, partitions: &[TopicPartition]) {
        self.shared.order(|buffer| {
            for (topic, partition) in partitions {
                if let Some(slot) = buffer.slot_of(topic, *partition) {
                    buffer.unassign(slot);
                }
            }
        });
        self.shared.wake_user();
    }

    fn wait_for_marks(&self, partitions: &[TopicPartition]) -> BoxFuture<'static, ()> {
        let (shared, slots) = (Arc::clone(&self.shared), self.slots(partitions));
        let hands = shared.with(|buffer| buffer.hands(&slots));
        async move { shared.wait_for_marks(&hands).await }.boxed()
    }

    fn marks(
        &self,
        partitions: &mut dyn Iterator<Item = &TopicPartition>,
    ) -> Vec<(TopicPartition, Marked)> {
        self.shared.with(|buffer| {
            let marked = |of: &TopicPartition| {
                let slot = buffer.place_of(&of.0, of.1)?;
                let progress = buffer.progress(slot);
                let offset = |mark: Mark| GroupOffset {
                    leader_epoch: mark.leader_epoch,
                    ..GroupOffset::new(Arc::clone(&of.0), of.1, mark.offset)
                };
                let Progress { generation: turn, marked, reached } = progress;
                let is_own =
                    |reached: &Mark| marked != Some(*reached) && !buffer.is_committed_elsewhere;
                let reached = reached.filter(is_own);
                let (offset, reached) = (marked.map(offset), reached.map(offset));
                let is_late = buffer.take_late(slot);
                Some((of.clone(), Marked { turn, offset, reached, is_late }))
            };
            partitions.filter_map(marked).collect()
        })
    }

    fn mark(&self, given: &[(TopicPartition, Marked)]) {
        for (of, Marked { turn, offset, .. }) in given {
            let slot = self.shared.with(|buffer| buffer.place_of(&of.0, of.1));
            if let (Some(slot), Some(generation), Some(offset)) = (slot, *turn, offset) {
                let mark = Mark { offset: offset.offset, leader_epoch: offset.leader_epoch };
                self.shared.mark(Turn { slot, generation }, mark);
            }
        }
    }

    fn marked_late(&self) -> Vec<TopicPartition> {
        self.shared.with(|buffer| buffer.take_all_late())
    }

    fn tell(&self, error: Error) {
        self.shared.with(|buffer| buffer.tell(error));
        self.shared.wake_user();
    }

    fn end(&self) {
        if self.is_member {
            self.shared.with(|buffer| buffer.end_pending());
            self.shared.wake_user();
        }
    }

    fn at_work_since(&self) -> Option<Instant> {
        let now = tokio::time::Instant::now().into_std();
        self.shared.with(|buffer| {
            buffer.watch_vacancies(now);
            buffer.pace.at_work_since()
        })
    }

    fn wait_for_rest(&self) -> BoxFuture<'static, ()> {
        let shared = Arc::clone(&self.shared);
        async move { shared.wait_for_rest().await }.boxed()
    }
}
