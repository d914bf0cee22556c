//! A cluster and a producer of transactions, and what is asked of them again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use kurier_client::offsets::Isolation;
use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::transactional::{Transaction, TransactionalProducer};
use kurier_client::transactions::{ConsumerGroupMetadata, GroupOffset, TransactionVersion};
use kurier_client::{Client, Error};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::sleep;

use crate::world::{RELEASES, World};

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
/// The coordinator of the transactions, that of the group, and the leader of the partitions.
pub(super) const COORDINATOR: i32 = 1;
pub(super) const GROUP_COORDINATOR: i32 = 2;
pub(super) const LEADER: i32 = 3;

pub(super) struct Scene {
    pub(super) world: World,
    pub(super) version: TransactionVersion,
    pub(super) producer: TransactionalProducer,
}

/// Plays a scenario on brokers with each kind of transactions that can raise an epoch.
pub(super) async fn each(scenario: impl AsyncFn(&Scene)) {
    each_with(config(), scenario).await;
}

pub(super) fn config() -> ProducerConfig {
    ProducerConfig { block_max: 20 * SECOND, linger: MS, ..ProducerConfig::default() }
}

pub(super) async fn each_with(config: ProducerConfig, scenario: impl AsyncFn(&Scene)) {
    for (release, version) in RELEASES.into_iter().skip(1) {
        let world = World::new(release).await;
        world.cluster.move_coordinator("a", COORDINATOR);
        world.cluster.move_coordinator("g", GROUP_COORDINATOR);
        (0..2).for_each(|index| world.cluster.move_leader("t", index, LEADER));
        let builder = world.client.transactional_producer("a").config(config.clone());
        let producer = builder.build().await.unwrap();
        let scene = Scene { world, version, producer };
        scenario(&scene).await;
        no_storm(&scene.world.cluster);
    }
}

/// The same request is never sent so often that a broker would notice.
pub(super) fn no_storm(cluster: &TestCluster) {
    let mut sent: BTreeMap<_, Vec<Duration>> = BTreeMap::new();
    for request in cluster.requests() {
        let of = (request.api.0, request.broker, request.body);
        sent.entry(of).or_default().push(request.at);
    }
    for ((api, broker, _), times) in sent {
        let most = times.windows(SAME_A_SECOND + 1);
        let is_storm = |some: &[Duration]| some[SAME_A_SECOND] - some[0] < SECOND;
        assert!(!{ most }.any(is_storm), "api {api} to broker {broker}: {times:?}");
    }
}

/// So often the same may be sent to a broker within a second: waits begin with 20 ms and double.
const SAME_A_SECOND: usize = 8;

impl Scene {
    pub(super) fn is_v1(&self) -> bool {
        self.version == TransactionVersion::V1
    }

    pub(super) fn cluster(&self) -> &TestCluster {
        &self.world.cluster
    }

    pub(super) fn client(&self) -> &Client {
        &self.world.client
    }

    /// The next requests of this API are answered so, one after the other.
    pub(super) fn answer(&self, api: ApiKey, codes: impl IntoIterator<Item = ErrorCode>) {
        drop(self.cluster().fault(Fault::on(api).answer_in_turn(codes)));
    }

    pub(super) fn slow(&self, api: ApiKey, by: Duration) {
        drop(self.cluster().fault(Fault::on(api).delay_answer(by)));
    }

    pub(super) async fn begin(&self) -> Transaction {
        self.producer.begin().await.unwrap()
    }

    pub(super) fn count(&self, api: ApiKey) -> usize {
        self.cluster().requests().iter().filter(|request| request.api == api).count()
    }

    /// What readers of committed records get of both partitions, sorted.
    pub(super) async fn committed(&self) -> Vec<String> {
        sleep(2 * SECOND).await;
        let mut all = self.world.committed(0);
        all.extend(self.world.committed(1));
        all.sort();
        all
    }

    pub(super) async fn group_offset(&self) -> Option<i64> {
        let isolation = Isolation::ReadCommitted;
        let found = self.world.steps.committed_offsets("g", isolation, [("t", 0)]).await;
        found.into_iter().next().unwrap().outcome.unwrap().map(|found| found.offset)
    }

    /// A transaction can be written and committed, and nothing but it has become visible.
    pub(super) async fn goes_on(&self, before: &[&str]) {
        let mut next = self.begin().await;
        next.send(record(0, "next")).await.unwrap();
        offsets(&next, 77).await.unwrap();
        next.commit().await.unwrap();
        let mut wanted = before.to_vec();
        wanted.push("next");
        assert_eq!(self.committed().await, wanted);
        assert_eq!(self.group_offset().await, Some(77));
    }

    /// The producer is over, and nothing of it is visible; another one can take its id over.
    pub(super) async fn is_over(&self, transaction: Transaction) {
        drop(transaction);
        let error = self.producer.begin().await.unwrap_err();
        assert!(error.is_fatal(), "{error}");
        let next = self.client().transactional_producer("a").config(config()).build().await;
        let mut next = next.unwrap().begin().await.unwrap();
        next.send(record(0, "next")).await.unwrap();
        next.commit().await.unwrap();
        assert_eq!(self.committed().await, ["next"]);
    }
}

pub(super) fn record(partition: i32, value: &str) -> Record<'_> {
    Record::to("t").partition(partition).value(value)
}

pub(super) async fn offsets(to: &Transaction, offset: i64) -> Result<(), Error> {
    to.send_offsets(ConsumerGroupMetadata::new("g"), [GroupOffset::new("t", 0, offset)]).await
}

/// It asks for an abort, and says of which code.
pub(super) fn asks_for_abort(outcome: Result<(), Error>, code: ErrorCode) {
    let error = outcome.unwrap_err();
    assert!(error.requires_abort() && !error.is_fatal(), "{error}");
    assert!(!error.maybe_written() && error.code() == Some(code), "{error}");
}
