//! What a consumer, and who controls it, can do as the member of a group.

use std::sync::Arc;

use kurier_protocol::record::RecordRef;
use tokio::time::Instant;

use super::batch::FetchedBatch;
use super::buffer::Buffer;
use super::control::{Control, check_partition};
use super::handle::Consumer;
use super::poll::FetchedRecord;
use crate::error::Error;
use crate::group::{Group, GroupEvents, Marked, Pattern, Subscription, Wanted};
use crate::offsets::Isolation;
use crate::transactions::{
    ConsumerGroupMetadata, GroupOffset, PartitionOutcome, TopicPartition, Transactions,
};

impl Control {
    fn group(&self) -> Result<&Group, Error> {
        self.group.as_ref().ok_or_else(|| {
            let problem = "is not set, so there is nothing to commit to: call `group`";
            Error::invalid("group (group.id)", problem)
        })
    }

    /// The group that says what is read.
    fn subscriber(&self) -> Result<&Group, Error> {
        let group = self.group()?;
        if !group.is_member {
            let problem = "is assigned by the program, which cannot subscribe as well";
            return Err(Error::invalid("assignment", problem));
        }
        Ok(group)
    }

    /// Commits what is [marked](Control::marked) of all partitions, once more if nothing has come
    /// to it. The batch that was given last is not among it before it is marked: only
    /// [`Consumer::commit`] takes it for processed. While the group divides its partitions anew
    /// this waits until it has; then what is still this member's is committed, as the member that
    /// it is by then.
    ///
    /// # Errors
    ///
    /// * [`Error::Invalid`] without a group.
    /// * [`ErrorKind::Membership`](crate::error::ErrorKind) of a partition that is not this
    ///   member's any more, also if it went since the last call with marks that nobody has
    ///   committed, and of a member that was fenced. It is not
    ///   [retriable](Error::is_retriable), as Java's CommitFailedException is not: the same commit
    ///   can never succeed, and whoever has the partition now works on from its last commit. The
    ///   consumer reads on, and what it marks next can be committed.
    /// * [`Error::TimedOut`], with what the coordinator said last, if it takes nothing within
    ///   [`outage_max`](super::ConsumerConfig::outage_max), or the division takes so long:
    ///   retriable.
    /// * Whatever else it has refused an offset with. The other partitions are committed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the offsets are committed or not.
    pub async fn commit(&self) -> Result<(), Error> {
        self.commit_with(Vec::new()).await
    }

    /// The same, once these are marked.
    async fn commit_with(&self, given: Vec<(TopicPartition, Marked)>) -> Result<(), Error> {
        self.group()?.commit(Wanted::Marked { given }).await
    }

    /// Commits these offsets, with their metadata and leader epochs, whatever is marked. What is
    /// marked of their partitions from now on is what is behind them.
    ///
    /// # Errors
    ///
    /// Those of [`commit`](Self::commit): the first one of any partition. The others may be
    /// committed. [`Error::Invalid`] if an offset is negative; then nothing is committed.
    ///
    /// # Cancel safety
    ///
    /// As that of [`commit`](Self::commit).
    pub async fn commit_offsets(
        &self,
        offsets: impl IntoIterator<Item = GroupOffset>,
    ) -> Result<(), Error> {
        let group = self.group()?;
        let offsets: Vec<GroupOffset> = offsets.into_iter().collect();
        if let Some(wrong) = offsets.iter().find(|of| of.offset < 0 || of.partition < 0) {
            let GroupOffset { topic, partition, offset, .. } = wrong;
            let problem = format!("{offset} of partition {partition} of {topic} is negative");
            return Err(Error::invalid("offset", problem));
        }
        group.commit(Wanted::These(offsets)).await
    }

    /// What the group has committed of these partitions; none where it has committed nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] without a group; in each outcome, whatever a broker said last when time
    /// ran out.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops it; nothing is changed by it.
    pub async fn committed<T: Into<Arc<str>>>(
        &self,
        partitions: impl IntoIterator<Item = (T, i32)>,
    ) -> Result<Vec<PartitionOutcome<Option<GroupOffset>>>, Error> {
        let group = self.group()?;
        let asked = Transactions::new(group.cluster.clone());
        let start = Instant::now();
        let found =
            asked.committed_offsets(&group.id, Isolation::ReadUncommitted, partitions).await;
        group.meter.asked(start.elapsed());
        Ok(found)
    }

