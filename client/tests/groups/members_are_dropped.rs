//! A consumer that is dropped keeps nobody waiting, and one that is closed takes no longer than it
//! may: while it waits for records, in the midst of a rebalance, and with its brokers away.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::world::{KINDS, S, World, member, next};

/// What a member is at when it is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// It waits for records, in a task that is ended.
    Poll,
    /// Others wait for what it has in hand.
    Rebalance,
    /// None of its brokers answers.
    Outage,
}

/// How long it takes to drop a consumer.
async fn time(dropping: impl Future<Output = ()>) -> Duration {
    let start = Instant::now();
    dropping.await;
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_dropped_keeps_nobody_waiting() {
    for kind in KINDS {
        for at in [At::Poll, At::Rebalance, At::Outage] {
            let world = World::new(2, 3).await;
            let mut first = member(&world.client, kind).start().unwrap();
            let _ = next(&mut first).await;
            let client = world.other(2).await;
            let tasks = || Handle::current().metrics().num_alive_tasks();
            let (took, before) = match at {
                At::Poll => {
                    let reading =
                        tokio::spawn(async move { while first.next().await.is_some() {} });
                    sleep(20 * S).await;
                    reading.abort();
                    (time(async { drop(reading.await) }).await, tasks())
                }
                At::Outage => {
                    (1..=3).for_each(|broker| world.cluster.pause_broker(broker));
                    sleep(S).await;
                    let before = tasks();
                    (time(async { drop(first) }).await, before)
                }
                At::Rebalance => {
                    let second = member(&client, kind).start().unwrap();
                    sleep(10 * S).await;
                    assert!(second.assignment().is_empty(), "{kind:?}: a batch is in hand");
                    drop(second);
                    (time(async { drop(first) }).await, tasks())
                }
            };
            assert_eq!(took, Duration::ZERO, "{kind:?} {at:?}");
            if at == At::Outage {
                sleep(60 * S).await;
                assert!(tasks() < before, "{kind:?}: its tasks are gone");
                continue;
            }
            // Others have all that it had.
            let second = member(&client, kind).start().unwrap();
            sleep(60 * S).await;
            assert_eq!(second.assignment().len(), 2, "{kind:?} {at:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_closed_waits_no_longer_than_it_may() {
    for kind in KINDS {
        for is_away in [false, true] {
            let world = World::new(2, 3).await;
            let mut first = member(&world.client, kind).start().unwrap();
            let batch = next(&mut first).await;
            first.mark(&batch);
            if is_away {
                (1..=3).for_each(|broker| world.cluster.pause_broker(broker));
            }
            let took = time(first.close(2 * S)).await;
            assert!(if is_away { took == 2 * S } else { took < S }, "{kind:?}: {took:?}");
        }
    }
}
