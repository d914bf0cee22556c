//! What brokers got of numbered batches: a number never means two things.

use std::collections::BTreeMap;

use kurier_protocol::ApiKey;
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::record::RecordBatches;
use kurier_testkit::TestCluster;

/// A number that was given to two batches, or to one whose bytes have changed between two tries.
/// Pieces of a batch that was too large share its first number, and have fewer records.
pub(crate) fn reused(cluster: &TestCluster) -> Option<String> {
    let mut seen = BTreeMap::new();
    let requests = cluster.requests();
    let produce = requests.iter().filter(|request| request.api == ApiKey::PRODUCE);
    let data = produce.flat_map(|request| request.decode::<ProduceRequest>().topic_data);
    for data in data.flat_map(|topic| topic.partition_data) {
        for batch in RecordBatches::new(data.records.unwrap_or_default().0) {
            let batch = batch.expect("a whole batch");
            let number = (batch.producer_id(), batch.producer_epoch(), batch.base_sequence());
            let key = (data.index, number, batch.record_count());
            let bytes = batch.bytes().clone();
            if batch.producer_id() >= 0
                && let Some(other) = seen.insert(key, bytes.clone())
                && other != bytes
            {
                return Some(format!("two batches of partition {} are {number:?}", data.index));
            }
        }
    }
    None
}
