//! InitProducerId: the right to write under a transactional id.

use std::time::Duration;

use kurier_protocol::api::init_producer_id::InitProducerIdRequest;

use super::attempt::{decide, decide_once};
use super::handle::Transactions;
use super::identity::ProducerIdAndEpoch;
use crate::error::Error;

impl Transactions {
    /// Takes over a transactional id: whoever had it is shut out, and a transaction of its that is
    /// open is aborted, which this waits for. The coordinator aborts transactions of the id that
    /// are open for longer than `timeout` (`transaction.timeout.ms`; brokers allow 15 minutes
    /// unless `transaction.max.timeout.ms` says otherwise).
    ///
    /// With `known`, only the next epoch of a producer is asked for, which is refused if another
    /// one has taken over meanwhile (KIP-360, Kafka 2.5).
    ///
    /// # Errors
    ///
    /// Fatal ones: another producer has taken over (PRODUCER_FENCED, INVALID_PRODUCER_EPOCH), or
    /// the timeout is not allowed. [`Error::Unsupported`] before Kafka 0.11, or 2.5 with `known`.
    /// [`Error::maybe_written`] says that the id may have been taken over: ask again.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the id may be taken over or not; the next call finds out.
    pub async fn init_producer_id(
        &self,
        transactional_id: &str,
        timeout: Duration,
        known: Option<ProducerIdAndEpoch>,
    ) -> Result<ProducerIdAndEpoch, Error> {
        let request = request(transactional_id, timeout, known);
        let versions = 0..=i16::MAX;
        let make = move |_| request.clone();
        let (_, response) =
            decide(&self.cluster, transactional_id, versions, make, |r| r.error_code).await?;
        Ok(ProducerIdAndEpoch { id: response.producer_id, epoch: response.producer_epoch })
    }

    /// Asks once for the next epoch of a producer. What passes is an error too: the attempt may
    /// have raised the epoch, to abort what is open.
    pub(crate) async fn raise_epoch(
        &self,
        transactional_id: &str,
        timeout: Duration,
        known: ProducerIdAndEpoch,
    ) -> Result<ProducerIdAndEpoch, Error> {
        let request = request(transactional_id, timeout, Some(known));
        let (versions, make) = (0..=i16::MAX, move |_| request);
        let (_, response) =
            decide_once(&self.cluster, transactional_id, versions, make, |r| r.error_code).await?;
        Ok(ProducerIdAndEpoch { id: response.producer_id, epoch: response.producer_epoch })
    }
}

fn request(
    transactional_id: &str,
    timeout: Duration,
    known: Option<ProducerIdAndEpoch>,
) -> InitProducerIdRequest {
    let known = known.unwrap_or(ProducerIdAndEpoch { id: -1, epoch: -1 });
    InitProducerIdRequest {
        transactional_id: Some(transactional_id.into()),
        transaction_timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
        producer_id: known.id,
        producer_epoch: known.epoch,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use kurier_protocol::{Message, encode};

    use super::*;

    #[test]
    fn every_version_can_be_asked_and_the_epoch_goes_up_where_there_is_one() {
        let known = ProducerIdAndEpoch { id: 7, epoch: 3 };
        for version in InitProducerIdRequest::VERSIONS {
            encode(&request("a", Duration::from_secs(60), None), version).unwrap();
            let next = request("a", Duration::from_secs(60), Some(known));
            assert_eq!(encode(&next, version).is_ok(), version >= 3, "version {version}");
        }
    }
}
