//! Faults, and what else a test does to brokers, leaders, coordinators, topics and releases.

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;

use kurier_protocol::ApiKey;
use kurier_protocol::release::Release;

use crate::cluster::TestCluster;
use crate::fault::Fault;
use crate::peer::Peer;
use crate::planted::PlantedFault;
use crate::state::ListenerId;

/// Faults.
impl TestCluster {
    /// Lets something go wrong with requests or connections that come from now on. What is given
    /// back counts how often, and takes the fault back.
    pub fn fault(&self, fault: Fault) -> PlantedFault {
        let number = self.shared.with(|core, _| core.script.push(fault));
        PlantedFault::new(Arc::clone(&self.shared), number)
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.shared.with(|core, _| core.script.clear());
    }

    /// A connection in memory to a broker, for single requests. Its part of the network is called
    /// `peer`.
    ///
    /// # Errors
    ///
    /// There is no such broker, or it takes no connection.
    pub async fn connect(&self, broker: i32) -> io::Result<Peer> {
        let release = self.look(|state| state.spoken(broker).release);
        let address = self.look(|state| state.address(broker, ListenerId::MEMORY).cloned());
        let address = address.ok_or(io::ErrorKind::NotFound)?;
        let env = self.env_for("peer", 0);
        let found = env.net().resolve(&address.host, address.port).await?;
        let to = *found.first().ok_or(io::ErrorKind::NotFound)?;
        Ok(Peer::new(env.net().connect(to).await?, release))
    }
}

/// Brokers.
impl TestCluster {
    /// Stops a broker's process as a signal does: connections are still made and taken, and
    /// nothing is read or answered, until it is resumed. It fetches nothing, so that producers with
    /// `acks=all` wait for it elsewhere. After
    /// [`broker_session_timeout`](crate::Builder::broker_session_timeout) the controller fences it:
    /// what it leads and coordinates moves to others, and it is not in sync any more. Until then
    /// it goes on leading, as far as the cluster knows.
    ///
    /// # Panics
    ///
    /// There is no such broker.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use kurier_testkit::TestCluster;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 1).build();
    /// cluster.pause_broker(1);
    /// let mut peer = cluster.connect(1).await?;
    /// let write = peer.produce("t", 0, "x");
    /// let (answer, ()) = tokio::join!(write, async {
    ///     tokio::time::sleep(Duration::from_secs(5)).await;
    ///     assert_eq!(cluster.high_watermark("t", 0), 0);
    ///     cluster.resume_broker(1);
    /// });
    /// assert_eq!(answer?, Ok(0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn pause_broker(&self, broker: i32) {
        let is_there = self.shared.with(|core, now| core.state.pause(broker, now.instant));
        self.shared.set_paused(broker, true);
        assert!(is_there, "there is no broker {broker}");
    }

    /// Lets a paused broker go on where it was. It catches up at once, and counts as in sync; what
    /// others lead by now they go on leading.
    ///
    /// # Panics
    ///
    /// There is no such broker.
    pub fn resume_broker(&self, broker: i32) {
        let is_there = self.shared.with(|core, now| core.state.resume(broker, now.instant));
        self.shared.set_paused(broker, false);
        assert!(is_there, "there is no broker {broker}");
    }

    /// Makes a broker another release, up or down: it is started anew, and speaks the versions of
    /// that release. The features and the log format are the cluster's and stay, as they do until
    /// an upgrade is finalized; [`set_release`](Self::set_release) changes them.
    ///
    /// # Panics
    ///
    /// There is no such broker or release.
    ///
    /// ```
    /// use kurier_protocol::ApiKey;
    /// use kurier_protocol::api::api_versions::ApiVersionsRequest;
    /// use kurier_testkit::TestCluster;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().brokers(2).release("3.9").build();
    /// cluster.set_broker_release(2, "2.0");
    /// let answer = cluster.connect(2).await?.call(0, &ApiVersionsRequest::default()).await?;
    /// let fetch = answer.api_keys.iter().find(|api| api.api_key == ApiKey::FETCH);
    /// assert_eq!(fetch.map(|api| api.max_version), Some(8));
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_broker_release(&self, broker: i32, release: &str) {
        let release = parsed(release);
        let is_there = self.shared.with(|core, _| {
            core.state.sessions(broker).clear();
            core.state.set_spoken(broker, |spoken| spoken.release = release)
        });
        assert!(is_there, "there is no broker {broker}");
        self.shared.end_life(broker, None);
    }

    /// Makes the whole cluster another release: all brokers are started anew, and from now on the
    /// cluster has the features of that release and writes its log format.
    ///
    /// # Panics
    ///
    /// There is no such release.
    pub fn set_release(&self, release: &str) {
        let brokers: Vec<i32> = self.look(|state| state.broker_ids().collect());
        for broker in brokers {
            self.set_broker_release(broker, release);
        }
        self.shared.with(|core, _| core.state.finalize_release(parsed(release)));
    }

    /// Leaves a broker no other versions of one API than these, or takes the API from it (`None`).
    /// It says so in ApiVersions, and closes connections that ask for others. None that its release
    /// lacks are added. [`Builder::versions`](crate::Builder::versions) does so from the start.
    ///
    /// # Panics
    ///
    /// There is no such broker.
    ///
    /// ```
    /// use kurier_protocol::ApiKey;
    /// use kurier_protocol::api::api_versions::ApiVersionsRequest;
    /// use kurier_protocol::api::metadata::MetadataRequest;
    /// use kurier_testkit::TestCluster;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().build();
    /// cluster.set_versions(1, ApiKey::METADATA, Some(0..=4));
    /// cluster.set_versions(1, ApiKey::INIT_PRODUCER_ID, None);
    /// let mut peer = cluster.connect(1).await?;
    /// let answer = peer.call(0, &ApiVersionsRequest::default()).await?;
    /// assert!(!answer.api_keys.iter().any(|api| api.api_key == ApiKey::INIT_PRODUCER_ID));
    /// assert!(peer.call(4, &MetadataRequest::default()).await.is_ok());
    /// assert!(peer.call(5, &MetadataRequest::default()).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_versions(&self, broker: i32, api: ApiKey, versions: Option<RangeInclusive<i16>>) {
        let is_there = self
            .shared
            .with(|core, _| core.state.set_spoken(broker, |spoken| spoken.narrow(api, versions)));
        assert!(is_there, "there is no broker {broker}");
    }
}

