//! What a broker speaks, as it said on one connection.

use std::ops::RangeInclusive;

use kurier_protocol::api::api_versions::ApiVersionsResponse;
use kurier_protocol::release::{Release, advertised, versions};
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
    pub(crate) fn new(response: &ApiVersionsResponse) -> Self {
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

    /// The features that are switched on in the whole cluster, each with its level.
    pub fn features(&self) -> impl Iterator<Item = (&str, i16)> {
        self.features.iter().map(|(name, level)| (name.as_str(), *level))
    }

    /// The newest release of Kafka whose every novelty this broker shows, among the APIs that it
    /// has: one version that is switched on ahead of its time makes no newer broker.
    #[must_use]
    pub fn release(&self) -> Option<&'static str> {
        let is_shown = |(api, version): &(ApiKey, i16)| Some(self.get(*api)?.end() >= version);
        let has_all = |release: &Release| {
            let news: Vec<bool> = news(*release).iter().filter_map(is_shown).collect();
            !news.is_empty() && news.into_iter().all(|is_shown| is_shown)
        };
        Release::ALL.iter().rev().find(|release| has_all(release)).map(|release| release.name())
    }
}

/// The versions that a release was the first to have.
fn news(release: Release) -> Vec<(ApiKey, i16)> {
    let before = Release::ALL.iter().rev().find(|earlier| **earlier < release);
    let highest = |release: Release, api| advertised(release, api).map(|range| *range.end());
    let is_new = |(api, range): (ApiKey, RangeInclusive<i16>)| {
        let held = before.and_then(|before| highest(*before, api));
        held.is_none_or(|held| held < *range.end()).then_some((api, *range.end()))
    };
    versions(release).filter_map(is_new).collect()
}

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
    fn every_release_is_told_by_what_it_was_first_to_have() {
        for &release in Release::ALL {
            let rows: Vec<_> =
                versions(release).map(|(api, of)| (api, *of.start(), *of.end())).collect();
            // Clients see nothing in 3.6 that 3.5 did not have.
            let told = if release == Release::V3_6 { Release::V3_5 } else { release };
            assert_eq!(ranges(&rows).release(), Some(told.name()), "{release}");
        }
    }

    #[test]
    fn a_version_ahead_of_its_time_makes_no_newer_broker() {
        let mut rows: Vec<_> =
            versions(Release::V3_9).map(|(api, of)| (api, *of.start(), *of.end())).collect();
        rows.iter_mut().filter(|row| row.0 == ApiKey::FETCH).for_each(|row| row.2 = 18);
        assert_eq!(ranges(&rows).release(), Some("3.9"));
        assert_eq!(ranges(&[(ApiKey::FETCH, 0, 6)]).release(), Some("1.0"));
        assert_eq!(ranges(&[]).release(), None);
    }
}
