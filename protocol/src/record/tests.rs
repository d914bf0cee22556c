//! Batches of all three formats: written, read, stamped, converted, damaged.

use bytes::{BufMut, Bytes, BytesMut};

use super::control::{ControlType, EndTransaction};
use super::*;

const MAGICS: [Magic; 3] = [Magic::V0, Magic::V1, Magic::V2];

fn codecs(magic: Magic) -> impl Iterator<Item = Compression> {
    Compression::ALL
        .into_iter()
        .filter(move |&c| c.is_built() && (magic == Magic::V2 || c != Compression::Zstd))
}

/// What the tests compare records by.
type Row = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Option<Vec<u8>>)>);

fn row(r: &RecordRef<'_>) -> Row {
    let headers = r.headers().map(|h| (h.key.to_vec(), h.value.map(<[u8]>::to_vec))).collect();
    (r.offset, r.timestamp, r.key.map(<[u8]>::to_vec), r.value.map(<[u8]>::to_vec), headers)
}

fn rows(records: &Bytes) -> Result<Vec<Row>, RecordError> {
    let mut out = Vec::new();
    let mut decompressor = Decompressor::new(DecompressLimits::default());
    for batch in RecordBatches::new(records.clone()) {
        let open = batch?.open_with(&mut decompressor)?;
        for record in open.records() {
            out.push(row(&record?));
        }
        decompressor.reclaim(open);
    }
    Ok(out)
}

fn parts<'a>(timestamp: i64, key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> RecordParts<'a> {
    RecordParts { timestamp, key, value, headers: &[] }
}

/// Four records: plain, null key, tombstone, and one longer than two bytes of varint can say.
fn writer(magic: Magic) -> BatchWriter {
    let mut writer = BatchWriter::new(BytesMut::new(), magic, 1000);
    writer.append(&parts(1000, Some(b"key"), Some(b"value"))).unwrap();
    writer.append(&parts(997, None, Some(b"no key"))).unwrap();
    writer.append(&parts(9000, Some(b"tombstone"), None)).unwrap();
    writer.append(&parts(1001, Some(b""), Some(&[7; 9000]))).unwrap();
    writer
}

fn sealed(magic: Magic, compression: Compression, base_offset: i64) -> Bytes {
    writer(magic).seal(&Seal { compression, base_offset, ..Seal::default() }).unwrap()
}

fn expected(magic: Magic, base: i64) -> Vec<Row> {
    let time = |t| if magic == Magic::V0 { -1 } else { t };
    let some = |b: &[u8]| Some(b.to_vec());
    vec![
        (base, time(1000), some(b"key"), some(b"value"), vec![]),
        (base + 1, time(997), None, some(b"no key"), vec![]),
        (base + 2, time(9000), some(b"tombstone"), None, vec![]),
        (base + 3, time(1001), some(b""), some(&[7; 9000]), vec![]),
    ]
}

#[test]
fn a_delete_horizon_leaves_timestamps_as_they_are() {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 1_000).with_delete_horizon(5_000);
    let parts = RecordParts { timestamp: 1_001, key: Some(b"k"), value: None, headers: &[] };
    writer.append(&parts).unwrap();
    let bytes = writer.seal(&Seal::default()).unwrap();
    let batch = RecordBatches::new(bytes).next().unwrap().unwrap();
    assert_eq!((batch.delete_horizon_ms(), batch.max_timestamp()), (Some(5_000), 1_001));
    let opened = batch.open(&DecompressLimits::default()).unwrap();
    assert_eq!(opened.records().next().unwrap().unwrap().timestamp, 1_001);
}

#[test]
fn what_is_written_is_read_back_in_every_magic_and_codec() {
    for magic in MAGICS {
        for codec in codecs(magic) {
            for base in [0, 1_000_000_000_000] {
                let records = sealed(magic, codec, base);
                assert_eq!(
                    rows(&records).unwrap(),
                    expected(magic, base),
                    "{magic} {codec} {base}"
                );
            }
        }
    }
}

