//! Sealed batches: what lies on the wire, and the three ways in which it is ever written anew.

use std::mem;

use bytes::{Bytes, BytesMut};
use kurier_protocol::record::{
    BatchWriter, Compression, Compressor, DecompressLimits, Decompressor, Header, Magic,
    ProducerStamp, RecordBatches, RecordError, RecordParts, Seal, convert, stamp_producer,
};

use super::accumulator::{Closed, Space};
use super::batch::Part;
use super::fate::Fate;
use super::means::HEADER_BYTES_MAX;
use super::sequence::{Written, behind};
use crate::error::{Error, Fault};
use crate::metrics::BatchSizes;

/// A batch as it is sent. Every try sends the same bytes, as long as its number stays the same.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) bytes: Bytes,
    pub(crate) sizes: BatchSizes,
    pub(crate) magic: Magic,
    /// Who is told; none once the delivery timeout was told while the batch was in flight.
    pub(crate) part: Option<Part>,
    pub(crate) number: u64,
    /// Its first record's place in the batch that was opened: not 0 if it is a later piece of it.
    first: u32,
    /// By what its leader knows it; none without idempotence.
    pub(crate) stamp: Option<ProducerStamp>,
    pub(crate) space: Space,
    pub(crate) attempts: u32,
    /// The last failure after which the batch may have been in the log.
    pub(crate) indefinite: Option<Error>,
}

impl Sealed {
    pub(crate) fn records(&self) -> u32 {
        self.part.as_ref().map_or(0, Part::len)
    }

    /// Its place among the batches of its partition.
    pub(crate) fn place(&self) -> (u64, u32) {
        (self.number, self.first)
    }

    /// Whether one of its tries that have ended was written.
    pub(crate) fn written(&self) -> Written {
        if self.indefinite.is_none() { Written::Never } else { Written::Maybe }
    }

    /// Notes that a request with these bytes is on its way.
    pub(crate) fn note_sent(&mut self) {
        self.attempts += 1;
        if let Some(part) = &mut self.part {
            part.was_sent = true;
        }
    }

    /// Notes that no request with these bytes is on its way any more: of those that were, the last
    /// failure tells whether they may have been written.
    pub(crate) fn note_returned(&mut self) {
        if let Some(part) = &mut self.part {
            part.was_sent = self.indefinite.is_some();
        }
    }

    /// Tells the deliveries, if nobody has yet.
    pub(crate) fn complete(&mut self, fate: Fate) {
        if let Some(part) = self.part.take() {
            part.complete(fate);
        }
    }

    /// What to report when the last try failed for this reason: that an earlier try may have
    /// been written outweighs it.
    pub(crate) fn reported(&mut self, error: Error) -> Error {
        if error.maybe_written() { error } else { self.indefinite.take().unwrap_or(error) }
    }
}

/// Seals batches, with codec tables that are kept between them.
#[derive(Debug)]
pub(crate) struct Sealer {
    compression: Compression,
    level: Option<i32>,
    /// Whether batches belong to a transaction.
    is_transactional: bool,
    compressor: Compressor,
    decompressor: Decompressor,
}

impl Sealer {
    pub(crate) fn new(compression: Compression, level: Option<i32>) -> Self {
        Self {
            compression,
            level,
            is_transactional: false,
            compressor: Compressor::new(),
            decompressor: Decompressor::new(DecompressLimits::default()),
        }
    }

    /// The same, of batches that belong to a transaction.
    pub(crate) fn transactional(self) -> Self {
        Self { is_transactional: true, ..self }
    }

    pub(crate) fn compression(&self) -> Compression {
        self.compression
    }

    /// Compresses a batch and gives it header and checksum, and the number that it has if its
    /// producer is idempotent. An error says that the format refuses it; then its deliveries know.
    pub(crate) fn seal(
        &mut self,
        closed: Closed,
        stamp: Option<ProducerStamp>,
    ) -> Result<Sealed, Error> {
        let Closed { writer, part, number, record_bytes_max, space, .. } = closed;
        let magic = writer.magic();
        let sizes = sizes(&writer, record_bytes_max);
        match writer.seal_with(&self.terms(stamp), &mut self.compressor) {
            Ok(bytes) => Ok(Sealed {
                sizes: BatchSizes { bytes: bytes.len(), ..sizes },
                bytes,
                magic,
                part: Some(part),
                number,
                first: 0,
                stamp,
                space,
                attempts: 0,
                indefinite: None,
            }),
            Err(error) => {
                let error = not_encodable(error);
                part.complete(Fate::Failed(error.clone()));
                Err(error)
            }
        }
    }

