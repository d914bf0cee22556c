//! What a connection promises, against a broker that the test plays.

#[cfg(feature = "tls")]
mod encrypted;
mod logins;
mod probe;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::api::api_versions::ApiVersionsRequest;
use kurier_protocol::api::create_topics::CreateTopicsRequest;
use kurier_protocol::api::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
};
use kurier_protocol::api::produce::{ProduceRequest, ProduceResponse};
use kurier_protocol::{ApiKey, ErrorCode, Request};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::broker::{Connections, Peer, Route};
use super::queue::WAITING_MAX;
use super::{Address, Class, Standing};
use crate::config::{ClientConfig, DialConfig};
use crate::error::{Cause, Error, Fault, Holdup, Waiting};
use crate::scripted::{Brokers, Far, api_versions, world};

const APIS: &[(ApiKey, i16, i16)] =
    &[(ApiKey::METADATA, 0, 9), (ApiKey::PRODUCE, 0, 8), (ApiKey::API_VERSIONS, 0, 3)];
const TIMEOUT: Duration = Duration::from_secs(30);

struct Client {
    connections: Connections,
    address: Address,
}

fn client_of(host: &str, pipe_bytes: usize, config: ClientConfig) -> (Client, Brokers) {
    let (env, brokers) = world(pipe_bytes);
    let connections = Connections::new(env, Arc::new(config));
    (Client { connections, address: Address::new(host, 9092) }, brokers)
}

fn client() -> (Client, Brokers) {
    client_of("b", 1 << 20, ClientConfig::default())
}

impl Client {
    fn route(&self, timeout: Duration) -> Route<'_> {
        let (peer, class) = (Peer::Broker(1), Class::Normal);
        Route { peer, class, address: &self.address, cluster_id: None, timeout, end: None }
    }

    /// Queues a request now; its outcome comes later.
    fn call<R: Request>(
        &self,
        timeout: Duration,
        request: R,
    ) -> JoinHandle<Result<(i16, R::Response), Error>> {
        let call = self.connections.call(self.route(timeout), 0..=i16::MAX, move |_| request);
        tokio::spawn(call)
    }

    fn ask(&self) -> JoinHandle<Result<(i16, MetadataResponse), Error>> {
        self.call(TIMEOUT, MetadataRequest::default())
    }
}

fn named(topic: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some(topic.into()), ..Default::default() };
    MetadataRequest { topics: Some(vec![topic]), ..Default::default() }
}

fn with_broker(node_id: i32) -> MetadataResponse {
    let brokers = vec![MetadataResponseBroker { node_id, ..Default::default() }];
    MetadataResponse { brokers, ..Default::default() }
}

/// A request of several kilobytes.
fn long() -> MetadataRequest {
    MetadataRequest {
        topics: named("x").topics.map(|one| vec![one[0].clone(); 200]),
        ..Default::default()
    }
}

#[derive(PartialEq)]
enum Executed {
    Maybe,
    No,
}

