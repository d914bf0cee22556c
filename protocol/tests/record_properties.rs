//! Random batches come back as they were written; random damage is an error, never a panic, and
//! never costs more memory than the limit allows.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may panic")]

use allocation_counter::measure;
use bytes::{Bytes, BytesMut};
use kurier_protocol::record::{
    BatchWriter, Compression, Compressor, DecompressLimits, Decompressor, Header, Magic,
    RecordBatches, RecordError, RecordParts, Seal, Stamp, control::EndTransaction, convert, stamp,
};
use proptest::collection::vec;
use proptest::prelude::*;

type Field = Option<Vec<u8>>;

#[derive(Debug, Clone, PartialEq)]
struct Row {
    timestamp: i64,
    key: Field,
    value: Field,
    headers: Vec<(Vec<u8>, Field)>,
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        Just(None),
        vec(any::<u8>(), 0..40).prop_map(Some),
        (0..20_000_usize).prop_map(|len| Some(vec![b'r'; len])),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let timestamp = prop_oneof![Just(-1), 0..2_000_000_000_000_i64, any::<i64>()];
    let headers = vec((vec(any::<u8>(), 0..10), field()), 0..3);
    (timestamp, field(), field(), headers).prop_map(|(timestamp, key, value, headers)| Row {
        timestamp,
        key,
        value,
        headers,
    })
}

/// A magic with a codec that it may have and this build has.
fn format() -> impl Strategy<Value = (Magic, Compression)> {
    prop::sample::select(formats())
}

fn formats() -> Vec<(Magic, Compression)> {
    let magics = [Magic::V0, Magic::V1, Magic::V2];
    magics
        .into_iter()
        .flat_map(|magic| Compression::ALL.map(|codec| (magic, codec)))
        .filter(|&(magic, codec)| magic == Magic::V2 || codec != Compression::Zstd)
        .filter(|(_, codec)| codec.is_built())
        .collect()
}

/// What a magic keeps of a record.
fn kept(magic: Magic, row: &Row) -> Row {
    let mut row = row.clone();
    if magic != Magic::V2 {
        row.headers.clear();
    }
    if magic == Magic::V0 {
        row.timestamp = -1;
    }
    row
}

fn written(magic: Magic, rows: &[Row], seal: &Seal) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), magic, rows[0].timestamp);
    for row in rows {
        let headers: Vec<Header<'_>> = row
            .headers
            .iter()
            .map(|(key, value)| Header { key, value: value.as_deref() })
            .collect();
        let parts = RecordParts {
            timestamp: row.timestamp,
            key: row.key.as_deref(),
            value: row.value.as_deref(),
            headers: if magic == Magic::V2 { &headers } else { &[] },
        };
        let before = writer.len();
        writer.append(&parts).unwrap();
        assert!(writer.len() - before <= parts.wire_bytes_max(magic));
    }
    writer.seal(seal).unwrap()
}

fn up_to(bytes_max: usize) -> DecompressLimits {
    DecompressLimits { bytes_max, ..DecompressLimits::default() }
}

fn read(records: &Bytes, limits: DecompressLimits) -> Result<Vec<(i64, Row)>, RecordError> {
    let mut out = Vec::new();
    for batch in RecordBatches::new(records.clone()) {
        let open = batch?.open(&limits)?;
        for record in open.records() {
            let record = record?;
            let owned = |field: Option<&[u8]>| field.map(<[u8]>::to_vec);
            let headers = record.headers().map(|h| (h.key.to_vec(), owned(h.value))).collect();
            let (key, value) = (owned(record.key), owned(record.value));
            out.push((record.offset, Row { timestamp: record.timestamp, key, value, headers }));
        }
    }
    Ok(out)
}

/// Reads everything that can be read, in every way, and keeps nothing.
fn exercise(records: &Bytes, limits: DecompressLimits) {
    let (mut decompressor, mut compressor) = (Decompressor::new(limits), Compressor::new());
    for batch in RecordBatches::new(records.clone()).flatten() {
        let _ = (batch.record_count(), batch.last_sequence(), batch.delete_horizon_ms());
        let Ok(open) = batch.open_with(&mut decompressor) else { continue };
        for record in open.records().flatten() {
            let _ = record.headers().count();
            let _ = EndTransaction::of(&record);
            let owned = open.to_owned(&record);
            assert_eq!(owned.as_ref().key, record.key);
            assert_eq!(owned.as_ref().value, record.value);
        }
    }
    let with = Stamp { base_offset: 7, partition_leader_epoch: 1, append_time: Some(3) };
    let _ = stamp(records, &with, &mut decompressor, &mut compressor);
    for to in [Magic::V0, Magic::V1, Magic::V2] {
        let _ = convert(records, to, &mut decompressor, &mut compressor);
    }
}

