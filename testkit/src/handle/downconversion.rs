//! Core: stored records in a format that an older version of Fetch can read.

use kurier_protocol::api::fetch::FetchPartition;
use kurier_protocol::record::{Compression, Magic, RecordBatches, convert};
use kurier_protocol::{Bytes, ErrorCode};

use crate::codecs::Codecs;
use crate::log::{Extent, Log};
use crate::topic_config::TopicConfig;

/// The bytes of a stretch in the format that the version can read.
///
/// # Errors
///
/// The first batch cannot be had in that format.
pub(super) fn records(
    log: &Log,
    extent: Extent,
    (wanted, version): (&FetchPartition, i16),
    (config, codecs): (&TopicConfig, &mut Codecs),
) -> Result<Bytes, ErrorCode> {
    // Only what a topic is set to is looked at: batches that a producer compressed so are sent to
    // everyone who reads their format.
    if config.compression == Some(Compression::Zstd) && version < 10 {
        return Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    }
    let readable = match version {
        ..=1 => Magic::V0,
        2..=3 => Magic::V1,
        _ => Magic::V2,
    };
    if log.batches_of(extent).all(|stored| stored.magic() <= readable) {
        return Ok(log.bytes_of(extent));
    }
    if !config.converts_down {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    // Whole batches are converted, up to the first one that cannot be.
    let mut out = Vec::new();
    let mut is_blocked = false;
    for stored in log.batches_of(extent) {
        if stored.compression() == Compression::Zstd {
            is_blocked = true;
            break;
        }
        let Codecs { compressor, decompressor, .. } = codecs;
        let converted = convert(stored.batch.bytes(), readable, decompressor, compressor);
        out.extend_from_slice(&converted.map_err(|_| ErrorCode::CORRUPT_MESSAGE)?);
        if out.len() >= extent.bytes {
            break;
        }
    }
    if out.is_empty() && is_blocked {
        return Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    }
    Ok(trim(out.into(), wanted.fetch_offset, extent.bytes))
}

/// Conversion may make records longer. What lies before the offset is left out, and what goes
/// beyond the limit, the first batch apart.
fn trim(records: Bytes, offset: i64, bytes_max: usize) -> Bytes {
    let (mut start, mut end) = (0, 0);
    for batch in RecordBatches::new(records.clone()).flatten() {
        let length = batch.bytes().len();
        if batch.last_offset() < offset {
            start += length;
        } else if end > start && end + length > start + bytes_max {
            break;
        }
        end += length;
    }
    records.slice(start..end)
}
