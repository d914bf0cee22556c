//! Logins: every mechanism with brokers of every age, and sessions that end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kurier_client::error::ErrorKind;
use kurier_client::security::{
    BearerToken, OauthBearer, Sasl, ScramHash, Secret, TokenProvider, UnsecuredLogin,
};
use kurier_client::{Client, Error, Record, Start, Stop};
use kurier_env::{BoxFuture, Env};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Builder, Fault, SaslMechanism, TestCluster};
use tokio::time::{Instant, sleep};

fn all(password: &str) -> Vec<Sasl> {
    let (user, password) = (|| "alice".to_owned(), || Secret::new(password));
    let scram = |hash| Sasl::Scram { hash, user: user(), password: password(), is_token: false };
    vec![
        Sasl::Plain { user: user(), password: password() },
        scram(ScramHash::Sha256),
        scram(ScramHash::Sha512),
        Sasl::OauthBearer(OauthBearer::new(UnsecuredLogin::new("alice"))),
    ]
}

fn cluster(release: &str) -> Builder {
    // Each release adds to the mechanisms of the one before.
    let count = match release {
        "0.10.0" => 1,
        "0.10.2" | "1.0" => 3,
        // The last one wants a KDC.
        _ => SaslMechanism::ALL.len() - 1,
    };
    let mechanisms = SaslMechanism::ALL.iter().take(count);
    let builder = TestCluster::builder().release(release).topic("t", 1);
    builder.sasl(mechanisms.copied()).user("alice", "wonderland")
}

async fn connect(cluster: &TestCluster, sasl: Sasl) -> Result<Client, Error> {
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(1));
    client.sasl(sasl).connect().await
}

fn count(cluster: &TestCluster, api: ApiKey) -> usize {
    cluster.requests().iter().filter(|request| request.api == api).count()
}