    /// Writes a batch in the format of another magic, for a leader that speaks no other.
    pub(crate) fn convert(&mut self, sealed: &mut Sealed, magic: Magic) -> Result<(), Error> {
        if magic < Magic::V2 && self.has_headers(&sealed.bytes).map_err(not_encodable)? {
            return Err(headers_unsupported());
        }
        let (decompressor, compressor) = (&mut self.decompressor, &mut self.compressor);
        sealed.bytes =
            convert(&sealed.bytes, magic, decompressor, compressor).map_err(not_encodable)?;
        sealed.sizes.bytes = sealed.bytes.len();
        sealed.magic = magic;
        Ok(())
    }

    /// Divides a batch of several records into two, which have its numbers. After an error it is as
    /// it was.
    pub(crate) fn split(&mut self, sealed: &mut Sealed) -> Result<[Sealed; 2], Error> {
        let half = sealed.records() / 2;
        let (stamp, middle) = (sealed.stamp, sealed.stamp.map(|stamp| behind(&stamp, half)));
        let [first, second] = self.halves(sealed, half, [stamp, middle]).map_err(not_encodable)?;
        let Some(part) = sealed.part.take() else {
            return Err(Error::Closed { what: "batch" });
        };
        let (first_part, second_part) = part.split(half);
        let of = |(bytes, sizes), part, space, (first, stamp)| Sealed {
            bytes,
            sizes,
            part: Some(part),
            space,
            first,
            stamp,
            magic: sealed.magic,
            number: sealed.number,
            attempts: sealed.attempts,
            indefinite: sealed.indefinite.clone(),
        };
        let space = mem::take(&mut sealed.space);
        let start = sealed.first;
        Ok([
            of(first, first_part, Space::default(), (start, stamp)),
            of(second, second_part, space, (start + half, middle)),
        ])
    }

    /// Gives a batch of magic 2 another number; what is in it stays as it is.
    pub(crate) fn renumber(sealed: &mut Sealed, stamp: ProducerStamp) -> Result<Bytes, Error> {
        let bytes = stamp_producer(&sealed.bytes, &stamp).map_err(not_encodable)?;
        sealed.stamp = Some(stamp);
        Ok(mem::replace(&mut sealed.bytes, bytes))
    }

    fn halves(
        &mut self,
        sealed: &Sealed,
        half: u32,
        stamps: [Option<ProducerStamp>; 2],
    ) -> Result<[Half; 2], RecordError> {
        let mut writers: [Option<BatchWriter>; 2] = [None, None];
        let mut index = 0;
        for batch in RecordBatches::new(sealed.bytes.clone()) {
            let open = batch?.open_with(&mut self.decompressor)?;
            for record in open.records() {
                let record = record?;
                let [first, second] = &mut writers;
                let writer = if index < half { first } else { second };
                let new = || BatchWriter::new(BytesMut::new(), sealed.magic, record.timestamp);
                let headers: Vec<Header<'_>> = record.headers().collect();
                writer.get_or_insert_with(new).append(&RecordParts {
                    timestamp: record.timestamp,
                    key: record.key,
                    value: record.value,
                    headers: &headers,
                })?;
                index += 1;
            }
        }
        let terms = stamps.map(|stamp| self.terms(stamp));
        let mut seal = |writer: Option<BatchWriter>, terms: &Seal| match writer {
            Some(writer) => {
                let sizes = sizes(&writer, sealed.sizes.record_bytes_max);
                let bytes = writer.seal_with(terms, &mut self.compressor)?;
                Ok((bytes.clone(), BatchSizes { bytes: bytes.len(), ..sizes }))
            }
            None => Err(RecordError::Malformed { part: "record count" }),
        };
        let ([first, second], [before, behind]) = (writers, &terms);
        Ok([seal(first, before)?, seal(second, behind)?])
    }