#[test]
fn a_header_tells_everything_without_decoding() {
    let seal = Seal {
        base_offset: 50,
        producer_id: 4242,
        producer_epoch: 7,
        base_sequence: i32::MAX - 1,
        is_transactional: true,
        partition_leader_epoch: 9,
        ..Seal::default()
    };
    let bytes = writer(Magic::V2).seal(&seal).unwrap();
    let batch = RecordBatches::new(bytes.clone()).next().unwrap().unwrap();
    assert_eq!(batch.bytes(), &bytes);
    assert_eq!((batch.base_offset(), batch.last_offset()), (50, 53));
    assert_eq!((batch.base_timestamp(), batch.max_timestamp()), (1000, 9000));
    assert_eq!(batch.timestamp_type(), Some(TimestampType::CreateTime));
    assert_eq!((batch.producer_id(), batch.producer_epoch()), (4242, 7));
    assert_eq!((batch.base_sequence(), batch.last_sequence()), (i32::MAX - 1, 1));
    assert_eq!(batch.record_count(), Some(4));
    assert!(batch.is_transactional() && !batch.is_control());
    assert_eq!((batch.partition_leader_epoch(), batch.delete_horizon_ms()), (9, None));

    let old = RecordBatches::new(sealed(Magic::V1, Compression::None, 50)).next().unwrap().unwrap();
    assert_eq!((old.producer_id(), old.base_sequence(), old.last_sequence()), (-1, -1, -1));
    assert_eq!((old.partition_leader_epoch(), old.record_count()), (-1, Some(1)));
}

#[test]
fn headers_keep_duplicates_nulls_and_empty_names() {
    let headers = [
        Header::new("h", Some(b"1")),
        Header::new("h", None),
        Header::new("", Some(b"")),
        Header { key: &[0xff], value: Some(&[0; 300]) },
    ];
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    let record = RecordParts { headers: &headers, ..parts(0, None, None) };
    writer.append(&record).unwrap();
    let records = writer.seal(&Seal::default()).unwrap();
    let batch = RecordBatches::new(records).next().unwrap().unwrap();
    let open = batch.open(&DecompressLimits::default()).unwrap();
    let read = open.records().next().unwrap().unwrap();
    assert_eq!(read.headers().len(), 4);
    assert_eq!(read.headers().collect::<Vec<_>>(), headers);
    assert_eq!(read.headers().last().unwrap().key_str(), "\u{fffd}");
    let owned = open.to_owned(&read);
    assert_eq!(owned.headers().collect::<Vec<_>>(), headers);
    for magic in [Magic::V0, Magic::V1] {
        let mut old = BatchWriter::new(BytesMut::new(), magic, 0);
        let refused = RecordError::NotInMagic { what: "headers", magic };
        assert_eq!(old.append(&record), Err(refused));
        assert!(old.is_empty());
    }
}

#[test]
fn owned_records_outlive_their_batch_and_can_let_go_of_it() {
    for magic in MAGICS {
        for codec in codecs(magic) {
            let mut owned = Vec::new();
            for batch in RecordBatches::new(sealed(magic, codec, 3)) {
                let open = batch.unwrap().open(&DecompressLimits::default()).unwrap();
                owned.extend(open.records().map(|r| open.to_owned(&r.unwrap())));
            }
            let detached: Vec<Record> = owned.iter().map(Record::detach).collect();
            assert_eq!(owned, detached);
            for (record, want) in detached.iter().zip(expected(magic, 3)) {
                assert_eq!(row(&record.as_ref()), want, "{magic} {codec}");
                assert_eq!(record.key_bytes().as_deref(), want.2.as_deref());
                assert_eq!(record.value_bytes().as_deref(), want.3.as_deref());
            }
        }
    }
}

#[test]
fn a_batch_that_is_cut_off_is_partial_and_no_error() {
    for magic in MAGICS {
        for codec in [Compression::None, Compression::Gzip] {
            if !codec.is_built() {
                continue;
            }
            let whole = sealed(magic, codec, 0);
            let first = RecordBatches::new(whole.clone()).next().unwrap().unwrap().bytes().len();
            for cut in 0..first {
                let mut batches = RecordBatches::new(whole.slice(..cut));
                assert!(batches.next().is_none(), "{magic} cut at {cut}");
                assert_eq!(batches.is_partial(), cut > 0);
                assert_eq!(batches.remaining(), cut);
            }
        }
    }
}

