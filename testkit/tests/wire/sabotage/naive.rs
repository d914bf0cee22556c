//! A client that believes every answer, and notes what it does: it never tries again, looks at no
//! offset, and reads one batch a fetch.

use kurier_protocol::api::end_txn::EndTxnRequest;
use kurier_protocol::api::fetch::{FetchRequest, FetchResponse};
use kurier_protocol::api::init_producer_id::InitProducerIdRequest;
use kurier_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kurier_protocol::api::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestTopic};
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kurier_protocol::record::{BatchWriter, Magic, RecordBatches, RecordParts, Seal, committed};
use kurier_protocol::{ErrorCode, Records};
use kurier_testkit::history::{
    Action, End, Offsets, Outcome, Pending, Polled, Recorder, Sent, Start, Step, Stretch,
    TopicPartition,
};
use kurier_testkit::{Isolation, TestCluster};

use crate::peer::{FETCH, Peer, fetch, produce, stored};

/// The client.
pub(crate) struct Naive {
    process: u32,
    peer: Peer,
    recorder: Recorder,
    isolation: Isolation,
    positions: [i64; 2],
    txn: Option<Txn>,
}

struct Txn {
    pending: Pending,
    producer: (i64, i16),
    sequences: [i32; 2],
}

/// Whether the moment at which a transaction ends is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    Exactly,
    No,
}

pub(crate) const GROUP: &str = "g";

