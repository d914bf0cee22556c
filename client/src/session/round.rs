//! `Round`: records that were read, and what is made of them.

use super::ended::Ended;
use super::handle::{Open, Session, Stage};
use crate::consumer::FetchedBatch;
use crate::error::Error;
use crate::producer::{Delivery, Record, RecordMetadata};
use crate::transactional::TransactionSender;

/// Records that were read, and a transaction for what is made of them.
///
/// Partitions that the group wants back are held until the round has its end, for as long as the
/// group waits ([`poll_interval_max`](crate::group::GroupConfig::poll_interval_max)). One that is
/// dropped is aborted by the next [`Session::begin`], or when the session is closed or dropped.
#[derive(Debug)]
#[must_use = "a round that is dropped is aborted: call `end`"]
pub struct Round<'a> {
    session: &'a mut Session,
    sender: TransactionSender,
}

impl Session {
    /// Begins a round, once there is something to read; none when nothing will come any more. A
    /// round before it that was dropped, or whose end was not waited for, comes to its end first:
    /// one whose commit was asked for is committed, or not, and any other is aborted
    /// ([`Round::previous`]).
    ///
    /// # Errors
    ///
    /// Those of [`Consumer::next`](crate::Consumer::next), of
    /// [`TransactionalProducer::begin`](crate::transactional::TransactionalProducer::begin), and
    /// those of [`Round::end`] if a round is left to be ended. After a fatal one
    /// ([`Error::is_fatal`]) the session is over. After any other one, call it again. One that
    /// stops a partition (a position out of range, a log that was cut or made anew, a corrupt
    /// batch, a missing permission) is told once, and the others go on:
    /// [`seek`](Session::seek) sets it going again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what was read for the round is what the next one begins
    /// with, if the partitions are still there.
    pub async fn begin(&mut self) -> Result<Option<Round<'_>>, Error> {
        if self.open.is_some() {
            self.previous = Some(self.finish().await?);
        }
        if !self.beginning.is_empty() && !self.is_whole() {
            self.give_back();
        }
        if self.beginning.is_empty() && !self.read().await? {
            return Ok(None);
        }
        let transaction = self.producer.begin().await?;
        let sender = transaction.sender();
        self.open = Some(Open { transaction, stage: Stage::Working });
        Ok(Some(Round { session: self, sender }))
    }
}

impl Round<'_> {
    /// What was there when the round began: one batch at least. Those of a partition are in order.
    #[must_use]
    pub fn batches(&self) -> &[FetchedBatch] {
        self.session.beginning.batches()
    }

    /// Waits for one more batch, which belongs to the round with those before it. None when nothing
    /// more can come to this round, and it is time to [`end`](Self::end) it: the group wants a
    /// partition back that it has read, or has taken it ([`is_revoked`](Self::is_revoked)), or
    /// nothing will come any more. A partition whose log was cut or made anew counts as taken.
    ///
    /// # Errors
    ///
    /// Those of [`Consumer::next`](crate::Consumer::next).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what was not given comes with the next call.
    pub async fn next(&mut self) -> Option<Result<FetchedBatch, Error>> {
        self.session.read_on().await
    }

    /// Sends a record in the round and waits until it is delivered. It is not visible before the
    /// round is committed.
    ///
    /// # Errors
    ///
    /// As [`Transaction::send`](crate::transactional::Transaction::send). After any of them the
    /// round will not be committed.
    ///
    /// # Cancel safety
    ///
    /// Once the record is buffered it is sent, whether this future is dropped or not.
    pub async fn send(&self, record: Record<'_>) -> Result<RecordMetadata, Error> {
        self.sender.send(record).await
    }

    /// Puts a record into the buffer. What becomes of it [`end`](Self::end) asks: the delivery may
    /// be dropped.
    ///
    /// # Errors
    ///
    /// As [`Transaction::enqueue`](crate::transactional::Transaction::enqueue). After any of them
    /// the round will not be committed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the record was not taken.
    pub async fn enqueue(&self, record: Record<'_>) -> Result<Delivery, Error> {
        self.sender.enqueue(record).await
    }

    /// A handle that sends in this round from anywhere. It may outlive the round, and sends nothing
    /// then. What it sends while [`end`](Self::end) runs is in the round, or fails.
    #[must_use]
    pub fn sender(&self) -> TransactionSender {
        self.sender.clone()
    }

    /// Whether the group wants a partition back that the round has read, or has taken it: time to
    /// [`end`](Self::end), which still commits it if it comes in time.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        !self.session.is_whole()
    }

    /// How the round before this one ended, if nobody was told: it was dropped, or its end was not
    /// waited for.
    #[must_use]
    pub fn previous(&self) -> Option<&Ended> {
        self.session.previous.as_ref()
    }

    /// Waits until every record is delivered, and commits them with the offsets of all that the
    /// round has read, if its partitions are still held. If they are not, or anything was refused,
    /// all of it is aborted, and what was read comes again.
    ///
    /// # Errors
    ///
    /// A fatal one ([`Error::is_fatal`]): another producer has the transactional id, or the
    /// transaction took longer than its timeout; the session is over, and a new one goes on where
    /// the last committed round has ended. Any other one: how the round ends is not known yet, and
    /// the next [`Session::begin`] finds out.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the round is committed or not; the next [`Session::begin`] finds
    /// out, and [`previous`](Self::previous) tells.
    pub async fn end(self) -> Result<Ended, Error> {
        let session = self.session;
        session.previous = None;
        session.end().await
    }

    /// Lets nothing of it become visible. What was read comes again.
    ///
    /// # Errors
    ///
    /// As [`end`](Self::end).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the next [`Session::begin`] aborts it.
    pub async fn abort(self) -> Result<(), Error> {
        let session = self.session;
        session.previous = None;
        session.abort().await.map(drop)
    }
}
