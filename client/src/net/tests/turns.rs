//! What a connection promises to requests that wait for it, or for their turn on it.

use kurier_protocol::api::metadata::{MetadataRequest, MetadataResponse};
use tokio::time::{Instant, advance};

use super::*;

const SHORT: Duration = Duration::from_secs(5);
/// More than a connection and its channel hold.
const MANY: usize = 3 * WAITING_MAX;

/// A request is the next one that the broker sees; it is answered.
async fn serve(far: &mut Far, wanted: &str) {
    let (header, request) = far.read_as::<MetadataRequest>().await;
    assert_eq!(request, named(wanted));
    far.answer(&header, &MetadataResponse::default()).await;
}

#[track_caller]
fn is_late(error: &Error) {
    assert!(matches!(error, Error::TimedOut { maybe_written: false, .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_late_before_there_is_a_connection_is_not_sent_and_costs_nobody_else() {
    let (client, mut brokers) = client();
    let late = client.call(SHORT, named("late"));
    let fresh = client.call(TIMEOUT, named("fresh"));
    let mut far = brokers.accept().await;
    let (header, _) = far.read().await;
    far.answer(&header, &api_versions(APIS)).await;
    // The whole process stands still, with the answer before its door.
    advance(SHORT * 2).await;
    serve(&mut far, "fresh").await;
    fresh.await.unwrap().unwrap();
    is_late(&late.await.unwrap().unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn what_was_late_in_the_channel_is_not_sent_either() {
    let (client, mut brokers) = client();
    let late: Vec<_> = (0..MANY).map(|_| client.call(SHORT, named("late"))).collect();
    let mut far = brokers.accept().await;
    let (header, _) = far.read().await;
    let mut throttled = api_versions(APIS);
    throttled.throttle_time_ms = i32::try_from(SHORT.as_millis()).unwrap();
    far.answer(&header, &throttled).await;
    for call in late {
        is_late(&call.await.unwrap().unwrap_err());
    }
    let fresh = client.call(TIMEOUT, named("fresh"));
    serve(&mut far, "fresh").await;
    fresh.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_finds_no_room_waits_no_longer_than_it_may() {
    let (client, _brokers) = client_of("hole", 1 << 20, ClientConfig::default());
    let start = Instant::now();
    let _before: Vec<_> = (0..MANY).map(|_| client.call(TIMEOUT, named("long"))).collect();
    let error = client.call(SHORT, named("short")).await.unwrap().unwrap_err();
    assert_eq!(start.elapsed(), SHORT);
    is_late(&error);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_before_the_end_is_handed_over_though_writing_fails() {
    let (client, mut brokers) = client();
    let [first, second] = [client.call(TIMEOUT, named("a")), client.call(TIMEOUT, named("b"))];
    let mut far = brokers.accept_ready(APIS).await;
    let [(one, _), (two, _)] = [far.read().await, far.read().await];
    // All at once for the client: two answers, the end, and something to send.
    far.answer(&one, &with_broker(1)).await;
    far.answer(&two, &with_broker(2)).await;
    drop(far);
    let third = client.call(TIMEOUT, named("c"));
    assert_eq!(first.await.unwrap().unwrap().1, with_broker(1));
    assert_eq!(second.await.unwrap().unwrap().1, with_broker(2));
    is_disconnected(&third.await.unwrap().unwrap_err(), Executed::No);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_connected_to_for_nobody() {
    let config = ClientConfig {
        dial: DialConfig { setup_timeout: Duration::from_secs(600), ..DialConfig::default() },
        ..ClientConfig::default()
    };
    let (client, brokers) = client_of("hole", 1 << 20, config);
    let calls: Vec<_> = (0..10).map(|_| client.ask()).collect();
    sleep(Duration::from_secs(1)).await;
    for call in calls {
        call.abort();
    }
    drop(client);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(Arc::strong_count(&brokers.net), 1, "a task still has the network");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_connection_that_was_released_is_answered() {
    let (client, mut brokers) = client();
    let (gone, waits) = (client.ask(), client.call(TIMEOUT, named("waits")));
    let mut far = brokers.accept().await;
    gone.abort();
    client.connections.release(Class::Normal);
    sleep(Duration::from_secs(1)).await;
    far.shake_hands(APIS).await;
    serve(&mut far, "waits").await;
    waits.await.unwrap().unwrap();
    assert!(far.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_first_contact_without_metadata_says_so() {
    let (env, mut brokers) = world(1 << 20);
    for (servers, said) in [
        (&["b:9092"][..], "no answer to Metadata from b:9092 within 5 s"),
        (&["b:9092", "c:9092"][..], "c:9092: given up, as Metadata was not answered in time"),
    ] {
        let builder = crate::Client::builder(servers.iter().copied()).env(env.clone());
        let connect = builder.bootstrap_timeout(SHORT).connect();
        let connect = tokio::spawn(async { connect.await.map(drop) });
        let mut silent = Vec::new();
        for _ in servers {
            silent.push(brokers.accept_ready(APIS).await);
        }
        let error = connect.await.unwrap().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_whose_last_try_was_not_sent_says_so_and_where_to() {
    let (env, mut brokers) = world(1 << 20);
    let long = Duration::from_secs(60);
    let dial = DialConfig { setup_timeout: long, setup_timeout_max: long, ..DialConfig::default() };
    let config = ClientConfig { dial, ..ClientConfig::default() };
    let connect = crate::Client::builder(["b:9092"]).config(config).env(env).connect();
    let connect = tokio::spawn(connect);
    let mut far = brokers.accept_ready(APIS).await;
    let (header, _) = far.read().await;
    let known = MetadataResponseBroker {
        node_id: 1,
        host: "b".into(),
        port: 9092,
        ..MetadataResponseBroker::default()
    };
    far.answer(&header, &MetadataResponse { brokers: vec![known], ..Default::default() }).await;
    let client = connect.await.unwrap().unwrap();
    let start = Instant::now();
    let asked = tokio::spawn(async move {
        client.request(crate::Target::Broker(1), MetadataRequest::default()).await
    });
    drop(brokers.accept_ready(APIS).await);
    let _silent = brokers.accept().await;
    let error = asked.await.unwrap().unwrap_err();
    assert!(!error.maybe_written() && error.to_string().contains("b:9092"), "{error}");
    assert_eq!(start.elapsed(), TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_not_sent_says_what_it_had_to_wait_for() {
    let throttled = MetadataResponse { throttle_time_ms: 60_000, ..Default::default() };
    for (answer, behind, said) in [
        (None, Holdup::InFlight, "; the requests before it are not answered"),
        (Some(throttled), Holdup::Throttle, "; the broker asks for pauses, as a quota"),
    ] {
        let config = ClientConfig { in_flight_max: 1, ..ClientConfig::default() };
        let (client, mut brokers) = client_of("b", 1 << 20, config);
        let first = client.ask();
        let mut far = brokers.accept_ready(APIS).await;
        let (header, _) = far.read().await;
        if let Some(answer) = answer {
            far.answer(&header, &answer).await;
            first.await.unwrap().unwrap();
        }
        let error = client.call(SHORT, named("late")).await.unwrap().unwrap_err();
        is_late(&error);
        let is_meant =
            |what: &Waiting| matches!(what, Waiting::Turn { behind: b, .. } if *b == behind);
        assert!(matches!(&error, Error::TimedOut { what, .. } if is_meant(what)), "{error}");
        let text = error.to_string();
        assert!(text.starts_with("Metadata was not sent to b:9092 within 5 s"), "{text}");
        assert!(text.contains(said), "{text}");
    }
}
