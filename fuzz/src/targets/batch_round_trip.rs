//! Every batch that is written is read back as it was, in every format and codec.

use arbitrary::Unstructured;
use kurier_protocol::record::{DecompressLimits, Magic, RecordBatches};

use crate::batch::{Parts, batch};
use crate::random::Random;

/// The bytes choose a batch and what it holds.
///
/// # Panics
///
/// When a record comes back changed, or not at all.
pub fn batch_round_trip(data: &[u8]) {
    let Ok(written) = batch(&mut Unstructured::new(data)) else { return };
    let mut read = Vec::new();
    for batch in RecordBatches::new(written.bytes) {
        let batch = batch.expect("a batch that was written");
        assert_eq!((batch.magic(), batch.compression()), (written.magic, written.compression));
        let open = batch.open(&DecompressLimits::default()).expect("a batch that was written");
        for record in open.records() {
            let record = record.expect("a record that was written");
            if written.magic == Magic::V2 {
                assert_eq!(usize::try_from(record.offset), Ok(read.len()));
            }
            let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
            let headers = record.headers();
            read.push(Parts {
                timestamp: record.timestamp,
                key: owned(record.key),
                value: owned(record.value),
                headers: headers.map(|h| (h.key_str().into_owned(), owned(h.value))).collect(),
            });
        }
    }
    assert_eq!(read, written.parts, "{:?} {}", written.magic, written.compression);
}

/// Bytes that choose.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    random.bytes(4000)
}