#[test]
fn every_flipped_bit_under_the_checksum_is_found() {
    for magic in MAGICS {
        for codec in codecs(magic) {
            // Uncompressed old records are batches of their own.
            let mut batches = RecordBatches::new(sealed(magic, codec, 0));
            let good = batches.next().unwrap().unwrap().bytes().clone();
            let from = if magic == Magic::V2 { 21 } else { 17 };
            for at in from..good.len() {
                let mut bad = good.to_vec();
                bad[at] ^= 0x10;
                assert!(rows(&bad.into()).is_err(), "{magic} {codec} byte {at}");
            }
        }
    }
}

/// Changes a header field of a batch of magic 2 and makes the checksum right again.
fn forged(at: usize, field: &[u8]) -> Bytes {
    let mut bytes = sealed(Magic::V2, Compression::None, 0).to_vec();
    bytes[at..at + field.len()].copy_from_slice(field);
    let crc = crc32c::crc32c(&bytes[21..]).to_be_bytes();
    bytes[17..21].copy_from_slice(&crc);
    bytes.into()
}

#[test]
fn claims_that_contradict_the_bytes_are_refused() {
    let part = |part| Err(RecordError::Malformed { part });
    for length in [-1, 0, 13, 48, i32::MIN] {
        assert_eq!(rows(&forged(8, &length.to_be_bytes())), part("batch length"), "{length}");
    }
    assert_eq!(rows(&forged(23, &(-1_i32).to_be_bytes())), part("last offset delta"));
    assert_eq!(rows(&forged(0, &i64::MAX.to_be_bytes())), part("last offset delta"));
    for count in [-1, i32::MIN] {
        assert_eq!(rows(&forged(57, &count.to_be_bytes())), part("record count"));
    }
    for count in [0_i32, 1, 3] {
        assert_eq!(rows(&forged(57, &count.to_be_bytes())), part("record count"));
    }
    for count in [5, i32::MAX] {
        assert_eq!(rows(&forged(57, &count.to_be_bytes())), part("record"));
    }
    assert_eq!(rows(&forged(16, &[3])), Err(RecordError::UnknownMagic { magic: 3 }));
    assert_eq!(rows(&forged(16, &[0xff])), Err(RecordError::UnknownMagic { magic: -1 }));
    assert_eq!(rows(&forged(21, &[0, 5])), Err(RecordError::UnknownCodec { id: 5 }));
}

#[test]
fn iteration_ends_at_the_first_error() {
    let twice = [&forged(16, &[9])[..], &sealed(Magic::V2, Compression::None, 0)].concat();
    let mut batches = RecordBatches::new(twice.into());
    assert!(batches.next().unwrap().is_err());
    assert!(batches.next().is_none());
}

/// A message of magic 0 or 1 with right length and checksum around what `body` puts behind the
/// attributes.
fn message(offset: i64, magic: i8, attributes: u8, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut covered = vec![magic.to_be_bytes()[0], attributes];
    body(&mut covered);
    let mut out = offset.to_be_bytes().to_vec();
    out.put_i32(i32::try_from(covered.len() + 4).unwrap());
    out.put_u32(crc32fast::hash(&covered));
    out.extend_from_slice(&covered);
    out
}

#[cfg(feature = "gzip")]
fn wrapper(offset: i64, magic: i8, set: &[u8]) -> Bytes {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(set).unwrap();
    let packed = gzip.finish().unwrap();
    message(offset, magic, 1, |m| {
        if magic == 1 {
            m.put_i64(77);
        }
        m.put_i32(-1);
        m.put_i32(i32::try_from(packed.len()).unwrap());
        m.extend_from_slice(&packed);
    })
    .into()
}

fn inner(offset: i64, magic: i8) -> Vec<u8> {
    message(offset, magic, 0, |m| {
        if magic == 1 {
            m.put_i64(5);
        }
        m.put_i32(-1);
        m.put_i32(1);
        m.put_u8(b'v');
    })
}

