//! The way of a partition from a Fetch answer to a reader's records.

use std::collections::BTreeMap;

use arbitrary::Unstructured;
use bytes::Bytes;
use kurier_protocol::api::fetch::{
    AbortedTransaction, FetchResponse, FetchableTopicResponse, PartitionData,
};
use kurier_protocol::record::control::{ControlType, EndTransaction};
use kurier_protocol::record::{
    AbortedTransactions, Compressor, DecompressLimits, Decompressor, Fate, Magic, RecordBatch,
    RecordBatches, RecordError, Seal, Stamp, committed, stamp,
};
use kurier_protocol::{Message, Records, decode, encode};

use crate::batch::batch_of;
use crate::random::Random;

/// The first byte chooses the version of a Fetch response, the second the offset that was fetched;
/// what follows is the response without its header.
///
/// # Panics
///
/// When the response or a batch in it makes a reader panic, when a reader of committed records does
/// not get what a search through the list of aborted transactions says, or when it would be given
/// an offset twice or go back.
pub fn fetch_partition(data: &[u8]) {
    let Some(([version, offset], body)) = data.split_first_chunk() else { return };
    let last = *FetchResponse::VERSIONS.end();
    let version = i16::from(*version).checked_rem(last + 1).unwrap_or(0);
    let body = Bytes::copy_from_slice(body);
    let Ok(response) = decode::<FetchResponse>(&body, version) else { return };
    for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
        let Some(Records(records)) = &partition.records else { continue };
        let aborted = partition.aborted_transactions.as_deref().unwrap_or_default();
        check_aborted(records, aborted);
        check_positions(records, aborted, (*offset).into());
    }
}

/// What a reader gets, and whether it moves on only.
fn check_positions(records: &Bytes, aborted: &[AbortedTransaction], fetched: i64) {
    let mut decompressor = Decompressor::new(LIMITS);
    let mut aborted = AbortedTransactions::new(aborted);
    let mut position = fetched;
    let mut seen = BTreeMap::new();
    for batch in RecordBatches::new(records.clone()).map_while(Result::ok) {
        let before = position;
        match aborted.fate(&batch) {
            Ok(Fate::Committed) => {
                let Ok(open) = batch.open_with(&mut decompressor) else { return };
                for record in open.records() {
                    let Ok(record) = record else { return };
                    if record.offset >= position {
                        let value = record.value.map(<[u8]>::to_vec);
                        assert_eq!(seen.insert(record.offset, value), None, "one offset twice");
                        position = record.offset.saturating_add(1);
                    }
                }
                decompressor.reclaim(open);
            }
            Ok(Fate::Aborted | Fate::Control) => {}
            Err(_) => return,
        }
        position = position.max(batch.last_offset().saturating_add(1));
        assert!(position >= before, "the position went back");
    }
    let last = seen.keys().next_back();
    assert!(last.is_none_or(|last| (fetched..position).contains(last) || *last == i64::MAX));
}

/// Asks for each batch anew which transactions are open there: slow, and without a state that could
/// be wrong.
fn check_aborted(records: &Bytes, listed: &[AbortedTransaction]) {
    let batches: Vec<_> = RecordBatches::new(records.clone()).map_while(Result::ok).collect();
    let begins = |listed: &AbortedTransaction| {
        batches.iter().position(|batch| batch.last_offset() >= listed.first_offset)
    };
    let begins: Vec<_> =
        listed.iter().filter_map(|listed| Some((listed.producer_id, begins(listed)?))).collect();
    let mut expected = Vec::new();
    let mut ends: Vec<(i64, usize)> = Vec::new();
    for (at, batch) in batches.iter().enumerate() {
        let producer = batch.producer_id();
        let is_open = begins.iter().any(|(of, from)| {
            let ended = |end: &(i64, usize)| end.0 == producer && (*from..at).contains(&end.1);
            *of == producer && *from <= at && !ends.iter().any(ended)
        });
        if !batch.is_control() {
            if !(is_open && batch.is_transactional()) {
                expected.push(batch.bytes().clone());
            }
        } else if is_open {
            match ends_transaction(batch) {
                Ok(true) => ends.push((producer, at)),
                Ok(false) => {}
                Err(_) => break,
            }
        }
    }
    let found = committed(records.clone(), listed).map_while(Result::ok);
    let found: Vec<_> = found.map(|batch| batch.bytes().clone()).collect();
    assert_eq!(found, expected);
}

fn ends_transaction(batch: &RecordBatch) -> Result<bool, RecordError> {
    let open = batch.open(&DecompressLimits::default())?;
    let Some(marker) = open.records().next() else { return Ok(false) };
    Ok(!matches!(ControlType::of(&marker?)?, ControlType::Other(_)))
}

/// A response with a few partitions of a few batches: data of four producers and their markers.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    let partitions = (0..=random.below(2)).map(|_| partition(random)).collect();
    let topic = FetchableTopicResponse { partitions, ..Default::default() };
    let response = FetchResponse { responses: vec![topic], ..Default::default() };
    let version = random.pick(&[4, 5, 11, 12]);
    let body = encode(&response, version).expect("a message that the version has");
    let body = if random.one_in(2) { body.to_vec() } else { random.damage(&body) };
    let head = [u8::try_from(version).unwrap_or(0), random.pick(&[0, 0, 5, 100])];
    [head.to_vec(), body].concat()
}

fn partition(random: &mut Random) -> PartitionData {
    let mut records = Vec::new();
    let mut offset = 0;
    for _ in 0..random.below(8) {
        let is_marker = random.one_in(3);
        let batch = if is_marker { marker(random) } else { data(random) };
        let to = Stamp { base_offset: offset, partition_leader_epoch: 0, append_time: None };
        let (mut decompressor, mut compressor) = (Decompressor::new(LIMITS), Compressor::new());
        let stamped = stamp(&batch, &to, &mut decompressor, &mut compressor);
        let Ok(stamped) = stamped else { continue };
        records.extend_from_slice(&stamped.bytes);
        offset = stamped.last_offset + 1 + i64::from(random.pick(&[0_u8, 0, 3]));
    }
    if random.one_in(3) {
        records.truncate(random.below(records.len()));
    }
    let aborted = (0..random.below(5)).map(|_| AbortedTransaction {
        producer_id: i64::try_from(random.below(4)).unwrap_or(0),
        first_offset: i64::try_from(random.below(60)).unwrap_or(0),
    });
    PartitionData {
        aborted_transactions: Some(aborted.collect()),
        records: Some(Records(records.into())),
        ..Default::default()
    }
}

fn data(random: &mut Random) -> Bytes {
    let magic = if random.one_in(8) { Magic::V1 } else { Magic::V2 };
    let data = random.bytes(600);
    batch_of(magic, &mut Unstructured::new(&data)).expect("no error").bytes
}

fn marker(random: &mut Random) -> Bytes {
    let is_committed = random.one_in(2);
    let seal = Seal {
        producer_id: i64::try_from(random.below(4)).unwrap_or(0),
        producer_epoch: 0,
        is_transactional: true,
        ..Seal::default()
    };
    let marker = EndTransaction { is_committed, coordinator_epoch: 1 };
    marker.to_batch(5, &seal).expect("a marker")
}

const LIMITS: DecompressLimits = DecompressLimits { bytes_max: 1 << 20, ratio_max: 1 << 12 };
