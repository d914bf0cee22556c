//! Every future of every public call may be dropped wherever it waits: nothing that was taken is
//! lost or doubled, the client works on, and no task is left.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use kurier_client::admin::NewTopic;
use kurier_client::consumer::{Consumer, FetchedBatch, Start, Stop};
use kurier_client::offsets::Position;
use kurier_client::producer::{Delivery, Producer, ProducerConfig, Record};
use kurier_client::{Client, Target};
use kurier_protocol::api::describe_groups::DescribeGroupsRequest;
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::TestCluster;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
/// No call waits as often as this.
const POLLS_MAX: usize = 60;

/// Polls a future so many times, each time that it is woken, and drops it if it is not done then.
async fn cut<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Where a call finds the connections.
#[derive(Clone, Copy, Debug)]
enum Connections {
    Open,
    /// They have just been lost, so that the call waits for new ones, too.
    Lost,
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
    async fn new(connections: Connections) -> Self {
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
        let consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
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

/// Drops a call after each number of polls, until it is done; it waits that often at least.
async fn check(name: &str, waits_min: usize, call: impl AsyncFn(&mut World)) {
    for connections in [Connections::Open, Connections::Lost] {
        let mut polls = 0;
        loop {
            let mut world = World::new(connections).await;
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

#[tokio::test(start_paused = true)]
async fn calls_of_a_consumer() {
    check("next", 20, async |world: &mut World| {
        // Polled once and dropped while batches come: what it gives is taken, and nothing else may
        // be missing afterwards.
        for _ in 0..30 {
            if let Some(batch) = cut(world.consumer.next(), 1).await {
                count(&batch.unwrap().unwrap(), &mut world.seen);
            }
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}
