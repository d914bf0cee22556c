//! A record for tests of what is printed.

use bytes::BytesMut;
use kurier_protocol::record::{
    BatchWriter, DecompressLimits, Header, Magic, RecordBatches, RecordParts, Seal, TimestampType,
};

use super::format::Found;

/// Calls `look` with a record of partition 3 of `orders`, offset 0.
pub(crate) fn with_record(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[Header<'_>],
    look: impl FnOnce(&Found<'_>),
) {
    let timestamp = 1_700_000_000_000;
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, timestamp);
    writer.append(&RecordParts { timestamp, key, value, headers }).unwrap();
    let batch = writer.seal(&Seal::default()).unwrap();
    let batch = RecordBatches::new(batch).next().unwrap().unwrap();
    let open = batch.open(&DecompressLimits::default()).unwrap();
    look(&Found {
        topic: "orders",
        partition: 3,
        broker: 1,
        timestamp_type: Some(TimestampType::CreateTime),
        record: open.records().next().unwrap().unwrap(),
    });
}