#[cfg(feature = "gzip")]
#[test]
fn inner_offsets_become_real_ones_as_kafka_does_it() {
    let offsets = |records: &Bytes| {
        rows(records).map(|rows| rows.into_iter().map(|r| r.0).collect::<Vec<_>>())
    };
    let set = |magic, at: &[i64]| at.iter().flat_map(|&o| inner(o, magic)).collect::<Vec<_>>();
    // Magic 0: absolute, whatever the wrapper says.
    assert_eq!(offsets(&wrapper(9, 0, &set(0, &[3, 4, 9]))), Ok(vec![3, 4, 9]));
    assert_eq!(offsets(&wrapper(0, 0, &set(0, &[3, 4, 9]))), Ok(vec![3, 4, 9]));
    // Magic 1: the wrapper has the offset of the last record; compaction leaves gaps.
    assert_eq!(offsets(&wrapper(1003, 1, &set(1, &[0, 1, 3]))), Ok(vec![1000, 1001, 1003]));
    // Absolute inner offsets, which some producers left, come out the same.
    assert_eq!(offsets(&wrapper(1003, 1, &set(1, &[1001, 1003]))), Ok(vec![1001, 1003]));
    // A wrapper at 0 was not assigned by its producer.
    assert_eq!(offsets(&wrapper(0, 1, &set(1, &[0, 1, 2]))), Ok(vec![0, 1, 2]));
    assert!(offsets(&wrapper(1, 1, &set(1, &[0, 1, 2]))).is_err());
    // The base offset is known when the batch is open.
    let batch = RecordBatches::new(wrapper(1003, 1, &set(1, &[0, 3]))).next().unwrap().unwrap();
    assert_eq!((batch.base_offset(), batch.record_count()), (1003, None));
    let open = batch.open(&DecompressLimits::default()).unwrap();
    assert_eq!((open.base_offset(), open.record_count()), (1000, 2));
}

#[cfg(feature = "gzip")]
#[test]
fn wrappers_hold_only_whole_plain_checked_messages() {
    let good = [inner(0, 1), inner(1, 1)].concat();
    assert_eq!(rows(&wrapper(1, 1, &good)).unwrap().len(), 2);
    // A message that is cut off inside is left out, as in Kafka.
    assert_eq!(rows(&wrapper(1, 1, &good[..good.len() - 1])).unwrap().len(), 1);
    assert!(rows(&wrapper(0, 1, &good[..5])).is_err());
    assert!(rows(&wrapper(0, 1, b"")).is_err());
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    assert!(matches!(rows(&wrapper(1, 1, &bad)), Err(RecordError::CrcMismatch { .. })));
    let nested = wrapper(0, 1, &good);
    assert!(matches!(rows(&wrapper(0, 1, &nested)), Err(RecordError::Malformed { .. })));
    let mut v2 = inner(0, 1);
    v2[16] = 2;
    assert_eq!(rows(&wrapper(0, 1, &v2)), Err(RecordError::UnknownMagic { magic: 2 }));
    for length in [0_i32, -1, 13] {
        let mut wrong = good.clone();
        wrong[8..12].copy_from_slice(&length.to_be_bytes());
        assert!(rows(&wrapper(1, 1, &wrong)).is_err(), "{length}");
    }
    // A wrapper without a value, and one of a codec that magic 1 lacks.
    for attributes in [1, 4] {
        let odd = message(0, 1, attributes, |m| {
            m.put_i64(0);
            m.put_i32(-1);
            m.put_i32(-1);
        });
        assert!(rows(&odd.into()).is_err());
    }
}

#[test]
fn messages_that_are_too_short_for_their_fields_are_refused() {
    for body in [&[][..], &[0; 7], &[0xff; 4], &[0, 0, 0, 1], &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 9]]
    {
        for magic in [0, 1] {
            let odd = message(0, magic, 0, |m| m.extend_from_slice(body));
            let is_error = rows(&odd.clone().into()).is_err();
            let is_cut = RecordBatches::new(odd.into()).next().is_none();
            assert!(is_error || is_cut, "magic {magic} {body:?}");
        }
    }
}