#[track_caller]
fn is_disconnected(error: &Error, wanted: Executed) -> Cause {
    match error {
        Error::Disconnected { cause, maybe_written, .. } => {
            assert_eq!(*maybe_written, wanted == Executed::Maybe, "{error}");
            cause.clone()
        }
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn requests_leave_in_the_order_of_calls_and_answers_find_their_callers() {
    let (client, mut brokers) = client();
    let calls: Vec<_> = ["a", "b", "c"].map(|name| client.call(TIMEOUT, named(name))).into();
    let mut far = brokers.accept_ready(APIS).await;
    for (id, name) in ["a", "b", "c"].into_iter().enumerate() {
        let (header, request) = far.read_as::<MetadataRequest>().await;
        assert_eq!(request, named(name));
        assert_eq!(header.client_id.as_deref(), Some("kurier"));
        far.answer(&header, &with_broker(i32::try_from(id).unwrap())).await;
    }
    for (id, call) in calls.into_iter().enumerate() {
        let (version, response) = call.await.unwrap().unwrap();
        assert_eq!(version, 9);
        assert_eq!(response, with_broker(i32::try_from(id).unwrap()));
    }
}

#[tokio::test(start_paused = true)]
async fn falls_back_to_api_versions_0_with_a_broker_that_names_none() {
    let (client, mut brokers) = client();
    let call = client.ask();
    let mut far = brokers.accept().await;
    let (header, request) = far.read_as::<ApiVersionsRequest>().await;
    assert_eq!(header.request_api_version, ApiVersionsRequest::VERSION_STABLE_MAX);
    assert_eq!(request.client_software_name, "kurier");
    let mut refusal = api_versions(&[]);
    refusal.error_code = ErrorCode::UNSUPPORTED_VERSION;
    let as_v0 = kurier_protocol::header::RequestHeader { request_api_version: 0, ..header };
    far.answer(&as_v0, &refusal).await;
    let (header, _) = far.read_as::<ApiVersionsRequest>().await;
    assert_eq!(header.request_api_version, 0);
    far.answer(&header, &api_versions(&[(ApiKey::METADATA, 0, 1)])).await;
    let (header, _) = far.read_as::<MetadataRequest>().await;
    assert_eq!(header.request_api_version, 1);
    far.answer(&header, &MetadataResponse::default()).await;
    assert_eq!(call.await.unwrap().unwrap().0, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_a_wrong_correlation_id_closes_the_connection_and_says_so() {
    let (client, mut brokers) = client();
    let (one, two) = (client.ask(), client.ask());
    let mut far = brokers.accept_ready(APIS).await;
    let (mut header, _) = far.read().await;
    let _ = far.read().await;
    header.correlation_id += 1;
    far.answer(&header, &MetadataResponse::default()).await;
    for call in [one, two] {
        let error = call.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("correlation id"), "{error}");
        let cause = is_disconnected(&error, Executed::Maybe);
        assert!(matches!(cause, Cause::Fault(Fault::Correlation { .. })), "{cause}");
    }
    assert!(far.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_asked_for_closes_the_connection() {
    let (client, mut brokers) = client();
    let call = client.ask();
    let mut far = brokers.accept_ready(APIS).await;
    let (header, _) = far.read().await;
    far.answer(&header, &MetadataResponse::default()).await;
    call.await.unwrap().unwrap();
    far.answer(&header, &MetadataResponse::default()).await;
    assert!(far.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_read_is_an_error_of_its_own_and_ends_the_connection() {
    let (client, mut brokers) = client();
    let (broken, behind) = (client.ask(), client.ask());
    let mut far = brokers.accept_ready(APIS).await;
    let (header, _) = far.read().await;
    let _ = far.read().await;
    // A response header of version 1, then an array that claims more than there is.
    let mut frame = vec![0, 0, 0, 11];
    frame.extend(header.correlation_id.to_be_bytes());
    frame.extend([0, 0, 0, 0, 0, 0x7f, 1]);
    far.write(&frame).await;
    let error = broken.await.unwrap().unwrap_err();
    let is_decode = matches!(&error, Error::NotKafka { fault: Fault::Decode(_), .. });
    assert!(is_decode && error.maybe_written(), "{error}");
    is_disconnected(&behind.await.unwrap().unwrap_err(), Executed::Maybe);
    assert!(far.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_broken_response_header_is_told_as_such() {
    let (client, mut brokers) = client();
    let broken = client.ask();
    let mut far = brokers.accept_ready(APIS).await;
    let (header, _) = far.read().await;
    // A response header of version 1 that claims a tagged field and ends.
    let mut frame = vec![0, 0, 0, 5];
    frame.extend(header.correlation_id.to_be_bytes());
    frame.push(1);
    far.write(&frame).await;
    let error = broken.await.unwrap().unwrap_err();
    let Error::NotKafka { from, fault: Fault::Decode(fault) } = &error else { panic!("{error}") };
    assert_eq!(&**from, "b:9092");
    assert!(fault.to_string().contains("ResponseHeader"), "{fault}");
    assert!(error.maybe_written() && far.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_port_that_speaks_something_else_gives_one_clear_error() {
    let rows: [(&[u8], &str); 3] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP"),
        (&[0x15, 3, 3, 0, 2, 2, 10], "speaks TLS"),
        (&[0x7f, 0xff, 0xff, 0xff], "begins with the bytes 7f ff ff ff"),
    ];
    for (bytes, text) in rows {
        let (client, mut brokers) = client();
        let call = client.ask();
        let mut far = brokers.accept().await;
        let _ = far.read().await;
        far.write(bytes).await;
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::NotKafka { .. }), "{error}");
        let line = error.to_string();
        assert!(line.starts_with("b:9092: ") && line.contains(text), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_that_says_nothing_or_hangs_up_is_told_from_a_closed_one() {
    let (client, mut brokers) = client();
    let start = Instant::now();
    let call = client.ask();
    let _silent = brokers.accept().await;
    let error = call.await.unwrap().unwrap_err().to_string();
    let said = "cannot reach b:9092: the port accepted the connection, and nothing came within \
                10 s; check that it is a Kafka listener's";
    assert!(error.starts_with(said), "{error}");
    assert!(!error.contains("check the address"), "{error}");
    assert_eq!(start.elapsed(), Duration::from_secs(10));

    let call = client.ask();
    drop(brokers.accept().await);
    let error = call.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("instead of answering ApiVersions"), "{error}");

    brokers.net.refuse(9092);
    let error = client.ask().await.unwrap().unwrap_err().to_string();
    assert!(error.contains("b:9092: connection refused"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_cannot_be_resolved_is_named() {
    let (client, _brokers) = client_of("nowhere", 1 << 20, ClientConfig::default());
    let error = client.ask().await.unwrap().unwrap_err().to_string();
    assert!(error.contains("nowhere:9092: the name cannot be resolved"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn every_address_of_a_name_is_tried_in_turn() {
    let (client, mut brokers) = client_of("two", 1 << 20, ClientConfig::default());
    let call = client.ask();
    let mut far = brokers.accept_ready(APIS).await;
    assert_eq!(far.address.to_string(), "10.0.0.2:9092");
    let (header, _) = far.read().await;
    far.answer(&header, &MetadataResponse::default()).await;
    call.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_closes_the_connection_after_its_timeout() {
    let (client, mut brokers) = client();
    let start = Instant::now();
    let slow = client.call(TIMEOUT, MetadataRequest::default());
    let quick = client.call(Duration::from_secs(5), MetadataRequest::default());
    let mut far = brokers.accept_ready(APIS).await;
    let error = quick.await.unwrap().unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    let is_answer = |what: &Waiting| matches!(what, Waiting::Answer { .. });
    assert!(
        matches!(&error, Error::TimedOut { what, maybe_written: true, after, .. }
            if is_answer(what) && *after == Duration::from_secs(5)),
        "{error}"
    );
    let cause = is_disconnected(&slow.await.unwrap().unwrap_err(), Executed::Maybe);
    assert!(matches!(cause, Cause::Silent { api: ApiKey::METADATA }), "{cause}");
    assert!(!far.is_closed().await, "the requests were written");

    let again = client.ask();
    let mut far = brokers.accept_ready(APIS).await;
    let (header, _) = far.read().await;
    far.answer(&header, &MetadataResponse::default()).await;
    again.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_dies_in_mid_frame_leaves_the_outcome_open() {
    let (client, mut brokers) = client();
    let call = client.ask();
    let mut far = brokers.accept_ready(APIS).await;
    let _ = far.read().await;
    far.write(&[0, 0, 0, 50, 0, 0]).await;
    drop(far);
    let cause = is_disconnected(&call.await.unwrap().unwrap_err(), Executed::Maybe);
    assert!(matches!(cause, Cause::Closed), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_not_written_whole_was_certainly_not_executed() {
    // Longer than the pipe, whose reader stops reading.
    let (client, mut brokers) = client_of("b", 300, ClientConfig::default());
    let whole = client.call(TIMEOUT, named("a"));
    let cut = client.call(TIMEOUT, long());
    let never = client.call(TIMEOUT, named("b"));
    let mut far = brokers.accept_ready(APIS).await;
    let _ = far.read().await;
    sleep(Duration::from_secs(1)).await;
    drop(far);
    is_disconnected(&whole.await.unwrap().unwrap_err(), Executed::Maybe);
    is_disconnected(&cut.await.unwrap().unwrap_err(), Executed::No);
    is_disconnected(&never.await.unwrap().unwrap_err(), Executed::No);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_covers_the_write_too() {
    let (client, mut brokers) = client_of("b", 300, ClientConfig::default());
    let start = Instant::now();
    let stuck = client.call(Duration::from_secs(5), long());
    let behind = client.call(TIMEOUT, named("b"));
    // It reads no more than it has to.
    let mut far = brokers.accept_ready(APIS).await;
    let error = stuck.await.unwrap().unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert!(matches!(error, Error::TimedOut { maybe_written: false, .. }), "{error}");
    is_disconnected(&behind.await.unwrap().unwrap_err(), Executed::No);
    assert!(!far.is_closed().await, "a part of it was written, and then the end");
}

#[tokio::test(start_paused = true)]
async fn connections_that_are_cut_end_at_once_and_say_why() {
    let (client, mut brokers) = client();
    let sent = client.ask();
    let mut far = brokers.accept_ready(APIS).await;
    let _ = far.read().await;
    client.connections.cut_all();
    let cause = is_disconnected(&sent.await.unwrap().unwrap_err(), Executed::Maybe);
    assert!(matches!(cause, Cause::Rebootstrap), "{cause}");
    assert!(far.is_closed().await);

    let waits = client.ask();
    let _opening = brokers.accept().await;
    client.connections.cut_all();
    let error = waits.await.unwrap().unwrap_err();
    assert!(!error.maybe_written() && error.to_string().contains("bootstrap"), "{error}");
    assert!(client.connections.standings(Class::Normal).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_throttles_in_its_first_answer_is_left_alone_as_well() {
    let (client, mut brokers) = client();
    let call = client.ask();
    let mut far = brokers.accept().await;
    let (header, _) = far.read().await;
    let mut throttled = api_versions(APIS);
    throttled.throttle_time_ms = 2000;
    far.answer(&header, &throttled).await;
    let start = Instant::now();
    let (header, _) = far.read().await;
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    far.answer(&header, &MetadataResponse::default()).await;
    call.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn how_a_broker_stands_follows_its_connection() {
    let (client, mut brokers) = client();
    let standing = || client.connections.standings(Class::Normal).get(&Peer::Broker(1)).copied();
    assert_eq!(standing(), None);
    let calls = [client.ask(), client.ask()];
    tokio::task::yield_now().await;
    assert_eq!(standing(), Some(Standing::Opening(2)));
    let mut far = brokers.accept_ready(APIS).await;
    let (first, _) = far.read().await;
    let (second, _) = far.read().await;
    assert_eq!(standing(), Some(Standing::Alone(2)));
    for header in [first, second] {
        far.answer(&header, &MetadataResponse::default()).await;
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(standing(), Some(Standing::Alone(0)));
    drop(far);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(standing(), Some(Standing::Unknown), "nothing was lost");
    let lost = client.ask();
    drop(brokers.accept().await);
    lost.await.unwrap().unwrap_err();
    assert!(matches!(standing(), Some(Standing::Failed(_))));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_no_connection_comes_for_times_out_as_not_executed() {
    let config = ClientConfig {
        dial: DialConfig { setup_timeout: Duration::from_secs(60), ..DialConfig::default() },
        ..Default::default()
    };
    let (client, _brokers) = client_of("hole", 1 << 20, config);
    let start = Instant::now();
    let error = client.ask().await.unwrap().unwrap_err();
    assert_eq!(start.elapsed(), TIMEOUT);
    assert!(!error.maybe_written());
    let said = "cannot reach hole:9092: no connection within 30 s";
    assert!(error.to_string().starts_with(said), "{error}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_next_try_hears_how_the_last_one_failed() {
    let (client, _brokers) = client_of("nowhere", 1 << 20, ClientConfig::default());
    client.ask().await.unwrap().unwrap_err();
    let brief = client.call(Duration::from_millis(1), MetadataRequest::default());
    let error = brief.await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::TimedOut { last: Some(_), .. }), "{error}");
    assert!(error.found().contains("the name cannot be resolved"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_produce_request_without_acks_is_done_when_it_is_sent() {
    let (client, mut brokers) = client();
    let silent = ProduceRequest { acks: 0, ..Default::default() };
    let call = client.call(TIMEOUT, silent);
    let behind = client.ask();
    let mut far = brokers.accept_ready(APIS).await;
    assert_eq!(call.await.unwrap().unwrap().1, ProduceResponse::default());
    let (header, _) = far.read_as::<ProduceRequest>().await;
    assert_eq!(header.request_api_version, 8);
    let (header, _) = far.read_as::<MetadataRequest>().await;
    far.answer(&header, &MetadataResponse::default()).await;
    behind.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_given_up_is_not_sent() {
    let (client, mut brokers) = client();
    let given_up = client.connections.call(client.route(TIMEOUT), 0..=9, |_| named("a"));
    let call = client.call(TIMEOUT, named("b"));
    drop(given_up);
    let mut far = brokers.accept_ready(APIS).await;
    let (header, request) = far.read_as::<MetadataRequest>().await;
    assert_eq!(request, named("b"));
    far.answer(&header, &MetadataResponse::default()).await;
    call.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_lacks_is_an_error_and_nothing_is_sent() {
    let (client, mut brokers) = client();
    let call = client.call(TIMEOUT, CreateTopicsRequest::default());
    let field = CreateTopicsRequest { validate_only: true, ..Default::default() };
    let mut far =
        brokers.accept_ready(&[(ApiKey::METADATA, 0, 1), (ApiKey::API_VERSIONS, 0, 0)]).await;
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("0.10.1 or newer"), "{error}");
    client.connections.release(Class::Normal);
    assert!(far.is_closed().await);

    let call = client.call(TIMEOUT, field);
    let mut far = brokers.accept_ready(&[(ApiKey::CREATE_TOPICS, 0, 0)]).await;
    let error = call.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("validate_only"), "{error}");
    client.connections.release(Class::Normal);
    assert!(far.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_in_flight_than_allowed() {
    let config = ClientConfig { in_flight_max: 2, ..Default::default() };
    let (client, mut brokers) = client_of("b", 1 << 20, config);
    let calls: Vec<_> = (0..5).map(|_| client.ask()).collect();
    let mut far = brokers.accept_ready(APIS).await;
    let (first, _) = far.read().await;
    let _second = far.read().await;
    let wait = Duration::from_secs(1);
    assert!(tokio::time::timeout(wait, far.read()).await.is_err(), "a third one was sent");
    far.answer(&first, &MetadataResponse::default()).await;
    let _third = far.read().await;
    assert!(tokio::time::timeout(wait, far.read()).await.is_err(), "a fourth one was sent");
    drop(far);
    let outcomes = futures_util::future::join_all(calls).await;
    let written =
        |outcome: Result<Result<_, Error>, _>| outcome.unwrap().err().map(|e| e.maybe_written());
    let outcomes: Vec<_> = outcomes.into_iter().map(written).collect();
    assert_eq!(outcomes, [None, Some(true), Some(true), Some(false), Some(false)]);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_throttles_is_left_alone_for_that_long() {
    let (client, mut brokers) = client();
    let first = client.ask();
    let mut far = brokers.accept_ready(APIS).await;
    let (header, _) = far.read().await;
    let throttled = MetadataResponse { throttle_time_ms: 2000, ..Default::default() };
    far.answer(&header, &throttled).await;
    first.await.unwrap().unwrap();
    let start = Instant::now();
    let second = client.ask();
    let (header, _) = far.read().await;
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    far.answer(&header, &MetadataResponse::default()).await;
    second.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_opened_again_when_needed() {
    let (client, mut brokers) = client();
    for _ in 0..2 {
        let call = client.ask();
        let mut far = brokers.accept_ready(APIS).await;
        let (header, _) = far.read().await;
        far.answer(&header, &MetadataResponse::default()).await;
        call.await.unwrap().unwrap();
        let start = Instant::now();
        assert!(far.is_closed().await);
        assert_eq!(start.elapsed(), ClientConfig::default().connection_idle_max);
        // After another while the task ends as well; the next call starts one.
        sleep(ClientConfig::default().connection_idle_max * 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn more_calls_than_can_queue_wait_and_are_all_answered() {
    let (client, mut brokers) = client();
    let calls: Vec<_> = (0..5000).map(|_| client.ask()).collect();
    let mut far = brokers.accept_ready(APIS).await;
    for _ in 0..5000 {
        let (header, _) = far.read().await;
        far.answer(&header, &MetadataResponse::default()).await;
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_of_calls_that_were_given_up_holds_up_nobody() {
    let (client, mut brokers) = client();
    let route = || client.route(TIMEOUT);
    let given_up: Vec<_> =
        (0..WAITING_MAX).map(|_| client.connections.call(route(), 0..=9, |_| named("a"))).collect();
    // The connection takes them out of its channel while it is being opened.
    let mut far = brokers.accept().await;
    drop(given_up);
    let behind = client.ask();
    far.shake_hands(APIS).await;
    let start = Instant::now();
    let (header, _) = far.read_as::<MetadataRequest>().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    far.answer(&header, &MetadataResponse::default()).await;
    behind.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_released_connection_answers_what_is_open_and_closes() {
    let (client, mut brokers) = client();
    let call = client.ask();
    let mut far = brokers.accept_ready(APIS).await;
    let (header, _) = far.read().await;
    client.connections.release(Class::Normal);
    far.answer(&header, &MetadataResponse::default()).await;
    call.await.unwrap().unwrap();
    assert!(far.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn reconnecting_backs_off() {
    let (client, mut brokers) = client();
    let start = Instant::now();
    for _ in 0..6 {
        let call = client.ask();
        drop(brokers.accept().await);
        call.await.unwrap().unwrap_err();
    }
    // 50, 100, 200, 400 and 800 ms between the six, each 20 % shorter or longer.
    let elapsed = start.elapsed().as_millis();
    assert!((1240..=1860).contains(&elapsed), "{elapsed}");
    assert!(!brokers.has_connection());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_moved_is_found_at_its_new_address() {
    let (mut client, mut brokers) = client();
    let call = client.ask();
    let mut old = brokers.accept_ready(APIS).await;
    client.address = Address::new("b", 9999);
    let moved = client.ask();
    let new = brokers.accept_ready(APIS).await;
    assert_eq!(new.address.port(), 9999);
    let (header, _) = old.read().await;
    old.answer(&header, &MetadataResponse::default()).await;
    call.await.unwrap().unwrap();
    assert!(old.is_closed().await);
    drop(new);
    is_disconnected(&moved.await.unwrap().unwrap_err(), Executed::Maybe);
}

#[tokio::test(start_paused = true)]
async fn versions_are_told_and_remembered() {
    let (client, mut brokers) = client();
    let (peer, class) = (Peer::Broker(1), Class::Normal);
    assert!(client.connections.ranges(peer, class).is_none());
    let told = tokio::spawn(client.connections.versions(client.route(TIMEOUT)));
    let far = brokers.accept_ready(APIS).await;
    assert_eq!(told.await.unwrap().unwrap().get(ApiKey::METADATA), Some(0..=9));
    assert!(client.connections.is_open(peer, class));
    drop(far);
    sleep(Duration::from_secs(1)).await;
    assert!(!client.connections.is_open(peer, class));
    assert!(client.connections.ranges(peer, class).is_some());
}
