//! Records over a limit fail at once with the limit's name; batches over the broker's are split.

use std::time::Duration;

use kurier_client::Error;
use kurier_client::producer::Record;
use kurier_protocol::ApiKey;
use kurier_testkit::TestCluster;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn a_record_over_the_clients_limit_is_refused_at_once() {
    let world = World::new(1).await;
    let producer = world.producer().await;
    let value = vec![b'v'; 1 << 20];
    let error = producer.enqueue(Record::to("t").value(&value)).await.unwrap_err();
    let Error::TooLarge { bytes, bytes_max, .. } = error else { panic!("{error}") };
    assert!(bytes > 1 << 20 && bytes_max == 1 << 20, "{error}");
    assert!(error.to_string().contains("max.request.size"), "{error}");
    let value = vec![b'v'; (1 << 20) - 200];
    assert_eq!(producer.send(Record::to("t").value(&value)).await.unwrap().offset, 0);
}

#[tokio::test(start_paused = true)]
async fn a_record_over_the_topics_limit_names_sizes_and_settings() {
    let builder =
        TestCluster::builder().topic("t", 1).topic_config("t", "max.message.bytes", "500");
    let world = World::of(builder).await;
    let producer = world.producer().await;
    let mut deliveries = Vec::new();
    for bytes in [10, 900, 20] {
        let value = vec![b'v'; bytes];
        deliveries.push(producer.enqueue(Record::to("t").value(&value)).await.unwrap());
    }
    let [small, large, last] = deliveries.try_into().unwrap();
    let text = large.await.unwrap_err().to_string();
    for part in ["MESSAGE_TOO_LARGE", "max.message.bytes", "message.max.bytes", "97"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!((small.await.unwrap().offset, last.await.unwrap().offset), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_batch_over_the_topics_limit_is_split() {
    let builder =
        TestCluster::builder().topic("t", 1).topic_config("t", "max.message.bytes", "500");
    let world = World::of(builder).await;
    let producer = world.producer().await;
    let mut deliveries = Vec::new();
    for n in 0..1000 {
        let value = n.to_string();
        deliveries.push(producer.enqueue(Record::to("t").value(&value)).await.unwrap());
    }
    for (n, delivery) in deliveries.into_iter().enumerate() {
        assert_eq!(delivery.await.unwrap().offset, i64::try_from(n).unwrap());
    }
    assert_eq!(world.log(0), (0..1000).collect::<Vec<_>>());
    assert!(world.cluster.batches("t", 0).iter().all(|b| b.bytes().len() <= 500));
}

#[tokio::test(start_paused = true)]
async fn requests_stay_within_their_limit() {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 20)).await;
    let producer = world.client.producer().linger(Duration::from_millis(50)).build().await.unwrap();
    for n in 0..200 {
        let value = vec![b'v'; 100 << 10];
        drop(producer.enqueue(Record::to("t").partition(n % 20).value(&value)).await.unwrap());
    }
    producer.close().await.unwrap();
    let requests = world.cluster.requests();
    let sizes: Vec<_> =
        requests.iter().filter(|r| r.api == ApiKey::PRODUCE).map(|r| r.body.len()).collect();
    assert!(sizes.iter().all(|bytes| *bytes <= (1 << 20) + 1000), "{sizes:?}");
    assert!(sizes.len() < 40, "{sizes:?}");
}
