//! A producer and a consumer, and on their way to honest brokers bytes that change.

mod script;
mod proxy;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kurier_client::config::{ClientConfig, DialConfig};
use kurier_client::consumer::{ConsumerConfig, OffsetReset};
use kurier_client::producer::{Idempotence, ProducerConfig, Record};
use kurier_client::{Client, Compression, Consumer, Error, Start};
use kurier_env::Env;
use kurier_testkit::TestCluster;
use tokio::time::timeout;

use self::proxy::Proxy;
use self::script::Script;
use super::hostile_broker::in_virtual_time;
use crate::random::Random;

/// The bytes say what becomes of each piece of what a client and its brokers say to each other, in
/// virtual time: bytes of it change, are lost or come twice, it is late, or the stream ends or
/// stands still. When the bytes are at their end, everything arrives.
///
/// # Panics
///
/// When a task of the client does, when a call does not end in its time, when a record is given to
/// the consumer that nobody has written, when a client that comes then cannot write and read, or
/// when a task is left.
pub fn proxy_bytes(data: &[u8]) {
    pass(data);
}

/// What came through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Requests that the brokers got.
    pub requests: usize,
    /// Records that were delivered.
    pub delivered: usize,
    /// Records that were not, or of which nobody knows.
    pub failed: usize,
    /// Records that were read.
    pub read: usize,
    /// Errors that the consumer told.
    pub told: usize,
}

/// As [`proxy_bytes()`]; says what came of it.
///
/// # Panics
///
/// As there.
pub fn pass(data: &[u8]) -> Passed {
    let (kind, script) = data.split_first().map_or((0, data), |(kind, rest)| (*kind, rest));
    in_virtual_time(play(kind, Script::new(script)))
}

async fn play(kind: u8, script: Script) -> Passed {
    let is_old = kind & 0x80 != 0;
    let compression = match kind % 3 {
        0 => Compression::None,
        1 => Compression::Lz4,
        _ if is_old => Compression::Gzip,
        _ => Compression::Zstd,
    };
    let release = if is_old { "1.0" } else { "4.4" };
    let cluster = TestCluster::builder().brokers(2).release(release).topic("t", 2).build();
    let proxy = Proxy::new(cluster.env(1), script);
    let env = cluster.env(1).with_net(Arc::new(proxy.clone()));
    let mut passed = Passed::default();
    let mut written = BTreeSet::new();
    let mut values = (0..).map(|n: u32| format!("{n:06}").repeat(20));
    if let Some(client) = connect(&cluster, &proxy, env).await {
        let producer = client.producer().config(producer_config(compression)).build();
        let producer = within("making a producer", producer).await.expect("settings that fit");
        let consumer = client.consumer().config(consumer_config()).topics(["t"], Start::Earliest);
        let mut consumer = consumer.start().expect("settings that fit");
        for _ in 0..ROUNDS_MAX {
            if proxy.is_over() {
                break;
            }
            let some: Vec<_> = values.by_ref().take(5).collect();
            written.extend(some.iter().cloned());
            for (value, partition) in some.iter().zip([0, 1].into_iter().cycle()) {
                let record = Record::to("t").partition(partition).key("k").value(value);
                match within("sending", producer.send(record)).await {
                    Ok(_) => passed.delivered += 1,
                    Err(_) => passed.failed += 1,
                }
            }
            read(&mut consumer, &written, &mut passed).await;
        }
        proxy.be_honest();
        read(&mut consumer, &written, &mut passed).await;
        drop(within("closing", producer.close()).await);
        within("closing the consumer", consumer.close(Duration::from_secs(1))).await;
    }
    proxy.be_honest();
    come_after(&cluster, values.next().expect("there are more")).await;
    passed.requests = cluster.requests().len();
    passed
}

/// Whoever did not get in before all was well is not heard of.
async fn connect(cluster: &TestCluster, proxy: &Proxy, env: Env) -> Option<Client> {
    let builder = Client::builder(cluster.bootstrap()).config(config()).env(env);
    while !proxy.is_over() {
        if let Ok(client) = within("connecting", builder.clone().connect()).await {
            return Some(client);
        }
    }
    None
}