#[test]
fn append_time_stands_for_the_timestamps_of_all_records() {
    for magic in MAGICS {
        for compression in codecs(magic) {
            let mut old = BatchWriter::new(BytesMut::new(), magic, 5).with_append_time(777);
            old.append(&parts(5, None, Some(b"a"))).unwrap();
            old.append(&parts(6, None, Some(b"b"))).unwrap();
            let written = old.seal(&Seal { compression, ..Seal::default() }).unwrap();
            let mut plain = BatchWriter::new(BytesMut::new(), magic, 5);
            plain.append(&parts(5, None, Some(b"a"))).unwrap();
            plain.append(&parts(6, None, Some(b"b"))).unwrap();
            let plain = plain.seal(&Seal { compression, ..Seal::default() }).unwrap();
            let stamped = stamped(&plain, 0, Some(777)).unwrap();
            let want = if magic == Magic::V0 { -1 } else { 777 };
            for records in [&written, &stamped.bytes] {
                let times: Vec<i64> = rows(records).unwrap().iter().map(|r| r.1).collect();
                assert_eq!(times, [want, want], "{magic} {compression}");
            }
            assert_eq!(stamped.max_timestamp, want);
            if compression == Compression::None && magic != Magic::V2 {
                assert_eq!(written, stamped.bytes);
            }
        }
    }
}

fn stamped(
    records: &Bytes,
    base_offset: i64,
    append_time: Option<i64>,
) -> Result<Stamped, RecordError> {
    let with = Stamp { base_offset, partition_leader_epoch: 3, append_time };
    let mut decompressor = Decompressor::new(DecompressLimits::default());
    stamp(records, &with, &mut decompressor, &mut Compressor::new())
}

#[test]
fn a_broker_assigns_offsets_to_every_kind_of_batch() {
    for magic in MAGICS {
        for codec in codecs(magic) {
            let two = [sealed(magic, codec, 0), sealed(magic, codec, 0)].concat().into();
            let stamped = stamped(&two, 500, None).unwrap();
            let want = [expected(magic, 500), expected(magic, 504)].concat();
            assert_eq!(rows(&stamped.bytes).unwrap(), want, "{magic} {codec}");
            let latest = if magic == Magic::V0 { -1 } else { 9000 };
            assert_eq!((stamped.base_offset, stamped.last_offset), (500, 507));
            assert_eq!((stamped.record_count, stamped.max_timestamp), (8, latest));
        }
    }
}

#[test]
fn a_stamp_without_time_changes_no_byte_under_the_checksum() {
    let before = sealed(Magic::V2, Compression::None, 0);
    let after = stamped(&before, 500, None).unwrap().bytes;
    assert_eq!(before[17..], after[17..]);
    let batch = RecordBatches::new(after).next().unwrap().unwrap();
    assert_eq!(batch.partition_leader_epoch(), 3);
}

#[test]
fn a_broker_refuses_batches_that_are_damaged_cut_off_or_wrongly_counted() {
    let good = sealed(Magic::V2, Compression::None, 0);
    assert!(stamped(&good.slice(..good.len() - 1), 0, None).is_err());
    let mut bad = good.to_vec();
    bad[70] ^= 1;
    assert!(matches!(stamped(&bad.into(), 0, None), Err(RecordError::CrcMismatch { .. })));
    assert!(stamped(&forged(23, &[0, 0, 0, 9]), 0, None).is_err());
    assert!(stamped(&good, i64::MAX - 1, None).is_err());
    let nothing = stamped(&Bytes::new(), 7, None).unwrap();
    assert_eq!((nothing.last_offset, nothing.record_count), (6, 0));
}

#[cfg(feature = "gzip")]
#[test]
fn unnumbered_inner_messages_get_offsets_of_their_own() {
    let set = [inner(0, 1), inner(0, 1), inner(0, 1)].concat();
    let stamped = stamped(&wrapper(0, 1, &set), 40, None).unwrap();
    let offsets: Vec<i64> = rows(&stamped.bytes).unwrap().iter().map(|r| r.0).collect();
    assert_eq!(offsets, [40, 41, 42]);
}

#[test]
fn a_producer_stamp_changes_id_epoch_and_sequence_only() {
    let with = ProducerStamp { producer_id: 9, producer_epoch: 2, base_sequence: 30 };
    let before = sealed(Magic::V2, Compression::None, 0);
    let after = stamp_producer(&before, &with).unwrap();
    let batch = RecordBatches::new(after.clone()).next().unwrap().unwrap();
    assert_eq!((batch.producer_id(), batch.producer_epoch(), batch.base_sequence()), (9, 2, 30));
    assert_eq!(rows(&after).unwrap(), rows(&before).unwrap());
    assert!(stamp_producer(&sealed(Magic::V1, Compression::None, 0), &with).is_err());
    assert!(stamp_producer(&before.slice(..80), &with).is_err());
}

