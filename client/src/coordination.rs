//! Finds the brokers that look after groups and transactional ids.

use std::collections::BTreeMap;

use kurier_protocol::api::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use kurier_protocol::{ApiKey, ErrorCode, Str};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::error::{About, Error, Remedy, remedy};
use crate::metadata::KeyType;
use crate::net::Class;
use crate::retries::{Retries, call_until};

/// The broker that looks after a key: the one that is known, else the one that a broker names.
pub(crate) async fn coordinator(
    cluster: &Cluster,
    of: KeyType,
    key: &str,
    deadline: Instant,
) -> Result<i32, Error> {
    let mut found = coordinators(cluster, of, &[key], deadline).await;
    found.remove(key).unwrap_or_else(|| Err(nobody(cluster)))
}

/// The same for many keys, each with an outcome of its own. Those that are not known are asked for
/// in one request where the broker has that (KIP-699).
pub(crate) async fn coordinators(
    cluster: &Cluster,
    of: KeyType,
    keys: &[&str],
    deadline: Instant,
) -> BTreeMap<String, Result<i32, Error>> {
    let mut retries = Retries::new(cluster, deadline);
    let mut outcomes = BTreeMap::new();
    let mut open = Vec::new();
    for key in keys {
        match cluster.known_coordinator(of, key) {
            Some(broker) => drop(outcomes.insert((*key).to_owned(), Ok(broker))),
            None => open.push((*key).to_owned()),
        }
    }
    while !open.is_empty() {
        for (key, outcome) in ask(cluster, of, &open, deadline).await {
            if let Ok(broker) = outcome {
                cluster.learn_coordinator(of, &key, broker);
            }
            outcomes.insert(key, outcome);
        }
        open.retain(|key| match outcomes.get(key) {
            Some(Err(error)) => error.is_retriable(),
            Some(Ok(_)) => false,
            None => true,
        });
        if open.is_empty() || !retries.wait().await {
            break;
        }
    }
    outcomes
}

/// Asks one broker, once.
async fn ask(
    cluster: &Cluster,
    of: KeyType,
    keys: &[String],
    deadline: Instant,
) -> Vec<(String, Result<i32, Error>)> {
    let failed = |error: &Error| keys.iter().map(|key| (key.clone(), Err(error.clone()))).collect();
    let Some(broker) = cluster.least_loaded(Class::Normal) else { return failed(&nobody(cluster)) };
    let ranges = match cluster.until(deadline).versions(broker, Class::Normal).await {
        Ok(ranges) => ranges,
        Err(error) => return failed(&error),
    };
    let newest = ranges.get(ApiKey::FIND_COORDINATOR).map_or(0, |range| *range.end());
    let at_once = if newest < MANY_SINCE { 1 } else { KEYS_MAX };
    let mut found = Vec::new();
    for some in keys.chunks(at_once) {
        let asked: Vec<Str> = some.iter().map(Str::from).collect();
        let make = move |version| question(of, &asked, version);
        match call_until(cluster, deadline, broker, 0..=i16::MAX, make).await {
            Ok((version, answer)) => {
                found.extend(some.iter().map(|key| (key.clone(), read(of, key, version, &answer))));
            }
            Err(error) => {
                found.extend(some.iter().map(|key| (key.clone(), Err(error.clone()))));
            }
        }
    }
    found
}

fn question(of: KeyType, keys: &[Str], version: i16) -> FindCoordinatorRequest {
    let mut request = FindCoordinatorRequest { key_type: of.number(), ..Default::default() };
    match keys.first() {
        Some(key) if version < MANY_SINCE => request.key = key.clone(),
        _ => request.coordinator_keys = keys.to_vec(),
    }
    request
}

/// What an answer says of a key.
fn read(
    of: KeyType,
    key: &str,
    version: i16,
    answer: &FindCoordinatorResponse,
) -> Result<i32, Error> {
    let (code, broker, message) = if version < MANY_SINCE {
        (answer.error_code, answer.node_id, &answer.error_message)
    } else {
        match answer.coordinators.iter().find(|found| &*found.key == key) {
            Some(found) => (found.error_code, found.node_id, &found.error_message),
            None => (ErrorCode::COORDINATOR_NOT_AVAILABLE, -1, &None),
        }
    };
    if remedy(ApiKey::FIND_COORDINATOR, code) == Remedy::Ok && broker >= 0 {
        return Ok(broker);
    }
    let about = match of {
        KeyType::Group => About::Group(key.into()),
        KeyType::Transaction => About::TransactionalId(key.into()),
    };
    let code = if code.is_ok() { ErrorCode::COORDINATOR_NOT_AVAILABLE } else { code };
    Err(Error::said(ApiKey::FIND_COORDINATOR, code, about, message.as_deref()))
}

fn nobody(cluster: &Cluster) -> Error {
    cluster.picture().absence(None)
}

/// The first version that asks for several keys.
const MANY_SINCE: i16 = 4;
/// Keys in one request.
const KEYS_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use kurier_protocol::api::find_coordinator::Coordinator;
    use kurier_protocol::{Request, encode};

    use super::*;

    #[test]
    fn every_version_is_asked_as_it_wants_to_be() {
        let keys = [Str::from("a"), Str::from("b")];
        for version in 0..=FindCoordinatorRequest::VERSION_STABLE_MAX {
            let request = question(KeyType::Group, &keys, version);
            encode(&request, version).unwrap();
            let count = if version < MANY_SINCE { 0 } else { 2 };
            assert_eq!(request.coordinator_keys.len(), count, "version {version}");
        }
        let request = question(KeyType::Transaction, &keys, 0);
        assert!(encode(&request, 0).is_err(), "version 0 knows groups only");
    }

    #[test]
    fn every_key_has_an_answer_of_its_own() {
        let coordinator = |key: &str, node_id, error_code| Coordinator {
            key: key.into(),
            node_id,
            error_code,
            ..Default::default()
        };
        let refused = ErrorCode::GROUP_AUTHORIZATION_FAILED;
        let answer = FindCoordinatorResponse {
            coordinators: vec![
                coordinator("b", 2, ErrorCode::NONE),
                coordinator("c", -1, refused),
                coordinator("d", -1, ErrorCode::NONE),
            ],
            ..Default::default()
        };
        let of = |key| read(KeyType::Group, key, 4, &answer);
        assert_eq!(of("b").unwrap(), 2);
        let error = of("c").unwrap_err();
        assert!(!error.is_retriable() && error.to_string().contains("group c"), "{error}");
        assert!(of("a").unwrap_err().is_retriable(), "it was left out");
        assert!(of("d").unwrap_err().is_retriable(), "nobody is no coordinator");
    }
}
