//! How far consumers fetch ahead of what they give, as brokers see it.

use std::collections::BTreeMap;
use std::time::Duration;

use kurier_protocol::ApiKey;
use kurier_protocol::api::fetch::FetchRequest;
use kurier_testkit::{Requests, TestCluster};

/// The next offset of a partition that a client has given to its program, when it did.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) at: Duration,
    pub(crate) client: String,
    pub(crate) partition: i32,
    pub(crate) next: i64,
}

/// The most records that any client has asked for beyond and had not given then: what it held.
pub(crate) fn ahead_max(cluster: &TestCluster, given: &[Given]) -> i64 {
    let mut by: BTreeMap<(&str, i32), Vec<(Duration, i64)>> = BTreeMap::new();
    for one in given {
        by.entry((&*one.client, one.partition)).or_default().push((one.at, one.next));
    }
    // Where a client has begun, and what it wants next of each broker.
    let mut wanted: BTreeMap<(String, i32, i32), (i64, i64)> = BTreeMap::new();
    let mut most = 0;
    for request in cluster.requests_of(&Requests::of(ApiKey::FETCH)) {
        let client = request.client_id.clone().unwrap_or_default();
        let asked: FetchRequest = request.decode();
        if asked.session_epoch <= 0 {
            wanted.retain(|(who, broker, _), _| (who, *broker) != (&client, request.broker));
        }
        for gone in asked.forgotten_topics_data.iter().flat_map(|topic| &topic.partitions) {
            wanted.remove(&(client.clone(), request.broker, *gone));
        }
        for of in asked.topics.iter().flat_map(|topic| &topic.partitions) {
            let key = (client.clone(), request.broker, of.partition);
            let began = wanted.get(&key).map_or(of.fetch_offset, |(began, _)| *began);
            wanted.insert(key, (began, of.fetch_offset));
        }
        let own = wanted.iter().filter(|((who, ..), _)| *who == client);
        let held = own.map(|((who, _, partition), (began, next))| {
            let given = by.get(&(&**who, *partition)).map_or(&[][..], Vec::as_slice);
            let until = given.partition_point(|(at, _)| *at <= request.at);
            let given = until.checked_sub(1).and_then(|last| given.get(last));
            (next - given.map_or(*began, |(_, next)| *next)).max(0)
        });
        most = most.max(held.sum());
    }
    most
}
