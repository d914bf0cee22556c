//! A client that sends frames and does nothing on its own.

use std::io;

use bytes::{Bytes, BytesMut};
use kurier_env::{Env, Io};
use kurier_protocol::api::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use kurier_protocol::api::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_protocol::{ErrorCode, Records, Request, decode, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A connection to a broker.
pub(crate) struct Peer {
    pub(crate) stream: Box<dyn Io>,
    next_id: i32,
}

impl Peer {
    /// Connects to a broker of a cluster in memory.
    pub(crate) async fn connect(env: &Env, broker: i32) -> io::Result<Self> {
        let host = format!("broker-{broker}");
        let address = env.net().resolve(&host, 9092).await?[0];
        Ok(Self::over(env.net().connect(address).await?))
    }

    /// A client at the end of a stream.
    pub(crate) fn over(stream: Box<dyn Io>) -> Self {
        Self { stream, next_id: 1 }
    }

    /// Sends a request, and gives its correlation id.
    pub(crate) async fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        let id = self.next_id;
        self.next_id += 1;
        let frame = frame::request(request, version, id, Some("peer")).unwrap();
        self.stream.write_all(&frame.to_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
        id
    }

    /// The next frame without its length; an error at the end of the stream.
    pub(crate) async fn frame(&mut self) -> io::Result<Bytes> {
        let length = self.stream.read_i32().await?;
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut bytes).await?;
        Ok(bytes.into())
    }

    /// The next answer, which is to a request of this type.
    pub(crate) async fn receive<R: Request>(
        &mut self,
        version: i16,
    ) -> io::Result<(i32, R::Response)> {
        let frame = self.frame().await?;
        let (id, body) = frame::open_response(R::KEY, version, &frame).unwrap();
        Ok((id, decode(&body, version).unwrap()))
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn call<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> io::Result<R::Response> {
        let sent = self.send(version, request).await;
        let (id, answer) = self.receive::<R>(version).await?;
        assert_eq!(id, sent, "answers come in order");
        Ok(answer)
    }

    /// Whether the broker has closed the connection.
    pub(crate) async fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]).await, Ok(0) | Err(_))
    }
}

/// The version in which produce requests are sent.
pub(crate) const PRODUCE: i16 = 9;
/// The version in which fetches are sent.
pub(crate) const FETCH: i16 = 12;

/// A produce request of one record to partition 0 of topic `t`.
pub(crate) fn produce(value: &str) -> ProduceRequest {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    let value = Some(value.as_bytes());
    writer.append(&RecordParts { timestamp: 0, value, ..RecordParts::default() }).unwrap();
    let records = Some(Records(writer.seal(&Seal::default()).unwrap()));
    let partition_data = vec![PartitionProduceData { index: 0, records }];
    let topic = TopicProduceData { name: "t".into(), partition_data, ..Default::default() };
    ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() }
}

/// The offset at which the record of [`produce`] was stored.
pub(crate) fn stored(response: &ProduceResponse) -> Result<i64, ErrorCode> {
    let partition = &response.responses[0].partition_responses[0];
    partition.error_code.ok().map(|()| partition.base_offset)
}

/// A fetch of partition 0 of topic `t` that waits for a byte.
pub(crate) fn fetch(offset: i64, max_wait_ms: i32) -> FetchRequest {
    let partition =
        FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
    FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: vec![topic],
        ..Default::default()
    }
}

/// How many bytes of records came.
pub(crate) fn fetched(response: &FetchResponse) -> Result<usize, ErrorCode> {
    let partition = &response.responses[0].partitions[0];
    let bytes = partition.records.as_ref().map_or(0, |records| records.0.len());
    partition.error_code.ok().map(|()| bytes)
}
