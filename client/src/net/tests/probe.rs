//! What a probe tells of a connection, against a broker that the test plays.

use kurier_env::Env;

use super::super::{Contact, Probe, Stage, Walk};
use super::*;

async fn probe(env: Env) -> Probe {
    Probe::new(env, ClientConfig::default()).await.unwrap()
}

/// Connects to the first address of a host; the broker is played meanwhile.
async fn walk<T>(host: &str, play: impl AsyncFnOnce(&mut Brokers) -> T) -> (Walk, T) {
    let (env, mut brokers) = world(1 << 20);
    let (probe, to) = (probe(env).await, Address::new(host, 9092));
    let at = probe.resolve(&to).await.unwrap()[0];
    tokio::join!(probe.connect(&to, at), play(&mut brokers))
}

async fn contact() -> (Contact, Far) {
    let (walk, far) = walk("b", async |brokers| brokers.accept_ready(APIS).await).await;
    (walk.contact.unwrap(), far)
}

#[track_caller]
fn check(walk: &Walk, stages: &[Stage]) -> Cause {
    assert!(walk.contact.is_none());
    assert_eq!(walk.steps.iter().map(|step| step.stage).collect::<Vec<_>>(), stages);
    let (last, before) = walk.steps.split_last().unwrap();
    assert!(before.iter().all(|step| step.outcome.is_ok()));
    last.outcome.clone().unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn the_step_that_failed_is_the_last_one_and_says_why() {
    let nothing = async |_: &mut Brokers| {};
    let refused = check(&walk("two", nothing).await.0, &[Stage::Connect]);
    assert!(matches!(refused, Cause::Io(_)), "{refused}");
    let late = check(&walk("hole", nothing).await.0, &[Stage::Connect]);
    assert!(matches!(late, Cause::SetupTimedOut(after) if after == Duration::from_secs(10)));
    let hangs_up = async |brokers: &mut Brokers| drop(brokers.accept().await);
    let closed = check(&walk("b", hangs_up).await.0, &[Stage::Connect, Stage::Versions]);
    assert!(matches!(closed, Cause::Refused), "{closed}");
    let speaks_tls = async |brokers: &mut Brokers| {
        brokers.accept().await.write(&[0x15, 3, 3, 0, 2, 2, 0x50]).await;
    };
    let foreign = check(&walk("b", speaks_tls).await.0, &[Stage::Connect, Stage::Versions]);
    assert!(matches!(foreign, Cause::Fault(Fault::Tls)), "{foreign}");
    let (env, _brokers) = world(1 << 20);
    let missing = probe(env).await.resolve(&Address::new("nowhere", 9092)).await;
    assert!(matches!(missing, Err(Cause::Resolve(_))));
}

#[tokio::test(start_paused = true)]
async fn a_contact_asks_in_the_highest_version_that_all_three_allow() {
    let (mut contact, mut far) = contact().await;
    assert_eq!(contact.ranges().get(ApiKey::METADATA), Some(0..=9));
    for (allowed, expected) in [(0..=i16::MAX, 9), (0..=4, 4)] {
        let ask = contact.ask(allowed, |_| MetadataRequest::default());
        let answer = async {
            let (header, _) = far.read_as::<MetadataRequest>().await;
            far.answer(&header, &MetadataResponse::default()).await;
        };
        let (answer, ()) = tokio::join!(ask, answer);
        assert_eq!(answer.unwrap().0, expected);
    }
    let missing = contact.ask(10..=i16::MAX, |_| MetadataRequest::default()).await;
    assert!(matches!(missing, Err(Error::Unsupported { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_contact_whose_answer_is_late_asks_the_next_question_on_a_new_connection() {
    let (env, mut brokers) = world(1 << 20);
    let (probe, to) = (probe(env).await, Address::new("b", 9092));
    let at = probe.resolve(&to).await.unwrap()[0];
    let (walk, mut far) = tokio::join!(probe.connect(&to, at), brokers.accept_ready(APIS));
    let mut contact = walk.contact.unwrap();
    let late = contact.ask(0..=i16::MAX, |_| MetadataRequest::default()).await.unwrap_err();
    assert!(matches!(late, Error::TimedOut { after, .. } if after == TIMEOUT), "{late}");
    let (header, _) = far.read_as::<MetadataRequest>().await;
    far.answer(&header, &MetadataResponse::default()).await;
    let answer = async {
        let mut far = brokers.accept_ready(APIS).await;
        let (header, _) = far.read_as::<MetadataRequest>().await;
        let response = MetadataResponse { controller_id: 7, ..Default::default() };
        far.answer(&header, &response).await;
        far
    };
    let ask = contact.ask(0..=i16::MAX, |_| MetadataRequest::default());
    let (next, far) = tokio::join!(ask, answer);
    assert_eq!(next.unwrap().1.controller_id, 7);
    drop(far);
    contact.ask(0..=i16::MAX, |_| MetadataRequest::default()).await.unwrap_err();
    let hang_up = async { drop(brokers.accept().await) };
    let ask = contact.ask(0..=i16::MAX, |_| MetadataRequest::default());
    let (refused, ()) = tokio::join!(ask, hang_up);
    let refused = refused.unwrap_err();
    let is_so = matches!(refused, Error::Disconnected { maybe_written: false, .. });
    assert!(is_so && !refused.to_string().contains("the broker closed"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_hangs_up_at_the_first_request_may_want_a_login() {
    let (mut contact, far) = contact().await;
    drop(far);
    let lost = contact.ask(0..=i16::MAX, |_| MetadataRequest::default()).await.unwrap_err();
    assert!(lost.to_string().contains("sasl.mechanism"), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_asks_to_be_left_alone_is() {
    let (mut contact, mut far) = contact().await;
    let mut ask = async |throttle_time_ms| {
        let start = Instant::now();
        let ask = contact.ask(0..=i16::MAX, |_| MetadataRequest::default());
        let answer = async {
            let (header, _) = far.read_as::<MetadataRequest>().await;
            let response = MetadataResponse { throttle_time_ms, ..Default::default() };
            far.answer(&header, &response).await;
        };
        tokio::join!(ask, answer).0.unwrap();
        start.elapsed()
    };
    assert_eq!(ask(700).await, Duration::ZERO);
    assert_eq!(ask(0).await, Duration::from_millis(700));
}
