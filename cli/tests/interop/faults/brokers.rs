//! Brokers stop, are killed, stand still, and come back; leaders move.

use std::thread::sleep;
use std::time::Duration;

use super::cluster::{ALL, Way};
use super::trial::trial;

// Rows 7, 11, 14 and 16 of the fault matrix at a real cluster.

#[test]
fn brokers_that_are_restarted_one_by_one_lose_nothing() {
    trial(
        "each broker halted and started again, leaders elected back",
        Way::Plain,
        |cluster, traffic, topic| {
            for id in ALL {
                cluster.halt(&[id]);
                traffic.flows("one broker is halted");
                cluster.restart(&[id]);
                cluster.wait_for_replicas(topic);
                cluster.elect_preferred(topic);
                traffic.flows("leaders are where they were");
                let leaders = cluster.leaders(topic);
                assert!(leaders.contains(&id), "{leaders:?}");
            }
        },
    );
}

#[test]
fn a_killed_broker_loses_nothing() {
    trial("a broker killed", Way::Plain, |cluster, traffic, topic| {
        let leader = cluster.leaders(topic)[0];
        cluster.kill(&[leader]);
        traffic.flows("a broker is killed");
    });
}

#[test]
fn a_broker_that_stands_still_is_left() {
    trial("a broker that stands still", Way::Plain, |cluster, traffic, topic| {
        let leader = cluster.leaders(topic)[0];
        cluster.pause(&[leader]);
        traffic.flows("a broker stands still");
        cluster.resume(&[leader]);
        cluster.wait_for_replicas(topic);
        cluster.elect_preferred(topic);
        traffic.flows("it goes on");
    });
}

#[test]
fn all_brokers_killed_and_started_again_lose_nothing() {
    trial("all brokers killed and started again", Way::Plain, |cluster, traffic, _| {
        cluster.kill(&ALL);
        // Longer than requests and dialling take.
        sleep(Duration::from_secs(6));
        cluster.restart(&ALL);
        traffic.flows("all brokers run again");
    });
}