/// Coordinators, transactions, topics.
impl TestCluster {
    /// The broker that coordinates a group or a transactional id, if one runs.
    #[must_use]
    pub fn coordinator(&self, key: &str) -> Option<i32> {
        self.look(|state| state.coordinator(key))
    }

    /// Makes another broker the coordinator of a group or transactional id, for as long as it
    /// runs. Members are told by the next answer.
    ///
    /// # Panics
    ///
    /// There is no such broker, or it does not run.
    ///
    /// ```
    /// let cluster = kurier_testkit::TestCluster::builder().brokers(3).build();
    /// for broker in 1..=3 {
    ///     cluster.move_coordinator("group", broker);
    ///     assert_eq!(cluster.coordinator("group"), Some(broker));
    /// }
    /// cluster.kill_broker(3);
    /// assert_ne!(cluster.coordinator("group"), Some(3));
    /// ```
    pub fn move_coordinator(&self, key: &str, broker: i32) {
        let runs =
            self.shared.with(|core, now| core.state.move_coordinator(key, broker, now.instant));
        assert!(runs, "broker {broker} does not run");
    }

    /// Holds back the markers that end transactions, in all partitions and groups, until they are
    /// released: the transactions stay decided but open, and their ids answer
    /// `CONCURRENT_TRANSACTIONS`.
    pub fn hold_markers(&self) {
        self.shared.with(|core, _| core.state.transactions.hold(None));
    }

    /// Holds back the markers of one partition alone: elsewhere a transaction has ended already.
    pub fn hold_markers_of(&self, topic: &str, partition: i32) {
        let partition = (topic.into(), partition);
        self.shared.with(|core, _| core.state.transactions.hold(Some(partition)));
    }

    /// Writes the markers that were held back, and holds back none any more.
    pub fn release_markers(&self) {
        self.shared.with(|core, now| {
            core.state.transactions.release(now.instant);
            core.state.advance(now);
            core.state.push_change();
        });
    }

    /// Deletes a topic and creates it again, empty and with so many partitions. Where the release
    /// has topic ids it has another one.
    ///
    /// # Panics
    ///
    /// There is no such topic, or it cannot be created.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = kurier_testkit::TestCluster::builder().topic("t", 2).build();
    /// let before = cluster.topic_id("t");
    /// assert_eq!(cluster.connect(1).await?.produce("t", 0, "x").await?, Ok(0));
    /// cluster.recreate_topic("t", 1);
    /// assert_ne!(cluster.topic_id("t"), before);
    /// assert_eq!((cluster.partition_count("t"), cluster.high_watermark("t", 0)), (Some(1), 0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn recreate_topic(&self, name: &str, partitions: i32) {
        self.delete_topic(name);
        self.create_topic(name, partitions);
    }
}

#[track_caller]
fn parsed(release: &str) -> Release {
    release.parse().unwrap_or_else(|error| panic!("{release:?}: {error}"))
}
