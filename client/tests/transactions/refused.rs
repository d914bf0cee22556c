//! Brokers refuse the login, or take rights away, while transactions are written: every call says
//! so as soon as that is known.

use std::time::Duration;

use kurier_client::producer::Record;
use kurier_client::security::{Sasl, Secret};
use kurier_client::transactional::Transaction;
use kurier_client::transactions::{ConsumerGroupMetadata, GroupOffset};
use kurier_client::{Client, Error};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, SaslMechanism, TestCluster};
use tokio::time::{Instant, sleep};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn record(value: &str) -> Record<'_> {
    Record::to("t").partition(0).value(value)
}

async fn offsets(to: &Transaction) -> Result<(), Error> {
    to.send_offsets(ConsumerGroupMetadata::new("g"), [GroupOffset::new("t", 0, 1)]).await
}

/// Waits until a call has failed, and not for long.
async fn soon(what: &str, call: impl Future<Output = Result<(), Error>>) -> Error {
    let start = Instant::now();
    let error = call.await.unwrap_err();
    assert!(start.elapsed() < 5 * SECOND, "{what} after {:?}: {error}", start.elapsed());
    error
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_refused_is_told_by_each_call_at_once() {
    for release in ["2.8", "3.9", "4.4"] {
        for first in ["send", "offsets", "commit", "abort", "begin", "build", "close"] {
            let cluster = TestCluster::builder().brokers(3).release(release).topic("t", 1);
            let cluster = cluster.sasl([SaslMechanism::Plain]).user("alice", "wonderland").build();
            let password = Secret::new("wonderland");
            let sasl = Sasl::Plain { user: "alice".to_owned(), password };
            let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).sasl(sasl);
            let client = client.connect().await.unwrap();
            let producer = client.transactional_producer("a").build().await.unwrap();
            let mut before = producer.begin().await.unwrap();
            before.send(record("kept")).await.unwrap();
            offsets(&before).await.unwrap();
            before.commit().await.unwrap();
            drop(before);
            let mut open = producer.begin().await.unwrap();
            open.send(record("lost")).await.unwrap();
            let refused = ErrorCode::SASL_AUTHENTICATION_FAILED;
            let login = Fault::on(ApiKey::SASL_AUTHENTICATE).always();
            cluster.fault(login.answer_at_top(refused));
            (1..=3).for_each(|broker| cluster.drop_connections(broker));
            sleep(SECOND).await;
            let error = match first {
                "send" => soon(first, async { open.send(record("lost")).await.map(drop) }).await,
                "offsets" => soon(first, offsets(&open)).await,
                "commit" => soon(first, open.commit()).await,
                "abort" => soon(first, open.abort()).await,
                "begin" => {
                    drop(open);
                    soon(first, async { producer.begin().await.map(drop) }).await
                }
                "close" => soon(first, producer.close()).await,
                _ => {
                    let build = client.transactional_producer("b").build();
                    soon(first, async { build.await.map(drop) }).await
                }
            };
            assert!(error.to_string().contains("SASL_AUTHENTICATION_FAILED"), "{first}: {error}");
            assert!(!error.is_retriable(), "{release} {first}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rights_that_are_lost_are_told_by_each_call_at_once() {
    let id = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    let rows = [
        (ApiKey::PRODUCE, ErrorCode::TOPIC_AUTHORIZATION_FAILED, false),
        (ApiKey::PRODUCE, id, true),
        (ApiKey::ADD_PARTITIONS_TO_TXN, ErrorCode::TOPIC_AUTHORIZATION_FAILED, false),
        (ApiKey::ADD_PARTITIONS_TO_TXN, id, true),
        (ApiKey::ADD_OFFSETS_TO_TXN, ErrorCode::GROUP_AUTHORIZATION_FAILED, false),
        (ApiKey::ADD_OFFSETS_TO_TXN, id, true),
        (ApiKey::TXN_OFFSET_COMMIT, ErrorCode::GROUP_AUTHORIZATION_FAILED, false),
        (ApiKey::END_TXN, id, true),
    ];
    for release in ["2.8", "3.9", "4.4"] {
        for (api, code, is_over) in rows {
            let is_added = [ApiKey::ADD_PARTITIONS_TO_TXN, ApiKey::ADD_OFFSETS_TO_TXN];
            if release == "4.4" && is_added.contains(&api) {
                continue;
            }
            let world = World::new(release).await;
            let producer = world.client.transactional_producer("a").build().await.unwrap();
            let mut open = producer.begin().await.unwrap();
            world.cluster.fault(Fault::on(api).always().answer(code));
            let start = Instant::now();
            let sent = open.send(record("lost")).await.map(drop);
            let given = offsets(&open).await;
            let error = sent.and(given).and(open.commit().await).unwrap_err();
            assert_eq!(error.code(), Some(code), "{release} {api}: {error}");
            let error = open.commit().await.unwrap_err();
            assert_eq!((error.is_fatal(), error.requires_abort()), (is_over, !is_over), "{error}");
            let aborted = open.abort().await;
            assert_eq!(aborted.is_err(), is_over, "{release} {api} {code}: {aborted:?}");
            assert!(start.elapsed() < 5 * SECOND, "{release} {api}: {:?}", start.elapsed());
            drop(open);
            world.cluster.clear_faults();
            assert_eq!(producer.begin().await.is_err(), is_over, "{release} {api} {code}");
        }
    }
}

/// By version 2 the group's coordinator puts the group into the transaction, and then refuses.
#[tokio::test(start_paused = true)]
async fn a_transaction_of_nothing_but_refused_offsets_is_not_left_to_its_timeout() {
    for release in ["2.8", "3.9", "4.4"] {
        let world = World::new(release).await;
        let producer = world.client.transactional_producer("a").build().await.unwrap();
        let mut open = producer.begin().await.unwrap();
        let mut group = ConsumerGroupMetadata::new("g");
        (group.generation_id, group.member_id) = (7, "nobody".to_owned());
        let refused = open.send_offsets(group, [GroupOffset::new("t", 0, 1)]).await.unwrap_err();
        assert!(refused.code().is_some(), "{release}: {refused}");
        open.abort().await.unwrap();
        drop(open);
        let found = world.steps.describe(["a"]).await.pop().unwrap().1;
        // Releases without that question have older rules.
        let state = found.map(|found| found.state);
        assert!(state.is_err() || state.is_ok_and(|state| state != "Ongoing"), "{release}");
        // Longer than the coordinator lets it be open.
        sleep(120 * SECOND).await;
        let mut next = producer.begin().await.unwrap();
        next.send(record("kept")).await.unwrap();
        next.commit().await.unwrap();
    }
}
