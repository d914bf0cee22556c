//! Which requests are questions, and what is said of others that may have been executed.

use std::fmt;

use kurier_protocol::ApiKey;

/// Whether a request can be sent twice without harm.
pub(crate) fn changes_nothing(api: ApiKey) -> bool {
    QUESTIONS.contains(&api)
}

/// Requests that only ask, or whose second answer is as good as the first. All others change
/// something, or are said once at a place of their own, such as logins.
const QUESTIONS: &[ApiKey] = &[
    ApiKey::FETCH,
    ApiKey::LIST_OFFSETS,
    ApiKey::METADATA,
    ApiKey::OFFSET_FETCH,
    ApiKey::FIND_COORDINATOR,
    ApiKey::DESCRIBE_GROUPS,
    ApiKey::LIST_GROUPS,
    ApiKey::API_VERSIONS,
    ApiKey::OFFSET_FOR_LEADER_EPOCH,
    ApiKey::DESCRIBE_ACLS,
    ApiKey::DESCRIBE_CONFIGS,
    ApiKey::DESCRIBE_LOG_DIRS,
    ApiKey::DESCRIBE_DELEGATION_TOKEN,
    ApiKey::LIST_PARTITION_REASSIGNMENTS,
    ApiKey::DESCRIBE_CLIENT_QUOTAS,
    ApiKey::DESCRIBE_USER_SCRAM_CREDENTIALS,
    ApiKey::DESCRIBE_QUORUM,
    ApiKey::FETCH_SNAPSHOT,
    ApiKey::DESCRIBE_CLUSTER,
    ApiKey::DESCRIBE_PRODUCERS,
    ApiKey::DESCRIBE_TRANSACTIONS,
    ApiKey::LIST_TRANSACTIONS,
    ApiKey::CONSUMER_GROUP_DESCRIBE,
    ApiKey::LIST_CONFIG_RESOURCES,
    ApiKey::DESCRIBE_TOPIC_PARTITIONS,
    ApiKey::SHARE_GROUP_DESCRIBE,
    ApiKey::READ_SHARE_GROUP_STATE_SUMMARY,
    ApiKey::STREAMS_GROUP_DESCRIBE,
    ApiKey::DESCRIBE_SHARE_GROUP_OFFSETS,
];

/// Whether it may have been done nevertheless.
pub(super) struct Fate(pub(super) Option<bool>);

impl Fate {
    /// That of a request: that a question may have been asked is not worth a word.
    pub(super) fn of(self, api: Option<ApiKey>) -> Self {
        match self {
            Self(Some(true)) if api.is_some_and(changes_nothing) => Self(None),
            other => other,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(true) => ", and it may have been executed",
            Some(false) => ", and it was not executed",
            None => "",
        })
    }
}
