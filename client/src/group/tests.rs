//! Members against a cluster in memory: whatever comes and goes, no partition has two holders, and
//! each goes on where the last one stopped.

mod runner;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kurier_protocol::ApiKey;
use kurier_protocol::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use kurier_testkit::{RecordedRequest, TestCluster};
use tokio::time::sleep;

use self::runner::{Running, World, start};
use super::assignor::Assignor;
use super::config::GroupConfig;
use super::event::Loss;
use crate::cluster::Cluster;
use crate::config::ClientConfig;

const SECOND: Duration = Duration::from_secs(1);

/// A cluster with topics t and u, and what its members do.
struct Stage {
    cluster: TestCluster,
    world: Arc<Mutex<World>>,
    count: usize,
}

impl Stage {
    fn new(release: &str) -> Self {
        let builder = TestCluster::builder().brokers(3).release(release);
        let cluster = builder.topic("t", 6).topic("u", 3).build();
        Self { cluster, world: Arc::default(), count: 0 }
    }

    /// One more member, with these assignors; of the coordinator's choice, if there are none.
    async fn join(&mut self, assignors: &[Assignor], topics: &[&'static str]) -> Running {
        self.count += 1;
        let config = (!assignors.is_empty())
            .then(|| GroupConfig { assignors: assignors.to_vec(), ..GroupConfig::default() });
        // Some programs are slow to give partitions up.
        let work = SECOND * u32::try_from(self.count % 4).unwrap();
        let bootstrap = self.cluster.bootstrap();
        let servers = bootstrap.iter().map(|server| server.parse().unwrap()).collect();
        let seed = u64::try_from(self.count).unwrap();
        let env = self.cluster.env_for(&format!("member-{seed}"), seed);
        let client_id = format!("member-{seed}");
        let client = ClientConfig { client_id, ..ClientConfig::default() };
        let client = Cluster::connect(env, client, servers).await.unwrap();
        start((client, &self.world), (self.count, config), work, topics)
    }

    async fn join_many(
        &mut self,
        count: usize,
        assignors: &[Assignor],
        topics: &[&'static str],
    ) -> Vec<Running> {
        let mut members = Vec::new();
        for _ in 0..count {
            members.push(self.join(assignors, topics).await);
        }
        members
    }

    /// After a while, each partition of these topics has a holder, and nothing went wrong.
    async fn settles(&self, partition_count: usize, holder_count: usize) {
        sleep(60 * SECOND).await;
        self.is_settled(partition_count, holder_count);
    }

    fn is_settled(&self, partition_count: usize, holder_count: usize) {
        let world = self.world.lock().unwrap();
        assert_eq!(world.faults, [] as [String; 0]);
        assert_eq!(world.holders.len(), partition_count, "{:?}", world.holders);
        let holders: BTreeSet<&usize> = world.holders.values().collect();
        assert_eq!(holders.len(), holder_count, "{:?}", world.holders);
    }

    /// The client of the member that holds nothing.
    fn idle(&self) -> String {
        let world = self.world.lock().unwrap();
        let mut members = 1..=self.count;
        let idle = members.find(|member| !world.holders.values().any(|holder| holder == member));
        format!("member-{}", idle.unwrap())
    }

    /// Gives a topic so many partitions.
    async fn grow(&self, topic: &str, count: i32) {
        let mut peer = self.cluster.connect(1).await.unwrap();
        let topic = CreatePartitionsTopic { name: topic.into(), count, assignments: None };
        let request = CreatePartitionsRequest {
            topics: vec![topic],
            timeout_ms: 1_000,
            ..Default::default()
        };
        let answer = peer.call(3, &request).await.unwrap();
        assert!(answer.results.iter().all(|of| of.error_code.is_ok()), "{answer:?}");
    }

    fn lost(&self) -> Vec<Loss> {
        self.world.lock().unwrap().lost.clone()
    }
}

/// Members come, go and read other topics.
async fn come_and_go(stage: &mut Stage, kinds: [&[Assignor]; 3]) {
    let first = stage.join(kinds[0], &["t"]).await;
    stage.settles(6, 1).await;
    let second = stage.join(kinds[1], &["t"]).await;
    stage.settles(6, 2).await;
    let third = stage.join(kinds[2], &["t", "u"]).await;
    stage.settles(9, 3).await;
    first.read(&["u"]);
    stage.settles(9, 3).await;
    // Two at once, while the group divides.
    let fourth = stage.join(kinds[0], &["t", "u"]).await;
    sleep(2 * SECOND).await;
    second.close().await;
    stage.settles(9, 3).await;
    first.close().await;
    third.close().await;
    stage.settles(9, 1).await;
    fourth.close().await;
    assert!(stage.world.lock().unwrap().holders.is_empty());
    assert_eq!(stage.lost(), []);
}

#[tokio::test(start_paused = true)]
async fn members_share_the_partitions_with_brokers_of_every_time() {
    for release in ["0.10.0", "0.10.2", "1.1", "2.3", "2.8", "3.9", "4.4"] {
        let mut stage = Stage::new(release);
        let range: &[Assignor] = &[Assignor::Range];
        come_and_go(&mut stage, [range; 3]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn members_share_the_partitions_with_every_assignor() {
    for assignor in [Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky] {
        let mut stage = Stage::new("3.9");
        let kind = std::slice::from_ref(&assignor);
        come_and_go(&mut stage, [kind; 3]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn members_share_the_partitions_that_the_coordinator_divides() {
    for release in ["4.0", "4.4"] {
        let mut stage = Stage::new(release);
        come_and_go(&mut stage, [&[]; 3]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn members_that_cooperate_and_members_that_do_not_share_the_partitions() {
    let cooperative: &[Assignor] = &[Assignor::CooperativeSticky];
    let both: &[Assignor] = &[Assignor::Range, Assignor::CooperativeSticky];
    for kinds in [[cooperative, both, both], [both, cooperative, cooperative]] {
        let mut stage = Stage::new("3.9");
        come_and_go(&mut stage, kinds).await;
    }
}

/// GRP-03: from range to cooperative-sticky and back, one member after the other.
#[tokio::test(start_paused = true)]
async fn a_group_changes_its_protocol_while_it_works() {
    let range: &[Assignor] = &[Assignor::Range];
    let both: &[Assignor] = &[Assignor::CooperativeSticky, Assignor::Range];
    let cooperative: &[Assignor] = &[Assignor::CooperativeSticky];
    let mut stage = Stage::new("2.8");
    let mut members = stage.join_many(3, range, &["t", "u"]).await;
    stage.settles(9, 3).await;
    for kind in [both, cooperative, both, range] {
        for _ in 0..3 {
            members.remove(0).close().await;
            sleep(SECOND).await;
            members.push(stage.join(kind, &["t", "u"]).await);
            stage.settles(9, 3).await;
        }
    }
    assert_eq!(stage.lost(), []);
}

/// GRP-06.
#[tokio::test(start_paused = true)]
async fn a_member_without_partitions_is_used_when_there_is_work() {
    for kind in [&[Assignor::CooperativeSticky][..], &[]] {
        let mut stage = Stage::new("4.4");
        let members = stage.join_many(4, kind, &["u", "v"]).await;
        stage.settles(3, 3).await;
        let idle = stage.idle();
        let before = stage.world.lock().unwrap().rebalances;
        let from = stage.cluster.requests().len();
        sleep(600 * SECOND).await;
        assert_eq!(stage.world.lock().unwrap().rebalances, before, "they are at rest");
        let requests = stage.cluster.requests();
        let mut counts: BTreeMap<ApiKey, usize> = BTreeMap::new();
        let own = |of: &&RecordedRequest| of.client_id.as_deref() == Some(&*idle);
        for request in requests.iter().skip(from).filter(own) {
            *counts.entry(request.api).or_default() += 1;
        }
        // Java asks every three seconds, the coordinator of KIP-848 every five.
        let (beat, count) = match kind {
            [] => (ApiKey::CONSUMER_GROUP_HEARTBEAT, 120),
            _ => (ApiKey::HEARTBEAT, 200),
        };
        let beats = counts.remove(&beat).unwrap_or_default();
        assert!((count - 1..=count + 1).contains(&beats), "{kind:?}: {beats} heartbeats");
        let looks = counts.remove(&ApiKey::METADATA).unwrap_or_default();
        assert!(looks <= 3, "{kind:?}: {looks} looks at the topics, one each five minutes");
        assert_eq!(counts, BTreeMap::new(), "{kind:?}: and nothing else");
        // A topic comes that they read already, and another one grows.
        stage.cluster.create_topic("v", 1);
        sleep(600 * SECOND).await;
        stage.settles(4, 4).await;
        stage.grow("u", 7).await;
        sleep(600 * SECOND).await;
        stage.settles(8, 4).await;
        for member in members {
            member.close().await;
        }
    }
}

/// Rows 16 and 53 of the fault matrix, as far as a member is concerned.
#[tokio::test(start_paused = true)]
async fn a_coordinator_that_moves_costs_no_partition() {
    for kind in [&[Assignor::Range][..], &[Assignor::CooperativeSticky], &[]] {
        let mut stage = Stage::new("4.4");
        let _members = stage.join_many(3, kind, &["t", "u"]).await;
        stage.settles(9, 3).await;
        for broker in [1, 2, 3] {
            stage.cluster.kill_broker(broker);
            sleep(20 * SECOND).await;
            stage.cluster.restart_broker(broker);
            stage.settles(9, 3).await;
        }
        assert_eq!(stage.lost(), []);
    }
}

/// Row 60 of the fault matrix: members of both protocols in one group, as brokers allow it.
#[tokio::test(start_paused = true)]
async fn a_group_moves_to_the_other_protocol_and_back_while_it_works() {
    let classic: &[Assignor] = &[Assignor::CooperativeSticky];
    let mut stage = Stage::new("4.4");
    let mut members = stage.join_many(3, classic, &["t", "u"]).await;
    stage.settles(9, 3).await;
    for kind in [&[][..], classic] {
        for _ in 0..3 {
            members.remove(0).close().await;
            sleep(SECOND).await;
            members.push(stage.join(kind, &["t", "u"]).await);
            stage.settles(9, 3).await;
        }
    }
    assert_eq!(stage.lost(), []);
}

/// GRP-11, row 54.
#[tokio::test(start_paused = true)]
async fn a_program_that_works_for_too_long_loses_its_partitions_and_comes_back_for_others() {
    for kind in [&[Assignor::Range][..], &[Assignor::CooperativeSticky], &[]] {
        let mut stage = Stage::new("4.4");
        let members = stage.join_many(3, kind, &["t", "u"]).await;
        stage.settles(9, 3).await;
        members[0].work(290 * SECOND);
        sleep(240 * SECOND).await;
        stage.settles(9, 3).await;
        assert_eq!(stage.lost(), [], "it was at work for no longer than it may");
        members[0].work(500 * SECOND);
        sleep(300 * SECOND).await;
        stage.settles(9, 2).await;
        assert_eq!(stage.lost(), [Loss::Overdue]);
        sleep(140 * SECOND).await;
        stage.settles(9, 3).await;
    }
}

/// GRP-12, row 53: nobody hears of a member for ten minutes, and nor does it.
#[tokio::test(start_paused = true)]
async fn a_member_that_was_cut_off_has_lost_its_partitions_and_is_back_within_a_session() {
    for kind in [&[Assignor::Range][..], &[Assignor::CooperativeSticky], &[]] {
        let mut stage = Stage::new("4.4");
        let _members = stage.join_many(3, kind, &["t", "u"]).await;
        stage.settles(9, 3).await;
        stage.world.lock().unwrap().unheard.insert(1);
        let network = stage.cluster.network().client("member-1");
        network.partition();
        sleep(540 * SECOND).await;
        stage.settles(9, 2).await;
        assert_eq!(stage.lost(), [], "it does not know");
        network.heal();
        sleep(GroupConfig::default().session_timeout).await;
        let is_lost = |loss: &Loss| matches!(loss, Loss::Forgotten | Loss::LeftBehind);
        assert!(stage.lost().iter().all(is_lost) && stage.lost().len() == 1, "{:?}", stage.lost());
        stage.world.lock().unwrap().unheard.clear();
        stage.is_settled(9, 3);
        stage.settles(9, 3).await;
    }
}

/// Row 52: a storm of members, by many seeds; brokers fail meanwhile.
#[tokio::test(start_paused = true)]
async fn whatever_comes_and_goes_no_partition_has_two_holders() {
    let kinds: [&[Assignor]; 5] = [
        &[Assignor::Range],
        &[Assignor::CooperativeSticky],
        &[Assignor::CooperativeSticky, Assignor::Range],
        &[Assignor::Sticky, Assignor::Range],
        &[],
    ];
    let seeds = std::env::var("KURIER_SEEDS").map_or(30, |text| text.parse().unwrap());
    for seed in 0..seeds {
        println!("seed {seed}");
        let mut dice = Dice(seed);
        let mut stage = Stage::new("4.4");
        let mut has_killed = false;
        // Members of one group agree on something.
        let kinds =
            [&kinds[..1], &kinds[1..2], &kinds[2..3], &kinds[3..4], &kinds[4..], &kinds[1..3]]
                [dice.below(6)];
        let mut members = Vec::new();
        for _ in 0..30 {
            match dice.below(6) {
                0..=2 if members.len() < 6 => {
                    let topics: &[&str] = [&["t"][..], &["u"], &["t", "u"]][dice.below(3)];
                    let topics: &[&'static str] =
                        if members.is_empty() { &["t", "u"] } else { topics };
                    members.push(stage.join(kinds[dice.below(kinds.len())], topics).await);
                }
                3 if members.len() > 1 => {
                    members.remove(1 + dice.below(members.len() - 1)).close().await
                }
                4 if members.len() > 1 => {
                    members[1 + dice.below(members.len() - 1)].read(&["u", "t"]);
                }
                5 if dice.below(4) == 0 => {
                    let broker = 1 + i32::try_from(dice.below(3)).unwrap();
                    has_killed = true;
                    stage.cluster.kill_broker(broker);
                    sleep(SECOND * u32::try_from(dice.below(10)).unwrap()).await;
                    stage.cluster.restart_broker(broker);
                }
                _ => {}
            }
            sleep(Duration::from_millis(u64::try_from(dice.below(4_000)).unwrap())).await;
        }
        sleep(60 * SECOND).await;
        let count = stage.world.lock().unwrap().holders.values().collect::<BTreeSet<_>>().len();
        stage.settles(9, count).await;
        // A coordinator may forget a generation that it had no time to write down.
        assert!(has_killed || stage.lost().is_empty(), "{:?}", stage.lost());
    }
}

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % count
    }
}
