//! What lies between clients and brokers is slow, cuts, is silent or refuses.

use std::time::Duration;

use super::cluster::{ALL, Cluster, Way};
use super::shared::{PARTITIONS, REQUEST_TIMEOUT};
use super::traffic::Traffic;
use super::trial::trial;
use crate::proxy::{Cut, End, Flow, Lane, Weather};

// Rows 1 to 6, 8, 11 and 12 of the fault matrix at a real cluster.

/// In front of each broker, one after the other, and then of all.
fn everywhere(cluster: &Cluster, traffic: &Traffic, weather: &Weather) {
    for id in ALL {
        cluster.proxy(id).set(weather.clone());
        wait_for_faults();
        cluster.proxy(id).set(Weather::default());
        traffic.flows(&format!("broker {id} had {weather:?}"));
    }
    ALL.iter().for_each(|id| cluster.proxy(*id).set(weather.clone()));
    wait_for_faults();
    ALL.iter().for_each(|id| cluster.proxy(*id).set(Weather::default()));
    traffic.flows(&format!("all brokers had {weather:?}"));
}

fn wait_for_faults() {
    std::thread::sleep(REQUEST_TIMEOUT / 2);
}

#[test]
fn slow_wires_and_split_writes_only_take_time() {
    trial("slow wires, bytes in pieces", Way::Proxied, |cluster, traffic, _| {
        let ms = Duration::from_millis;
        let lane = Lane {
            latency: ms(0)..=ms(3),
            piece_bytes_max: Some(200),
            bytes_per_second: Some(200_000),
            ..Lane::default()
        };
        ALL.iter().for_each(|id| cluster.proxy(*id).set(Weather::both(lane.clone())));
        for _ in 0..10 {
            traffic.flows("wires are slow");
        }
    });
}

#[test]
fn wires_that_are_cut_anywhere_lose_nothing() {
    trial("wires cut at any byte", Way::Proxied, |cluster, traffic, _| {
        for end in [End::Finished, End::Reset] {
            let cut = Some(Cut { after: 0..=3000, end });
            let lane = Lane { cut, ..Lane::default() };
            everywhere(cluster, traffic, &Weather::requests(lane.clone()));
            everywhere(cluster, traffic, &Weather::answers(lane));
        }
        ALL.iter().for_each(|id| cluster.proxy(*id).cut());
        traffic.flows("all connections were cut at once");
    });
}

/// Requests end without an answer, at one broker after the other; the partitions of the other two
/// go on meanwhile.
#[test]
fn a_silent_wire_is_given_up_and_the_others_work_on() {
    trial(
        "wires half open, deaf, mute, of a byte a second, and none",
        Way::Proxied,
        |cluster, traffic, topic| {
            let flow = |flow| Lane { flow, ..Lane::default() };
            let trickle = Lane { bytes_per_second: Some(1), ..Lane::default() };
            let weathers = [
                Weather::half_open(),
                Weather::answers(flow(Flow::Lost)),
                Weather::requests(flow(Flow::Blocked)),
                Weather::answers(trickle),
                Weather::closed(),
            ];
            for (weather, id) in weathers.into_iter().zip(ALL.into_iter().cycle()) {
                let leaders = cluster.leaders(topic);
                let is_elsewhere =
                    |partition: &i32| leaders[usize::try_from(*partition).unwrap()] != id;
                let elsewhere: Vec<i32> = (0..PARTITIONS).filter(is_elsewhere).collect();
                assert!(!elsewhere.is_empty());
                cluster.proxy(id).set(weather.clone());
                if weather.is_closed {
                    cluster.proxy(id).cut();
                }
                std::thread::sleep(REQUEST_TIMEOUT);
                traffic.flows_in(&elsewhere, &format!("broker {id} has {weather:?}"));
                cluster.proxy(id).set(Weather::default());
                traffic.flows(&format!("broker {id} had {weather:?}"));
            }
        },
    );
}

/// Every request reaches a broker that it is not for, until the wires are as they were.
#[test]
fn another_broker_behind_an_address_takes_nothing() {
    trial("brokers behind each other's address", Way::Proxied, |cluster, traffic, _| {
        cluster.mix_up();
        wait_for_faults();
        cluster.heal();
        traffic.flows("all brokers are behind their own addresses");
    });
}
