//! `Control`: what can be asked and ordered while a consumer's records are read elsewhere.

use std::sync::Arc;

use super::config::Start;
use super::shared::Shared;
use super::turn::Turn;
use crate::error::Error;
use crate::group::Group;
use crate::offsets::check_timestamp;

/// What can be asked of a consumer, and ordered, while its records are read elsewhere: by other
/// tasks, or by what it is given away to. Cloning is cheap. It keeps no consumer alive.
///
/// ```
/// # use kurier_client::Client;
/// # use kurier_client::consumer::Start;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), kurier_client::Error> {
/// # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 2).build();
/// # let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await?;
/// let consumer = client.consumer().assign([("orders", 0, Start::Earliest)]).start()?;
/// let control = consumer.control();
/// control.assign([("orders", 1, Start::Latest)])?;
/// control.pause("orders", 0)?;
/// control.seek("orders", 0, Start::Offset(7))?;
/// assert_eq!(control.position("orders", 0), Some(7));
/// control.unassign([("orders", 1)]).await?;
/// assert_eq!(control.assignment(), [("orders".into(), 0)]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Control {
    pub(super) shared: Arc<Shared>,
    /// As which member it reads, if it does.
    pub(super) group: Option<Group>,
}

impl Control {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, group: None }
    }

    /// The offset of the next record that is given of a partition; none if the partition is not
    /// assigned or its offset is not looked up yet.
    #[must_use]
    pub fn position(&self, topic: &str, partition: i32) -> Option<i64> {
        self.shared.with(|buffer| buffer.position(buffer.slot_of(topic, partition)?))
    }

    /// The offset behind the last record that is processed, since the partition was assigned or
    /// sought: where to go on after a restart. None if nothing is.
    ///
    /// What lies behind it without a record for the program counts as processed: markers of
    /// transactions, aborted records. So does all before a start or a reset that was looked up
    /// ([`Start::Latest`], or a time), which nobody is to look up once more; where the log begins
    /// may be.
    ///
    /// A batch is processed when it is [marked](super::Consumer::mark), or when the next one is
    /// asked for: see [`auto_mark`](super::ConsumerConfig::auto_mark).
    #[must_use]
    pub fn marked(&self, topic: &str, partition: i32) -> Option<i64> {
        let marked = |slot| self.shared.with(|buffer| buffer.reached(slot));
        Some(marked(self.slot_of(topic, partition).ok()?)?.offset)
    }

    /// How many records there are behind the position of a partition, as the latest answer has told
    /// of its end. None if no answer has, or the position is not known.
    #[must_use]
    pub fn lag(&self, topic: &str, partition: i32) -> Option<u64> {
        self.shared.with(|buffer| buffer.lag(buffer.slot_of(topic, partition)?))
    }

    /// How many batches were passed over so far, as they cannot be read:
    /// [`Corrupt::Skip`](super::Corrupt::Skip).
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.shared.with(|buffer| buffer.skipped())
    }

    /// The partitions that are read, as far as their topics are known.
    #[must_use]
    pub fn assignment(&self) -> Vec<(Arc<str>, i32)> {
        let owned = |(topic, partition): (&Arc<str>, i32)| (Arc::clone(topic), partition);
        self.shared.with(|buffer| buffer.partitions().map(owned).collect())
    }

    /// Reads a partition from elsewhere. Nothing from before the seek is given any more.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the partition is not assigned, or the offset is negative.
    pub fn seek(&self, topic: &str, partition: i32, start: Start) -> Result<(), Error> {
        check_start(start)?;
        let slot = self.slot_of(topic, partition)?;
        self.shared.order(|buffer| buffer.seek(slot, start));
        Ok(())
    }

    /// Gives nothing of a partition until [`resume`](Self::resume). What was fetched is kept, as
    /// much of all paused partitions as
    /// [`buffer_bytes_max`](super::ConsumerConfig::buffer_bytes_max) says; what would be more is
    /// dropped, and fetched again then.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the partition is not assigned.
    pub fn pause(&self, topic: &str, partition: i32) -> Result<(), Error> {
        let slot = self.slot_of(topic, partition)?;
        self.shared.order(|buffer| buffer.pause(slot));
        Ok(())
    }

    /// Ends a pause.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the partition is not assigned.
    pub fn resume(&self, topic: &str, partition: i32) -> Result<(), Error> {
        let slot = self.slot_of(topic, partition)?;
        self.shared.order(|buffer| buffer.resume(slot));
        self.shared.wake_user();
        Ok(())
    }

    /// Reads these partitions, too, each from its own start. One that is read already goes on where
    /// it is, and so do all others.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if a partition or an offset is negative; then nothing is changed.
    pub fn assign<T: Into<Arc<str>>>(
        &self,
        partitions: impl IntoIterator<Item = (T, i32, Start)>,
    ) -> Result<(), Error> {
        self.check_own_assignment()?;
        let owned = |(topic, partition, start): (T, i32, Start)| (topic.into(), partition, start);
        let partitions: Vec<(Arc<str>, i32, Start)> = partitions.into_iter().map(owned).collect();
        for (_, partition, start) in &partitions {
            check_partition(*partition)?;
            check_start(*start)?;
        }
        self.shared.order(|buffer| {
            for (topic, partition, start) in &partitions {
                buffer.add(topic, *partition, *start);
            }
        });
        Ok(())
    }

    /// Reads these partitions no more, and all others go on. At once nothing more of them is given;
    /// what is given of them by then may still be processed, and this waits until it is
    /// [marked](super::Consumer::mark), or the consumer is dropped, or the partition is assigned
    /// again: then nothing of before that can be marked any more.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if one of them is not assigned; then nothing is changed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the wait. The partitions are not read any more, whether or not it
    /// was ever polled to its end.
    pub async fn unassign<'a>(
        &self,
        partitions: impl IntoIterator<Item = (&'a str, i32)>,
    ) -> Result<(), Error> {
        let hands = self.leave(partitions)?;
        self.shared.wait_for_marks(&hands).await;
        Ok(())
    }

    /// Gives nothing more of these partitions; returns what is in hand of them.
    pub(super) fn leave<'a>(
        &self,
        partitions: impl IntoIterator<Item = (&'a str, i32)>,
    ) -> Result<Vec<Turn>, Error> {
        self.check_own_assignment()?;
        let slots = partitions.into_iter().map(|(topic, partition)| self.slot_of(topic, partition));
        let slots = slots.collect::<Result<Vec<_>, _>>()?;
        let hands = self.shared.order(|buffer| {
            slots.iter().for_each(|slot| buffer.unassign(*slot));
            buffer.hands(&slots)
        });
        // Perhaps nothing is left to be read.
        self.shared.wake_user();
        Ok(hands)
    }

    /// Whether it is for the program to say what is read.
    pub(super) fn check_own_assignment(&self) -> Result<(), Error> {
        if self.group.as_ref().is_some_and(|group| group.is_member) {
            let problem = "is the group's to say: call `subscribe`, or `pause` a partition";
            return Err(Error::invalid("assignment", problem));
        }
        Ok(())
    }

    pub(super) fn slot_of(&self, topic: &str, partition: i32) -> Result<usize, Error> {
        let slot = self.shared.with(|buffer| buffer.slot_of(topic, partition));
        slot.ok_or_else(|| {
            let problem = format!(
                "partition {partition} of topic {topic} is not assigned; `assign` it first, or \
                 wait until the group has given it to this consumer"
            );
            Error::invalid("partition", problem)
        })
    }
}

pub(super) fn check_start(start: Start) -> Result<(), Error> {
    match start {
        Start::Offset(offset @ ..0) | Start::InEpoch { offset: offset @ ..0, .. } => {
            Err(Error::invalid("offset", format!("{offset} is negative; offsets count from 0")))
        }
        Start::Timestamp(millis) => check_timestamp(millis),
        _ => Ok(()),
    }
}

pub(super) fn check_partition(partition: i32) -> Result<(), Error> {
    match partition {
        ..0 => Err(Error::invalid("partition", format!("{partition} is negative"))),
        _ => Ok(()),
    }
}
