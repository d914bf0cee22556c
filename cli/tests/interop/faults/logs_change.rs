//! Logs change under members of groups: an unclean election takes records away, records are deleted
//! before they are read, topics are made anew. Nobody reads on in silence.

use std::future::pending;
use std::time::Duration;

use kurier_client::consumer::{Consumer, OffsetReset, Start};
use kurier_client::error::ErrorKind;
use kurier_client::group::GroupProtocol;
use kurier_client::offsets::Position;
use kurier_client::producer::Record;
use kurier_client::{Client, Error, Target};
use kurier_protocol::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use kurier_protocol::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use tokio::runtime::{self, Runtime};
use tokio::time::{Instant, timeout};

use super::cluster::{Cluster, Kept, Way, cluster};
use super::shared::{DELIVERY_TIMEOUT, config, producer_config};
use super::trial::fresh_topic;
use crate::real_brokers::{each_since, say};
use crate::run::wait_until;

/// Who divides the partitions of a group, and what it does where its position is not in the log.
const KINDS: [(GroupProtocol, OffsetReset); 4] = [
    (GroupProtocol::Classic, OffsetReset::Error),
    (GroupProtocol::Classic, OffsetReset::Earliest),
    (GroupProtocol::Consumer, OffsetReset::Error),
    (GroupProtocol::Consumer, OffsetReset::Earliest),
];

/// Readers of the only partition of a topic, a group for each kind. They have the numbers 0 to 5.
struct Stage {
    runtime: Runtime,
    client: Client,
    topic: String,
    readers: Vec<Consumer>,
}

impl Stage {
    fn new(cluster: &Cluster, kept: Kept) -> Self {
        let topic = fresh_topic();
        cluster.create_topic(&topic, 1, kept);
        let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let connecting = Client::builder(cluster.servers(Way::Plain)).config(config()).connect();
        let client = runtime.block_on(connecting).unwrap();
        let mut stage = Self { runtime, client, topic, readers: Vec::new() };
        stage.write(0..5);
        // Who has no policy must know where it begins.
        let all = 0..KINDS.len();
        stage.readers = all.clone().map(|of| stage.reader(of, OffsetReset::Earliest)).collect();
        stage.all_read(0..5);
        stage.close();
        stage.readers = all.map(|of| stage.reader(of, KINDS[of].1)).collect();
        let stands = |reader: &Consumer| reader.position(&stage.topic, 0) == Some(5);
        wait_until("all have the partition", || stage.readers.iter().all(stands));
        stage
    }

    /// The member of a group.
    fn reader(&self, index: usize, reset: OffsetReset) -> Consumer {
        let group = format!("{}-{index}", self.topic);
        let builder = self.client.consumer().group(group).subscribe([&*self.topic]);
        let builder = builder.group_protocol(KINDS[index].0).offset_reset(reset);
        self.runtime.block_on(async { builder.start() }).unwrap()
    }

    fn close(&mut self) {
        for reader in std::mem::take(&mut self.readers) {
            self.runtime.block_on(reader.close(DELIVERY_TIMEOUT));
        }
    }

    fn write(&self, numbers: std::ops::Range<u32>) {
        self.runtime.block_on(async {
            let builder = self.client.producer().config(producer_config());
            let producer = builder.build().await.unwrap();
            for n in numbers {
                let value = n.to_string();
                producer.send(Record::to(&self.topic).value(&value)).await.unwrap();
            }
        });
    }

    /// All readers are given these next, and commit them.
    fn all_read(&mut self, numbers: std::ops::Range<u32>) {
        for (reader, kind) in self.readers.iter_mut().zip(KINDS) {
            let (given, error) = self.runtime.block_on(read(reader, numbers.len()));
            assert!(error.is_none(), "{kind:?}: {error:?}");
            assert_eq!(given, numbers.clone().collect::<Vec<_>>(), "{kind:?}");
            self.runtime.block_on(reader.commit()).unwrap();
        }
    }