/// Reads for a while. All that comes was written.
async fn read(consumer: &mut Consumer, written: &BTreeSet<String>, passed: &mut Passed) {
    while let Ok(Some(next)) = timeout(Duration::from_secs(2), consumer.next()).await {
        let Ok(batch) = next else {
            passed.told += 1;
            // What has stopped a partition may be past.
            let _ = consumer.seek("t", 0, Start::Earliest);
            let _ = consumer.seek("t", 1, Start::Earliest);
            if passed.told > TOLD_MAX {
                return;
            }
            continue;
        };
        for record in batch.records() {
            let record = record.expect("a batch whose checksum is right");
            let value = record.value.map(String::from_utf8_lossy).unwrap_or_default();
            assert!(written.contains(&*value), "nobody has written {value:?}");
            assert_eq!(record.key, Some(&b"k"[..]), "nobody has written such a key");
            passed.read += 1;
        }
    }
}

/// Somebody who knows nothing of what was can write and read.
async fn come_after(cluster: &TestCluster, value: String) {
    let come = async {
        let builder = Client::builder(cluster.bootstrap()).env(cluster.env_for("after", 2));
        let client = builder.connect().await?;
        // The id of a producer may have changed on its way, and be that of this one.
        let config = ProducerConfig { idempotence: Idempotence::Off, ..ProducerConfig::default() };
        let producer = client.producer().config(config).build().await?;
        let sent = producer.send(Record::to("t").partition(0).value(&value)).await?;
        let at = [("t", 0, Start::Offset(sent.offset))];
        let mut consumer = client.consumer().assign(at).start()?;
        let batch = consumer.next().await.transpose()?.expect("it does not stop");
        let first = batch.records().next().expect("a record")?;
        assert_eq!(first.value, Some(value.as_bytes()));
        producer.close().await?;
        Ok::<_, Error>(())
    };
    within("coming after", come).await.expect("all is well again");
}

/// Ends, or is a hang.
async fn within<T>(what: &str, call: impl Future<Output = T>) -> T {
    let ended = timeout(CALL_MAX, call).await;
    ended.unwrap_or_else(|_| panic!("{what} has not ended within {CALL_MAX:?}"))
}

fn config() -> ClientConfig {
    ClientConfig {
        request_timeout: REQUEST_TIMEOUT,
        bootstrap_timeout: OUTAGE_MAX,
        dial: DialConfig {
            setup_timeout: Duration::from_secs(2),
            setup_timeout_max: Duration::from_secs(2),
            ..DialConfig::default()
        },
        ..ClientConfig::default()
    }
}

fn producer_config(compression: Compression) -> ProducerConfig {
    ProducerConfig {
        compression,
        linger: Duration::ZERO,
        request_timeout: REQUEST_TIMEOUT,
        delivery_timeout: OUTAGE_MAX,
        block_max: OUTAGE_MAX,
        ..ProducerConfig::default()
    }
}

fn consumer_config() -> ConsumerConfig {
    ConsumerConfig {
        batch_bytes_max: 1 << 20,
        offset_reset: OffsetReset::Earliest,
        request_timeout: REQUEST_TIMEOUT,
        outage_max: OUTAGE_MAX,
        ..ConsumerConfig::default()
    }
}

/// Scripts for some dozen to some hundred pieces, of which few are changed or most.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    let mut script = random.some(1);
    let harm = 1 + random.below(8);
    for _ in 0..20 + random.below(300) {
        // As many bytes as an act takes at most.
        let act = if random.below(40) < harm { random.some(5) } else { vec![0] };
        script.extend(act);
    }
    script
}

const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
const OUTAGE_MAX: Duration = Duration::from_secs(5);
/// The longest call waits for a topic, and for what it sends there; timers are a little late.
const CALL_MAX: Duration = Duration::from_secs(30);
const ROUNDS_MAX: usize = 6;
const TOLD_MAX: usize = 100;
