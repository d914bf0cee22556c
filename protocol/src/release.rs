//! What brokers of each release speak: the ranges that they advertise in ApiVersions.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::api_key::ApiKey;

macro_rules! releases {
    ($($release:ident $name:literal,)*) => {
        /// A release of Apache Kafka, from the oldest that this crate speaks with. Up to 0.11 three
        /// numbers make a release, from 1.0 on two; what follows them repairs and adds nothing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Release {
            $(
                #[doc = concat!("Kafka ", $name, ".")]
                $release,
            )*
        }

        impl Release {
            /// Every release that is known, oldest first.
            pub const ALL: &'static [Self] = &[$(Self::$release),*];

            /// Its number, such as `0.10.2` or `4.4`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$release => $name,)*
                }
            }
        }
    };
}

releases! {
    V0_10_0 "0.10.0", V0_10_1 "0.10.1", V0_10_2 "0.10.2", V0_11_0 "0.11.0", V1_0 "1.0",
    V1_1 "1.1", V2_0 "2.0", V2_1 "2.1", V2_2 "2.2", V2_3 "2.3", V2_4 "2.4", V2_5 "2.5",
    V2_6 "2.6", V2_7 "2.7", V2_8 "2.8", V3_0 "3.0", V3_1 "3.1", V3_2 "3.2", V3_3 "3.3",
    V3_4 "3.4", V3_5 "3.5", V3_6 "3.6", V3_7 "3.7", V3_8 "3.8", V3_9 "3.9", V4_0 "4.0",
    V4_1 "4.1", V4_2 "4.2", V4_3 "4.3", V4_4 "4.4",
}

impl Release {
    /// The oldest release that is known.
    pub const OLDEST: Self = Self::V0_10_0;
    /// The newest release that is known.
    pub const NEWEST: Self = Self::V4_4;
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Release {
    type Err = ReleaseError;

    /// Reads `4.4`, and `4.4.0` as the same.
    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let mut numbers = text.split('.');
        let is_number = |n: &str| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit());
        if !numbers.clone().all(is_number) {
            return Err(ReleaseError);
        }
        let (count, most) = if numbers.next() == Some("0") { (3, 4) } else { (2, 3) };
        let dots = text.match_indices('.').map(|(at, _)| at);
        let end = dots.clone().nth(count - 1).unwrap_or(text.len());
        let known = Self::ALL.iter().find(|release| Some(release.name()) == text.get(..end));
        known.copied().filter(|_| dots.count() < most).ok_or(ReleaseError)
    }
}

/// The text is not the number of a release from 0.10.0 to 4.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Kafka release; known are {} to {}", Release::OLDEST, Release::NEWEST)]
pub struct ReleaseError;

/// The versions of each API that a broker of the release advertises to clients, by key.
///
/// Left out are APIs that only controllers serve, versions that the release calls unstable, and
/// GetTelemetrySubscriptions and PushTelemetry, which take a plugin on the broker. Keys 4 to 7 are
/// what brokers up to 3.9 advertise that keep their metadata in ZooKeeper.
///
/// ```
/// use kurier_protocol::ApiKey;
/// use kurier_protocol::release::{Release, versions};
///
/// let old: Vec<_> = versions(Release::V0_10_0).collect();
/// assert!(old.contains(&(ApiKey::PRODUCE, 0..=2)));
/// assert!(!old.iter().any(|(key, _)| *key == ApiKey::CREATE_TOPICS));
/// ```
pub fn versions(release: Release) -> impl Iterator<Item = (ApiKey, RangeInclusive<i16>)> {
    ROWS.iter().filter_map(move |row| Some((row.key, row.range(release)?)))
}

/// The versions of one API that a broker of the release advertises; `None` if it lacks the API.
#[must_use]
pub fn advertised(release: Release, key: ApiKey) -> Option<RangeInclusive<i16>> {
    versions(release).find_map(|(of, range)| (of == key).then_some(range))
}

/// Whether a broker of the release answers this version. From 4.0 on brokers advertise Produce from
/// 0, for the sake of an old client that looks for it, and refuse what lies below 3 (KAFKA-18659).
#[must_use]
pub fn accepts(release: Release, key: ApiKey, version: i16) -> bool {
    let pretended = key == ApiKey::PRODUCE && release >= Release::V4_0 && version < 3;
    !pretended && advertised(release, key).is_some_and(|range| range.contains(&version))
}

/// How the range of one API went through the releases.
#[derive(Debug)]
struct Row {
    key: ApiKey,
    /// The highest version, with the first release that had it.
    highest: &'static [(i16, Release)],
    /// The lowest version, and the first release of which that is true; before, it was 0.
    lowest: (i16, Release),
    /// The last release that has the API.
    last: Release,
}

