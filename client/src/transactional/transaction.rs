//! `Transaction`: records and offsets that become visible together, or not at all.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::keeper::{Behind, Command, Refusal};
use crate::error::{Error, TransactionFate};
use crate::metrics::{ProducerMeter, Wait};
use crate::producer::{Delivery, Producer, Record, RecordMetadata};
use crate::transactions::{ConsumerGroupMetadata, GroupOffset, TransactionEnd};

/// A transaction: whatever is sent in it becomes visible to readers of committed records with
/// [`commit`](Self::commit), or never.
///
/// One that is dropped before its end was asked for is aborted. If it is dropped after, the next
/// [`begin`](super::TransactionalProducer::begin) finds out how it ended, and
/// [`previous`](Self::previous) tells.
#[derive(Debug)]
pub struct Transaction {
    pub(super) sender: TransactionSender,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) previous: Option<TransactionEnd>,
    pub(super) id: Arc<str>,
    pub(super) meter: ProducerMeter,
    /// There is one transaction at a time. It is the next one's when this one has ended.
    pub(super) turn: Option<OwnedSemaphorePermit>,
    /// How it ended, once that was told.
    pub(super) ended: Option<TransactionEnd>,
}

impl Transaction {
    /// Sends a record in the transaction and waits until it is delivered. It is not visible before
    /// the commit.
    ///
    /// # Errors
    ///
    /// As [`Producer::send`]. After any of them the transaction can only be aborted.
    ///
    /// # Cancel safety
    ///
    /// Once the record is buffered it is sent, whether this future is dropped or not.
    pub async fn send(&self, record: Record<'_>) -> Result<RecordMetadata, Error> {
        self.sender.send(record).await
    }

    /// Puts a record into the buffer, as [`Producer::enqueue`] does.
    ///
    /// # Errors
    ///
    /// As [`Producer::enqueue`]. Once a record was not taken or not delivered, the transaction can
    /// only be aborted; all later deliveries say so ([`Error::requires_abort`]), or the commit. The
    /// error of the record itself may answer that with no: after any, call [`abort`](Self::abort)
    /// unless it is fatal.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the record was not taken.
    pub async fn enqueue(&self, record: Record<'_>) -> Result<Delivery, Error> {
        self.sender.enqueue(record).await
    }

