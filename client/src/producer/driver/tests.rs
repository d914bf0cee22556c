//! The driver, told by the test what callers would tell it.

use std::time::Duration;

use kurier_protocol::Uuid;
use kurier_protocol::record::{Magic, RecordParts};
use kurier_testkit::TestCluster;

use super::super::accumulator::{Accumulator, Means, Space};
use super::super::batch::Delivery;
use super::super::batch::tests::Heard;
use super::super::config::ProducerConfig;
use super::super::topics::Seen;
use super::*;
use crate::backoff::Backoff;
use crate::config::ClientConfig;
use crate::metadata::Creation;

struct Fixture {
    world: TestCluster,
    accumulator: Arc<Accumulator>,
    events: mpsc::UnboundedSender<Event>,
}

impl Fixture {
    /// A driver that does not run yet, of a producer with the defaults.
    async fn new() -> (Self, Driver) {
        let world = TestCluster::builder().brokers(1).topic("t", 2).build();
        let servers = world.bootstrap().into_iter().map(|s| s.parse().unwrap()).collect();
        let config = ClientConfig::default();
        let cluster = Cluster::connect(world.env(7), config, servers).await.unwrap();
        let accumulator = Arc::new(Accumulator::new(1 << 20, 1 << 20));
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let sender = Sender::new(ProducerConfig::default(), Arc::clone(&accumulator), backoff);
        let (events, receiver) = mpsc::unbounded_channel();
        let driver = Driver {
            owns_class: true,
            reports: Vec::new(),
            class: Class::Produce(cluster.new_owner()),
            meter: cluster.metrics().producer(),
            cluster,
            sender,
            events: receiver,
            topics: Arc::default(),
            flushes: BTreeMap::new(),
            flush_count: 0,
            idle: Idle::new(Duration::from_secs(300)),
            is_listening: true,
            is_ending: false,
        };
        (Self { world, accumulator, events }, driver)
    }

    /// A record in a partition of its own.
    fn append(&self, slot: usize) -> Delivery {
        let index = i32::try_from(slot).unwrap();
        let partition = Arc::new(Partition::new("t".into(), index, slot, Magic::V2));
        let (mut space, heard) = (Space::default(), Heard::at(1_000));
        let mut means = Means { budget: &*self.accumulator, space: &mut space, outside: &heard };
        let delivery = partition.append(&RecordParts::default(), None, &mut means).unwrap();
        self.tell(Event::First(Arc::clone(&partition), heard.first.get().unwrap()));
        delivery
    }

    fn tell(&self, event: Event) -> bool {
        self.events.send(event).is_ok()
    }

    fn flush(&self) -> oneshot::Receiver<Result<(), Error>> {
        let (done, flushed) = oneshot::channel();
        assert!(self.tell(Event::Flush(done)));
        flushed
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_an_abort_is_not_waited_for() {
    let (f, driver) = Fixture::new().await;
    f.world.kill_broker(1);
    let early = f.append(0);
    let flushed = f.flush();
    let (told, left) = oneshot::channel();
    f.tell(Event::Abort(told));
    let late = f.append(1);
    let late_flush = f.flush();
    let start = tokio::time::Instant::now();
    driver.run().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(left.await.unwrap().map(|left| left.partition.index), Some(0));
    assert!(early.is_complete() && late.is_complete());
    assert!(matches!(flushed.await, Ok(Err(Error::Closed { .. }))));
    late_flush.await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn what_was_told_before_the_end_is_sent() {
    let (f, driver) = Fixture::new().await;
    f.tell(Event::End);
    let delivery = f.append(1);
    let flushed = f.flush();
    driver.cluster.topic("t", Creation::Never, in_a_minute()).await.unwrap();
    driver.run().await;
    assert_eq!(delivery.await.unwrap().offset, 0);
    flushed.await.unwrap().unwrap();
    assert!(!f.tell(Event::Short), "nobody listens any more");
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_is_dropped_leaves_no_delivery_behind() {
    let (f, driver) = Fixture::new().await;
    let delivery = f.append(0);
    drop(driver);
    assert!(matches!(delivery.await, Err(Error::Closed { .. })));
}

#[tokio::test]
async fn no_news_of_the_cluster_is_missed_because_something_else_happens() {
    let (f, driver) = Fixture::new().await;
    let (topics, cluster) = (Arc::clone(&driver.topics), driver.cluster.clone());
    let name = Arc::from("t");
    let old = Seen { name: &name, id: Uuid::ZERO, count: 1 };
    topics.add(old, Magic::V2, Arc::default);
    let mut run = std::pin::pin!(driver.run());
    assert!((&mut run).now_or_never().is_none());
    let known = cluster.topic("t", Creation::Never, in_a_minute()).await.unwrap();
    assert_eq!(known.partitions.len(), 2);
    // When the driver wakes, there is a picture for it, and an event too.
    f.tell(Event::Short);
    assert!((&mut run).now_or_never().is_none());
    assert_eq!(topics.find("t").unwrap().partitions().len(), 2);
}

fn in_a_minute() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_secs(60)
}
