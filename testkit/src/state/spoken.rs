//! Core: which versions of which APIs the brokers speak.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use kurier_protocol::ApiKey;
use kurier_protocol::release::{Release, accepts, versions};

/// The versions of a release, or what a test left of them.
#[derive(Clone, Debug)]
pub(crate) struct Spoken {
    pub(crate) release: Release,
    /// What is left of an API's versions; all of them where it has no entry.
    narrowed: Arc<BTreeMap<ApiKey, RangeInclusive<i16>>>,
}

impl Spoken {
    pub(crate) fn new(release: Release, narrowed: BTreeMap<ApiKey, RangeInclusive<i16>>) -> Self {
        Self { release, narrowed: narrowed.into() }
    }

    /// Leaves other versions of an API than before, or none of it.
    pub(crate) fn narrow(&mut self, key: ApiKey, to: Option<RangeInclusive<i16>>) {
        let (low, high) = to.map_or((i16::MAX, i16::MIN), RangeInclusive::into_inner);
        Arc::make_mut(&mut self.narrowed).insert(key, low..=high);
    }

    /// What ApiVersions says.
    pub(crate) fn advertised(&self) -> impl Iterator<Item = (ApiKey, RangeInclusive<i16>)> {
        versions(self.release).filter_map(|(key, range)| {
            let left = match self.narrowed.get(&key) {
                Some(to) => *range.start().max(to.start())..=*range.end().min(to.end()),
                None => range,
            };
            (!left.is_empty()).then_some((key, left))
        })
    }

    /// Is a request of this version answered?
    pub(crate) fn accepts(&self, key: ApiKey, version: i16) -> bool {
        let is_left = self.narrowed.get(&key).is_none_or(|range| range.contains(&version));
        is_left && accepts(self.release, key, version)
    }
}

impl From<Release> for Spoken {
    fn from(release: Release) -> Self {
        Self::new(release, BTreeMap::new())
    }
}
