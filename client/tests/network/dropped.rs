//! Every future of every public call may be dropped wherever it waits: nothing that was taken is
//! lost or doubled, the client works on, and no task is left.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use kurier_client::admin::NewTopic;
use kurier_client::consumer::{Consumer, FetchedBatch, OffsetReset, Start, Stop};
use kurier_client::group::GroupEvent;
use kurier_client::offsets::Position;
use kurier_client::producer::{Delivery, Producer, ProducerConfig, Record};
use kurier_client::transactions::GroupOffset;
use kurier_client::{Client, Target};
use kurier_protocol::api::describe_groups::DescribeGroupsRequest;
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::TestCluster;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::polls::cut;

const SECOND: Duration = Duration::from_secs(1);
/// No call waits as often as this.
const POLLS_MAX: usize = 60;

/// Where a call finds the connections.
#[derive(Clone, Copy, Debug)]
enum Connections {
    Open,
    /// They have just been lost, so that the call waits for new ones, too.
    Lost,
}

/// As what a world's consumer reads.
#[derive(Clone, Copy, Debug)]
enum Reading {
    Alone,
    /// In a group, in which nothing is committed by itself.
    Member,
}

struct World {
    cluster: TestCluster,
    client: Client,
    producer: Producer,
    consumer: Consumer,
    /// Of records that were taken and have no outcome yet.
    taken: Vec<Delivery>,
    /// How often the consumer has given each value to a call.
    seen: BTreeMap<String, usize>,
}

impl World {
    async fn new(connections: Connections, reading: Reading) -> Self {
        let cluster = TestCluster::builder().brokers(2).topic("t", 2).build();
        // So that each step of a call is waited for.
        cluster.network().latency(Duration::from_millis(1));
        let client = Client::builder(cluster.bootstrap()).env(cluster.env(7)).connect().await;
        let client = client.unwrap();
        // Little room, so that taking a record is waited for.
        let config = ProducerConfig {
            buffer_bytes_max: 64 << 10,
            batch_bytes_max: 4 << 10,
            ..ProducerConfig::default()
        };
        let producer = client.producer().config(config).build().await.unwrap();
        let consumer = match reading {
            Reading::Alone => client.consumer().topics(["t"], Start::Earliest).start().unwrap(),
            Reading::Member => member(&client, "g"),
        };
        let (taken, seen) = (Vec::new(), BTreeMap::new());
        let mut world = Self { cluster, client, producer, consumer, taken, seen };
        for n in 0..2 {
            let partition = Record::to("t").partition(n).value("first");
            world.producer.send(partition).await.unwrap();
            world.consumer.next().await.unwrap().unwrap();
        }
        for n in 0..4 {
            let value = format!("taken {n}");
            let record = Record::to("t").partition(n % 2).value(&value);
            world.taken.push(world.producer.enqueue(record).await.unwrap());
        }
        if matches!(connections, Connections::Lost) {
            (1..=2).for_each(|broker| world.cluster.drop_connections(broker));
        }
        world
    }

    /// All that was taken arrives once, and the client does what it did before.
    async fn goes_on(&mut self) {
        for delivery in self.taken.drain(..) {
            delivery.await.unwrap();
        }
        let producer = self.client.producer().build().await.unwrap();
        for n in 0..2 {
            producer.send(Record::to("t").partition(n).value("last")).await.unwrap();
        }
        self.client.request(Target::Any, MetadataRequest::default()).await.unwrap();
        let builder = self.client.consumer().topics(["t"], Start::Earliest).stop(Stop::End);
        let mut anew = BTreeMap::new();
        read(&mut builder.start().unwrap(), &mut anew, None).await;
        for (value, count) in &anew {
            match value.as_str() {
                "first" | "last" => assert_eq!(*count, 2, "{value}"),
                // A call that was dropped may have been carried out, and no more than once, or
                // again after its connection was lost.
                "cut" => assert!(*count <= 2, "{value}"),
                _ => assert!(*count >= 1, "{value}"),
            }
        }
        assert_eq!(anew.keys().filter(|value| value.starts_with("taken")).count(), 4, "{anew:?}");
        // The reader that may have been cut goes on where it was.
        let mut rest = anew.clone();
        rest.remove("first");
        let mut seen = std::mem::take(&mut self.seen);
        read(&mut self.consumer, &mut seen, Some(&rest)).await;
        assert_eq!(seen, rest);
    }

    async fn leaves_nothing(self) {
        drop((self.client, self.producer, self.consumer));
        // A producer goes on for its delivery timeout, a request for its own.
        sleep(160 * SECOND).await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "tasks are left");
        drop(self.cluster);
    }
}

