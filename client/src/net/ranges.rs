//! What a broker speaks, as it said on one connection.

use std::ops::RangeInclusive;

use kurier_protocol::api::api_versions::ApiVersionsResponse;
use kurier_protocol::{ApiKey, Request};

use crate::error::Error;

/// The versions that a broker speaks, and the features that its cluster has switched on. They
/// belong to the connection they were told on (KIP-35).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// By key.
    apis: Vec<(ApiKey, i16, i16)>,
    features: Vec<(String, i16)>,
}

impl Ranges {
    pub(super) fn new(response: &ApiVersionsResponse) -> Self {
        let mut apis: Vec<_> = response
            .api_keys
            .iter()
            .map(|api| (api.api_key, api.min_version, api.max_version))
            .collect();
        apis.sort_unstable();
        let features = response
            .finalized_features
            .iter()
            .map(|feature| (feature.name.to_string(), feature.max_version_level))
            .collect();
        Self { apis, features }
    }

    /// The versions of an API that the broker speaks.
    #[must_use]
    pub fn get(&self, api: ApiKey) -> Option<RangeInclusive<i16>> {
        let index = self.apis.binary_search_by_key(&api, |(key, _, _)| *key).ok()?;
        self.apis.get(index).map(|(_, low, high)| *low..=*high)
    }

    /// The highest version of a request that the broker, this client and the caller allow.
    #[must_use]
    pub fn pick<R: Request>(&self, allowed: &RangeInclusive<i16>) -> Option<i16> {
        let theirs = self.get(R::KEY)?;
        let (ours, stable) = (R::VERSIONS, R::VERSION_STABLE_MAX);
        let low = *theirs.start().max(ours.start()).max(allowed.start());
        let high = *theirs.end().min(&stable).min(allowed.end());
        (low <= high).then_some(high)
    }

    /// As [`pick`](Self::pick), with an error that says what is missing.
    pub(crate) fn require<R: Request>(&self, allowed: &RangeInclusive<i16>) -> Result<i16, Error> {
        self.pick::<R>(allowed).ok_or_else(|| {
            let low = *allowed.start().max(R::VERSIONS.start());
            let high = *allowed.end().min(&R::VERSION_STABLE_MAX);
            let offered = self.get(R::KEY).map(|r| (*r.start(), *r.end()));
            Error::unsupported_api(R::KEY, (low, high), offered, self.release())
        })
    }

    /// The level of a feature that is switched on in the whole cluster, such as `group.version`.
    #[must_use]
    pub fn feature(&self, name: &str) -> Option<i16> {
        self.features.iter().find(|(n, _)| n == name).map(|(_, level)| *level)
    }

    /// The newest release of Kafka that has all that this broker shows.
    #[must_use]
    pub fn release(&self) -> Option<&'static str> {
        let shows = |api, version| self.get(api).is_some_and(|r| *r.end() >= version);
        RELEASES.iter().find(|(api, version, _)| shows(*api, *version)).map(|(_, _, name)| *name)
    }
}

/// A version that each release was the first to have, newest first.
const RELEASES: [(ApiKey, i16, &str); 28] = [
    (ApiKey::API_VERSIONS, 5, "4.4"),
    (ApiKey::DESCRIBE_LOG_DIRS, 5, "4.3"),
    (ApiKey::LIST_OFFSETS, 11, "4.2"),
    (ApiKey::FETCH, 18, "4.1"),
    (ApiKey::LIST_OFFSETS, 10, "4.0"),
    (ApiKey::FETCH, 17, "3.9"),
    (ApiKey::LIST_GROUPS, 5, "3.8"),
    (ApiKey::FETCH, 16, "3.7"),
    (ApiKey::FETCH, 15, "3.5"),
    (ApiKey::DESCRIBE_ACLS, 3, "3.3"),
    (ApiKey::JOIN_GROUP, 9, "3.2"),
    (ApiKey::FETCH, 13, "3.1"),
    (ApiKey::LIST_OFFSETS, 7, "3.0"),
    (ApiKey::METADATA, 10, "2.8"),
    (ApiKey::FETCH, 12, "2.7"),
    (ApiKey::LIST_GROUPS, 4, "2.6"),
    (ApiKey::JOIN_GROUP, 7, "2.5"),
    (ApiKey::METADATA, 9, "2.4"),
    (ApiKey::FETCH, 11, "2.3"),
    (ApiKey::LIST_OFFSETS, 5, "2.2"),
    (ApiKey::FETCH, 10, "2.1"),
    (ApiKey::FETCH, 8, "2.0"),
    (ApiKey::FETCH, 7, "1.1"),
    (ApiKey::FETCH, 6, "1.0"),
    (ApiKey::FETCH, 4, "0.11.0"),
    (ApiKey::CREATE_TOPICS, 1, "0.10.2"),
    (ApiKey::CREATE_TOPICS, 0, "0.10.1"),
    (ApiKey::API_VERSIONS, 0, "0.10.0"),
];

#[cfg(test)]
mod tests {
    use kurier_protocol::api::api_versions::ApiVersion;
    use kurier_protocol::api::create_topics::CreateTopicsRequest;
    use kurier_protocol::api::metadata::MetadataRequest;

    use super::*;

    fn ranges(rows: &[(ApiKey, i16, i16)]) -> Ranges {
        let api_keys = rows
            .iter()
            .map(|(api_key, min_version, max_version)| ApiVersion {
                api_key: *api_key,
                min_version: *min_version,
                max_version: *max_version,
            })
            .collect();
        Ranges::new(&ApiVersionsResponse { api_keys, ..Default::default() })
    }

    #[test]
    fn picks_the_highest_version_that_all_three_allow() {
        let broker = ranges(&[(ApiKey::METADATA, 2, 9), (ApiKey::API_VERSIONS, 0, 3)]);
        let pick = |allowed| broker.pick::<MetadataRequest>(&allowed);
        assert_eq!(pick(0..=i16::MAX), Some(9));
        assert_eq!(pick(0..=4), Some(4));
        assert_eq!(pick(0..=1), None);
        assert_eq!(pick(10..=13), None);
        assert_eq!(broker.pick::<CreateTopicsRequest>(&(0..=9)), None);
        let newer = ranges(&[(ApiKey::METADATA, 0, i16::MAX)]);
        let stable = MetadataRequest::VERSION_STABLE_MAX;
        assert_eq!(newer.pick::<MetadataRequest>(&(0..=i16::MAX)), Some(stable));
    }

    #[test]
    fn what_is_missing_is_named_with_the_release() {
        let broker = ranges(&[(ApiKey::METADATA, 0, 1), (ApiKey::API_VERSIONS, 0, 0)]);
        let error = broker.require::<CreateTopicsRequest>(&(0..=7)).unwrap_err().to_string();
        assert!(
            error.starts_with("CreateTopics needs Kafka 0.10.1 or newer (version 0 to 7 of it)"),
            "{error}"
        );
        assert!(error.contains("0.10.0"), "{error}");
        let error = broker.require::<MetadataRequest>(&(4..=7)).unwrap_err().to_string();
        assert!(error.contains("offers version 0 to 1 of it"), "{error}");
    }

    #[test]
    fn the_release_is_told_by_what_it_was_first_to_have() {
        let fetch = |max| ranges(&[(ApiKey::FETCH, 0, max)]).release();
        assert_eq!(fetch(2), None);
        assert_eq!(fetch(5), Some("0.11.0"));
        assert_eq!(fetch(6), Some("1.0"));
        assert_eq!(fetch(7), Some("1.1"));
        assert_eq!(fetch(17), Some("3.9"));
    }
}
