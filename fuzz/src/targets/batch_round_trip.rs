//! Every batch that is written is read back as it was, in every format and codec.

use kurier_protocol::record::{DecompressLimits, Magic, RecordBatches};

use crate::arbitrary::{self, Parts};
use crate::random::Random;

/// The bytes are the seed of a batch.
///
/// # Panics
///
/// When a record comes back changed, or not at all.
pub fn batch_round_trip(data: &[u8]) {
    let (bytes, magic, compression, written) = arbitrary::batch(&mut Random::from_bytes(data));
    let mut read = Vec::new();
    for batch in RecordBatches::new(bytes) {
        let batch = batch.expect("a batch that was written");
        assert_eq!((batch.magic(), batch.compression()), (magic, compression));
        let open = batch.open(&DecompressLimits::default()).expect("a batch that was written");
        for record in open.records() {
            let record = record.expect("a record that was written");
            if magic == Magic::V2 {
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
    assert_eq!(read, written, "{magic:?} {compression}");
}

/// A seed.
pub fn make(random: &mut Random) -> Vec<u8> {
    random.number().to_be_bytes().to_vec()
}