/// Makes the checksum of the first batch right, so that damage goes past it.
fn with_right_crc(mut batch: Vec<u8>) -> Vec<u8> {
    let end = batch.get(8..12).map_or(0, |length| {
        12_usize.saturating_add(u32::from_be_bytes(length.try_into().unwrap()) as usize)
    });
    let end = end.min(batch.len());
    match batch.get(16) {
        Some(2) if end > 21 => {
            let crc = crc32c::crc32c(&batch[21..end]).to_be_bytes();
            batch[17..21].copy_from_slice(&crc);
        }
        Some(0 | 1) if end > 17 => {
            let crc = crc32fast::hash(&batch[16..end]).to_be_bytes();
            batch[12..16].copy_from_slice(&crc);
        }
        _ => {}
    }
    batch
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(
        (magic, compression) in format(),
        rows in vec(row(), 1..12),
        base_offset in prop_oneof![Just(0), 0..i64::MAX - 100],
    ) {
        let seal = Seal { compression, base_offset, ..Seal::default() };
        let records = written(magic, &rows, &seal);
        let want: Vec<_> = (base_offset..).zip(rows.iter().map(|row| kept(magic, row))).collect();
        prop_assert_eq!(read(&records, DecompressLimits::default()), Ok(want));
    }

    #[test]
    fn conversion_keeps_what_both_magics_have(
        (from, compression) in format(),
        (to, _) in format(),
        rows in vec(row(), 1..8),
    ) {
        // Zstd exists in magic 2 only.
        let to = if compression == Compression::Zstd { Magic::V2 } else { to };
        let records = written(from, &rows, &Seal { compression, ..Seal::default() });
        let mut decompressor = Decompressor::new(DecompressLimits::default());
        let out = convert(&records, to, &mut decompressor, &mut Compressor::new()).unwrap();
        let want: Vec<_> = (0..).zip(rows.iter().map(|row| kept(from.min(to), row))).collect();
        prop_assert_eq!(read(&out, DecompressLimits::default()), Ok(want));
    }

    #[test]
    fn damage_is_an_error_or_other_records_but_no_panic_and_no_flood(
        (magic, compression) in format(),
        rows in vec(row(), 1..6),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
        is_forged in any::<bool>(),
    ) {
        let seal = Seal { compression, ..Seal::default() };
        let mut records = written(magic, &rows, &seal).to_vec();
        for (at, byte) in damage {
            let at = at.index(records.len());
            records[at] = byte;
        }
        if let Some(cut) = cut {
            records.truncate(cut.index(records.len()));
        }
        let records = Bytes::from(if is_forged { with_right_crc(records) } else { records });
        let limits = up_to(1 << 20);
        let found = measure(|| exercise(&records, limits));
        // Codec tables, one unpacked batch, and its copies in other formats.
        prop_assert!(found.bytes_max < 16 << 20, "{} bytes", found.bytes_max);
    }

    #[test]
    fn any_bytes_behind_a_right_header_are_read_without_a_panic(
        magic in 0..3_u8,
        attributes in any::<u8>(),
        body in vec(any::<u8>(), 0..200),
        count in prop_oneof![0..20_i32, any::<i32>()],
    ) {
        let mut batch = vec![0; 12];
        batch.extend_from_slice(&[0, 0, 0, 0, magic, attributes]);
        if magic == 2 {
            batch.resize(57, 0);
            batch[22] = attributes;
            batch.extend_from_slice(&count.to_be_bytes());
        }
        batch.extend_from_slice(&body);
        let length = i32::try_from(batch.len() - 12).unwrap();
        batch[8..12].copy_from_slice(&length.to_be_bytes());
        exercise(&with_right_crc(batch).into(), up_to(1 << 20));
    }

    #[test]
    fn any_bytes_at_all_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..300)) {
        exercise(&bytes.into(), DecompressLimits::default());
    }

    #[test]
    fn a_limit_below_the_size_is_an_error(
        (magic, compression) in format(),
        len in 1000..200_000_usize,
        bytes_max in 0..900_usize,
    ) {
        if compression == Compression::None {
            return Ok(());
        }
        let row = Row { timestamp: 0, key: None, value: Some(vec![b'z'; len]), headers: vec![] };
        let records = written(magic, &[row], &Seal { compression, ..Seal::default() });
        let refused = Err(RecordError::LimitExceeded { codec: compression, bytes_max });
        prop_assert_eq!(read(&records, up_to(bytes_max)), refused);
    }
}