#[tokio::test(start_paused = true)]
async fn who_is_sent_back_to_servers_that_refuse_the_login_hears_of_that() {
    let cluster = cluster("4.4").brokers(2).build();
    let client = connect(&cluster, all("wonderland").remove(0)).await.unwrap();
    let producer = client.producer().build().await.unwrap();
    producer.send(Record::to("t").value("v")).await.unwrap();
    let start = Instant::now();
    let leader = cluster.leader("t", 0).unwrap();
    let (elsewhere, refused) =
        (ErrorCode::REBOOTSTRAP_REQUIRED, ErrorCode::SASL_AUTHENTICATION_FAILED);
    let hello = Fault::on(ApiKey::API_VERSIONS).broker(leader);
    cluster.fault(hello.always().answer_at_top(elsewhere));
    cluster.fault(Fault::on(ApiKey::SASL_AUTHENTICATE).always().answer_at_top(refused));
    cluster.drop_connections(1);
    cluster.drop_connections(2);
    let error = producer.send(Record::to("t").value("v")).await.unwrap_err();
    assert!(error.to_string().contains("SASL_AUTHENTICATION_FAILED"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(30), "after {:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn every_mechanism_logs_in_to_brokers_of_every_age() {
    for (release, count) in [("0.10.0", 1), ("0.10.2", 3), ("1.0", 3), ("2.2", 4), ("4.4", 4)] {
        for sasl in all("wonderland").into_iter().take(count) {
            let cluster = cluster(release).build();
            let client = connect(&cluster, sasl).await.unwrap();
            let producer = client.producer().build().await.unwrap();
            producer.send(Record::to("t").value("v")).await.unwrap();
            let mut consumer =
                client.consumer().topics(["t"], Start::Earliest).stop(Stop::End).start().unwrap();
            let batch = consumer.next().await.unwrap().unwrap();
            assert_eq!(batch.records().count(), 1);
            let requests = cluster.requests();
            let produce = requests.iter().find(|request| request.api == ApiKey::PRODUCE).unwrap();
            assert_eq!(produce.user.as_deref(), Some("alice"), "{release}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_fails_at_once_and_once() {
    for sasl in all("looking-glass").into_iter().take(3) {
        let cluster = cluster("4.4").build();
        let begun = Instant::now();
        let name = sasl.name();
        let error = connect(&cluster, sasl).await.map(drop).unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert!(!error.is_retriable());
        assert_eq!(count(&cluster, ApiKey::SASL_HANDSHAKE), 1);
        let text = error.to_string();
        assert!(text.contains(&format!("as alice by {name}")), "{text}");
        assert!(!text.contains("looking-glass"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_fails_at_once_and_once_whatever_the_other_servers_are() {
    for down in [1, 2] {
        let cluster = cluster("4.4").brokers(2).build();
        cluster.kill_broker(down);
        let begun = Instant::now();
        let error = connect(&cluster, all("looking-glass").remove(1)).await.map(drop).unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert!(matches!(error, Error::Authentication { .. }) && error.is_fatal(), "{error}");
        assert_eq!(count(&cluster, ApiKey::SASL_HANDSHAKE), 1);
    }
}

/// Gives tokens that are good until it is told otherwise.
#[derive(Debug)]
struct Fickle(Arc<AtomicBool>);

impl TokenProvider for Fickle {
    fn token<'a>(&'a self, env: &'a Env) -> BoxFuture<'a, Result<BearerToken, Error>> {
        let token = BearerToken { token: Secret::new("nobody"), extensions: Vec::new() };
        Box::pin(async move {
            match self.0.load(Ordering::Relaxed) {
                true => Ok(token),
                false => UnsecuredLogin::new("alice").token(env).await,
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_login_is_refused_later_tries_it_seldom_and_comes_back() {
    let cluster = cluster("4.4").brokers(3).build();
    let is_bad = Arc::new(AtomicBool::new(false));
    let sasl = Sasl::OauthBearer(OauthBearer::new(Fickle(Arc::clone(&is_bad))));
    let client = connect(&cluster, sasl).await.unwrap();
    is_bad.store(true, Ordering::Relaxed);
    (1..=3).for_each(|broker| cluster.drop_connections(broker));
    let before = count(&cluster, ApiKey::SASL_HANDSHAKE);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(600) {
        client.topic("t").await.unwrap_err();
    }
    let tried = count(&cluster, ApiKey::SASL_HANDSHAKE) - before;
    assert!((3..=8).contains(&tried), "{tried} logins in ten minutes");
    is_bad.store(false, Ordering::Relaxed);
    sleep(Duration::from_secs(360)).await;
    client.topic("t").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_topic_hears_at_once_that_the_login_is_refused() {
    let cluster = cluster("4.4").brokers(3).build();
    let is_bad = Arc::new(AtomicBool::new(false));
    let sasl = Sasl::OauthBearer(OauthBearer::new(Fickle(Arc::clone(&is_bad))));
    let client = connect(&cluster, sasl).await.unwrap();
    is_bad.store(true, Ordering::Relaxed);
    (1..=3).for_each(|broker| cluster.drop_connections(broker));
    let begun = Instant::now();
    let error = client.topic("t").await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}: {error}", begun.elapsed());
    assert!(matches!(error, Error::Authentication { .. }) && error.is_fatal(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn records_flow_through_renewed_logins_on_one_connection() {
    for sasl in all("wonderland") {
        let cluster = cluster("4.4").session_lifetime(Duration::from_secs(10)).build();
        let client = connect(&cluster, sasl).await.unwrap();
        let producer = client.producer().build().await.unwrap();
        for _ in 0..200 {
            producer.send(Record::to("t").value("v")).await.unwrap();
            sleep(Duration::from_millis(300)).await;
        }
        assert_eq!(cluster.high_watermark("t", 0), 200);
        let requests = cluster.requests();
        let of = |api| requests.iter().filter(move |request| request.api == api);
        let produced_on = of(ApiKey::PRODUCE).next().unwrap().connection;
        assert!(of(ApiKey::PRODUCE).all(|request| request.connection == produced_on));
        let handshakes = of(ApiKey::SASL_HANDSHAKE);
        let renewed = handshakes.filter(|request| request.connection == produced_on).count();
        assert!((6..=8).contains(&renewed), "{renewed} logins in a minute");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_login_the_error_says_what_may_be_missing() {
    let cluster = cluster("4.4").build();
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(1));
    let error = client.connect().await.map(drop).unwrap_err().to_string();
    assert!(error.contains("sasl.mechanism"), "{error}");
    let open = TestCluster::builder().topic("t", 1).build();
    let error = connect(&open, all("x").remove(0)).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("the listener wants no login"), "{error}");
}

/// Sends records a third of a second apart without waiting for them, and gives what became of each.
async fn stream(client: &Client, count: u32) -> Vec<Result<i64, Error>> {
    let producer = client.producer().build().await.expect("the defaults are valid");
    let mut deliveries = Vec::new();
    for _ in 0..count {
        let enqueued = producer.enqueue(Record::to("t").value("v")).await;
        deliveries.push(enqueued.expect("there is room"));
        sleep(Duration::from_millis(300)).await;
    }
    let mut outcomes = Vec::new();
    for delivery in deliveries {
        outcomes.push(delivery.await.map(|sent| sent.offset));
    }
    outcomes
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_due_while_records_are_in_flight_loses_and_repeats_none() {
    for sasl in all("wonderland") {
        let cluster = cluster("4.4").session_lifetime(Duration::from_secs(10)).build();
        let client = connect(&cluster, sasl).await.unwrap();
        // There is nearly always a request that has no answer yet; more of them, each in its turn,
        // would keep the login waiting for longer than it is valid.
        let slow = Fault::on(ApiKey::PRODUCE).always().delay_answer(Duration::from_millis(299));
        cluster.fault(slow);
        let outcomes = stream(&client, 200).await;
        let offsets: Vec<i64> = outcomes.into_iter().map(Result::unwrap).collect();
        assert_eq!(offsets, (0..200).collect::<Vec<_>>());
        assert_eq!(cluster.high_watermark("t", 0), 200);
        let requests = cluster.requests();
        let of = |api| requests.iter().filter(move |request| request.api == api);
        let produced_on = of(ApiKey::PRODUCE).next().unwrap().connection;
        assert!(of(ApiKey::PRODUCE).all(|request| request.connection == produced_on));
        let renewed = of(ApiKey::SASL_HANDSHAKE).filter(|r| r.connection == produced_on).count();
        assert!(renewed >= 5, "{renewed} logins in a minute");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_refused_in_mid_run_is_told_and_the_next_login_goes_on() {
    let cluster = cluster("4.4").session_lifetime(Duration::from_secs(10)).build();
    let client = connect(&cluster, all("wonderland").remove(0)).await.unwrap();
    let slow = Fault::on(ApiKey::PRODUCE).always().delay_answer(Duration::from_millis(200));
    cluster.fault(slow);
    let refused = async {
        sleep(Duration::from_secs(5)).await;
        let code = ErrorCode::SASL_AUTHENTICATION_FAILED;
        let fault = cluster.fault(Fault::on(ApiKey::SASL_AUTHENTICATE).always().answer(code));
        sleep(Duration::from_secs(15)).await;
        fault.remove();
        fault.hits()
    };
    let (outcomes, hits) = tokio::join!(stream(&client, 200), refused);
    assert!(hits > 0, "it was tried");
    let (sent, failed): (Vec<_>, Vec<_>) = outcomes.iter().partition(|outcome| outcome.is_ok());
    for error in failed.iter().map(|outcome| outcome.as_ref().unwrap_err()) {
        let line = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Authentication, "{line}");
        assert!(line.contains("as alice by PLAIN") && !error.maybe_written(), "{line}");
    }
    assert!(!failed.is_empty() && failed.len() < 60, "{} failed", failed.len());
    assert!(outcomes[100..].iter().all(Result::is_ok), "when it is allowed again, it goes on");
    assert_eq!(cluster.stored_records("t", 0).len(), sent.len(), "what failed is not there");
}
