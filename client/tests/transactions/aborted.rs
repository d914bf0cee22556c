//! Whatever the list of aborted transactions looks like that comes with records, a reader of
//! committed records never gets an aborted one, and all others.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kurier_client::consumer::Start;
use kurier_client::offsets::Isolation;
use kurier_client::transactions::TransactionEnd as End;
use kurier_env::{Chance, Purpose, Seeded};
use kurier_protocol::api::fetch::{
    AbortedTransaction, FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
};
use kurier_protocol::record::control::EndTransaction;
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_protocol::{ApiKey, Records};
use kurier_testkit::Fault;
use tokio::time::timeout;

use crate::world::World;

const SEEDS: u64 = 1000;

#[tokio::test(start_paused = true)]
async fn are_never_shown_in_whatever_order_they_are_listed_and_however_often() {
    for release in ["2.8", "4.4"] {
        let world = World::new(release).await;
        let (mut shown, mut hidden) = (0, 0);
        for seed in 0..SEEDS {
            let log = Log::of(&Seeded::new(seed));
            let answer = log.answer(&world);
            world.cluster.fault(Fault::on(ApiKey::FETCH).reply::<FetchRequest>(answer));
            world.cluster.fault(Fault::on(ApiKey::FETCH).skip(1).always().execute_then_hang());
            let consumer = world.client.consumer().isolation(Isolation::ReadCommitted);
            let mut consumer = consumer.assign([("t", 0, Start::Earliest)]).start().unwrap();
            let mut values = Vec::new();
            while values.len() < log.committed.len() {
                let batch = timeout(Duration::from_secs(5), consumer.next()).await;
                let Ok(Some(Ok(batch))) = batch else { break };
                for record in batch.records() {
                    let value = record.unwrap().value.unwrap();
                    values.push(std::str::from_utf8(value).unwrap().parse::<i64>().unwrap());
                }
            }
            assert_eq!(values, log.committed, "seed {seed}, {release}: {:?}", log.listed);
            // Nothing comes behind them.
            assert!(timeout(Duration::from_secs(5), consumer.next()).await.is_err());
            shown += log.committed.len();
            hidden += log.written - log.committed.len();
            world.cluster.clear_faults();
        }
        assert!(shown > 1000 && hidden > 1000, "{shown} {hidden}");
    }
}

/// A partition's log, and what a broker says of it.
#[derive(Default)]
struct Log {
    bytes: Vec<u8>,
    end: i64,
    /// The values of records that are committed, in order; each is the offset of its record.
    committed: Vec<i64>,
    written: usize,
    listed: Vec<AbortedTransaction>,
}

/// A transaction that is open: where it began, and its records.
struct Open {
    first: i64,
    offsets: Vec<i64>,
}

impl Log {
    /// Several producers write, in transactions and without, that begin and end among each other.
    fn of(dice: &Seeded) -> Self {
        let below = |sides: u64| dice.next(Purpose::Fault) % sides;
        let mut log = Self::default();
        let mut open: BTreeMap<i64, Open> = BTreeMap::new();
        for _ in 0..10 + below(40) {
            let producer = i64::try_from(below(4)).unwrap();
            match (below(6), open.contains_key(&producer)) {
                (0, _) => {
                    let offsets = log.write(-1, 1 + below(3));
                    log.committed.extend(offsets);
                }
                (1 | 2, true) => log.end(&mut open, producer, End::Abort),
                (3, true) => log.end(&mut open, producer, End::Commit),
                _ => {
                    let offsets = log.write(producer, 1 + below(3));
                    let begun = Open { first: offsets[0], offsets: Vec::new() };
                    open.entry(producer).or_insert(begun).offsets.extend(offsets);
                }
            }
        }
        while let Some(producer) = open.keys().next().copied() {
            log.end(&mut open, producer, if below(2) == 0 { End::Commit } else { End::Abort });
        }
        log.committed.sort_unstable();
        let copies = log.listed.clone().into_iter().filter(|_| below(3) > 0);
        let often = |one| std::iter::repeat_n(one, if below(2) == 0 { 1 } else { 2 });
        let copies: Vec<_> = copies.flat_map(often).collect();
        log.listed.extend(copies);
        for at in (1..log.listed.len()).rev() {
            log.listed.swap(at, usize::try_from(below(at as u64 + 1)).unwrap());
        }
        log
    }

    fn write(&mut self, producer: i64, count: u64) -> Vec<i64> {
        let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
        let offsets: Vec<i64> = (self.end..).take(usize::try_from(count).unwrap()).collect();
        for offset in &offsets {
            let value = offset.to_string();
            let parts = RecordParts { value: Some(value.as_bytes()), ..Default::default() };
            writer.append(&parts).unwrap();
        }
        self.push(&writer.seal(&self.seal(producer)).unwrap(), offsets.len());
        self.written += offsets.len();
        offsets
    }

    fn end(&mut self, open: &mut BTreeMap<i64, Open>, producer: i64, end: End) {
        let ended = open.remove(&producer).unwrap();
        let is_committed = end == End::Commit;
        let marker = EndTransaction { is_committed, coordinator_epoch: 0 };
        self.push(&marker.to_batch(0, &self.seal(producer)).unwrap(), 1);
        if is_committed {
            self.committed.extend(ended.offsets);
        } else {
            let first_offset = ended.first;
            self.listed.push(AbortedTransaction { producer_id: producer, first_offset });
        }
    }

    fn seal(&self, producer_id: i64) -> Seal {
        let is_transactional = producer_id >= 0;
        Seal { base_offset: self.end, producer_id, is_transactional, ..Seal::default() }
    }

    fn push(&mut self, batch: &Bytes, records: usize) {
        self.bytes.extend_from_slice(batch);
        self.end += i64::try_from(records).unwrap();
    }

    fn answer(&self, world: &World) -> FetchResponse {
        let data = PartitionData {
            partition_index: 0,
            high_watermark: self.end,
            last_stable_offset: self.end,
            log_start_offset: 0,
            aborted_transactions: Some(self.listed.clone()),
            records: Some(Records(self.bytes.clone().into())),
            ..PartitionData::default()
        };
        let topic_id = world.cluster.topic_id("t").unwrap();
        let partitions = vec![data];
        let topic = FetchableTopicResponse { topic: "t".into(), topic_id, partitions };
        FetchResponse { responses: vec![topic], ..FetchResponse::default() }
    }
}
