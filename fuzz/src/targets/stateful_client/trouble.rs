//! Makes the troubles of a script happen, and heals them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kurier_protocol::ApiKey;
use kurier_protocol::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use kurier_testkit::net::{Blocked, Connects, Side, Way};
use kurier_testkit::{Fault, PlantedFault};
use tokio::time::timeout;

use super::script::Trouble;
use super::world::{FRAGILE, PARTITIONS_MAX, STABLE, World};

/// What is wrong at the moment.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    down: BTreeSet<i32>,
    frozen: BTreeSet<i32>,
    /// What happens to requests of each API, one at a time.
    fates: BTreeMap<ApiKey, PlantedFault>,
}

impl Troubles {
    /// Lets something go wrong.
    pub(super) async fn happen(&mut self, world: &World, trouble: Trouble) {
        if trouble.loses() {
            world.lose();
        }
        match trouble {
            Trouble::Kill(_)
            | Trouble::Restart
            | Trouble::Freeze(_)
            | Trouble::Thaw
            | Trouble::Drop(_) => self.power(world, trouble),
            Trouble::Reset(_)
            | Trouble::HalfOpen(_)
            | Trouble::Block(..)
            | Trouble::Refuse(_)
            | Trouble::Heal
            | Trouble::Slow(_) => disturb(world, trouble),
            Trouble::Connect(how) => {
                let fault = match how % 3 {
                    0 => Fault::on_connect().refuse(),
                    1 => Fault::on_connect().close(),
                    _ => Fault::on_connect().hang(),
                };
                drop(world.cluster.fault(fault));
            }
            Trouble::Request { api, times, partition, mishap } => {
                let mut requests = Fault::on(api).times(times);
                if let Some(partition) = partition {
                    requests = requests.topic(STABLE).partition(partition);
                }
                if mishap.is_fate()
                    && let Some(last) = self.fates.remove(&api)
                {
                    last.remove();
                }
                let planted = world.cluster.fault(mishap.of(requests));
                if mishap.is_fate() {
                    self.fates.insert(api, planted);
                }
            }
            Trouble::MoveCoordinator { of_group, broker } => {
                let broker = clamp(world, broker);
                if self.runs(broker) {
                    world.cluster.move_coordinator(if of_group { "g" } else { "id" }, broker);
                }
            }
            Trouble::MoveLeader { .. }
            | Trouble::HoldFollower(..)
            | Trouble::ReleaseFollowers(_)
            | Trouble::Elect(..) => self.change_replicas(world, trouble),
            Trouble::HoldMarkers => world.cluster.hold_markers(),
            Trouble::ReleaseMarkers => world.cluster.release_markers(),
            Trouble::Grow => self.grow(world).await,
            // It needs as many brokers as it has replicas; and without ids nobody can tell it from
            // the old one, whose leader epochs are later.
            Trouble::Recreate
                if self.down.is_empty()
                    && self.frozen.is_empty()
                    && world.setup.has_topic_ids() =>
            {
                world.recreate();
            }
            Trouble::Recreate => {}
            Trouble::Upgrade if world.setup.has_topic_ids() => world.cluster.set_release("4.4"),
            // Topics that have none do not get any, and newer clients need them.
            Trouble::Upgrade => {}
        }
    }

    /// Everything works again.
    pub(super) fn heal(&mut self, world: &World) {
        let cluster = &world.cluster;
        cluster.clear_faults();
        cluster.network().calm();
        cluster.release_markers();
        for broker in 1..=world.setup.brokers {
            cluster.restart_broker(broker);
        }
        for index in 0..cluster.partition_count(FRAGILE).unwrap_or(0) {
            cluster.release_high_watermark(FRAGILE, index);
        }
        *self = Self::default();
    }

    fn runs(&self, broker: i32) -> bool {
        !self.down.contains(&broker) && !self.frozen.contains(&broker)
    }

    /// Whether a broker may stop. The newest ones end transactions without partitions that have no
    /// leader (KAFKA-20734), and tear them so.
    fn may_stop(&self, world: &World, broker: i32) -> bool {
        let tears = world.setup.has_transactional && world.setup.has_topic_ids();
        let broker = clamp(world, broker);
        !tears || (1..=world.setup.brokers).any(|other| other != broker && self.runs(other))
    }

    fn power(&mut self, world: &World, trouble: Trouble) {
        let cluster = &world.cluster;
        match trouble {
            // What a frozen broker has not fetched must not be all that there is.
            Trouble::Kill(broker) if self.frozen.is_empty() && self.may_stop(world, broker) => {
                let broker = clamp(world, broker);
                self.down.insert(broker);
                cluster.kill_broker(broker);
            }
            Trouble::Restart => {
                for broker in std::mem::take(&mut self.down) {
                    cluster.restart_broker(broker);
                }
            }
            Trouble::Freeze(broker)
                if self.down.is_empty()
                    && self.frozen.is_empty()
                    && self.may_stop(world, broker) =>
            {
                let broker = clamp(world, broker);
                self.frozen.insert(broker);
                cluster.pause_broker(broker);
            }
            Trouble::Thaw => {
                for broker in std::mem::take(&mut self.frozen) {
                    cluster.resume_broker(broker);
                }
            }
            Trouble::Drop(broker) => cluster.drop_connections(clamp(world, broker)),
            _ => {}
        }
    }

