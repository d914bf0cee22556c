//! "No broker can be reached" is said when no broker can be reached, and then only.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::{Client, Target};
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::TestCluster;
use kurier_testkit::net::Answer;
use tokio::time::sleep;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

const SECOND: Duration = Duration::from_secs(1);

/// Counts what is told at the level of warnings and above.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with("kurier_client")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Message(bool);
        impl Visit for Message {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                let text = format!("{value:?}");
                self.0 |= field.name() == "message" && text.contains("no broker has given");
            }
        }
        let mut message = Message(false);
        event.record(&mut message);
        self.0.fetch_add(usize::from(message.0), Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn all_brokers_are_down_only_if_they_are() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    // With one subscriber alone, a thread that has none may decide for all that nobody listens.
    let _second = tracing::Dispatch::new(Warnings::default());
    let cluster = TestCluster::builder().brokers(3).topic("t", 3).build();
    let config = ClientConfig {
        metadata_age_max: 20 * SECOND,
        connection_idle_max: 7 * SECOND,
        request_timeout: 5 * SECOND,
        ..ClientConfig::default()
    };
    let builder = Client::builder(cluster.bootstrap()).config(config).env(cluster.env(7));
    let client = builder.connect().await.unwrap();
    let told = || warnings.0.swap(0, Ordering::Relaxed);
    let ask = |broker| client.request(Target::Broker(broker), MetadataRequest::default());

    // Idle connections are closed by either side.
    for broker in 1..=3 {
        ask(broker).await.unwrap();
    }
    sleep(60 * SECOND).await;
    for broker in 1..=3 {
        ask(broker).await.unwrap();
        cluster.drop_connections(broker);
    }
    sleep(60 * SECOND).await;
    assert_eq!(told(), 0, "idle connections");

    // Brokers move to other addresses, one after the other.
    for broker in 1..=3 {
        let name = format!("broker-{broker}");
        let nowhere = Answer::Addresses(vec![[192, 0, 2, 1].into()]);
        cluster.network().resolve(&name, [nowhere, Answer::Brokers(vec![broker])]);
        cluster.drop_connections(broker);
        sleep(60 * SECOND).await;
    }
    assert_eq!(told(), 0, "addresses");

    // One broker of three is away at a time.
    for broker in 1..=3 {
        cluster.kill_broker(broker);
        sleep(60 * SECOND).await;
        cluster.restart_broker(broker);
        sleep(60 * SECOND).await;
    }
    assert_eq!(told(), 0, "a broker of three");

    (1..=3).for_each(|broker| cluster.kill_broker(broker));
    sleep(60 * SECOND).await;
    assert!(told() > 0, "all of them are down");
    (1..=3).for_each(|broker| cluster.restart_broker(broker));
    sleep(60 * SECOND).await;
    told();
    sleep(60 * SECOND).await;
    assert_eq!(told(), 0, "they are back");
}