    /// Each reader without a policy is told, and given nothing. What they were told.
    fn told(&mut self) -> Vec<Error> {
        let all = self.readers.iter_mut().zip(KINDS);
        let strict = all.filter(|(_, kind)| kind.1 == OffsetReset::Error);
        let told = strict.map(|(reader, kind)| {
            let (given, error) = self.runtime.block_on(read(reader, 1));
            assert!(given.is_empty(), "{kind:?}: {given:?}");
            error.unwrap_or_else(|| panic!("{kind:?}: told nothing"))
        });
        told.collect()
    }

    /// Who was told goes on at this offset, where a policy leads the others: all are given these,
    /// and nothing else.
    fn go_on(&mut self, begin: i64, numbers: std::ops::Range<u32>) {
        for (reader, kind) in self.readers.iter_mut().zip(KINDS) {
            if kind.1 == OffsetReset::Error {
                reader.seek(&self.topic, 0, Start::Offset(begin)).unwrap();
            }
        }
        self.all_read(numbers);
        self.nothing_is_left();
    }

    /// All have read to the end, and have committed that.
    fn nothing_is_left(&self) {
        let topic = &*self.topic;
        let latest = self.offset(Position::Latest);
        for (reader, kind) in self.readers.iter().zip(KINDS) {
            assert_eq!(reader.position(topic, 0), latest, "{kind:?}");
            let found = self.runtime.block_on(reader.committed([(topic, 0)])).unwrap();
            let found = found.into_iter().map(|one| one.outcome.unwrap().map(|of| of.offset));
            assert_eq!(found.collect::<Vec<_>>(), [latest], "{kind:?}");
        }
    }
}

/// So many numbers, or what came before an error that does not pass.
async fn read(reader: &mut Consumer, count: usize) -> (Vec<u32>, Option<Error>) {
    let (mut given, until) = (Vec::new(), Instant::now() + DELIVERY_TIMEOUT);
    while given.len() < count {
        match timeout(until.saturating_duration_since(Instant::now()), reader.next()).await {
            Ok(Some(Ok(batch))) => given.extend(batch.records().map(|record| {
                let value = std::str::from_utf8(record.unwrap().value.unwrap()).unwrap();
                value.parse::<u32>().unwrap()
            })),
            Ok(Some(Err(error))) if error.is_retriable() => {}
            Ok(Some(Err(error))) => return (given, Some(error)),
            Ok(None) => pending().await,
            Err(_) => panic!("only {given:?} in {DELIVERY_TIMEOUT:?}"),
        }
    }
    (given, None)
}

#[test]
fn an_election_that_loses_what_was_read_is_told_or_followed_by_policy() {
    each_since("4.4", "an unclean election under groups", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let mut stage = Stage::new(cluster, Kept { replicas: 2, in_sync_min: 1 });
        let leader = cluster.leaders(&stage.topic)[0];
        let follower = cluster.replicas(&stage.topic, 0).into_iter().find(|id| *id != leader);
        let follower = follower.unwrap();
        cluster.kill(&[follower]);
        wait_until("the leader is alone", || cluster.in_sync(&stage.topic, 0) == [leader]);
        stage.write(5..10);
        stage.all_read(5..10);
        // With one of three there is no majority until the other is back, which has 0 to 5.
        cluster.kill(&[leader]);
        cluster.restart(&[follower]);
        cluster.elect_uncleanly(&stage.topic, 0, follower);
        stage.write(100..103);
        let told = stage.told();
        // Who comes after them finds the same.
        let again = [0, 2].map(|of| {
            let reader = stage.reader(of, OffsetReset::Error);
            let gone = std::mem::replace(&mut stage.readers[of], reader);
            stage.runtime.block_on(gone.close(DELIVERY_TIMEOUT));
            let (given, error) = stage.runtime.block_on(read(&mut stage.readers[of], 1));
            assert!(given.is_empty(), "{given:?}");
            error.unwrap()
        });
        for error in told.iter().chain(&again) {
            let agree = |error: &Error| {
                matches!(error, Error::LogTruncation { offset: 10, divergence: Some((5, _)), .. })
            };
            assert!(agree(error), "{error:?}");
        }
        stage.go_on(5, 100..103);
        say(&format!("an unclean election: {}", told[0]));
        cluster.heal();
        cluster.wait_for_replicas(&stage.topic);
    });
}