impl Row {
    fn range(&self, release: Release) -> Option<RangeInclusive<i16>> {
        let (highest, _) = self.highest.iter().rfind(|(_, since)| *since <= release)?;
        let lowest = if release >= self.lowest.1 { self.lowest.0 } else { 0 };
        (release <= self.last).then_some(lowest..=*highest)
    }
}

macro_rules! rows {
    ($($key:ident $(from $lowest:literal since $raised:ident)? $(until $last:ident)?:
       $($highest:literal $since:ident),*;)*) => {
        static ROWS: &[Row] = &[$(Row {
            key: ApiKey::$key,
            highest: &[$(($highest, Release::$since)),*],
            lowest: rows!(@lowest $($lowest $raised)?),
            last: rows!(@last $($last)?),
        }),*];
    };
    (@lowest) => { (0, Release::OLDEST) };
    (@lowest $lowest:literal $raised:ident) => { ($lowest, Release::$raised) };
    (@last) => { Release::NEWEST };
    (@last $last:ident) => { Release::$last };
}

// `3 V2_1` says that 2.1 was the first release whose highest version is 3.
rows! {
    PRODUCE: 2 V0_10_0, 3 V0_11_0, 5 V1_0, 6 V2_0, 7 V2_1, 8 V2_4, 9 V2_8, 10 V3_7, 11 V3_8,
        12 V4_0, 13 V4_1;
    FETCH from 4 since V4_0: 2 V0_10_0, 3 V0_10_1, 5 V0_11_0, 6 V1_0, 7 V1_1, 8 V2_0, 10 V2_1,
        11 V2_3, 12 V2_7, 13 V3_1, 15 V3_5, 16 V3_7, 17 V3_9, 18 V4_1;
    LIST_OFFSETS from 1 since V4_0: 0 V0_10_0, 1 V0_10_1, 2 V0_11_0, 3 V2_0, 4 V2_1, 5 V2_2,
        6 V2_8, 7 V3_0, 8 V3_5, 9 V3_9, 10 V4_0, 11 V4_2;
    METADATA: 1 V0_10_0, 2 V0_10_1, 4 V0_11_0, 5 V1_0, 6 V2_0, 7 V2_1, 8 V2_3, 9 V2_4, 11 V2_8,
        12 V3_1, 13 V4_0;
    LEADER_AND_ISR until V3_9: 0 V0_10_0, 1 V1_0, 2 V2_2, 4 V2_4, 5 V2_8, 6 V3_2, 7 V3_4;
    STOP_REPLICA until V3_9: 0 V0_10_0, 1 V2_2, 2 V2_4, 3 V2_6, 4 V3_4;
    UPDATE_METADATA until V3_9: 2 V0_10_0, 3 V0_10_2, 4 V1_0, 5 V2_2, 6 V2_4, 7 V2_8, 8 V3_4;
    CONTROLLED_SHUTDOWN until V3_9: 1 V0_10_0, 2 V2_2, 3 V2_4;
    OFFSET_COMMIT from 2 since V4_0: 2 V0_10_0, 3 V0_11_0, 4 V2_0, 6 V2_1, 7 V2_3, 8 V2_4, 9 V3_7,
        10 V4_2;
    OFFSET_FETCH from 1 since V4_0: 1 V0_10_0, 2 V0_10_2, 3 V0_11_0, 4 V2_0, 5 V2_1, 6 V2_4,
        7 V2_5, 8 V3_0, 9 V3_7, 10 V4_2;
    FIND_COORDINATOR: 0 V0_10_0, 1 V0_11_0, 2 V2_0, 3 V2_4, 4 V3_0, 5 V3_8, 6 V3_9;
    JOIN_GROUP: 0 V0_10_0, 1 V0_10_1, 2 V0_11_0, 3 V2_0, 4 V2_2, 5 V2_3, 6 V2_4, 7 V2_5, 9 V3_2;
    HEARTBEAT: 0 V0_10_0, 1 V0_11_0, 2 V2_0, 3 V2_3, 4 V2_4;
    LEAVE_GROUP: 0 V0_10_0, 1 V0_11_0, 2 V2_0, 4 V2_4, 5 V3_2;
    SYNC_GROUP: 0 V0_10_0, 1 V0_11_0, 2 V2_0, 3 V2_3, 4 V2_4, 5 V2_5;
    DESCRIBE_GROUPS: 0 V0_10_0, 1 V0_11_0, 2 V2_0, 3 V2_3, 5 V2_4, 6 V4_0;
    LIST_GROUPS: 0 V0_10_0, 1 V0_11_0, 2 V2_0, 3 V2_4, 4 V2_6, 5 V3_8;
    SASL_HANDSHAKE: 0 V0_10_0, 1 V1_0;
    API_VERSIONS: 0 V0_10_0, 1 V0_11_0, 2 V2_0, 3 V2_4, 4 V3_9, 5 V4_4;
    CREATE_TOPICS from 2 since V4_0: 0 V0_10_1, 1 V0_10_2, 2 V0_11_0, 3 V2_0, 5 V2_4, 6 V2_7,
        7 V2_8;
    DELETE_TOPICS from 1 since V4_0: 0 V0_10_1, 1 V0_11_0, 2 V2_0, 3 V2_1, 4 V2_4, 5 V2_7, 6 V2_8;
    DELETE_RECORDS: 0 V0_11_0, 1 V2_0, 2 V2_6;
    INIT_PRODUCER_ID: 0 V0_11_0, 1 V2_0, 2 V2_4, 3 V2_5, 4 V2_7, 5 V3_8;
    OFFSET_FOR_LEADER_EPOCH from 2 since V4_0: 0 V0_11_0, 1 V2_0, 2 V2_1, 3 V2_3, 4 V2_8;
    ADD_PARTITIONS_TO_TXN: 0 V0_11_0, 1 V2_0, 2 V2_7, 3 V2_8, 4 V3_5, 5 V3_8;
    ADD_OFFSETS_TO_TXN: 0 V0_11_0, 1 V2_0, 2 V2_7, 3 V2_8, 4 V3_8;
    END_TXN: 0 V0_11_0, 1 V2_0, 2 V2_7, 3 V2_8, 4 V3_8, 5 V4_0;
    WRITE_TXN_MARKERS from 1 since V4_0: 0 V0_11_0, 1 V2_8, 2 V4_2;
    TXN_OFFSET_COMMIT: 0 V0_11_0, 1 V2_0, 2 V2_1, 3 V2_5, 4 V3_8, 5 V4_0, 6 V4_4;
    DESCRIBE_ACLS from 1 since V4_0: 0 V0_11_0, 1 V2_0, 2 V2_5, 3 V3_3;
    CREATE_ACLS from 1 since V4_0: 0 V0_11_0, 1 V2_0, 2 V2_5, 3 V3_3;
    DELETE_ACLS from 1 since V4_0: 0 V0_11_0, 1 V2_0, 2 V2_5, 3 V3_3;
    DESCRIBE_CONFIGS from 1 since V4_0: 0 V0_11_0, 1 V1_1, 2 V2_0, 3 V2_6, 4 V2_8;
    ALTER_CONFIGS: 0 V0_11_0, 1 V2_0, 2 V2_8;
    ALTER_REPLICA_LOG_DIRS from 1 since V4_0: 0 V1_0, 1 V2_0, 2 V2_8;
    DESCRIBE_LOG_DIRS from 1 since V4_0: 0 V1_0, 1 V2_0, 2 V2_6, 3 V3_2, 4 V3_3, 5 V4_3;
    SASL_AUTHENTICATE: 0 V1_0, 1 V2_2, 2 V2_5;
    CREATE_PARTITIONS: 0 V1_0, 1 V2_0, 2 V2_5, 3 V2_7;
    CREATE_DELEGATION_TOKEN from 1 since V4_0: 0 V1_1, 1 V2_0, 2 V2_4, 3 V3_3;
    RENEW_DELEGATION_TOKEN from 1 since V4_0: 0 V1_1, 1 V2_0, 2 V2_5;
    EXPIRE_DELEGATION_TOKEN from 1 since V4_0: 0 V1_1, 1 V2_0, 2 V2_5;
    DESCRIBE_DELEGATION_TOKEN from 1 since V4_0: 0 V1_1, 1 V2_0, 2 V2_5, 3 V3_3;
    DELETE_GROUPS: 0 V1_1, 1 V2_0, 2 V2_4, 3 V4_4;
    ELECT_LEADERS: 0 V2_2, 2 V2_4;
    INCREMENTAL_ALTER_CONFIGS: 0 V2_3, 1 V2_4;
    ALTER_PARTITION_REASSIGNMENTS: 0 V2_4, 1 V4_1;
    LIST_PARTITION_REASSIGNMENTS: 0 V2_4;
    OFFSET_DELETE: 0 V2_4;
    DESCRIBE_CLIENT_QUOTAS: 0 V2_6, 1 V2_8;
    ALTER_CLIENT_QUOTAS: 0 V2_6, 1 V2_8;
    DESCRIBE_USER_SCRAM_CREDENTIALS: 0 V2_7;
    ALTER_USER_SCRAM_CREDENTIALS: 0 V2_7;
    DESCRIBE_QUORUM: 0 V2_7, 1 V3_3, 2 V3_9;
    UPDATE_FEATURES: 0 V2_7, 1 V3_3, 2 V4_0;
    DESCRIBE_CLUSTER: 0 V2_8, 1 V3_7, 2 V4_0;
    DESCRIBE_PRODUCERS: 0 V2_8;
    UNREGISTER_BROKER: 0 V2_8;
    DESCRIBE_TRANSACTIONS: 0 V3_0;
    LIST_TRANSACTIONS: 0 V3_0, 1 V3_8, 2 V4_1;
    CONSUMER_GROUP_HEARTBEAT: 0 V3_7, 1 V4_0;
    CONSUMER_GROUP_DESCRIBE: 0 V3_8, 1 V4_0;
    LIST_CONFIG_RESOURCES: 0 V3_7, 1 V4_1;
    DESCRIBE_TOPIC_PARTITIONS: 0 V3_8;
    SHARE_GROUP_HEARTBEAT from 1 since V4_1: 1 V4_1;
    SHARE_GROUP_DESCRIBE from 1 since V4_1: 1 V4_1;
    SHARE_FETCH from 1 since V4_1: 1 V4_1, 2 V4_2;
    SHARE_ACKNOWLEDGE from 1 since V4_1: 1 V4_1, 2 V4_2;
    ADD_RAFT_VOTER: 0 V3_9, 1 V4_2;
    REMOVE_RAFT_VOTER: 0 V3_9;
    INITIALIZE_SHARE_GROUP_STATE: 0 V4_1;
    READ_SHARE_GROUP_STATE: 0 V4_1;
    WRITE_SHARE_GROUP_STATE: 0 V4_1, 1 V4_2;
    DELETE_SHARE_GROUP_STATE: 0 V4_1;
    READ_SHARE_GROUP_STATE_SUMMARY: 0 V4_1, 1 V4_2;
    STREAMS_GROUP_HEARTBEAT: 0 V4_2, 1 V4_4;
    STREAMS_GROUP_DESCRIBE: 0 V4_2, 1 V4_4;
    DESCRIBE_SHARE_GROUP_OFFSETS: 0 V4_1, 1 V4_2;
    ALTER_SHARE_GROUP_OFFSETS: 0 V4_1;
    DELETE_SHARE_GROUP_OFFSETS: 0 V4_1;
    STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE: 0 V4_4;
    UNREGISTER_CONTROLLER: 0 V4_4;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_is_read_as_it_is_written() {
        for &release in Release::ALL {
            assert_eq!(release.to_string().parse(), Ok(release));
            assert_eq!(format!("{release}.1").parse(), Ok(release));
        }
        assert!(Release::ALL.is_sorted());
    }

    #[test]
    fn text_that_names_no_release_is_refused() {
        for text in ["", "4", "4.", "4.4.", "0.10", "0.9.0", "4.5", "4.4.0.0", "0.10.0.1.2", "x.y"]
        {
            assert_eq!(text.parse::<Release>(), Err(ReleaseError), "{text:?}");
        }
    }

    #[test]
    fn an_old_broker_is_taken_at_its_word() {
        let range = |release, key| advertised(release, key);
        assert_eq!(range(Release::V0_10_0, ApiKey::PRODUCE), Some(0..=2));
        assert_eq!(range(Release::V0_10_0, ApiKey::LIST_OFFSETS), Some(0..=0));
        assert_eq!(range(Release::V0_10_0, ApiKey::CREATE_TOPICS), None);
        assert_eq!(range(Release::V0_10_1, ApiKey::CREATE_TOPICS), Some(0..=0));
        assert_eq!(range(Release::V2_8, ApiKey::FETCH), Some(0..=12));
        assert_eq!(range(Release::V3_9, ApiKey::LEADER_AND_ISR), Some(0..=7));
        assert_eq!(range(Release::V4_0, ApiKey::LEADER_AND_ISR), None);
        assert_eq!(range(Release::V4_4, ApiKey::FETCH), Some(4..=18));
    }

    #[test]
    fn unstable_versions_are_not_advertised() {
        assert_eq!(advertised(Release::V4_4, ApiKey::INIT_PRODUCER_ID), Some(0..=5));
        assert_eq!(advertised(Release::V4_0, ApiKey::SHARE_FETCH), None);
    }

    #[test]
    fn a_new_broker_advertises_old_produce_versions_and_refuses_them() {
        assert_eq!(advertised(Release::V4_4, ApiKey::PRODUCE), Some(0..=13));
        assert!(!accepts(Release::V4_4, ApiKey::PRODUCE, 2));
        assert!(accepts(Release::V4_4, ApiKey::PRODUCE, 3));
        assert!(accepts(Release::V3_9, ApiKey::PRODUCE, 2));
        assert!(!accepts(Release::V4_4, ApiKey::FETCH, 3));
    }

    #[test]
    fn ranges_rise_with_the_releases() {
        assert!(ROWS.is_sorted_by_key(|row| row.key));
        for row in ROWS {
            assert!(row.highest.is_sorted(), "{}", row.key);
            assert!(row.highest.is_sorted_by_key(|(_, since)| since), "{}", row.key);
        }
    }
}
