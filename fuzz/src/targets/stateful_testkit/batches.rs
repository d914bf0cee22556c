//! Record batches of producers that count, as clients do, or that miscount.

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use bytes::{Bytes, BytesMut};
use kurier_protocol::record::{BatchWriter, Compression, Compressor, Magic, RecordParts, Seal};

use crate::batch::Fault;

/// How far each producer has counted.
#[derive(Debug, Default)]
pub(super) struct Batches {
    next: BTreeMap<(i64, i16), i32>,
}

impl Batches {
    /// A batch, or rarely two or something broken; often of this producer (id and epoch).
    pub(super) fn make(&mut self, producer: (i64, i64), u: &mut Unstructured<'_>) -> Result<Bytes> {
        let magic = *u.choose(&[Magic::V2, Magic::V2, Magic::V2, Magic::V1, Magic::V0])?;
        let count: i32 = u.int_in_range(1..=3)?;
        let mut seal = Seal { compression: codec(magic, u)?, ..Seal::default() };
        if magic == Magic::V2 && u.ratio(2, 3)? {
            (seal.producer_id, seal.producer_epoch) =
                (producer.0, i16::try_from(producer.1).unwrap_or(0));
            seal.base_sequence = self.sequence((producer.0, seal.producer_epoch), count, u)?;
            seal.is_transactional = u.arbitrary()?;
        }
        let batch = batch(magic, count, &seal, u)?;
        Ok(match u.int_in_range(0..=31)? {
            0 => u.choose(&Fault::ALL)?.of(&batch).into(),
            1 => [&batch[..], &batch[..]].concat().into(),
            2 => batch.slice(..u.int_in_range(0..=batch.len())?),
            _ => batch,
        })
    }

    /// The next number of the producer, most of the time.
    fn sequence(
        &mut self,
        producer: (i64, i16),
        count: i32,
        u: &mut Unstructured<'_>,
    ) -> Result<i32> {
        let next = self.next.entry(producer).or_insert(0);
        Ok(match u.int_in_range(0..=7)? {
            0 => 0,
            1 => next.wrapping_sub(count),
            2 => *u.choose(&[i32::MAX, i32::MAX - 1, 7, -1])?,
            _ => {
                let first = *next;
                *next = next.wrapping_add(count) & i32::MAX;
                first
            }
        })
    }
}

fn codec(magic: Magic, u: &mut Unstructured<'_>) -> Result<Compression> {
    let codecs = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    let chosen = if u.ratio(1, 8)? { *u.choose(&codecs)? } else { Compression::None };
    let exists = chosen.is_built() && (magic == Magic::V2 || chosen != Compression::Zstd);
    Ok(if exists { chosen } else { Compression::None })
}

fn batch(magic: Magic, count: i32, seal: &Seal, u: &mut Unstructured<'_>) -> Result<Bytes> {
    let base = *u.choose(&[TODAY, TODAY, TODAY - 3_600_000, 0, -1, i64::MAX / 2])?;
    let mut writer = BatchWriter::new(BytesMut::new(), magic, base);
    for timestamp in (base..).take(usize::try_from(count).unwrap_or(1)) {
        let key = if u.ratio(1, 4)? { None } else { Some(&b"key"[..]) };
        let value = if u.ratio(1, 8)? { None } else { Some(&[7; 40][..]) };
        let record = RecordParts { timestamp, key, value, headers: &[] };
        writer.append(&record).expect("a record that the format can hold");
    }
    let sealed = writer.seal_with(seal, &mut Compressor::new());
    Ok(sealed.expect("a batch that the format can hold"))
}

/// The day on which the cluster's clock begins.
const TODAY: i64 = 1_800_000_000_000;