    /// Reads these topics from now on, instead of those before; none, if there are none.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] without a group, and if the program assigns the partitions.
    pub fn subscribe<T: Into<Arc<str>>>(
        &self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        let topics = topics.into_iter().map(Into::into).collect();
        self.subscriber()?.subscribe(Subscription::Topics(topics));
        Ok(())
    }

    /// Reads the topics whose whole names match a regular expression from now on, instead of those
    /// before: see [`ConsumerBuilder::subscribe_pattern`](super::ConsumerBuilder).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] without a group, and for a pattern that is no regular expression, unless
    /// the coordinator may read it: then `next` tells.
    pub fn subscribe_pattern(&self, pattern: &str) -> Result<(), Error> {
        let group = self.subscriber()?;
        let pattern = Pattern::new(pattern);
        let pattern = if group.is_remote { pattern } else { pattern.readable()? };
        group.subscribe(Subscription::Pattern(pattern));
        Ok(())
    }

    /// Reads nothing, and leaves the group until it is to read something again.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] without a group.
    pub fn unsubscribe(&self) -> Result<(), Error> {
        self.subscribe::<Arc<str>>([])
    }

    /// Reads these partitions, too, each from where the group has stopped: see
    /// [`ConsumerBuilder::assign_committed`](super::ConsumerBuilder::assign_committed).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] without a group, and if a partition is negative; then nothing is changed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the partitions are assigned, and perhaps nothing is read of them
    /// before a seek.
    pub async fn assign_committed<T: Into<Arc<str>>>(
        &self,
        partitions: impl IntoIterator<Item = (T, i32)>,
    ) -> Result<(), Error> {
        let group = self.group()?;
        self.check_own_assignment()?;
        let owned = |(topic, partition): (T, i32)| (topic.into(), partition);
        let partitions: Vec<(Arc<str>, i32)> = partitions.into_iter().map(owned).collect();
        partitions.iter().try_for_each(|(_, partition)| check_partition(*partition))?;
        self.shared.order(|buffer| partitions.iter().for_each(|of| buffer.hold(&of.0, of.1)));
        group.begin(partitions).await
    }

    /// As whom the consumer is known to its group, for offsets that are written in a transaction
    /// (KIP-447). While the group divides its partitions anew, and once the consumer is no member
    /// any more, this is whom it was last, of whom brokers take nothing. Without a generation and a
    /// member if the program assigns the partitions.
    ///
    /// From the first call on only what is [marked](super::Consumer::mark) is committed by itself:
    /// not where reading has begun, which may lie before what a transaction has committed since.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] without a group, and before the consumer was a member of it.
    pub fn group_metadata(&self) -> Result<ConsumerGroupMetadata, Error> {
        let group = self.group()?;
        self.shared.with(|buffer| buffer.is_committed_elsewhere = true);
        let none = ConsumerGroupMetadata::new(&*group.id);
        let member = group.member.borrow();
        let Some(member) = &*member else {
            let problem = "has not taken this consumer in yet: wait until it is given partitions";
            return if group.is_member {
                Err(Error::invalid("group (group.id)", problem))
            } else {
                Ok(none)
            };
        };
        Ok(ConsumerGroupMetadata {
            generation_id: member.generation,
            member_id: member.id.to_string(),
            group_instance_id: member.instance.as_ref().map(ToString::to_string),
            ..none
        })
    }

    /// Says that this record is processed, and all records of its partition before it.
    ///
    /// It is a [`FetchedRecord`], a batch and a record that is borrowed from it, or a topic, a
    /// partition and an offset: see [`RecordPlace`].
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it was not given since the partition was assigned or sought; then
    /// nothing is marked.
    pub fn mark_through<'a>(&self, record: impl Into<RecordPlace<'a>>) -> Result<(), Error> {
        let RecordPlace { topic, partition, offset, generation } = record.into();
        let behind = offset.saturating_add(1);
        if self.shared.mark_before((topic, partition), generation, behind) {
            return Ok(());
        }
        let problem = format!(
            "{offset} of partition {partition} of topic {topic} was not given since the partition \
             was assigned or sought; mark records that came after that"
        );
        Err(Error::invalid("offset", problem))
    }
}

impl Consumer {
    /// What happens to the partitions that this has as the member of a group. Given once, and only
    /// with a group; what has happened before the call is left out.
    ///
    /// From then on they have to be taken, until there are no more: partitions that are to be given
    /// up are held until the event that says so is dropped, and the rebalance waits.
    ///
    /// A task that only hears of them does not know what the one that reads is at work on. Who
    /// keeps something of each partition takes events and batches in one task: see
    /// [`GroupEvent::Revoked`](crate::group::GroupEvent::Revoked), and the example `state`.
    pub fn events(&mut self) -> Option<GroupEvents> {
        self.membership.as_mut()?.hearing.take()
    }

