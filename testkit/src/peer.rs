//! A client that does what it is told, and nothing on its own.

use std::fmt;
use std::io;

use bytes::{Bytes, BytesMut};
use kurier_env::Io;
use kurier_protocol::api::fetch::{FetchPartition, FetchRequest, FetchTopic};
use kurier_protocol::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kurier_protocol::record::{
    BatchWriter, DecompressLimits, Magic, Record, RecordBatches, RecordParts, Seal,
};
use kurier_protocol::release::{Release, advertised};
use kurier_protocol::{ErrorCode, Records, Request, decode, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A connection to a broker of a cluster in memory, for tests that send single requests: it
/// retries nothing, asks for nothing, and shows every answer as it came. It speaks neither TLS nor
/// SASL by itself. Brokers know it as `peer`.
pub struct Peer {
    stream: Box<dyn Io>,
    release: Release,
    sent: i32,
}

impl Peer {
    pub(crate) fn new(stream: Box<dyn Io>, release: Release) -> Self {
        Self { stream, release, sent: 0 }
    }

    /// Sends a request, and gives its correlation id.
    ///
    /// # Errors
    ///
    /// The connection is closed, or the request cannot be written in this version.
    pub async fn send<R: Request>(&mut self, version: i16, request: &R) -> io::Result<i32> {
        self.sent += 1;
        let frame = frame::request(request, version, self.sent, Some("peer"));
        self.stream.write_all(&frame.map_err(invalid)?.to_bytes()).await?;
        self.stream.flush().await?;
        Ok(self.sent)
    }

    /// The next frame, without its length.
    ///
    /// # Errors
    ///
    /// The connection is closed.
    pub async fn frame(&mut self) -> io::Result<Bytes> {
        let length = self.stream.read_i32().await?;
        let mut bytes = vec![0; usize::try_from(length).map_err(invalid)?];
        self.stream.read_exact(&mut bytes).await?;
        Ok(bytes.into())
    }

    /// The correlation id and the body of the next answer, which is to a request of this type.
    ///
    /// # Errors
    ///
    /// The connection is closed, or what came is no such answer.
    pub async fn receive<R: Request>(&mut self, version: i16) -> io::Result<(i32, R::Response)> {
        let frame = self.frame().await?;
        let (id, body) = frame::open_response(R::KEY, version, &frame).map_err(invalid)?;
        Ok((id, decode(&body, version).map_err(invalid)?))
    }

    /// Sends a request, and waits for its answer.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send) and [`receive`](Self::receive), and an answer to something else.
    pub async fn call<R: Request>(&mut self, version: i16, request: &R) -> io::Result<R::Response> {
        let sent = self.send(version, request).await?;
        let (id, answer) = self.receive::<R>(version).await?;
        if id == sent { Ok(answer) } else { Err(invalid(format!("answer {id} to {sent}"))) }
    }

    /// Writes one record to a partition with `acks=all`, and gives its offset or the code of the
    /// partition.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn produce(
        &mut self,
        topic: &str,
        partition: i32,
        value: &str,
    ) -> io::Result<Result<i64, ErrorCode>> {
        let version = self.highest::<ProduceRequest>(9);
        let magic = if version < 3 { Magic::V1 } else { Magic::V2 };
        let mut writer = BatchWriter::new(BytesMut::new(), magic, 0);
        let value = Some(value.as_bytes());
        let record = RecordParts { timestamp: 0, value, ..RecordParts::default() };
        writer.append(&record).map_err(invalid)?;
        let records = Some(Records(writer.seal(&Seal::default()).map_err(invalid)?));
        let partition_data = vec![PartitionProduceData { index: partition, records }];
        let data = TopicProduceData { name: topic.into(), partition_data, ..Default::default() };
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 1000,
            topic_data: vec![data],
            ..Default::default()
        };
        let answer = self.call(version, &request).await?;
        let mut partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
        let found = partitions.find(|found| found.index == partition);
        let found = found.ok_or_else(|| invalid("the partition is not answered"))?;
        Ok(found.error_code.ok().map(|()| found.base_offset))
    }

    /// Reads the records of a partition from an offset on, as many as come at once; or the code of
    /// the partition or the whole answer. It sees open and aborted transactions.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and records that are damaged.
    pub async fn fetch(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> io::Result<Result<Vec<Record>, ErrorCode>> {
        let wanted = FetchPartition {
            partition,
            fetch_offset: offset,
            partition_max_bytes: FETCH_BYTES_MAX,
            ..Default::default()
        };
        let topic =
            FetchTopic { topic: topic.into(), partitions: vec![wanted], ..Default::default() };
        let request = FetchRequest {
            max_bytes: FETCH_BYTES_MAX,
            session_epoch: -1,
            topics: vec![topic],
            ..Default::default()
        };
        let answer = self.call(self.highest::<FetchRequest>(12), &request).await?;
        if let Err(code) = answer.error_code.ok() {
            return Ok(Err(code));
        }
        let mut records = Vec::new();
        for found in answer.responses.into_iter().flat_map(|topic| topic.partitions) {
            if let Err(code) = found.error_code.ok() {
                return Ok(Err(code));
            }
            for batch in RecordBatches::new(found.records.unwrap_or_default().0) {
                let batch = batch.map_err(invalid)?;
                if batch.is_control() {
                    continue;
                }
                let opened = batch.open(&DecompressLimits::default()).map_err(invalid)?;
                for record in opened.records() {
                    records.push(opened.to_owned(&record.map_err(invalid)?));
                }
            }
        }
        records.retain(|record| offset <= record.offset);
        Ok(Ok(records))
    }

    /// The highest version that the broker has, up to one.
    fn highest<R: Request>(&self, most: i16) -> i16 {
        advertised(self.release, R::KEY).map_or(most, |range| most.min(*range.end()))
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("sent", &self.sent).finish_non_exhaustive()
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// How much a fetch asks for.
const FETCH_BYTES_MAX: i32 = 1 << 20;
