//! Neither appending a record nor reading one allocates: batches do, records do not.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use allocation_counter::measure;
use bytes::{Bytes, BytesMut};
use kurier_protocol::record::{
    BatchWriter, DecompressLimits, Header, Magic, RecordBatches, RecordParts, Seal,
};

const RECORDS: usize = 10_000;
const HEADERS: [Header<'static>; 2] = [Header::new("a", Some(b"1")), Header::new("a", None)];

fn record(magic: Magic, value: &[u8]) -> RecordParts<'_> {
    let headers = if magic == Magic::V2 { &HEADERS[..] } else { &[] };
    RecordParts { timestamp: 5, key: Some(b"key"), value: Some(value), headers }
}

#[test]
fn appending_does_not_allocate_within_the_buffer() {
    for magic in [Magic::V0, Magic::V1, Magic::V2] {
        let mut writer = BatchWriter::new(BytesMut::with_capacity(RECORDS * 200), magic, 0);
        let value = [b'v'; 100];
        let found = measure(|| {
            for _ in 0..RECORDS {
                writer.append(&record(magic, &value)).unwrap();
            }
        });
        assert_eq!(found.count_total, 0, "{magic}");
        let sealing = measure(|| drop(writer.seal(&Seal::default()).unwrap()));
        assert!(sealing.count_total <= 1, "{magic}: {}", sealing.count_total);
    }
}

fn sealed(magic: Magic) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), magic, 0);
    for _ in 0..RECORDS {
        writer.append(&record(magic, &[b'v'; 100])).unwrap();
    }
    writer.seal(&Seal::default()).unwrap()
}

// Case PURE-19: allocations; the benchmarks have the time.
#[test]
fn reading_borrowed_records_does_not_allocate() {
    for magic in [Magic::V0, Magic::V1, Magic::V2] {
        let records = sealed(magic);
        let (mut read, mut bytes) = (0, 0);
        let found = measure(|| {
            for batch in RecordBatches::new(records.clone()) {
                let open = batch.unwrap().open(&DecompressLimits::default()).unwrap();
                for record in open.records() {
                    let record = record.unwrap();
                    read += 1;
                    bytes += record.value.unwrap().len();
                    bytes += record.headers().map(|header| header.key.len()).sum::<usize>();
                }
            }
        });
        let each = if magic == Magic::V2 { 102 } else { 100 };
        assert_eq!((read, bytes), (RECORDS, RECORDS * each), "{magic}");
        // Turning a vector into shared bytes may take one, whatever the number of records.
        assert!(found.count_total <= 1, "{magic}: {}", found.count_total);
    }
}

#[test]
fn owning_a_record_is_a_reference_count() {
    let records = sealed(Magic::V2);
    let batch = RecordBatches::new(records).next().unwrap().unwrap();
    let open = batch.open(&DecompressLimits::default()).unwrap();
    let mut owned = Vec::with_capacity(RECORDS);
    let found = measure(|| owned.extend(open.records().map(|r| open.to_owned(&r.unwrap()))));
    assert_eq!((owned.len(), found.count_total), (RECORDS, 0));
}