    /// See [`Control::commit`]. What was given is processed by this, as by the next call of
    /// [`next`](Self::next): unless [`auto_mark`](super::ConsumerConfig::auto_mark) is off.
    ///
    /// # Errors
    ///
    /// Those of [`Control::commit`].
    ///
    /// # Cancel safety
    ///
    /// As that of [`Control::commit`].
    pub async fn commit(&mut self) -> Result<(), Error> {
        let given = |buffer: &mut Buffer| buffer.given();
        let given = if self.marks_given { self.shared.with(given) } else { Vec::new() };
        self.control.commit_with(given).await
    }

    /// See [`Control::commit_offsets`].
    ///
    /// # Errors
    ///
    /// Those of [`Control::commit_offsets`].
    ///
    /// # Cancel safety
    ///
    /// As that of [`Control::commit`].
    pub fn commit_offsets(
        &self,
        offsets: impl IntoIterator<Item = GroupOffset>,
    ) -> impl Future<Output = Result<(), Error>> {
        self.control.commit_offsets(offsets)
    }

    /// See [`Control::committed`].
    ///
    /// # Errors
    ///
    /// Those of [`Control::committed`].
    ///
    /// # Cancel safety
    ///
    /// As that of [`Control::committed`].
    pub fn committed<T: Into<Arc<str>>>(
        &self,
        partitions: impl IntoIterator<Item = (T, i32)>,
    ) -> impl Future<Output = Result<Vec<PartitionOutcome<Option<GroupOffset>>>, Error>> {
        self.control.committed(partitions)
    }

    /// See [`Control::mark_through`].
    ///
    /// # Errors
    ///
    /// Those of [`Control::mark_through`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use kurier_client::{Client, Record, Start};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), kurier_client::Error> {
    /// # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 1).build();
    /// # let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await?;
    /// # let producer = client.producer().build().await?;
    /// # producer.send(Record::to("orders").value("v")).await?;
    /// # producer.send(Record::to("orders").value("w")).await?;
    /// let orders = client.consumer().topics(["orders"], Start::Earliest).auto_mark(false);
    /// let mut consumer = orders.start()?;
    /// for one in consumer.poll_records(1, Duration::from_secs(1)).await? {
    ///     consumer.mark_through(&one)?;
    /// }
    /// if let Some(batch) = consumer.next().await.transpose()? {
    ///     for record in batch.records() {
    ///         consumer.mark_through((&batch, &record?))?;
    ///     }
    /// }
    /// assert_eq!(consumer.marked("orders", 0), Some(2));
    /// # Ok(())
    /// # }
    /// ```
    pub fn mark_through<'a>(&self, record: impl Into<RecordPlace<'a>>) -> Result<(), Error> {
        self.control.mark_through(record)
    }
}

/// Where a record is, for [`Consumer::mark_through`].
#[derive(Clone, Copy, Debug)]
pub struct RecordPlace<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    /// In which turn of its partition it was given, if that is known.
    generation: Option<u64>,
}

impl<'a> From<&'a FetchedRecord> for RecordPlace<'a> {
    fn from(one: &'a FetchedRecord) -> Self {
        let generation = Some(one.turn.generation);
        let (partition, offset) = (one.partition, one.record.offset);
        Self { topic: &one.topic, partition, offset, generation }
    }
}

impl<'a> From<(&'a FetchedBatch, &RecordRef<'_>)> for RecordPlace<'a> {
    fn from((batch, record): (&'a FetchedBatch, &RecordRef<'_>)) -> Self {
        let generation = Some(batch.turn.generation);
        let (partition, offset) = (batch.partition, record.offset);
        Self { topic: &batch.topic, partition, offset, generation }
    }
}

/// Topic, partition and offset. Whether that was given before a seek or after it nobody can say:
/// it counts for what was given last.
impl<'a> From<(&'a str, i32, i64)> for RecordPlace<'a> {
    fn from((topic, partition, offset): (&'a str, i32, i64)) -> Self {
        Self { topic, partition, offset, generation: None }
    }
}

impl FetchedBatch {
    /// The offset with which a group goes on once this batch is processed, to be committed with a
    /// text or in a transaction.
    #[must_use]
    pub fn group_offset(&self) -> GroupOffset {
        let mark = self.mark();
        let offset = GroupOffset::new(Arc::clone(&self.topic), self.partition, mark.offset);
        GroupOffset { leader_epoch: mark.leader_epoch, ..offset }
    }
}
