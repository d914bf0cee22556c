//! Rows 16 to 26: what leaders answer to records.

use std::time::Duration;

use kurier_client::producer::Acks;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::sleep;

use crate::code::Column;
use crate::ran::Ran;
use crate::reader::TOPIC;
use crate::row::{Row, cell, fault};
use crate::settings::{MS, SECOND, Settings};
use crate::world::{BROKERS, World};

pub(super) fn rows() -> Vec<Row> {
    vec![
        fault!(16, "A leader moves", moves,
            expect["L d O P", "L D O P", "L D A P", "L C g P", "L C g P", "L g P", later])
        .shared()
        .sessions(),
        fault!(17, "`NOT_ENOUGH_REPLICAS`", too_few_replicas,
            expect["L O P", "L D O P", "L D A P", -, -, -, later])
        .tuned(|settings| settings.topic.push(("min.insync.replicas", "2"))),
        fault!(18, "`NOT_ENOUGH_REPLICAS_AFTER_APPEND`", too_few_after_append,
            expect["d P", "L D O P", "L D A P", -, -, -, later]),
        fault!(19, "`OUT_OF_ORDER_SEQUENCE_NUMBER` after a failure", one_of_many_fails,
            expect[-, "D O P", "A", -, -, -, later])
        .tuned(many_in_flight),
        fault!(20, "`OUT_OF_ORDER_SEQUENCE_NUMBER` for no reason", out_of_order,
            expect[-, "D E", "a", -, -, -, later]),
        fault!(21, "`DUPLICATE_SEQUENCE_NUMBER`", duplicate_numbers,
            expect[-, "D", "D", -, -, -, later])
        .also(some_without_offset),
        fault!(22, "`UNKNOWN_PRODUCER_ID`", forgotten,
            expect[-, "L D O", "a", -, -, -, later]),
        fault!(23, "The delivery timeout ends while a batch is in flight", late_answers,
            expect["E", "E D", "a", -, -, -, later])
        .also(some_maybe_written),
        fault!(24, "A batch is too large for the topic", too_large,
            expect["L O", "L D O", "L D A", -, -, -, later])
        .tuned(large_batches),
        fault!(25, "Single records are refused", refused_records,
            expect["E", "E", "a", -, -, -, later])
        .tuned(|settings| {
            large_batches(settings);
            settings.life.lacks_keys = true;
            settings.topic.push(("cleanup.policy", "compact"));
        }),
        fault!(26, "A leader that acknowledged alone dies", lonely_leader,
            expect["!", -, -, -, -, -, -])
        .tuned(alone),
    ]
}

fn many_in_flight(settings: &mut Settings) {
    settings.producer.linger = Duration::ZERO;
    settings.producer.batch_bytes_max = 200;
    settings.latency_max = 40 * MS;
    settings.pause_max = 20 * MS;
    settings.burst_max = 2;
    settings.producers = 2;
    settings.safety = 10 * SECOND;
}

fn large_batches(settings: &mut Settings) {
    settings.producer.linger = 30 * MS;
    settings.producer.batch_bytes_max = 4 << 10;
    settings.burst_max = 12;
    settings.value_bytes = 40;
    settings.life.has_keys = true;
}

fn alone(settings: &mut Settings) {
    let only_leader = settings.seed.is_multiple_of(2);
    settings.producer.acks = if only_leader { Acks::Leader } else { Acks::None };
}

/// With a hint of who leads now, or without, by the version of Produce that brokers speak.
pub(super) async fn moves(world: &World) {
    let transacts = matches!(world.column(), Column::T | Column::S);
    let is_v2 = transacts && world.settings.release == "4.4";
    // A cluster has transactions of version 2 only if all brokers speak that of 4.0, with hints.
    if world.dice.one_in(2) && !is_v2 {
        for broker in 1..=BROKERS {
            world.cluster.set_versions(broker, ApiKey::PRODUCE, Some(3..=9));
        }
    }
    for _ in 0..12 {
        world.moment().await;
        let (partition, to) = (world.any_partition(), world.any_broker());
        if world.cluster.leader(TOPIC, partition) != Some(to) {
            world.cluster.move_leader(TOPIC, partition, to);
            world.strike();
        }
    }
}

/// Said by a broker, and for real: the leader is the only one left in sync.
async fn too_few_replicas(world: &World) {
    for _ in 0..6 {
        world.moment().await;
        let code = ErrorCode::NOT_ENOUGH_REPLICAS;
        world.plant(world.requests_of(ApiKey::PRODUCE).answer(code));
    }
    let partition = world.any_partition();
    let leader = world.cluster.leader(TOPIC, partition).unwrap();
    world.cluster.set_in_sync(TOPIC, partition, &[leader]);
    world.strike();
    sleep(world.dice.millis(1000..=5000)).await;
    world.cluster.set_in_sync(TOPIC, partition, &[1, 2, 3]);
}

pub(super) async fn too_few_after_append(world: &World) {
    for _ in 0..10 {
        world.moment().await;
        let code = ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND;
        world.plant(world.requests_of(ApiKey::PRODUCE).execute_then_answer(code));
    }
}

