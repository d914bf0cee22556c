//! What a script lets go wrong goes wrong, and nothing else.

use std::time::Duration;

use crate::peer::{FETCH, PRODUCE, Peer, fetch, fetched, produce, stored};
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::{Instant, timeout};

async fn broken(fault: Fault) -> (TestCluster, Peer) {
    let cluster = TestCluster::builder().topic("t", 1).build();
    cluster.fault(fault);
    let peer = Peer::connect(&cluster.env(1), 1).await.unwrap();
    (cluster, peer)
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_not_executed() {
    let (cluster, mut peer) = broken(Fault::on(ApiKey::PRODUCE).close()).await;
    assert!(peer.call(PRODUCE, &produce("x")).await.is_err());
    assert_eq!(cluster.high_watermark("t", 0), 0);
    let mut again = Peer::connect(&cluster.env(1), 1).await.unwrap();
    assert_eq!(stored(&again.call(PRODUCE, &produce("x")).await.unwrap()), Ok(0));
}

#[tokio::test(start_paused = true)]
async fn a_code_is_answered_as_often_as_was_said() {
    let code = ErrorCode::NOT_LEADER_OR_FOLLOWER;
    let (cluster, mut peer) =
        broken(Fault::on(ApiKey::PRODUCE).skip(1).times(2).answer(code)).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(stored(&peer.call(PRODUCE, &produce("x")).await.unwrap()));
    }
    assert_eq!(seen, [Ok(0), Err(code), Err(code), Ok(1)]);
    cluster.fault(Fault::any().always().answer(ErrorCode::UNKNOWN_SERVER_ERROR));
    let failed = fetched(&peer.call(FETCH, &fetch(0, 0)).await.unwrap());
    assert_eq!(failed, Err(ErrorCode::UNKNOWN_SERVER_ERROR));
    cluster.clear_faults();
    assert!(fetched(&peer.call(FETCH, &fetch(0, 0)).await.unwrap()).unwrap() > 0);
}

#[tokio::test(start_paused = true)]
async fn an_executed_request_may_stay_without_an_answer() {
    let (cluster, mut peer) = broken(Fault::on(ApiKey::PRODUCE).execute_then_close()).await;
    assert!(peer.call(PRODUCE, &produce("x")).await.is_err());
    assert_eq!(cluster.high_watermark("t", 0), 1);

    let (cluster, mut peer) = broken(Fault::on(ApiKey::PRODUCE).execute_then_hang()).await;
    let request = produce("x");
    let waited = timeout(Duration::from_secs(600), peer.call(PRODUCE, &request)).await;
    assert!(waited.is_err());
    assert_eq!(cluster.high_watermark("t", 0), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delay_comes_before_or_after_the_work() {
    let by = Duration::from_secs(2);
    for (fault, early) in [
        (Fault::on(ApiKey::PRODUCE).delay(by), 0),
        (Fault::on(ApiKey::PRODUCE).delay_answer(by), 1),
    ] {
        let (cluster, mut peer) = broken(fault).await;
        let start = Instant::now();
        peer.send(PRODUCE, &produce("x")).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(cluster.high_watermark("t", 0), early);
        let (_, answer) = peer.receive::<ProduceRequest>(PRODUCE).await.unwrap();
        assert_eq!((stored(&answer), start.elapsed()), (Ok(0), by));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_be_cut_or_come_twice() {
    let (_, mut peer) = broken(Fault::on(ApiKey::PRODUCE).cut(9)).await;
    peer.send(PRODUCE, &produce("x")).await;
    let mut rest = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut peer.stream, &mut rest).await.unwrap();
    assert_eq!(rest.len(), 9);

    let (cluster, mut peer) = broken(Fault::on(ApiKey::PRODUCE).answer_twice()).await;
    peer.send(PRODUCE, &produce("x")).await;
    let (one, two) = (peer.frame().await.unwrap(), peer.frame().await.unwrap());
    assert_eq!(one, two);
    assert_eq!(cluster.high_watermark("t", 0), 1);
}
