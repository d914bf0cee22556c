//! Members share the partitions: each has its own, all are read, and none loses or doubles a record
//! when they change hands.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kurier_client::consumer::Consumer;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::world::{KINDS, Kind, S, World, member, next, numbers};

type Seen = Arc<Mutex<Vec<(i32, i64)>>>;

/// Reads and notes what it sees.
fn read(mut consumer: Consumer, seen: &Seen) -> JoinHandle<()> {
    let seen = Arc::clone(seen);
    tokio::spawn(async move {
        while let Some(batch) = consumer.next().await {
            let batch = batch.unwrap();
            seen.lock().unwrap().extend(numbers(&batch));
            sleep(S / 20).await;
        }
    })
}

fn by_partition(seen: &Seen) -> BTreeMap<i32, Vec<i64>> {
    let mut by: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for (partition, number) in &*seen.lock().unwrap() {
        by.entry(*partition).or_default().push(*number);
    }
    by
}

#[tokio::test(start_paused = true)]
async fn partitions_that_change_hands_lose_and_double_nothing() {
    for kind in KINDS {
        let world = World::new(4, 60).await;
        let seen = Seen::default();
        let first = member(&world.client, kind).start().unwrap();
        let control = first.control();
        let _first = read(first, &seen);
        sleep(4 * S).await;
        let client = world.other(2).await;
        let second = member(&client, kind).start().unwrap();
        let other = second.control();
        let _second = read(second, &seen);
        sleep(60 * S).await;
        assert_eq!((control.assignment().len(), other.assignment().len()), (2, 2), "{kind:?}");
        world.write(4, 60..80).await;
        sleep(60 * S).await;
        for (partition, numbers) in by_partition(&seen) {
            assert_eq!(numbers, (0..80).collect::<Vec<_>>(), "{kind:?}: partition {partition}");
        }
        assert_eq!(by_partition(&seen).len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn two_members_of_one_client_do_not_block_each_other() {
    for kind in KINDS {
        let world = World::new(2, 3).await;
        let mut first = member(&world.client, kind).start().unwrap();
        next(&mut first).await;
        // The first one is at work, so the join of the second one waits for it.
        let mut second = member(&world.client, kind).start().unwrap();
        let control = first.control();
        assert!(timeout(20 * S, second.next()).await.is_err() || kind != Kind::Eager);
        control.mark_through(("t", 0, 0)).or_else(|_| control.mark_through(("t", 1, 0))).unwrap();
        timeout(20 * S, async {
            while control.assignment().len() != 1 || second.assignment().len() != 1 {
                let _ = timeout(S, second.next()).await;
                let _ = timeout(S, first.next()).await;
            }
        })
        .await
        .unwrap();
    }
}

/// What members do is counted by Java's names.
#[tokio::test(start_paused = true)]
async fn what_members_do_is_counted() {
    for kind in KINDS {
        let world = World::new(2, 9).await;
        let mut consumer = member(&world.client, kind).start().unwrap();
        next(&mut consumer).await;
        next(&mut consumer).await;
        sleep(10 * S).await;
        consumer.commit().await.unwrap();
        let snapshot = world.client.metrics().snapshot();
        let number =
            |name: &str| snapshot.get("consumer-coordinator-metrics", name, &[]).unwrap().number();
        assert_eq!(number("assigned-partitions"), 2.0, "{kind:?}");
        assert!(number("rebalance-total") >= 1.0, "{kind:?}");
        assert!(number("commit-total") >= 2.0 && number("heartbeat-total") >= 2.0, "{kind:?}");
        assert_eq!(number("join-total") >= 1.0, kind != Kind::Coordinator, "{kind:?}");
        assert!(number("last-heartbeat-seconds-ago") <= 5.0, "{kind:?}");
        consumer.close(10 * S).await;
        let snapshot = world.client.metrics().snapshot();
        let held = snapshot.get("consumer-coordinator-metrics", "assigned-partitions", &[]);
        assert_eq!(held.unwrap().number(), 0.0, "{kind:?}");
    }
}
