//! Batches that other implementations got wrong: very many records, times far apart, outputs out of
//! all proportion.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use bytes::{Bytes, BytesMut};
use kurier_protocol::limits::DECOMPRESSED_BYTES_FREE;
use kurier_protocol::record::{
    BatchWriter, Compression, DecompressLimits, Header, Magic, RecordBatches, RecordError,
    RecordParts, Seal,
};

fn formats() -> impl Iterator<Item = (Magic, Compression)> {
    let every = |magic| Compression::ALL.into_iter().map(move |compression| (magic, compression));
    let all = [Magic::V0, Magic::V1, Magic::V2].into_iter().flat_map(every);
    all.filter(|&(magic, codec)| magic == Magic::V2 || codec != Compression::Zstd)
}

fn sealed<'a>(
    (magic, compression): (Magic, Compression),
    records: impl Iterator<Item = RecordParts<'a>>,
) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), magic, 0);
    for record in records {
        writer.append(&record).unwrap();
    }
    writer.seal(&Seal { compression, ..Seal::default() }).unwrap()
}

// Case PURE-11.
#[test]
fn more_than_a_hundred_thousand_records_are_one_batch() {
    const RECORDS: usize = 150_000;
    for format in formats() {
        let record = RecordParts { timestamp: 0, value: Some(b"v"), ..RecordParts::default() };
        let records = sealed(format, std::iter::repeat_n(record, RECORDS));
        let (mut batches, mut next) = (0, 0);
        for batch in RecordBatches::new(records) {
            batches += 1;
            for record in batch.unwrap().open(&DecompressLimits::default()).unwrap().records() {
                assert_eq!(record.unwrap().offset, next);
                next += 1;
            }
        }
        assert_eq!(next, i64::try_from(RECORDS).unwrap(), "{format:?}");
        // Uncompressed messages of magic 0 and 1 stand alone.
        let is_one = format.0 == Magic::V2 || format.1 != Compression::None;
        assert_eq!(batches, if is_one { 1 } else { RECORDS }, "{format:?}");
    }
}

#[cfg(feature = "json")]
#[test]
fn a_row_of_more_records_than_its_limit_is_refused_before_it_becomes_text() {
    use kurier_protocol::limits::ROW_RECORDS_MAX;
    use kurier_protocol::rows;
    let row = |count| {
        let record = RecordParts { timestamp: 0, value: Some(b"v"), ..RecordParts::default() };
        let format = (Magic::V2, Compression::Gzip);
        let records = sealed(format, std::iter::repeat_n(record, count));
        let hex: String = records.iter().map(|byte| format!("{byte:02x}")).collect();
        rows::decode_records(&format!("{{\"hex\":\"{hex}\"}}"))
    };
    let failed = row(ROW_RECORDS_MAX + 1).unwrap_err().to_string();
    assert!(failed.contains("more than 100000 records and headers"), "{failed}");
    assert!(row(1_000).is_ok());
}

// Case WIRE-01.
#[test]
fn times_may_lie_as_far_apart_as_64_bits_can_say() {
    let times = [1 << 31, (1 << 31) - 1, -(1 << 31), -(1 << 31) - 1, 1 << 62, -(1 << 62), i64::MAX];
    let records = times.into_iter().map(|timestamp| RecordParts {
        timestamp,
        value: Some(b"v"),
        ..RecordParts::default()
    });
    for compression in Compression::ALL {
        let batch = RecordBatches::new(sealed((Magic::V2, compression), records.clone()));
        let open = batch.last().unwrap().unwrap().open(&DecompressLimits::default()).unwrap();
        let found: Vec<_> = open.records().map(|record| record.unwrap().timestamp).collect();
        assert_eq!(found, times, "{compression}");
    }
}

// Cases WIRE-03, WIRE-04.
#[test]
fn null_empty_and_repeated_headers_are_kept_apart_and_in_order() {
    let headers = [
        Header::new("a", None),
        Header::new("a", Some(b"")),
        Header::new("", Some(b"1")),
        Header::new("a", Some(b"2")),
    ];
    let record = RecordParts { timestamp: 0, headers: &headers, ..RecordParts::default() };
    let batch = RecordBatches::new(sealed((Magic::V2, Compression::None), [record].into_iter()));
    let open = batch.last().unwrap().unwrap().open(&DecompressLimits::default()).unwrap();
    let record = open.records().next().unwrap().unwrap();
    assert_eq!(record.headers().collect::<Vec<_>>(), headers);
}

#[test]
fn an_output_out_of_proportion_is_refused_beyond_what_is_free() {
    let zeros = vec![0; 2 * DECOMPRESSED_BYTES_FREE];
    let record = RecordParts { timestamp: 0, value: Some(&zeros), ..RecordParts::default() };
    for format in formats().filter(|&(_, codec)| codec != Compression::None) {
        let records = sealed(format, [record].into_iter());
        let batch = RecordBatches::new(records.clone()).next().unwrap().unwrap();
        let strict = DecompressLimits { ratio_max: 10, ..DecompressLimits::default() };
        // Snappy shrinks to a twentieth at most.
        let bytes_max = DECOMPRESSED_BYTES_FREE.max(10 * packed_bytes(&records, format));
        assert_eq!(
            batch.open(&strict).map(drop),
            Err(RecordError::LimitExceeded { codec: format.1, bytes_max }),
            "{format:?}"
        );
        let lenient = DecompressLimits { ratio_max: usize::MAX, ..DecompressLimits::default() };
        let open = batch.open(&lenient).unwrap();
        let length = open.records().next().unwrap().unwrap().value.map(<[u8]>::len);
        assert_eq!(length, Some(zeros.len()), "{format:?}");
    }
}

/// Compressed bytes of the only batch: what follows its header, and the lengths of key and value.
fn packed_bytes(records: &Bytes, (magic, _): (Magic, Compression)) -> usize {
    records.len()
        - match magic {
            Magic::V0 => 18 + 8,
            Magic::V1 => 26 + 8,
            Magic::V2 => 61,
        }
}
