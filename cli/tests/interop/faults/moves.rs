//! Leaders are killed and moved while records flow, release by release.

use kurier_testkit::history::{Check, Invariant};

use super::cluster::{Cluster, Kept, Way};
use super::shared::PARTITIONS;
use super::traffic::Traffic;
use super::trial::{account, judge_by};
use crate::real_brokers::{each, say};

const TOPIC: &str = "moves";

#[test]
fn leaders_that_are_killed_and_moved_lose_nothing_in_any_release() {
    each("a leader killed and moved", |release| {
        // Controllers of KRaft need a majority without the one that is killed.
        let nodes: u8 = if release.at_least("3.3") { 3 } else { 2 };
        let mut cluster = Cluster::of(release, usize::from(nodes), &[]);
        let kept = Kept { replicas: nodes.into(), in_sync_min: i16::from(nodes) - 1 };
        cluster.create_topic(TOPIC, PARTITIONS, kept);
        let traffic = Traffic::start(&cluster.servers(Way::Plain), TOPIC);
        traffic.flows("before anything happens");
        let leaders = cluster.leaders(TOPIC);
        let leader = leaders[0];
        cluster.kill(&[leader]);
        traffic.flows("a leader is killed");
        cluster.restart(&[leader]);
        cluster.wait_for_replicas(TOPIC);
        assert_ne!(cluster.leaders(TOPIC)[0], leader);
        traffic.flows("it follows");
        cluster.give_back(TOPIC, &leaders);
        traffic.flows("it leads again");
        let seen = traffic.finish();
        // Before 0.11 nothing says that a batch was sent before.
        let check = match release.at_least("0.11") {
            true => Check::new(),
            false => Check::new().without(Invariant::J4),
        };
        judge_by(&check, &seen);
        say(&format!("Kafka {release}, a leader killed and moved: {}", account(&seen)));
    });
}
