//! Rows 27 to 41: coordinators, epochs, and whoever has been shut out.

use kurier_client::Client;
use kurier_client::producer::Record;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use kurier_testkit::history::{End, Outcome, Sent, Step, TopicPartition};
use kurier_testkit::net::{Blocked, Way};
use tokio::time::sleep;

use super::{groups, logs};
use crate::code::Column;
use crate::reader::TOPIC;
use crate::row::{Row, cell, fault};
use crate::settings::{MS, SECOND, Settings};
use crate::world::{World, client_name, id_of};

pub(super) fn rows() -> Vec<Row> {
    vec![
        fault!(27, "`EndTxn` comes late, into the next transaction", late_ends,
            expect[-, -, "A", -, -, -, later])
        .tuned(version_1),
        fault!(28, "The answer to `EndTxn` is lost", lost_ends,
            expect[-, -, "A P", -, -, -, later])
        .sessions(),
        fault!(29, "`CONCURRENT_TRANSACTIONS` for long", held_markers,
            expect[-, -, "P N", -, -, -, later])
        .tuned(|settings| {
            settings.producer.block_max = 40 * SECOND;
            settings.safety = 40 * SECOND;
        }),
        fault!(30, "`INVALID_PRODUCER_EPOCH`", invalid_epochs,
            expect[-, "D", "a", -, -, -, later]),
        fault!(31, "`PRODUCER_FENCED`", rivals,
            expect[-, -, "F", -, -, -, later])
        .tuned(|settings| settings.life.stays_down = true),
        fault!(32, "A fenced producer wakes up", zombies,
            expect[-, -, "F A", -, -, -, later])
        .tuned(|settings| {
            settings.life.stays_down = true;
            // Nothing of it runs out before it wakes up.
            settings.producer.request_timeout = 20 * SECOND;
            settings.producer.delivery_timeout = 30 * SECOND;
            settings.producer.block_max = 30 * SECOND;
        }),
        fault!(33, "Codes from inside a coordinator", inner_codes,
            expect["E", "E", "F|a A", -, -, -, later]),
        fault!(34, "`INVALID_TXN_STATE` and its kin", states,
            expect[-, -, "F|a A", -, -, -, later])
        .tuned(|settings| settings.life.is_lied_to = true),
        fault!(35, "`TRANSACTION_ABORTABLE`", abortable,
            expect[-, -, "a", -, -, -, later])
        // A coordinator that says so to an abort is none that there is.
        .tuned(|settings| settings.life.only_commits = true),
        fault!(36, "The transaction timeout ends before the commit", stalls,
            expect[-, -, "F|a A", -, -, -, later])
        .tuned(|settings| {
            settings.transaction_timeout = 3 * SECOND;
            settings.life.stall = Some(15 * SECOND);
            settings.safety = 40 * SECOND;
        }),
        fault!(37, "The coordinator moves at every step", coordinators,
            expect[-, -, "A P", "L C g P", "L C g P", -, later])
        .members(|world| Box::pin(groups::coordinators(world)))
        .sessions(),
        fault!(38, "`TxnOffsetCommit` is refused", refused_offsets,
            expect[-, -, "a", "L C g P", "L C g P", -, later])
        .sessions()
        .members(|world| Box::pin(groups::refused_commits(world))),
        fault!(39, "`UNSTABLE_OFFSET_COMMIT`", -, expect[-, -, -, "L C g P", "L C g P", -, later])
            .members(|world| Box::pin(groups::unstable(world))),
        fault!(40, "Lists of aborted transactions that are odd", -,
            expect[-, -, -, "L A C g P", "L A C g P", "L A g P", later])
        .members(|world| Box::pin(logs::odd_lists(world)))
        .readers(|world| Box::pin(logs::odd_lists(world)))
        .tuned(logs::in_transactions),
        fault!(41, "The transaction version changes in mid-run", versions,
            expect[-, -, "A P", -, -, -, later])
        .tuned(|settings| settings.release = "4.4"),
    ]
}

fn version_1(settings: &mut Settings) {
    settings.release = if settings.seed.is_multiple_of(2) { "2.8" } else { "3.9" };
    settings.pause_max = 100 * MS;
}

/// So late that it meets one of the transactions behind its own.
async fn late_ends(world: &World) {
    for _ in 0..16 {
        sleep(world.dice.millis(100..=1200)).await;
        let api = world.dice.pick(&[
            ApiKey::END_TXN,
            ApiKey::END_TXN,
            ApiKey::END_TXN,
            ApiKey::TXN_OFFSET_COMMIT,
            ApiKey::PRODUCE,
        ]);
        let after = world.dice.millis(150..=900);
        world.plant(Fault::on(api).close_then_execute(after));
    }
}

/// And somebody else coordinates meanwhile.
async fn lost_ends(world: &World) {
    for _ in 0..10 {
        world.moment().await;
        let on = Fault::on(ApiKey::END_TXN);
        world.plant(match world.dice.number(0..=2) {
            0 => on.execute_then_close(),
            1 => on.execute_then_hang(),
            _ => on.cut(usize::try_from(world.dice.number(0..=16)).unwrap()),
        });
        if world.dice.one_in(2) {
            sleep(world.dice.millis(0..=200)).await;
            world.cluster.move_coordinator(&world.any_id(), world.any_broker());
        }
    }
}

async fn held_markers(world: &World) {
    world.moment().await;
    world.cluster.hold_markers();
    world.strike();
    sleep(30 * SECOND).await;
    world.cluster.release_markers();
}

