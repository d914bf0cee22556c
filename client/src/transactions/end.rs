//! EndTxn: commits or aborts a transaction.

use std::ops::RangeInclusive;

use kurier_protocol::api::end_txn::EndTxnRequest;
use tokio::time::Instant;

use super::attempt::decide;
use super::handle::Transactions;
use super::identity::{BegunTransaction, ProducerIdAndEpoch, TransactionEnd, TransactionVersion};
use crate::error::Error;
use crate::features::{TRANSACTION_VERSION, features};
use crate::routing::Target;

impl Transactions {
    /// Commits or aborts a transaction that this or another process has begun, and gives the
    /// producer id and epoch of the next one.
    ///
    /// It is asked for in the version that follows from how it was begun. The same again is
    /// answered with the same, as long as nothing else happened to the id. It never is asked for in
    /// version 5 while the cluster's `transaction.version` is 0: brokers that have it all the same
    /// would refuse the id to everybody until they are started anew. So the level is asked for
    /// first where the transaction was begun by version 2.
    ///
    /// # Errors
    ///
    /// A broker's code says that this request has ended nothing. What an earlier one did it does
    /// not say: PRODUCER_FENCED and INVALID_TXN_STATE may stand for a transaction that was
    /// committed long ago, or aborted as it took too long. After [`Error::maybe_written`] ask
    /// again, for the same end; and where the transaction was begun by version 1, take the id over
    /// ([`init_producer_id`](Self::init_producer_id)) before its next transaction, or a late commit
    /// may commit that one (KAFKA-17754).
    ///
    /// Brokers 4.3.1 and 4.4.0 leave out partitions that have no leader in this moment
    /// (KAFKA-20734). Their records are neither committed nor aborted then, although this succeeds:
    /// see [`producers`](Self::producers) and [`write_marker`](Self::write_marker).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the transaction may have ended or not: ask again for the same end.
    pub async fn end(
        &self,
        transaction: &BegunTransaction,
        end: TransactionEnd,
    ) -> Result<ProducerIdAndEpoch, Error> {
        let level = match transaction.version {
            TransactionVersion::V1 => None,
            TransactionVersion::V2 => self.level(&transaction.transactional_id).await?,
        };
        self.end_at(transaction, end, level).await
    }

    /// The same where the level of `transaction.version` is this now.
    pub(crate) async fn end_at(
        &self,
        transaction: &BegunTransaction,
        end: TransactionEnd,
        level: Option<i16>,
    ) -> Result<ProducerIdAndEpoch, Error> {
        let (id, producer) = (&transaction.transactional_id, transaction.producer);
        let request = EndTxnRequest {
            transactional_id: id.as_str().into(),
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            committed: end == TransactionEnd::Commit,
        };
        let versions = versions(transaction.version, level);
        let make = move |_| request.clone();
        let (_, response) = decide(&self.cluster, id, versions, make, |r| r.error_code).await?;
        match response.producer_id {
            ..0 => Ok(producer),
            id => Ok(ProducerIdAndEpoch { id, epoch: response.producer_epoch }),
        }
    }

    /// The level of `transaction.version`, as the coordinator of the id knows it now.
    pub(crate) async fn level(&self, id: &str) -> Result<Option<i16>, Error> {
        let deadline = Instant::now() + self.cluster.request_timeout();
        let target = Target::TransactionalId(id.to_owned());
        let ranges = features(&self.cluster, &target, deadline).await?;
        Ok(ranges.feature(TRANSACTION_VERSION))
    }
}

/// In which versions a transaction is ended that was begun by these rules, where the level of
/// `transaction.version` is this now.
pub(crate) fn versions(begun: TransactionVersion, level: Option<i16>) -> RangeInclusive<i16> {
    match (begun, level) {
        (TransactionVersion::V2, Some(1..)) => 5..=5,
        (TransactionVersion::V2, _) | (TransactionVersion::V1, _) => 0..=4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_follows_from_the_begin_and_is_never_5_at_level_0() {
        use TransactionVersion::{V1, V2};
        let rows = [
            (V1, None, 0..=4),
            (V1, Some(1), 0..=4),
            (V1, Some(2), 0..=4),
            (V2, Some(2), 5..=5),
            (V2, Some(1), 5..=5),
            (V2, Some(0), 0..=4),
            (V2, None, 0..=4),
        ];
        for (begun, level, wanted) in rows {
            assert_eq!(versions(begun, level), wanted, "{begun:?} at {level:?}");
        }
    }
}