pub(crate) fn of(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

impl Naive {
    /// A client that reads both partitions of topic `t` from the beginning.
    pub(crate) async fn new(cluster: &TestCluster, recorder: &Recorder, process: u32) -> Self {
        let peer = Peer::connect(&cluster.env(1), 1).await.unwrap();
        let (recorder, isolation) = (recorder.clone(), Isolation::Committed);
        let naive = Self { process, peer, recorder, isolation, positions: [0; 2], txn: None };
        naive.assign();
        naive
    }

    fn assign(&self) {
        let starts = self.positions.iter().zip(0..);
        let starts = starts.map(|(position, partition)| (of(partition), Start::At(*position)));
        self.recorder.note(self.process, Action::Assign(starts.collect()));
    }

    /// Sends a record outside of a transaction.
    pub(crate) async fn send(&mut self, partition: i32, value: u64) {
        let sending = self.recorder.send(self.process, of(partition), value);
        let mut request = produce(&value.to_string());
        request.topic_data[0].partition_data[0].index = partition;
        match stored(&self.peer.call(9, &request).await.unwrap()) {
            Ok(offset) => sending.acknowledged(offset),
            Err(_) => sending.end(Outcome::Failed),
        }
    }

    /// Polls once.
    pub(crate) async fn poll(&mut self, partition: i32) -> usize {
        let polling = self.recorder.poll(self.process, self.isolation);
        let records = self.fetch(partition).await;
        let count = records.len();
        polling.polled(of(partition), records);
        polling.end(Outcome::Ok);
        count
    }

    /// Polls until nothing comes.
    pub(crate) async fn drain(&mut self) {
        for partition in 0..2 {
            while self.poll(partition).await > 0 {}
        }
    }

    /// Polls twice in one operation, with something done in between.
    pub(crate) async fn poll_twice(&mut self, partition: i32, between: impl FnOnce()) {
        let polling = self.recorder.poll(self.process, self.isolation);
        let first = self.fetch(partition).await;
        polling.polled(of(partition), first);
        between();
        let second = self.fetch(partition).await;
        polling.polled(of(partition), second);
        polling.end(Outcome::Ok);
    }

    async fn fetch(&mut self, partition: i32) -> Vec<(i64, u64)> {
        let position = &mut self.positions[usize::try_from(partition).unwrap()];
        let mut request = FetchRequest { isolation_level: 1, ..fetch(*position, 0) };
        let wanted = &mut request.topics[0].partitions[0];
        (wanted.partition, wanted.partition_max_bytes) = (partition, 1);
        let mut response: FetchResponse = self.peer.call(FETCH, &request).await.unwrap();
        let data = response.responses.remove(0).partitions.remove(0);
        assert_eq!(data.error_code, ErrorCode::NONE);
        let bytes = data.records.unwrap().0;
        if let Some(Ok(last)) = RecordBatches::new(bytes.clone()).last() {
            *position = last.last_offset() + 1;
        }
        let mut records = Vec::new();
        for batch in committed(bytes, &data.aborted_transactions.unwrap_or_default()) {
            let opened = batch.unwrap().open(&Default::default()).unwrap();
            for record in opened.records() {
                let record = record.unwrap();
                let value = std::str::from_utf8(record.value.unwrap()).unwrap();
                records.push((record.offset, value.parse().unwrap()));
            }
        }
        records
    }

    /// Loses its state and goes on from where the group is, which it notes.
    pub(crate) async fn restart(&mut self) {
        self.recorder.note(self.process, Action::Crash);
        let topic = OffsetFetchRequestTopic { name: "t".into(), partition_indexes: vec![0, 1] };
        let topics = Some(vec![topic]);
        let request = OffsetFetchRequest { group_id: GROUP.into(), topics, ..Default::default() };
        let answer = self.peer.call(7, &request).await.unwrap();
        let partitions = answer.topics[0].partitions.iter().map(|found| found.committed_offset);
        let found: Vec<i64> = partitions.map(|offset| offset.max(0)).collect();
        self.positions = found.clone().try_into().unwrap();
        let offsets = (0..).map(of).zip(found).collect();
        let offsets = Offsets { group: GROUP.into(), offsets };
        self.recorder.note(self.process, Action::CommitOffsets(offsets));
        self.assign();
    }

    /// Commits its positions, and notes what it meant to commit.
    pub(crate) async fn commit(&mut self) {
        let committing = Action::CommitOffsets(self.offsets());
        let committing = self.recorder.begin(self.process, committing);
        let partitions = (0..).zip(self.positions).map(|(partition_index, committed_offset)| {
            OffsetCommitRequestPartition { partition_index, committed_offset, ..Default::default() }
        });
        let partitions = partitions.collect();
        let topic = OffsetCommitRequestTopic { name: "t".into(), partitions, ..Default::default() };
        let request = OffsetCommitRequest {
            group_id: GROUP.into(),
            generation_id_or_member_epoch: -1,
            topics: vec![topic],
            ..Default::default()
        };
        let answer = self.peer.call(8, &request).await.unwrap();
        assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::NONE);
        committing.end(Outcome::Ok);
    }

    fn offsets(&self) -> Offsets {
        let offsets = (0..).map(of).zip(self.positions).collect();
        Offsets { group: GROUP.into(), offsets }
    }

    // ---- transactions

    pub(crate) async fn begin(&mut self) {
        let request = InitProducerIdRequest {
            transactional_id: Some(self.transactional_id().into()),
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let answer = self.peer.call(4, &request).await.unwrap();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        let pending = self.recorder.txn(self.process);
        let producer = (answer.producer_id, answer.producer_epoch);
        self.txn = Some(Txn { pending, producer, sequences: [0; 2] });
    }

    pub(crate) async fn send_in_txn(&mut self, partition: i32, value: u64) {
        let id = self.transactional_id();
        let txn = self.txn.as_mut().unwrap();
        let sequence = &mut txn.sequences[usize::try_from(partition).unwrap()];
        let seal = Seal {
            producer_id: txn.producer.0,
            producer_epoch: txn.producer.1,
            base_sequence: *sequence,
            is_transactional: true,
            ..Seal::default()
        };
        *sequence += 1;
        let mut batch = BatchWriter::new(Default::default(), Magic::V2, 0);
        let text = value.to_string();
        let parts = RecordParts { value: Some(text.as_bytes()), ..RecordParts::default() };
        batch.append(&parts).unwrap();
        let mut request = ProduceRequest { transactional_id: Some(id.into()), ..produce("") };
        let data = &mut request.topic_data[0].partition_data[0];
        (data.index, data.records) = (partition, Some(Records(batch.seal(&seal).unwrap())));
        let offset = stored(&self.peer.call(12, &request).await.unwrap()).unwrap();
        let sent = Sent { to: of(partition), value, offset: Some(offset) };
        txn.pending.step(Step::Send(sent));
    }

    pub(crate) async fn poll_in_txn(&mut self, partition: i32) {
        let records = self.fetch(partition).await;
        let stretches = vec![Stretch { of: of(partition), records }];
        let polled = Polled { isolation: self.isolation, stretches };
        self.txn.as_ref().unwrap().pending.step(Step::Poll(polled));
    }

    pub(crate) async fn commit_in_txn(&mut self) {
        let offsets = self.offsets();
        let id = self.transactional_id();
        let txn = self.txn.as_ref().unwrap();
        let partitions = (0..).zip(self.positions).map(|(partition_index, committed_offset)| {
            TxnOffsetCommitRequestPartition {
                partition_index,
                committed_offset,
                ..Default::default()
            }
        });
        let partitions = partitions.collect();
        let topic =
            TxnOffsetCommitRequestTopic { name: "t".into(), partitions, ..Default::default() };
        let request = TxnOffsetCommitRequest {
            transactional_id: id.into(),
            group_id: GROUP.into(),
            producer_id: txn.producer.0,
            producer_epoch: txn.producer.1,
            generation_id_or_member_epoch: -1,
            topics: vec![topic],
            ..Default::default()
        };
        let answer = self.peer.call(5, &request).await.unwrap();
        assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::NONE);
        txn.pending.step(Step::CommitOffsets(offsets));
    }

    pub(crate) async fn end(&mut self, end: End, noted: Noted) {
        let id = self.transactional_id();
        let Txn { pending, producer, .. } = self.txn.take().unwrap();
        match noted {
            Noted::Exactly => pending.ending(end),
            Noted::No => pending.change(|action| {
                if let Action::Txn(txn) = action {
                    txn.end = end;
                }
            }),
        }
        let request = EndTxnRequest {
            transactional_id: id.into(),
            producer_id: producer.0,
            producer_epoch: producer.1,
            committed: end == End::Commit,
        };
        let answer = self.peer.call(5, &request).await.unwrap();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        pending.end(Outcome::Ok);
    }

    fn transactional_id(&self) -> String {
        format!("x{}", self.process)
    }
}
