//! What a test sees: requests counted and judged, and records as readers get them.

use std::time::Duration;

use kurier_protocol::api::fetch::AbortedTransaction;
use kurier_protocol::record::{AbortedTransactions, DecompressLimits, Fate, Record, RecordBatch};

use crate::cluster::TestCluster;
use crate::doctored;
use crate::fault::{Requests, Seen};
use crate::isolation::Isolation;
use crate::limits::DECOMPRESSED_BYTES_MAX;
use crate::recorder::{Counters, RecordedRequest, busiest, listed};
use crate::shared::Core;

/// Requests.
impl TestCluster {
    /// How many connections, requests and bytes there have been in all.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.with(|core, _| core.recorder.counters().clone())
    }

    /// The requests of one kind that the brokers got, oldest first, as far as they are remembered.
    /// How many turns were set does not matter here; a fetch in a session counts for the partitions
    /// that it names itself.
    ///
    /// ```
    /// use kurier_protocol::ApiKey;
    /// use kurier_testkit::{Requests, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// let mut peer = cluster.connect(1).await?;
    /// for partition in [0, 1, 1] {
    ///     assert!(peer.produce("t", partition, "x").await?.is_ok());
    /// }
    /// let requests = Requests::of(ApiKey::PRODUCE).topic("t").partition(1);
    /// assert_eq!(cluster.requests_of(&requests).len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn requests_of(&self, requests: &Requests) -> Vec<RecordedRequest> {
        self.shared.with(|core, _| {
            let Core { state, recorder, .. } = core;
            let found = recorder.requests().filter(|request| {
                requests.contain(&Seen {
                    api: request.api,
                    broker: request.broker,
                    connection: request.connection,
                    client_id: request.client_id.as_deref().unwrap_or_default(),
                    names: &|| doctored::own_names((request.api, request.version), &request.body),
                    topics: state,
                })
            });
            found.cloned().collect()
        })
    }

    /// Completes when the brokers have got so many requests of one kind, those before included, as
    /// far as they are remembered.
    ///
    /// # Panics
    ///
    /// Fewer requests are remembered than that ([`requests_kept`]).
    ///
    /// [`requests_kept`]: crate::Builder::requests_kept
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait_for_requests(&self, requests: &Requests, count: usize) {
        let kept_max = self.shared.with(|core, _| core.recorder.kept_max());
        assert!(count <= kept_max, "{count} requests are waited for, and {kept_max} are kept");
        loop {
            // Registered before the count, so that no request between it and the wait is missed.
            let mut recorded = std::pin::pin!(self.shared.recorded());
            recorded.as_mut().enable();
            if self.requests_of(requests).len() >= count {
                return;
            }
            recorded.await;
        }
    }

    /// Asserts that there was no stretch of this length with more than `count` requests of one
    /// kind: that nobody tries again and again without a pause.
    ///
    /// # Panics
    ///
    /// There was one. The message lists the requests of the busiest stretch.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use kurier_protocol::ApiKey;
    /// use kurier_testkit::{Requests, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 1).build();
    /// let mut peer = cluster.connect(1).await?;
    /// for _ in 0..3 {
    ///     assert!(peer.produce("t", 0, "x").await?.is_ok());
    ///     tokio::time::sleep(Duration::from_secs(1)).await;
    /// }
    /// cluster.assert_at_most(1, &Requests::of(ApiKey::PRODUCE), Duration::from_secs(1));
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn assert_at_most(&self, count: usize, requests: &Requests, within: Duration) {
        let all = self.requests_of(requests);
        let busiest = busiest(&all, within);
        assert!(
            busiest.len() <= count,
            "{} requests within {within:?}, and {count} are allowed:{}",
            busiest.len(),
            listed(busiest)
        );
    }
}

/// Records.
impl TestCluster {
    /// Everything that the log of a partition holds from its start on, in order: records of open
    /// and aborted transactions too, the markers that end them, and what is above the high
    /// watermark. What consumers are given of it is [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// There is no such partition.
    #[must_use]
    pub fn stored_records(&self, topic: &str, partition: i32) -> Vec<Record> {
        let start = self.log_start(topic, partition);
        let batches = self.batches(topic, partition);
        batches.iter().flat_map(opened).filter(|record| start <= record.offset).collect()
    }

    /// The records of a partition as a reader gets them: markers are left out.
    ///
    /// # Panics
    ///
    /// There is no such partition.
    ///
    /// ```
    /// use kurier_testkit::{Isolation, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 1).build();
    /// assert_eq!(cluster.connect(1).await?.produce("t", 0, "x").await?, Ok(0));
    /// let records = cluster.read("t", 0, Isolation::Committed);
    /// assert_eq!(records[0].value(), Some(&b"x"[..]));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn read(&self, topic: &str, partition: i32, isolation: Isolation) -> Vec<Record> {
        let (batches, start, end, aborted) = self.at(topic, partition, |found| {
            let batches = found.log.batches().map(|stored| stored.batch.clone());
            let (start, end) = (found.log.start(), found.readable(isolation));
            let aborted = found.producers.aborted(start, end).map(|one| AbortedTransaction {
                producer_id: one.producer_id,
                first_offset: one.first_offset,
            });
            (batches.collect::<Vec<RecordBatch>>(), start, end, aborted.collect::<Vec<_>>())
        });
        let listed = if isolation == Isolation::Committed { aborted } else { Vec::new() };
        let mut transactions = AbortedTransactions::new(&listed);
        let mut records = Vec::new();
        for batch in batches.iter().filter(|batch| batch.base_offset() < end) {
            let fate = transactions.fate(batch).expect("a marker that the cluster has written");
            if fate == Fate::Committed {
                records.extend(opened(batch).filter(|one| start <= one.offset));
            }
        }
        records
    }
}

/// All records of a stored batch.
fn opened(batch: &RecordBatch) -> impl Iterator<Item = Record> {
    let limits =
        DecompressLimits { bytes_max: DECOMPRESSED_BYTES_MAX, ..DecompressLimits::default() };
    let opened = batch.open(&limits).expect("what was stored was checked before");
    let all = opened.records().map(|record| opened.to_owned(&record.expect("a checked record")));
    all.collect::<Vec<_>>().into_iter()
}
