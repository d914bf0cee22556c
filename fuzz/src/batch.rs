//! Record batches, in every format and codec, right or wrong in exactly one way.

use arbitrary::{Result, Unstructured};
use bytes::{Bytes, BytesMut};
use kurier_protocol::record::{
    BatchWriter, Compression, Compressor, Header, Magic, RecordParts, Seal,
};

use crate::message::{edge, text};

/// The parts of one record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers: none if the format has none.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A batch and what was put into it.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The batch.
    pub bytes: Bytes,
    /// Its format.
    pub magic: Magic,
    /// Its codec.
    pub compression: Compression,
    /// Its records.
    pub parts: Vec<Parts>,
}

/// A batch of some format and codec.
///
/// # Errors
///
/// None in practice: bytes that end are no error.
///
/// # Panics
///
/// When the writer refuses what the protocol allows.
pub fn batch(u: &mut Unstructured<'_>) -> Result<Batch> {
    let magic = *u.choose(&[Magic::V2, Magic::V0, Magic::V1, Magic::V2, Magic::V2])?;
    batch_of(magic, u)
}

/// A batch of a format.
///
/// # Errors
///
/// None in practice: bytes that end are no error.
///
/// # Panics
///
/// When the writer refuses what the protocol allows.
pub fn batch_of(magic: Magic, u: &mut Unstructured<'_>) -> Result<Batch> {
    let mut codecs: Vec<_> =
        Compression::ALL.into_iter().filter(|codec| codec.is_built()).collect();
    // Zstandard came after magic 0 and 1, and Kafka refuses it there.
    codecs.retain(|codec| magic == Magic::V2 || *codec != Compression::Zstd);
    let compression = *u.choose(&codecs)?;
    batch_as(magic, compression, u)
}

/// A batch of a format with a codec.
///
/// # Errors
///
/// None in practice: bytes that end are no error.
///
/// # Panics
///
/// When the writer refuses what the protocol allows.
pub fn batch_as(magic: Magic, compression: Compression, u: &mut Unstructured<'_>) -> Result<Batch> {
    let base = edge(0, i64::MAX / 2, u)?;
    let count = u.int_in_range(1..=20)?;
    let parts: Vec<_> = (0..count).map(|_| parts(magic, base, u)).collect::<Result<_>>()?;
    let mut writer = BatchWriter::new(BytesMut::new(), magic, base);
    for part in &parts {
        let headers: Vec<_> =
            part.headers.iter().map(|(k, v)| Header::new(k, v.as_deref())).collect();
        let record = RecordParts {
            timestamp: part.timestamp,
            key: part.key.as_deref(),
            value: part.value.as_deref(),
            headers: &headers,
        };
        writer.append(&record).expect("a record that the format can hold");
    }
    let mut seal = Seal { compression, ..Seal::default() };
    if magic == Magic::V2 && u.ratio(1, 2)? {
        seal.producer_id = u.int_in_range(0..=3)?;
        seal.producer_epoch = 0;
        seal.base_sequence = u.int_in_range(0..=9)?;
        seal.is_transactional = u.arbitrary()?;
    }
    let sealed = writer.seal_with(&seal, &mut Compressor::new());
    let bytes = sealed.expect("a batch that the format can hold");
    Ok(Batch { bytes, magic, compression, parts })
}

fn parts(magic: Magic, base: i64, u: &mut Unstructured<'_>) -> Result<Parts> {
    let header_count = if magic == Magic::V2 { u.int_in_range(0..=2)? } else { 0 };
    let timestamp = if magic == Magic::V0 { -1 } else { base + edge(0, 1 << 40, u)? };
    let (key, value) = (content(u)?, content(u)?);
    let headers = (0..header_count).map(|_| Ok((text(u)?.to_string(), content(u)?)));
    Ok(Parts { timestamp, key, value, headers: headers.collect::<Result<_>>()? })
}

fn content(u: &mut Unstructured<'_>) -> Result<Option<Vec<u8>>> {
    Ok(match u.int_in_range(0..=5)? {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(vec![u.arbitrary()?; u.int_in_range(0..=5000)?]),
        _ => {
            let len = u.int_in_range(0..=200)?.min(u.len());
            Some(u.bytes(len)?.to_vec())
        }
    })
}

