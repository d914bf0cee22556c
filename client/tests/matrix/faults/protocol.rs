//! Rows 62 to 71: bytes and codes that nobody expects, versions, quotas, clocks, and size.

use kurier_client::Error;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::sleep;

use super::{fetches, groups, logs};
use crate::code::Column;
use crate::ran::Ran;
use crate::reader::TOPIC;
use crate::row::{Row, cell, fault};
use crate::settings::{SECOND, flood};
use crate::world::World;

pub(super) fn rows() -> Vec<Row> {
    vec![
        fault!(62, "A batch whose checksum is wrong", -,
            expect[-, -, -, "L C g E P", "L C g E P", "L g E P", later])
        .members(|world| Box::pin(fetches::corrupt(world)))
        .readers(|world| Box::pin(fetches::corrupt(world))),
        fault!(63, "Lengths that no frame has", lengths,
            expect["M N", "M N", "M N", "L C g P", "L C g P", "L g P", later])
        .shared(),
        fault!(64, "Decompression bombs", -,
            expect[-, -, -, "L C g E P", "L C g E P", "L g E P", later])
        .members(|world| Box::pin(logs::bombs(world)))
        .readers(|world| Box::pin(logs::bombs(world)))
        .tuned(logs::cautious),
        fault!(65, "Counts and lengths that lie",
            ("protocol/tests/hostile_allocations.rs::\
              no_array_of_any_message_allocates_for_elements_that_are_not_there"),
            expect["E M N", "E M N", "E M N", "L C g P", "L C g P", "L g P", later])
        .members(|world| Box::pin(logs::lying_counts(world)))
        .readers(|world| Box::pin(logs::lying_counts(world))),
        // Without a number a record whose answer cannot be read may be there twice.
        fault!(66, "Answers that nobody asked for, that come twice or out of turn", foreign_answers,
            expect["d", "D", "A", "L C g P", "L C g P", "L g P", later])
        .shared(),
        fault!(67, "An error code that nobody knows, at every API", unknown_codes,
            expect["E", "E", "F|a", "L C g E P", "L C g E P", "L g P", later])
        .shared()
        .also(unknown_is_final),
        fault!(68, "Versions that are old, differ or change", other_versions,
            expect["P|E", "P|E", "E", "L C g P", "L C g P", "L g P|E", later])
        .members(|world| Box::pin(groups::versions(world)))
        .readers(|world| Box::pin(fetches::versions(world))),
        fault!(69, "Throttling", throttled,
            expect["P E", "P E", "P E", "L C g P", "L C g P", "L g P", later])
        .members(|world| Box::pin(groups::throttled(world)))
        .readers(|world| Box::pin(fetches::throttled(world)))
        .tuned(|settings| settings.safety = 36 * SECOND)
        .grouped(|settings| settings.safety = 12 * SECOND),
        fault!(70, "Wall clocks jump by an hour", clocks,
            expect["O", "D O", "A", "L C g P", "L C g P", "L g P", later])
        .shared(),
        fault!(71, "Ten thousand partitions, a thousand brokers", size,
            expect["M P", "M P", "M P", "L C g P", "L C g P", "L g P", later])
        .shared()
        .tuned(|settings| {
            flood(settings);
            settings.life.is_large = true;
            settings.metadata_age = 2 * SECOND;
            settings.safety = 5 * SECOND;
        }),
    ]
}

async fn lengths(world: &World) {
    let lengths = [0, -1, 1, 3, i32::MIN, i32::MAX, i32::MAX - 3, 200 << 20];
    for nth in 0..10 {
        world.moment().await;
        let length = *lengths.get(nth % lengths.len()).unwrap();
        world.plant(world.requests().claim_length(length));
    }
}

async fn foreign_answers(world: &World) {
    for _ in 0..10 {
        world.moment().await;
        let requests = world.requests();
        world.plant(match world.dice.one_in(2) {
            true => requests.answer_twice(),
            false => requests.claim_correlation_id(world.dice.pick(&[-1, 0, 77, i32::MAX])),
        });
    }
}

const UNKNOWN: ErrorCode = ErrorCode(9999);

async fn unknown_codes(world: &World) {
    for _ in 0..8 {
        world.moment().await;
        world.plant(Fault::on(world.api()).answer(UNKNOWN));
    }
}

fn unknown_is_final(_: Column, runs: &[Ran]) -> Result<(), String> {
    let mut said = runs.iter().flat_map(Ran::errors);
    let is_wrong = |error: &&Error| error.code() == Some(UNKNOWN) && error.is_retriable();
    said.find(is_wrong).map_or(Ok(()), |error| Err(format!("to be tried again: {error}")))
}

/// A broker that is started anew as an older one, and others that lack versions or a whole API.
async fn other_versions(world: &World) {
    for _ in 0..3 {
        world.moment().await;
        let broker = world.busy_broker();
        let all = Some(0..=i16::MAX);
        match world.dice.number(0..=2) {
            0 => {
                world.cluster.set_broker_release(broker, world.dice.pick(&["1.1", "2.0", "2.8"]));
                world.strike();
                sleep(world.dice.millis(500..=3000)).await;
                world.cluster.set_broker_release(broker, world.settings.release);
            }
            1 => {
                world.cluster.set_versions(broker, ApiKey::PRODUCE, Some(3..=7));
                world.cluster.drop_connections(broker);
                world.strike();
                sleep(world.dice.millis(500..=3000)).await;
                world.cluster.set_versions(broker, ApiKey::PRODUCE, all);
                world.cluster.drop_connections(broker);
            }
            _ => {
                let api = world.dice.pick(&[ApiKey::INIT_PRODUCER_ID, ApiKey::END_TXN]);
                world.cluster.set_versions(broker, api, None);
                world.cluster.drop_connections(broker);
                world.strike();
                sleep(world.dice.millis(500..=2000)).await;
                world.cluster.set_versions(broker, api, all);
                world.cluster.drop_connections(broker);
            }
        }
    }
}

/// For longer than records may take; and the code that says so.
async fn throttled(world: &World) {
    world.moment().await;
    let leader = world.cluster.leader(TOPIC, world.any_partition()).unwrap();
    world.plant(Fault::on(ApiKey::PRODUCE).broker(leader).throttle(30 * SECOND));
    let code = ErrorCode::THROTTLING_QUOTA_EXCEEDED;
    for _ in 0..5 {
        world.moment().await;
        world.plant(world.requests_of(ApiKey::PRODUCE).answer(code));
    }
}

async fn clocks(world: &World) {
    for _ in 0..8 {
        world.moment().await;
        world.wall.jump(world.dice.pick(&[1, -1]));
        world.strike();
    }
}

/// All that the cluster has is asked for all the time, and leaders move.
async fn size(world: &World) {
    for _ in 0..4 {
        sleep(world.dice.millis(300..=1000)).await;
        let partition = world.any_partition();
        let to = world.cluster.in_sync(TOPIC, partition);
        world.cluster.move_leader(TOPIC, partition, world.dice.pick(&to));
        world.strike();
    }
}
