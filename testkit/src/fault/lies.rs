//! Core: what can be untrue in answers, or missing; each with an example.

use super::action::{Action, Twist};
use super::requests::{Fault, Requests};

impl Requests {
    /// Answers name this broker as the leader: Metadata, and where an answer refuses a partition
    /// and says who leads it now (KIP-951).
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_protocol::api::metadata::MetadataRequest;
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().brokers(3).topic("t", 2).build();
    /// cluster.fault(Fault::any().topic("t").partition(0).always().claim_leader(3));
    /// let all = MetadataRequest { topics: None, ..Default::default() };
    /// let answer = cluster.connect(1).await?.call(12, &all).await?;
    /// assert_eq!(answer.topics[0].partitions[0].leader_id, 3);
    /// assert_eq!(cluster.leader("t", 0), Some(1));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn claim_leader(self, broker: i32) -> Fault {
        self.meet(Action::Twist(Twist::ClaimLeader(broker)))
    }

    /// Answers name this leader epoch: Metadata, ListOffsets, and where an answer refuses a
    /// partition and says who leads it now (KIP-951).
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_protocol::api::metadata::MetadataRequest;
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().brokers(3).topic("t", 2).build();
    /// cluster.fault(Fault::on(ApiKey::METADATA).topic("t").always().claim_leader_epoch(7));
    /// let all = MetadataRequest { topics: None, ..Default::default() };
    /// let answer = cluster.connect(1).await?.call(12, &all).await?;
    /// assert_eq!(answer.topics[0].partitions[1].leader_epoch, 7);
    /// assert_eq!(cluster.leader_epoch("t", 1), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn claim_leader_epoch(self, epoch: i32) -> Fault {
        self.meet(Action::Twist(Twist::ClaimLeaderEpoch(epoch)))
    }

    /// Answers to FindCoordinator name this broker.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().brokers(3).topic("t", 2).build();
    /// use kurier_protocol::api::find_coordinator::FindCoordinatorRequest;
    ///
    /// let wrong = cluster.coordinator("g").unwrap() % 3 + 1;
    /// cluster.fault(Fault::on(ApiKey::FIND_COORDINATOR).claim_coordinator(wrong));
    /// let request = FindCoordinatorRequest { key: "g".into(), ..Default::default() };
    /// assert_eq!(cluster.connect(1).await?.call(3, &request).await?.node_id, wrong);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn claim_coordinator(self, broker: i32) -> Fault {
        self.meet(Action::Twist(Twist::ClaimCoordinator(broker)))
    }

    /// Answers to Metadata and DescribeCluster name this broker as the controller.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_protocol::api::metadata::MetadataRequest;
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().brokers(3).topic("t", 2).build();
    /// cluster.fault(Fault::on(ApiKey::METADATA).claim_controller(3));
    /// let answer = cluster.connect(1).await?.call(12, &MetadataRequest::default()).await?;
    /// assert_eq!(answer.controller_id, 3);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn claim_controller(self, broker: i32) -> Fault {
        self.meet(Action::Twist(Twist::ClaimController(broker)))
    }

    /// Answers that say where brokers listen name this address for one of them: Metadata,
    /// DescribeCluster, FindCoordinator, and hints to new leaders.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_protocol::api::metadata::MetadataRequest;
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().brokers(3).topic("t", 2).build();
    /// // Two brokers at the same place.
    /// cluster.fault(Fault::any().always().claim_address(2, "broker-1", 9092));
    /// let answer = cluster.connect(1).await?.call(12, &MetadataRequest::default()).await?;
    /// assert_eq!(answer.brokers[1].host, answer.brokers[0].host);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn claim_address(self, broker: i32, host: &str, port: u16) -> Fault {
        self.meet(Action::Twist(Twist::ClaimAddress(broker, host.into(), port)))
    }

    /// The answer has this correlation id, as if it were one to another request.
    ///
    /// ```
    /// # use kurier_protocol::ApiKey;
    /// # use kurier_protocol::api::metadata::MetadataRequest;
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().build();
    /// cluster.fault(Fault::on(ApiKey::METADATA).claim_correlation_id(77));
    /// let mut peer = cluster.connect(1).await?;
    /// peer.send(9, &MetadataRequest::default()).await?;
    /// assert_eq!(peer.receive::<MetadataRequest>(9).await?.0, 77);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn claim_correlation_id(self, correlation_id: i32) -> Fault {
        self.meet(Action::Twist(Twist::ClaimCorrelationId(correlation_id)))
    }

    /// The answer's frame begins with this length, whatever its own is.
    ///
    /// ```
    /// # use kurier_protocol::ApiKey;
    /// # use kurier_protocol::api::metadata::MetadataRequest;
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().build();
    /// cluster.fault(Fault::on(ApiKey::METADATA).claim_length(-1));
    /// let mut peer = cluster.connect(1).await?;
    /// assert!(peer.call(9, &MetadataRequest::default()).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn claim_length(self, bytes: i32) -> Fault {
        self.meet(Action::Twist(Twist::ClaimLength(bytes)))
    }

    /// The topic or partition that was named is missing in the answer.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_protocol::api::metadata::MetadataRequest;
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().brokers(3).topic("t", 2).build();
    /// cluster.fault(Fault::on(ApiKey::METADATA).topic("t").partition(0).hide());
    /// let mut peer = cluster.connect(1).await?;
    /// let all = MetadataRequest { topics: None, ..Default::default() };
    /// let answer = peer.call(12, &all).await?;
    /// assert_eq!(answer.topics[0].partitions.len(), 1);
    /// cluster.fault(Fault::on(ApiKey::METADATA).topic("t").hide());
    /// assert!(peer.call(12, &all).await?.topics.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn hide(self) -> Fault {
        self.meet(Action::Twist(Twist::Hide))
    }

    /// This broker is missing in the lists of brokers that Metadata and DescribeCluster answer.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_protocol::api::metadata::MetadataRequest;
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().brokers(3).topic("t", 2).build();
    /// cluster.fault(Fault::on(ApiKey::METADATA).hide_broker(2));
    /// let answer = cluster.connect(1).await?.call(12, &MetadataRequest::default()).await?;
    /// assert_eq!(answer.brokers.iter().map(|b| b.node_id).collect::<Vec<_>>(), [1, 3]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn hide_broker(self, broker: i32) -> Fault {
        self.meet(Action::Twist(Twist::HideBroker(broker)))
    }

    /// Answers to fetches tell of the aborted transactions backwards, of each twice, and of two
    /// that there never were. Nobody has to show other records for it.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_protocol::api::fetch::FetchRequest;
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 1).build();
    /// cluster.fault(Fault::on(ApiKey::FETCH).topic("t").disorder_aborted());
    /// let mut peer = cluster.connect(1).await?;
    /// let partition = FetchPartition { partition_max_bytes: 1000, ..Default::default() };
    /// let partitions = vec![partition];
    /// let topic = FetchTopic { topic: "t".into(), partitions, ..Default::default() };
    /// let request =
    ///     FetchRequest { isolation_level: 1, topics: vec![topic], ..Default::default() };
    /// let answer = peer.call(4, &request).await?;
    /// let told = answer.responses[0].partitions[0].aborted_transactions.as_ref();
    /// assert_eq!(told.map(Vec::len), Some(2));
    /// # use kurier_protocol::api::fetch::{FetchPartition, FetchTopic};
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn disorder_aborted(self) -> Fault {
        self.meet(Action::Twist(Twist::DisorderAborted))
    }
}