/// Counts how often each value comes, to the end or until as much has been seen as is wanted.
async fn read(
    consumer: &mut Consumer,
    seen: &mut BTreeMap<String, usize>,
    wanted: Option<&BTreeMap<String, usize>>,
) {
    let sum = |values: &BTreeMap<String, usize>| values.values().sum::<usize>();
    while wanted.is_none_or(|wanted| sum(seen) < sum(wanted)) {
        let next = timeout(60 * SECOND, consumer.next()).await.expect("no hang");
        let Some(batch) = next else { break };
        count(&batch.unwrap(), seen);
    }
}

fn count(batch: &FetchedBatch, seen: &mut BTreeMap<String, usize>) {
    for record in batch.records() {
        let value = record.unwrap().value.unwrap().to_vec();
        *seen.entry(String::from_utf8(value).unwrap()).or_insert(0) += 1;
    }
}

/// A member of a group that reads `t` from its beginning.
fn member(client: &Client, group: &str) -> Consumer {
    let builder = client.consumer().group(group).subscribe(["t"]).auto_commit(None);
    builder.offset_reset(OffsetReset::Earliest).start().unwrap()
}

/// Drops a call after each number of polls, until it is done; it waits that often at least.
async fn check(name: &str, waits_min: usize, call: impl AsyncFn(&mut World)) {
    check_as(Reading::Alone, name, waits_min, call).await;
}