fn converted(records: &Bytes, to: Magic) -> Result<Bytes, RecordError> {
    let mut decompressor = Decompressor::new(DecompressLimits::default());
    convert(records, to, &mut decompressor, &mut Compressor::new())
}

#[test]
fn a_stamp_tells_the_latest_time_that_a_reader_finds() {
    for magic in MAGICS {
        for codec in codecs(magic) {
            // Gaps make a compressed batch of magic 1 be packed anew.
            let mut gaps = BatchWriter::new(BytesMut::new(), magic, 1000);
            gaps.append_at(2, &parts(9000, None, None)).unwrap();
            gaps.append_at(5, &parts(1000, None, None)).unwrap();
            let seal = Seal { compression: codec, ..Seal::default() };
            let gaps = gaps.seal(&seal).unwrap();
            let whole = sealed(magic, codec, 0);
            let times = [None, Some(5000)].into_iter();
            let given = times.flat_map(|time| [(&whole, time), (&gaps, time)]);
            for (records, append_time) in
                given.filter(|(records, _)| magic != Magic::V2 || *records == &whole)
            {
                let stamp = Stamp { base_offset: 40, partition_leader_epoch: 3, append_time };
                let mut decompressor = Decompressor::default();
                let stamped =
                    super::stamp(records, &stamp, &mut decompressor, &mut Compressor::new());
                let stamped = stamped.unwrap();
                let latest = rows(&stamped.bytes).unwrap().iter().map(|row| row.1).max();
                assert_eq!(Some(stamped.max_timestamp), latest, "{magic} {codec} {append_time:?}");
            }
        }
    }
}

#[test]
fn a_writer_tells_the_latest_time_that_a_reader_finds() {
    for magic in MAGICS {
        for append_time in [None, Some(500), Some(50_000)] {
            let mut writer = BatchWriter::new(BytesMut::new(), magic, 1000);
            if let Some(time) = append_time {
                writer = writer.with_append_time(time);
            }
            assert_eq!(writer.max_timestamp(), -1);
            writer.append(&parts(9000, None, Some(b"a"))).unwrap();
            writer.append(&parts(1000, None, Some(b"b"))).unwrap();
            let said = writer.max_timestamp();
            let records = writer.seal(&Seal::default()).unwrap();
            let latest = rows(&records).unwrap().iter().map(|row| row.1).max();
            assert_eq!(Some(said), latest, "{magic} {append_time:?}");
        }
    }
}

#[test]
fn every_magic_converts_into_every_other_at_the_same_offsets() {
    for from in MAGICS {
        for to in MAGICS {
            for codec in codecs(from.min(to)) {
                let out = converted(&sealed(from, codec, 70), to).unwrap();
                assert_eq!(rows(&out).unwrap(), expected(from.min(to), 70), "{from} {to} {codec}");
                for batch in RecordBatches::new(out) {
                    let batch = batch.unwrap();
                    assert_eq!((batch.magic(), batch.compression()), (to, codec));
                }
            }
        }
    }
}

#[test]
fn sparse_offsets_survive_conversion_downwards() {
    let mut sparse = BatchWriter::new(BytesMut::new(), Magic::V2, 5);
    sparse.append_at(2, &parts(5, None, Some(b"a"))).unwrap();
    sparse.append_at(7, &parts(6, None, Some(b"b"))).unwrap();
    assert!(sparse.append_at(7, &parts(6, None, None)).is_err());
    sparse.extend_to(9, 6).unwrap();
    let compression = codecs(Magic::V0).last().unwrap();
    let seal = Seal { base_offset: 100, compression, ..Seal::default() };
    let records = sparse.seal(&seal).unwrap();
    for to in [Magic::V0, Magic::V1] {
        let out = converted(&records, to).unwrap();
        let offsets: Vec<i64> = rows(&out).unwrap().iter().map(|r| r.0).collect();
        assert_eq!(offsets, [102, 107], "{to}");
    }
}

