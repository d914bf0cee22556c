//! What brokers got of numbered batches: a number never means two things.

use std::collections::BTreeMap;

use kurier_protocol::ApiKey;
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::record::{DecompressLimits, RecordBatch, RecordBatches};
use kurier_testkit::TestCluster;

/// A number that was given to two records, or to a batch whose bytes have changed between two
/// tries. All producers write to one topic.
pub(crate) fn reused(cluster: &TestCluster) -> Option<String> {
    let mut numbers = Numbers::default();
    let requests = cluster.requests();
    let produce = requests.iter().filter(|request| request.api == ApiKey::PRODUCE);
    let data = produce.flat_map(|request| request.decode::<ProduceRequest>().topic_data);
    for data in data.flat_map(|topic| topic.partition_data) {
        for batch in RecordBatches::new(data.records.unwrap_or_default().0) {
            let found = numbers.push(data.index, &batch.expect("a whole batch"));
            if found.is_err() {
                return found.err();
            }
        }
    }
    None
}

/// A producer, its epoch, and a number of it.
type Number = (i64, i16, i32);

/// What numbers stand for, by partition.
#[derive(Default)]
struct Numbers {
    /// The bytes of batches, by their first number and how many records they have. Pieces of one
    /// that was too large share its first number, and have fewer records.
    batches: BTreeMap<(i32, Number, Option<u32>), bytes::Bytes>,
    /// The value of each record.
    values: BTreeMap<(i32, Number), Vec<u8>>,
}

impl Numbers {
    /// A broker got a batch. Fails if it says by one of its numbers something else than before.
    fn push(&mut self, partition: i32, batch: &RecordBatch) -> Result<(), String> {
        let (id, epoch) = (batch.producer_id(), batch.producer_epoch());
        if id < 0 {
            return Ok(());
        }
        let twice = |number: Number| format!("partition {partition} has two things as {number:?}");
        let first = (id, epoch, batch.base_sequence());
        let key = (partition, first, batch.record_count());
        match self.batches.get(&key) {
            Some(known) if known == batch.bytes() => return Ok(()),
            Some(_) => return Err(twice(first)),
            None => drop(self.batches.insert(key, batch.bytes().clone())),
        }
        let open = batch.open(&DecompressLimits::default()).expect("a whole batch");
        for record in open.records() {
            let record = record.expect("a whole record");
            let number = (id, epoch, batch.sequence_of(record.offset));
            let value = record.value.unwrap_or_default().to_vec();
            let known = self.values.entry((partition, number)).or_insert_with(|| value.clone());
            if *known != value {
                return Err(twice(number));
            }
        }
        Ok(())
    }
}

/// A batch whose records have these numbers from `first` on.
#[cfg(test)]
fn batch(first: i32, values: &[&str], timestamp: i64) -> RecordBatch {
    use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
    let mut writer = BatchWriter::new(bytes::BytesMut::new(), Magic::V2, 0);
    for value in values {
        let value = Some(value.as_bytes());
        writer.append(&RecordParts { value, timestamp, ..Default::default() }).unwrap();
    }
    let seal = Seal { producer_id: 7, producer_epoch: 0, base_sequence: first, ..Seal::default() };
    let bytes = writer.seal(&seal).unwrap();
    RecordBatches::new(bytes).next().unwrap().unwrap()
}

#[test]
fn whatever_is_numbered_anew_is_found() {
    let push = |batches: &[RecordBatch]| {
        let mut numbers = Numbers::default();
        batches.iter().try_for_each(|batch| numbers.push(0, batch))
    };
    let first = || batch(0, &["a", "b", "c"], 1);
    push(&[first(), batch(3, &["d"], 2), first()]).unwrap();
    push(&[first(), batch(0, &["a"], 1), batch(1, &["b", "c"], 1)]).expect("it was split");
    let wrong = [
        ("begun anew", vec![first(), batch(3, &["d"], 2), batch(0, &["e"], 3)]),
        ("one too few", vec![first(), batch(2, &["d"], 2)]),
        ("changed between two tries", vec![first(), batch(0, &["a", "b", "c"], 2)]),
        ("another one", vec![first(), batch(0, &["a", "b", "d"], 1)]),
    ];
    for (what, batches) in wrong {
        assert!(push(&batches).is_err(), "{what}");
    }
}
