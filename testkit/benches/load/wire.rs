//! A producer and a consumer that do next to nothing, so that the broker is what is measured.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::{Bytes, BytesMut};
use kurier_protocol::api::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use kurier_protocol::api::metadata::{MetadataRequest, MetadataRequestTopic};
use kurier_protocol::api::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use kurier_protocol::record::{BatchWriter, Magic, RecordBatches, RecordParts, Seal};
use kurier_protocol::{Records, Request, decode, frame};

const TOPIC: &str = "load";
const VALUE: [u8; 100] = [b'x'; 100];
const BATCH_BYTES: usize = 16 << 10;
/// Requests that the producer has under way, as Java's producer has.
const IN_FLIGHT_MAX: u64 = 5;
const PRODUCE_VERSION: i16 = 11;
const FETCH_VERSION: i16 = 12;
const METADATA_VERSION: i16 = 12;

/// Sends the same batch again and again.
pub(crate) struct Writer {
    connection: Connection,
    request: Bytes,
    records_each: u64,
    bytes_each: u64,
}

impl Writer {
    pub(crate) fn new(address: &str) -> Self {
        let mut connection = Connection::new(address);
        let topic = MetadataRequestTopic { name: Some(TOPIC.into()), ..Default::default() };
        let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
        connection.call(&request, METADATA_VERSION);
        let (batch, records_each) = batch();
        let bytes_each = batch.len() as u64;
        let partition = PartitionProduceData { index: 0, records: Some(Records(batch)) };
        let data = TopicProduceData {
            name: TOPIC.into(),
            partition_data: vec![partition],
            ..Default::default()
        };
        let request = ProduceRequest {
            acks: 1,
            timeout_ms: 30_000,
            topic_data: vec![data],
            ..Default::default()
        };
        let request = frame::request(&request, PRODUCE_VERSION, 1, Some("load")).unwrap();
        Self { connection, request: request.to_bytes(), records_each, bytes_each }
    }

    /// Sends at least so many records, and says how many.
    pub(crate) fn write(&mut self, count: u64) -> Written {
        let requests = count.div_ceil(self.records_each);
        let (mut sent, mut answered) = (0, 0);
        while answered < requests {
            while sent < requests && sent - answered < IN_FLIGHT_MAX {
                self.connection.stream.write_all(&self.request).unwrap();
                sent += 1;
            }
            let answer: ProduceResponse = self.connection.answer::<ProduceRequest>(PRODUCE_VERSION);
            let partition = &answer.responses[0].partition_responses[0];
            assert!(partition.error_code.is_ok(), "{partition:?}");
            answered += 1;
        }
        Written { records: requests * self.records_each, bytes: requests * self.bytes_each }
    }
}

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) records: u64,
    /// Of its batches.
    pub(crate) bytes: u64,
}

/// Reads the topic from its beginning.
pub(crate) struct Reader {
    connection: Connection,
    records_each: u64,
}

impl Reader {
    pub(crate) fn new(address: &str) -> Self {
        Self { connection: Connection::new(address), records_each: batch().1 }
    }

    /// Reads until at least so many records have come, and says how many.
    pub(crate) fn read(&mut self, count: u64) -> u64 {
        let wanted = count.div_ceil(self.records_each) * self.records_each;
        let mut offset = 0;
        while offset < wanted {
            let partition = FetchPartition {
                partition: 0,
                fetch_offset: i64::try_from(offset).unwrap(),
                partition_max_bytes: 1 << 20,
                ..Default::default()
            };
            let topic = FetchTopic {
                topic: TOPIC.into(),
                partitions: vec![partition],
                ..Default::default()
            };
            let request = FetchRequest {
                replica_id: -1,
                max_wait_ms: 500,
                min_bytes: 1,
                max_bytes: 50 << 20,
                session_epoch: -1,
                topics: vec![topic],
                ..Default::default()
            };
            let answer: FetchResponse = self.connection.call(&request, FETCH_VERSION);
            let partition = &answer.responses[0].partitions[0];
            assert!(partition.error_code.is_ok(), "{partition:?}");
            let records = partition.records.clone().unwrap_or_default().0;
            if let Some(last) = RecordBatches::new(records).map(Result::unwrap).last() {
                offset = u64::try_from(last.last_offset() + 1).unwrap();
            }
        }
        offset
    }
}

/// A batch of 16 KiB, and how many records it has.
fn batch() -> (Bytes, u64) {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 1_700_000_000_000);
    let mut count = 0;
    while writer.len() < BATCH_BYTES - VALUE.len() - 10 {
        let record = RecordParts {
            timestamp: 1_700_000_000_000,
            key: None,
            value: Some(&VALUE),
            headers: &[],
        };
        writer.append(&record).unwrap();
        count += 1;
    }
    (writer.seal(&Seal::default()).unwrap(), count)
}

struct Connection {
    stream: TcpStream,
}

impl Connection {
    fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    fn call<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        let request = frame::request(request, version, 1, Some("load")).unwrap();
        self.stream.write_all(&request.to_bytes()).unwrap();
        self.answer::<R>(version)
    }

    fn answer<R: Request>(&mut self, version: i16) -> R::Response {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut answer).unwrap();
        let (_, body) = frame::open_response(R::KEY, version, &answer.into()).unwrap();
        decode::<R::Response>(&body, version).unwrap()
    }
}
