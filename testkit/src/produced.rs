//! Core: checks what a producer sent as a broker does, and brings it into the form of the log.

use bytes::{Bytes, BytesMut};
use kurier_protocol::ErrorCode;
use kurier_protocol::record::{
    BatchWriter, Compression, Magic, OpenBatch, RecordBatch, RecordBatches, RecordError,
    RecordParts, RecordRef, Seal, TimestampType, convert,
};
use kurier_protocol::release::Release;

use crate::codecs::Codecs;
use crate::producer_state::Sequenced;
use crate::seal::seal_of;
use crate::topic_config::TopicConfig;

/// The records of one partition in a Produce request, and what decides whether they are taken.
#[derive(Debug)]
pub(crate) struct Produced<'a> {
    pub(crate) records: &'a Bytes,
    /// The version of the request.
    pub(crate) version: i16,
    /// The topic and the number of the partition, as refusals name them.
    pub(crate) of: (&'a str, i32),
    pub(crate) config: &'a TopicConfig,
    /// The wall clock.
    pub(crate) millis: i64,
}

/// Records that may be appended.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Whole batches in the format of the log.
    pub(crate) records: Bytes,
    /// The producer, if it is idempotent. Only the one batch of Produce v3 and later can be.
    pub(crate) sequenced: Option<Sequenced>,
}

/// Why records were not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    /// Which records of the batch are to blame, and why (KIP-467).
    pub(crate) records: Vec<(i32, String)>,
    /// Whether it was the log that did not take them: then the answer says where the log begins.
    pub(crate) is_of_log: bool,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), records: Vec::new(), is_of_log: false }
    }

    /// The same as the log's. Of what is damaged or too large Kafka does not say where it stands.
    pub(crate) fn of_log(self) -> Self {
        let silent = [
            ErrorCode::CORRUPT_MESSAGE,
            ErrorCode::MESSAGE_TOO_LARGE,
            ErrorCode::RECORD_LIST_TOO_LARGE,
        ];
        Self { is_of_log: !silent.contains(&self.code), ..self }
    }

    /// What the client is told. Kafka has words for records and for transactions alone.
    pub(crate) fn told(&self) -> Option<String> {
        match self.code {
            ErrorCode::INVALID_TXN_STATE => {
                return Some("Partition was not added to the transaction".to_owned());
            }
            ErrorCode::NOT_ENOUGH_REPLICAS if !self.is_of_log => {
                return Some(UNVERIFIED.to_owned());
            }
            _ if self.records.is_empty() => return None,
            ErrorCode::INVALID_TIMESTAMP => {
                let message = "One or more records have been rejected due to invalid timestamp";
                return Some(message.to_owned());
            }
            _ => {}
        }
        let shown = self.records.iter().take(3);
        let shown = shown.map(|(index, message)| {
            format!("RecordError(batchIndex={index}, message='{message}')")
        });
        Some(format!(
            "One or more records have been rejected due to {} record errors in total, and only \
             showing the first three errors at most: [{}]",
            self.records.len(),
            shown.collect::<Vec<_>>().join(", ")
        ))
    }
}

