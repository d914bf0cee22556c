//! Makes the troubles of a plan happen.

use std::collections::BTreeSet;

use kurier_protocol::ApiKey;
use kurier_testkit::net::Connects;
use kurier_testkit::{Fault, PlantedFault, TestCluster};
use tokio::time::sleep;

use crate::plan::{Mishap, Plan, Trouble};
use crate::workload::{TOPIC, client_name};

/// One trouble after the other, as the plan has them.
pub(crate) async fn make(cluster: &TestCluster, plan: &Plan) {
    let mut down = BTreeSet::new();
    let mut last: Option<PlantedFault> = None;
    for (pause, trouble) in &plan.troubles {
        sleep(*pause).await;
        match *trouble {
            Trouble::Kill(broker) => {
                down.insert(broker);
            }
            Trouble::Restart => down.clear(),
            // Only who is in sync may lead.
            Trouble::Move(partition, to)
                if down.contains(&to) || cluster.leader(TOPIC, partition).is_none() =>
            {
                continue;
            }
            _ => {}
        }
        // Two of these must not meet: what one refuses, the other would have executed later, and
        // no network does that to a request that was answered.
        let is_of_produce = matches!(trouble, Trouble::Request(ApiKey::PRODUCE, _));
        if is_of_produce && let Some(last) = last.take() {
            last.remove();
        }
        let planted = happen(cluster, plan, *trouble);
        last = if is_of_produce { planted } else { last };
    }
}

/// Everything works again.
pub(crate) fn heal(cluster: &TestCluster, plan: &Plan) {
    cluster.clear_faults();
    cluster.network().calm();
    restart(cluster, plan);
}

fn happen(cluster: &TestCluster, plan: &Plan, trouble: Trouble) -> Option<PlantedFault> {
    let network = cluster.network();
    match trouble {
        Trouble::Kill(broker) => cluster.kill_broker(broker),
        Trouble::Restart => restart(cluster, plan),
        Trouble::Drop(broker) => cluster.drop_connections(broker),
        Trouble::Block(Some(process), broker, way, blocked) => {
            network.client(&client_name(process)).broker(broker).block(way, blocked);
        }
        Trouble::Block(None, broker, way, blocked) => network.broker(broker).block(way, blocked),
        Trouble::Refuse(broker) => network.broker(broker).connects(Connects::Refused),
        Trouble::Heal => network.heal(),
        Trouble::Reset(broker) => network.broker(broker).reset(),
        Trouble::HalfOpen(broker, gone) => network.broker(broker).half_open(gone),
        Trouble::Slow(least, most) => network.latency(least..=most),
        Trouble::Move(partition, broker) => {
            cluster.move_leader(TOPIC, partition, broker);
        }
        Trouble::Request(api, mishap) => {
            let to = Fault::on(api).times(3);
            return Some(cluster.fault(match mishap {
                Mishap::Close => to.close(),
                Mishap::ExecuteThenClose => to.execute_then_close(),
                Mishap::ExecuteThenHang => to.execute_then_hang(),
                Mishap::CloseThenExecute(after) => to.close_then_execute(after),
                Mishap::ExecuteThenAnswer(code) => to.execute_then_answer(code),
                Mishap::ExecuteAgain(after) => to.execute_again(after),
                Mishap::Throttle(by) => to.throttle(by),
                Mishap::Delay(by) => to.delay(by),
                Mishap::DelayAnswer(by) => to.delay_answer(by),
                Mishap::Cut(bytes) => to.cut(bytes),
                Mishap::AnswerTwice => to.answer_twice(),
                Mishap::Answer(code) => to.answer(code),
            }));
        }
    }
    None
}

fn restart(cluster: &TestCluster, plan: &Plan) {
    for broker in 1..=i32::try_from(plan.brokers).unwrap() {
        cluster.restart_broker(broker);
    }
}