    fn change_replicas(&self, world: &World, trouble: Trouble) {
        let cluster = &world.cluster;
        let is_in_sync = |topic: &str, partition, broker| {
            self.runs(broker) && cluster.in_sync(topic, partition).contains(&broker)
        };
        match trouble {
            Trouble::MoveLeader { is_fragile, partition, broker } => {
                let topic = if is_fragile { FRAGILE } else { STABLE };
                let (partition, broker) = (world.partition(topic, partition), clamp(world, broker));
                let has_leader = cluster.leader(topic, partition).is_some();
                if has_leader && is_in_sync(topic, partition, broker) {
                    cluster.move_leader(topic, partition, broker);
                }
            }
            Trouble::HoldFollower(partition, broker) => {
                let (partition, broker) =
                    (world.partition(FRAGILE, partition), clamp(world, broker));
                // Who waits for the leader alone may lose what it has confirmed.
                if world.setup.waits_for_all()
                    && is_in_sync(FRAGILE, partition, broker)
                    && cluster.leader(FRAGILE, partition).is_some_and(|leader| leader != broker)
                {
                    cluster.hold_follower(FRAGILE, partition, broker);
                }
            }
            Trouble::ReleaseFollowers(partition) => {
                cluster.release_high_watermark(FRAGILE, world.partition(FRAGILE, partition));
            }
            Trouble::Elect(partition, broker) => {
                let (partition, broker) =
                    (world.partition(FRAGILE, partition), clamp(world, broker));
                let has_leader = cluster.leader(FRAGILE, partition).is_some();
                if has_leader && is_in_sync(FRAGILE, partition, broker) {
                    cluster.elect_uncleanly(FRAGILE, partition, broker);
                }
            }
            _ => {}
        }
    }

    /// The fragile topic has one partition more.
    async fn grow(&self, world: &World) {
        let count = world.cluster.partition_count(FRAGILE).unwrap_or(PARTITIONS_MAX) + 1;
        if count > PARTITIONS_MAX {
            return;
        }
        let topic = CreatePartitionsTopic { name: FRAGILE.into(), count, ..Default::default() };
        let request =
            CreatePartitionsRequest { topics: vec![topic], timeout_ms: 1000, ..Default::default() };
        for broker in (1..=world.setup.brokers).filter(|broker| self.runs(*broker)) {
            let call = async {
                let mut peer = world.cluster.connect(broker).await?;
                peer.call(0, &request).await
            };
            // Who is no controller refuses; who is out of reach does not answer.
            let _ = timeout(Duration::from_secs(1), call).await;
            if world.cluster.partition_count(FRAGILE) == Some(count) {
                return;
            }
        }
    }
}

impl Trouble {
    /// Whether an answer may get lost, or a request come late.
    fn loses(self) -> bool {
        match self {
            Self::Request { mishap, .. } => mishap.loses(),
            Self::Restart
            | Self::Thaw
            | Self::Heal
            | Self::MoveLeader { .. }
            | Self::MoveCoordinator { .. }
            | Self::ReleaseFollowers(_)
            | Self::HoldMarkers
            | Self::ReleaseMarkers
            | Self::Grow => false,
            _ => true,
        }
    }
}

fn disturb(world: &World, trouble: Trouble) {
    let network = world.cluster.network();
    match trouble {
        Trouble::Reset(broker) => network.broker(clamp(world, broker)).reset(),
        Trouble::HalfOpen(broker) => {
            network.broker(clamp(world, broker)).half_open(Side::Broker);
        }
        Trouble::Block(broker, how) => {
            let way = [Way::Both, Way::ToBroker, Way::ToClient];
            let way = way.get(usize::from(how % 3)).copied().unwrap_or(Way::Both);
            let blocked = if how & 0x10 == 0 { Blocked::Held } else { Blocked::Lost };
            network.broker(clamp(world, broker)).block(way, blocked);
        }
        Trouble::Refuse(broker) => {
            network.broker(clamp(world, broker)).connects(Connects::Refused);
        }
        Trouble::Heal => network.heal(),
        Trouble::Slow(latency) => network.latency(latency),
        _ => {}
    }
}

/// The broker that stands for one of a script, which may not be there.
fn clamp(world: &World, broker: i32) -> i32 {
    (broker - 1) % world.setup.brokers + 1
}
