//! Rights are taken away while records flow.

use std::time::{Duration, Instant};

use kurier_client::offsets::Isolation;
use kurier_client::producer::{Producer, Record};
use kurier_client::{Client, Error};
use kurier_protocol::ErrorCode;
use tokio::runtime;
use tokio::time::sleep;

use super::reading::{values, wait_for_committed};
use crate::real_broker::RealBroker;
use crate::real_brokers::each_since;

// Row 77 of the fault matrix at a real broker.

/// How long brokers take at most to hear of rights.
const NEWS_MAX: Duration = Duration::from_secs(20);

/// What alice may do, and may not do any more.
struct Rights<'a>(&'a RealBroker);

impl Rights<'_> {
    fn allow(&self, what: &str) {
        self.0.acls(&format!("--add --allow-principal User:alice --operation All {what}"));
    }

    fn deny(&self, what: &str) {
        self.0.acls(&format!("--add --deny-principal User:alice --operation Write {what}"));
    }

    fn give_back(&self, what: &str) {
        let deny = "--deny-principal User:alice --operation Write";
        self.0.acls(&format!("--remove --force {deny} {what}"));
    }
}

async fn alice(broker: &RealBroker, settings: &[(&str, &str)]) -> Client {
    let jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required \
                username=\"alice\" password=\"alice-secret\";";
    let mut pairs = vec![
        ("bootstrap.servers", broker.value("SASL_PLAINTEXT")),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.jaas.config", jaas),
    ];
    pairs.extend(settings);
    Client::from_properties(pairs).unwrap().connect().await.unwrap()
}

/// Sends numbers, one by one, until one is refused or taken, as wanted; gives those that were taken
/// and how the last one ended.
async fn send_until(
    producer: &Producer,
    topic: &str,
    numbers: &mut impl Iterator<Item = u32>,
    is_wanted: impl Fn(&Result<(), Error>) -> bool,
) -> (Vec<String>, Result<(), Error>) {
    let (start, mut taken) = (Instant::now(), Vec::new());
    loop {
        let value = numbers.next().unwrap().to_string();
        let sent = producer.send(Record::to(topic).value(&value)).await.map(drop);
        if sent.is_ok() {
            taken.push(value);
        }
        if is_wanted(&sent) {
            return (taken, sent);
        }
        assert!(start.elapsed() < NEWS_MAX, "rights have not changed: {sent:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

fn has_code(error: &Error, wanted: ErrorCode) -> bool {
    matches!(error, Error::Broker { code, .. } if *code == wanted)
}

#[test]
fn a_topic_that_may_not_be_written_any_more_fails_alone_and_works_again() {
    each_since("4.0", "the right to write a topic taken away", |release| {
        let broker = RealBroker::start_secured(release, &[]);
        let rights = Rights(&broker);
        ["lost", "kept"].iter().for_each(|topic| broker.create_topic(topic, 1));
        rights.allow("--topic lost");
        for idempotence in ["true", "false"] {
            let runtime =
                runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            runtime.unwrap().block_on(async {
                let client = alice(&broker, &[("enable.idempotence", idempotence)]).await;
                let producer = client.producer().build().await.unwrap();
                let before = values(&client, "lost", Isolation::ReadUncommitted).await.len();
                let (mut numbers, mut others) = (0.., 0..);
                let (mut lost, _) =
                    send_until(&producer, "lost", &mut numbers, Result::is_ok).await;
                let (mut kept, _) = send_until(&producer, "kept", &mut others, Result::is_ok).await;
                rights.deny("--topic lost");
                let (more, refused) =
                    send_until(&producer, "lost", &mut numbers, Result::is_err).await;
                let refused = refused.unwrap_err();
                assert!(has_code(&refused, ErrorCode::TOPIC_AUTHORIZATION_FAILED), "{refused}");
                assert!(!refused.maybe_written() && !refused.is_fatal(), "{refused}");
                lost.extend(more);
                for _ in 0..20 {
                    let all = |sent: &Result<(), Error>| {
                        sent.as_ref().unwrap();
                        true
                    };
                    kept.extend(send_until(&producer, "kept", &mut others, all).await.0);
                }
                rights.give_back("--topic lost");
                lost.extend(send_until(&producer, "lost", &mut numbers, Result::is_ok).await.0);
                lost.extend(send_until(&producer, "lost", &mut numbers, Result::is_ok).await.0);
                let found = values(&client, "lost", Isolation::ReadUncommitted).await;
                assert_eq!(found[before..], lost, "idempotence: {idempotence}");
                let found = values(&client, "kept", Isolation::ReadUncommitted).await;
                assert!(found.ends_with(&kept), "{found:?}, idempotence: {idempotence}");
            });
        }
    });
}

#[test]
fn a_transaction_whose_rights_are_taken_away_is_never_committed() {
    each_since("4.0", "the rights of a transaction taken away", |release| {
        let broker = RealBroker::start_secured(release, &[]);
        let rights = Rights(&broker);
        ["lost", "kept"].iter().for_each(|topic| broker.create_topic(topic, 1));
        ["--topic lost", "--transactional-id a"].iter().for_each(|what| rights.allow(what));
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.unwrap().block_on(async {
            let client = alice(&broker, &[]).await;
            let producer = client.transactional_producer("a").build().await.unwrap();
            // Of a topic: the transaction is aborted, and the next one is none of its.
            let mut first = producer.begin().await.unwrap();
            first.send(Record::to("lost").value("first")).await.unwrap();
            first.send(Record::to("kept").value("first")).await.unwrap();
            rights.deny("--topic lost");
            let start = Instant::now();
            let refused = loop {
                match first.send(Record::to("lost").value("more")).await {
                    Ok(_) => assert!(start.elapsed() < NEWS_MAX, "rights have not changed"),
                    Err(refused) => break refused,
                }
            };
            assert!(has_code(&refused, ErrorCode::TOPIC_AUTHORIZATION_FAILED), "{refused}");
            let refused = first.commit().await.unwrap_err();
            assert!(refused.requires_abort(), "{refused}");
            first.abort().await.unwrap();
            let mut second = producer.begin().await.unwrap();
            second.send(Record::to("kept").value("second")).await.unwrap();
            second.commit().await.unwrap();
            // Of the id itself: nobody can commit or abort it but its coordinator, in time.
            let mut third = producer.begin().await.unwrap();
            third.send(Record::to("kept").value("third")).await.unwrap();
            rights.deny("--transactional-id a");
            sleep(Duration::from_secs(1)).await;
            let refused = third.commit().await.unwrap_err();
            assert!(!refused.maybe_written(), "{refused}");
            assert!(
                has_code(&refused, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
                "{refused}"
            );
            drop(third);
            rights.give_back("--transactional-id a");
            rights.give_back("--topic lost");
            sleep(Duration::from_secs(1)).await;
            let later = client.transactional_producer("a").build().await.unwrap();
            let mut last = later.begin().await.unwrap();
            last.send(Record::to("lost").value("last")).await.unwrap();
            last.send(Record::to("kept").value("last")).await.unwrap();
            last.commit().await.unwrap();
            wait_for_committed(&client, "lost", &["last"]).await;
            wait_for_committed(&client, "kept", &["second", "last"]).await;
        });
    });
}