/// One of several that are under way; the leader refuses those behind it by itself.
async fn one_of_many_fails(world: &World) {
    let codes = [ErrorCode::NOT_ENOUGH_REPLICAS, ErrorCode::NOT_LEADER_OR_FOLLOWER];
    for _ in 0..30 {
        sleep(world.dice.millis(20..=500)).await;
        let one = Fault::on(ApiKey::PRODUCE).skip(world.dice.number(0..=2));
        world.plant(one.answer(world.dice.pick(&codes)));
    }
}

/// After a lost answer, and after none.
async fn out_of_order(world: &World) {
    let code = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
    for _ in 0..10 {
        world.moment().await;
        let partition = world.any_partition();
        let on = || Fault::on(ApiKey::PRODUCE).topic(TOPIC).partition(partition);
        if world.dice.one_in(2) {
            world.plant(on().execute_then_answer(ErrorCode::REQUEST_TIMED_OUT));
            world.plant(on().skip(1).times(2).answer(code));
        } else {
            world.plant(on().answer(code));
        }
    }
}

/// What a leader says of a batch that it has.
async fn duplicate_numbers(world: &World) {
    let code = ErrorCode::DUPLICATE_SEQUENCE_NUMBER;
    for _ in 0..10 {
        world.moment().await;
        world.plant(Fault::on(ApiKey::PRODUCE).execute_then_answer(code));
    }
}

fn some_without_offset(_: Column, runs: &[Ran]) -> Result<(), String> {
    let some = runs.iter().any(|ran| ran.pages.without_offset > 0);
    if some { Ok(()) } else { Err("every record has an offset".to_owned()) }
}

/// Leaders forget their producers, and sometimes all that these have written.
async fn forgotten(world: &World) {
    for _ in 0..10 {
        world.moment().await;
        let partition = world.any_partition();
        match (world.column(), world.dice.number(0..=2)) {
            (Column::T, _) | (_, 0) => {
                let on = Fault::on(ApiKey::PRODUCE).topic(TOPIC).partition(partition);
                world.plant(on.answer(ErrorCode::UNKNOWN_PRODUCER_ID));
            }
            (_, kind) => {
                if kind == 1 {
                    world.read();
                    let end = world.cluster.high_watermark(TOPIC, partition);
                    world.cluster.set_log_start(TOPIC, partition, end);
                }
                world.cluster.forget_producers(TOPIC, partition);
                world.strike();
            }
        }
    }
}

/// Answers, or requests, that take longer than records may.
async fn late_answers(world: &World) {
    let longer = world.settings.producer.delivery_timeout + SECOND;
    world.moment().await;
    let partition = world.any_partition();
    let on = || Fault::on(ApiKey::PRODUCE).topic(TOPIC).partition(partition).always();
    world.plant(match world.dice.number(0..=2) {
        0 => on().execute_then_hang(),
        1 => on().delay_answer(longer),
        _ => on().delay(longer),
    });
    sleep(longer + world.dice.millis(0..=2000)).await;
    world.cluster.clear_faults();
}

fn some_maybe_written(column: Column, runs: &[Ran]) -> Result<(), String> {
    let some = runs.iter().flat_map(Ran::errors).any(kurier_client::Error::maybe_written);
    if some || column == Column::T { Ok(()) } else { Err("no error says maybe".to_owned()) }
}

/// The topic takes less than a batch has, now and then.
async fn too_large(world: &World) {
    for _ in 0..6 {
        world.moment().await;
        let before = produced(world);
        let limit = world.dice.number(170..=400).to_string();
        world.cluster.set_topic_config(TOPIC, "max.message.bytes", &limit);
        sleep(world.dice.millis(500..=2000)).await;
        world.cluster.set_topic_config(TOPIC, "max.message.bytes", "1048588");
        // Requests have come meanwhile, of which some were too large: those with several records.
        if produced(world) > before {
            world.strike();
        }
    }
}

fn produced(world: &World) -> u64 {
    world.cluster.counters().of(ApiKey::PRODUCE)
}

/// A topic that takes records with keys only, of which some have none; and a leader's other words.
async fn refused_records(world: &World) {
    let codes =
        [ErrorCode::INVALID_RECORD, ErrorCode::INVALID_TIMESTAMP, ErrorCode::CORRUPT_MESSAGE];
    for _ in 0..10 {
        world.moment().await;
        let partition = world.any_partition();
        let on = Fault::on(ApiKey::PRODUCE).topic(TOPIC).partition(partition);
        world.plant(on.answer(world.dice.pick(&codes)));
    }
}

/// Followers fetch no more, and one of them is made the leader.
async fn lonely_leader(world: &World) {
    for _ in 0..3 {
        world.moment().await;
        let partition = world.any_partition();
        let leader = world.cluster.leader(TOPIC, partition).unwrap();
        world.cluster.hold_high_watermark(TOPIC, partition);
        sleep(2 * SECOND).await;
        let next = leader % BROKERS + 1;
        world.cluster.elect_uncleanly(TOPIC, partition, next);
        world.cluster.release_high_watermark(TOPIC, partition);
        world.cluster.set_in_sync(TOPIC, partition, &[1, 2, 3]);
        world.strike();
    }
}