/// What is wrong with a batch of magic 2. Its checksum is right unless it is what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The checksum.
    Checksum,
    /// The format's number.
    Magic,
    /// The length is shorter than a header.
    LengthShort,
    /// The length is below zero.
    LengthNegative,
    /// There are said to be more records than there are.
    RecordsMore,
    /// There are said to be fewer records than none.
    RecordsNegative,
    /// There are said to be as many records as can be said.
    RecordsHuge,
    /// The codec's number.
    Codec,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 8] = [
        Self::Checksum,
        Self::Magic,
        Self::LengthShort,
        Self::LengthNegative,
        Self::RecordsMore,
        Self::RecordsNegative,
        Self::RecordsHuge,
        Self::Codec,
    ];

    /// A batch of magic 2 with this fault.
    #[must_use]
    pub fn of(self, batch: &[u8]) -> Vec<u8> {
        let mut bytes = batch.to_vec();
        let count = bytes.get(57..61).and_then(|count| count.try_into().ok());
        let count = count.map_or(0, i32::from_be_bytes);
        match self {
            Self::Checksum => bytes.iter_mut().skip(17).take(1).for_each(|byte| *byte ^= 1),
            Self::Magic => put(&mut bytes, 16, &[3]),
            Self::LengthShort => put(&mut bytes, 8, &48_i32.to_be_bytes()),
            Self::LengthNegative => put(&mut bytes, 8, &(-1_i32).to_be_bytes()),
            Self::RecordsMore => put(&mut bytes, 57, &count.wrapping_add(1).to_be_bytes()),
            Self::RecordsNegative => put(&mut bytes, 57, &(-1_i32).to_be_bytes()),
            Self::RecordsHuge => put(&mut bytes, 57, &i32::MAX.to_be_bytes()),
            Self::Codec => bytes.iter_mut().skip(22).take(1).for_each(|byte| *byte |= 7),
        }
        if !matches!(self, Self::Checksum | Self::LengthShort | Self::LengthNegative) {
            repair_checksum(&mut bytes);
        }
        bytes
    }
}

/// Makes the checksum of the first batch right, whatever its format, as far as it is there.
pub fn repair_checksum(bytes: &mut [u8]) {
    let len = bytes.get(8..12).and_then(|len| len.try_into().ok()).map_or(0, i32::from_be_bytes);
    let end = usize::try_from(len).unwrap_or(0).saturating_add(12).min(bytes.len());
    if let Some(0 | 1) = bytes.get(16) {
        let Some(checksum) = bytes.get(16..end).map(crc32fast::hash) else { return };
        put(bytes, 12, &checksum.to_be_bytes());
    } else {
        let Some(checksum) = bytes.get(21..end).map(crc32c::crc32c) else { return };
        put(bytes, 17, &checksum.to_be_bytes());
    }
}

fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + new.len()) {
        place.copy_from_slice(new);
    }
}

#[cfg(test)]
mod tests {
    use kurier_protocol::record::{DecompressLimits, RecordBatches};

    use super::*;
    use crate::random::Random;

    fn is_whole(bytes: &[u8], count: usize) -> bool {
        let mut found = 0;
        for batch in RecordBatches::new(Bytes::copy_from_slice(bytes)) {
            let Ok(open) = batch.and_then(|batch| batch.open(&DecompressLimits::default())) else {
                return false;
            };
            for record in open.records() {
                if record.is_err() {
                    return false;
                }
                found += 1;
            }
        }
        found == count
    }

    #[test]
    fn a_batch_with_a_fault_is_refused_and_one_without_is_not() {
        let mut random = Random::new(3);
        for _ in 0..50 {
            let data = random.some(3000);
            let batch = batch_of(Magic::V2, &mut Unstructured::new(&data)).unwrap();
            let count = batch.parts.len();
            assert!(is_whole(&batch.bytes, count));
            for fault in Fault::ALL {
                assert!(!is_whole(&fault.of(&batch.bytes), count), "{fault:?}");
            }
        }
    }

    #[test]
    fn a_checksum_is_repaired_in_every_format() {
        let mut random = Random::new(4);
        for magic in [Magic::V0, Magic::V1, Magic::V2] {
            let data = random.some(3000);
            let batch = batch_of(magic, &mut Unstructured::new(&data)).unwrap();
            let mut bytes = batch.bytes.to_vec();
            let place = bytes.iter_mut().skip(if magic == Magic::V2 { 17 } else { 12 });
            place.take(4).for_each(|byte| *byte = !*byte);
            repair_checksum(&mut bytes);
            assert_eq!(bytes, batch.bytes, "{magic}");
        }
    }
}
