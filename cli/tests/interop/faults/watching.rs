//! What a group has processed and committed, looked at while a test breaks things.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kurier_client::Client;
use kurier_client::offsets::{Isolation, Position};
use kurier_testkit::history::{Action, Offsets, TopicPartition};
use tokio::sync::watch;
use tokio::time::sleep;

use super::reading::READS;
use super::shared::{PARTITIONS, Phase, Shared};

/// A group whose members are processes.
pub(crate) struct Group {
    pub(super) shared: Arc<Shared>,
    /// Its name.
    pub(crate) id: String,
    /// How far each partition is processed.
    processed: Mutex<BTreeMap<i32, i64>>,
    /// Of which a member of Java's has processed records, and could not commit that.
    uncommitted: Mutex<BTreeSet<i32>>,
    members: AtomicU32,
}

impl Group {
    pub(super) fn new(shared: Shared) -> Self {
        let id = format!("group-of-{}", shared.topic);
        let members = AtomicU32::new(MEMBERS);
        let (processed, uncommitted) = Default::default();
        Self { shared: Arc::new(shared), id, processed, uncommitted, members }
    }

    /// The topic that it reads.
    pub(crate) fn topic(&self) -> &str {
        &self.shared.topic
    }

    /// The number of the next process that is a member.
    pub(super) fn next_process(&self) -> u32 {
        self.members.fetch_add(1, Ordering::Relaxed)
    }

    /// Everything before this is processed, by whoever had the partition.
    pub(super) fn advance(&self, partition: i32, next: i64) {
        let mut processed = self.processed.lock().unwrap();
        let so_far = processed.entry(partition).or_insert(next);
        *so_far = next.max(*so_far);
    }

    /// Records of these partitions may be processed again.
    pub(super) fn will_repeat(&self, partitions: impl Iterator<Item = i32>) {
        self.uncommitted.lock().unwrap().extend(partitions);
    }

    /// The partitions of which records may be processed again by what members have said.
    pub(super) fn may_repeat(&self) -> BTreeSet<i32> {
        self.uncommitted.lock().unwrap().clone()
    }

    fn processed(&self) -> BTreeMap<i32, i64> {
        self.processed.lock().unwrap().clone()
    }

    /// What is committed, which is noted.
    async fn look(&self, client: &Client) -> BTreeMap<i32, i64> {
        let topic = self.topic();
        let all = (0..PARTITIONS).map(|of| (topic, of));
        let isolation = Isolation::ReadUncommitted;
        let found = client.transactions().committed_offsets(&self.id, isolation, all).await;
        let mut committed = BTreeMap::new();
        for one in found {
            match one.outcome {
                Ok(Some(offset)) => drop(committed.insert(one.partition, offset.offset)),
                Ok(None) => {}
                Err(error) => self.shared.note(&error),
            }
        }
        // Members tell before they commit; it may be heard a little later.
        sleep(HEARD_WITHIN).await;
        let offsets = committed.iter().map(|(of, at)| (TopicPartition::new(topic, *of), *at));
        let noted = Offsets { group: self.id.as_str().into(), offsets: offsets.collect() };
        self.shared.recorder.note(READS, Action::CommitOffsets(noted));
        committed
    }
}

/// Looks at what is committed, in the end until all that there is is processed and committed.
pub(super) async fn watch_all(client: Client, group: Arc<Group>, phase: watch::Receiver<Phase>) {
    while *phase.borrow() < Phase::Drain {
        group.look(&client).await;
        sleep(HEARD_WITHIN).await;
    }
    let all = (0..PARTITIONS).map(|of| (group.topic(), of));
    let ends = client.offsets().at(Position::Latest, all).await.unwrap();
    let ends = ends.iter().map(|end| (end.partition, end.offset.unwrap()));
    let ends: BTreeMap<i32, i64> = ends.collect();
    while group.processed() != ends || group.look(&client).await != ends {
        sleep(HEARD_WITHIN).await;
    }
}

/// The first member; those that send have the numbers below.
const MEMBERS: u32 = 10;

/// A line of a member is heard within this time.
const HEARD_WITHIN: Duration = Duration::from_millis(100);