    /// Waits until each record that was taken so far has its outcome.
    ///
    /// # Errors
    ///
    /// Why one of them was not delivered.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        self.sender.producer.flush().await
    }

    /// A handle that sends in this transaction from anywhere. It may outlive the transaction, and
    /// sends nothing then.
    #[must_use]
    pub fn sender(&self) -> TransactionSender {
        self.sender.clone()
    }

    /// Gives the transaction offsets of a group, which are committed if it is (KIP-447). Offsets
    /// are those of the next records to read. Nobody but the owner of the partitions may send
    /// their offsets: brokers check the member, not who owns what.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for an empty group or a negative offset, which change nothing. The member
    /// is not one of the group any more, rights miss, or the coordinator cannot be reached: after
    /// any of these the transaction can only be aborted, also if the error itself does not answer
    /// [`Error::requires_abort`] with yes: call [`abort`](Self::abort) unless it is fatal.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the offsets are sent nevertheless; abort the transaction unless
    /// it should have them.
    pub async fn send_offsets(
        &self,
        group: ConsumerGroupMetadata,
        offsets: impl IntoIterator<Item = GroupOffset>,
    ) -> Result<(), Error> {
        self.give_offsets(group, offsets.into_iter().collect(), Behind::Dooms).await
    }

    /// The same for a sender that looks for its later generation, and sends them once more, if the
    /// coordinator says that there is one: [`means_left_behind`](crate::error::means_left_behind).
    pub(crate) async fn offer_offsets(
        &self,
        group: ConsumerGroupMetadata,
        offsets: Vec<GroupOffset>,
    ) -> Result<(), Error> {
        self.give_offsets(group, offsets, Behind::IsTold).await
    }

    async fn give_offsets(
        &self,
        group: ConsumerGroupMetadata,
        offsets: Vec<GroupOffset>,
        behind: Behind,
    ) -> Result<(), Error> {
        let _waits = self.meter.wait(Wait::Offsets);
        if group.group_id.is_empty() {
            return Err(Error::invalid("group.id", "name the group whose offsets they are"));
        }
        if let Some(GroupOffset { topic, partition, offset, .. }) =
            offsets.iter().find(|one| one.offset < 0)
        {
            let problem = format!("{offset} of partition {partition} of topic {topic} is none");
            return Err(Error::invalid("offset", problem));
        }
        self.tell(|reply| Command::Offsets(group, offsets, behind, reply)).await
    }

    /// Sends what is buffered, waits until every record is delivered, and commits. An empty
    /// transaction is no request. Called again it tells the same.
    ///
    /// # Errors
    ///
    /// * One that asks for an abort ([`Error::requires_abort`]): a record or a step has failed, and
    ///   nothing of it will be visible.
    /// * One that is [`maybe_written`](Error::maybe_written) and retriable: call it again to hear
    ///   the outcome.
    /// * A fatal one: another producer has taken over, the transaction took too long, or
    ///   [`Error::Transaction`] says that nobody can tell, or what of the commit is missing. The
    ///   next [`begin`](super::TransactionalProducer::begin) says the same.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the commit goes on; call it again to hear the outcome.
    pub async fn commit(&mut self) -> Result<(), Error> {
        let _waits = self.meter.wait(Wait::Commit);
        self.end(TransactionEnd::Commit).await
    }

    /// Lets what is not yet sent fail, waits until nothing is under way, and aborts. Called again
    /// it tells the same.
    ///
    /// # Errors
    ///
    /// [`Error::Transaction`] if a commit that was asked for before has happened. A retriable one:
    /// it is not known to be aborted yet; call it again, or drop it. A fatal one: another producer
    /// has taken over, which aborts it as well, or it took too long.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the abort goes on; call it again to hear the outcome.
    pub async fn abort(&mut self) -> Result<(), Error> {
        let _waits = self.meter.wait(Wait::Abort);
        self.end(TransactionEnd::Abort).await
    }

    /// How the transaction before this one ended, if it was dropped before anybody heard of that;
    /// none if somebody did.
    #[must_use]
    pub fn previous(&self) -> Option<TransactionEnd> {
        self.previous
    }

    async fn end(&mut self, wanted: TransactionEnd) -> Result<(), Error> {
        if self.ended.is_none() {
            self.tell(|reply| Command::End(wanted, reply)).await.or_else(|error| match error {
                Error::Transaction { fate: TransactionFate::Committed, .. } => {
                    self.ended = Some(TransactionEnd::Commit);
                    Ok(())
                }
                Error::Transaction { fate: TransactionFate::Aborted, .. } => {
                    self.ended = Some(TransactionEnd::Abort);
                    Ok(())
                }
                error => {
                    if error.is_fatal() {
                        // The next one is told the same.
                        self.turn = None;
                    }
                    Err(error)
                }
            })?;
            self.turn = None;
        }
        let ended = *self.ended.get_or_insert(wanted);
        if ended == wanted {
            return Ok(());
        }
        let fate = match ended {
            TransactionEnd::Commit => TransactionFate::Committed,
            TransactionEnd::Abort => TransactionFate::Aborted,
        };
        Err(self.error(fate))
    }

    async fn tell(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), Error>>) -> Command,
    ) -> Result<(), Error> {
        let (reply, told) = oneshot::channel();
        let command = command(reply);
        // The commit goes on or does not when nobody is there any more to tell.
        let lost = match &command {
            Command::End(TransactionEnd::Commit, _) => self.error(TransactionFate::Unknown),
            _ => Error::Closed { what: "producer" },
        };
        let closed = |_| Error::Closed { what: "producer" };
        self.commands.send(command).await.map_err(closed)?;
        told.await.map_err(|_| lost)?
    }

    fn error(&self, fate: TransactionFate) -> Error {
        Error::Transaction { transactional_id: (&*self.id).into(), fate, cause: None }
    }
}

/// Sends records in one transaction. Cloning shares it.
#[derive(Clone, Debug)]
pub struct TransactionSender {
    pub(super) producer: Producer,
    pub(super) refusal: Refusal,
}

impl TransactionSender {
    /// See [`Transaction::send`].
    ///
    /// # Errors
    ///
    /// As [`Transaction::send`]; [`Error::Closed`] once the end of the transaction was asked for.
    ///
    /// # Cancel safety
    ///
    /// Once the record is buffered it is sent, whether this future is dropped or not.
    pub async fn send(&self, record: Record<'_>) -> Result<RecordMetadata, Error> {
        self.enqueue(record).await?.await
    }

    /// See [`Transaction::enqueue`].
    ///
    /// # Errors
    ///
    /// As [`Transaction::enqueue`]; [`Error::Closed`] once the end of the transaction was asked
    /// for.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the record was not taken.
    pub async fn enqueue(&self, record: Record<'_>) -> Result<Delivery, Error> {
        self.producer.enqueue(record).await.inspect_err(|error| {
            // What comes after the end was asked for is not of this transaction any more. Of the
            // others the first one is what the commit tells.
            if !matches!(error, Error::Closed { .. }) {
                drop(self.refusal.set(error.clone()));
            }
        })
    }
}
