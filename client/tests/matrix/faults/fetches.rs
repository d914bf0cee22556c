//! What goes wrong for consumers alone: answers to fetches and look-ups.

use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::sleep;

use crate::code::Column;
use crate::reader::TOPIC;
use crate::settings::{MS, SECOND, Settings};
use crate::world::World;

/// Of single partitions, while leaders move too.
async fn codes(world: &World, codes: &[ErrorCode]) {
    for _ in 0..12 {
        world.moment().await;
        let on = world.requests_of(ApiKey::FETCH).topic(TOPIC).partition(world.any_partition());
        world.plant(on.answer(world.dice.pick(codes)));
        if world.dice.one_in(3) {
            move_leader(world);
        }
    }
}

/// Each of them over every limit of a fetch.
pub(super) fn large_records(settings: &mut Settings) {
    settings.life.small_fetches = true;
    settings.value_bytes = 2000;
    // A record is fetched at a time: no more of them than readers can catch up with.
    (settings.burst_max, settings.pause_max) = (1, SECOND);
}

pub(super) async fn out_of_range(world: &World) {
    codes(world, &[ErrorCode::OFFSET_OUT_OF_RANGE]).await;
}

pub(super) async fn epochs(world: &World) {
    codes(world, &EPOCHS).await;
}

pub(super) async fn rights(world: &World) {
    codes(world, &[ErrorCode::TOPIC_AUTHORIZATION_FAILED]).await;
}

fn move_leader(world: &World) {
    let partition = world.any_partition();
    let to = world.cluster.in_sync(TOPIC, partition);
    world.cluster.move_leader(TOPIC, partition, world.dice.pick(&to));
    world.strike();
}

/// Metadata of before a move comes after it.
pub(super) async fn old_metadata(world: &World) {
    for _ in 0..8 {
        world.moment().await;
        let partition = world.any_partition();
        let before = world.cluster.leader(TOPIC, partition).unwrap();
        let epoch = world.cluster.leader_epoch(TOPIC, partition);
        move_leader(world);
        let on = || Fault::on(ApiKey::METADATA).topic(TOPIC).partition(partition).times(2);
        world.plant(on().claim_leader(before));
        world.plant(on().claim_leader_epoch(epoch));
    }
}

pub(super) async fn sessions(world: &World) {
    let codes = [
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
        ErrorCode::INVALID_FETCH_SESSION_EPOCH,
        ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR,
    ];
    for _ in 0..16 {
        sleep(world.dice.millis(20..=800)).await;
        let on = world.requests_of(ApiKey::FETCH);
        world.plant(match world.dice.one_in(4) {
            true => on.execute_then_close(),
            false => on.answer_at_top(world.dice.pick(&codes)),
        });
    }
}

/// The replica that is read from dies or refuses, and comes back.
pub(super) async fn replicas(world: &World) {
    for _ in 0..6 {
        world.moment().await;
        let on = world.requests_of(ApiKey::FETCH).broker(2);
        match world.dice.number(0..=2) {
            0 => {
                world.cluster.kill_broker(2);
                world.strike();
                sleep(world.dice.millis(200..=2000)).await;
                world.cluster.restart_broker(2);
            }
            // A group begins anew where its policy says.
            2 if world.column() == Column::R => {
                world.plant(on.answer(ErrorCode::OFFSET_OUT_OF_RANGE))
            }
            _ => world.plant(on.answer(world.dice.pick(&EPOCHS))),
        }
    }
}

/// All records are larger than every limit, and answers are late.
pub(super) async fn late_answers(world: &World) {
    for _ in 0..8 {
        world.moment().await;
        world.plant(world.requests_of(ApiKey::FETCH).delay_answer(300 * MS));
    }
}

/// A byte of an answer changes behind the head of its first batch, within its checksum.
pub(super) async fn corrupt(world: &World) {
    for _ in 0..12 {
        world.moment().await;
        let at = usize::try_from(world.dice.number(17..=60)).unwrap();
        world.plant(world.requests_of(ApiKey::FETCH).corrupt(at));
    }
}

/// A broker is older for a while, or has older versions of what is asked for.
pub(super) async fn versions(world: &World) {
    for _ in 0..3 {
        world.moment().await;
        let (broker, all) = (world.busy_broker(), 0..=i16::MAX);
        let older =
            [(ApiKey::FETCH, 4..=11), (ApiKey::FETCH, 4..=5), (ApiKey::LIST_OFFSETS, 1..=2)];
        let (api, some) = older.get(usize::try_from(world.dice.number(0..=2)).unwrap()).unwrap();
        if world.dice.one_in(3) {
            world.cluster.set_broker_release(broker, world.dice.pick(&["1.1", "2.0", "2.8"]));
        } else {
            world.cluster.set_versions(broker, *api, Some(some.clone()));
            world.cluster.drop_connections(broker);
        }
        world.strike();
        sleep(world.dice.millis(500..=3000)).await;
        world.cluster.set_broker_release(broker, world.settings.release);
        world.cluster.set_versions(broker, *api, Some(all));
        world.cluster.drop_connections(broker);
    }
}

pub(super) async fn throttled(world: &World) {
    for _ in 0..3 {
        world.moment().await;
        let leader = world.cluster.leader(TOPIC, world.any_partition()).unwrap();
        let by = world.dice.pick(&[SECOND, 5 * SECOND]);
        world.plant(Fault::on(ApiKey::FETCH).broker(leader).throttle(by));
    }
}

const EPOCHS: [ErrorCode; 5] = [
    ErrorCode::FENCED_LEADER_EPOCH,
    ErrorCode::UNKNOWN_LEADER_EPOCH,
    ErrorCode::OFFSET_NOT_AVAILABLE,
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::REPLICA_NOT_AVAILABLE,
];
