//! Stored batches, read without any code of ours: only the bytes that say magic and codec.

use std::collections::BTreeSet;

use crate::release::Codec;

/// A batch below this may be left as it is: compression would not make it smaller.
const TINY: usize = 200;

/// What the head of a stored batch, or of a message of the old formats, says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    magic: i8,
    codec: i8,
    bytes: usize,
    /// Of the transaction that it belongs to.
    producer_epoch: Option<i16>,
    is_control: bool,
}

/// All batches have this magic and, but for tiny ones, this codec; and some are not tiny.
pub(crate) fn assert_stored(log: &[u8], magic: i8, codec: Codec) {
    let heads = heads(log);
    let tiny = if codec.id == 0 { 0 } else { TINY };
    let mut sized = heads.iter().filter(|head| tiny < head.bytes).peekable();
    assert!(sized.peek().is_some(), "no batch to speak of: {heads:?}");
    assert!(sized.all(|head| head.codec == codec.id), "not all are {codec:?}: {heads:?}");
    assert!(heads.iter().all(|head| head.magic == magic), "not all have magic {magic}: {heads:?}");
}

/// The epochs under which records of transactions were written, and how many transactions ended.
pub(crate) fn transactions(log: &[u8]) -> (BTreeSet<i16>, usize) {
    let heads = heads(log);
    let (markers, records): (Vec<&Stored>, Vec<&Stored>) =
        heads.iter().partition(|head| head.is_control);
    (records.iter().filter_map(|head| head.producer_epoch).collect(), markers.len())
}

/// The heads of all batches in a log, or in the records of a fetch answer.
fn heads(mut log: &[u8]) -> Vec<Stored> {
    let mut found = Vec::new();
    // Offset, length; then for every magic the byte at 16 is the magic.
    while log.len() > 17 {
        let length = i32::from_be_bytes(log[8..12].try_into().unwrap());
        let length = usize::try_from(length).unwrap();
        if length == 0 || log.len() < 12 + length {
            break; // Preallocated, or cut off.
        }
        let magic = log[16].cast_signed();
        let attributes = if magic < 2 { log[17] } else { log[22] };
        let bytes = 12 + length;
        let of_batch = if magic < 2 { 0 } else { attributes };
        found.push(Stored {
            magic,
            codec: (attributes & 7).cast_signed(),
            bytes,
            producer_epoch: (of_batch & 16 != 0)
                .then(|| i16::from_be_bytes(log[51..53].try_into().unwrap())),
            is_control: of_batch & 32 != 0,
        });
        log = &log[bytes..];
    }
    found
}