async fn invalid_epochs(world: &World) {
    for _ in 0..8 {
        world.moment().await;
        let code = ErrorCode::INVALID_PRODUCER_EPOCH;
        let on = Fault::on(ApiKey::PRODUCE).topic(TOPIC).partition(world.any_partition());
        world.plant(on.answer(code));
    }
}

/// A second one with the same transactional id, which writes in a transaction of its own.
pub(super) async fn rivals(world: &World) {
    for process in 0..world.settings.producers {
        world.moment().await;
        if let Some(client) = rival(world, process).await {
            take_over(world, &client, process).await;
            world.strike();
        }
    }
}

/// One whose bytes are held up while another one takes over; then they come.
async fn zombies(world: &World) {
    let process = world.any_process();
    world.moment().await;
    let network = world.cluster.network();
    network.client(&client_name(process)).block(Way::ToBroker, Blocked::Held);
    // It goes on sending for a while.
    sleep(world.dice.millis(200..=2000)).await;
    let Some(client) = rival(world, process).await else { return };
    take_over(world, &client, process).await;
    world.strike();
    sleep(world.dice.millis(0..=2000)).await;
    network.heal();
    sleep(5 * SECOND).await;
}

async fn rival(world: &World, process: u32) -> Option<Client> {
    let env = world.cluster.env_for("rival", u64::from(process));
    let builder = Client::builder(world.cluster.bootstrap()).config(world.settings.client());
    builder.env(env).connect().await.ok()
}

async fn take_over(world: &World, client: &Client, process: u32) {
    let builder = client.transactional_producer(id_of(process));
    let producer = builder.config(world.settings.producer.clone()).build().await;
    let producer = producer.expect("nobody else takes the id over");
    let mut transaction = producer.begin().await.expect("it is the last one");
    let noted = world.recorder.txn(RIVALS + process);
    for partition in [0, 1] {
        let value = u64::from(RIVALS + process) * 1_000_000 + u64::try_from(partition).unwrap();
        let to = TopicPartition::new(TOPIC, partition);
        noted.step(Step::Send(Sent { to, value, offset: None }));
        let text = value.to_string();
        let record = Record::to(TOPIC).partition(partition).value(&text);
        transaction.send(record).await.expect("it is the last one");
    }
    noted.ending(End::Commit);
    transaction.commit().await.expect("it is the last one");
    noted.end(Outcome::Ok);
}

/// Codes that no client should see.
async fn inner_codes(world: &World) {
    let codes = [
        ErrorCode::TRANSACTION_COORDINATOR_FENCED,
        ErrorCode::INVALID_REQUEST,
        ErrorCode::UNKNOWN_SERVER_ERROR,
    ];
    let apis = match world.column() {
        Column::T => &[ApiKey::PRODUCE, ApiKey::ADD_PARTITIONS_TO_TXN, ApiKey::END_TXN][..],
        _ => &[ApiKey::PRODUCE][..],
    };
    for _ in 0..6 {
        world.moment().await;
        let code = world.dice.pick(&codes);
        world.plant(Fault::on(world.dice.pick(apis)).answer(code));
    }
}

async fn states(world: &World) {
    let codes = [
        ErrorCode::INVALID_TXN_STATE,
        ErrorCode::INVALID_PRODUCER_ID_MAPPING,
        ErrorCode::TRANSACTIONAL_ID_NOT_FOUND,
    ];
    for _ in 0..6 {
        world.moment().await;
        world.plant(Fault::on(world.api()).answer(world.dice.pick(&codes)));
    }
}

async fn abortable(world: &World) {
    let apis = [ApiKey::PRODUCE, ApiKey::TXN_OFFSET_COMMIT, ApiKey::END_TXN];
    for nth in 0..9 {
        let code = ErrorCode::TRANSACTION_ABORTABLE;
        let api = *apis.get(nth % apis.len()).unwrap();
        world.plant_alone(Fault::on(api).answer(code)).await;
        sleep(world.dice.millis(1500..=2500)).await;
    }
}

/// The processes do it: `Life::stall`.
async fn stalls(_: &World) {}

async fn coordinators(world: &World) {
    let codes = [
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ];
    let apis = [
        ApiKey::INIT_PRODUCER_ID,
        ApiKey::ADD_PARTITIONS_TO_TXN,
        ApiKey::ADD_OFFSETS_TO_TXN,
        ApiKey::TXN_OFFSET_COMMIT,
        ApiKey::END_TXN,
        ApiKey::FIND_COORDINATOR,
    ];
    for _ in 0..16 {
        world.moment().await;
        if world.dice.one_in(2) {
            world.cluster.move_coordinator(&world.any_id(), world.any_broker());
            world.strike();
        } else {
            let on = Fault::on(world.dice.pick(&apis)).times(world.dice.number(1..=4));
            world.plant(on.answer(world.dice.pick(&codes)));
        }
    }
}

async fn refused_offsets(world: &World) {
    let codes = [
        ErrorCode::ILLEGAL_GENERATION,
        ErrorCode::UNKNOWN_MEMBER_ID,
        ErrorCode::FENCED_INSTANCE_ID,
        ErrorCode::STALE_MEMBER_EPOCH,
    ];
    for nth in 0..8 {
        world.moment().await;
        let code = *codes.get(nth % codes.len()).unwrap();
        world.plant(Fault::on(ApiKey::TXN_OFFSET_COMMIT).answer(code));
    }
}

async fn versions(world: &World) {
    for nth in 0..4 {
        sleep(world.dice.millis(1000..=4000)).await;
        world.cluster.set_release(if nth % 2 == 0 { "3.9" } else { "4.4" });
        world.strike();
    }
}

/// The numbers of rivals among the processes begin here.
const RIVALS: u32 = 500;
