//! What goes wrong with logs themselves: their beginning or their end is lost, they have gaps,
//! their topic is another one, or what is in them is not for everybody.

use bytes::{Bytes, BytesMut};
use kurier_client::consumer::OffsetReset;
use kurier_protocol::record::{BatchWriter, Compression, Magic, RecordParts, Seal};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::sleep;

use super::fetches;
use crate::code::Column;
use crate::gone::Loss;
use crate::ran::Ran;
use crate::reader::TOPIC;
use crate::settings::{MS, SECOND, Settings};
use crate::world::{BROKERS, World};

/// Who changes topics.
const OPERATOR: u32 = 996;

/// Answers to fetches tell of aborted transactions in no order, twice, and of some that nobody
/// knows.
pub(super) async fn odd_lists(world: &World) {
    let some =
        |world: &World| Fault::on(ApiKey::FETCH).topic(TOPIC).times(world.dice.number(1..=9));
    for _ in 0..30 {
        sleep(world.dice.millis(20..=600)).await;
        world.plant(some(world).disorder_aborted());
    }
}

pub(super) fn in_transactions(settings: &mut Settings) {
    settings.life.is_committed_only = true;
    settings.pause_max = settings.pause_max.min(200 * MS);
    // What a transaction was about when its client died.
    settings.transaction_timeout = 8 * SECOND;
}

/// It is said of what is there, and then it is so.
pub(super) async fn out_of_range(world: &World) {
    fetches::out_of_range(world).await;
    retention(world).await;
}

/// Nobody can read a partition for a while, and then its first records are gone.
pub(super) async fn retention(world: &World) {
    for _ in 0..5 {
        world.moment().await;
        let partition = world.any_partition();
        let on = Fault::on(ApiKey::FETCH).topic(TOPIC).partition(partition);
        let held = world.cluster.fault(on.always().answer(ErrorCode::REPLICA_NOT_AVAILABLE));
        sleep(world.dice.millis(500..=2000)).await;
        let start = world.cluster.log_start(TOPIC, partition);
        let last = (world.cluster.high_watermark(TOPIC, partition) - 1).max(start);
        let to = world.dice.number(start.unsigned_abs()..=last.unsigned_abs());
        world.take_away(Loss::Removed, |cluster| {
            cluster.set_log_start(TOPIC, partition, i64::try_from(to).unwrap());
        });
        held.remove();
    }
}

/// The leader alone has the last records of a partition, and another broker leads.
pub(super) async fn unclean_elections(world: &World) {
    for _ in 0..4 {
        world.moment().await;
        let partition = world.any_partition();
        let Some(leader) = world.cluster.leader(TOPIC, partition) else { continue };
        world.cluster.set_in_sync(TOPIC, partition, &[leader]);
        sleep(world.dice.millis(300..=2000)).await;
        world.take_away(Loss::Undone, |cluster| {
            cluster.elect_uncleanly(TOPIC, partition, leader % BROKERS + 1);
        });
        world.cluster.set_in_sync(TOPIC, partition, &[1, 2, 3]);
    }
}

/// At once, or after a while in which there is none.
pub(super) async fn created_anew(world: &World) {
    for _ in 0..2 {
        sleep(world.dice.millis(1500..=4000)).await;
        let count = world.partitions();
        if world.dice.one_in(2) {
            world.take_away(Loss::Undone, |cluster| cluster.recreate_topic(TOPIC, count));
        } else {
            world.take_away(Loss::Undone, |cluster| cluster.delete_topic(TOPIC));
            sleep(world.dice.millis(100..=3000)).await;
            world.cluster.create_topic(TOPIC, count);
        }
    }
}

pub(super) fn another(settings: &mut Settings) {
    settings.life.is_another = true;
    settings.metadata_age = 2 * SECOND;
}

/// Fetches name topics by their ids, so that a broker knows which one is meant.
pub(super) fn known_by_id(settings: &mut Settings) {
    another(settings);
    settings.release = "4.4";
}

pub(super) async fn growth(world: &World) {
    let client = world.client(OPERATOR, 0).await;
    for count in 3..=4 {
        sleep(world.dice.millis(1000..=4000)).await;
        if client.admin().create_partitions([(TOPIC, count)]).await.is_ok() {
            world.strike();
        }
    }
}

/// Of two records with one key the first is removed.
pub(super) async fn compaction(world: &World) {
    for _ in 0..10 {
        world.moment().await;
        world.take_away(Loss::Removed, |cluster| cluster.compact(TOPIC));
    }
}

pub(super) fn compacted(settings: &mut Settings) {
    settings.topic.push(("cleanup.policy", "compact"));
    (settings.life.has_keys, settings.life.shares_keys) = (true, true);
}

/// Batches that unpack to more than a consumer takes, by each codec.
pub(super) async fn bombs(world: &World) {
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        world.moment().await;
        world.cluster.append(TOPIC, world.any_partition(), bomb(codec));
        world.strike();
    }
}

/// One record that is larger than that, of nothing but zeros.
fn bomb(compression: Compression) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    let value = vec![0; 3 * BOMB_UNPACKED_MAX / 2];
    writer.append(&RecordParts { value: Some(&value), ..RecordParts::default() }).unwrap();
    writer.seal(&Seal { compression, ..Seal::default() }).unwrap()
}

pub(super) fn cautious(settings: &mut Settings) {
    settings.unpacked_max = BOMB_UNPACKED_MAX;
}

/// Answers whose counts and lengths say more than there is.
pub(super) async fn lying_counts(world: &World) {
    let lies: [&[u8]; 6] = [
        // An array, or a string, of 2^31 - 1, and of less than nothing.
        b"\x7f\xff\xff\xff\x7f\xff\xff\xff",
        b"\xff\xff\xff\xf0\x80\x00\x00\x00",
        // Compact ones, and tags, of 2^32 - 1.
        b"\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0f",
        // A number that does not end.
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        // Tags without end, each empty.
        b"\x7f\x01\x00\x02\x00\x03\x00\x04\x00\x05\x00\x06\x00\x07\x00\x08\x00",
        b"",
    ];
    for _ in 0..12 {
        world.moment().await;
        // The head of an answer is fields of fixed size.
        let mut body = vec![0; usize::try_from(world.dice.number(0..=8)).unwrap()];
        body.extend_from_slice(world.dice.pick(&lies));
        world.plant(world.requests().execute_then_garble(body));
    }
}

/// Consumers work for longer than records take to come.
pub(super) async fn backlog(world: &World) {
    world.strike();
    sleep(world.settings.safety).await;
}

pub(super) fn overrun(settings: &mut Settings) {
    if settings.column.reads() {
        settings.life.is_slow = true;
        settings.budget = 64 << 10;
        settings.group.work_max_ms = 1000;
        settings.safety = 12 * SECOND;
    }
}

/// There was more to be read than may be held.
pub(super) fn much_was_held(column: Column, runs: &[Ran]) -> Result<(), String> {
    let is_much = |ran: &Ran| {
        let held = usize::try_from(ran.pages.ahead_max).unwrap() * ran.settings.value_bytes;
        2 * held > ran.settings.budget
    };
    match column.reads() && !runs.iter().any(is_much) {
        true => Err("nobody held half of its budget".to_owned()),
        false => Ok(()),
    }
}

/// A group whose members are told of what is lost, with every second seed.
pub(super) fn some_are_told(settings: &mut Settings) {
    if (settings.seed / 100).is_multiple_of(2) {
        settings.group.reset = OffsetReset::Error;
    }
}

/// What a consumer takes of a batch.
const BOMB_UNPACKED_MAX: usize = 128 << 10;