    fn has_headers(&mut self, batch: &Bytes) -> Result<bool, RecordError> {
        for batch in RecordBatches::new(batch.clone()) {
            let open = batch?.open_with(&mut self.decompressor)?;
            for record in open.records() {
                if record?.headers().next().is_some() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn terms(&self, stamp: Option<ProducerStamp>) -> Seal {
        let plain = Seal { compression: self.compression, level: self.level, ..Seal::default() };
        let Some(ProducerStamp { producer_id, producer_epoch, base_sequence }) = stamp else {
            return plain;
        };
        let is_transactional = self.is_transactional;
        Seal { producer_id, producer_epoch, base_sequence, is_transactional, ..plain }
    }
}

/// One of the two batches that were one.
type Half = (Bytes, BatchSizes);

/// What is known of a batch's sizes before it is sealed.
fn sizes(writer: &BatchWriter, record_bytes_max: usize) -> BatchSizes {
    let plain_bytes = writer.len();
    let header = if writer.magic() == Magic::V2 { HEADER_BYTES_MAX } else { 0 };
    let record_bytes = plain_bytes.saturating_sub(header);
    BatchSizes { bytes: 0, plain_bytes, record_bytes, record_bytes_max }
}

/// Headers for a broker that is older than they are.
pub(crate) fn headers_unsupported() -> Error {
    Error::Unsupported {
        feature: "a record with headers".into(),
        needed: "Produce version 3 (Kafka 0.11)".into(),
        offered: "an older one".into(),
        remedy: "send records without headers to this broker".into(),
    }
}

/// A record or batch that cannot be written in Kafka's format.
pub(crate) fn not_encodable(error: RecordError) -> Error {
    Error::NotKafka { from: "a batch of this producer".into(), fault: Fault::Record(error) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use super::super::accumulator::{Accumulator, Means, Partition};
    use super::super::batch::Delivery;
    use super::super::batch::tests::Heard;
    use super::*;

    fn closed(magic: Magic, values: &[&[u8]], headers: &[Header<'_>]) -> (Closed, Vec<Delivery>) {
        let accumulator = Accumulator::new(1 << 20, 1 << 20);
        let partition = Partition::new(Arc::from("t"), 0, 0, magic);
        let deliveries = values
            .iter()
            .map(|value| {
                let parts = RecordParts { value: Some(value), headers, ..Default::default() };
                let mut space = Space::default();
                let mut means =
                    Means { budget: &accumulator, space: &mut space, outside: &Heard::at(1_000) };
                partition.append(&parts, None, &mut means).unwrap()
            })
            .collect();
        (partition.take(1).unwrap(), deliveries)
    }

    fn values(sealed: &Sealed) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for batch in RecordBatches::new(sealed.bytes.clone()) {
            let open = batch.unwrap().open(&DecompressLimits::default()).unwrap();
            all.extend(open.records().map(|r| r.unwrap().value.unwrap().to_vec()));
        }
        all
    }

    #[test]
    fn a_split_keeps_every_record_in_order_in_each_format_and_codec() {
        for (magic, compression) in [
            (Magic::V0, Compression::None),
            (Magic::V1, Compression::Gzip),
            (Magic::V2, Compression::Lz4),
            (Magic::V2, Compression::None),
        ] {
            let mut sealer = Sealer::new(compression, None);
            let (closed, mut deliveries) = closed(magic, &[b"a", b"b", b"c"], &[]);
            let mut sealed = sealer.seal(closed, None).unwrap();
            let [mut first, mut second] = sealer.split(&mut sealed).unwrap();
            assert_eq!(values(&first), [b"a"]);
            assert_eq!(values(&second), [b"b", b"c"]);
            first.complete(Fate::Stored { base_offset: 5, append_time: -1 });
            second.complete(Fate::Stored { base_offset: 9, append_time: -1 });
            let offsets = deliveries.iter_mut().map(|d| {
                let polled = std::pin::Pin::new(d).poll(&mut Context::from_waker(Waker::noop()));
                let Poll::Ready(Ok(metadata)) = polled else { panic!() };
                metadata.offset
            });
            assert_eq!(offsets.collect::<Vec<_>>(), [5, 9, 10]);
        }
    }

    #[test]
    fn a_batch_can_be_written_for_an_older_broker() {
        let mut sealer = Sealer::new(Compression::Gzip, None);
        let (closed, _deliveries) = closed(Magic::V2, &[b"a", b"b"], &[]);
        let mut sealed = sealer.seal(closed, None).unwrap();
        sealer.convert(&mut sealed, Magic::V1).unwrap();
        assert_eq!(values(&sealed), [b"a", b"b"]);
        assert_eq!(sealed.bytes[16], 1);
    }

    #[test]
    fn headers_are_never_dropped_silently() {
        let mut sealer = Sealer::new(Compression::None, None);
        let headers = [Header::new("h", None)];
        let (closed, _deliveries) = closed(Magic::V2, &[b"a"], &headers);
        let mut sealed = sealer.seal(closed, None).unwrap();
        let error = sealer.convert(&mut sealed, Magic::V1).unwrap_err();
        assert!(error.to_string().contains("headers"), "{error}");
    }
}