#[test]
fn no_batch_below_magic_2_reaches_beyond_its_records() {
    for magic in [Magic::V0, Magic::V1] {
        for compression in codecs(magic) {
            let mut writer = writer(magic);
            let what = "a last offset";
            assert_eq!(writer.extend_to(9, 0), Err(RecordError::NotInMagic { what, magic }));
            let records = writer.seal(&Seal { compression, ..Seal::default() }).unwrap();
            assert_eq!(rows(&records).unwrap(), expected(magic, 0), "{magic} {compression}");
        }
    }
}

#[test]
fn headers_and_control_batches_are_dropped_below_magic_2() {
    let headers = [Header::new("h", None)];
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 5);
    writer.append(&RecordParts { headers: &headers, ..parts(5, None, None) }).unwrap();
    let data = writer.seal(&Seal::default()).unwrap();
    let marker = EndTransaction { is_committed: true, coordinator_epoch: 1 };
    let marker = marker.to_batch(5, &Seal { base_offset: 1, ..Seal::default() }).unwrap();
    let out = converted(&[data, marker].concat().into(), Magic::V1).unwrap();
    assert_eq!(rows(&out).unwrap(), [(0, 5, None, None, vec![])]);
}

#[test]
fn old_records_share_one_batch_on_their_way_up_and_are_numbered() {
    let set = [inner(0, 1), inner(0, 1), inner(0, 1)].concat();
    let out = converted(&set.into(), Magic::V2).unwrap();
    assert_eq!(RecordBatches::new(out.clone()).count(), 1);
    let offsets: Vec<i64> = rows(&out).unwrap().iter().map(|r| r.0).collect();
    assert_eq!(offsets, [0, 1, 2]);
}

#[cfg(any(feature = "zstd", feature = "zstd-c"))]
#[test]
fn zstd_does_not_exist_below_magic_2() {
    let records = sealed(Magic::V2, Compression::Zstd, 0);
    for magic in [Magic::V0, Magic::V1] {
        let refused = RecordError::NotInMagic { what: "zstd compression", magic };
        assert_eq!(converted(&records, magic), Err(refused));
    }
}

#[test]
fn markers_tell_how_a_transaction_ended() {
    for is_committed in [false, true] {
        let marker = EndTransaction { is_committed, coordinator_epoch: 12 };
        let seal = Seal { producer_id: 5, producer_epoch: 1, ..Seal::default() };
        let records = marker.to_batch(99, &seal).unwrap();
        let batch = RecordBatches::new(records).next().unwrap().unwrap();
        assert!(batch.is_control() && batch.is_transactional());
        assert_eq!((batch.producer_id(), batch.max_timestamp()), (5, 99));
        let open = batch.open(&DecompressLimits::default()).unwrap();
        let record = open.records().next().unwrap().unwrap();
        assert_eq!(EndTransaction::of(&record), Ok(Some(marker)));
    }
}

#[test]
fn unknown_control_records_are_told_apart_from_damaged_ones() {
    let of = |key: Option<&'static [u8]>, value: Option<&'static [u8]>| {
        let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
        writer.append(&parts(0, key, value)).unwrap();
        let records = writer.seal(&Seal { is_control: true, ..Seal::default() }).unwrap();
        let batch = RecordBatches::new(records).next().unwrap().unwrap();
        let open = batch.open(&DecompressLimits::default()).unwrap();
        let record = open.records().next().unwrap().unwrap();
        (ControlType::of(&record), EndTransaction::of(&record))
    };
    assert_eq!(of(Some(&[0, 0, 0, 2]), None), (Ok(ControlType::Other(2)), Ok(None)));
    assert_eq!(
        of(Some(&[0, 9, 0, 1, 7]), Some(&[0, 1, 0, 0, 0, 8, 1])).1.unwrap().unwrap(),
        EndTransaction { is_committed: true, coordinator_epoch: 8 }
    );
    assert!(of(Some(&[0, 0, 0]), None).0.is_err());
    assert!(of(None, None).0.is_err());
    assert!(of(Some(&[0, 0, 0, 1]), Some(&[0, 0])).1.is_err());
}