impl Produced<'_> {
    /// Checks everything and converts to the format of the log.
    ///
    /// # Errors
    ///
    /// What is wrong with the records.
    pub(crate) fn check(&self, codecs: &mut Codecs) -> Result<Checked, Refusal> {
        let batches = self.batches()?;
        self.check_count(&batches)?;
        let format = self.format();
        let mut header = Header::Right;
        for batch in &batches {
            self.check_header(batch, format)?;
            let opened = codecs.open(batch);
            let opened = opened.map_err(|error| self.refuse_damaged(&error))?;
            if self.check_records(&opened)? != batch.max_timestamp() {
                header = Header::Wrong;
            }
        }
        let whole: usize = batches.iter().map(|batch| batch.bytes().len()).sum();
        let mut records = self.records.slice(..whole);
        let is_stored_so = |batch: &RecordBatch| {
            let codec = self.config.compression;
            let is_kept = codec.is_none_or(|codec| codec == batch.compression());
            is_kept && batch.magic() == format
        };
        if header == Header::Wrong || !batches.iter().all(is_stored_so) {
            let converted = self.convert(&records, header, codecs);
            records = converted.map_err(|error| self.refuse_damaged(&error))?;
            for batch in RecordBatches::new(records.clone()) {
                self.check_size(&batch.map_err(|error| self.refuse_damaged(&error))?)?;
            }
        }
        if records.len() > self.config.segment_bytes {
            let message = format!(
                "The records are {} bytes, and a segment holds {}",
                records.len(),
                self.config.segment_bytes
            );
            return Err(Refusal::new(ErrorCode::RECORD_LIST_TOO_LARGE, message));
        }
        let sequenced = batches.first().and_then(Sequenced::of);
        Ok(Checked { records, sequenced })
    }

    /// The records in the format and with the codec of the log.
    fn convert(
        &self,
        records: &Bytes,
        header: Header,
        codecs: &mut Codecs,
    ) -> Result<Bytes, RecordError> {
        let Codecs { compressor, decompressor, .. } = codecs;
        let records = convert(records, self.format(), decompressor, compressor)?;
        let mut out = BytesMut::new();
        for batch in RecordBatches::new(records.clone()) {
            let batch = batch?;
            let codec = self.config.compression.unwrap_or_else(|| batch.compression());
            if codec == batch.compression()
                && (header == Header::Right || batch.magic() != Magic::V2)
            {
                out.extend_from_slice(batch.bytes());
            } else {
                let opened = batch.open_with(&mut codecs.decompressor)?;
                out.extend_from_slice(&rewrite(&opened, codec, codecs)?);
            }
        }
        Ok(out.freeze())
    }

    /// The whole batches. What is cut off at the end is not looked at, as Kafka does.
    fn batches(&self) -> Result<Vec<RecordBatch>, Refusal> {
        let batches: Result<Vec<_>, _> = RecordBatches::new(self.records.clone()).collect();
        batches.map_err(|error| self.refuse_damaged(&error))
    }

    /// From Produce v3 on there is exactly one batch.
    fn check_count(&self, batches: &[RecordBatch]) -> Result<(), Refusal> {
        let what = match (self.version, batches.len()) {
            (3.., 0) => "at least one record batch per partition",
            (3.., 2..) => "exactly one record batch per partition",
            _ => return Ok(()),
        };
        let version = self.version;
        let message = format!("Produce requests with version {version} must have {what}");
        Err(Refusal::new(self.invalid(), message))
    }

    fn check_header(&self, batch: &RecordBatch, format: Magic) -> Result<(), Refusal> {
        let (magic, version) = (batch.magic(), self.version);
        let fits = match version {
            // A broker of any age reads older formats, but none that is newer than the request.
            ..=1 => magic == Magic::V0,
            2 => magic <= Magic::V1,
            _ => magic == Magic::V2,
        };
        if !fits || magic > format {
            let message = format!(
                "Produce requests with version {version} are not allowed to contain record \
                 batches with magic version {magic}"
            );
            return Err(Refusal::new(self.invalid(), message));
        }
        if batch.compression() == Compression::Zstd && version < 7 {
            let message = format!(
                "Produce requests with version {version} are not allowed to use ZStandard \
                 compression"
            );
            return Err(Refusal::new(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, message));
        }
        self.check_size(batch)?;
        if magic == Magic::V2 { self.check_v2(batch) } else { Ok(()) }
    }

    /// As it came, and once more in the format and with the codec of the log.
    fn check_size(&self, batch: &RecordBatch) -> Result<(), Refusal> {
        let (bytes, bytes_max) = (batch.bytes().len(), self.config.message_bytes_max);
        if bytes <= bytes_max {
            return Ok(());
        }
        let message = format!(
            "The record batch size in the append is {bytes} bytes which exceeds the maximum \
             configured value of {bytes_max}"
        );
        Err(Refusal::new(ErrorCode::MESSAGE_TOO_LARGE, message))
    }

    fn check_v2(&self, batch: &RecordBatch) -> Result<(), Refusal> {
        let span = batch.last_offset() - batch.base_offset() + 1;
        let count = batch.record_count().map_or(-1, i64::from);
        let message = if batch.base_offset() != 0 {
            format!(
                "The baseOffset of the record batch should be 0, but it is {}",
                batch.base_offset()
            )
        } else if count <= 0 {
            "Invalid reported count for record batch".to_owned()
        } else if count != span {
            format!("Inconsistent batch offset range of {span} and count of records {count}")
        } else if batch.is_control() {
            "Clients are not allowed to write control records".to_owned()
        } else if batch.timestamp_type() == Some(TimestampType::LogAppendTime) {
            let message = "Invalid timestamp type in message: producer should not set timestamp \
                           type to LogAppendTime";
            return Err(Refusal::new(ErrorCode::INVALID_TIMESTAMP, message).of_log());
        } else if batch.producer_id() >= 0 && batch.base_sequence() < 0 {
            "Invalid sequence number in record batch with producerId".to_owned()
        } else {
            return Ok(());
        };
        Err(Refusal::new(self.invalid(), message).of_log())
    }

    /// Looks at each record, and gives the latest timestamp.
    fn check_records(&self, opened: &OpenBatch) -> Result<i64, Refusal> {
        let batch = opened.batch();
        let mut refusal: Option<Refusal> = None;
        let mut latest = -1;
        for (index, record) in (0i32..).zip(opened.records()) {
            let record = record.map_err(|error| self.refuse_damaged(&error))?;
            latest = record.timestamp.max(latest);
            // Of older formats nobody has checked where they begin.
            let expected = batch.base_offset().saturating_add(index.into());
            let found = if batch.magic() == Magic::V2 && record.offset != expected {
                Some((self.invalid(), "Inner record does not have incremental offsets".to_owned()))
            } else {
                self.check_record(&record)
            };
            if let Some((code, message)) = found {
                let refusal = refusal.get_or_insert_with(|| Refusal::new(code, message.clone()));
                refusal.records.push((index, message));
            }
        }
        refusal.map_or(Ok(latest), |refusal| Err(refusal.of_log()))
    }

    fn check_record(&self, record: &RecordRef<'_>) -> Option<(ErrorCode, String)> {
        let config = self.config;
        if config.cleanup.compacts && record.key.is_none() {
            let (topic, partition) = self.of;
            let message = format!(
                "Compacted topic cannot accept message without key in topic partition \
                 {topic}-{partition}"
            );
            return Some((self.invalid(), message));
        }
        if config.timestamp_type == TimestampType::LogAppendTime || record.timestamp < 0 {
            return None;
        }
        let age = self.millis.saturating_sub(record.timestamp);
        if age > config.timestamp_before_max_ms
            || age.saturating_neg() > config.timestamp_after_max_ms
        {
            let message = format!(
                "Timestamp {} of message with offset {} is out of range. The timestamp should be \
                 within [{}, {}]",
                record.timestamp,
                record.offset,
                self.millis.saturating_sub(config.timestamp_before_max_ms),
                self.millis.saturating_add(config.timestamp_after_max_ms)
            );
            return Some((ErrorCode::INVALID_TIMESTAMP, message));
        }
        None
    }

    /// The format in which a broker of the release keeps records.
    fn format(&self) -> Magic {
        if self.config.release() >= Release::V0_11_0 { Magic::V2 } else { Magic::V1 }
    }

    /// What a record that breaks the rules is called: INVALID_RECORD exists since 2.4.
    fn invalid(&self) -> ErrorCode {
        if self.config.release() >= Release::V2_4 {
            ErrorCode::INVALID_RECORD
        } else {
            ErrorCode::CORRUPT_MESSAGE
        }
    }

    fn refuse_damaged(&self, error: &RecordError) -> Refusal {
        let code = match error {
            RecordError::UnknownCodec { .. }
            | RecordError::CodecNotBuilt { .. }
            | RecordError::NotInMagic { .. } => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
            RecordError::LimitExceeded { .. } | RecordError::TooLarge { .. } => {
                ErrorCode::MESSAGE_TOO_LARGE
            }
            RecordError::CrcMismatch { .. } => ErrorCode::CORRUPT_MESSAGE,
            _ => self.invalid(),
        };
        Refusal::new(code, error.to_string())
    }
}

