//! A future that is dropped, wherever it was, loses nothing: the client goes on as if it had not
//! been.

use std::pin::pin;

use kurier_client::admin::NewTopic;
use kurier_client::offsets::Position;
use kurier_client::{Client, Target};
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::TestCluster;

/// Polls a future so many times, letting everything else move in between, and drops it.
async fn cut<T>(future: impl Future<Output = T>, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        let done =
            std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_ready()));
        if done.await {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn works(client: &Client) {
    let answer = client.request(Target::Any, MetadataRequest::default()).await.expect("works");
    assert_eq!(answer.brokers.len(), 2);
    let found = client.offsets().at(Position::Earliest, [("t", 0), ("t", 1)]).await;
    assert_eq!(found.expect("works").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_and_lookups_may_be_dropped_anywhere() {
    for polls in 0..12 {
        let cluster = TestCluster::builder().brokers(2).topic("t", 2).build();
        let builder = Client::builder(cluster.bootstrap()).env(cluster.env(1));
        cut(builder.clone().connect(), polls).await;
        let client = builder.connect().await.unwrap();
        cut(client.request(Target::Any, MetadataRequest::default()), polls).await;
        works(&client).await;
        cut(client.offsets().at(Position::Latest, [("t", 0)]), polls).await;
        works(&client).await;
        let admin = client.admin();
        cut(admin.list_topics(), polls).await;
        cut(admin.describe_topics(["t"]), polls).await;
        works(&client).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_dropped_is_done_once_or_not_at_all() {
    for polls in 0..12 {
        let cluster = TestCluster::builder().brokers(2).topic("t", 2).build();
        let builder = Client::builder(cluster.bootstrap()).env(cluster.env(1));
        let client = builder.connect().await.unwrap();
        let admin = client.admin();
        cut(admin.create_topics([NewTopic::new("new").partitions(2)]), polls).await;
        cut(admin.create_partitions([("t", 3)]), polls).await;
        cut(admin.delete_topics(["new"]), polls).await;
        works(&client).await;
        assert!(matches!(cluster.partition_count("new"), None | Some(2)));
        assert!(matches!(cluster.partition_count("t"), Some(2 | 3)));
    }
}