async fn check_as(reading: Reading, name: &str, waits_min: usize, call: impl AsyncFn(&mut World)) {
    for connections in [Connections::Open, Connections::Lost] {
        let mut polls = 0;
        loop {
            let mut world = World::new(connections, reading).await;
            let done = timeout(300 * SECOND, cut(call(&mut world), polls)).await;
            let is_done = done.unwrap_or_else(|_| panic!("{name}: hangs at {polls}")).is_some();
            let after = async {
                world.goes_on().await;
                world.leaves_nothing().await;
            };
            let whole = timeout(900 * SECOND, after).await;
            whole.unwrap_or_else(|_| panic!("{name}: hangs after {polls}"));
            if is_done {
                break;
            }
            polls += 1;
            assert!(polls < POLLS_MAX, "{name}: waits too often");
        }
        assert!(polls > waits_min, "{name}: waited {polls} times only, {connections:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_client() {
    check("connect", 1, async |world: &mut World| {
        let builder = Client::builder(world.cluster.bootstrap()).env(world.cluster.env(8));
        builder.connect().await.unwrap();
    })
    .await;
    check("request", 1, async |world: &mut World| {
        world.client.request(Target::Controller, MetadataRequest::default()).await.unwrap();
    })
    .await;
    check("request to a coordinator", 2, async |world: &mut World| {
        let group = Target::Group("g".to_owned());
        world.client.request(group, DescribeGroupsRequest::default()).await.unwrap();
    })
    .await;
    check("topic", 0, async |world: &mut World| drop(world.client.topic("t").await.unwrap())).await;
    check("topic that is not there", 1, async |world: &mut World| {
        world.client.topic("none").await.unwrap_err();
    })
    .await;
    check("offsets", 1, async |world: &mut World| {
        let both = [("t", 0), ("t", 1)];
        world.client.offsets().at(Position::Latest, both).await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_of_an_admin() {
    check("list topics", 1, async |world: &mut World| {
        world.client.admin().list_topics().await.unwrap();
    })
    .await;
    check("describe topics", 1, async |world: &mut World| {
        world.client.admin().describe_topics(["t"]).await.unwrap();
    })
    .await;
    check("create topics", 1, async |world: &mut World| {
        drop(world.client.admin().create_topics([NewTopic::new("new")]).await);
    })
    .await;
    check("create partitions", 1, async |world: &mut World| {
        world.cluster.create_topic("new", 1);
        drop(world.client.admin().create_partitions([("new", 2)]).await);
    })
    .await;
    check("delete topics", 1, async |world: &mut World| {
        world.cluster.create_topic("new", 1);
        drop(world.client.admin().delete_topics(["new"]).await);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_producer() {
    check("build", 0, async |world: &mut World| {
        drop(world.client.producer().build().await.unwrap());
    })
    .await;
    check("send", 1, async |world: &mut World| {
        world.producer.send(Record::to("t").partition(0).value("cut")).await.unwrap();
    })
    .await;
    check("enqueue to a topic that is not known yet", 1, async |world: &mut World| {
        world.cluster.create_topic("new", 1);
        drop(world.producer.enqueue(Record::to("new").value("cut")).await.unwrap());
    })
    .await;
    check("enqueue without room", 1, async |world: &mut World| {
        world.cluster.create_topic("new", 1);
        for _ in 0..10 {
            let value = [b'c'; 8000];
            drop(world.producer.enqueue(Record::to("new").value(&value)).await.unwrap());
        }
    })
    .await;
    check("delivery", 1, async |world: &mut World| {
        let record = Record::to("t").partition(1).value("cut");
        world.producer.enqueue(record).await.unwrap().await.unwrap();
    })
    .await;
    check("flush", 1, async |world: &mut World| world.producer.flush().await.unwrap()).await;
    check("close", 1, async |world: &mut World| world.producer.close().await.unwrap()).await;
    check("close within", 1, async |world: &mut World| {
        world.producer.close_within(30 * SECOND).await.unwrap();
    })
    .await;
}

/// Asks for batches again and again, each time polled once and dropped while batches come: what is
/// given is taken, and nothing else may be missing afterwards.
async fn next_batches(world: &mut World) {
    for _ in 0..30 {
        if let Some(batch) = cut(world.consumer.next(), 1).await {
            count(&batch.unwrap().unwrap(), &mut world.seen);
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// The same of a stream.
async fn next_of_a_stream(world: &mut World) {
    for _ in 0..30 {
        let mut stream = pin!(world.consumer.stream());
        if let Some(batch) = cut(stream.next(), 1).await {
            count(&batch.unwrap().unwrap(), &mut world.seen);
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// The same of records by number.
async fn next_records(world: &mut World) {
    for _ in 0..30 {
        let records = cut(world.consumer.poll_records(2, SECOND), 1).await;
        for one in records.into_iter().flat_map(Result::unwrap) {
            let value = String::from_utf8(one.record.value().unwrap().to_vec()).unwrap();
            *world.seen.entry(value).or_insert(0) += 1;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_consumer() {
    for reading in [Reading::Alone, Reading::Member] {
        check_as(reading, "next", 20, next_batches).await;
        check_as(reading, "stream", 20, next_of_a_stream).await;
        check_as(reading, "poll records", 20, next_records).await;
        check_as(reading, "seek, and what comes then", 1, async |world: &mut World| {
            let at = world.consumer.position("t", 0).unwrap();
            world.consumer.seek("t", 0, Start::Offset(at)).unwrap();
            let batch = world.consumer.next().await.unwrap().unwrap();
            count(&batch, &mut world.seen);
        })
        .await;
    }
    check("unassign", 1, async |world: &mut World| {
        let builder = world.client.consumer().assign([("t", 0, Start::Earliest)]);
        let mut consumer = builder.start().unwrap();
        let batch = consumer.next().await.unwrap().unwrap();
        let control = consumer.control();
        let work = async {
            sleep(Duration::from_millis(3)).await;
            consumer.mark(&batch);
        };
        let (left, ()) = tokio::join!(control.unassign([("t", 0)]), work);
        left.unwrap();
    })
    .await;
    check("close a consumer", 1, async |world: &mut World| {
        let builder = world.client.consumer().topics(["t"], Start::Earliest);
        let mut consumer = builder.start().unwrap();
        consumer.next().await.unwrap().unwrap();
        consumer.close(10 * SECOND).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_member() {
    let as_member = Reading::Member;
    check_as(as_member, "commit", 1, async |world: &mut World| {
        world.consumer.commit().await.unwrap();
    })
    .await;
    check_as(as_member, "commit offsets", 1, async |world: &mut World| {
        let offsets = [GroupOffset::new("t", 0, 1), GroupOffset::new("t", 1, 1)];
        world.consumer.commit_offsets(offsets).await.unwrap();
    })
    .await;
    check_as(as_member, "committed", 1, async |world: &mut World| {
        let found = world.consumer.committed([("t", 0), ("t", 1)]).await.unwrap();
        assert!(found.iter().all(|one| one.outcome.is_ok()), "{found:?}");
    })
    .await;
    check_as(as_member, "close a member", 1, async |world: &mut World| {
        world.consumer.commit().await.unwrap();
        // Whoever comes next goes on behind that, whether the close was waited for or not.
        let next = member(&world.client, "g");
        std::mem::replace(&mut world.consumer, next).close(10 * SECOND).await;
    })
    .await;
    check("events", 1, async |world: &mut World| {
        let mut consumer = member(&world.client, "h");
        let mut events = consumer.events().unwrap();
        assert!(matches!(events.next().await, Some(GroupEvent::Assigned { .. })));
    })
    .await;
    check("assign what is committed", 2, async |world: &mut World| {
        let builder = world.client.consumer().group("h").offset_reset(OffsetReset::Earliest);
        let mut consumer = builder.assign_committed([("t", 0)]).start().unwrap();
        consumer.control().assign_committed([("t", 1)]).await.unwrap();
        let batch = consumer.next().await.unwrap().unwrap();
        consumer.commit().await.unwrap();
        assert_eq!(batch.first_offset(), 0);
    })
    .await;
    check("readers, and the end of all", 4, async |world: &mut World| {
        let mut split = member(&world.client, "h").split();
        let mut reader = split.next().await.unwrap().unwrap();
        assert_eq!(reader.next().await.unwrap().unwrap().first_offset(), 0);
        reader.next().await.unwrap().unwrap();
        split.control().commit().await.unwrap();
        drop(reader);
        split.close(10 * SECOND).await;
    })
    .await;
}