const UNVERIFIED: &str = "Unable to verify the partition has been added to the transaction. \
                          Underlying error: CONCURRENT_TRANSACTIONS";

/// Whether a batch's header gives the latest timestamp of its records, which lookups by time
/// believe. A batch of magic 2 that lies is written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    Right,
    Wrong,
}

/// Writes a batch anew with another codec, and with the latest timestamp that its records have.
fn rewrite(
    opened: &OpenBatch,
    compression: Compression,
    codecs: &mut Codecs,
) -> Result<Bytes, RecordError> {
    let batch = opened.batch();
    let mut writer = BatchWriter::new(BytesMut::new(), batch.magic(), batch.base_timestamp());
    for record in opened.records() {
        let record = record?;
        let headers: Vec<_> = record.headers().collect();
        writer.append(&RecordParts {
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers: &headers,
        })?;
    }
    // Where it will stand the log decides.
    let seal = Seal { compression, base_offset: 0, ..seal_of(batch) };
    writer.seal_with(&seal, &mut codecs.compressor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_of_three_records_and_of_nothing_else() {
        let mut refusal = Refusal::new(ErrorCode::INVALID_RECORD, "for the log");
        assert_eq!(refusal.told(), None);
        refusal.records = (0..4).map(|index| (index, format!("why {index}"))).collect();
        let told = refusal.told().unwrap();
        assert!(told.contains("due to 4 record errors in total"), "{told}");
        assert!(told.ends_with("RecordError(batchIndex=2, message='why 2')]"), "{told}");
        let unknown = Refusal::new(ErrorCode::INVALID_TXN_STATE, "");
        assert_eq!(unknown.told().as_deref(), Some("Partition was not added to the transaction"));
    }
}