#[test]
fn the_estimate_never_under_reports() {
    let (long, headers) = (vec![1; 20_000], [Header::new("name", Some(b"value")); 70]);
    for magic in MAGICS {
        for (key, value) in
            [(None, None), (Some(&b"k"[..]), None), (Some(&long[..]), Some(&long[..]))]
        {
            for timestamp in [-1, 0, i64::MAX, i64::MIN] {
                for headers in [&[][..], &headers[..]] {
                    if magic != Magic::V2 && !headers.is_empty() {
                        continue;
                    }
                    let record = RecordParts { timestamp, key, value, headers };
                    let mut writer = BatchWriter::new(BytesMut::new(), magic, 1);
                    let before = writer.len();
                    writer.append_at(i32::MAX, &record).unwrap();
                    assert!(writer.len() - before <= record.wire_bytes_max(magic));
                    assert!(writer.fits(&record, writer.len() + record.wire_bytes_max(magic)));
                    assert!(!writer.fits(&record, writer.len() + record.wire_bytes_max(magic) - 1));
                    let len = writer.len();
                    assert_eq!(writer.seal(&Seal::default()).unwrap().len(), len);
                }
            }
        }
    }
}

#[test]
fn offsets_end_where_32_bits_do() {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    assert_eq!(writer.append_at(i32::MAX, &parts(0, None, None)), Ok(0));
    assert!(writer.append(&parts(0, None, None)).is_err());
    assert_eq!(writer.record_count(), 1);
    assert!(writer.seal(&Seal { base_offset: i64::MAX, ..Seal::default() }).is_err());
}

#[test]
fn the_buffer_is_used_again_for_the_sealed_batch() {
    let buffer = BytesMut::with_capacity(1 << 16);
    let address = buffer.as_ptr().addr();
    let codec = codecs(Magic::V2).last().unwrap();
    let mut writer = BatchWriter::new(buffer, Magic::V2, 0);
    writer.append(&parts(0, None, Some(&[0; 1000]))).unwrap();
    let sealed = writer.seal(&Seal { compression: codec, ..Seal::default() }).unwrap();
    assert_eq!(sealed.as_ptr().addr(), address);
}

#[test]
fn an_empty_batch_of_old_magic_is_no_bytes_and_of_magic_2_a_header() {
    for magic in MAGICS {
        let writer = BatchWriter::new(BytesMut::new(), magic, -1);
        let seal = Seal { compression: codecs(magic).last().unwrap(), ..Seal::default() };
        let records = writer.seal(&seal).unwrap();
        assert_eq!(records.len(), if magic == Magic::V2 { 61 } else { 0 });
        assert_eq!(rows(&records), Ok(vec![]));
    }
}

#[test]
fn a_codec_that_is_not_built_is_an_error_both_ways() {
    for codec in Compression::ALL.into_iter().filter(|c| !c.is_built()) {
        let refused = Err(RecordError::CodecNotBuilt { codec });
        assert_eq!(
            writer(Magic::V2).seal(&Seal { compression: codec, ..Seal::default() }),
            refused
        );
        let claimed = forged(21, &[0, codec.id()]);
        assert_eq!(rows(&claimed).err(), refused.err());
    }
}

#[test]
fn readers_and_writers_may_cross_threads() {
    fn check<T: Send + Sync>() {}
    check::<(RecordBatches, RecordBatch, OpenBatch, Record, RecordError)>();
    fn moves<T: Send>() {}
    moves::<(BatchWriter, Compressor, Decompressor)>();
}

#[test]
fn a_reclaimed_buffer_is_used_for_the_next_batch() {
    let Some(codec) = codecs(Magic::V2).nth(1) else { return };
    let mut decompressor = Decompressor::new(DecompressLimits::default());
    let batch = RecordBatches::new(sealed(Magic::V2, codec, 0)).next().unwrap().unwrap();
    let open = batch.open_with(&mut decompressor).unwrap();
    let address = open.payload().as_ptr().addr();
    decompressor.reclaim(open);
    let again = batch.open_with(&mut decompressor).unwrap();
    assert_eq!(again.payload().as_ptr().addr(), address);
    // A batch whose records are held keeps its buffer.
    let held = again.to_owned(&again.records().next().unwrap().unwrap());
    decompressor.reclaim(again);
    assert_eq!(held.value(), Some(&b"value"[..]));
}
