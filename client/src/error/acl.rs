//! What an ACL must allow, by what was asked for and what was refused.

use std::fmt;

use kurier_protocol::{ApiKey, ErrorCode};

use super::fault::About;

/// An ACL that misses.
pub(super) struct MissingAcl<'a> {
    pub(super) api: ApiKey,
    pub(super) code: ErrorCode,
    pub(super) about: &'a About,
    /// The principal, if the client knows what the broker takes it for.
    pub(super) principal: Option<&'a str>,
}

impl MissingAcl<'_> {
    /// Whether a broker says by this code that an ACL misses.
    pub(super) fn is_meant_by(code: ErrorCode) -> bool {
        resource(code).is_some()
    }
}

impl fmt::Display for MissingAcl<'_> {
    /// In the words of Kafka's own tool, so that its command can be copied.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(resource) = resource(self.code) else { return Ok(()) };
        let operation = operation(self.api, self.code);
        let name = match (resource, self.about) {
            (Resource::Topic, About::Topic(name) | About::Partition(name, _))
            | (Resource::Group, About::Group(name))
            | (Resource::TransactionalId, About::TransactionalId(name)) => &**name,
            _ => "..",
        };
        let principal = self.principal.unwrap_or("User:..");
        match self.principal {
            Some(principal) => write!(f, "no ACL allows {principal} to {operation} {resource}")?,
            None => write!(f, "no ACL allows this user to {operation} {resource}")?,
        }
        if self.api == ApiKey::METADATA && resource == Resource::Topic {
            f.write_str(", or to Create it where it does not exist")?;
        }
        write!(
            f,
            ": kafka-acls.sh --add --allow-principal {principal} --operation {operation} {}",
            resource.option()
        )?;
        match resource {
            Resource::Cluster => Ok(()),
            _ => write!(f, " {name}"),
        }
    }
}

/// What an ACL is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resource {
    Topic,
    Group,
    Cluster,
    TransactionalId,
}

impl Resource {
    /// The option of Kafka's tool.
    fn option(self) -> &'static str {
        match self {
            Self::Topic => "--topic",
            Self::Group => "--group",
            Self::Cluster => "--cluster",
            Self::TransactionalId => "--transactional-id",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Topic => "the topic",
            Self::Group => "the group",
            Self::Cluster => "the cluster",
            Self::TransactionalId => "the transactional id",
        })
    }
}

fn resource(code: ErrorCode) -> Option<Resource> {
    Some(match code {
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => Resource::Topic,
        ErrorCode::GROUP_AUTHORIZATION_FAILED => Resource::Group,
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED => Resource::Cluster,
        ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => Resource::TransactionalId,
        _ => return None,
    })
}

/// The operation that brokers of 4.4 ask their authorizer for.
fn operation(api: ApiKey, code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => on_topic(api),
        ErrorCode::GROUP_AUTHORIZATION_FAILED => on_group(api),
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED => on_cluster(api),
        _ => match api {
            ApiKey::FIND_COORDINATOR
            | ApiKey::DESCRIBE_TRANSACTIONS
            | ApiKey::LIST_TRANSACTIONS => "Describe",
            _ => "Write",
        },
    }
}

fn on_topic(api: ApiKey) -> &'static str {
    match api {
        ApiKey::PRODUCE | ApiKey::ADD_PARTITIONS_TO_TXN => "Write",
        ApiKey::FETCH
        | ApiKey::OFFSET_COMMIT
        | ApiKey::TXN_OFFSET_COMMIT
        | ApiKey::OFFSET_DELETE
        | ApiKey::DESCRIBE_PRODUCERS
        | ApiKey::SHARE_FETCH
        | ApiKey::SHARE_ACKNOWLEDGE
        | ApiKey::ALTER_SHARE_GROUP_OFFSETS
        | ApiKey::DELETE_SHARE_GROUP_OFFSETS => "Read",
        ApiKey::CREATE_TOPICS => "Create",
        ApiKey::DELETE_TOPICS | ApiKey::DELETE_RECORDS => "Delete",
        ApiKey::CREATE_PARTITIONS => "Alter",
        ApiKey::DESCRIBE_CONFIGS => "DescribeConfigs",
        ApiKey::ALTER_CONFIGS | ApiKey::INCREMENTAL_ALTER_CONFIGS => "AlterConfigs",
        _ => "Describe",
    }
}

fn on_group(api: ApiKey) -> &'static str {
    match api {
        ApiKey::FIND_COORDINATOR
        | ApiKey::OFFSET_FETCH
        | ApiKey::DESCRIBE_GROUPS
        | ApiKey::LIST_GROUPS
        | ApiKey::CONSUMER_GROUP_DESCRIBE
        | ApiKey::SHARE_GROUP_DESCRIBE
        | ApiKey::STREAMS_GROUP_DESCRIBE
        | ApiKey::DESCRIBE_SHARE_GROUP_OFFSETS => "Describe",
        ApiKey::DELETE_GROUPS | ApiKey::OFFSET_DELETE | ApiKey::DELETE_SHARE_GROUP_OFFSETS => {
            "Delete"
        }
        ApiKey::DESCRIBE_CONFIGS => "DescribeConfigs",
        ApiKey::ALTER_CONFIGS | ApiKey::INCREMENTAL_ALTER_CONFIGS => "AlterConfigs",
        _ => "Read",
    }
}

fn on_cluster(api: ApiKey) -> &'static str {
    match api {
        ApiKey::PRODUCE | ApiKey::INIT_PRODUCER_ID => "IdempotentWrite",
        ApiKey::CREATE_TOPICS | ApiKey::METADATA => "Create",
        ApiKey::DELETE_TOPICS => "Delete",
        ApiKey::DESCRIBE_ACLS
        | ApiKey::DESCRIBE_LOG_DIRS
        | ApiKey::DESCRIBE_CLUSTER
        | ApiKey::DESCRIBE_QUORUM
        | ApiKey::DESCRIBE_USER_SCRAM_CREDENTIALS
        | ApiKey::LIST_GROUPS
        | ApiKey::LIST_PARTITION_REASSIGNMENTS => "Describe",
        ApiKey::DESCRIBE_CONFIGS
        | ApiKey::DESCRIBE_CLIENT_QUOTAS
        | ApiKey::LIST_CONFIG_RESOURCES => "DescribeConfigs",
        ApiKey::ALTER_CONFIGS | ApiKey::INCREMENTAL_ALTER_CONFIGS | ApiKey::ALTER_CLIENT_QUOTAS => {
            "AlterConfigs"
        }
        ApiKey::CREATE_ACLS
        | ApiKey::DELETE_ACLS
        | ApiKey::ALTER_REPLICA_LOG_DIRS
        | ApiKey::ALTER_PARTITION_REASSIGNMENTS
        | ApiKey::ALTER_USER_SCRAM_CREDENTIALS
        | ApiKey::ELECT_LEADERS
        | ApiKey::UPDATE_FEATURES
        | ApiKey::UNREGISTER_BROKER
        | ApiKey::UNREGISTER_CONTROLLER
        | ApiKey::ADD_RAFT_VOTER
        | ApiKey::REMOVE_RAFT_VOTER => "Alter",
        _ => "ClusterAction",
    }
}
