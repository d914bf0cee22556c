//! Brokers move to other addresses, and to each other's.

use super::cluster::{ALL, Way};
use super::trial::trial;
use crate::kurier::Kurier;
use crate::real_broker::RealBroker;
use crate::real_brokers::{each_since, same_lines};

// Rows 9 and 10 of the fault matrix at a real cluster.

#[test]
fn brokers_that_move_one_by_one_are_found() {
    trial("each broker at another port, one by one", Way::Plain, |cluster, traffic, topic| {
        for id in ALL {
            let before = cluster.plain(id);
            cluster.halt(&[id]);
            cluster.relocate(id, None);
            cluster.restart(&[id]);
            assert_ne!(cluster.plain(id), before);
            cluster.wait_for_replicas(topic);
            cluster.elect_preferred(topic);
            traffic.flows("a broker is at another port");
        }
    });
}

#[test]
fn brokers_that_change_places_are_told_apart() {
    trial("two brokers at each other's address", Way::Plain, |cluster, traffic, topic| {
        let (one, two) = (cluster.plain(1).port(), cluster.plain(2).port());
        cluster.halt(&[1, 2]);
        cluster.relocate(1, Some(two));
        cluster.relocate(2, Some(one));
        cluster.restart(&[1, 2]);
        cluster.wait_for_replicas(topic);
        cluster.elect_preferred(topic);
        traffic.flows("two brokers have changed places");
    });
}

/// All brokers come back elsewhere while nobody can be asked: what a client knows is of no use but
/// for the servers that it was given (KIP-899).
#[test]
fn a_client_that_knows_no_broker_any_more_begins_again() {
    trial("all brokers at other ports at once", Way::Door, |cluster, traffic, _| {
        cluster.kill(&ALL);
        ALL.iter().for_each(|id| cluster.relocate(*id, None));
        cluster.restart(&ALL);
        traffic.flows("all brokers are at other ports");
    });
}

#[test]
fn a_listener_of_ipv6_is_reached_by_its_address() {
    each_since("4.4", "a listener at [::1]", |release| {
        let broker = RealBroker::start_with(release, &["--ipv6"]);
        let address = broker.value("V6");
        assert!(address.starts_with("[::1]:"), "{address}");
        let kurier = Kurier::to(address);
        kurier.create_topic("t", 3);
        let lines: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        kurier.produce("t", &["-p", "0"], lines.clone());
        same_lines(&kurier.consume("t", &[]), lines.as_bytes());
    });
}