#[test]
fn records_that_are_deleted_before_they_are_read_are_told_or_passed_by_policy() {
    overtake("records deleted under groups", |stage| {
        stage.write(5..20);
        stage.delete_before(15);
    });
}

#[test]
fn records_that_expire_before_they_are_read_are_told_or_passed_by_policy() {
    overtake("records expired under groups", |stage| {
        stage.write(5..15);
        stage.keep_for_ms("1");
        let all_are_gone = || stage.offset(Position::Earliest) == Some(15);
        wait_until("the leader has deleted what is old", all_are_gone);
        stage.keep_for_ms("3600000");
        stage.write(15..20);
    });
}

/// The log begins at 15 when readers that stand at 5 go on.
fn overtake(what: &str, delete: impl Fn(&Stage)) {
    each_since("4.4", what, |release| {
        let mut shared = cluster(release);
        let mut stage = Stage::new(shared.as_mut().unwrap(), Kept::WELL);
        let topic = stage.topic.clone();
        stage.readers.iter_mut().for_each(|reader| reader.pause(&topic, 0).unwrap());
        // What a fetch that was under way brings is not given.
        std::thread::sleep(Duration::from_secs(1));
        delete(&stage);
        stage.readers.iter_mut().for_each(|reader| reader.resume(&topic, 0).unwrap());
        let told = stage.told();
        for error in &told {
            assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
            assert!(error.to_string().contains(" 5"), "{error}");
        }
        stage.go_on(15, 15..20);
        say(&format!("{what}: {}", told[0]));
    });
}

#[test]
fn a_topic_that_is_made_anew_is_told_or_read_by_policy_from_its_beginning() {
    each_since("4.4", "a topic made anew under groups", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let mut stage = Stage::new(cluster, Kept::WELL);
        let topic = stage.topic.clone();
        let admin = stage.client.admin();
        let deleted = stage.runtime.block_on(admin.delete_topics([&*topic])).unwrap();
        deleted.into_iter().for_each(|(_, outcome)| outcome.unwrap());
        cluster.create_topic(&topic, 1, Kept::WELL);
        // More than there were.
        stage.write(100..108);
        let told = stage.told();
        stage.go_on(0, 100..108);
        say(&format!("a topic made anew: {} / {}", told[0], told[1]));
    });
}

impl Stage {
    fn offset(&self, position: Position) -> Option<i64> {
        let offsets = self.client.offsets();
        let found = offsets.at(position, [(&*self.topic, 0)]);
        self.runtime.block_on(found).unwrap()[0].offset
    }

    /// From now on records are kept for so long.
    fn keep_for_ms(&self, retention: &str) {
        let (name, value) = ("retention.ms".into(), Some(retention.into()));
        let config = AlterableConfig { name, value, ..Default::default() };
        let resource = AlterConfigsResource {
            resource_type: 2,
            resource_name: self.topic.as_str().into(),
            configs: vec![config],
        };
        let resources = vec![resource];
        let request = IncrementalAlterConfigsRequest { resources, validate_only: false };
        let answer = self.runtime.block_on(self.client.request(Target::Any, request)).unwrap();
        assert!(answer.responses[0].error_code.is_ok(), "{answer:?}");
    }

    fn delete_before(&self, offset: i64) {
        let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset }];
        let topics = vec![DeleteRecordsTopic { name: self.topic.as_str().into(), partitions }];
        let request = DeleteRecordsRequest { topics, timeout_ms: 10_000 };
        let leader = Target::Leader { topic: self.topic.clone(), partition: 0 };
        let answer = self.runtime.block_on(self.client.request(leader, request)).unwrap();
        assert!(answer.topics[0].partitions[0].error_code.is_ok(), "{answer:?}");
    }
}
